"""Numbers with a sign, rates without idle zeros, changes with their verdict, tables of rules as text."""

from dataclasses import replace

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.pages.drawing.written import (
    interval,
    short,
    show_verdicts,
    signed,
    typeset,
    verdicts_table,
    written_change,
    written_rules,
    written_value,
)
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import Measured, Undecided
from tests.pages.planted import CLAIM


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (0.25, "0.25"),
        (2**-6, "0.0156"),
        (100.0, "100"),
        (1200, "1,200"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (5e-9, "5 × 10⁻⁹"),
        (np.float64(1), "1"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_no_zeros_at_the_end(value, text):
    assert short(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.366, "+0.37"), (-1.463, "-1.46"), (-1e-9, "+0.00"), (0.0, "+0.00")])
def test_signs(value, text):
    assert signed(value) == text


def test_an_interval_stands_in_brackets():
    assert interval(Measured(0.7196, 0.517, 0.9222)) == "0.72 (0.52 to 0.92)"


def test_a_change_is_written_with_its_verdict():
    row = Row(CLAIM, Measured(1.094, 0.331, 1.529), "differs", False)
    assert written_change(row) == "+1.09 (+0.33 to +1.53; *differs*)"
    assert written_value(replace(row, exploratory=True)) == "1.09 (0.33 to 1.53; *differs*, exploratory)"


def test_a_change_that_is_undetermined_prints_no_number_but_its_reason():
    row = Row(CLAIM, Undecided("the seeds disagree"), "undetermined", False)
    assert written_change(row) == "*undetermined* (the seeds disagree)"


def test_a_change_that_was_not_measured_is_refused():
    with pytest.raises(InvalidArgument, match="row must be a row that was measured"):
        written_change(Row(CLAIM, None, "not run", False))


def test_the_rules_of_mup_at_width_64_as_text():
    text = written_rules(Architecture(200, 64), Parametrization("mup"))
    assert text.loc["embedding"].tolist() == ["0.125  (n^-0.5)", "0.125  (n^-0.5)", "8  (n^+0.5)"]
    assert text.loc["mlp up"].tolist() == ["0.125  (n^-0.5)", "0.0156  (n^-1)", "1"]
    assert text.loc["final norm"].tolist() == ["–", "1", "1"]
    assert text.loc["attention logits"].tolist() == ["–", "–", "0.0625  (n^-1)"]


@pytest.mark.parametrize(
    ("words", "html"),
    [
        ("Erdos-Renyi, kappa 0: mean (alpha_D-bar)", "Erdős–Rényi, κ 0: mean (α\u0304<sub>D</sub>)"),
        ("N_opt ~ C^a", "N<sub>opt</sub> ∝ C<sup>a</sup>"),
        ("E + A N^-alpha, 1/D^2, 10^12.95", "E + A N<sup>−α</sup>, 1/D<sup>2</sup>, 10<sup>12.95</sup>"),
        ("+- is <b> of alphabet, muP", "± is &lt;b&gt; of alphabet, muP"),
    ],
)
def test_words_of_the_ledger_are_typeset(words, html):
    assert typeset(words) == html


def test_a_row_of_the_ledger_is_a_line_of_four_cells():
    row = Row(CLAIM, Measured(0.75, 0.7, 0.8), "differs", True)
    table = verdicts_table([row])
    assert table.count("<tr>") == 2
    assert table.count("<td>") == 4
    assert f"<code>{CLAIM.id}</code>" in table
    assert "0.750<small>0.700 to 0.800</small>" in table
    assert '<span class="verdict">differs</span><small>exploratory</small>' in table


def test_an_undetermined_row_has_its_reason_and_no_number():
    undecided = Undecided("the slope in D^-alpha <is> rejected")
    table = verdicts_table([Row(CLAIM, undecided, "undetermined", False), Row(CLAIM, None, "not run", False)])
    assert table.count("<td>–</td>") == 2
    assert '<small class="reason">the slope in D<sup>−α</sup> &lt;is&gt; rejected</small>' in table
    assert '<span class="verdict">not run</span></td>' in table


def test_it_is_displayed_as_html(monkeypatch):
    displayed = []
    monkeypatch.setattr("IPython.display.display", displayed.append)
    rows = [Row(CLAIM, Measured(0.75, 0.7, 0.8), "differs", False)]
    show_verdicts(rows)
    assert [shown.data for shown in displayed] == [verdicts_table(rows)]
