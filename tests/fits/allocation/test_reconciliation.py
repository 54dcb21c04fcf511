"""Kaplan against Chinchilla: the closed form, the published exponents, and a table's own."""

import numpy as np
import pytest
from scipy import optimize

from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.allocation.reconciliation import (
    embedding_frontier,
    exponents_by_size,
    local_exponents,
    porian_steps,
    total_parameters,
)
from scaling_lib.fits.laws import Chinchilla
from tests.fits.allocation.planted_frontiers import EPOCH, HOFFMANN, grid


@pytest.mark.parametrize("law", [EPOCH, HOFFMANN])
def test_the_closed_form_is_the_minimum(law):
    frontier = embedding_frontier(law, np.geomspace(768, 1.5e9, 6))
    for row in frontier.itertuples():
        C = row.C_nonembedding
        found = optimize.minimize_scalar(
            lambda x, C=C: float(Chinchilla().loss(law, N=total_parameters(np.exp(x)), D=C / 6 / np.exp(x))),
            bounds=(0, 40),
            method="bounded",
            options={"xatol": 1e-11},
        )
        assert np.exp(found.x) == pytest.approx(row.N_nonembedding, rel=1e-6)
        assert found.fun == pytest.approx(row.loss, rel=1e-12)
        assert pytest.approx(C) == 6 * row.N_nonembedding * row.D


def test_the_local_exponent_is_the_slope():
    frontier = embedding_frontier(EPOCH, np.geomspace(1e3, 1e10, 2001))
    slope = np.gradient(np.log(frontier["N_nonembedding"]), np.log(frontier["C_nonembedding"]))
    assert frontier["exponent"].to_numpy()[1:-1] == pytest.approx(slope[1:-1], abs=1e-4)


def test_the_ends_of_the_exponent():
    """All embeddings: 1 / (1 + alpha / 3 beta); none: the law's own beta / (alpha + beta)."""
    low, high = embedding_frontier(EPOCH, np.array([1e-3, 1e30]))["exponent"]
    alpha, beta = EPOCH["alpha"], EPOCH["beta"]
    assert low == pytest.approx(1 / (1 + alpha / beta / 3), abs=1e-4)
    assert high == pytest.approx(beta / (alpha + beta), abs=1e-9)


def test_kaplans_exponent_follows_from_chinchillas_law():
    """Pearce and Song 2024: N_E ~ C_E^0.78 in Kaplan's range where N ~ C^0.51; recomputed .776, L ~ C_E^-0.069 and
    L - E ~ C_E^-0.133, L - E ~ C^-0.178 with embeddings."""
    found = local_exponents(EPOCH)
    assert found["a"] == pytest.approx(0.776, abs=5e-4)
    assert found["loss"] == pytest.approx(0.069, abs=5e-4)
    assert found["excess"] == pytest.approx(0.133, abs=5e-4)
    assert found["total_a"] == pytest.approx(0.513, abs=5e-4)
    assert found["total_excess"] == pytest.approx(0.178, abs=5e-4)


def test_without_embeddings_the_two_counts_agree():
    found = local_exponents(EPOCH, omega=0.0)
    for name in ("a", "loss", "excess"):
        assert found[name] == pytest.approx(found[f"total_{name}"], rel=1e-9)


def test_exponents_by_size_on_a_planted_table():
    """A law in N; m = 3 N^0.8 has alpha / 0.8, and its own count of compute another allocation."""
    runs = grid(HOFFMANN)
    runs = runs.assign(N_nonembedding=3 * runs["N"] ** 0.8, width=runs["N"] ** 0.5)
    table = exponents_by_size(runs)
    a = 0.28 / 0.62
    assert table.loc["N", ["alpha", "growth", "a", "b"]].tolist() == pytest.approx([0.34, 1, a, 1 - a], rel=1e-6)
    assert table.loc["N_nonembedding", ["alpha", "growth"]].tolist() == pytest.approx([0.425, 1.25], rel=1e-6)
    assert table.loc["N_nonembedding", "a"] == pytest.approx(0.8 * a, rel=1e-6)
    assert table.loc["N_nonembedding", "own_a"] == pytest.approx(0.28 / (0.28 + 0.425), rel=1e-6)
    assert table.loc["width", ["alpha", "a"]].tolist() == pytest.approx([0.68, a / 2], rel=1e-6)
    assert table["b"].tolist() == pytest.approx([1 - a] * 3, rel=1e-6)
    assert np.isnan(table.loc["width", "own_a"])


def test_exponents_by_size_names_the_missing_column():
    with pytest.raises(InvalidArgument, match="table must be one with the column N_nonembedding"):
        exponents_by_size(grid(HOFFMANN))


def test_porians_steps_end_at_chinchilla():
    steps = porian_steps()
    assert steps["OpenWebText2"].tolist() == [0.864, 0.699, 0.603, 0.574, 0.518]
    assert steps["RefinedWeb"].tolist() == [0.835, 0.706, 0.602, 0.571, 0.497]
