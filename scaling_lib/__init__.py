"""Measure and fit neural scaling laws on data whose truth is known.

The most used names stand here too and are imported when first asked for, so that `import scaling_lib` costs nothing and
needs no torch.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Architecture": "models.accounting",
    "Chain": "data.markov",
    "Experiment": "runs.experiments",
    "Optimizer": "runs.records",
    "Parametrization": "models.parametrization",
    "PowerLaw": "fits.laws",
    "Chinchilla": "fits.laws",
    "RunConfiguration": "runs.records",
    "Schedule": "runs.records",
    "Store": "runs.store",
    "barabasi_albert": "data.chains",
    "begin": "environment",
    "erdos_renyi": "data.chains",
    "experiment": "runs.experiments",
    "fit": "fits.fitting",
    "load_recorded": "runs.tables",
    "lowest_losses": "runs.tables",
    "sample_walks": "data.walks",
    "train_ensemble": "runs.training",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"scaling_lib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'scaling_lib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
