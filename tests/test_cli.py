"""The command line: every verb, its JSON, and its one-line errors."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from scaling_lib import environment
from scaling_lib.cli import app, runs
from scaling_lib.cli import claims as claims_verb
from scaling_lib.fits.tables import one_row_a_point
from scaling_lib.fits.tables.columns import finished_runs
from scaling_lib.models.accounting import Architecture
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import load_recorded, records_of
from scaling_lib.runs.sweeping import calibration, experiments
from scaling_lib.runs.sweeping.calibration import Calibration
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs import planted
from tests.runs.tiny import TINY

run = CliRunner().invoke


def payload(*arguments):
    """The JSON object a command prints, and proof that nothing else is on standard output."""
    done = run(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def test_help_names_the_verbs():
    done = run(app, ["--help"])
    assert done.exit_code == 0
    for verb in ("chain", "experiments", "sweep", "runs", "fit", "allocate", "claims", "compare"):
        assert verb in done.stdout


def test_chain_er():
    known = payload("chain", "er", "--nodes", "1000", "--edges", "5000")
    assert known["nodes"] == 1000
    assert known["edges"] == 5000
    assert known["entropy_rate"] == pytest.approx(2.352, abs=0.01)
    assert known["counting_coefficient"] == 4500


def test_chain_ba_is_the_papers_graph():
    known = payload("chain", "ba", "--nodes", "8192", "--m", "6")
    assert known["edges"] == 49131
    assert known["entropy_rate"] == pytest.approx(2.80, abs=0.01)


def test_chain_edges(tmp_path):
    (tmp_path / "ring.csv").write_text("source,target\n" + "".join(f"{i},{(i + 1) % 5}\n" for i in range(5)))
    known = payload("chain", "edges", str(tmp_path / "ring.csv"))
    assert known["nodes"] == known["edges"] == 5
    assert known["entropy_rate"] == pytest.approx(0.6931471805599453)


def test_sweep_and_claims_on_the_readers_store(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "EXPERIMENTS", experiments.EXPERIMENTS | {"tiny": TINY})
    store = tmp_path / "runs.db"
    asked = ["sweep", "tiny", "--store", str(store), "--workers", "1"]
    assert payload(*asked, "--mirror", str(tmp_path / "drive"))["trained"] == len(TINY.configurations("smoke"))
    assert (tmp_path / "drive" / "runs.db").is_file()
    first = payload("runs", "list", str(store))
    assert payload(*asked)["trained"] == 0
    assert payload("runs", "list", str(store)) == first
    rows = payload("claims", "--store", str(store))["claims"]
    ours = [row for row in rows if row["id"] in ("counting.rate", "walks.counting_rate.128", "er-1k-k0.alpha")]
    assert [row["verdict"] for row in ours] == ["not run"] * 3  # tiny is no claim's experiment


def test_claims_on_a_store_see_the_graphs_of_all_seeds(tmp_path, monkeypatch):
    with_graphs = replace(TINY, follows={"source.seed": "seed"})
    monkeypatch.setattr(experiments, "EXPERIMENTS", experiments.EXPERIMENTS | {"tiny": with_graphs})
    grid = with_graphs.configurations("smoke")[:4]
    assert len({configuration.source for configuration in grid}) == 2
    with Store(tmp_path / "runs.db") as store:
        sweep(grid, store, progress=False)
    seen = []
    monkeypatch.setattr(claims_verb, "evaluate", lambda tables: seen.append(tables("tiny")) or [])
    assert payload("claims", "--store", str(tmp_path / "runs.db")) == {"claims": []}
    assert set(seen[0]["identity"]) == {configuration.identity for configuration in grid}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(experiments, "EXPERIMENTS", experiments.EXPERIMENTS | {"tiny": TINY})


def test_experiments_are_listed_with_what_they_cost():
    listed = payload("experiments", "--profile", "smoke")["experiments"]
    assert {row["name"] for row in listed} == set(experiments.EXPERIMENTS)
    for row in listed:
        axes = experiments.EXPERIMENTS[row["name"]].axes["smoke"]
        assert row["runs"] == math.prod(map(len, axes.values()))
        assert row["minutes"] > 0
        assert row["flops"] > 0
    (thread,) = (row for row in listed if row["name"] == "er-100")
    tokens = experiments.EXPERIMENTS["er-100"].axes["smoke"]["schedule.tokens"]
    assert thread["flops"] == 6.0 * Architecture(100, 64).parameters * sum(tokens)


def test_experiments_are_listed_in_eighty_columns(monkeypatch):
    """One line an experiment: name, graph, widths, D, runs and time; the question with --long."""
    monkeypatch.setattr(calibration, "calibrate", lambda device: Calibration(1e-6, 1e-11, device))
    screen = {"COLUMNS": "80"}
    done = run(app, ["experiments", "--workers", "1"], env=screen)
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= 80
    title, head, *lines = (line.rstrip() for line in done.stdout.splitlines())
    assert title == "Experiments: runs and time, with 1 process(es) on the cpu"
    assert head.split() == ["name", "graph", "width", "D", "smoke", "colab", "full"]
    assert [line.split()[0] for line in lines] == list(experiments.EXPERIMENTS)
    (thread,) = (line.split() for line in lines if line.startswith("er-100 "))
    counts = [str(len(experiments.experiment("er-100").configurations(p))) for p in ("smoke", "colab", "full")]
    assert thread[:5] == ["er-100", "ER", "100", "64", "100k-4.3M"]
    assert thread[5::2] == counts
    assert "cliff" not in done.stdout
    long = run(app, ["experiments", "--long", "--workers", "1"], env={"COLUMNS": "250"}).stdout
    assert "Does the capacity floor account for the cliff" in long
    one = run(app, ["experiments", "--profile", "full", "--workers", "1"], env=screen).stdout
    assert "smoke" not in one
    assert "full" in one


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0s"), (89, "89s"), (120, "2m"), (5400, "2h"), (200_000, "2d"), (None, "")]
)
def test_times_in_the_list(seconds, words):
    assert runs._time(seconds) == words


def test_numbers_in_the_list():
    assert [runs._span([value]) for value in (96, 8192, 50_000, 1_054_000, 2_000_000, 512_000_000)] == [
        "96",
        "8192",
        "50k",
        "1.1M",
        "2M",
        "512M",
    ]
    assert runs._span([64, 16, 32]) == "16-64"


def test_a_sweep_in_shards_merged_is_the_whole(tmp_path, tiny):
    stores = [tmp_path / f"{i}.db" for i in (1, 2)]
    for i, path in enumerate(stores, 1):
        done = payload("sweep", "tiny", "--store", str(path), "--shard", f"{i}/2", "--workers", "1")
        assert done["trained"] > 0
        assert done["missing"] == 0
    merged = payload("runs", "merge", str(tmp_path / "all.db"), *map(str, stores))
    assert merged["runs"] == sum(merged["added"].values()) == len(TINY.configurations("smoke"))
    assert payload("sweep", "tiny", "--store", str(tmp_path / "all.db"))["trained"] == 0
    assert payload("runs", "verify", str(tmp_path / "all.db")) == {
        "runs": merged["runs"],
        "problems": [],
        "repeats": 0,
    }
    assert len(payload("runs", "list", str(tmp_path / "all.db"))["runs"]) == merged["runs"]
    assert payload("runs", "export", str(tmp_path / "all.db"), str(tmp_path / "all.csv"))["runs"] == merged["runs"]
    assert len(pd.read_csv(tmp_path / "all.csv")) == merged["runs"]


def test_a_sweep_keeps_the_weights_that_are_measured_afterwards(tmp_path, tiny):
    store, kept = str(tmp_path / "runs.db"), str(tmp_path / "kept")
    done = payload("sweep", "tiny", "--store", store, "--keep", kept, "--workers", "1")
    assert done["trained"] == len(list((tmp_path / "kept").glob("*.safetensors")))
    metric = "scaling_lib.runs.training.generation:brier"
    measured = payload("runs", "measure", store, "--kept", kept, "--metric", metric)
    assert (measured["measured"], measured["problems"]) == (done["trained"], [])


def test_a_sweep_over_its_budget_says_what_is_missing_and_how_to_go_on(tmp_path, tiny):
    asked = ["sweep", "tiny", "--store", str(tmp_path / "runs.db"), "--workers", "1"]
    done = run(app, [*asked, "--time-budget", "0.001s"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "The same command again goes on" in done.stdout
    told = payload(*asked, "--time-budget", "0.001s")
    assert told["missing"] == sum(point["runs"] for point in told["missing_points"]) > 0
    assert payload(*asked, "--time-budget", "10m")["missing"] == 0


def test_an_optimum_at_the_edge_is_said_and_widened(tmp_path, tiny):
    asked = ["sweep", "tiny", "--store", str(tmp_path / "runs.db"), "--workers", "1"]
    first = payload(*asked)
    assert first["at_the_edge"]  # two rates only: the best one is always the last one
    wider = payload(*asked, "--widen")
    assert wider["trained"] > 0
    with Store(tmp_path / "runs.db", read_only=True) as store:
        rates = store.frame()["learning_rate"]
    assert rates.max() > 1.0 or rates.min() < 0.1
    again = run(app, [*asked, "--widen", "--time-budget", "1s"])
    assert "not of this grid" not in again.stderr
    assert "not of this grid" in run(app, asked).stderr


def test_a_precision_makes_runs_of_its_own(tmp_path, tiny):
    asked = ["sweep", "tiny", "--store", str(tmp_path / "runs.db"), "--workers", "1"]
    first, coarse = payload(*asked), payload(*asked, "--precision", "bfloat16")
    assert first["trained"] == coarse["trained"] == len(TINY.configurations("smoke"))
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert store.frame()["precision"].value_counts().to_dict() == {
            "float32": first["trained"],
            "bfloat16": coarse["trained"],
        }


def test_runs_of_another_grid_are_said(tmp_path, tiny):
    with Store(tmp_path / "runs.db") as store:
        store.add([planted.record()])
    done = run(app, ["sweep", "tiny", "--store", str(tmp_path / "runs.db"), "--workers", "1"])
    assert "1 runs in runs.db are not of this grid" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--time-budget", "soon"], "--time-budget"),
        (["--shard", "3/2"], "--shard"),
        (["--shard", "one"], "--shard"),
        (["--engine", "steam"], "--engine"),
        (["--profile", "tiny"], "profile"),
        (["--workers", "0"], "workers"),
        (["--workers", "9999"], "workers"),
        (["--precision", "float16"], "--precision"),
        (["--precision", "tf32"], "precision must be one that the device computes in"),
        (["--keep", "kept", "--engine", "ray"], "--keep must be left out with --engine"),
    ],
)
def test_bad_options_of_a_sweep_are_one_line(tmp_path, tiny, monkeypatch, arguments, word):
    monkeypatch.setattr(environment, "device", lambda: "cpu")  # a GPU may have TF32
    done = run(app, ["sweep", "tiny", "--store", str(tmp_path / "runs.db"), *arguments])
    assert done.exit_code == 2
    assert word in done.stderr
    assert "Traceback" not in done.output


def test_a_damaged_store_is_said_by_verify(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([planted.record()])
        with store._connection:
            store._connection.execute("UPDATE runs SET result = replace(result, '0.1', '0.2')")
    done = run(app, ["runs", "verify", str(tmp_path / "runs.db")])
    assert done.exit_code == 1
    assert "does not match its checksum" in done.stdout


def test_repeats_are_shown_by_every_verb_of_a_store(tmp_path):
    ours, theirs = str(tmp_path / "ours.db"), str(tmp_path / "theirs.db")
    with Store(ours) as store:
        store.add([planted.record(0.1)])
    with Store(theirs) as store:
        store.add([planted.record(0.102, device="NVIDIA H100", made={"time": "2026-01-02T00:00:00+00:00"})])
    done = run(app, ["runs", "merge", ours, theirs])
    assert done.exit_code == 0, done.output
    assert "1 repeats, at most 2 % of the excess loss apart" in " ".join(done.stdout.split())
    assert payload("runs", "merge", ours, theirs)["repeats"] == 1
    for verb in ("verify", "list"):
        done = run(app, ["runs", verb, ours], env={"COLUMNS": "400"})
        assert done.exit_code == 0, done.output
        assert "1 repeats, at most 2 % of the excess loss apart" in " ".join(done.stdout.split())
    assert payload("runs", "verify", ours) == {"runs": 1, "problems": [], "repeats": 1}
    assert payload("runs", "list", ours)["repeats"] == 1
    (repeat,) = payload("runs", "repeats", ours)["repeats"]
    assert (repeat["kept_device"], repeat["device"], repeat["conflict"]) == ("cpu", "NVIDIA H100", False)
    assert repeat["relative_difference"] == pytest.approx(0.02)
    assert "NVIDIA H100" in run(app, ["runs", "repeats", ours], env={"COLUMNS": "400"}).stdout


def test_a_conflict_is_refused_in_one_line_or_listed_when_asked(tmp_path):
    ours, theirs = str(tmp_path / "ours.db"), str(tmp_path / "theirs.db")
    with Store(ours) as store:
        store.add([planted.record(0.1)])
    with Store(theirs) as store:
        store.add([planted.record(None, device="NVIDIA H100", made={"time": "2026-01-02T00:00:00+00:00"})])
    done = run(app, ["runs", "merge", ours, theirs])
    assert done.exit_code == 2
    assert "0.1 nats" in done.stderr
    assert "diverged" in done.stderr
    assert "--list-conflicts" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    done = run(app, ["runs", "merge", ours, theirs, "--list-conflicts"])
    assert done.exit_code == 0, done.output
    assert "1 of them in conflict, one of two diverged" in " ".join(done.stdout.split())
    done = run(app, ["runs", "verify", ours])
    assert done.exit_code == 1
    assert done.stdout.startswith("conflict: run ")
    assert payload("runs", "repeats", ours)["repeats"][0]["relative_difference"] is None


@pytest.mark.parametrize(
    "arguments", [["verify", "no.db"], ["list", "no.db"], ["repeats", "no.db"], ["export", "no.db", "a.csv"]]
)
def test_a_store_that_is_not_there_is_one_line(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    done = run(app, ["runs", *arguments])
    assert done.exit_code == 2
    assert "no.db" in done.stderr


def test_an_export_needs_a_format(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([planted.record()])
    done = run(app, ["runs", "export", str(tmp_path / "runs.db"), str(tmp_path / "runs.xls")])
    assert done.exit_code == 2
    assert ".parquet" in done.stderr


@pytest.fixture
def table(tmp_path):
    """Noise-free runs of a planted law, under a user's own column names."""
    sizes, tokens = np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e11, 5))
    loss = 1.7 + 400 / sizes**0.34 + 410 / tokens**0.28
    path = tmp_path / "runs.csv"
    pd.DataFrame({"params": sizes.ravel(), "tokens": tokens.ravel(), "val": loss.ravel()}).to_csv(path, index=False)
    return str(path)


COLUMNS = ["--columns", "N=params,D=tokens,loss=val"]


def test_fit_finds_the_planted_law(table):
    found = payload("fit", table, *COLUMNS, "--law", "chinchilla", "--objective", "log-huber", "--delta", "1e-3")
    assert found["converged"]
    assert found["n"] == 30
    assert found["params"]["alpha"] == pytest.approx(0.34, abs=1e-6)
    assert found["params"]["beta"] == pytest.approx(0.28, abs=1e-6)
    assert found["objective"] < 1e-12


def test_fit_with_bootstrap_pin_and_plot(table, tmp_path):
    plot = tmp_path / "fit.png"
    found = payload("fit", table, *COLUMNS, "--pin", "E=1.7", "--bootstrap", "50", "--plot", str(plot))
    assert found["params"]["E"] == 1.7
    assert set(found["se"]) == set(found["ci95"]) == {"A", "B", "alpha", "beta"}
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_fit_prints_a_table_and_draws_a_curve(table, tmp_path):
    plot = tmp_path / "curve.svg"
    done = run(app, ["fit", table, *COLUMNS, "--law", "power-D", "--plot", str(plot)], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    assert "beta" in done.stdout
    assert "<svg" in plot.read_text()
    assert f"figure: {plot}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "lacks the column 'N'"),
        ([*COLUMNS, "--law", "powr"], "'powr'"),
        ([*COLUMNS, "--pin", "E"], "--pin"),
        ([*COLUMNS, "--objective", "mse"], "'mse'"),
        ([*COLUMNS, "--plot", "fit.xyz"], "fit.xyz"),
        (["--columns", "N"], "NAME=COLUMN"),
    ],
)
def test_fit_refuses_in_one_line(table, arguments, named):
    done = run(app, ["fit", table, *arguments])
    assert done.exit_code == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_allocate_gives_a_plan_that_spends_its_budget():
    planned = payload("allocate", "--flops", "1e21")
    assert {"N", "D", "loss", "interval", "tokens_per_parameter"} <= set(planned)
    assert 6 * planned["N"] * planned["D"] == pytest.approx(1e21, rel=1e-6)
    assert planned["tokens_per_parameter"] == pytest.approx(planned["D"] / planned["N"])
    done = run(app, ["allocate", "--gpu-hours", "1000", "--law", "hoffmann"], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    assert "tokens_per_parameter" in done.stdout


def test_allocate_from_the_readers_own_runs(table):
    planned = payload("allocate", "--flops", "1e20", "--table", table, *COLUMNS)
    a = 0.28 / (0.34 + 0.28)
    G = (0.34 * 400 / (0.28 * 410)) ** (1 / (0.34 + 0.28))
    assert planned["N"] == pytest.approx(G * (1e20 / 6) ** a, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "flops"),
        (["--flops", "-1"], "flops"),
        (["--flops", "1e21", "--gpu-hours", "3"], "gpu_hours"),
        (["--flops", "1e21", "--law", "moore"], "'moore'"),
        (["--money", "3", "--hardware", "abacus"], "'abacus'"),
    ],
)
def test_allocate_refuses_in_one_line(arguments, named):
    done = run(app, ["allocate", *arguments])
    assert done.exit_code == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_allocate_lists_its_laws():
    assert {"hoffmann", "besiroglu", "kaplan"} <= {row["name"] for row in payload("allocate", "--laws")["laws"]}


def test_claims_have_what_the_table_shows():
    rows = payload("claims")["claims"]
    assert rows
    assert all({"id", "kind", "published", "ours", "interval", "verdict", "reason"} <= set(row) for row in rows)
    undetermined = [row for row in rows if row["verdict"] == "undetermined"]
    assert undetermined
    assert all(row["ours"] is None and row["interval"] is None and row["reason"] for row in undetermined)
    done = run(app, ["claims"], env={"COLUMNS": "200"})
    assert rows[0]["id"] in done.stdout
    assert "Totals by kind" in done.stdout
    assert "by twin" in done.stdout


def test_claims_of_a_store_that_is_not_there():
    done = run(app, ["claims", "--store", "nowhere.db"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "nowhere.db" in done.stderr


@pytest.fixture
def stored(tmp_path):
    """A store of recorded runs of er-100 with changes: a function of their records to the path."""

    def stored(change):
        with Store(tmp_path / "own.db") as store:
            store.add([change(record) for record in records_of(load_recorded("er-100"))])
        return str(tmp_path / "own.db")

    return stored


def of_another_seed(factor):
    """A recorded run as if it had another seed, and `factor` times its excess loss."""

    def change(record):
        result = record.result
        if result.excess_loss is not None:
            excess = result.excess_loss * factor
            result = replace(result, excess_loss=excess, loss=result.entropy_rate + excess)
        configuration = replace(record.configuration, seed=record.configuration.seed + 1000)
        return replace(record, configuration=configuration, result=result)

    return change


def test_compare_finds_the_recorded_runs_made_again(stored):
    told = payload("compare", stored(lambda record: record))
    recorded = load_recorded("er-100")
    assert told["runs"] == len(recorded)
    assert told["settings_not_recorded"] == 0
    assert sum(line["repeated"] for line in told["settings"]) == (recorded["status"] == "ok").sum()
    for line in told["settings"]:
        assert line["verdict"] == "the recorded runs, made again"
        assert line["largest_difference_of_repeats"] == 0
        assert line["own"] == pytest.approx(line["recorded"], rel=1e-12)
        assert line["ratio"] is None


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "agrees"), (3.0, "differs")])
def test_compare_judges_other_seeds_by_their_interval(stored, factor, verdict):
    told = payload("compare", stored(of_another_seed(factor)))
    assert len(told["settings"]) > 3
    for line in told["settings"]:
        assert line["repeated"] == 0
        assert line["ratio"] == pytest.approx(factor)
        assert line["low"] < line["ratio"] < line["high"]
        assert line["verdict"] == ("differs" if line["low"] > 1 or line["high"] < 1 else "agrees")
    best = min(told["settings"], key=lambda line: line["recorded"])
    assert best["verdict"] == verdict


def test_compare_as_a_table_has_a_line_a_setting(stored):
    done = run(app, ["compare", stored(of_another_seed(1.0))], env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert done.stdout.count("er-100") == load_recorded("er-100")[["width", "D"]].drop_duplicates().shape[0]
    assert "agrees" in done.stdout


def test_compare_of_runs_that_nobody_recorded(tmp_path):
    with Store(tmp_path / "own.db") as store:
        store.add([planted.record(tokens=10_000)])
    told = payload("compare", str(tmp_path / "own.db"))
    assert (told["settings"], told["settings_not_recorded"]) == ([], 1)


def test_compare_sets_a_forecast_beside_the_readers_run(tmp_path):
    recorded = load_recorded("er-1k-wide")
    with Store(tmp_path / "own.db") as store:
        store.add(records_of(recorded[(recorded["width"] == 192) & (recorded["D"] == 651_000)]))
    (line,) = payload("compare", str(tmp_path / "own.db"))["forecasts"]
    assert (line["name"], line["low"], line["high"]) == ("er-1k-wide", 0.044 - 0.0098, 0.044 + 0.0098)
    assert line["inside"] is (line["low"] <= line["own"] <= line["high"])
    done = run(app, ["compare", str(tmp_path / "own.db")], env={"COLUMNS": "160"})
    assert "inside the band" in done.stdout


@pytest.mark.parametrize("path", ["nowhere.db", "."])
def test_compare_without_a_store_is_one_line(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(app, ["compare", path])
    assert (done.exit_code, done.stdout) == (2, "")
    assert path in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["chain", "er", "--nodes", "3", "--edges", "99"], "edges"),
        (["chain", "ba", "--nodes", "3", "--m", "9"], "attachments"),
        (["chain", "edges", "nowhere.csv"], "nowhere.csv"),
        (["sweep", "er-1"], "er-1"),
        (["sweep", "er-100", "--profile", "recorded"], "recorded"),
    ],
)
def test_bad_input_is_one_line_on_standard_error(arguments, named):
    done = run(app, arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert named in done.stderr


def test_the_installed_command_answers():
    command = Path(sys.executable).parent / "scaling-lab"
    if not command.is_file():
        pytest.skip("scaling-lab is not installed beside this interpreter")
    done = subprocess.run([command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0


def test_a_locked_store_is_said(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        store.add([planted.record()])
        done = run(app, ["sweep", "er-100", "--store", str(tmp_path / "runs.db")])
        assert done.exit_code == 2
        assert "being written by another process" in done.stderr


def ladder(tmp_path):
    """Runs at one ratio of tokens to parameters: nothing tells the power of N from that of D."""
    sizes = np.array([111e6, 256e6, 590e6, 1.3e9, 2.7e9, 6.7e9, 13e9])
    losses = [2.566, 2.299, 2.184, 1.996, 1.834, 1.704, 1.575]
    path = tmp_path / "ladder.csv"
    pd.DataFrame({"N": sizes, "D": 20 * sizes, "loss": losses}).to_csv(path, index=False)
    return str(path)


def test_fit_carries_the_intervals_that_the_table_prints(table, tmp_path):
    noisy = pd.read_csv(table)
    noisy["val"] *= np.exp(0.003 * np.random.default_rng(0).standard_normal(len(noisy)))
    noisy.to_csv(table, index=False)
    asked = ["fit", table, *COLUMNS, "--objective", "log-ols"]
    found = payload(*asked)
    printed = run(app, asked, env={"COLUMNS": "120"}).stdout
    assert set(found["intervals"]) == {"E", "A", "B", "alpha", "beta"}
    for name, interval in found["intervals"].items():
        assert interval["low"] < found["params"][name] < interval["high"]
        assert interval["method"] == "profile"
        assert f"{interval['low']:.4g} to {interval['high']:.4g}" in printed
    resampled = payload(*asked, "--bootstrap", "50")
    assert resampled["intervals"]["alpha"]["method"] == "percentile"
    assert [resampled["intervals"]["alpha"][end] for end in ("low", "high")] == resampled["ci95"]["alpha"]


def test_what_is_undetermined_is_null_with_a_reason(tmp_path):
    found = payload("fit", ladder(tmp_path))
    for name in ("A", "B", "alpha", "beta"):
        assert found["params"][name] is None
        assert found["intervals"][name]["low"] is found["intervals"][name]["high"] is None
        assert "only their sum is determined" in found["intervals"][name]["reason"]
    assert found["intervals"]["E"]["low"] is None
    assert "E = 0 is not excluded" in found["intervals"]["E"]["reason"]
    shown = run(app, ["fit", ladder(tmp_path)], env={"COLUMNS": "120"})
    assert shown.stdout.count("undetermined") == 8
    assert "up to" in shown.stdout
    assert "profile likelihood" in shown.stderr
    refused = run(app, ["allocate", "--flops", "1e21", "--table", ladder(tmp_path)])
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "undetermined" in refused.stderr


def test_units_are_refused_until_they_are_declared(table, tmp_path):
    billions = pd.read_csv(table).assign(tokens=lambda runs: runs["tokens"] / 1e9)
    billions.to_csv(table, index=False)
    for verb in (["fit", table], ["allocate", "--flops", "1e20", "--table", table]):
        done = run(app, [*verb, *COLUMNS])
        assert done.exit_code == 2
        assert "D may be counted in billions" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    least_squares = ["fit", table, *COLUMNS, "--objective", "log-ols"]  # the quickest
    found = payload(*least_squares, "--units", "D=billions")
    assert found["params"]["B"] == pytest.approx(410, rel=1e-4)
    kept = payload(*least_squares, "--units", "N=1,D=1")
    assert kept["params"]["beta"] == pytest.approx(0.28, abs=1e-6)
    assert kept["params"]["B"] == pytest.approx(410 * 1e9**-0.28, rel=1e-4)


def test_a_store_is_fitted_by_its_best_or_mean_runs(tmp_path):
    runs = load_recorded("er-1k-wide")
    known = {name: one_row_a_point(finished_runs(runs, ()), keep=name) for name in ("best", "mean")}
    with Store(tmp_path / "runs.db") as store:
        store.add(records_of(runs))
    asked = ["fit", str(tmp_path / "runs.db"), "--objective", "log-ols"]
    assert any("distinct points" in said for said in payload(*asked)["warnings"])
    for name, rows in known.items():
        found = payload(*asked, f"--{name}")
        assert found["n"] == len(rows)
        assert not any("distinct points" in said for said in found["warnings"])
    assert "--best" in run(app, [*asked, "--best", "--mean"]).stderr


def test_allocate_prints_units_decades_and_the_kind_of_interval(table):
    asked = ["allocate", "--flops", "1e24", "--table", table, *COLUMNS]
    planned = payload(*asked)
    assert planned["extrapolation"]["C"] == pytest.approx(24 - math.log10(6e21))
    assert planned["extrapolation"]["N"] == pytest.approx(math.log10(planned["N"] / 1e10))
    assert planned["extrapolation"]["D"] == pytest.approx(math.log10(planned["D"] / 1e11))
    assert planned["units"]["D"] == "tokens"
    assert "bootstraps" in planned["interval"]["method"]
    done = run(app, asked, env={"COLUMNS": "160"})
    assert "+2.2 decades" in done.stdout
    assert "parameters" in done.stdout
    assert "pairs bootstraps" in done.stderr


def test_what_a_published_law_says_of_itself_is_no_warning():
    done = run(app, ["allocate", "--flops", "1e21"], env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert "note: " in done.stderr
    assert "warning" not in done.stderr
    assert payload("allocate", "--flops", "1e21")["warnings"] == []


# What users bring of graphs, through the command ---------------------------------------------------------------------


def test_the_stationary_distribution_is_printed_and_written(tmp_path):
    (tmp_path / "star.csv").write_text("source,target\nhub,a\nhub,b\nhub,c\n")
    known = payload("chain", "edges", str(tmp_path / "star.csv"), "--stationary", str(tmp_path / "visited.csv"))
    assert known["most_visited"]["hub"] == pytest.approx(0.5)
    written = pd.read_csv(tmp_path / "visited.csv").set_index("node")["stationary"]
    assert written.to_dict() == pytest.approx({"a": 1 / 6, "b": 1 / 6, "c": 1 / 6, "hub": 0.5})
    assert "hub: 0.5" in run(app, ["chain", "edges", str(tmp_path / "star.csv")]).stdout


def test_a_remedy_is_an_option_of_the_command(tmp_path):
    asked = ["chain", "er", "--nodes", "1000", "--edges", "1000"]
    refused = run(app, asked)
    assert refused.exit_code == 2
    assert "--giant-component" in refused.stderr
    assert payload(*asked, "--giant-component")["nodes"] < 1000
    arcs = tmp_path / "arcs.csv"
    arcs.write_text("Source,Target,Type,Weight\na,b,Directed,1\nb,a,Directed,2\nb,c,Directed,1\nc,c,Directed,1\n")
    assert "--directed" in run(app, ["chain", "edges", str(arcs)]).stderr
    kept = run(app, ["chain", "edges", str(arcs), "--directed", "--giant-component", "--json"])
    assert json.loads(kept.stdout)["nodes"] == 2
    assert "warning: 1 edges lead out" in kept.stderr
    assert payload("chain", "edges", str(arcs), "--directed", "--giant-component", "--weight", "weight")["nodes"] == 2


def test_a_graph_beyond_memory_is_one_line():
    refused = run(app, ["chain", "er", "--nodes", "60000", "--edges", "1000000000"])
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: edges must make a graph that fits into memory")


# Stores as users treat them -------------------------------------------------------------------------------------------


def test_a_merge_is_whole_or_nothing(tmp_path):
    one, into = tmp_path / "one.db", tmp_path / "all.db"
    with Store(one) as store:
        store.add([planted.record()])
    for sources, words in (
        ([one, tmp_path / "absent.db"], "must be an existing store"),
        ([one, one], "given once each"),
        ([one, into], "other stores than the one that receives"),
    ):
        refused = run(app, ["runs", "merge", str(into), *map(str, sources)])
        assert refused.exit_code == 2
        assert words in refused.stderr
        assert not into.exists()
    assert payload("runs", "merge", str(into), str(one))["added"] == {str(one): 1}


def test_a_damaged_page_is_said_by_verify(tmp_path):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add([planted.record(seed=i) for i in range(50)])
    content = bytearray(path.read_bytes())
    content[4096:4196] = b"\xff" * 100
    path.write_bytes(content)
    done = run(app, ["runs", "verify", str(path)])
    assert done.exit_code == 1
    assert "SQLite" in done.stdout
    assert "Traceback" not in done.output


def test_the_mirror_is_tried_at_once_and_told(tmp_path, tiny):
    (tmp_path / "file").touch()
    asked = ["sweep", "tiny", "--store", str(tmp_path / "runs.db"), "--workers", "1", "--time-budget", "0.001s"]
    refused = run(app, [*asked, "--mirror", str(tmp_path / "file")])
    assert refused.exit_code == 2
    assert "could not take a snapshot" in refused.stderr
    with Store(tmp_path / "runs.db", read_only=True) as store:
        assert len(store) == 0
    done = run(app, [*asked, "--mirror", str(tmp_path / "drive")])
    assert done.exit_code == 0
    assert f"snapshot of the store as it is: {tmp_path / 'drive' / 'runs.db'}" in done.stderr
    assert (tmp_path / "drive" / "runs.db").is_file()


def test_a_grid_for_a_gpu_is_said_to_be_one(tmp_path):
    grid = experiments.experiment("er-1k").configurations("full")
    assert "--profile smoke is the one for a CPU" in runs._expected_cost(list(grid), 2)
    assert runs._expected_cost(list(experiments.experiment("er-100").configurations("smoke")), 1) == ""


# The doors that every tool has ----------------------------------------------------------------------------------------


def test_version_and_short_help():
    version = run(app, ["--version"])
    assert version.exit_code == 0
    assert version.stdout.startswith("scaling-lab ")
    for verb in ([], ["fit"], ["runs", "merge"]):
        assert run(app, [*verb, "-h"]).exit_code == 0
    assert "--install-completion" in run(app, ["-h"]).stdout


def test_the_package_is_a_command():
    asked = [sys.executable, "-m", "scaling_lib", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("scaling-lab ")


def test_a_table_may_come_through_a_pipe(table):
    asked = ["fit", "-", *COLUMNS, "--json", "--objective", "log-ols"]  # the quickest
    piped = run(app, asked, input=Path(table).read_bytes())
    assert piped.exit_code == 0, piped.output
    told = json.loads(piped.stdout)
    assert told["params"]["alpha"] == pytest.approx(0.34, abs=1e-6)
    lines = pd.read_csv(table).to_json(orient="records", lines=True).encode()
    assert json.loads(run(app, asked, input=lines).stdout)["n"] == told["n"] == 30
    nothing = run(app, ["fit", "-"], input=b"")
    assert nothing.exit_code == 2
    assert "standard input" in nothing.stderr


def test_a_report_is_written(table, tmp_path):
    target = tmp_path / "report.html"
    told = payload("report", table, "-o", str(target), "--bootstrap", "20", *COLUMNS)
    assert told["report"] == str(target)
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    refused = run(app, ["report", table, "-o", str(tmp_path / "report.txt"), *COLUMNS])
    assert refused.exit_code == 2
    assert "--output must be a file name that ends in .html" in refused.stderr


def test_a_plan_the_other_way_round(table):
    told = payload("plan", "--law", "besiroglu", "--parameters", "7e9", "--loss", "2.1")
    assert told["N"] == 7e9
    assert told["overspent"] >= 1
    back = payload("plan", "--law", "besiroglu", "--parameters", "7e9", "--tokens", repr(told["D"]))
    assert back["loss"] == pytest.approx(2.1, rel=1e-9)
    assert payload("plan", "--flops", "1e21")["overspent"] == pytest.approx(1, abs=1e-9)
    own = payload("plan", "--table", table, *COLUMNS, "--ratio", "20", "--flops", "1e22")
    assert own["tokens_per_parameter"] == pytest.approx(20)
    assert own["law"] == "fitted to runs.csv"
    for arguments, words in (
        (["--parameters", "1e9"], "one of two quantities"),
        (["--flops", "1e21", "--loss", "2.5"], "two plans have both"),
        (["--flops", "1e21", "--columns", "N=n"], "name your table"),
        (["--flops", "1e21", "--law", "nobody"], "--law must be one of"),
    ):
        refused = run(app, ["plan", *arguments])
        assert refused.exit_code == 2
        assert words in refused.stderr


def test_a_corpus_is_refused_under_its_own_name(tmp_path):
    absent = str(tmp_path / "novel.txt")
    for words, says in (
        (["sweep", "er-100", "--corpus", "default"], "error: --corpus must be left out for er-100"),
        (["sweep", "language-text", "--corpus", absent], "error: --corpus must be an existing file or folder of text"),
        (
            ["sweep", "language-text", "--corpus", absent, "--vocabulary", "x"],
            "error: --vocabulary must be a number of tokens",
        ),
        (["sweep", "language-text", "--vocabulary", "60"], "--vocabulary must be left out where there is no --corpus"),
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code != 0
        assert says in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
