"""Points whose best learning rate is the last tried, on planted tables: several graphs, losses without a floor."""

from dataclasses import replace

import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.sweeping.widening import at_the_edge, widened, widened_so_far
from tests.runs.tiny import TINY

RATES = (0.1, 0.2, 0.4)


def grid(follows=None, **axes):
    axes = {"smoke": {"optimizer.learning_rate": RATES, "seed": (0, 1)} | axes}
    return replace(TINY, axes=axes, follows=follows or {}).configurations("smoke")


def table(runs, losses, entropy_rate=lambda run: 2.0, **columns):
    """Runs whose excess loss is `losses(run)`; of an entropy rate of None only the loss is known."""
    rows = []
    for run in runs:
        floor, excess = entropy_rate(run), losses(run)
        known = {"excess_loss": excess, "loss": floor + excess} if floor is not None else {"loss": 2 + excess}
        rows.append(
            {"identity": run.identity, "status": "ok", "configuration": run.canonical_json()}
            | {"width": run.architecture.width, "D": run.schedule.tokens, "batch": run.schedule.batch}
            | {"epochs": run.schedule.epochs, "learning_rate": run.optimizer.learning_rate, "seed": run.seed}
            | {"fingerprint": run.source.fingerprint, "entropy_rate": floor, "excess_loss": None}
            | known
        )
    return pd.DataFrame(rows).assign(**columns)


def best_at(rate):
    return lambda run: abs(run.optimizer.learning_rate - rate) + 0.001 * run.seed


@pytest.mark.parametrize("floor", [2.0, None])
def test_the_edge_needs_no_entropy_rate(floor):
    runs = grid()
    for rate, edge in ((0.1, "lowest"), (0.4, "highest")):
        frame = table(runs, best_at(rate), lambda run: floor)
        (row,) = at_the_edge(frame).to_dict("records")
        assert row == {"width": 8, "D": 80, "batch": 4, "epochs": 1, "learning_rate": rate, "edge": edge}
        further = widened(runs, frame)
        assert {run.optimizer.learning_rate for run in further} == {rate * rate / 0.2}
        assert {run.seed for run in further} == {0, 1}
    assert at_the_edge(table(runs, best_at(0.2), lambda run: floor)).empty
    assert widened(runs, table(runs, best_at(0.2), lambda run: floor)) == []


def test_graphs_are_points_of_their_own():
    """The small graph has its optimum inside, the large one at the highest rate tried."""
    runs = grid({}, **{"source.parameters.nodes": (12,)}) + grid({}, **{"source.parameters.nodes": (15,)})
    frame = table(runs, lambda run: best_at(0.2 if run.architecture.vocabulary == 12 else 0.4)(run))
    (row,) = at_the_edge(frame).to_dict("records")
    assert row["graph"] == "erdos_renyi(edges=30, nodes=15, seed=0)"
    assert (row["learning_rate"], row["edge"]) == (0.4, "highest")
    assert {run.architecture.vocabulary for run in widened(runs, frame)} == {15}


def test_graphs_that_follow_the_seed_are_one_point():
    """Losses are compared above the floor of each graph, where it is known: here the graph of seed 1 has a far lower
    one, and it was unlucky at the rate that is best."""
    runs = grid({"source.seed": "seed"})

    def losses(run):
        rate = run.optimizer.learning_rate
        return 0.5 * abs(rate - 0.4) + (0.3 if run.seed and rate == 0.4 else 0.0)

    frame = table(runs, losses, lambda run: 1.0 if run.seed else 2.0)
    (row,) = at_the_edge(frame).to_dict("records")
    assert (row["learning_rate"], row["edge"]) == (0.4, "highest")
    further = widened(runs, frame)
    assert {(run.seed, run.source.seed) for run in further} == {(0, 0), (1, 1)}
    assert len({run.source.fingerprint for run in further}) == 2
    known = widened_so_far(runs, pd.concat([frame, table(further, lambda run: 9.0, lambda run: 2.0)]))
    assert set(known) == set(runs) | set(further)


def test_a_table_without_configurations_is_grouped_by_its_columns():
    frame = table(grid(), best_at(0.4)).drop(columns=["configuration", "fingerprint", "excess_loss"])
    assert at_the_edge(frame)["learning_rate"].tolist() == [0.4]
    with pytest.raises(InvalidArgument, match="runs must be a table with a run that is ok"):
        at_the_edge(frame.assign(status="diverged"))
    with pytest.raises(InvalidArgument, match=r"runs must have the columns \['identity'\]"):
        widened(grid(), frame.drop(columns="identity"))


def test_runs_that_diverged_count_as_tried_and_win_nothing():
    frame = table(grid(), best_at(0.4))
    frame.loc[frame["learning_rate"] == 0.4, ["status", "loss"]] = ["diverged", None]
    assert at_the_edge(frame).empty
