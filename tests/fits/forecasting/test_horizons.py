"""An exponent foretold from two decays: planted decays are found again, and what has none is refused."""

import numpy as np
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.forecasting.horizons import exponent_from_decays

PLACES = np.arange(1.0, 33.0)


# The decays of two texts in Cagnetta et al., Table 1: TinyStories and WikiText, and the exponents that they foretell.
@pytest.mark.parametrize(("gamma", "delta", "exponent"), [(0.325, 0.88, 0.185), (0.265, 0.94, 0.141)])
def test_planted_decays_give_the_exponent_of_the_paper(gamma, delta, exponent):
    horizon = exponent_from_decays(PLACES, 1.4 + 0.9 * PLACES**-gamma, PLACES, 0.05 * PLACES**-delta)
    assert (horizon.gamma, horizon.delta) == pytest.approx((gamma, delta), rel=1e-3)
    assert horizon.exponent == pytest.approx(exponent, abs=0.001)
    assert horizon.floor == pytest.approx(1.4, abs=1e-3)
    assert horizon.missed_entropy < 1e-6
    assert horizon.missed_correlation < 1e-12


def test_the_floor_is_not_taken_for_part_of_the_decay():
    low = exponent_from_decays(PLACES, 0.1 + PLACES**-0.5, PLACES, PLACES**-1.0)
    high = exponent_from_decays(PLACES, 5.0 + PLACES**-0.5, PLACES, PLACES**-1.0)
    assert low.gamma == pytest.approx(high.gamma, abs=1e-3)


def test_what_is_no_power_is_missed():
    chain = exponent_from_decays(PLACES, 1 + np.exp(-PLACES / 2), PLACES, np.exp(-PLACES / 3))
    assert chain.missed_correlation > 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"entropies": PLACES[:-1]}, "entropies must have"),
        ({"entropies": PLACES}, "entropies must be falling"),
        ({"correlations": PLACES}, "correlations must be falling"),
        ({"contexts": PLACES[:3], "entropies": 1 / PLACES[:3]}, "contexts must"),
    ],
)
def test_bad_points_are_refused(change, words):
    good = {"contexts": PLACES, "entropies": 1 / PLACES, "distances": PLACES, "correlations": 1 / PLACES}
    with pytest.raises(InvalidArgument, match=words):
        exponent_from_decays(**good | change)
