"""A sweep on a cluster of two nodes, one of which is lost in the middle."""

import threading
import time

import pytest

from scaling_lib.errors import InvalidArgument, MissingDependency
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.sweeping import cluster
from scaling_lib.runs.sweeping.sweeps import sweep
from tests.runs.keeping.test_checkpoints import numbers
from tests.runs.storm import RUNS


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingDependency, match="cluster"):
        cluster.ray_engine()


def test_an_address_where_nobody_listens_is_refused_in_seconds():
    pytest.importorskip("ray")
    for address in ("bad:1", "127.0.0.1:1", "ray://127.0.0.1:1"):
        began = time.monotonic()
        with pytest.raises(InvalidArgument, match="address must be that of a running Ray cluster"):
            next(cluster.ray_engine(address)([RUNS]))
        assert time.monotonic() - began < 10


@pytest.mark.slow  # starts two Ray nodes: about half a minute
def test_a_lost_node_loses_no_run(tmp_path):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    two = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = two.add_node(num_cpus=1)
    ray.init(address=two.address, log_to_driver=False)
    try:
        with Store(tmp_path / "one.db") as one:
            sweep(RUNS, one, progress=False)
            whole = {record.identity: numbers(record.result) for record in one.records()}
        killer = threading.Thread(target=lambda: (time.sleep(2), two.remove_node(lost, allow_graceful=False)))
        killer.start()
        with Store(tmp_path / "ray.db") as store:
            report = sweep(RUNS, store, engine=cluster.ray_engine(two.address), progress=False)
            assert report.missing == 0
            assert {record.identity: numbers(record.result) for record in store.records()} == whole
        killer.join()
        until = time.monotonic() + 60  # the cluster notices a lost node by its silence
        while sum(node["Alive"] for node in ray.nodes()) > 1 and time.monotonic() < until:
            time.sleep(1)
        assert sum(node["Alive"] for node in ray.nodes()) == 1
    finally:
        ray.shutdown()
        two.shutdown()
