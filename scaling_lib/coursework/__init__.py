"""Exercises of the book: what one is, and a check that tells a reader the likely mistake."""

from scaling_lib.coursework.checks import check

__all__ = ["check"]
