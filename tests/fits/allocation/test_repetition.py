"""Laws of repeated data: a planted one comes back and beats its rivals on runs that the fits were not shown."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation.corrections import effective_amount
from scaling_lib.fits.allocation.repetition import REPETITION_LAWS, compare_repetition, fit_repetition
from scaling_lib.runs.keeping.tables import load_recorded
from tests.fits.allocation.examples_repetition import RUNS

D, EPOCHS = np.repeat([5e4, 1e5, 2e5], 4), np.tile([1.0, 2.0, 4.0, 8.0], 3)
SHARE = D / 1e5
FRESH = 0.01 + 0.1 * (SHARE * EPOCHS) ** -1.5
PLANTED = {
    "fresh": FRESH,
    "discount": 0.01 + 0.1 * effective_amount(SHARE * EPOCHS, SHARE, 4.0) ** -1.5,
    "penalty": FRESH + 0.004 * (EPOCHS - 1) ** 0.7 * SHARE**-0.5,
    "linear penalty": FRESH + 0.002 * (EPOCHS - 1) / SHARE,
}
ALL = {"F": 0.01, "B": 0.1, "beta": 1.5, "decay": 4.0, "delta": 0.7, "kappa": 0.5}


def runs_of(law, noise=0.0, seed=0):
    jitter = np.exp(noise * np.random.default_rng(seed).standard_normal(len(D)))
    return {"D": D, "epochs": EPOCHS, "excess_loss": PLANTED[law] * jitter}


@pytest.mark.parametrize("law", REPETITION_LAWS)
def test_a_planted_law_comes_back(law):
    fitted = fit_repetition(runs_of(law), law)
    assert fitted.residual < 1e-6
    assert fitted.unit == pytest.approx(1e5)
    assert {name: ALL[name] for name in fitted.parameters if name != "P"} == pytest.approx(
        {name: value for name, value in fitted.parameters.items() if name != "P"}, rel=1e-3
    )
    assert fitted.excess_loss(D, EPOCHS) == pytest.approx(PLANTED[law])
    assert fitted.excess_loss(5e4, np.array([1.0, 8.0])) == pytest.approx(PLANTED[law][[0, 3]])


@pytest.mark.parametrize("seeds", [1, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("law", "rival"), [("discount", "linear penalty"), ("linear penalty", "discount")])
def test_the_planted_law_forecasts_better_than_its_rival(law, rival, seeds):
    for seed in range(seeds):
        scores = compare_repetition(runs_of(law, 0.01, seed), [law, rival])
        assert (scores["parameters"] == 4).all()
        for measure in ("fitted", "run left out", "text left out", "passes ahead"):
            assert scores.loc[law, measure] < scores.loc[rival, measure]
        assert scores.loc[law, "fitted"] < 0.02


def test_only_a_penalty_lets_the_loss_rise():
    many = np.geomspace(1, 1000, 50)
    curves = {law: fit_repetition(runs_of(law), law).excess_loss(1e5, many) for law in REPETITION_LAWS}
    for law in ("fresh", "discount"):
        assert (np.diff(curves[law]) <= 1e-12).all()
    for law in ("penalty", "linear penalty"):
        assert np.diff(curves[law])[-1] > 0


def test_what_too_few_runs_are_left_for_is_nan():
    few = {name: values[:8] for name, values in runs_of("penalty").items()}
    scores = compare_repetition(few, ["penalty"])
    assert scores.loc["penalty", "fitted"] < 1e-3
    assert np.isnan(scores.loc["penalty", ["text left out", "passes ahead"]].to_numpy(float)).all()


def test_what_chapter_4_says_of_the_recorded_walks():
    """Fresh tokens are excluded; which of the other two is nearer depends on the learning rate."""
    runs = load_recorded("er-200-epochs")
    lowest = runs.sort_values("excess_loss").groupby(["D", "epochs"], as_index=False).first()
    scores = compare_repetition(lowest)
    assert (scores.loc["fresh", "fitted"] > 2 * scores["fitted"].drop("fresh")).all()
    rival = ["discount", "linear penalty"]
    nearer = {
        rate: compare_repetition(part, rival).set_index("parameters", append=True).idxmin()
        for rate, part in runs.groupby("learning_rate")
    }
    winners = {law for best in nearer.values() for law, _ in best}
    assert winners == set(rival)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": np.ones(10)}, "more than 1 somewhere"),
        ({"epochs": np.full(10, 0.5)}, "1 or more"),
        ({"excess_loss": -np.ones(10)}, "excess_loss"),
        ({"D": np.ones(3)}, "columns of one length"),
    ],
)
def test_bad_runs_are_refused(change, words):
    with pytest.raises(InvalidArgument, match=words):
        fit_repetition(RUNS | change, "discount")


def test_bad_calls_are_refused():
    with pytest.raises(InvalidArgument, match="runs lacks the column 'epochs'"):
        fit_repetition({"D": D, "excess_loss": FRESH}, "discount")
    with pytest.raises(InvalidArgument, match="more than 6 runs for the law 'penalty'"):
        fit_repetition({name: values[:6] for name, values in runs_of("penalty").items()}, "penalty")
    with pytest.raises(InvalidArgument, match="laws must be a list of one law"):
        compare_repetition(RUNS, [])
    with pytest.raises(InvalidArgument, match="laws must be one of"):
        compare_repetition(RUNS, ["harm"])
