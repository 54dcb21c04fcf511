"""Recorded results that are no runs: those on the Chinchilla points are of their file, what is counted in the ladder
is of its tokens, and both are what the library computes from it."""

import numpy as np
import pytest

from scaling_lib.data.text.statistics import correlation_norms
from scaling_lib.data.walks import sample_walks
from scaling_lib.fits.points.datasets import CHINCHILLA_SHA256
from scaling_lib.runs.keeping.tables import load_recorded
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.runs.sweeping.recipes import open_source
from tests.real_points import published_points
from tools import record_ladder as ladder
from tools.record_chinchilla import CHEAP, NAME, results

# Other processors round otherwise, and a bootstrap draws from what they give.
TOLERANCE = 1e-5


def test_they_name_the_file_they_come_from():
    table = load_recorded(NAME)
    assert set(table["input_sha256"]) == {CHINCHILLA_SHA256}
    assert table["quantity"].is_unique
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert "network.gamma" in set(table["quantity"])


def test_what_is_cheap_is_computed_again(monkeypatch):
    points = published_points()
    monkeypatch.setattr("tools.record_chinchilla.chinchilla_points", lambda path, *, drop: published_points(drop))
    kept = load_recorded(NAME).set_index("quantity")
    again = results(points, CHEAP).set_index("quantity")
    for column in ("value", "low", "high"):
        assert again[column].to_numpy() == pytest.approx(kept.loc[again.index, column].to_numpy(), rel=TOLERANCE)


# What is counted in the rungs from walks to language (`tools.record_ladder`)

LADDER = load_recorded(ladder.STATISTICS)
SPEECHES = LADDER[LADDER["corpus"] == "speeches"]


def counted(kind, rung):
    part = SPEECHES[(SPEECHES["kind"] == kind) & (SPEECHES["rung"] == rung)]
    return part.set_index("at")["value"]


def test_the_ladders_tables_name_the_tokens_they_come_from():
    samples = load_recorded(ladder.SAMPLES)
    for rung, name in ladder.RUNGS.items():
        fingerprint = experiment(name).configurations("smoke")[0].source.fingerprint
        for table in (SPEECHES, samples):
            assert set(table[table["rung"] == rung]["fingerprint"]) == {fingerprint}
        assert (samples["rung"] == rung).sum() == ladder.SHOWN
    kinds = {"n-gram", "information", "correlation", "words"}
    assert all(kinds <= set(SPEECHES[SPEECHES["rung"] == rung]["kind"]) for rung in ladder.RUNGS)


def test_a_chain_gains_nothing_from_more_than_pairs_and_the_other_rungs_do():
    rate = float(counted("law", "bigram").mean())
    chain = counted("n-gram", "bigram")
    assert chain[2] == pytest.approx(rate, abs=0.02)
    assert (chain.loc[3:] > rate - 0.02).all()
    for rung in ("T1L", "T2L", "T4L", "text"):
        assert counted("n-gram", rung)[3] < rate - 0.5
        assert counted("n-gram", rung)[2] == pytest.approx(chain[2], abs=0.05)
    fourth = [counted("n-gram", rung)[4] for rung in ladder.RUNGS]
    assert fourth == sorted(fourth, reverse=True)


def test_the_ladders_counts_are_computed_again():
    """The chain's own: exact laws in rank, and walks of it."""
    chain = open_source(experiment("language-bigram").configurations("smoke")[0].source).chain
    for kind in ("unigram", "conditional"):
        again = chain.rank_frequencies(kind)
        assert counted(f"{kind}-128", "text").to_numpy() == pytest.approx(again, rel=1e-9)
    assert counted("spectrum-128", "text").sum() == chain.arcs
    walks = sample_walks(chain, 8000, ladder.CONTEXT, seed=5)
    near = counted("correlation", "bigram").loc[1:3]
    assert correlation_norms(np.asarray(walks), 128, [1, 2, 3]) == pytest.approx(near.to_numpy(), rel=0.15)


def test_plays_are_what_is_spoken(tmp_path):
    text = "# Hamlet\n\n## ACT I\n\n_Enter BERNARDO_\n\n**BERNARDO**  \nWho's there?  \nNay, _answer_ me:\n"
    (tmp_path / "hamlet.md").write_text(text.replace("\\\n", "\n") * 2 + "\n**FRANCISCO**  \nLong live the king!\n")
    (spoken,) = ladder.plays_in(tmp_path).texts
    assert spoken.splitlines()[0] == "Who's there? Nay, answer me:"
    assert "FRANCISCO" not in spoken
    assert "Enter" not in spoken
