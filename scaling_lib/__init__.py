"""Measure and fit neural scaling laws on data whose truth is known.

The most used names stand here too and are imported when first asked for, so that `import scaling_lib` costs nothing and
needs no torch.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Architecture": "models.accounting",
    "Chain": "data.markov",
    "Experiment": "runs.sweeping.experiments",
    "Optimizer": "runs.records",
    "Parametrization": "models.parametrization",
    "PowerLaw": "fits.laws",
    "Chinchilla": "fits.laws",
    "RunConfiguration": "runs.records",
    "Schedule": "runs.records",
    "Store": "runs.keeping.store",
    "barabasi_albert": "data.chains",
    "begin": "session",
    "erdos_renyi": "data.chains",
    "experiment": "runs.sweeping.experiments",
    "fit": "fits.fitting",
    "load_recorded": "runs.keeping.tables",
    "lowest_losses": "runs.keeping.tables",
    "sample_walks": "data.walks",
    "train_ensemble": "runs.training.ensembles",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"scaling_lib.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'scaling_lib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
