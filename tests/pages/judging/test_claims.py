"""The rule, and a ledger whose rules can fail."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing.plots import plot_claims
from scaling_lib.pages.drawing.prose import texts
from scaling_lib.pages.drawing.written import written_change
from scaling_lib.pages.judging import claims, ledger
from scaling_lib.pages.judging.claims import judge
from scaling_lib.pages.judging.exact_quantities import KNOWN
from scaling_lib.pages.judging.ledger import Claim
from scaling_lib.pages.judging.measured import Measured, Undecided
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.runs.keeping.tables import recorded_or_none
from tests.pages.planted import CLAIM, power_law_runs
from tests.records import fields_of


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 1.05, "reproduced"),
        (0.94, 1.07, "reproduced"),
        (0.91, 1.09, "undetermined"),
        (0.89, 1.02, "inconclusive"),
        (1.05, 1.18, "inconclusive"),
        (0.85, 1.05, "undetermined"),
        (0.5, 1.5, "undetermined"),
        (1.11, 1.24, "differs"),
        (0.76, 0.89, "differs"),
        (1.11, 1.3, "undetermined"),
        (0.2, 0.89, "undetermined"),
    ],
)
def test_rule(low, high, verdict):
    assert judge(CLAIM, Measured((low + high) / 2, low, high)) == verdict


@pytest.mark.parametrize(
    ("sense", "low", "high", "verdict"),
    [
        ("at least", 3.0, 3.1, "reproduced"),
        ("at least", 3.0, 9.0, "undetermined"),
        ("at least", 0.91, 0.95, "reproduced"),
        ("at least", 0.7, 0.8, "differs"),
        ("at least", 0.85, 0.95, "inconclusive"),
        ("at most", -3.1, -3.0, "reproduced"),
        ("at most", 1.2, 1.25, "differs"),
        ("at most", 1.05, 1.15, "inconclusive"),
    ],
)
def test_a_claim_may_have_one_side(sense, low, high, verdict):
    assert judge(replace(CLAIM, sense=sense), Measured((low + high) / 2, low, high)) == verdict


def test_nothing_run_is_said():
    assert judge(CLAIM, None) == "not run"


def test_what_is_undecided_is_undetermined_and_says_why():
    row = claims.Row(CLAIM, Undecided("the seeds disagree", ("a",)), "undetermined", False)
    assert judge(CLAIM, row.measured) == "undetermined"
    assert row.reason == "the seeds disagree"
    assert judge(CLAIM, Measured(1.0, 0.5, 1.5)) == "undetermined"
    with pytest.raises(InvalidArgument, match="measured must be"):
        judge(CLAIM, 1.0)


@pytest.mark.parametrize("measured", [Measured(1.2345, 0.5, 1.9), Undecided("the seeds disagree", ("a",))])
def test_an_undetermined_row_prints_no_number(measured):
    row = claims.Row(CLAIM, measured, judge(CLAIM, measured), False)
    assert row.verdict == "undetermined"
    assert (row.shown, row.power, row.chance) == (None, None, None)
    plain = row.as_dict()
    assert [plain[name] for name in ("ours", "interval", "power", "chance_of_reproduced")] == [None] * 4
    assert plain["reason"] == row.reason != ""
    (line,) = claims.ledger_frame([row]).to_dict("records")
    assert (line["ours"], line["95 % interval"], line["power / chance"]) == ("", "", "")
    assert line["verdict"] == f"undetermined: {row.reason}"
    words = texts(row)
    assert {words[name] for name in ("ours", "interval", "power", "chance")} == {"undetermined"}
    assert written_change(row) == f"*undetermined* ({row.reason})"
    everything = " ".join(map(str, (*line.values(), *words.values(), *plain.values())))
    assert not {"1.23", "1.234", "1.2345", "0.500", "1.900"} & set(everything.replace(",", " ").split())
    with pytest.raises(InvalidArgument, match="a value that is shown"):
        plot_claims([row])


@pytest.mark.parametrize("sense", ledger.SENSES)
@pytest.mark.parametrize("half", [0.02, 0.05, 0.06, 0.069, 0.1, 0.3])
def test_power_is_the_share_of_planted_differences_that_are_found(sense, half):
    """Truth two margins away, estimates normal: the computed power is how often the rule says *differs*."""
    claim = replace(CLAIM, sense=sense)
    truth = CLAIM.published + (2 if sense != "at least" else -2) * CLAIM.margin
    estimates = truth + half / 1.96 * np.random.default_rng(0).standard_normal(4000)
    verdicts = [judge(claim, Measured(e, e - half, e + half)) for e in estimates]
    share = np.mean([verdict == "differs" for verdict in verdicts])
    expected = claims.power(claim, Measured(0.0, -half, half))
    decidable = expected >= claims.POWER
    # A rule without power says nothing but that it is undetermined.
    assert share == pytest.approx(expected if decidable else 0.0, abs=0.03)
    assert ("undetermined" in verdicts) is not decidable


@pytest.mark.parametrize("freedom", [2, 4, 20])
@pytest.mark.parametrize("error", [0.01, 0.03])
def test_student_intervals_are_read_as_such(freedom, error):
    """The computed power of an interval of the expected length is how often such intervals say *differs*."""
    generator = np.random.default_rng(0)
    times = stats.t.ppf(0.975, freedom)
    middles = 1.2 + error * generator.standard_normal(20_000)
    halves = times * error * np.sqrt(generator.chisquare(freedom, 20_000) / freedom)
    share = np.mean(middles - halves > 1.1)
    expected = claims.power(CLAIM, Measured(1.2, 1.2 - times * error, 1.2 + times * error, freedom=freedom))
    assert expected == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("sense", ledger.SENSES)
@pytest.mark.parametrize("half", [0.01, 0.04, 0.06, 0.069])
def test_the_chance_of_reproduced_is_the_share_of_true_claims_that_are(sense, half):
    claim = replace(CLAIM, sense=sense)
    estimates = CLAIM.published + half / 1.96 * np.random.default_rng(0).standard_normal(4000)
    share = np.mean([judge(claim, Measured(e, e - half, e + half)) == "reproduced" for e in estimates])
    assert claims.chance_of_reproduced(claim, Measured(1.0, 1 - half, 1 + half)) == pytest.approx(share, abs=0.02)


def test_power_and_chance_are_two_numbers():
    """At the longest interval that decides, four wrong claims of five are found and three true ones of five."""
    measured = Measured(1.0, 1 - 0.0699, 1 + 0.0699)
    assert claims.power(CLAIM, measured) == pytest.approx(0.8, abs=0.01)
    assert claims.chance_of_reproduced(CLAIM, measured) == pytest.approx(0.6, abs=0.02)
    assert claims.chance_of_reproduced(CLAIM, Measured(1.0, 0.8, 1.2)) == 0
    assert claims.chance_of_reproduced(CLAIM, Measured(1.0, 1.0, 1.0)) == 1


def test_false_differences_are_counted():
    """With the truth as published, chance gives so many *differs* as is said, and at the band's edge one in forty."""
    half = 0.069
    row = claims.Row(CLAIM, Measured(1.0, 1 - half, 1 + half), "reproduced", False)
    exact, worst = claims.expected_false_differences([row])
    noise = half / 1.96 * np.random.default_rng(0).standard_normal(40_000)
    for truth, expected in ((1.0, exact), (1.1, worst)):
        differs = np.mean((truth + noise - half > 1.1) | (truth + noise + half < 0.9))
        assert differs == pytest.approx(expected, abs=0.004)
    nothing = [claims.Row(CLAIM, None, "not run", False), claims.Row(CLAIM, Undecided("why"), "undetermined", False)]
    assert claims.expected_false_differences(nothing) == (0.0, 0.0)


@given(st.floats(-5, 5), st.floats(0, 3))
def test_exactly_one_verdict_and_a_wide_interval_decides_nothing(middle, half):
    verdict = judge(CLAIM, Measured(middle, middle - half, middle + half))
    assert verdict in ledger.VERDICTS[:4]
    if half > 0.7 * CLAIM.margin:
        assert verdict == "undetermined"


@pytest.mark.parametrize("field", ["id", "published", "quantity", "margin", "scope"])
def test_a_rule_changes_with_what_the_verdict_depends_on(field):
    values = fields_of(CLAIM)
    values[field] = values[field] + (0.5 if isinstance(values[field], float) else "x")
    assert Claim(**values).rule != CLAIM.rule
    assert replace(CLAIM, sense="at least").rule != CLAIM.rule


def test_a_claim_without_a_rule_may_be_in_words():
    claim = Claim(id="a", place="b", claim="c", published="yes", unit="words", kind="exact")
    assert not claim.judged
    assert judge(claim, Measured(1.0, 1.0, 1.0)) == "not run"
    with pytest.raises(InvalidArgument, match="has no rule"):
        _ = claim.band
    with pytest.raises(InvalidArgument, match="margin"):
        Claim(id="a", place="b", claim="c", published=1.0, unit="1", kind="exact", margin=0.1)


def test_a_rule_does_not_change_with_its_wording_or_approval():
    values = fields_of(CLAIM)
    assert Claim(**(values | {"claim": "in other words", "approved": "differs", "kind": "by twin"})).rule == CLAIM.rule


@pytest.mark.parametrize(("beta", "verdict"), [(1.0, "reproduced"), (0.8, "differs"), (1.2, "differs")])
def test_the_ledger_row_flips_on_planted_runs(beta, verdict):
    """A rule that cannot fail is no rule: planted exponents at two margins give the other verdict."""
    rows = claims.evaluate({"er-100": power_law_runs(beta)}.get)
    row = next(row for row in rows if row.claim.id == "counting.rate")
    assert row.verdict == verdict
    assert row.measured.low <= beta <= row.measured.high


def test_runs_older_than_their_rule_are_exploratory():
    def row(rules):
        rows = claims.evaluate({"er-100": power_law_runs(1.0, rules=rules)}.get)
        return next(row for row in rows if row.claim.id == "counting.rate")

    assert not row(ledger.rules_hash()).exploratory
    assert row("").exploratory
    assert row("a ledger before this one").exploratory
    assert "exploratory" in claims.ledger_frame([row("")])["verdict"].iloc[0]


def test_only_some_rows_are_evaluated_in_the_order_of_the_ledger():
    asked = ("walks.counting_rate.128", "counting.rate")
    rows = claims.evaluate({"er-100": power_law_runs(1.0)}.get, only=asked)
    assert [row.claim.id for row in rows] == ["counting.rate", "walks.counting_rate.128"]
    with pytest.raises(InvalidArgument, match=r"only must be ids of the ledger, got \['no.such'\]"):
        claims.evaluate(lambda name: None, only=("counting.rate", "no.such"))


def test_no_runs_no_verdict():
    rows = claims.evaluate(lambda name: None)
    assert {row.verdict for row in rows if row.claim.quantity not in KNOWN} == {"not run"}
    assert not any(row.exploratory for row in rows)


def test_totals_count_every_row_by_its_kind():
    rows = claims.evaluate(lambda name: None)
    counted = claims.totals(rows)
    assert list(counted.index) == list(ledger.KINDS)
    assert list(counted.columns) == list(ledger.VERDICTS)
    assert counted.to_numpy().sum() == len(ledger.ledger())


def test_a_verdict_by_twin_is_counted_apart():
    by_twin = claims.Row(replace(CLAIM, kind="by twin"), Measured(1.0, 1.0, 1.0), "reproduced", False)
    own = claims.Row(CLAIM, Measured(1.0, 1.0, 1.0), "reproduced", False)
    counted = claims.totals([by_twin, own])
    assert counted.loc["by twin", "reproduced"] == counted.loc["trained here", "reproduced"] == 1


def test_every_row_is_comparable_and_in_force():
    assert {claim.quantity for claim in ledger.ledger() if claim.judged} <= set(QUANTITIES)
    history = ledger.rules_history()
    assert ledger.rules_hash() in history, "the ledger changed: run `make ledger`, commit rules.json"
    assert sorted(history[ledger.rules_hash()]) == sorted(c.rule for c in ledger.ledger() if c.judged)


def test_recorded_verdicts_are_the_approved_ones():
    """A verdict that changed must be read by a person: approve it in the ledger, or find out why."""

    changed = {
        row.claim.id: (row.claim.approved, row.verdict)
        for row in claims.evaluate(recorded_or_none)
        if row.verdict != row.claim.approved
    }
    assert not changed


def test_rows_as_json_and_table():
    rows = claims.evaluate({"er-100": power_law_runs(1.0)}.get)
    plain = json.loads(json.dumps([row.as_dict() for row in rows], allow_nan=False))
    assert {"id", "kind", "published", "ours", "interval", "power", "verdict", "reason"} <= set(plain[0])
    assert isinstance(claims.ledger_frame(rows), pd.DataFrame)
