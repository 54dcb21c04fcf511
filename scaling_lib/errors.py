"""One exception family, and the few argument checks that every floor uses. Imports nothing of ours.

Every message is one sentence that names the argument, shows the value, and says what to do instead:

>>> check_integer("nodes", -3, minimum=2)
Traceback (most recent call last):
    ...
scaling_lib.errors.InvalidArgument: nodes must be an integer of at least 2, got -3: pass a larger one.
"""

import math
import reprlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "InvalidArgument",
    "InvalidData",
    "MissingDependency",
    "ScalingLabError",
    "ScalingLabWarning",
    "StoreError",
    "check_array",
    "check_choice",
    "check_flag",
    "check_instance",
    "check_integer",
    "check_mapping",
    "check_path",
    "check_real",
    "check_sequence",
    "check_text",
    "invalid",
]

T = TypeVar("T")


class ScalingLabError(Exception):
    """The root of everything this library raises on purpose."""


class InvalidArgument(ScalingLabError, ValueError):
    """An argument whose value cannot be used; the message names it, shows it, and says the remedy."""


class InvalidData(ScalingLabError, ValueError):
    """A file or table whose content cannot be used (torn, foreign, inconsistent)."""


class StoreError(ScalingLabError, OSError):
    """A store of runs that cannot be opened, written or trusted."""


class MissingDependency(ScalingLabError, ImportError):
    """An optional package that this call needs is not installed."""


class ScalingLabWarning(UserWarning):
    """Something worth knowing about a result that is still returned."""


def _shown(value: Any) -> str:
    """`repr`, but short, and on one line."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return " ".join(reprlib.repr(value).split())


def invalid(name: str, wanted: str, value: Any, remedy: str) -> InvalidArgument:
    """The error for a check of one's own: "{name} must be {wanted}, got {value}: {remedy}."."""
    return InvalidArgument(f"{name} must be {wanted}, got {_shown(value)}: {remedy}.")


def check_integer(name: str, value: Any, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """`value` as an `int` inside [minimum, maximum]; bools, floats and strings are refused."""
    bounds = _bounds("an integer", minimum, maximum)
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise InvalidArgument(f"{name} must be {bounds}, got {_shown(value)}: pass an int.")
    if minimum is not None and value < minimum:
        raise InvalidArgument(f"{name} must be {bounds}, got {value}: pass a larger one.")
    if maximum is not None and value > maximum:
        raise InvalidArgument(f"{name} must be {bounds}, got {value}: pass a smaller one.")
    return int(value)


def check_real(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """`value` as a finite `float`; `minimum`/`maximum` are closed bounds, `above`/`below` open ones."""
    bounds = _bounds("a finite number", minimum, maximum, above, below)
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidArgument(f"{name} must be {bounds}, got {_shown(value)}: pass a float.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidArgument(f"{name} must be {bounds}, got {_shown(value)}: pass a finite value.")
    if (minimum is not None and number < minimum) or (above is not None and number <= above):
        raise InvalidArgument(f"{name} must be {bounds}, got {_shown(value)}: pass a larger one.")
    if (maximum is not None and number > maximum) or (below is not None and number >= below):
        raise InvalidArgument(f"{name} must be {bounds}, got {_shown(value)}: pass a smaller one.")
    return number


def _bounds(
    noun: str,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> str:
    """The sentence part that states the bounds: "an integer of at least 2 and at most 9"."""
    parts = [
        f"{words} {bound}"
        for words, bound in (("of at least", minimum), ("above", above), ("at most", maximum), ("below", below))
        if bound is not None
    ]
    return " ".join([noun, " and ".join(parts)]) if parts else noun


def check_flag(name: str, value: Any) -> bool:
    """`value` if it is a bool; 0, 1 and None are refused, so that a swapped argument is noticed."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidArgument(f"{name} must be True or False, got {_shown(value)}: pass a bool.")
    return bool(value)


def check_text(name: str, value: Any) -> str:
    """`value` if it is a non-empty string."""
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{name} must be a non-empty string, got {_shown(value)}: pass a str.")
    return value


def check_choice(name: str, value: Any, choices: Collection[T]) -> T:
    """`value` if it is one of `choices`."""
    listed = ", ".join(repr(choice) for choice in choices)
    try:
        known = value in choices
    except (TypeError, ValueError):  # unhashable, or an array whose comparison is an array
        known = False
    if not known:
        raise InvalidArgument(f"{name} must be one of {listed}, got {_shown(value)}: pick one of these.")
    return value


def check_instance(name: str, value: Any, kind: type[T] | tuple[type, ...], *, remedy: str) -> T:
    """`value` if it is an instance of `kind`; `remedy` says how to make one ("build it with erdos_renyi")."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(possible.__name__ for possible in kinds)
        raise InvalidArgument(f"{name} must be a {wanted}, got {_shown(value)}: {remedy}.")
    return value  # type: ignore[return-value]


def check_sequence(name: str, value: Any, kind: type[T], *, remedy: str, minimum: int = 1) -> tuple[T, ...]:
    """`value` as a tuple of at least `minimum` instances of `kind`."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) < minimum:
        raise InvalidArgument(
            f"{name} must be a list of at least {minimum} {kind.__name__}, got {_shown(value)}: {remedy}."
        )
    return tuple(check_instance(f"{name}[{i}]", item, kind, remedy=remedy) for i, item in enumerate(value))


def check_mapping(name: str, value: Any, *, remedy: str) -> Mapping[str, Any]:
    """`value` if it is a mapping with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise invalid(name, "a dict with text keys", value, remedy)
    return value


def check_path(name: str, value: Any) -> Path:
    """`value` as a `pathlib.Path`; existence is the caller's business."""
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise InvalidArgument(f"{name} must be a path, got {_shown(value)}: pass a str or a pathlib.Path.")
    return Path(value)


def check_array(
    name: str,
    value: Any,
    *,
    dimensions: int | None = None,
    kind: str = "float",
    minimum: float | None = None,
    above: float | None = None,
    length: int | None = None,
    least: int = 1,
) -> np.ndarray:
    """`value` as a finite numpy array.

    kind: "float" (result is float64) or "integer" (int64; floats with integer values are refused).
    minimum, above: closed and open lower bound on every entry. length: required size of the first axis;
    least: smallest size of the first axis.
    """
    check_choice("kind", kind, ("float", "integer"))
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"{name} must be an array of numbers, got {_shown(value)}: pass equally long rows of numbers."
        ) from None
    wanted = "iu" if kind == "integer" else "iuf"
    if array.dtype.kind not in wanted:
        noun = "integers" if kind == "integer" else "numbers"
        raise InvalidArgument(f"{name} must be an array of {noun}, got {_shown(value)}: convert it first.")
    if dimensions is not None and array.ndim != dimensions:
        raise InvalidArgument(f"{name} must have {dimensions} dimension(s), got {_shown(array)}: reshape it first.")
    array = array.astype(np.int64 if kind == "integer" else np.float64, copy=False)
    if length is not None and (array.ndim == 0 or len(array) != length):
        raise InvalidArgument(f"{name} must have length {length}, got {_shown(array)}: pass one entry for each.")
    if array.ndim and len(array) < least:
        raise InvalidArgument(f"{name} must have at least {least} entries, got {_shown(array)}: pass more.")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array.ravel()))[0])
        raise InvalidArgument(f"{name} must be finite, got {array.ravel()[where]} at entry {where}: drop or mend it.")
    too_small = (array < minimum if minimum is not None else np.zeros(array.shape, bool)) | (
        array <= above if above is not None else np.zeros(array.shape, bool)
    )
    if too_small.any():
        where = int(np.flatnonzero(too_small.ravel())[0])
        bounds = _bounds("numbers", minimum, None, above)
        raise InvalidArgument(
            f"{name} must hold {bounds}, got {array.ravel()[where]} at entry {where}: drop or mend it."
        )
    return array
