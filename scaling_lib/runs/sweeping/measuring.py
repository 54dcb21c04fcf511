"""A new metric for runs that are finished: measured in their kept weights, without training anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from scaling_lib.arguments import BY_HAND, Integer, Remedy, checked
from scaling_lib.errors import ScalingLabError, check_instance, check_sequence
from scaling_lib.runs.keeping.kept import KeptModels
from scaling_lib.runs.keeping.repeats import REPEAT_TOLERANCE
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.records import Evaluation, RunRecord, Source
from scaling_lib.runs.sweeping.recipes import open_source

__all__ = ["MeasureReport", "divergence", "measure_kept"]

_ZeroOrMore = Annotated[int, Integer(minimum=0)]
_ITSELF = f"{__name__}:divergence"


@checked
@dataclass(frozen=True)
class MeasureReport:
    """What `measure_kept` did, in runs.

    measured: now. already: had every metric before. without_weights: their weights are not kept. problems: one sentence
    for each run whose weights are torn or are not those of the result that the store keeps, or whose data are absent.
    """

    measured: _ZeroOrMore
    already: _ZeroOrMore
    without_weights: _ZeroOrMore
    problems: Annotated[tuple[str, ...], Remedy("pass sentences", least=0)]


@checked
def measure_kept(
    store: Annotated[Store, Remedy("open it with Store(path)")],
    kept: Annotated[KeptModels, Remedy("open a folder with KeptModels(folder)")],
    metrics: Annotated[Sequence[str], BY_HAND],
    *,
    progress: bool = True,
) -> MeasureReport:
    """Compute what `metrics` find for every run of `store` that lacks it and whose weights are kept.

    metrics: names or import paths (`runs.training.metrics`). Each model is measured on the test sequences of its run,
    and committed at once, so that a call that was stopped goes on where it was. Weights whose excess loss is further
    from that of the store than `REPEAT_TOLERANCE` are of another result of the run and are not measured.
    progress: a tqdm bar over runs. Raises InvalidArgument for a metric that is not there, StoreError as the store does.

        with Store("runs.db") as store:
            measure_kept(store, KeptModels("runs.kept"), ("leak", "within"))
    """
    from scaling_lib.runs.training.metrics import check_metrics, measure

    names = tuple(dict.fromkeys(check_sequence("metrics", metrics, str, remedy="pass names of metrics")))
    check_metrics(names)
    lacking = [record for record in store.records() if _lacking(record, names)]
    at_hand = [record for record in lacking if kept.has(record.configuration)]
    test_of = lru_cache(maxsize=8)(_tests)
    problems, measured = [], 0
    for record in tqdm(at_hand, unit="run", desc="measuring", disable=not progress or not at_hand):
        configuration = record.configuration
        step, wanted = record.result.optimizer_steps, _lacking(record, names)
        try:
            model = kept.model(configuration)
            tests = test_of(configuration.source, configuration.evaluation, configuration.architecture.context)
        except ScalingLabError as error:  # torn weights, a module of the caller's own, data that are not there
            problems.append(str(error))
            continue
        (taken,) = measure(model, tests, (*wanted, _ITSELF), step)
        excess = [one.value for one in taken if one.metric == _ITSELF]
        if excess and not _agree(record.result.excess_loss, excess[0]):
            problems.append(
                f"the weights of run {record.identity[:12]} in {kept.folder} have an excess loss of "
                f"{_nats(excess[0])}, its result in {store.path.name} {_nats(record.result.excess_loss)}: they are of "
                f"another result, and were not measured."
            )
            continue
        store.add_measurements(record.identity, [one for one in taken if one.metric != _ITSELF])
        measured += 1
    return MeasureReport(measured, len(store) - len(lacking), len(lacking) - len(at_hand), tuple(problems))


def _tests(source: Source, evaluation: Evaluation, context: int) -> list[Any]:
    """The test set of a run, as its training had it, for one member."""
    from scaling_lib.runs.training.ensembles import derived_seed
    from scaling_lib.runs.training.scoring import test_sets

    seed = derived_seed(evaluation.seed, "evaluation walks")
    return test_sets([open_source(source)], evaluation.walks, context, seed)


def _agree(stored: float | None, excess: float | None) -> bool:
    """Whether weights of this excess loss can be those of the result; of a diverged run both are unknown or large."""
    if stored is None or excess is None:
        return stored is None
    return abs(excess - stored) <= REPEAT_TOLERANCE * stored


def _nats(value: float | None) -> str:
    return "that is not finite" if value is None else f"{value:.6g} nats"


def _lacking(record: RunRecord, names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that were not measured after the last step of this run."""
    had = {one.metric for one in record.result.measurements if one.step == record.result.optimizer_steps}
    return tuple(name for name in names if name not in had)


def divergence(scores: Any) -> Float[np.ndarray, "k"] | None:
    """A metric: the mean conditional KL, nats, which is the excess loss of the run; None where nobody knows the law.

    scores: `runs.training.metrics.Scores`.
    """
    from scaling_lib.runs.training.metrics import Scores

    check_instance("scores", scores, Scores, remedy="build it with Scores(model, test)")
    return scores.kl.mean((1, 2)) if scores.laws_known else None
