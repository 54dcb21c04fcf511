"""Answers and mistakes of the book's exercises, a module a chapter. They are not part of the package and do not ship.

A new exercise: write it here, tag its cells in the chapter (CONTRIBUTING.md), run `make practice`.
"""

from coursework import chapter1, chapter2, chapter3, chapter4, chapter5, chapter6, chapter7
from scaling_lib.coursework.exercises import Exercise

__all__ = ["EXERCISES"]

EXERCISES: dict[str, Exercise] = {
    exercise.key: exercise
    for chapter in (chapter1, chapter2, chapter3, chapter4, chapter5, chapter6, chapter7)
    for exercise in chapter.EXERCISES
}
