"""The rules of the study of blocks on planted tables: its own grids and seeds, noise as the pilots of twins had.

As in `test_controls`: *reproduced* of a true claim, *differs* of one that is two margins off, *undetermined* where the
seeds fall into branches or runs are missing. Written and passed before any of the runs that are judged.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import training_flops
from scaling_lib.pages.judging import claims, ledger
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.pages.judging.twins.blocks import (
    BLOCK_QUANTITIES,
    BLOCK_SEEDS,
    DEPTH_QUANTITIES,
    ROUTER_QUANTITIES,
    ROUTING,
    depth_logs,
    router_points,
)
from scaling_lib.pages.judging.twins.studies import PILOT, RATE, Forbids
from scaling_lib.runs.keeping.measurements import measurements_to_json
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.records import Measurement
from scaling_lib.runs.sweeping.axes import value_of
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies import blocks
from scaling_lib.runs.sweeping.studies.blocks import (
    ARM_FIELDS,
    ARMS,
    DEPTH_RATES,
    DEPTH_SEEDS,
    DEPTH_STEP_TIMES,
    FLOPS_STEPS,
    LONG,
    ROUTER_ARMS,
    ROUTER_SEEDS,
    SHORT,
    STEP_TIMES,
)
from tests.pages.planted import assert_found, assert_power

FEW, MANY = 2, 25
ALL = {claim.id: claim for claim in ledger.ledger() if claim.quantity in BLOCK_QUANTITIES}
DEPTHS = {name: claim for name, claim in ALL.items() if claim.quantity in DEPTH_QUANTITIES}
ROUTERS = {name: claim for name, claim in ALL.items() if claim.quantity in ROUTER_QUANTITIES}
CLAIMS = {name: claim for name, claim in ALL.items() if name not in {*DEPTHS, *ROUTERS}}
NAMES = {values: name for name, values in ARMS.items()}
BETA = 0.684
# Over seeds, of the mean over the layers of what a router knows, in shares of ln 4: the pilot's four had .04 and .07.
ROUTER_SCATTER = 0.06


@lru_cache
def grid_of(study):
    """The runs of the full grid of a study, without results."""
    grid = experiment(study).configurations("full")
    two = study == "blocks-flops"
    return pd.DataFrame(
        {
            "identity": [f"{study}-{place}" for place in range(len(grid))],
            "status": "ok",
            "rules": ledger.rules_hash(),
            "seed": [run.seed for run in grid],
            "arm": ["two" if two else NAMES[tuple(value_of(run, field) for field in ARM_FIELDS)] for run in grid],
            "optimizer_steps": [run.optimizer_steps for run in grid],
            "learning_rate": [run.optimizer.learning_rate for run in grid],
            "D": [run.schedule.tokens for run in grid],
            "entropy_rate": 2.3,
            "configuration": [run.canonical_json() for run in grid],
        }
    )


def block_runs(study, *, level=0.0, long=0.0, good=1.0, scatter=1.0, seed=0):
    """F = 14 (S / 400)^(1 - beta); every arm but the default has `level` more in ln F, and `long` more after 3,200
    steps. A seed's graph moves ln F of all arms by a normal number of deviation .02; besides it there is that of a run,
    which together make .07 (400 / S)^(1/2). good: the share of seeds of the arms in the lower branch, in the upper the
    loss is twice as high."""
    runs = grid_of(study)
    generator = np.random.default_rng(seed)
    graphs = np.random.default_rng(seed // 10).normal(0, 0.02, 1000)
    steps, arms = runs["optimizer_steps"], runs["arm"] != "default"
    logs = np.log(14) + (1 - BETA) * np.log(steps / 400) + level * arms + long * arms * (steps == LONG)
    noise = (np.maximum(0.07 * (400 / steps) ** 0.5, 0.02) ** 2 - 0.02**2).clip(lower=0.01**2) ** 0.5
    logs += scatter * (graphs[runs["seed"]] + noise * generator.standard_normal(len(runs)))
    logs += np.log(2) * (generator.random(len(runs)) > good) * arms
    excess = np.exp(logs) * 900 / (2 * runs["D"])
    return runs.drop(columns="arm").assign(excess_loss=excess, loss=2.3 + excess)


def planted(number, edit=None, **changed):
    def table(study):
        runs = block_runs(study, seed=10 * number + list(BLOCK_SEEDS).index(study), **changed)
        return runs if edit is None else edit(study, runs)

    return table


def judged(identifier, tables):
    outcome = QUANTITIES[ALL[identifier].quantity](tables)
    return claims.judge(ALL[identifier], outcome), outcome


def two_margins_off(identifier):
    """What is planted where a claim is true, and two margins from it. An exponent smaller by .2 leaves ln F higher by
    .2 ln 4 after 3,200 steps. After 491 steps the excess is that of the default after 800 where F lies below its line
    by what the excess falls between the two."""
    if "exponent" in identifier:
        return {}, {"long": 0.2 * np.log(LONG / SHORT)}
    if "flops" in identifier:
        even = -BETA * np.log(SHORT / FLOPS_STEPS)
        return {"level": even}, {"level": even + 0.4}
    return {}, {"level": 0.4}


def verdicts(identifier, changed, simulations):
    return [judged(identifier, planted(number, **changed))[0] for number in range(simulations)]


QUICK = ("blocks.level_rmsnorm", "blocks.level_long_depth_4", "blocks.flops_two_experts", "blocks.exponent_experts")


@pytest.mark.parametrize("identifier", QUICK)
def test_a_rule_finds_what_was_planted(identifier):
    right, wrong = (verdicts(identifier, changed, FEW) for changed in two_margins_off(identifier))
    assert_found(right, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", CLAIMS)
def test_a_rule_has_its_power(identifier):
    """That of an exponent depends on how much of a seed's scatter both arms share, and is asked to be half here: an
    interval that is too long is *undetermined*, and never a wrong verdict."""
    right, wrong = (verdicts(identifier, changed, MANY) for changed in two_margins_off(identifier))
    weak = "exponent" in identifier
    assert_power(identifier, right, wrong, weak=weak)
    if weak:
        assert right.count("reproduced") >= 0.5 * MANY
        assert wrong.count("differs") >= 0.5 * MANY


@pytest.mark.parametrize("identifier", QUICK)
@pytest.mark.parametrize("simulations", [1, pytest.param(MANY, marks=pytest.mark.slow)])
def test_branches_are_undetermined(identifier, simulations):
    changed = two_margins_off(identifier)[0] | {"good": 0.5}
    said = verdicts(identifier, changed, simulations)
    assert said.count("undetermined") + said.count("inconclusive") >= 0.8 * simulations
    assert said.count("reproduced") <= 0.05 * simulations


@pytest.mark.parametrize("identifier", CLAIMS)
def test_no_table_is_not_run_and_a_seed_too_few_is_undetermined(identifier):
    assert judged(identifier, lambda study: None) == ("not run", None)
    verdict, outcome = judged(identifier, planted(0, lambda study, runs: runs[runs["seed"] != 305]))
    assert verdict == "undetermined"
    assert "fewer runs" in outcome.reason


def test_an_arm_that_is_missing_is_undetermined():
    without = planted(0, lambda study, runs: runs[~runs["configuration"].str.contains("rmsnorm")])
    verdict, outcome = judged("blocks.level_rmsnorm", without)
    assert (verdict, "arm is missing" in outcome.reason) == ("undetermined", True)
    assert judged("blocks.level_swiglu", without)[0] == "reproduced"


def test_the_pilot_is_never_judged():
    for study in ("blocks-pilot", "blocks-router-pilot"):
        assert min(experiment(study).values("full", "seed")) >= PILOT
    pilot = load_recorded("blocks-pilot")
    assert (pilot["seed"] >= PILOT).all()
    for identifier in ALL:
        assert judged(identifier, lambda study: pilot) == ("not run", None)


# ---------------------------------------------------------------------- the best learning rate of a depth


def depth_runs(*, shift=0.0, level=0.0, start=0.0, scatter=0.05, seed=0):
    """ln(excess) is a parabola in log2(rate), of bend .2 and lowest at `start` + .5 over the least inner rate of two
    layers; for every other depth it lies `shift` higher and its lowest value by `level`. A seed's graph moves all by a
    normal number of deviation .05; besides, each run has `scatter`."""
    grid = experiment("blocks-depth").configurations("full")
    generator = np.random.default_rng(seed)
    graphs = dict(zip(DEPTH_SEEDS, generator.normal(0, 0.05, len(DEPTH_SEEDS)), strict=True))
    depths = np.array([run.architecture.depth for run in grid])
    rates = np.array([run.optimizer.learning_rate for run in grid])
    lowest = np.log2(DEPTH_RATES[2][1]) + start + shift * (depths != 2)
    logs = np.log(0.02) + level * (depths != 2) + 0.2 * (np.log2(rates) - lowest) ** 2
    logs += [graphs[run.seed] for run in grid] + scatter * generator.standard_normal(len(grid))
    return pd.DataFrame(
        {
            "identity": [run.identity for run in grid],
            "status": "ok",
            "rules": ledger.rules_hash(),
            "seed": [run.seed for run in grid],
            "depth": depths,
            "learning_rate": rates,
            "excess_loss": np.exp(logs),
        }
    )


def depth_verdicts(identifier, simulations=20, **changed):
    tables = [depth_runs(seed=number, **changed) for number in range(simulations)]
    return [judged(identifier, lambda study, table=table: table)[0] for table in tables]


SHIFTS = {1: 0.0, 4: 0.6, 8: 0.6}


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_a_best_rate_is_that_of_the_planted_parabola(depth):
    shift = SHIFTS[depth]
    exact = judged(f"blocks.rate_depth_{depth}", lambda study: depth_runs(shift=shift, scatter=0.0))[1]
    assert (exact.value, exact.high - exact.low) == pytest.approx((shift, 0.0), abs=1e-9)
    said = depth_verdicts(f"blocks.rate_depth_{depth}", shift=shift, scatter=0.02)
    assert "reproduced" in said
    assert "differs" not in said


def test_a_best_rate_more_than_three_times_as_high_is_another_one():
    """Two layers are lowest below their middle rate, and the deep ones 2^1.8 times as high, inside of their grid."""
    said = depth_verdicts("blocks.rate_depth_8", start=-0.4, shift=1.8, scatter=0.01)
    assert "differs" in said
    assert "reproduced" not in said


@pytest.mark.parametrize("depth", [4, 8])
def test_the_best_levels_are_compared_whatever_the_rates_are(depth):
    right = depth_verdicts(f"blocks.best_depth_{depth}", shift=0.6)
    wrong = depth_verdicts(f"blocks.best_depth_{depth}", shift=0.6, level=-0.8)
    assert_found(right, wrong)


@pytest.mark.parametrize("identifier", DEPTHS)
def test_an_optimum_at_an_edge_or_a_run_that_is_missing_or_diverged_is_undetermined(identifier):
    runs = depth_runs(shift=0.6)
    changes = {
        "edge": depth_runs(shift=-4.0, scatter=0.0),
        "fewer runs": runs[(runs["seed"] != 312) | (runs["learning_rate"] != 1.0)],
        "diverged": runs.assign(status=np.where(runs["learning_rate"] == 1.0, "diverged", "ok")),
    }
    for word, table in changes.items():
        verdict, outcome = judged(identifier, lambda study, table=table: table)
        assert (verdict, word in outcome.reason) == ("undetermined", True)
    assert judged(identifier, lambda study: None) == ("not run", None)


def test_a_seed_whose_lowest_point_is_elsewhere_forbids_a_rate():
    runs = depth_runs(scatter=0.0)
    other = (runs["seed"] == 310) & (runs["depth"] == 1) & (runs["learning_rate"] == min(DEPTH_RATES[1]))
    runs.loc[other, "excess_loss"] /= 4
    verdict, outcome = judged("blocks.rate_depth_1", lambda study: runs)
    assert (verdict, "lowest point far" in outcome.reason or "edge" in outcome.reason) == ("undetermined", True)


def test_depths_have_their_rates_and_two_layers_are_the_default():
    (seeds,) = {experiment("blocks-depth").values("full", "seed")}
    assert seeds == DEPTH_SEEDS
    assert not set(seeds) & set(experiment("blocks-short").values("full", "seed"))
    grid = experiment("blocks-depth").configurations("full")
    for depth, rates in DEPTH_RATES.items():
        runs = [run for run in grid if run.architecture.depth == depth]
        assert [run.optimizer.learning_rate for run in runs] == [*rates] * len(seeds)
        assert np.diff(np.log2(rates)) == pytest.approx(1.0)
        assert {run.parametrization.base_depth for run in runs} == {None if depth == 2 else 2}
    with pytest.raises(Forbids, match="fewer runs"):
        depth_logs(depth_runs().query("depth == 1"), 2)


# ---------------------------------------------------------------------- what a router has learned


def routed_runs(*, information=0.0, kept=1.0, scatter=ROUTER_SCATTER, good=1.0, seed=0):
    """In shares of ln 4: on graphs with communities `information` in both layers, with the balance and without, none
    on the control; usage .95 with the balance and `kept` of that without. scatter: the deviation over seeds, on the
    control a tenth of it. good: the share of seeds in which there is any information."""
    grid = experiment("blocks-router").configurations("full")
    generator = np.random.default_rng(seed)
    texts = []
    for run in grid:
        balanced, planted = run.architecture.balance > 0, run.source.ensemble == "planted_partition"
        known = information * planted * (generator.random() < good)
        noise = generator.standard_normal(2) * (scatter if planted else scatter / 10)
        usage = 0.95 if balanced else 0.95 * kept
        values = {"information": known + noise[0], "usage": usage + noise[1], "nodes": 0.9}
        taken = [
            Measurement(f"{ROUTING}:{name}_{layer}", run.optimizer_steps, value * np.log(4))
            for name, value in values.items()
            for layer in (0, 1)
        ]
        texts.append(measurements_to_json(tuple(taken)))
    return pd.DataFrame(
        {
            "identity": [run.identity for run in grid],
            "status": "ok",
            "rules": ledger.rules_hash(),
            "seed": [run.seed for run in grid],
            "excess_loss": 0.1,
            "configuration": [run.canonical_json() for run in grid],
            "measurements": texts,
        }
    )


def router_verdicts(identifier, simulations, **changed):
    tables = [routed_runs(seed=number, **changed) for number in range(simulations)]
    return [judged(identifier, lambda study, table=table: table)[0] for table in tables]


# What is planted where the claim is true, and two margins from it.
ROUTER_TRUTHS = {
    "blocks.router_information": ({"information": 0.15}, {"information": -0.15}),
    "blocks.router_half": ({"information": 0.5}, {"information": 0.0}),
    "blocks.router_usage": ({"kept": 0.45 / 0.95}, {"kept": 1.0}),
}


@pytest.mark.parametrize("identifier", ROUTER_TRUTHS)
def test_a_router_rule_finds_what_was_planted(identifier):
    assert_found(*(router_verdicts(identifier, FEW, **changed) for changed in ROUTER_TRUTHS[identifier]))


@pytest.mark.slow
@pytest.mark.parametrize("identifier", ROUTER_TRUTHS)
def test_a_router_rule_has_its_power(identifier):
    right, wrong = (router_verdicts(identifier, MANY, **changed) for changed in ROUTER_TRUTHS[identifier])
    assert_power(identifier, right, wrong)


def test_a_router_that_knows_nothing_is_hardly_ever_said_to_know_more_than_chance():
    """A true zero lies at the end of the band: 1 in 40 by Welch's interval."""
    said = router_verdicts("blocks.router_information", MANY)
    assert said.count("reproduced") <= 0.1 * MANY
    assert said.count("inconclusive") >= 0.8 * MANY


@pytest.mark.parametrize("identifier", ROUTER_TRUTHS)
def test_a_router_that_is_missing_diverged_or_not_measured_is_undetermined(identifier):
    runs = routed_runs(information=0.5, kept=0.5)
    assert judged(identifier, lambda study: runs)[0] == "reproduced"
    first = runs["seed"] == ROUTER_SEEDS[0]
    changes = {
        "fewer runs": runs[~first],
        "diverged": runs.assign(status=np.where(first, "diverged", "ok")),
        "not measured": runs.assign(measurements=runs["measurements"].where(~first, None)),
    }
    for word, table in changes.items():
        verdict, outcome = judged(identifier, lambda study, table=table: table)
        assert (verdict, word in outcome.reason) == ("undetermined", True)
    assert judged(identifier, lambda study: None) == ("not run", None)


def test_routers_of_two_kinds_are_undetermined():
    said = router_verdicts("blocks.router_information", FEW, information=0.9, good=0.5)
    assert set(said) <= {"undetermined", "inconclusive"}


def test_points_of_routers_are_shares_of_what_four_can_know():
    points = router_points(routed_runs(information=0.5, scatter=0.0))
    means = points.groupby(["arm", "layer"])["information"].mean()
    assert means["communities", 1] == means["communities-unbalanced", 0] == pytest.approx(0.5)
    assert means["control", 0] == pytest.approx(0.0)
    assert len(points) == 2 * len(ROUTER_ARMS) * len(ROUTER_SEEDS)
    with pytest.raises(InvalidArgument, match="of the arms of blocks-router"):
        router_points(routed_runs().assign(configuration=grid_of("blocks-short")["configuration"].iloc[0]))


# ---------------------------------------------------------------------- the grids


def test_every_study_is_judged_and_asks_for_the_seeds_of_its_grid():
    others = {"blocks-depth", "blocks-router"}
    assert {name for name in blocks.BLOCKS if not name.endswith("-pilot")} == {*BLOCK_SEEDS, *others}
    for study, seeds in BLOCK_SEEDS.items():
        assert len(experiment(study).values("full", "seed")) == seeds
        assert experiment(study).values("full", "optimizer.learning_rate") == (RATE,)
    assert {claim.quantity for claim in ALL.values()} == set(BLOCK_QUANTITIES)


def test_two_experts_are_given_the_flops_of_the_default():
    (default, *_) = experiment("blocks-short").configurations("full")
    (sparse, *_) = experiment("blocks-flops").configurations("full")
    costs = [training_flops(run.architecture, run.schedule.tokens) for run in (default, sparse)]
    assert costs[1] == pytest.approx(costs[0], rel=1e-3)


def test_the_costs_are_those_of_the_grids():
    """The table in the docstring of the grids: runs, million tokens, minutes of a core."""
    for study in (*BLOCK_SEEDS, "blocks-depth", "blocks-router"):
        runs = experiment(study).configurations("full")
        if study == "blocks-depth":
            times = [DEPTH_STEP_TIMES[run.architecture.depth] for run in runs]
        elif study == "blocks-router":
            times = [STEP_TIMES["experts"]] * len(runs)
        else:
            times = [STEP_TIMES[arm] for arm in grid_of(study)["arm"].replace("two", "two-experts")]
        seconds = sum(run.schedule.tokens * time / 45_000 for run, time in zip(runs, times, strict=True))
        (line,) = (line.split() for line in blocks.__doc__.splitlines() if line.split()[:1] == [study])
        tokens = sum(run.schedule.tokens for run in runs)
        assert line[1:4] == [str(len(runs)), f"{tokens / 1e6:.1f}", f"{seconds / 60:.0f}"]
