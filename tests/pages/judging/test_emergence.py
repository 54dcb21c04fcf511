"""The rules of the study of emergence on planted tables: its own grid and seeds, scatter as in the pilot.

*reproduced* of a true claim, *differs* of one that is two margins off, *undetermined* where the seeds fall into
branches, runs are missing or something was not measured. Written and passed before any of the runs that are judged.
"""

import json

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.pages.judging import claims, ledger
from scaling_lib.pages.judging.quantities import QUANTITIES
from scaling_lib.pages.judging.twins.emergence import EMERGENCE_QUANTITIES, EMERGENCE_SEEDS, written
from scaling_lib.pages.judging.twins.studies import PILOT, RATE
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.studies import emergence
from tests.pages.planted import assert_found, assert_power
from tests.pages.planted_emergence import MODULE, STUDY, planted_runs

FEW, MANY = 2, 25
CLAIMS = {claim.id: claim for claim in ledger.ledger() if claim.quantity in EMERGENCE_QUANTITIES}
NARROW = [16, 24, 32]


def planted(number, edit=None, **changed):
    def table(study):
        runs = planted_runs(seed=number, **changed)
        return runs if edit is None else edit(runs)

    return table


def judged(identifier, tables):
    outcome = QUANTITIES[CLAIMS[identifier].quantity](tables)
    return claims.judge(CLAIMS[identifier], outcome), outcome


# What is planted where a claim is wrong, by two margins or more; nothing where it is true.
WRONG = {
    "emergence.product_wide": {"product": 0.04},
    "emergence.product_narrow": {"product": 0.04},
    "emergence.transfer_wide": {"transfer": 0.04},
    "emergence.transfer_narrow": {"transfer": -0.04},
    "emergence.cliff_width": {"cliff": 2.0},
    "emergence.cliff_brier": {"brier": 2.0},
    "emergence.cliff_data": {"start": 2.0},
    "emergence.sharpens": {"sharper": 2.0},
    "emergence.fluctuations": {"loud": 12.0},
    "emergence.branches": {"two": 0.5},
}
BRANCHED = ("emergence.cliff_width", "emergence.cliff_data", "emergence.sharpens")


def verdicts(identifier, changed, simulations):
    return [judged(identifier, planted(number, **changed))[0] for number in range(simulations)]


def test_every_rule_has_a_planted_truth():
    assert set(WRONG) == set(CLAIMS)
    assert {claim.quantity for claim in CLAIMS.values()} == set(EMERGENCE_QUANTITIES)


@pytest.mark.parametrize("identifier", WRONG)
def test_a_rule_finds_what_was_planted(identifier):
    right, wrong = (verdicts(identifier, changed, FEW) for changed in ({}, WRONG[identifier]))
    assert_found(right, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", WRONG)
def test_a_rule_has_its_power(identifier):
    assert_power(identifier, *(verdicts(identifier, changed, MANY) for changed in ({}, WRONG[identifier])))


@pytest.mark.parametrize("identifier", BRANCHED)
def test_two_branches_of_seeds_are_no_level(identifier):
    """Half of the seeds two exponents apart: a mean over both is no verdict."""
    said = verdicts(identifier, {"two": 0.5, "apart": 4.0}, 5)
    assert set(said) <= {"undetermined", "inconclusive"}


def test_two_branches_are_counted_where_they_are():
    outcome = judged("emergence.branches", planted(0, two=0.4, apart=2.0))[1]
    assert outcome.value > 0.8
    assert judged("emergence.branches", planted(0))[1].value <= 0.05
    only_narrow = planted(0, lambda runs: runs.assign(leak=_moved(runs)))
    assert judged("emergence.branches", only_narrow)[1].value == pytest.approx(12 / 24, abs=0.05)


def _moved(runs):
    """Every third seed leaks seven times as much at the narrow widths."""
    late = (runs["seed"] % 3 == 0) & runs["width"].isin(NARROW)
    return runs["leak"] * np.where(late, 7.0, 1.0)


@pytest.mark.parametrize("identifier", WRONG)
def test_no_table_is_not_run_and_what_is_missing_is_undetermined(identifier):
    assert judged(identifier, lambda study: None) == ("not run", None)
    for edit, reason in (
        (lambda runs: runs[runs["seed"] != 411], "fewer runs"),
        (lambda runs: runs.assign(status=np.where(runs["seed"] == 405, "diverged", "ok")), "diverged"),
        (lambda runs: runs.assign(leak=np.nan, measurements=None), "not measured"),
    ):
        verdict, outcome = judged(identifier, planted(0, edit))
        assert verdict == "undetermined"
        assert reason in outcome.reason


def test_models_that_all_walk_alike_are_undetermined():
    """No run in which exp(-16 leak) lies between the bounds, so that nothing is compared."""
    verdict, outcome = judged("emergence.product_wide", planted(0, lambda runs: runs.assign(leak=1e-6)))
    assert (verdict, "not every seed" in outcome.reason) == ("undetermined", True)


def test_what_was_written_is_read_by_its_name():
    runs = planted_runs()
    texts = [{one["metric"]: one["value"] for one in json.loads(text)} for text in runs["measurements"]]
    assert written(runs, "walk_16").tolist() == [text[f"{MODULE}:walk_16"] for text in texts]
    some = runs.assign(measurements=[text if place else None for place, text in enumerate(runs["measurements"])])
    assert np.isnan(written(some, "walk_16")).tolist() == [True] + [False] * (len(runs) - 1)
    with pytest.raises(InvalidArgument, match="name must be the name of a metric that was measured"):
        written(runs, "walk_3")


# ---------------------------------------------------------------------- the grids


def test_the_pilot_is_never_judged():
    assert min(experiment("emergence-pilot").values("full", "seed")) >= PILOT
    pilot = planted_runs().assign(seed=900)
    assert judged("emergence.branches", lambda study: pilot) == ("not run", None)


def test_the_study_asks_for_the_seeds_of_its_grid():
    assert len(experiment(STUDY).values("full", "seed")) == EMERGENCE_SEEDS
    for study in emergence.EMERGENCE:
        assert experiment(study).values("full", "optimizer.learning_rate") == (RATE,)


def test_the_costs_are_those_of_the_grids():
    """The table in the docstring of the grids: runs, million tokens, minutes of a core."""
    for study in ("emergence-phase", "emergence-long"):
        tokens = [run.schedule.tokens for run in experiment(study).configurations("full")]
        (line,) = (line.split() for line in emergence.__doc__.splitlines() if line.split()[:1] == [study])
        cost = [str(len(tokens)), f"{sum(tokens) / 1e6:.1f}", f"{sum(tokens) / 45_000 / 60:.0f}"]
        assert line[1:4] == cost
