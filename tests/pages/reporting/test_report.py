"""The report: one page that needs no other file, with what the runs determine and why the rest is undetermined."""

import re
import time

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib import pyplot

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.pages.reporting.page import futures_figure, report_html
from scaling_lib.pages.reporting.report import _windows, default_law, report

TRUTH = {"E": 1.7, "A": 400.0, "B": 400.0, "alpha": 0.33, "beta": 0.3}
SECTIONS = ["table", "fit", "rivals", "windows", "futures", "plan", "cite"]


def planted(sizes, tokens, noise=0.004):
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e10, sizes), np.geomspace(1e9, 1e11, tokens)))
    scatter = np.exp(noise * np.random.default_rng(0).standard_normal(len(N)))
    return pd.DataFrame({"N": N, "D": D, "loss": Chinchilla().loss(TRUTH, N=N, D=D) * scatter})


@pytest.fixture(scope="module")
def made():
    return report(planted(6, 6), source="a <b>.csv", resamples=50, cuts=3)


def test_a_page_is_whole_and_asks_for_nothing(made):
    html = report_html(made)
    assert html == report_html(made)
    soup = BeautifulSoup(html, "html.parser")
    assert [section["id"] for section in soup.find_all("section")] == SECTIONS
    assert {link["href"] for link in soup.find_all("a")} == {f"#{name}" for name in SECTIONS}
    assert not re.search(r'(?:src|href)="(?!#|data:)', html)
    assert "<script" not in html
    assert soup.find("meta", attrs={"name": "viewport"})
    assert all(len(image["alt"].split()) >= 8 for image in soup.find_all("img"))
    assert len(soup.find_all("img")) == 2
    assert soup.h1.text == "Scaling report: a <b>.csv"
    text = soup.get_text(" ")
    assert "all of them determined" in text
    for law in ("Chinchilla, alpha = beta", "Kaplan"):
        assert law in text
    assert "compute over the cheapest of this loss" in text
    assert "scaling-lab" in soup.find(id="cite").text


def test_numbers_of_the_page_are_those_of_the_report(made):
    values = dict(zip(made.parameters["parameter"], made.parameters["value"], strict=True))
    assert float(values["alpha"]) == pytest.approx(made.fitted.params["alpha"], rel=1e-3)
    spans = made.spans.set_index("column")
    assert spans.loc["N", "to"] == "1e+10"
    assert float(spans.loc["loss", "from"]) > 1.7
    assert made.other_plans["compute over the cheapest of this loss"].min() == pytest.approx(1, abs=1e-6)
    assert made.windows["window"].iloc[0] == "all runs"
    assert "law" not in set(made.plan["quantity"])


def bracketed(windows):
    """By how many standard errors of the difference the parts of the runs lie from all of them."""
    cells = windows.iloc[1:].drop(columns=["window", "runs"]).to_numpy().ravel()
    return np.array([float(found.group(1)) for found in (re.search(r"\((.*)\)", cell) for cell in cells) if found])


def test_windows_of_a_law_that_holds_do_not_count_as_moved():
    """The distances are in standard errors: of a law that is planted few are beyond 2, hardly any beyond 3."""
    distances = []
    for seed in range(7):
        runs = planted(6, 5)
        runs["loss"] *= np.exp(0.004 * np.random.default_rng(seed + 1).standard_normal(len(runs)))
        distances.append(np.abs(bracketed(_windows(Chinchilla(), runs, "log-ols"))))
    together = np.concatenate(distances)
    assert len(together) > 60
    assert np.median(together) > 0.3
    assert (together > 3).mean() < 0.05


def test_a_window_of_another_law_is_told():
    """The largest runs bend up by five per cent: the exponents of the smaller ones differ beyond noise."""
    runs = planted(6, 5, noise=0.001)
    place = np.log(runs["N"] * runs["D"])
    runs["loss"] *= np.where(place > place.quantile(0.67), 1.05, 1.0)
    assert np.abs(bracketed(_windows(Chinchilla(), runs, "log-ols"))).max() > 3


def test_a_ladder_gets_no_numbers_and_no_plan():
    N = np.geomspace(1e8, 1e10, 12)
    ladder = pd.DataFrame({"N": N, "D": 20 * N, "loss": 1.7 + 90 * N**-0.25 * (1 + 0.01 * np.sin(np.arange(12)))})
    page = BeautifulSoup(report_html(report(ladder, resamples=20, cuts=2)), "html.parser")
    assert "only their sum is determined" in page.find(id="table").text
    assert "undetermined" in page.find(id="fit").text
    assert "No plan." in page.find(id="plan").text
    assert "No forecast has an interval" in page.find(id="futures").text


def test_tables_of_one_variable_have_a_report():
    D = np.geomspace(1e6, 1e9, 12)
    runs = pd.DataFrame({"N": 1e8, "D": D, "loss": (2 + 50 * D**-0.3) * (1 + 0.002 * np.sin(np.arange(12)))})
    assert default_law(runs) == PowerLaw(variable="D")
    made = report(runs, resamples=20, cuts=2)
    page = BeautifulSoup(report_html(made), "html.parser")
    assert "stretched exponential" in page.find(id="rivals").text
    assert "has one variable" in page.find(id="plan").text
    assert default_law(pd.DataFrame({"C": D, "loss": D})) == PowerLaw(variable="C")


def test_few_runs_say_what_is_missing_part_by_part():
    few = planted(3, 2)
    page = BeautifulSoup(report_html(report(few, resamples=20)), "html.parser")
    assert "add runs" in page.find(id="futures").text
    with pytest.raises(InvalidArgument, match="at least 5 points"):
        report(few.iloc[:4])


def test_futures_are_drawn(made):
    figure = futures_figure(made.futures)
    axes = figure.axes[0]
    assert sum(len(line.get_xdata()) for line in axes.lines[:-1]) == len(made.futures)
    pyplot.close(figure)


@pytest.mark.slow  # measures the machine too: CPU seconds, by the bar of benchmarks/tables.py
def test_a_report_of_240_points_is_made_in_seconds():
    runs = planted(15, 16)
    report(planted(5, 5), resamples=20)  # what is imported and compiled once
    began = time.process_time()
    report_html(report(runs))
    assert time.process_time() - began <= 5
