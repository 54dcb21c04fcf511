"""Tables that people brought, each standing for a kind: what was read wrongly, fitted in silence, or planned from."""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.allocation.planner import allocate
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla, PowerLaw
from scaling_lib.fits.tables import (
    doubts,
    one_row_a_point,
    parse_columns,
    parse_units,
    read_table,
    repeated_points,
    suspicions,
    table_columns,
    with_names,
)
from scaling_lib.fits.uncertainty.intervals import profile, profile_or_undetermined
from scaling_lib.fits.undetermined import Undetermined

LADDER = """N,D,loss
111e6,2.22e9,2.566
256e6,5.12e9,2.299
590e6,1.18e10,2.184
1.3e9,2.63e10,1.996
2.7e9,5.30e10,1.834
6.7e9,1.33e11,1.704
13e9,2.57e11,1.575
"""
PARAMS_AND_N = """params,N,C,loss
20000000,400000000,9.6e16,4.21784
20000000,4000000000,9.6e17,3.5414
20000000,40000000000,9.6e18,3.24612
100000000,400000000,3.4733126e17,3.66265
100000000,4000000000,3.47331263e18,2.98621
100000000,40000000000,3.473312629e19,2.69093
500000000,400000000,1.44e18,3.34144
500000000,4000000000,1.44e19,2.66499
500000000,40000000000,1.44e20,2.36972
2000000000,400000000,5.28e18,3.1757
2000000000,4000000000,5.28e19,2.49926
2000000000,40000000000,5.28e20,2.20398
"""
TRUTH = {"E": 1.7, "A": 400.0, "B": 1400.0, "alpha": 0.33, "beta": 0.36}


def planted(sigma=0.0, seed=0, sizes=5, tokens=4):
    """A grid of runs of a known law, N, D and loss."""
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(2e7, 2e9, sizes), np.geomspace(4e8, 4e10, tokens)))
    noise = np.exp(sigma * np.random.default_rng(seed).standard_normal(len(N)))
    return pd.DataFrame({"N": N, "D": D, "loss": Chinchilla().loss(TRUTH, N=N, D=D) * noise})


@pytest.fixture
def written(tmp_path):
    def write(content, name="runs.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(call, *words):
    with pytest.raises((InvalidArgument, InvalidData)) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    for word in words:
        assert word in message, message


# What the points determine --------------------------------------------------------------------------------------------


def test_a_ladder_of_one_ratio_is_undetermined_and_has_no_plan(written):
    table = read_table(written(LADDER))
    fitted = fit(Chinchilla(), table)
    assert set(fitted.undetermined) == {"A", "B", "alpha", "beta"}
    for name in fitted.undetermined:
        outcome = profile_or_undetermined(fitted, name)
        assert isinstance(outcome, Undetermined)
        assert "only their sum is determined, the loss along these points" in outcome.reason
        interval = profile(fitted, name)
        assert interval.open_low
        assert interval.open_high
        assert interval.low < interval.high
    assert not fitted.effectively_constant
    alone = [fit(PowerLaw(variable=name), table).objective for name in ("N", "D")]
    assert [fitted.objective, *alone] == pytest.approx([5.199e-5, 5.200e-5, 5.527e-5], rel=2e-4)
    refused(lambda: allocate(1e21, np.random.default_rng(0), table=table), "undetermined", "only their sum")


@pytest.mark.parametrize("sigma", [0.0, 0.003])
@pytest.mark.parametrize("slope", [1.0, 0.6])
def test_a_power_of_n_for_d_is_the_same_kind(sigma, slope):
    N = np.geomspace(1e7, 1e10, 24)
    D = 2e9 * (N / 1e8) ** slope
    loss = Chinchilla().loss(TRUTH, N=N, D=D) * np.exp(sigma * np.random.default_rng(1).standard_normal(24))
    fitted = fit(Chinchilla(), {"N": N, "D": D, "loss": loss}, objective="log-ols")
    assert set(fitted.undetermined) == {"A", "B", "alpha", "beta"}


def test_a_grid_is_determined_and_covers():
    fitted = fit(Chinchilla(), planted(0.002), objective="log-ols")
    assert fitted.undetermined == {}
    for name in ("alpha", "beta"):
        assert TRUTH[name] in profile(fitted, name)


def test_no_dependence_on_d_leaves_its_power_undetermined():
    table = planted(0.002)
    table["loss"] = 1.7 + 400 * table["N"] ** -0.33 + 0.002 * np.random.default_rng(2).standard_normal(len(table))
    fitted = fit(Chinchilla(), table, objective="log-ols")
    assert set(fitted.undetermined) == {"B", "beta"}
    assert "no dependence on D is visible" in fitted.undetermined["beta"].reason
    refused(lambda: allocate(1e20, np.random.default_rng(0), table=table), "undetermined")


def test_rows_as_many_as_parameters_determine_nothing():
    fitted = fit(Chinchilla(), planted().iloc[[0, 3, 7, 11, 19]])
    assert set(fitted.undetermined) == set(fitted.law.free)
    assert "as many free parameters as points" in fitted.undetermined["E"].reason


@pytest.mark.parametrize("value", [2.0, 0.83])
def test_constant_losses_have_no_plan(value):
    table = planted().assign(loss=value)
    refused(lambda: allocate(1e20, np.random.default_rng(0), table=table), "undetermined", "a constant fits as well")


def test_losses_that_rise_have_no_plan():
    table = planted()
    table["loss"] = 1 + 0.05 * np.log(table["N"] * table["D"])
    refused(lambda: allocate(1e20, np.random.default_rng(0), table=table), "undetermined")


@pytest.mark.parametrize(("offset", "factor"), [(1.69, 0.4), (3.0, 1.0)])
def test_a_known_offset_above_a_loss_is_refused_by_the_smallest_loss(offset, factor):
    table = planted()
    table["loss"] *= factor
    refused(
        lambda: fit(Chinchilla().pin(E=offset), table), f"E = {offset:g}", f"{table['loss'].min():.6g}", "smallest"
    )
    refused(lambda: fit(PowerLaw(offset=offset), table), "smallest")


# Repeated points ------------------------------------------------------------------------------------------------------


def test_repeated_points_are_said_and_thinned():
    costs = {1e-3: 1.05, 2e-3: 1.0, 4e-3: 1.2}
    table = pd.concat([planted().assign(rate=rate, loss=planted()["loss"] * cost) for rate, cost in costs.items()])
    assert repeated_points(table) == (60, 20)
    assert any("60 rows hold 20 distinct points" in said for said in fit(Chinchilla(), table).warnings)
    best = one_row_a_point(table)
    assert set(best["rate"]) == {2e-3}
    assert fit(Chinchilla(), best).params["alpha"] == pytest.approx(TRUTH["alpha"], abs=1e-6)
    assert not any("distinct points" in said for said in fit(Chinchilla(), best).warnings)
    mean = one_row_a_point(table, keep="mean")
    assert mean["loss"].to_numpy() == pytest.approx(planted()["loss"].to_numpy() * 3.25 / 3)


# Columns and units ----------------------------------------------------------------------------------------------------


def test_a_table_that_calls_tokens_n(written):
    table = read_table(written(PARAMS_AND_N), {"N": "params", "D": "N"})
    fitted = fit(Chinchilla(), table)
    assert (fitted.params["E"], fitted.params["alpha"], fitted.params["beta"]) == pytest.approx(
        (1.7, 0.34, 0.36), abs=2e-3
    )


def test_columns_change_places_at_once():
    swapped = with_names(planted().rename(columns={"N": "D", "D": "N"}), {"N": "D", "D": "N"})
    assert swapped[["N", "D", "loss"]].equals(planted())


def test_swapped_columns_are_doubted_and_get_no_plan():
    table = planted().rename(columns={"N": "D", "D": "N"})
    assert any("each other's names" in said for said in suspicions(table))
    refused(lambda: allocate(1e20, np.random.default_rng(0), table=table), "each other's names")
    declared = with_names(table, units={"N": 1.0, "D": 1.0})
    assert suspicions(declared) == []
    with_compute = with_names(planted())
    exchanged = with_compute.rename(columns={"C": "D", "D": "C"})
    exchanged.attrs = {}
    assert any("each other's name" in said for said in suspicions(exchanged))


def test_billions_for_the_small_models_only():
    N, D = (axis.ravel() for axis in np.meshgrid([2e7, 1e8, 5e8, 2e9], [4e8, 4e9, 4e10], indexing="ij"))
    loss = Chinchilla().loss(TRUTH, N=N, D=D)
    mixed = np.where(N < 2e8, D / 1e9, D)
    refused(lambda: fit(Chinchilla(), {"N": N, "D": mixed, "loss": loss}), "table['D'] must be in one unit")
    with_compute = {"N": N, "D": mixed, "C": 6 * N * D, "loss": loss}
    refused(lambda: fit(Chinchilla(), with_compute), "one unit")
    millions = {"N": np.where(N < 2e8, N / 1e6, N), "D": D, "loss": loss}
    refused(lambda: fit(Chinchilla(), millions), "table['N'] must be in one unit")


def test_units_that_are_the_same_in_every_row_are_doubted_by_the_column_that_was_given():
    table = planted()
    assert any("millions of parameters and billions" in said
               for said in suspicions(table.assign(N=table["N"] / 1e6, D=table["D"] / 1e9)))  # fmt: skip
    giga = with_names(table.assign(C=6 * table["N"] * table["D"] / 1e9).drop(columns="D"))
    (said,) = suspicions(giga)
    assert "C may be counted in billions of FLOPs" in said
    assert "D may" not in said
    mended = with_names(giga.drop(columns="D"), units={"C": 1e9})
    assert suspicions(mended) == []
    assert fit(Chinchilla(), mended).params["alpha"] == pytest.approx(TRUTH["alpha"], abs=1e-6)
    with_all = table.assign(C=6 * table["N"] * table["D"] / 1e9)
    assert any("C seems to be counted in billions" in said for said in suspicions(with_all))
    refused(lambda: allocate(1e20, np.random.default_rng(0), table=giga), "billions of FLOPs")


def test_units_by_word_and_by_number():
    assert parse_units("N=millions, D=1e9") == {"N": 1e6, "D": 1e9}
    for text in ("N", "N=dozens", "N=0", "N=-1"):
        with pytest.raises(InvalidArgument, match="text"):
            parse_units(text)
    table = planted()
    scaled = with_names(table.assign(N=table["N"] / 1e6, D=table["D"] / 1e9), units={"N": 1e6, "D": 1e9})
    assert scaled["D"].to_numpy() == pytest.approx(table["D"].to_numpy())


# Files ----------------------------------------------------------------------------------------------------------------

NUMBERS = planted().head(6)


def text_of(separator=",", decimal=".", thousands="", header="N,D,loss"):
    def shown(value, whole):
        text = f"{value:,.0f}" if whole else f"{value:.6f}"
        marks = {",": thousands, ".": decimal}
        return "".join(marks.get(letter, letter) for letter in text)

    lines = [header.replace(",", separator)]
    for N, D, loss in NUMBERS.itertuples(index=False):
        cells = [shown(N, True), shown(D, True), shown(loss, False)]
        lines.append(separator.join(f'"{cell}"' if separator in cell else cell for cell in cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("separator", "decimal", "thousands"),
    [
        (",", ".", ""),
        (",", ".", ","),
        (";", ",", ""),
        (";", ",", "."),
        (";", ",", " "),
        (";", ".", "'"),
        ("\t", ".", ""),
        ("\t", ",", "."),
        ("|", ".", "_"),
        (" ", ".", ""),
        (",", ",", ""),
    ],
)
def test_separators_and_decimal_marks_are_read(written, separator, decimal, thousands):
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        read = read_table(written(text_of(separator, decimal, thousands).encode(encoding)))
        for name in ("N", "D", "loss"):
            assert read[name].to_numpy() == pytest.approx(NUMBERS[name].round(0 if name != "loss" else 6).to_numpy())


def test_what_can_be_read_two_ways_is_refused(written):
    refused(lambda: read_table(written('N,D,loss\n1,2,"2,566"\n')), "'2,566'", "line 2", "2.566 or 2566")
    refused(lambda: read_table(written('N;D;loss\n1;2;2,56\n1;2;2.5\n')), "'2,56' in line 2", "'2.5' in line 3")


@pytest.mark.parametrize("name", ["runs.pq", "RUNS.PARQUET", "runs"])
def test_parquet_by_any_name(tmp_path, name):
    NUMBERS.to_parquet(tmp_path / name)
    assert read_table(tmp_path / name)["loss"].to_numpy() == pytest.approx(NUMBERS["loss"].to_numpy())


def test_json_in_three_shapes(written):
    records = NUMBERS.to_dict("records")
    for name, content in (
        ("runs.json", json.dumps(records)),
        ("runs.json", json.dumps(NUMBERS.to_dict("list"))),
        ("runs.json", json.dumps({"runs": records})),
        ("runs.jsonl", "\n".join(map(json.dumps, records))),
        ("runs.ndjson", "\n\n".join(map(json.dumps, records)) + "\n"),
    ):
        assert read_table(written(content, name))["loss"].to_numpy() == pytest.approx(NUMBERS["loss"].to_numpy())
    refused(lambda: read_table(written('{"N": 1}\n{"N": oops}\n', "runs.jsonl")), "line 2")
    refused(lambda: read_table(written('[1, 2]', "runs.json")), "an object for each run")


def test_a_title_comments_and_blank_lines_on_top(written):
    plain = text_of()
    for top in ("Scaling runs of January\n\n", "# by hand, 2025\n# second\n", "Runs, all of them\n# note\n\n"):
        table = read_table(written(top + plain))
        assert list(table.columns[:3]) == ["N", "D", "loss"]
        assert table.index[0] == top.count("\n") + 2
    numpy_says = "# " + text_of(" ", header="N,D,loss").replace("\n", "\n", 1)
    assert list(read_table(written(numpy_says)).columns[:3]) == ["N", "D", "loss"]


def test_words_are_named_with_their_line(written):
    lines = text_of().splitlines()
    diverged = "\n".join([*lines[:4], "20000000,400000000,diverged", *lines[4:]])
    refused(lambda: table_columns(Chinchilla(), read_table(written(diverged))), "table['loss']", "'diverged' in line 5")
    total = text_of() + "Total,,3.5\n"
    refused(lambda: table_columns(Chinchilla(), read_table(written(total))), "table['N']", "'Total' in line 8")
    empty = text_of() + "20000000,,3.5\n"
    refused(lambda: table_columns(Chinchilla(), read_table(written(empty))), "table['D']", "line 8")
    for suffix in ("7B", "2.2T", "3 %"):
        refused(
            lambda suffix=suffix: table_columns(Chinchilla(), read_table(written(text_of() + f"1e8,{suffix},3\n"))),
            f"'{suffix}' in line 8",
        )


def test_names_with_commas_and_blanks(written):
    path = written(text_of(header='N , D,"val, smooth"').replace("val|", "val,"))
    content = text_of().replace("N,D,loss", 'N , D ,"val, smooth"')
    table = read_table(written(content), parse_columns("N=N,loss=val, smooth"))
    assert table["loss"].to_numpy() == pytest.approx(NUMBERS["loss"].to_numpy(), abs=1e-6)
    assert path.is_file()


def test_no_message_lists_a_whole_file(written):
    wide = ",".join(f"column_{i}_{'x' * 60}" for i in range(300)) + "\n" + ",".join("1" for _ in range(300)) + "\n"
    table = read_table(written(wide))
    refused(lambda: table_columns(Chinchilla(), table), "lacks the column 'N'", "288 more")
    refused(lambda: read_table(written(wide), {"N": "size"}), "columns maps N to 'size'", "288 more")
    one_column = "some text " * 400 + "\n" + "words " * 400 + "\n"
    refused(lambda: table_columns(Chinchilla(), read_table(written(one_column))), "lacks the column")


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (b"PK\x03\x04 sheet", "runs.xlsx", "spreadsheet"),
        (b"SQLite format 3\0 pages", "runs.db", "database"),
        (b"\x7fELF\x01\x02\x03", "runs.csv", "no text"),
        (b"1,2,3\n4,5,6\n", "runs.csv", "line 1 should name the columns"),
        (b"N,D,loss\n", "runs.csv", "nothing below its header"),
        (b"N,N,loss\n1,2,3\n4,5,6\n", "runs.csv", "'N' twice"),
        (b"N,D,loss\n1,2,3\n1,2,3,4\n1,2,3\n", "runs.csv", "got 4 in line 3"),
    ],
)
def test_what_is_no_table_is_said(written, content, name, word):
    refused(lambda: read_table(written(content, name)), word)


def test_a_long_file_is_read_alike(written):
    table = pd.concat([planted()] * 1100, ignore_index=True)
    read = read_table(written(table.to_csv(index=False)))
    assert len(read) == len(table)
    assert read["loss"].to_numpy() == pytest.approx(table["loss"].to_numpy(), rel=1e-15)
    assert read.index[-1] == len(table) + 1
    words = table.astype({"loss": object})
    words.loc[21_000, "loss"] = "diverged"
    spoilt = read_table(written(words.to_csv(index=False)))
    refused(lambda: table_columns(Chinchilla(), spoilt), "'diverged' in line 21002")


def test_doubts_have_columns_that_a_declaration_settles():
    table = planted().assign(D=lambda t: t["D"] / 1e9)
    (doubt,) = doubts(table)
    assert doubt.grave
    assert doubt.columns == ("N", "D")
    assert doubts(table, declared=("N", "D")) == []
