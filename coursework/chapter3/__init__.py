"""Exercises of chapter 3: power laws and bias; in the order of the chapter."""

from coursework.chapter3.futures import FUTURES
from coursework.chapter3.luck import LUCK
from coursework.chapter3.power_laws import BIAS, EXPONENT, HELD_OUT, RUNS, TYPICAL, UNITS

__all__ = ["EXERCISES"]

EXERCISES = (UNITS, LUCK, BIAS, EXPONENT, TYPICAL, RUNS, HELD_OUT, FUTURES)
