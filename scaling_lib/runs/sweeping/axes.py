"""Axes: what is varied in the grid of an experiment, as data, and how a template is varied along them.

A *field* of a run is written with a dot ("architecture.width", "source.parameters.edges", "seed"); "schedule.steps" is
one too, and stands for the D that makes so many optimizer steps, steps x batch x context / epochs. An *axis* is

    one field and its values          {"seed": (0, 1, 2)}
    several that go hand in hand      {("architecture.width", "schedule.batch"): ((16, 5), (32, 10))}

and a field may *follow* another: {"source.seed": "seed"} draws a new graph for every seed. Nothing here makes a graph.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from scaling_lib.errors import InvalidArgument, check_instance, check_integer, invalid
from scaling_lib.models.accounting import default_heads
from scaling_lib.runs.records import RunConfiguration, Source

__all__ = ["STEPS"]

Key = str | tuple[str, ...]
# From a field of a run to its values, or from several fields to as many values at a time.
Axes = Mapping[Key, tuple[Any, ...]]

STEPS = "schedule.steps"
_D = "schedule.tokens"


# ---------------------------------------------------------------------- fields of a run


def fields_of(template: RunConfiguration) -> list[str]:
    """Every field that can be varied."""
    names = []
    for field in fields(template):
        part = getattr(template, field.name)
        if isinstance(part, Source):
            recipe = [f"parameters.{name}" for name, _ in part.parameters]
            names += [field.name, *(f"{field.name}.{name}" for name in ("seed", "start", *recipe))]
        elif is_dataclass(part):
            names += [field.name, *(f"{field.name}.{inner.name}" for inner in fields(part))]
            if field.name == "schedule":
                names.append(STEPS)
        elif field.name != "semantics_version":  # that of the code that trains, no choice of a grid
            names.append(field.name)
    return names


def value_of(run: RunConfiguration, field: str) -> Any:
    """The value of a field in a run."""
    if field == STEPS:
        return run.optimizer_steps
    value: Any = run
    for name in field.split("."):
        value = dict(value)[name] if isinstance(value, tuple) else getattr(value, name)
    return value


def parts_of(template: RunConfiguration, values: Mapping[str, Any]) -> dict[str, Any]:
    """What `values`, by their fields, put in the place of the template's parts.

    Raises InvalidArgument where a field does not take its value.
    """
    values = dict(values)
    steps = values.pop(STEPS, None)
    parts = {field: value for field, value in values.items() if "." not in field}
    changes: dict[str, dict[str, Any]] = defaultdict(dict)
    for field, value in values.items():
        part, dot, name = field.partition(".")
        if dot:
            changes[part][name] = value
    for part, change in changes.items():
        before = parts.get(part, getattr(template, part))
        if part == "source":
            change = _recipe_change(before, change)
        if part == "architecture" and "width" in change and before.heads == default_heads(before.width):
            change = {"heads": None} | change
        parts[part] = replace(before, **change)
    if steps is not None:
        steps = check_integer(STEPS, steps, minimum=1)
        architecture, schedule = (parts.get(name, getattr(template, name)) for name in ("architecture", "schedule"))
        if steps % schedule.epochs:
            raise invalid(STEPS, f"a multiple of the {schedule.epochs} epochs", steps, "pass one")
        tokens = steps // schedule.epochs * schedule.batch * architecture.context
        parts["schedule"] = replace(schedule, tokens=tokens)
    return parts


def _recipe_change(source: Source, change: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {field.removeprefix("parameters."): value for field, value in change.items() if "." in field}
    others = {field: value for field, value in change.items() if "." not in field}
    return others | {"parameters": tuple((dict(source.parameters) | numbers).items())}


# ---------------------------------------------------------------------- axes


def axes_of(key: Key) -> tuple[str, ...]:
    """The fields that the axis under `key` sets."""
    return (key,) if isinstance(key, str) else key


def settings(template: RunConfiguration, axes: Axes, follows: Mapping[str, str]) -> list[dict[str, Any]]:
    """The product of `axes`, the first outermost: for every run its values by their fields, those that follow too."""
    points = []
    for point in product(*axes.values()):
        points.append(_followed(template, _by_field(dict(zip(axes, point, strict=True))), follows))
    return points


def _by_field(point: Mapping[Key, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in point.items():
        values |= {key: value} if isinstance(key, str) else dict(zip(key, value, strict=True))
    return values


def _followed(template: RunConfiguration, values: dict[str, Any], follows: Mapping[str, str]) -> dict[str, Any]:
    return values | {field: _value_in(template, values, leader) for field, leader in follows.items()}


def _value_in(template: RunConfiguration, values: Mapping[str, Any], field: str) -> Any:
    """The value of `field` in the run that `values` will make."""
    part = field.partition(".")[0]
    if field in values:
        return values[field]
    return value_of(replace(template, **{part: values[part]}) if part in values else template, field)


# ---------------------------------------------------------------------- checks


def checked_follows(template: RunConfiguration, follows: Mapping[str, str]) -> dict[str, str]:
    """`follows`, from a field to the one that it follows; raises InvalidArgument where one is no field of a run, or
    where a field follows one that follows another."""
    for field, leader in follows.items():
        for name in (field, leader):
            _check_field("follows", name, template)
        if leader in follows:
            remedy = "let both follow the first" if follows[leader] != field else "leave one of them out"
            raise invalid("follows", "a dict from a field to one that follows none", {field: leader}, remedy)
    return dict(follows)


def _check_field(where: str, field: Any, template: RunConfiguration, among: str = "of fields of a run") -> None:
    known = fields_of(template)
    if not isinstance(field, str) or field not in known:
        first = field.partition(".")[0] if isinstance(field, str) else ""
        part = [name for name in known if name.partition(".")[0] == first] or known
        raise invalid(where, among, field, f"pick one of {', '.join(part)}")


def checked_axes(where: str, axes: Any, template: RunConfiguration, follows: Mapping[str, str]) -> dict[Key, tuple]:
    """`axes` with plain values; `where` is what an error calls them.

    Raises InvalidArgument where an axis is no field of a run, is empty, has a value that its field does not take or
    another number of values than of fields, or where a field is set twice.
    """
    if not isinstance(axes, Mapping) or not all(isinstance(key, str | tuple) for key in axes):
        raise invalid(where, "a dict with text keys", axes, "pass a dict from a field of a run to its values")
    plain: dict[Key, tuple] = {}
    for key, values in axes.items():
        for field in axes_of(key) or [key]:
            _check_field(where, field, template, "keyed by fields of a run")
        if not isinstance(values, list | tuple) or not values:
            raise invalid(f"{where}[{key!r}]", "a non-empty tuple", values, "pass one value or more")
        if isinstance(key, tuple):
            for value in values:
                if not isinstance(value, list | tuple) or len(value) != len(key):
                    wanted = f"of tuples of {len(key)} values, one for each field"
                    raise invalid(f"{where}[{key!r}]", wanted, value, "pass tuples that are as long as their key")
            plain[key] = tuple(tuple(map(_plain, value)) for value in values)
        else:
            plain[key] = tuple(map(_plain, values))
    _check_set_once(where, plain, follows)
    if refused := _refused_value(template, plain, follows):
        key, value, reason = refused
        raise invalid(f"{where}[{key!r}]", "of values that the field takes", value, reason)
    return plain


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _check_set_once(where: str, axes: Axes, follows: Mapping[str, str]) -> None:
    set_by: set[str] = set()
    for field in [*follows, *(field for key in axes for field in axes_of(key))]:
        target = _D if field == STEPS else field  # the steps set D
        if target in set_by:
            remedy = f"{STEPS} sets {_D}: leave one of them out" if target == _D else "leave it to one axis"
            if field in follows:
                remedy = f"it follows {follows[field]}: leave the axis out"
            raise invalid(where, "of fields that are set once", field, remedy)
        set_by.add(target)


def _refused_value(template: RunConfiguration, axes: Axes, follows: Mapping[str, str]) -> tuple[Key, Any, str] | None:
    """The axis and its value that no run can have, and why; None where there is none.

    Every value is tried once, together with the first values of the other axes, which it may need.
    """

    def reason(point: Mapping[Key, Any]) -> str:
        values = _by_field(point)
        try:
            for field, value in values.items():
                before = getattr(template, field, None)
                if is_dataclass(before):
                    check_instance(field, value, type(before), remedy=f"build it with {type(before).__name__}(...)")
                elif "." not in field:
                    replace(template, **{field: value})
            parts_of(template, _followed(template, values, follows))
        except InvalidArgument as error:
            return str(error).rstrip(".")
        return ""

    first = {key: values[0] for key, values in axes.items()}
    if why := reason(first):
        # The axis without which the others would do; where several are wrong, the first that is wrong by itself.
        others = {key: {name: value for name, value in first.items() if name != key} for key in first}
        guilty = [key for key in first if not reason(others[key])]
        key = (guilty or [key for key in first if reason({key: first[key]})] or list(first))[0]
        return key, first[key], reason({key: first[key]}) or why
    for key, values in axes.items():
        for value in values[1:]:
            if why := reason(first | {key: value}):
                return key, value, why
    return None
