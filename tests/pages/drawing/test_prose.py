"""Numbers reach the prose from code, and glue takes no literal."""

from dataclasses import replace

import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.drawing import prose
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.claims import Row
from scaling_lib.pages.judging.measured import Measured
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
        "beta.claimed": "1",
        "beta.margin": "0.1",
        "beta.verdict": "differs (exploratory)",
        "beta.power": "0.98",
        "beta.chance": "0.95",
        "beta.kind": "trained here",
        "beta.reason": "",
        "beta.place": "nowhere",
    }


def test_a_run_table_is_glued_with_its_size(glued):
    prose.glue("runs", power_law_runs(1.0))
    assert glued == {"runs.runs": "72", "runs.tokens_low": "100,000", "runs.tokens_high": "2,684,000"}


def test_a_row_without_runs_says_so(glued):
    prose.glue("beta", Row(CLAIM, None, "not run", exploratory=False))
    assert glued["beta.ours"] == "not run"


@pytest.mark.parametrize(
    ("published", "margin", "measured", "expected"),
    [
        (0.34731, 0.00035, Measured(0.347312, 0.347312, 0.347312), ("0.34731", "0.00035", "0.34731", "0.34731")),
        (
            4.77e-4,
            5e-6,
            Measured(4.76e-4, 4.74e-4, 4.78e-4),
            ("0.000477", "5e-6", "0.0004760", "0.0004740 to 0.0004780"),
        ),
        (49131, 0.5, Measured(49131, 49131, 49131), ("49,131", "0.5", "49,131", "49,131")),
        (-24, 1, Measured(36.8, 36.8, 36.8), ("-24", "1", "36.800", "36.800")),
        (1e13, 1, None, ("1e13", "1", "not run", "not run")),
    ],
)
def test_digits_follow_the_margin(published, margin, measured, expected):
    claim = replace(CLAIM, published=published, margin=margin)
    words = prose.texts(Row(claim, measured, claims.judge(claim, measured), exploratory=False))
    assert tuple(words[name] for name in ("published", "margin", "ours", "interval")) == expected


def test_words_are_published_as_they_stand():
    claim = replace(CLAIM, published="almost 2", quantity="", margin=None, scope="")
    words = prose.texts(Row(claim, None, "not run", exploratory=False))
    assert (words["published"], words["margin"], words["power"]) == ("almost 2", "none", "not run")


@pytest.mark.parametrize(("sense", "said"), [("equal", "1"), ("at least", "at least 1"), ("at most", "at most 1")])
def test_a_claim_with_one_side_is_printed_as_a_bound(sense, said):
    row = Row(replace(CLAIM, sense=sense), None, "not run", exploratory=False)
    assert prose.texts(row)["claimed"] == said
    (claimed,) = claims.ledger_frame([row])["claimed"]
    assert claimed == (1 if sense == "equal" else said)


@pytest.mark.parametrize("literal", [0.75, "0.75", None, [0.75]])
def test_literals_are_refused(literal):
    with pytest.raises(InvalidArgument, match="source"):
        prose.glue("beta", literal)


def test_a_sentence_is_shown_as_it_stands(monkeypatch):
    display = pytest.importorskip("IPython.display")
    shown = []
    monkeypatch.setattr(display, "display", shown.append)
    prose.say(r"$\frac{H}{2}$ is 1.17 {nats}.")
    assert shown[0].data == r"$\frac{H}{2}$ is 1.17 {nats}."
    prose.say("""
        Markdown would show an indented line as code.
        So a text of several lines loses its indentation.""")
    assert [line[:2] for line in shown[1].data.splitlines()] == ["Ma", "So"]
    with pytest.raises(InvalidArgument, match="sentence"):
        prose.say(None)
