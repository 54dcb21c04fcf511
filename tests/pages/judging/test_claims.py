"""The rule, and a ledger whose rules can fail."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.judging import claims, ledger
from scaling_lib.pages.judging.claims import judge
from scaling_lib.pages.judging.exact_quantities import KNOWN
from scaling_lib.pages.judging.ledger import Claim
from scaling_lib.pages.judging.measured import Measured
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.runs.keeping.tables import recorded_or_none
from tests.pages.planted import CLAIM, power_law_runs
from tests.records import fields_of


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 1.05, "reproduced"),
        (0.91, 1.09, "reproduced"),
        (0.89, 1.02, "inconclusive"),
        (1.05, 1.18, "inconclusive"),
        (0.85, 1.05, "not testable"),
        (0.5, 1.5, "not testable"),
        (1.11, 1.25, "differs"),
        (0.2, 0.89, "differs"),
    ],
)
def test_rule(low, high, verdict):
    assert judge(CLAIM, Measured((low + high) / 2, low, high)) == verdict


@pytest.mark.parametrize(
    ("sense", "low", "high", "verdict"),
    [
        ("at least", 3.0, 9.0, "reproduced"),
        ("at least", 0.91, 0.95, "reproduced"),
        ("at least", 0.5, 0.8, "differs"),
        ("at least", 0.85, 0.95, "inconclusive"),
        ("at most", -9.0, -3.0, "reproduced"),
        ("at most", 1.2, 1.25, "differs"),
        ("at most", 1.05, 1.15, "inconclusive"),
    ],
)
def test_a_claim_may_have_one_side(sense, low, high, verdict):
    assert judge(replace(CLAIM, sense=sense), Measured((low + high) / 2, low, high)) == verdict


def test_nothing_run_is_said():
    assert judge(CLAIM, None) == "not run"


def test_what_shares_no_size_with_the_claim_is_shown_and_not_judged():
    measured = Measured(1.0, 0.99, 1.01, shared=False)
    assert judge(CLAIM, measured) == "not testable"
    assert claims.power(CLAIM, measured) == 0.0


@pytest.mark.parametrize("sense", ledger.SENSES)
@pytest.mark.parametrize("half", [0.02, 0.05, 0.069, 0.1, 0.3])
def test_power_is_the_share_of_planted_differences_that_are_found(sense, half):
    """Truth two margins away, estimates normal: the computed power is how often the rule says *differs*."""
    claim = replace(CLAIM, sense=sense)
    truth = CLAIM.published + (2 if sense != "at least" else -2) * CLAIM.margin
    estimates = truth + half / 1.96 * np.random.default_rng(0).standard_normal(4000)
    verdicts = [judge(claim, Measured(e, e - half, e + half)) for e in estimates]
    share = np.mean([verdict == "differs" for verdict in verdicts])
    expected = claims.power(claim, Measured(0.0, -half, half))
    assert share == pytest.approx(expected, abs=0.03)
    # A rule without power may only say so, or be right by its interval.
    if expected >= claims.POWER:
        assert "not testable" not in verdicts


def test_false_differences_are_counted():
    """With the truth as published, chance gives so many *differs* as is said, and at the band's edge one in forty."""
    half = 0.15
    row = claims.Row(CLAIM, Measured(1.0, 1 - half, 1 + half), "not testable", False)
    exact, worst = claims.expected_false_differences([row])
    noise = half / 1.96 * np.random.default_rng(0).standard_normal(40_000)
    for truth, expected in ((1.0, exact), (1.1, worst)):
        differs = [judge(CLAIM, Measured(truth + e, truth + e - half, truth + e + half)) == "differs" for e in noise]
        assert np.mean(differs) == pytest.approx(expected, abs=0.004)
    assert claims.expected_false_differences([claims.Row(CLAIM, None, "not run", False)]) == (0.0, 0.0)


@given(st.floats(-5, 5), st.floats(0, 3))
def test_exactly_one_verdict_and_a_wide_interval_decides_nothing(middle, half):
    verdict = judge(CLAIM, Measured(middle, middle - half, middle + half))
    assert verdict in ledger.VERDICTS[:4]
    if half > 2 * CLAIM.margin:
        assert verdict != "reproduced"


@pytest.mark.parametrize("field", ["id", "published", "quantity", "margin", "scope"])
def test_a_rule_changes_with_what_the_verdict_depends_on(field):
    values = fields_of(CLAIM)
    values[field] = values[field] + (0.5 if isinstance(values[field], float) else "x")
    assert Claim(**values).rule != CLAIM.rule
    assert replace(CLAIM, sense="at least").rule != CLAIM.rule


def test_a_claim_without_a_rule_may_be_in_words():
    claim = Claim(id="a", place="b", claim="c", published="yes", unit="words")
    assert not claim.judged
    assert judge(claim, Measured(1.0, 1.0, 1.0)) == "not run"
    with pytest.raises(InvalidArgument, match="has no rule"):
        _ = claim.band
    with pytest.raises(InvalidArgument, match="margin"):
        Claim(id="a", place="b", claim="c", published=1.0, unit="1", margin=0.1)


def test_a_rule_does_not_change_with_its_wording_or_approval():
    values = fields_of(CLAIM)
    assert Claim(**(values | {"claim": "in other words", "approved": "differs"})).rule == CLAIM.rule


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
    asked = ("walks.counting_rate", "counting.rate")
    rows = claims.evaluate({"er-100": power_law_runs(1.0)}.get, only=asked)
    assert [row.claim.id for row in rows] == ["counting.rate", "walks.counting_rate"]
    with pytest.raises(InvalidArgument, match=r"only must be ids of the ledger, got \['no.such'\]"):
        claims.evaluate(lambda name: None, only=("counting.rate", "no.such"))


def test_no_runs_no_verdict():
    rows = claims.evaluate(lambda name: None)
    assert {row.verdict for row in rows if row.claim.quantity not in KNOWN} == {"not run"}
    assert not any(row.exploratory for row in rows)


def test_totals_count_every_row():
    counted = claims.totals(claims.evaluate(lambda name: None))
    assert list(counted.index) == list(ledger.VERDICTS)
    assert counted.sum() == len(ledger.ledger())


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
    assert {"id", "published", "ours", "interval", "verdict"} <= set(plain[0])
    assert isinstance(claims.ledger_frame(rows), pd.DataFrame)
