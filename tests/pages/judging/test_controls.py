"""The rules of the controls on planted tables: the same grids, seeds and rates, noise as the pilot's.

As in `test_twins`: *reproduced* of a true claim, *differs* of one that is two margins off, *undetermined* where the
seeds fall into branches, the best rate is at an end, or runs are missing. Written and passed before any of the runs.
"""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lib.pages.judging import claims, ledger
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.pages.judging.twins.controls import CONTROL_QUANTITIES, CONTROL_SEEDS
from scaling_lib.pages.judging.twins.studies import PILOT, RATE
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies.controls import CONTROLS
from tests.pages.planted import assert_found, assert_power, twin_runs
from tests.pages.planted_controls import control_runs

FEW, MANY = 2, 25
CLAIMS = {claim.id: claim for claim in ledger.ledger() if claim.quantity in CONTROL_QUANTITIES}
TWINS = ("twins-beta", "twins-beta-rates", "twins-size", "twins-size-rates")
BETA = 0.684


def planted(identifier, seed, edit=None, **changed):
    """A function from a study to its table, made when it is asked for. changed: what is planted in a study. edit: of a
    study and its table makes another table. At the fixed rate the best is that one."""
    selected = any(word in identifier for word in ("selected", "fewer_steps", "arms"))

    def table(study):
        make = twin_runs if study in TWINS else control_runs
        place = (*TWINS, *CONTROL_SEEDS).index(study)
        runs = make(study, seed=1000 * seed + place, best=None if selected else RATE, **changed.get(study, {}))
        return runs if edit is None else edit(study, runs)

    return table


def judged(identifier, tables):
    outcome = QUANTITIES[CLAIMS[identifier].quantity](tables)
    return claims.judge(CLAIMS[identifier], outcome), outcome


def visits(level):
    return {study: {"level": level} for study in ("twins-visits", "twins-visits-rates")}


def visits_200(level):
    return {study: {"level": level} for study in ("twins-visits-200", "twins-visits-200-rates")}


def at_equal_steps(level):
    """Sixteen times the observations would lower the loss by beta ln 16."""
    return {"twins-visits-steps": {"level": BETA * np.log(16) + level}}


def kappa(beta):
    studies = ("twins-kappa", "twins-kappa-10", "twins-kappa-1000", "twins-kappa-rates")
    return {study: {"beta": beta} for study in studies}


def arms(**changed):
    return dict.fromkeys(("twins-arms-56", "twins-arms-222", "twins-arms-900"), changed)


# By the first words of an id, the longest that fit: what is planted where the claim is exactly true, and two margins
# from it.
TRUTHS = {
    "controls.visits_observations": ({}, visits(0.4)),
    "controls.visits_observations_200": ({}, visits_200(0.4)),
    "controls.visits_fewer_steps": (visits(0.2), visits(-0.2)),
    "controls.visits_fewer_steps_200": (visits_200(0.2), visits_200(-0.2)),
    "controls.visits_steps": (at_equal_steps(0.0), at_equal_steps(-0.4)),
    "controls.visits_more_data": (at_equal_steps(-0.2), at_equal_steps(0.2)),
    # F grows by (1 - beta) ln 16 up to S = 6400.
    "controls.decay_level": ({"twins-decay": {"level": -0.1}}, {"twins-decay": {"level": 0.1}}),
    "controls.decay_exponent": ({}, {"twins-decay": {"beta": BETA + 0.2}}),
    "controls.context_level": ({}, {"twins-context": {"level": 0.4}}),
    "controls.context_exponent": ({}, {"twins-context": {"beta": BETA + 0.2}}),
    "controls.kappa": (kappa(BETA), kappa(BETA + 0.2)),
    "controls.scale_free_size": ({}, {"twins-scale-free-size": {"slope": 0.2}}),
    "controls.scale_free_exponent": ({}, {"twins-scale-free": {"beta": BETA - 0.2}}),
    "controls.arms_advantage": (arms(arms={"sp": 0.2}), arms(arms={"sp": -0.2})),
    "controls.arms_embedding": ({}, arms(arms={"sp-embedding": 0.4})),
    "controls.arms_embedding_slope": ({}, arms(width_slope=0.4)),
    "controls.arms_without": ({}, arms(arms={"mup-without": 0.4})),
}
QUICK = (
    *("controls.visits_observations_fixed", "controls.visits_fewer_steps_200", "controls.visits_steps"),
    *("controls.decay_level", "controls.context_exponent", "controls.kappa_exponent_selected"),
    *("controls.scale_free_exponent", "controls.arms_advantage_900", "controls.arms_embedding_slope_222"),
)


def truths_of(identifier):
    return TRUTHS[max((name for name in TRUTHS if identifier.startswith(name)), key=len)]


def verdicts(identifier, changed, simulations):
    return [judged(identifier, planted(identifier, seed, **changed))[0] for seed in range(simulations)]


@pytest.mark.parametrize("identifier", QUICK)
def test_a_rule_finds_what_was_planted(identifier):
    right, wrong = (verdicts(identifier, changed, FEW) for changed in truths_of(identifier))
    assert_found(right, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", CLAIMS)
def test_a_rule_has_its_power(identifier):
    right, wrong = (verdicts(identifier, changed, MANY) for changed in truths_of(identifier))
    assert_power(identifier, right, wrong)


# ---------------------------------------------------------------------- what forbids a verdict

BRANCHED = {
    "controls.visits_observations_fixed": {"twins-visits": {"good": 0.5}},
    "controls.visits_observations_200_fixed": {"twins-visits-200": {"good": 0.5}},
    "controls.visits_steps": {"twins-visits-steps": {"good": 0.5}},
    "controls.decay_exponent": {"twins-decay": {"good": 0.5}},
    "controls.kappa_exponent": {"twins-kappa": {"good": 0.5}},
    "controls.scale_free_exponent": {"twins-scale-free": {"good": 0.5}},
    "controls.arms_embedding_900": arms(good=0.6),
}


@pytest.mark.parametrize("identifier", BRANCHED)
@pytest.mark.parametrize("simulations", [1, pytest.param(MANY, marks=pytest.mark.slow)])
def test_branches_are_undetermined(identifier, simulations):
    """With the power that is asked of every verdict: the branches are seen, or make the interval too long."""
    said = verdicts(identifier, BRANCHED[identifier], simulations)
    assert said.count("undetermined") >= 0.8 * simulations
    assert said.count("reproduced") <= 0.05 * simulations


def test_the_best_rate_at_an_end_is_undetermined_and_the_fixed_rate_does_not_mind():
    def edit(study, runs):
        largest = (runs["learning_rate"] == runs["learning_rate"].max()) & (study == "twins-visits-rates")
        return runs.assign(excess_loss=runs["excess_loss"] * np.where(largest, 0.2, 1.0))

    for identifier, wanted in (
        ("controls.visits_observations_selected", "undetermined"),
        ("controls.visits_observations_fixed", "reproduced"),
    ):
        verdict, outcome = judged(identifier, planted(identifier, 0, edit))
        assert verdict == wanted
        assert wanted == "reproduced" or "largest that was tried" in outcome.reason


@pytest.mark.parametrize(("widths", "wanted"), [((24,), "reproduced"), ((24, 192), "undetermined")])
def test_a_width_at_the_edge_is_left_out_while_three_remain(widths, wanted):
    def edit(study, runs):
        own = runs["configuration"].str.contains('"kind":"sp"') & ~runs["configuration"].str.contains("rate_power")
        rates = runs.groupby([own, "width"])["learning_rate"].transform("max")
        edge = own & runs["width"].isin(widths) & (runs["learning_rate"] == rates)
        return runs.assign(excess_loss=runs["excess_loss"] * np.where(edge, 0.2, 1.0))

    identifier = "controls.arms_advantage_900"
    assert judged(identifier, planted(identifier, 0, edit, **arms(arms={"sp": 0.4})))[0] == wanted


def test_scale_free_graphs_whose_loss_depends_on_their_size_are_no_twins():
    identifier = "controls.scale_free_exponent"
    verdict, outcome = judged(identifier, planted(identifier, 0, **{"twins-scale-free-size": {"slope": 0.3}}))
    assert verdict == "undetermined"
    assert "no twin" in outcome.reason


@pytest.mark.parametrize("identifier", CLAIMS)
def test_no_table_is_not_run_and_a_seed_too_few_is_undetermined(identifier):
    assert judged(identifier, lambda study: None) == ("not run", None)
    fewer = planted(identifier, 0, lambda study, runs: runs[runs["seed"] != runs["seed"].max()])
    verdict, outcome = judged(identifier, fewer)
    assert verdict == "undetermined"
    assert "fewer runs" in outcome.reason


# ---------------------------------------------------------------------- the grids


def test_every_study_is_judged_and_asks_for_the_seeds_of_its_grid():
    studies = {name for name in CONTROLS if not name.endswith("-pilot")}
    assert studies == set(CONTROL_SEEDS)
    for study, seeds in CONTROL_SEEDS.items():
        assert len(experiment(study).values("full", "seed")) == seeds


def test_the_costs_are_those_of_the_grids():
    """The table in the docstring of the grids: runs, million tokens, minutes at 50,000 tokens a second."""
    from scaling_lib.runs.sweeping.studies import controls

    for study in CONTROL_SEEDS:
        runs = experiment(study).configurations("full")
        tokens = sum(run.schedule.tokens for run in runs)
        (line,) = (line.split() for line in controls.__doc__.splitlines() if line.split()[:1] == [study])
        assert line[1:4] == [str(len(runs)), f"{tokens / 1e6:.1f}", f"{tokens / 50_000 / 60:.0f}"]


def test_the_grids_bracket_what_is_best_on_the_pilots():
    """Of a run of 100 steps; the pilot of the parametrizations has widths 24 and 96."""

    def best_of(runs, by):
        logs = np.log(runs["excess_loss"].where(runs["status"] == "ok", np.inf)).groupby([*by, runs["learning_rate"]])
        return {point[:-1]: point[-1] for point in logs.mean().groupby(level=list(range(len(by)))).idxmin()}

    pilot = load_recorded("twins-visits-pilot")
    (rate,) = best_of(pilot, [pilot["width"]]).values()
    rates = sorted({RATE, *experiment("twins-visits-rates").values("full", "optimizer.learning_rate")})
    assert rates[0] < rate < rates[-1]
    assert experiment("twins-visits").values("full", "optimizer.learning_rate") == (RATE,)
    pilot = load_recorded("twins-arms-pilot")
    ways = [json.loads(text)["parametrization"] for text in pilot["configuration"]]
    arm = pd.Series([f"{way['kind']} {way.get('embedding_rate_power', 0.0):g}" for way in ways])
    grid = experiment("twins-arms-56").configurations("full")
    bests = best_of(pilot, [arm, pilot["width"]])
    assert len(bests) == 6
    for (name, width), best in bests.items():
        tried = {
            run.optimizer.learning_rate
            for run in grid
            if run.architecture.width == width
            and f"{run.parametrization.kind} {run.parametrization.embedding_rate_power:g}" == name
        }
        assert sorted(tried) == [best / 2, best, 2 * best]


def test_the_pilots_are_never_judged():
    for name in ("twins-visits-pilot", "twins-arms-pilot"):
        pilot = load_recorded(name)
        assert (pilot["seed"] >= PILOT).all()
        for identifier in CLAIMS:
            assert judged(identifier, lambda study, pilot=pilot: pilot) == ("not run", None)
