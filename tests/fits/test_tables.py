"""Tables: what is read, what is refused in one sentence, what is doubted."""

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw, published_law
from scaling_lib.fits.points.synthetic import synthetic_chinchilla, synthetic_runs
from scaling_lib.fits.tables import parse_columns, read_table, suspicions, table_columns


@pytest.fixture
def table():
    return synthetic_chinchilla(np.random.default_rng(0), 60)


def test_columns_are_pairs():
    assert parse_columns("N=params, D=tokens ,loss=val loss") == {"N": "params", "D": "tokens", "loss": "val loss"}
    for text in ("N", "N=", "=params", "N=a,N=b", "N=a,,D=b"):
        with pytest.raises(InvalidArgument, match="pairs separated by commas"):
            parse_columns(text)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_files_round_trip(table, tmp_path, suffix):
    file = tmp_path / f"runs{suffix}"
    foreign = table.rename(columns={"N": "params", "D": "tokens", "loss": "val"}).drop(columns="C")
    if suffix == ".parquet":
        foreign.to_parquet(file)
    else:
        foreign.to_csv(file, index=False, sep="\t" if suffix == ".tsv" else ",")
    read = read_table(file, {"N": "params", "D": "tokens", "loss": "val"})
    for name in ("N", "D", "C", "loss"):
        assert read[name].to_numpy() == pytest.approx(table[name].to_numpy(), rel=1e-12)


def test_a_mapped_column_replaces_one_of_that_name(table, tmp_path):
    file = tmp_path / "runs.csv"
    table.assign(smooth=table["loss"] * 1.01).to_csv(file, index=False)
    assert read_table(file, {"loss": "smooth"})["loss"].to_numpy() == pytest.approx(table["loss"].to_numpy() * 1.01)


def test_compute_supplies_what_is_missing(table):
    by_tokens = fit(Chinchilla(), table[["N", "D", "loss"]])
    by_compute = fit(Chinchilla(), table[["N", "C", "loss"]])
    other_way = fit(Chinchilla(), table[["D", "C", "loss"]])
    for found in (by_compute, other_way):
        assert found.params == pytest.approx(by_tokens.params, rel=1e-5)
    assert table_columns(PowerLaw(variable="C"), table[["N", "D", "loss"]])[0]["C"] == pytest.approx(
        table["C"].to_numpy()
    )


def test_numbers_in_object_columns_and_integers_are_read(table):
    mixed = {"N": table["N"].astype(object), "D": table["D"].round().astype(int), "loss": list(table["loss"])}
    columns, loss = table_columns(Chinchilla(), mixed)
    assert columns["N"].dtype == columns["D"].dtype == loss.dtype == float


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="loss"), "table lacks the column 'loss'.*--columns loss="),
        (lambda t: t.drop(columns=["D", "C"]), "table lacks the column 'D'"),
        (lambda t: t.assign(loss=np.where(t.index == 3, np.inf, t["loss"])), r"table\['loss'\].*got inf in row 3"),
        (lambda t: t.assign(D=np.where(t.index == 2, np.nan, t["D"])), r"table\['D'\].*got nan in row 2"),
        (lambda t: t.assign(N=np.where(t.index == 5, 0, t["N"])), r"table\['N'\].*got 0 in row 5"),
        (
            lambda t: t.assign(D=[f"{d / 1e9:.0f}B" for d in t["D"]]),
            r"table\['D'\] must be a column of numbers, got '\d+B'",
        ),
        (lambda t: t.assign(D=np.where(t.index < 20, t["D"] / 1e9, t["D"])), r"table\['D'\] must be in one unit"),
        (lambda t: t.assign(N=np.where(t.index < 20, t["N"] / 1e6, t["N"])), r"table\['N'\] must be in one unit"),
        (lambda t: t.head(4), "at least 5 points.*got 4"),
        (lambda t: t.assign(N=1e9), "table must vary N, got N = 1e\\+09 in every row"),
        (lambda t: t["loss"], "table must be a DataFrame"),
        (lambda t: {"N": t["N"][:5], "D": t["D"], "loss": t["loss"]}, "columns of one length"),
        (lambda t: {"N": np.ones((3, 2)), "D": t["D"], "loss": t["loss"]}, "one number a row"),
    ],
)
def test_bad_tables_get_one_clear_sentence(table, change, words):
    with pytest.raises(InvalidArgument, match=words) as caught:
        fit(Chinchilla(), change(table))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert message.count(": ") == 1 or "got" in message


def test_a_wide_range_is_not_mixed_units():
    """Three decades between neighbours are fine when the losses tell them apart."""
    D = np.array([1e4, 2e4, 4e4, 1e8, 2e8, 4e8])
    assert fit(PowerLaw(), {"D": D, "loss": 2 + 60 * D**-0.4}).params["beta"] == pytest.approx(0.4)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidArgument, match="path must be an existing file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InvalidData, match="path must hold a table"):
        read_table(tmp_path / "empty.csv")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InvalidData, match="path must hold a table"):
        read_table(tmp_path / "torn.parquet")
    (tmp_path / "runs.csv").write_text("params,loss\n1,2\n")
    with pytest.raises(
        InvalidArgument, match=r"columns maps N to 'size', which runs.csv has not: it has params, loss\."
    ):
        read_table(tmp_path / "runs.csv", {"N": "size"})


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda t: t.assign(loss=t["loss"] / np.log(2)), "bits"),
        (lambda t: t.assign(loss=np.exp(t["loss"])), "perplexities"),
        (lambda t: t.assign(D=t["D"] / 1e3), "thousands"),
        (lambda t: t.assign(D=t["D"] / 1e3).drop(columns="C"), "thousands of tokens"),
        (lambda t: t.assign(D=t["D"] / 1e9).drop(columns="C"), "billions of tokens"),
        (lambda t: t.assign(N=t["N"] / 1e6).drop(columns="C"), "N may be counted in millions"),
        (lambda t: t.assign(N=t["N"] / 1e6), "counted in millions"),
    ],
)
def test_doubtful_units_are_said(table, change, word):
    assert any(word in said for said in suspicions(change(table)))


def test_ordinary_tables_raise_no_doubt(table):
    assert suspicions(table) == []
    D = np.geomspace(1e4, 1e6, 8)
    graph_walks = {"N": np.full(8, 3e4), "D": D, "loss": 2.35 + 5e3 / D}
    assert suspicions(graph_walks) == []
    assert suspicions({"loss": ["a", "b"]}) == []


def test_the_synthetic_twin_says_what_it_is(table):
    again = synthetic_chinchilla(np.random.default_rng(0), 60)
    assert (table == again).all(axis=None)
    assert "SYNTHETIC" in table.attrs["source"]
    whole = synthetic_chinchilla(np.random.default_rng(1))
    assert len(whole) == 240
    assert whole["C"].to_numpy() == pytest.approx(6 * whole["N"].to_numpy() * whole["D"].to_numpy())
    found = fit(Chinchilla(), whole)
    for name in ("E", "alpha", "beta"):
        error = found.standard_errors[name]
        assert abs(found.params[name] - published_law("besiroglu").parameters[name]) < 4 * error


def test_synthetic_runs_have_the_law_as_mean_at_the_best_rate():
    D = np.array([1e4, 1e6])
    truth = {"E": 2.0, "B": 60.0, "beta": 0.4}
    runs = synthetic_runs(PowerLaw(), truth, {"D": D}, np.random.default_rng(0), seeds=2000, noise=[0.01, 0.03])
    at_best = runs[runs["learning_rate"] == 2e-3].groupby("D")["loss"]
    logs = at_best.apply(lambda loss: np.log(loss).mean())
    assert np.exp(logs.to_numpy()) == pytest.approx(PowerLaw().loss(truth, D=D), rel=3e-3)
    assert at_best.apply(lambda loss: np.log(loss).std()).to_numpy() == pytest.approx([0.01, 0.03], rel=0.1)
    assert len(runs) == 2 * 3 * 2000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": 0}, "seeds must be"),
        ({"learning_rates": (0.0,)}, "learning_rates must hold"),
        ({"noise": [0.1, 0.1, 0.1]}, "noise must be one number, or 2"),
        ({"design": [1, 2]}, "design must be"),
        ({"parameters": {"E": 1.0}}, "parameters lacks"),
    ],
)
def test_synthetic_runs_refuse(change, words):
    good = {"parameters": {"E": 2.0, "B": 60.0, "beta": 0.4}, "design": {"D": [1e4, 1e6]}}
    with pytest.raises(InvalidArgument, match=words):
        synthetic_runs(**{"law": PowerLaw(), "generator": np.random.default_rng(0), **good, **change})


def test_series_and_frames_give_the_same(table):
    as_dict = {name: table[name] for name in ("N", "D", "loss")}
    assert fit(Chinchilla(), as_dict).params == fit(Chinchilla(), table).params
    reindexed = table.set_index(pd.Index(range(100, 160)))
    assert fit(Chinchilla(), reindexed).params == fit(Chinchilla(), table).params
