"""The first screen of each chapter: objectives, prerequisites, hours, from data; stars and minutes of exercises."""

import re

import pytest

import coursework
from coursework.chapters import CHAPTERS, hours
from tools import chapters, practice

SOURCES = chapters.sources()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_chapters_first_screen_is_what_the_data_says(source):
    assert source.stem in CHAPTERS, "describe the chapter in coursework/chapters.py"
    first = source.read_text(encoding="utf-8").split("\n# %%")[0]
    for words in ("*After it you can*", "*You need*", "*Time:*"):
        assert first.count(words) == 1
    assert practice.with_first_screen(source) == source.read_text(encoding="utf-8"), "make practice"


def test_the_students_page_has_the_same_hours():
    assert practice.students_page() == practice.STUDENTS.read_text(encoding="utf-8"), "make practice"


@pytest.mark.parametrize(
    ("minutes", "words"), [(20, "15 minutes"), (60, "1 hour"), (75, "1¼ hours"), (163, "2¾ hours"), (120, "2 hours")]
)
def test_hours_in_words(minutes, words):
    assert hours(minutes) == words


def test_stars_and_minutes_above_an_exercise_are_those_of_its_data():
    stated = {}
    for source in SOURCES:
        for cell in source.read_text(encoding="utf-8").split("\n# %%"):
            if key := re.match(r' \[markdown\] tags=\["exercise", "key:([\w-]+)"', cell):
                told = re.search(r"^# \*(★+) · (\d+) minutes", cell, re.M)
                assert told, f"{key[1]} says neither stars nor minutes"
                stated[key[1]] = (len(told[1]), int(told[2]))
    wanted = {key: (exercise.stars, exercise.minutes) for key, exercise in coursework.EXERCISES.items()}
    assert {key: stated[key] for key in wanted} == wanted


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_minutes_of_parts_add_up_to_those_of_the_chapter(source):
    first_cell = source.read_text(encoding="utf-8").split("\n# %%")[0]
    minutes = [int(part) for part in re.findall(r"^# - \*\*Part \d, .*\((\d+) minutes\)", first_cell, re.M)]
    assert sum(minutes) in (0, CHAPTERS[source.stem].reading)
    assert (len(minutes) == 3) is (source.stem == "02-transformers-sp-mup")
