"""Ensembles on a Ray cluster (extra `cluster`): one task each, retried on another node when one is lost.

Nothing but the process that called `sweep` writes the store; a task holds an ensemble, trains it as a worker here would
and gives back its records, with the provenance of its node. Machines that share nothing need no Ray: shards and
`scaling-lab runs merge` do (`runs.sweeping.sweeps.shard_of`).
"""

import socket
import time
from typing import Annotated, Any

from scaling_lib.arguments import Choice, Integer, Positive, checked
from scaling_lib.errors import MissingDependency, invalid
from scaling_lib.models.devices import DEVICES
from scaling_lib.runs.sweeping.sweeps import Engine, Ensemble, Finished, train_one

__all__ = ["ray_engine"]

_PATIENCE = 5.0  # seconds that the address of a cluster is given to answer


@checked
def ray_engine(
    address: str | None = None,
    *,
    device: Annotated[str, Choice(DEVICES)] = "cpu",
    seconds: Positive | None = None,
    gpus: Positive = 0.25,
    retries: Annotated[int, Integer(minimum=0)] = 3,
) -> Engine:
    """An engine for `sweep`. Each ensemble takes one core or, on "cuda", a share `gpus` of a GPU.

    address: of a running cluster ("auto" finds the one of this machine); None starts one on this machine. seconds:
    after which no further ensemble is begun. retries: how often a task is begun again when its node is lost.
    Raises MissingDependency without Ray.
    """
    try:
        import ray
    except ImportError:
        raise MissingDependency("engine 'ray' needs Ray: run `pip install scaling-lab[cluster]`.") from None

    def engine(ensembles: list[Ensemble]) -> Finished:
        if not ray.is_initialized():
            _require_answer(address)
            try:
                ray.init(address=address, log_to_driver=False, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}})
            except (ConnectionError, ValueError) as error:
                raise invalid("address", "that of a running Ray cluster", address, f"start one ({error})") from None
        share: dict[str, Any] = {"num_gpus": gpus} if device == "cuda" else {"num_cpus": 1}
        task = ray.remote(max_retries=retries, **share)(_on_a_node)
        end = None if seconds is None else time.monotonic() + seconds
        waiting = list(ensembles)
        running: dict[Any, Ensemble] = {}
        while waiting or running:
            over = end is not None and time.monotonic() >= end
            if over and not running:
                return
            # Twice as many as there is room for, so that a budget that ends leaves few in hand.
            there = ray.cluster_resources()
            room = 2 * max(1, int(there.get("GPU", 1) / gpus if device == "cuda" else there.get("CPU", 1)))
            while waiting and not over and len(running) < room:
                ensemble = waiting.pop(0)
                running[task.remote(ensemble, device)] = ensemble
            done, _ = ray.wait(list(running), num_returns=1, timeout=1.0)
            for reference in done:
                yield running.pop(reference), ray.get(reference)

    return engine


def _require_answer(address: str | None) -> None:
    """Somebody listens at an address with a port: Ray itself waits for minutes. Raises InvalidArgument."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise invalid("address", "that of a running Ray cluster", address, f"start one ({error})") from None


def _on_a_node(ensemble: Ensemble, device: str) -> Any:
    import torch

    torch.set_num_threads(1)
    return train_one(ensemble, device, None, None)
