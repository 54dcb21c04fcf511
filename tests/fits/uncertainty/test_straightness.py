"""Fisher's lack-of-fit test: its false alarms are as many as it says, and a bend is found."""

import numpy as np
import pytest
from scipy import stats

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.uncertainty.straightness import Straightness, straightness

X = np.repeat(np.geomspace(1e3, 1e6, 7), 3)


def scattered(y, generator):
    return y * np.exp(0.05 * generator.standard_normal(len(y)))


def test_under_a_power_law_p_is_uniform():
    generator = np.random.default_rng(0)
    p = [straightness(X, scattered(X**-0.4, generator)).p for _ in range(500)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_an_offset_is_a_bend():
    found = straightness(X, scattered(0.05 + 3 * X**-0.4, np.random.default_rng(0)))
    assert found.p < 1e-6


def test_the_exponent_is_that_of_the_line():
    assert straightness(X, scattered(X**-0.4, np.random.default_rng(0))).exponent == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("p", "verdict"),
    [
        (0.0, "bent"),
        (0.05 * (1 - 1e-5), "bent"),
        (0.05 * (1 - 1e-9), "on the edge"),
        (0.05, "on the edge"),
        (0.05 * (1 + 1e-9), "on the edge"),
        (0.05 * (1 + 1e-5), "compatible"),
        (1.0, "compatible"),
    ],
)
def test_the_verdict_does_not_hang_on_the_last_digits_of_p(p, verdict):
    assert Straightness(1.0, 5, 14, p, 0.4).verdict() == verdict
    assert Straightness(1.0, 5, 14, p, 0.4).verdict(0.9999) == ("compatible" if p == 1 else "bent")
    with pytest.raises(InvalidArgument, match="level must be"):
        Straightness(1.0, 5, 14, p, 0.4).verdict(1.0)


def test_it_says_what_it_needs():
    with pytest.raises(InvalidArgument, match="x must be three or more"):
        straightness([1.0, 1.0, 2.0], [1.0, 1.1, 0.5])
    with pytest.raises(InvalidArgument, match="x must be three or more"):
        straightness([1.0, 2.0, 3.0], [1.0, 0.5, 0.3])
    with pytest.raises(InvalidArgument, match="y must be replicates that scatter"):
        straightness([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], [1.0, 1.0, 0.5, 0.5, 0.3, 0.3])
