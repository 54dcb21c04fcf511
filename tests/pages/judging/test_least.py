"""The answers of the barest graphs and the price of branches: planted laws come back; what is open shows no number."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import training_flops
from scaling_lib.pages.judging.twins.least import (
    GRAPH_NAMES,
    answers_in_words,
    barest_answers,
    barest_points,
    branch_costs,
    flops_saved,
    longest_window,
)
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.studies.barest import BRANCH_LENGTHS, GRAPHS, LENGTHS
from tests.pages.planted_barest import planted_runs


def test_the_planted_points_come_back():
    runs = planted_runs("barest", noise=0.0)
    points = barest_points(runs)
    assert len(points) == len(GRAPHS) * len(LENGTHS)
    assert set(points["graph"]) == set(GRAPHS) == set(GRAPH_NAMES)
    ring = points[points["graph"] == "ring"]
    assert (ring["free"] == 100).all()
    assert ring["counting"].to_numpy() == pytest.approx(100 / (2 * ring["D"]))
    assert np.diff(np.log(ring["loss"])) == pytest.approx(-np.log(2))
    assert (ring["low"] < ring["loss"]).all()
    assert (ring["loss"] < ring["high"]).all()
    free = points.groupby("graph")["free"].first()
    assert free[["coin", "cycle", "path", "star", "tree", "complete"]].tolist() == [2, 0, 98, 98, 61, 9800]


def test_a_point_that_diverged_is_left_out():
    runs = planted_runs("barest")
    first = runs["identity"] == runs["identity"].iloc[0]
    assert len(barest_points(runs.assign(status=np.where(first, "diverged", "ok")))) == len(GRAPHS) * len(LENGTHS) - 1


def test_the_answers_are_those_of_the_ledger_with_their_evidence():
    answers = barest_answers(lambda name: planted_runs(name, noise=0.02, in_width=0.0))
    assert len(answers) == 2 * len(GRAPHS)
    in_tokens, in_width = (answers[answers["variable"] == name] for name in ("D", "width"))
    assert (in_tokens["answer"] == "yes").sum() >= 9
    assert "no" not in set(in_tokens["answer"])
    assert set(in_width["answer"]) == {"no"}
    decided = in_tokens[in_tokens["answer"] == "yes"]
    assert set(decided["window"]) == {"100 to 3,200"}
    assert decided["exponent"].str.startswith(("0.9", "1.0")).all()
    assert set(in_width["window"]) == {""}


def test_what_is_undetermined_shows_its_reason_and_no_number():
    answers = barest_answers(lambda name: planted_runs(name, noise=1.5) if name == "barest" else None)
    open_ones = answers[answers["answer"] == "undetermined"]
    assert len(open_ones) >= 8
    assert (open_ones["reason"] != "").all()
    assert (open_ones[["exponent", "bend"]] == "").all(axis=None)
    assert set(answers[answers["variable"] == "width"]["answer"]) == {"not run"}
    assert set(barest_answers(lambda name: None)["answer"]) == {"not run"}


def test_the_second_round_answers_where_it_has_run():
    tables = {"barest": planted_runs("barest", noise=1.5), "barest-more": planted_runs("barest-more", exponent=0.0)}
    answers = barest_answers(tables.get)
    in_tokens = answers[answers["variable"] == "D"].set_index("graph")
    assert in_tokens.loc[["path", "ring"], "answer"].tolist() == ["no", "no"]
    assert in_tokens.loc[["path", "star"], "seeds"].tolist() == [24, 6]
    assert in_tokens.loc["ring", "exponent"].startswith(("0.0", "-0.0"))
    assert in_tokens.loc["star", "answer"] == "undetermined"


def test_the_answers_in_words_name_every_graph_once_for_each_variable():
    answers = barest_answers(lambda name: None)
    words = answers_in_words(answers)
    assert words.startswith("A law in $D$, **not run**: biased coin, ")
    assert all(words.count(name) == 2 for name in GRAPH_NAMES.values() if name not in ("ring", "path", "star"))
    mixed = answers.assign(answer=np.where(answers["graph"] == "ring", "yes", "no"))
    assert "A law in $D$, **yes**: ring. A law in $D$, **no**: biased coin, one-way cycle" in answers_in_words(mixed)


def test_the_window_is_the_longest_with_a_law():
    x = np.log(np.array(LENGTHS))
    scatter = 0.01 * np.random.default_rng(1).standard_normal((len(x), 6))
    levelled = np.maximum(-x, -x[4])[:, None]  # a law up to the fifth of six lengths
    assert longest_window(scatter - x[:, None], np.exp(x)) == pytest.approx((100, 3200))
    assert longest_window(scatter + levelled, np.exp(x)) == pytest.approx((100, 1600))
    assert longest_window(scatter, np.exp(x)) is None


def test_the_cost_of_a_law_is_paired_by_the_seed():
    cosine, branches = (planted_runs(name, noise=0.0, level=0.2) for name in ("twins-beta", "cost-branches"))
    costs = branch_costs(cosine, branches)
    assert costs["steps"].tolist() == list(BRANCH_LENGTHS)
    for name in ("ratio", "low", "high"):
        assert costs[name].to_numpy() == pytest.approx(np.exp(0.2))
    assert (costs["branch"] / costs["cosine"]).to_numpy() == pytest.approx(np.exp(0.2))
    with pytest.raises(InvalidArgument, match="branches must be of the seeds and steps of cosine"):
        branch_costs(cosine, branches.assign(seed=branches["seed"] + 1000))
    with pytest.raises(InvalidArgument, match="cosine must be one run for each seed"):
        branch_costs(cosine.assign(seed=0), branches)


def test_the_flops_of_what_is_shared_are_counted_once():
    branches = planted_runs("cost-branches")
    taken, alone = flops_saved(branches)
    assert taken / alone == pytest.approx(3760 / 6000)
    runs = [RunConfiguration.from_json(text) for text in branches["configuration"]]
    assert alone == pytest.approx(sum(training_flops(run.architecture, run.schedule.tokens) for run in runs))
    with pytest.raises(InvalidArgument, match="branches must be branches of stable runs"):
        flops_saved(planted_runs("twins-beta"))
