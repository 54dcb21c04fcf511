"""Exercises of the book: what one is, a check that tells the likely mistake, and forecasts."""

from scaling_lib.coursework.checks import check
from scaling_lib.coursework.forecasts import forecast, reveal

__all__ = ["check", "forecast", "reveal"]
