"""The rules of the barest graphs and of the cost of a law on planted tables: their own grids, noise as the pilot had.

Written and passed before any of the runs that are judged.
"""

from collections import defaultdict

import numpy as np
import pytest

from scaling_lib.pages.judging import claims, ledger
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.pages.judging.twins.barest import BAREST_QUANTITIES, BAREST_SEEDS, graph_of, law_shown
from scaling_lib.pages.judging.twins.studies import PILOT, RATE, Forbids
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies import barest
from scaling_lib.runs.sweeping.studies.barest import BRANCH_LENGTHS, GRAPHS, LENGTHS, SPEEDS, WIDTH_STEPS
from scaling_lib.runs.training.stems import computed_steps, stem_of
from tests.pages.planted import assert_found, assert_power
from tests.pages.planted_barest import grid_of, planted_runs

FEW, MANY = 2, 25
CLAIMS = {claim.id: claim for claim in ledger.ledger() if claim.quantity in BAREST_QUANTITIES}
STUDIES = ("barest", "barest-widths", "cost-branches", "twins-beta", "barest-more")


def planted(number, edit=None, **changed):
    def table(study):
        runs = planted_runs(study, seed=10 * number + STUDIES.index(study), **changed)
        return runs if edit is None else edit(study, runs)

    return table


def judged(identifier, tables):
    outcome = QUANTITIES[CLAIMS[identifier].quantity](tables)
    return claims.judge(CLAIMS[identifier], outcome), outcome


def wrong_of(identifier):
    """What is planted two margins from the claim: an exponent of 0, which is two limits, or the difference of arms."""
    if "cost_exponent" in identifier:
        return {"steeper": 0.1}
    if "cost_level" in identifier:
        return {"level": 0.4}
    return {"exponent": 0.0, "in_width": 0.0}


def verdicts(identifier, changed, simulations):
    quiet = {"noise": 0.025} if "width" in identifier else {}
    return [judged(identifier, planted(number, **quiet | changed))[0] for number in range(simulations)]


QUICK = (
    "barest.D_ring",
    "barest.more_path",
    "barest.D_cycle",
    "barest.width_coin",
    "barest.cost_exponent",
    "barest.cost_level",
)


def test_every_rule_is_claimed_and_every_arm_has_its_rules():
    assert {claim.quantity for claim in CLAIMS.values()} == set(BAREST_QUANTITIES)
    assert len(CLAIMS) == 2 * len(GRAPHS) + 4


@pytest.mark.parametrize("identifier", QUICK)
def test_a_rule_finds_what_was_planted(identifier):
    right, wrong = (verdicts(identifier, changed, FEW) for changed in ({}, wrong_of(identifier)))
    assert_found(right, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", QUICK)
def test_a_rule_has_its_power(identifier):
    """Of a straight line the line's own test rejects one in twenty, and a true law may look like two branches. The
    exponent of the cost has so small a margin that with this noise, in arms that share nothing but the seed's level,
    its interval is too long as often as not: then it is *undetermined*, and never a wrong verdict."""
    right, wrong = (verdicts(identifier, changed, MANY) for changed in ({}, wrong_of(identifier)))
    assert_power(identifier, right, wrong, weak=True)
    exact = "cost_exponent" in identifier
    assert right.count("reproduced") >= (0.3 if exact else 0.6) * MANY
    assert wrong.count("differs") >= (0.5 if exact else 0.8) * MANY


@pytest.mark.parametrize("bend", [0.6, -0.6])
def test_a_bent_line_is_no_law(bend):
    said = verdicts("barest.D_ring", {"bend": bend}, 2 * FEW)
    assert "differs" in said
    assert "reproduced" not in said


@pytest.mark.parametrize(("bend", "exponent"), [(0.3, 1.0), (-0.3, 1.0), (0.0, 0.2)])
def test_at_the_limit_no_verdict_is_said_in_more_than_a_fortieth(bend, exponent):
    """The interval is two-sided, of 95 %, and the limit is one-sided; the lack of fit only takes laws away."""
    x = np.log(np.array(LENGTHS))
    along = x - x.mean()
    line = -exponent * x - bend / (2 * (x[-1] - x[0])) * along**2
    generator, laws, none, tables = np.random.default_rng(1), 0, 0, 60
    for _ in range(tables):
        try:
            _, low, high, _ = law_shown(line[:, None] + 0.02 * generator.standard_normal((len(x), 6)), np.exp(x))
        except Forbids:
            continue
        laws, none = laws + (high < 1), none + (low > 1)
    assert max(laws, none) <= tables * 0.025 + 3 * (tables * 0.025) ** 0.5


def test_the_part_that_decides_is_given():
    x = np.log(np.array(LENGTHS))
    scatter = 0.01 * np.random.default_rng(0).standard_normal((len(x), 6))
    flat, straight = (law_shown(scatter - slope * x[:, None], np.exp(x)) for slope in (0.0, 1.0))
    assert flat[0] == pytest.approx(2, abs=0.1)  # (.4 - 0) / .2
    assert flat[1] > 1
    assert straight[2] < 1
    along = x - x.mean()
    bent = law_shown(scatter - x[:, None] - (0.9 / (2 * (x[-1] - x[0])) * along**2)[:, None], np.exp(x))
    assert bent[0] == pytest.approx(3, abs=0.2)  # .9 / .3


def test_a_line_that_the_seeds_reject_is_undetermined():
    x = np.log(np.array(LENGTHS))
    kinked = 0.1 * np.array([1, -1, 1, 1, -1, 1])[:, None]
    scatter = 0.005 * np.random.default_rng(0).standard_normal((len(x), 6))
    with pytest.raises(Forbids, match="scatter"):
        law_shown(scatter - x[:, None] + kinked * np.array([0, 1, -1, 1, -1, 0])[:, None], np.exp(x))


@pytest.mark.parametrize("simulations", [1, pytest.param(MANY, marks=pytest.mark.slow)])
def test_branches_are_undetermined(simulations):
    said = verdicts("barest.D_tree", {"good": 0.5, "noise": 0.02}, simulations)
    assert said.count("reproduced") <= 0.05 * simulations


def test_a_coin_of_the_scatter_of_one_probability_is_undetermined():
    """ln of a chi-squared of one degree scatters by 2.2."""
    assert set(verdicts("barest.D_coin", {"noise": 2.2}, 5)) <= {"undetermined", "inconclusive"}


@pytest.mark.parametrize("identifier", CLAIMS)
def test_no_table_is_not_run_and_a_seed_too_few_is_undetermined(identifier):
    assert judged(identifier, lambda study: None) == ("not run", None)
    verdict, outcome = judged(identifier, planted(0, lambda study, runs: runs[~runs["seed"].isin([405, 111, 429])]))
    assert verdict == "undetermined"
    assert "fewer runs" in outcome.reason


def test_diverged_and_vanished_losses_are_undetermined():
    diverged = planted(0, lambda study, runs: runs.assign(status="diverged"))
    assert "diverged" in judged("barest.D_ring", diverged)[1].reason
    gone = planted(0, lambda study, runs: runs.assign(leak=0.0))
    assert "zero" in judged("barest.D_cycle", gone)[1].reason
    assert judged("barest.D_ring", gone)[0] == judged("barest.D_ring", planted(0))[0]


# ---------------------------------------------------------------------- the grids


def test_the_grids_have_the_seeds_that_the_rules_ask_for():
    assert set(barest.BAREST) == set(BAREST_SEEDS)
    for study, seeds in BAREST_SEEDS.items():
        values = experiment(study).values("full", "seed")
        assert len(values) == seeds
        assert max(values) < PILOT
        assert experiment(study).template.optimizer.learning_rate == RATE
    grid = grid_of("barest")
    assert set(grid["configuration"].map(graph_of)) == set(GRAPHS)
    assert set(grid_of("barest-widths")["optimizer_steps"]) == {WIDTH_STEPS}


def test_the_second_round_has_seeds_of_its_own():
    seeds = [set(experiment(study).values("full", "seed")) for study in ("barest", "barest-more")]
    assert not seeds[0] & seeds[1]


def test_both_arms_of_the_cost_have_the_same_graphs_and_steps():
    arms = [experiment(name).configurations("full") for name in ("cost-branches", "twins-beta")]
    pairs = [{(run.source, run.seed, run.optimizer_steps, run.architecture) for run in arm} for arm in arms]
    assert pairs[0] <= pairs[1]
    assert {steps for _, _, steps, _ in pairs[0]} == set(BRANCH_LENGTHS)


def test_the_costs_are_those_of_the_grids():
    """The table in the docstring of the grids: runs, million tokens that are computed, minutes of a core."""
    for study in BAREST_SEEDS:
        runs = experiment(study).configurations("full")
        stems = defaultdict(list)
        for run in runs:
            stems[stem_of(run)].append(run)
        tokens = [computed_steps(of_stem) * of_stem[0].tokens_per_step for of_stem in stems.values()]
        seconds = sum(
            count / SPEEDS[of_stem[0].architecture.width] for count, of_stem in zip(tokens, stems.values(), strict=True)
        )
        (line,) = (line.split() for line in barest.__doc__.splitlines() if line.split()[:1] == [study])
        assert line[1:4] == [str(len(runs)), f"{sum(tokens) / 1e6:.1f}", f"{seconds / 60:.0f}"]
