"""The comparison of two executions catches what it must and passes what a processor may change."""

import copy
import random
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import (
    CSV,
    NUMBER,
    data_differences,
    notebook_differences,
    numbers_agree,
    text_differences,
    value_of,
)
from tools import chapters


@pytest.mark.parametrize(
    ("one", "other"),
    [("0.1163", "0.1162"), ("9.575", "9.576"), ("0.100", "0.0999"), ("1.23e-08", "1.24e-08"), ("12", "12")],
)
def test_one_unit_of_the_last_digit_agrees(one, other):
    assert numbers_agree(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("9.575", "9.596"),
        ("12", "13"),
        ("1,234", "1,235"),
        ("0.3", "0.4"),
        ("0.35", "0.36"),
        ("1e-16", "4e-16"),
        ("0.001", "-0.001"),
    ],
)
def test_more_than_that_does_not(one, other):
    assert not numbers_agree(one, other)


@pytest.mark.parametrize("fresh", ["beta is 0.350, false", "beta is 0.350 true", "alpha is 0.350, true", "0.350"])
def test_words_are_exact(fresh):
    assert text_differences("beta is 0.350, true", "beta is  0.351,\n true") == []
    assert text_differences("beta is 0.350, true", fresh)


@given(st.floats(0.1, 1e6), st.floats(2e-5, 0.5))
def test_data_is_compared_to_five_digits(value, error):
    table = pd.DataFrame({"x": [value, 2 * value], "n": [1, 2], "name": ["a", None]})
    assert data_differences(table, table * 1) == []
    assert data_differences(table, table.assign(x=table["x"] * (1 + 1e-7))) == []
    assert data_differences(table, table.assign(x=table["x"] * (1 + error)))
    assert data_differences(table, table.assign(n=[1, 3]))
    assert data_differences(table, table.assign(name=["b", None]))


def changed(text: str, generator: random.Random) -> str | None:
    """The text with one of its numbers off by a tenth; None where there is none to change."""
    places = [number for number in NUMBER.finditer(CSV.sub("", text)) if value_of(number[0]) != 0]
    if CSV.search(text) or not places:
        return None
    place = generator.choice(places)
    value = value_of(place[0])
    wrong = f"{value * 1.1:.12g}" if "." in place[0] or "e" in place[0] else f"{int(value) + 1}"
    return text[: place.start()] + wrong + text[place.end() :]


@pytest.mark.parametrize("source", chapters.sources(), ids=lambda path: path.stem)
def test_a_planted_error_in_a_committed_notebook_is_caught(source):
    committed = nbformat.read(chapters.NOTEBOOKS / source.with_suffix(".ipynb").name, as_version=4)
    assert notebook_differences(committed, committed) == []
    generator, planted = random.Random(0), 0
    for cell in committed.cells:
        if cell.cell_type != "code" or "nbval-ignore-output" in cell.metadata.get("tags", []):
            continue
        for position, output in enumerate(cell.outputs):
            for kind, text in output.get("data", {}).items():
                wrong = None if kind.startswith("image/") else changed(text, generator)
                if wrong is not None:
                    other = copy.deepcopy(cell)
                    other.outputs[position]["data"][kind] = wrong
                    pair = (SimpleNamespace(cells=[each]) for each in (cell, other))
                    assert notebook_differences(*pair), f"{cell.id}: {text!r} against {wrong!r}"
                    planted += 1
    assert planted > 3
