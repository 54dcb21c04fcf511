"""An experiment: a question, a template run, and for every profile the axes along which the template is varied.

An axis is a field of a run, written with a dot ("architecture.width", "schedule.tokens", "seed"), and its values, or
several fields that go hand in hand (`runs.sweeping.axes`). Any field can be one. The runs of a profile are the product
of its axes, and everything else is as in the template:

>>> grid = experiment("er-200").configurations("smoke")
>>> sorted({(run.architecture.width, run.optimizer.learning_rate) for run in grid})[:3]
[(16, 0.5), (16, 1.0), (16, 2.0)]

The experiments of the book are data, in `runs.sweeping.catalogue`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from scaling_lib.arguments import BY_HAND, Remedy, checked
from scaling_lib.data.markov import Chain
from scaling_lib.data.text.tokenizer import check_vocabulary
from scaling_lib.errors import check_choice, invalid
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.axes import (
    Axes,
    axes_of,
    checked_axes,
    checked_follows,
    fields_of,
    parts_of,
    settings,
    value_of,
)
from scaling_lib.runs.sweeping.catalogue import CATALOGUE
from scaling_lib.runs.sweeping.recipes import chain_of, drawn
from scaling_lib.runs.sweeping.studies.barest import BAREST
from scaling_lib.runs.sweeping.studies.blocks import BLOCKS
from scaling_lib.runs.sweeping.studies.controls import CONTROLS
from scaling_lib.runs.sweeping.studies.emergence import EMERGENCE
from scaling_lib.runs.sweeping.studies.language import LANGUAGE
from scaling_lib.runs.sweeping.studies.neighbours import NEIGHBOURS
from scaling_lib.runs.sweeping.studies.twins import TWINS

__all__ = ["EXPERIMENTS", "PROFILES", "Experiment", "experiment"]

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
    "parametrization"), of one of its parts ("architecture.width", "optimizer.weight_decay", "evaluation.walks"), a
    number of the graph's recipe ("source.seed", "source.parameters.edges"), or "schedule.steps", which sets D =
    steps x batch x context / epochs. Fields that go hand in hand are one axis, a tuple of fields with tuples of values.
    follows: from a field to the one whose value it takes; {"source.seed": "seed"} draws a new graph for every seed.

    What follows from other fields follows here too: D ("schedule.tokens") is rounded to whole batches; heads that are
    the default for the template's width stay the default for each width; the fingerprint and the vocabulary of a source
    that is varied are those of the graph it makes.

    >>> from dataclasses import replace
    >>> er_200 = experiment("er-200")
    >>> context = replace(er_200, axes={"smoke": {"architecture.context": (25, 50)}})
    >>> [run.architecture.context for run in context.configurations("smoke")]
    [25, 50]
    >>> sizes = {("source.parameters.nodes", "source.parameters.edges"): ((50, 250), (100, 500))}
    >>> sizes |= {"schedule.steps": (400,), "seed": (0, 1)}
    >>> graphs = replace(er_200, axes={"smoke": sizes}, follows={"source.seed": "seed"})
    >>> [(run.architecture.vocabulary, run.source.seed, run.schedule.tokens) for run in graphs.configurations("smoke")]
    [(50, 0, 400000), (50, 1, 400000), (100, 0, 400000), (100, 1, 400000)]

    Raises InvalidArgument where an axis is no field of a run, is empty, has a value that the field does not take, or
    sets a field that another axis or `follows` sets.
    """

    name: str
    question: str
    template: Annotated[RunConfiguration, Remedy("build it with RunConfiguration(...)")]
    axes: Annotated[Mapping[str, Axes], Remedy("pass a dict from profile to axes")]
    follows: Annotated[Mapping[str, str], Remedy("pass a dict from a field to the one it follows")] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        if not self.axes:
            raise invalid("axes", "a dict from profile to axes", self.axes, "pass one or more")
        for profile in self.axes:
            check_choice("axes", profile, PROFILES[1:])
        follows = checked_follows(self.template, self.follows)
        plain = {
            profile: checked_axes(f"axes[{profile!r}]", axes, self.template, follows)
            for profile, axes in self.axes.items()
        }
        object.__setattr__(self, "follows", follows)
        object.__setattr__(self, "axes", plain)

    @property
    def parameters(self) -> Mapping[str, int | float | str | bool]:
        """The arguments of the recipe of the template's graph, by name."""
        return dict(self.template.source.parameters)

    def chain(self) -> Chain:
        """The data of the template: the same graph, bit for bit, on every machine.

        A grid with several graphs (an axis of the source, or a source that follows the seed) has one for each run, and
        the template's need not be among them: take those from `chain_of(run.source)`.
        Raises InvalidData where numpy makes another graph of the recipe than it did for the recorded runs.
        """
        return chain_of(self.template.source)

    @checked
    def on_corpus(self, source: str | Path, vocabulary: Annotated[int | str, BY_HAND] = 128) -> "Experiment":
        """The same runs on another text: what is trained on a text, or on the bigram chain of one, on that of `source`.

        source, vocabulary: as in `data.text.tokenized.tokenized_corpus`; the paper's are "fineweb-edu:COUNT" and
        "gpt2". The text is read and made into tokens here, and its path is part of the identity of every run.
        Raises InvalidArgument where the runs are on graphs, or on what a model writes; what making the corpus raises.
        """
        made = self.template.source
        if made.ensemble not in _OF_A_CORPUS:
            wanted = f"left out for {self.name}, whose tokens are not those of a corpus ({made.ensemble})"
            remedy = f"take {', '.join(name for name, other in EXPERIMENTS.items() if _of_a_corpus(other))}"
            raise invalid("source", wanted, str(source), remedy)
        arguments = {"corpus": str(source), "vocabulary": check_vocabulary("vocabulary", vocabulary)}
        parameters = tuple(sorted((dict(made.parameters) | arguments).items()))
        fingerprint, tokens = drawn(made.ensemble, parameters, made.seed)
        template = replace(
            self.template,
            source=replace(made, parameters=parameters, fingerprint=fingerprint),
            architecture=replace(self.template.architecture, vocabulary=tokens),
        )
        return replace(self, template=template)

    def values(self, profile: str, field: str) -> tuple:
        """The values of a field in the grid of `profile`: those of its axis, else those that its runs have, each once.

        >>> experiment("er-100").values("full", "architecture.width")
        (64,)
        """
        check_choice("profile", profile, tuple(self.axes))
        check_choice("field", field, fields_of(self.template))
        axes = self.axes[profile]
        if field in axes:
            return axes[field]
        if field in self.follows:
            return self.values(profile, self.follows[field])
        for key, values in axes.items():
            if field in axes_of(key):  # one of several that go hand in hand
                return tuple(dict.fromkeys(value[key.index(field)] for value in values))
        return tuple(dict.fromkeys(value_of(run, field) for run in self.configurations(profile)))

    def configurations(self, profile: str) -> tuple[RunConfiguration, ...]:
        """Every run of the grid of `profile`, the first axis outermost.

        Raises InvalidArgument where values of several axes do not go together.
        """
        check_choice("profile", profile, tuple(self.axes))
        if profile not in self._grids:
            points = settings(self.template, self.axes[profile], self.follows)
            self._grids[profile] = tuple(_varied(self.template, values) for values in points)
        return self._grids[profile]

    @cached_property
    def _grids(self) -> dict[str, tuple[RunConfiguration, ...]]:
        """The grids that were asked for, by profile: to make a large one takes a second, and nothing of it changes."""
        return {}


def experiment(name: str) -> Experiment:
    """The experiment of that name."""
    check_choice("name", name, tuple(EXPERIMENTS))
    return EXPERIMENTS[name]


# The ensembles that are made of a corpus.
_OF_A_CORPUS = ("text", "bigram")


def _of_a_corpus(made: Experiment) -> bool:
    return made.template.source.ensemble in _OF_A_CORPUS


def _varied(template: RunConfiguration, values: Mapping[str, Any]) -> RunConfiguration:
    """The template with `values` in their fields, and with what follows from them."""
    parts = parts_of(template, values)
    architecture, schedule = (parts.get(name, getattr(template, name)) for name in ("architecture", "schedule"))
    if "source" in parts:
        varied = parts["source"]
        fingerprint, nodes = drawn(varied.ensemble, varied.parameters, varied.seed)
        parts["source"] = replace(varied, fingerprint=fingerprint)
        if "architecture.vocabulary" not in values:
            architecture = replace(architecture, vocabulary=nodes)
    per_step = schedule.batch * architecture.context
    whole = max(1, round(schedule.tokens / per_step)) * per_step  # the nearest whole number of batches
    return replace(template, **parts | {"architecture": architecture, "schedule": replace(schedule, tokens=whole)})


# Below the class, which it is made of.
_ENTRIES = {**CATALOGUE, **TWINS, **NEIGHBOURS, **CONTROLS, **LANGUAGE, **BLOCKS, **BAREST, **EMERGENCE}
EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {name: Experiment(name, *entry) for name, entry in _ENTRIES.items()}
)
