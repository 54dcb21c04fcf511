"""What metrics found in finished models, as text and as rows, and which of two values stands.

A measurement belongs to one result, the one whose model was measured. Where a store keeps another result of the same
run (`runs.keeping.repeats`), it keeps the measurements of that one and no others: values of two models are never mixed
in one row. Where two stores hold the same result and disagree about a metric at a step, a number stands against None,
and of two numbers the smaller: a rule that does not depend on the order of merging.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Annotated

from scaling_lib.arguments import Remedy, checked
from scaling_lib.errors import InvalidData, check_instance, invalid
from scaling_lib.runs.records import Measurement

__all__ = ["last_value", "measurements_from_json", "measurements_to_json", "merged_measurements"]

_Measurements = Annotated[Sequence[Measurement], Remedy("pass a tuple of Measurement", least=0)]


@checked
def measurements_to_json(measurements: _Measurements) -> str:
    """A JSON list with an object of metric, step and value for each; the inverse of `measurements_from_json`."""
    listed = [{"metric": m.metric, "step": m.step, "value": m.value} for m in measurements]
    return json.dumps(listed, separators=(",", ":"), allow_nan=False)


@checked
def measurements_from_json(text: str) -> tuple[Measurement, ...]:
    """The inverse of `measurements_to_json`. Raises InvalidData where the text is something else."""
    try:
        return tuple(Measurement(**values) for values in json.loads(text))
    except (TypeError, ValueError):
        shown = text if len(text) <= 40 else f"{text[:40]} ..."
        raise InvalidData(
            f"text must be the JSON of measurements, got {shown!r}: take the run from its store again."
        ) from None


def merged_measurements(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Each metric once at each step, ordered by both; the module says which of two values stands.

    measurements: of one result. Raises InvalidArgument.
    """
    if isinstance(measurements, str | bytes) or not isinstance(measurements, Iterable):
        raise invalid("measurements", "a list of Measurement", measurements, "pass RunResult.measurements")
    stands: dict[tuple[str, int], Measurement] = {}
    for i, one in enumerate(measurements):
        check_instance(f"measurements[{i}]", one, Measurement, remedy="build it with Measurement(...)")
        stands[one.metric, one.step] = min(stands.get((one.metric, one.step), one), one, key=_order)
    return tuple(stands[key] for key in sorted(stands))


def _order(measurement: Measurement) -> float:
    return math.inf if measurement.value is None else measurement.value


@checked
def last_value(measurements: _Measurements, metric: str) -> float | None:
    """The value of `metric` at the last step at which it was measured; None where it was not."""
    taken = [one for one in merged_measurements(measurements) if one.metric == metric]
    return taken[-1].value if taken else None
