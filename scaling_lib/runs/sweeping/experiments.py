"""An experiment: a question, a template run, and for every profile the axes along which the template is varied.

An axis is a field of a run, written with a dot ("architecture.width", "schedule.tokens", "seed"), and its values. Any
field can be one. The runs of a profile are the product of its axes, and everything else is as in the template:

>>> grid = experiment("er-200").configurations("smoke")
>>> sorted({(run.architecture.width, run.optimizer.learning_rate) for run in grid})[:3]
[(16, 0.5), (16, 1.0), (16, 2.0)]

The experiments of the book are data, in `runs.sweeping.catalogue`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np

from scaling_lib.arguments import Choice, Integer, Remedy, checked
from scaling_lib.data import chains
from scaling_lib.data.markov import Chain
from scaling_lib.errors import InvalidArgument, InvalidData, check_choice, check_instance, check_mapping, invalid
from scaling_lib.runs.records import RunConfiguration, Source
from scaling_lib.runs.sweeping.catalogue import CATALOGUE, Axes

__all__ = ["EXPERIMENTS", "PROFILES", "Experiment", "chain_of", "experiment", "source_of"]

# What a notebook can be asked to do, smallest first. "recorded" trains nothing.
PROFILES = ("recorded", "smoke", "colab", "full")

_FROM_A_GRID = "take them from Experiment.configurations"
Grid = Annotated[Sequence[RunConfiguration], Remedy(_FROM_A_GRID)]
GridOrNone = Annotated[Sequence[RunConfiguration], Remedy(_FROM_A_GRID, least=0)]


# ---------------------------------------------------------------------- experiments


@checked
@dataclass(frozen=True)
class Experiment:
    """A question, and the runs that answer it.

    template: a run; its source may come from `source_of`. axes: for each profile a dict from a field to its values, the
    first field outermost in the order of the runs. A field is one of `RunConfiguration` ("seed", "precision",
    "parametrization"), of one of its parts ("architecture.width", "optimizer.weight_decay", "evaluation.walks"), or a
    number of the graph's recipe ("source.seed", "source.parameters.edges").

    What follows from other fields follows here too: D ("schedule.tokens") is rounded to whole batches; heads that are
    the default for the template's width stay the default for each width; the fingerprint and the vocabulary of a source
    that is varied are those of the graph it makes.

    >>> from dataclasses import replace
    >>> er_200 = experiment("er-200")
    >>> context = replace(er_200, axes={"smoke": {"architecture.context": (25, 50)}})
    >>> [run.architecture.context for run in context.configurations("smoke")]
    [25, 50]

    Raises InvalidArgument where an axis is no field of a run, is empty, or has a value that the field does not take.
    """

    name: str
    question: str
    template: Annotated[RunConfiguration, Remedy("build it with RunConfiguration(...)")]
    axes: Annotated[Mapping[str, Axes], Remedy("pass a dict from profile to axes")]

    def __post_init__(self) -> None:
        if not self.axes:
            raise invalid("axes", "a dict from profile to axes", self.axes, "pass one or more")
        for profile in self.axes:
            check_choice("axes", profile, PROFILES[1:])
        plain = {profile: self._checked_axes(profile) for profile in self.axes}
        object.__setattr__(self, "axes", plain)

    def _checked_axes(self, profile: str) -> Axes:
        """The axes of one profile, with plain values."""
        where = f"axes[{profile!r}]"
        axes = check_mapping(where, self.axes[profile], remedy="pass a dict from a field of a run to its values")
        known = _fields_of(self.template)
        for field, values in axes.items():
            if field not in known:
                part = [name for name in known if name.partition(".")[0] == field.partition(".")[0]] or known
                raise invalid(where, "keyed by fields of a run", field, f"pick one of {', '.join(part)}")
            if not isinstance(values, list | tuple) or not values:
                raise invalid(f"{where}[{field!r}]", "a non-empty tuple", values, "pass one value or more")
        plain = {
            field: tuple(value.item() if isinstance(value, np.generic) else value for value in values)
            for field, values in axes.items()
        }
        if refused := _refused_value(self.template, plain):
            field, value, reason = refused
            raise invalid(f"{where}[{field!r}]", "of values that the field takes", value, reason)
        return plain

    @property
    def parameters(self) -> Mapping[str, int | float | str | bool]:
        """The arguments of the recipe of the template's graph, by name."""
        return dict(self.template.source.parameters)

    def chain(self) -> Chain:
        """The data of the template: the same graph, bit for bit, on every machine.

        Raises InvalidData where numpy makes another graph of the recipe than it did for the recorded runs.
        """
        return chain_of(self.template.source)

    def values(self, profile: str, field: str) -> tuple:
        """The values of a field in the grid of `profile`: those of its axis, else the one of the template.

        >>> experiment("er-100").values("full", "architecture.width")
        (64,)
        """
        check_choice("profile", profile, tuple(self.axes))
        check_choice("field", field, _fields_of(self.template))
        return self.axes[profile].get(field) or (_value_of(self.template, field),)

    def configurations(self, profile: str) -> tuple[RunConfiguration, ...]:
        """Every run of the grid of `profile`, the first axis outermost."""
        check_choice("profile", profile, tuple(self.axes))
        axes = self.axes[profile]
        return tuple(_varied(self.template, dict(zip(axes, point, strict=True))) for point in product(*axes.values()))


def experiment(name: str) -> Experiment:
    """The experiment of that name."""
    check_choice("name", name, tuple(EXPERIMENTS))
    return EXPERIMENTS[name]


# ---------------------------------------------------------------------- fields of a run


def _fields_of(template: RunConfiguration) -> list[str]:
    """Every field that can be an axis."""
    names = []
    for field in fields(template):
        part = getattr(template, field.name)
        if isinstance(part, Source):
            recipe = [f"parameters.{name}" for name, _ in part.parameters]
            names += [field.name, *(f"{field.name}.{name}" for name in ("seed", "start", *recipe))]
        elif is_dataclass(part):
            names += [field.name, *(f"{field.name}.{inner.name}" for inner in fields(part))]
        elif field.name != "semantics_version":  # that of the code that trains, no choice of a grid
            names.append(field.name)
    return names


def _value_of(template: RunConfiguration, field: str) -> Any:
    value: Any = template
    for name in field.split("."):
        value = dict(value)[name] if isinstance(value, tuple) else getattr(value, name)
    return value


def _parts(template: RunConfiguration, values: Mapping[str, Any]) -> dict[str, Any]:
    """What `values`, by their dotted fields, put in the place of the template's parts."""
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
        if part == "architecture" and "width" in change and before.heads == replace(before, heads=None).heads:
            change = {"heads": None} | change
        parts[part] = replace(before, **change)
    return parts


def _refused_value(template: RunConfiguration, axes: Axes) -> tuple[str, Any, str] | None:
    """The axis and its value that no run can have, and why; None where there is none.

    Every value is tried once, together with the first values of the other axes, which it may need.
    """

    def reason(values: Mapping[str, Any]) -> str:
        try:
            for field, value in values.items():
                before = getattr(template, field, None)
                if is_dataclass(before):
                    check_instance(field, value, type(before), remedy=f"build it with {type(before).__name__}(...)")
                elif "." not in field:
                    replace(template, **{field: value})
            _parts(template, values)
        except InvalidArgument as error:
            return str(error).rstrip(".")
        return ""

    first = {field: values[0] for field, values in axes.items()}
    if why := reason(first):
        # The axis without which the others would do; where several are wrong, the first that is wrong by itself.
        others = {field: {name: value for name, value in first.items() if name != field} for field in first}
        guilty = [field for field in first if not reason(others[field])]
        field = (guilty or [field for field in first if reason({field: first[field]})] or list(first))[0]
        return field, first[field], reason({field: first[field]}) or why
    for field, values in axes.items():
        for value in values[1:]:
            if why := reason(first | {field: value}):
                return field, value, why
    return None


def _recipe_change(source: Source, change: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {field.removeprefix("parameters."): value for field, value in change.items() if "." in field}
    others = {field: value for field, value in change.items() if "." not in field}
    return others | {"parameters": tuple((dict(source.parameters) | numbers).items())}


def _varied(template: RunConfiguration, values: Mapping[str, Any]) -> RunConfiguration:
    """The template with `values` in their fields, and with what follows from them."""
    parts = _parts(template, values)
    architecture, schedule = (parts.get(name, getattr(template, name)) for name in ("architecture", "schedule"))
    if "source" in parts:
        source, chain = source_of(parts["source"].ensemble, dict(parts["source"].parameters), parts["source"].seed)
        parts["source"] = replace(parts["source"], fingerprint=source.fingerprint)
        if "architecture.vocabulary" not in values:
            architecture = replace(architecture, vocabulary=chain.nodes)
    per_step = schedule.batch * architecture.context
    whole = max(1, round(schedule.tokens / per_step)) * per_step  # the nearest whole number of batches
    return replace(template, **parts | {"architecture": architecture, "schedule": replace(schedule, tokens=whole)})


# ---------------------------------------------------------------------- sources


def _erdos_renyi(seed: int, nodes: int, edges: int) -> Chain:
    return chains.erdos_renyi(nodes, edges=edges, generator=np.random.default_rng(seed))


def _barabasi_albert(seed: int, nodes: int, attachments: int) -> Chain:
    return chains.barabasi_albert(nodes, attachments=attachments, generator=np.random.default_rng(seed))


def _biased_erdos_renyi(seed: int, nodes: int, edges: int, kappa: float, kmax: float) -> Chain:
    """The graph of the same seed without bias, its weights from a generator of their own."""
    weights = np.random.default_rng([seed, 1])
    return chains.biased(_erdos_renyi(seed, nodes, edges), kappa=kappa, kmax=kmax, generator=weights)


_RECIPES: Mapping[str, Callable[..., Chain]] = MappingProxyType(
    {"erdos_renyi": _erdos_renyi, "barabasi_albert": _barabasi_albert, "biased_erdos_renyi": _biased_erdos_renyi}
)


@checked
def source_of(
    ensemble: Annotated[str, Choice(tuple(_RECIPES))],
    parameters: Annotated[Mapping[str, int | float | str | bool], Remedy("pass the ensemble's arguments")],
    seed: Annotated[int, Integer(minimum=0)] = 0,
) -> tuple[Source, Chain]:
    """The source and the chain that a recipe makes.

    ensemble: "erdos_renyi" (nodes, edges), "barabasi_albert" (nodes, attachments) or "biased_erdos_renyi" (nodes,
    edges, kappa, kmax: directed continuous weights on [1, kmax]). seed: of the graph.

    >>> source, chain = source_of("erdos_renyi", {"nodes": 100, "edges": 500})
    >>> chain.nodes, chain.edges, source.fingerprint == chain.fingerprint
    (100, 500, True)

    Raises InvalidArgument where the ensemble or one of its arguments is unknown.
    """
    pairs = tuple(sorted(parameters.items()))
    return _made(ensemble, pairs, seed)


@lru_cache(maxsize=8)
def _made(ensemble: str, pairs: tuple[tuple[str, int | float | str | bool], ...], seed: int) -> tuple[Source, Chain]:
    try:
        chain = _RECIPES[ensemble](seed, **dict(pairs))
    except TypeError:
        raise invalid("parameters", f"the arguments of {ensemble}", dict(pairs), "see scaling_lib.data") from None
    return Source(ensemble, pairs, seed, chain.fingerprint), chain


@checked
def chain_of(source: Annotated[Source, Remedy("take it from a RunConfiguration")]) -> Chain:
    """The chain that a run was trained on, made again from its recipe.

    Raises InvalidData where the recipe now gives another graph (a numpy whose generators changed).
    """
    made, chain = source_of(source.ensemble, dict(source.parameters), source.seed)
    if made.fingerprint != source.fingerprint:
        raise InvalidData(
            f"source {source.ensemble}{dict(source.parameters)} now makes graph {made.fingerprint[:12]}, not "
            f"{source.fingerprint[:12]} of the run: use the numpy version named in the run's provenance."
        )
    return chain


# Below the class, which it is made of.
EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {name: Experiment(name, *entry) for name, entry in CATALOGUE.items()}
)
