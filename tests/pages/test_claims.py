"""The rule, and a ledger whose rules can fail."""

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.pages import claims
from scaling_lib.pages.claims import Claim, Measured, judge
from scaling_lib.pages.quantities import QUANTITIES
from scaling_lib.runs.tables import load_recorded
from tests.pages.planted import CLAIM, power_law_runs


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 1.05, "reproduced"),
        (0.91, 1.09, "reproduced"),
        (0.85, 1.05, "inconclusive"),
        (0.5, 1.5, "inconclusive"),
        (1.05, 1.25, "inconclusive"),
        (1.11, 1.25, "differs"),
        (0.2, 0.89, "differs"),
    ],
)
def test_rule(low, high, verdict):
    assert judge(CLAIM, Measured((low + high) / 2, low, high)) == verdict


def test_nothing_run_is_said():
    assert judge(CLAIM, None) == "not run"


@given(st.floats(-5, 5), st.floats(0, 3))
def test_exactly_one_verdict_and_a_wide_interval_decides_nothing(middle, half):
    verdict = judge(CLAIM, Measured(middle, middle - half, middle + half))
    assert verdict in claims.VERDICTS[:3]
    if half > 2 * CLAIM.margin:
        assert verdict != "reproduced"


@pytest.mark.parametrize("field", ["id", "published", "quantity", "margin", "scope"])
def test_a_rule_changes_with_what_the_verdict_depends_on(field):
    values = {name: getattr(CLAIM, name) for name in Claim.__dataclass_fields__}
    values[field] = values[field] + (0.5 if isinstance(values[field], float) else "x")
    assert Claim(**values).rule != CLAIM.rule


def test_a_rule_does_not_change_with_its_wording_or_approval():
    values = {name: getattr(CLAIM, name) for name in Claim.__dataclass_fields__}
    assert Claim(**(values | {"claim": "in other words", "approved": "differs"})).rule == CLAIM.rule


@pytest.mark.parametrize(("beta", "verdict"), [(1.0, "reproduced"), (0.8, "differs"), (1.2, "differs")])
def test_the_ledger_row_flips_on_planted_runs(beta, verdict):
    """A rule that cannot fail is no rule: planted exponents at two margins give the other verdict."""
    rows = claims.evaluate({"er-100": power_law_runs(beta)}.get)
    row = next(each for each in rows if each.claim.id == "counting.rate")
    assert row.verdict == verdict
    assert row.measured.low <= beta <= row.measured.high


def test_runs_older_than_their_rule_are_exploratory():
    def row(rules):
        rows = claims.evaluate({"er-100": power_law_runs(1.0, rules=rules)}.get)
        return next(each for each in rows if each.claim.id == "counting.rate")

    assert not row(claims.rules_hash()).exploratory
    assert row("").exploratory
    assert row("a ledger before this one").exploratory
    assert "exploratory" in claims.ledger_frame([row("")])["verdict"].iloc[0]


def test_no_runs_no_verdict():
    rows = claims.evaluate(lambda name: None)
    assert {row.verdict for row in rows} == {"not run"}
    assert not any(row.exploratory for row in rows)


def test_every_row_is_comparable_and_in_force():
    assert {claim.quantity for claim in claims.ledger()} <= set(QUANTITIES)
    assert {claim.approved for claim in claims.ledger()} <= set(claims.VERDICTS)
    history = claims.rules_history()
    assert claims.rules_hash() in history, "the ledger changed: run `make ledger`, commit rules.json"
    assert sorted(history[claims.rules_hash()]) == sorted(claim.rule for claim in claims.ledger())


def test_recorded_verdicts_are_the_approved_ones():
    """A verdict that changed must be read by a person: approve it in the ledger, or find out why."""

    def tables(name):
        try:
            return load_recorded(name)
        except InvalidArgument:
            return None

    changed = {
        row.claim.id: (row.claim.approved, row.verdict)
        for row in claims.evaluate(tables)
        if row.verdict != row.claim.approved
    }
    assert not changed


def test_rows_as_json_and_table():
    rows = claims.evaluate({"er-100": power_law_runs(1.0)}.get)
    plain = json.loads(json.dumps([row.as_dict() for row in rows], allow_nan=False))
    assert {"id", "published", "ours", "interval", "verdict"} <= set(plain[0])
    assert isinstance(claims.ledger_frame(rows), pd.DataFrame)


def test_malformed_ledger_is_refused(monkeypatch):
    for text in ('[[claims]]\nid = "a"', _toml(CLAIM) + _toml(CLAIM)):
        monkeypatch.setattr(claims, "_page_file", lambda name, text=text: text)
        claims.ledger.cache_clear()
        with pytest.raises(InvalidData, match=r"ledger\.toml"):
            claims.ledger()
    monkeypatch.undo()
    claims.ledger.cache_clear()


def _toml(claim):
    fields = ((name, getattr(claim, name)) for name in Claim.__dataclass_fields__)
    return "[[claims]]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields) + "\n"
