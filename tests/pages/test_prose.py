"""Numbers reach the prose from code, and glue takes no literal."""

import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages import claims, prose
from scaling_lib.pages.claims import Measured, Row
from tests.pages.planted import CLAIM, power_law_runs


@pytest.fixture
def glued(monkeypatch):
    kept = {}
    myst_nb = pytest.importorskip("myst_nb")
    monkeypatch.setattr(myst_nb, "glue", lambda name, text, display: kept.update({name: text}))
    return kept


def test_a_row_is_glued_with_its_verdict(glued):
    measured = Measured(0.75, 0.7, 0.8)
    prose.glue("beta", Row(CLAIM, measured, claims.judge(CLAIM, measured), exploratory=True))
    assert glued == {
        "beta.ours": "0.750",
        "beta.interval": "0.700 to 0.800",
        "beta.published": "1",
        "beta.margin": "0.1",
        "beta.verdict": "differs (exploratory)",
    }


def test_a_run_table_is_glued_with_its_size(glued):
    prose.glue("runs", power_law_runs(1.0))
    assert glued == {"runs.runs": "24", "runs.tokens_low": "100,000", "runs.tokens_high": "2,684,000"}


def test_a_row_without_runs_says_so(glued):
    prose.glue("beta", Row(CLAIM, None, "not run", exploratory=False))
    assert glued["beta.ours"] == "not run"


@pytest.mark.parametrize("literal", [0.75, "0.75", None, [0.75]])
def test_literals_are_refused(literal):
    with pytest.raises(InvalidArgument, match="source"):
        prose.glue("beta", literal)


def test_say_fills_its_fields(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(display, "display", shown.append)
    prose.say("H is {rate:.2f} nats.", rate=2.349)
    assert shown[0].data == "H is 2.35 nats."
    with pytest.raises(InvalidArgument, match="sentence"):
        prose.say("H is {rate:.2f} nats.", other=1)
