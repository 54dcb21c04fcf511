"""Points and sentences of chapter 7: what is planted comes back, and verdicts choose the words."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Measured, Undecided
from scaling_lib.pages.judging.twins.blocks import BLOCK_QUANTITIES
from scaling_lib.pages.judging.twins.emergence import EMERGENCE_QUANTITIES, written
from scaling_lib.pages.judging.words.architecture import (
    ARCHITECTURE,
    EMERGENT,
    block_points,
    blocks_finding,
    phase_points,
)
from scaling_lib.pages.judging.words.findings import Words, finding, verdicts_in_words
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.sweeping.studies.blocks import ARMS
from tests.pages.planted_emergence import planted_runs

CLAIMS = {claim.id: claim for claim in ledger()}
QUESTIONS = {**ARCHITECTURE, **EMERGENT}


# ---------------------------------------------------------------------- points


@pytest.fixture(scope="module")
def pilot():
    """The pilot of the blocks as if its three learning rates were seeds, which the points may hold."""
    runs = load_recorded("blocks-pilot")
    return runs.assign(seed=runs["learning_rate"].rank(method="dense").astype(int))


def test_blocks_are_compared_seed_by_seed(pilot):
    points = block_points(pilot)
    assert points["arm"].tolist() == list(ARMS)
    assert set(points["seeds"]) == {3}
    arms = dict(zip(ARMS, (pilot[pilot["configuration"].map(has)] for has in _ARM), strict=True))
    own, default = (arms[arm].set_index("seed")["excess_loss"] for arm in ("experts", "default"))
    row = points.set_index("arm").loc["experts"]
    ratios = np.log(own / default)
    assert row["difference"] == pytest.approx(ratios.mean())
    assert row["high"] - row["difference"] == pytest.approx(4.303 * ratios.std() / np.sqrt(3), rel=1e-3)
    assert row["excess"] == pytest.approx(np.exp(np.log(own).mean()))
    assert row["N"] > row["N_active"]
    assert points.set_index("arm").loc["default", "difference"] == 0


def _told(*words):
    """Whether the text of a configuration holds these and no other departure from the default."""
    departures = ('"rmsnorm"', '"swiglu"', '"key_value_heads"', '"none"', '"experts"', '"depth":1', '"depth":4')
    return lambda text: all((word in text) == (word in words) for word in departures)


_ARM = [_told()] + [
    _told(word)
    for word in ('"rmsnorm"', '"swiglu"', '"key_value_heads"', '"none"', '"experts"', '"depth":1', '"depth":4')
]


def test_pilots_are_no_points_and_one_seed_has_no_interval(pilot):
    assert len(block_points(pilot.assign(seed=np.where(pilot["seed"] == 1, 900, pilot["seed"])))) == len(ARMS)
    alone = block_points(pilot[pilot["seed"] == 2])
    assert alone["low"].isna().all()
    assert alone["difference"].notna().all()


def test_without_a_default_nothing_is_compared(pilot):
    others = block_points(pilot[pilot["configuration"].str.contains("rmsnorm")])
    assert others["arm"].tolist() == ["rmsnorm"]
    assert others["difference"].isna().all()
    assert others["excess"].notna().all()


def test_the_phase_diagram_has_the_planted_leak_and_its_branches():
    runs = planted_runs(two=0.4, apart=2.0)
    points = phase_points(runs)
    assert len(points) == 24
    chosen = (runs["width"] == 32) & (runs["optimizer_steps"] == 400)
    row = points[(points["width"] == 32) & (points["steps"] == 400)].iloc[0]
    assert row["mean"] == pytest.approx(np.exp(np.log(runs[chosen]["leak"]).mean()))
    assert row["D"] == runs[chosen]["D"].iloc[0]
    assert points["two"].mean() > 0.8
    assert points[points["two"]]["good"].mean() == pytest.approx(0.6, abs=0.1)
    assert not phase_points(planted_runs())["two"].any()


def test_what_is_written_is_averaged_as_it_is():
    runs = planted_runs()
    points = phase_points(runs, "walk_16")
    chosen = (runs["width"] == 64) & (runs["optimizer_steps"] == 800)
    row = points[(points["width"] == 64) & (points["steps"] == 800)].iloc[0]
    assert row["mean"] == pytest.approx(written(runs[chosen], "walk_16").mean())
    few = phase_points(runs[runs["seed"] < 402])
    assert few["two"].isna().all()
    assert few["good"].isna().all()
    with pytest.raises(InvalidArgument, match="column must be leak, within, excess_loss or a metric"):
        phase_points(runs, "walk_3")


# ---------------------------------------------------------------------- sentences


def row(identifier, verdict):
    claim = CLAIMS[identifier]
    middles = {"reproduced": claim.published, "differs": 5.0}
    if verdict in middles:
        middle = middles[verdict]
        return claims.Row(claim, Measured(middle, middle - 0.01, middle + 0.01), verdict, False)
    return claims.Row(claim, Undecided("the seeds say so"), verdict, False)


def test_every_rule_of_the_chapter_has_its_words():
    worded = {identifier for _, rules in QUESTIONS.values() for identifier in rules}
    own = {*BLOCK_QUANTITIES, *EMERGENCE_QUANTITIES}
    assert worded == {claim.id for claim in ledger() if claim.quantity in own}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("verdict", ["reproduced", "differs", "undetermined"])
def test_every_sentence_is_whole(question, verdict):
    asked, rules = QUESTIONS[question]
    said = finding(asked, rules, [row(identifier, verdict) for identifier in rules])
    assert said.startswith(f"**{asked}**")
    assert said.endswith(".")
    assert "  " not in said
    assert said.count(f"*{verdict}*") == (1 if verdict == "undetermined" else len(rules))
    if verdict == "differs":
        assert all(words.no[0].upper() + words.no[1:] in said for words in rules.values())
        assert len({words.yes for words in rules.values()} & {words.no for words in rules.values()}) == 0


def test_a_finding_of_other_rows_is_empty_and_words_are_asked_for():
    rows = [row("blocks.level_swiglu", "undetermined")]
    assert finding("Is it?", {"blocks.level_rmsnorm": Words("a", "b", "a")}, rows) == ""
    with pytest.raises(InvalidArgument, match="rules must be a dict from the id of a claim to Words"):
        finding("Is it?", {"blocks.level_rmsnorm": "yes"}, rows)
    assert verdicts_in_words(rows) == "1 is undetermined"


def test_all_arms_are_said_at_once_by_their_verdicts():
    verdicts = {"rmsnorm": "reproduced", "swiglu": "reproduced", "experts": "undetermined", "depth_4": "differs"}
    rows = [row(f"blocks.level_{arm}", verdict) for arm, verdict in verdicts.items()]
    rows.append(row("blocks.level_long_depth_1", "differs"))
    assert blocks_finding("level", rows) == (
        "**After 800 steps** the excess loss is that of the default, within the margin, with RMSNorm (0.00) and SwiGLU "
        "(0.00). The excess loss is not that of the default with four layers (5.00). Open (*undetermined*) is the "
        "excess loss with one of four experts active."
    )
    assert blocks_finding("level_long", rows) == (
        "**After 3,200 steps** the excess loss is not that of the default with one layer (5.00)."
    )
    assert blocks_finding("exponent", rows) == ""
    assert blocks_finding("exponent", [row("blocks.exponent_experts", "undetermined")]).startswith(
        "**Between the two** open"
    )


def test_pilots_alone_are_refused():
    with pytest.raises(InvalidArgument, match="runs must be with finished runs of seeds below 900"):
        block_points(load_recorded("blocks-pilot"))
    with pytest.raises(InvalidArgument, match="runs must be with finished runs of seeds below 900"):
        phase_points(planted_runs().assign(seed=900))
