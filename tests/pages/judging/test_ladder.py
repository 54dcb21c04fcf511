"""The ladder's points, exponents and sentences: what is planted comes back, and verdicts choose the words."""

import dataclasses

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.language.findings import QUESTIONS, ladder_finding
from scaling_lib.pages.judging.language.points import RUNGS, ladder_exponents, ladder_points, published_ladder
from scaling_lib.pages.judging.language.rules import LANGUAGE_QUANTITIES, known_beta, paper_alpha
from scaling_lib.pages.judging.ledger import ledger
from scaling_lib.pages.judging.measured import Measured, Undecided
from scaling_lib.pages.judging.words.findings import verdicts_in_words
from tests.pages.planted import ladder_runs

RUNS = ladder_runs("language-t1l", floor=1.9, known=True).assign(optimizer_steps=lambda runs: runs["D"] // 1000)
CLAIMS = {claim.id: claim for claim in ledger()}


def test_points_are_means_over_seeds():
    points = ladder_points(RUNS)
    chosen = (RUNS["width"] == 64) & (RUNS["D"] == 1_600_000)
    point = points[(points["width"] == 64) & (points["D"] == 1_600_000)].iloc[0]
    assert point["mean"] == pytest.approx(RUNS[chosen]["loss"].mean())
    assert (point["seeds"], point["steps"]) == (3, 1600)
    assert (points["low"] < points["mean"]).all()
    assert (points["mean"] < points["high"]).all()
    excess = ladder_points(RUNS, "excess_loss")
    assert excess["mean"].max() < 1
    assert points["N"].is_monotonic_increasing


def test_pilots_and_runs_that_diverged_are_no_points():
    changed = RUNS.assign(
        seed=np.where(RUNS["width"] == 16, 900, RUNS["seed"]), status=np.where(RUNS["width"] == 24, "diverged", "ok")
    )
    assert set(ladder_points(changed)["width"]) == set(RUNS["width"]) - {16, 24}


def test_nobody_knows_the_excess_of_a_text():
    text = ladder_runs("language-text", floor=1.7, known=False).assign(optimizer_steps=1)
    assert ladder_points(text, "excess_loss").empty
    with pytest.raises(InvalidArgument, match="column must be one of"):
        ladder_points(RUNS, "wall_seconds")


def test_exponents_are_those_that_the_rules_compare():
    text = ladder_runs("language-text", floor=1.7, known=False)
    bent = ladder_runs("language-t2l", floor=1.8, known=True, bend=0.03, scatter=0.05)
    tables = {"language-t1l": RUNS, "language-text": text, "language-t2l": bent}
    table = ladder_exponents(tables.get).set_index(["rung", "exponent"])
    alpha = paper_alpha(RUNS)
    assert table.loc[("T1L", "alpha"), "value"] == alpha.value
    assert table.loc[("T1L", "alpha"), "high"] - alpha.value > 1.9 * alpha.error
    assert table.loc[("T1L", "beta over the floor"), "value"] == known_beta(RUNS).value
    assert table.loc[("T1L", "alpha"), "entropy"] == pytest.approx(1.9)
    assert np.isnan(table.loc[("text", "alpha"), "entropy"])
    assert ("text", "mean beta") not in table.index
    assert np.isnan(table.loc[("T2L", "beta over the floor"), "value"])
    assert "scatter of the seeds" in table.loc[("T2L", "beta over the floor"), "reason"]
    with pytest.raises(InvalidArgument, match="tables must hold runs of one rung"):
        ladder_exponents({}.get)


def test_the_papers_rungs_are_those_of_the_ledger():
    printed = published_ladder().set_index(["rung", "exponent"])
    assert printed.loc[("bigram", "alpha")][["value", "spread", "entropy"]].tolist() == [0.977, 0.102, 5.40]
    assert printed.loc[("text", "beta"), "value"] == 0.408
    assert set(printed.index.get_level_values(0)) < set(RUNGS)


def row(identifier, verdict):
    claim, half = CLAIMS[identifier], 0.01
    middles = {"reproduced": claim.published, "differs": -5.0}
    if verdict in middles:
        middle = middles[verdict]
        return claims.Row(claim, Measured(middle, middle - half, middle + half), verdict, False)
    return claims.Row(claim, Undecided("the seeds say so"), verdict, False)


def test_every_rule_of_the_ladder_has_its_words():
    worded = {identifier for _, rules in QUESTIONS.values() for identifier in rules}
    assert worded == {claim.id for claim in ledger() if claim.quantity in LANGUAGE_QUANTITIES}


def test_the_verdict_chooses_the_sentence():
    yes = ladder_finding("entropy", [row("language.entropy_t1l", "reproduced")])
    assert yes == (
        "**Does the entropy fall along the ladder?** The entropy falls from the bigram chain to T1L (0.050 nats, "
        "interval 0.040 to 0.060; *reproduced*)."
    )
    no = ladder_finding("entropy", [row("language.entropy_t1l", "differs")])
    assert "The entropy does not fall from the bigram chain to T1L (-5.000 nats" in no


def test_what_is_open_has_no_number_and_comes_last():
    rows = [row("language.alpha_t2l", "undetermined"), row("language.alpha_t1l", "reproduced")]
    said = ladder_finding("alpha", [*rows, row("language.entropy_t1l", "differs")])
    assert said.endswith(r"Open (*undetermined*): whether $\alpha$ is the same for T1L as for T2L.")
    assert said.count("interval") == 1
    assert "entropy" not in said
    assert ladder_finding("beta", rows) == ""


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("verdict", ["reproduced", "differs", "undetermined"])
def test_every_sentence_is_whole(question, verdict):
    said = ladder_finding(question, [row(identifier, verdict) for identifier in QUESTIONS[question][1]])
    assert said.endswith(".")
    assert "  " not in said
    assert said.count(f"*{verdict}*") == (1 if verdict == "undetermined" else len(QUESTIONS[question][1]))


def test_verdicts_are_counted_in_words():
    rows = [row("language.entropy_t1l", "reproduced"), row("language.entropy_t2l", "differs")]
    assert verdicts_in_words(rows) == "1 is reproduced, 1 differs"
    rows += [row("language.entropy_t4l", "reproduced"), row("language.alpha_t1l", "undetermined")]
    assert verdicts_in_words(rows) == "2 are reproduced, 1 differs, 1 is undetermined"
    older = dataclasses.replace(rows[0], exploratory=True)
    assert "*reproduced*, exploratory" in ladder_finding("entropy", [older])
