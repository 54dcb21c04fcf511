"""Exercises of chapter 1: graphs, walks and entropy; in the order of the chapter."""

from coursework.chapter1.counting import FOURTH_MOMENT, TOKENS
from coursework.chapter1.degrees import MEMORY, RANKS, WEIGHTS
from coursework.chapter1.entropies import COUNTS, DIRECTED, KNOWN, MEAN_DEGREE, WEIGHTED

__all__ = ["EXERCISES"]

EXERCISES = (
    KNOWN,
    MEAN_DEGREE,
    RANKS,
    WEIGHTS,
    MEMORY,
    TOKENS,
    FOURTH_MOMENT,
    WEIGHTED,
    COUNTS,
    DIRECTED,
)
