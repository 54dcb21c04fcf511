r"""What else a finished model is measured by, besides its loss.

A metric is a function from the `Scores` of a model to one number for each member, or to None where it does not apply to
the source. It is named by `METRICS`, or, from outside the library, by its import path "package.module:function". What
metrics find is kept beside a run (`runs.records.Measurement`) and is no part of its identity: with the final weights at
hand (`runs.keeping.kept`) a new metric needs no training.

The three of the library split the exact conditional KL of a law P and a model q. With m = q(successors of P), the mass
on tokens that can follow at all,

    KL(P || q) = -ln m + KL(P || q / m)
               =  leak + within                          q / m: the model, renormalised on the successors

and, for walks, whose law depends on the last node alone, with q_u proportional to exp(mean over contexts at u of ln q),

    mean over contexts at u of KL(P_u || q) = KL(P_u || q_u) + context,       context = -ln sum_v exp(mean of ln q(v))

the part that comes from the model's law depending on more than the node it is at: the decomposition of a divergence
into bias and variance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int

from scaling_lib.arguments import Integer, Remedy, checked, imported
from scaling_lib.data.sources import Walks
from scaling_lib.errors import check_instance, check_sequence, invalid
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.runs.records import Measurement
from scaling_lib.runs.training.scoring import TestSet, divergence_parts, logits_of

__all__ = ["METRICS", "Metric", "Scores", "check_metrics", "context", "leak", "measure", "within"]

# Nodes up to which the mean law of each node is held: 2^11 squared doubles are 32 MiB a member.
LARGEST = 2**11


class _Passes:
    """What the metrics need of the logits of a model on its test sets, set by set; one pass over the model for each of
    the two, whichever of the sets asks first."""

    def __init__(self, model: Trainable, tests: Sequence[TestSet]) -> None:
        self.model, self.tests = model, tests

    @cached_property
    @torch.no_grad()
    def divergences(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """kl and leak of each test set whose source knows its laws, [k, sequence, time]."""
        values_of = {}
        for test in self.tests:
            shape = (len(test.members), *test.contexts.shape)
            values_of[id(test)] = np.empty(shape), np.empty(shape)
        for test, part, logits in logits_of(self.model, self.tests):
            laws = test.source.next_laws(test.contexts[part])
            if laws is None:
                continue
            logs = torch.log_softmax(logits, -1)  # [k, context, V]
            parts = divergence_parts(logs, laws)
            # Where the mass on the successors is close to one, what is not on them is summed by itself: one minus the
            # mass would lose its digits.
            mass = torch.zeros_like(parts.kl).index_add_(1, parts.context, parts.chosen.exp())  # [k, context]
            others = logs.exp_()
            others[:, parts.context, parts.token] = 0.0
            outside = others.double().sum(-1)  # [k, context]
            leak = torch.where(mass < 0.5, -mass.log(), -torch.log1p(-outside))
            for values, of_part in zip(values_of[id(test)], (parts.kl, leak), strict=True):
                values[:, part] = of_part.view(len(logits), -1, values.shape[-1]).cpu().numpy()
        return [values_of[id(test)] for test in self.tests]

    @cached_property
    @torch.no_grad()
    def node_laws(self) -> list[np.ndarray]:
        """Of each test set, the mean of ln q over the contexts at each node, [k, V, V]; NaN where none is there."""
        V = self.tests[0].source.vocabulary
        sums = {id(test): torch.zeros(len(test.members), V, V, dtype=torch.float64) for test in self.tests}
        for test, part, logits in logits_of(self.model, self.tests):
            nodes = torch.as_tensor(test.contexts[part].ravel())  # [context]
            sums[id(test)].index_add_(1, nodes, torch.log_softmax(logits, -1).double().cpu())
        visits = [np.bincount(test.contexts.ravel(), minlength=V)[:, None] for test in self.tests]  # [V, 1]
        with np.errstate(invalid="ignore"):
            return [sums[id(test)].numpy() / seen for test, seen in zip(self.tests, visits, strict=True)]


class Scores:
    """What some members of a model say on their test set, position by position; each part is computed when asked for.

    model: of K members. test: its contexts, of which there are `sequence` x `time`, and the members, k of them. Arrays
    are in nats, float64.
    """

    def __init__(self, model: Trainable, test: TestSet) -> None:
        self.model = check_trainable("model", model)
        self.test = check_instance("test", test, TestSet, remedy="take it from test_sets")
        if max(test.members) >= model.members:
            raise invalid("test", f"of members below {model.members}", test.members, "take it from test_sets")
        # A pass over the model wants tokens for each member.
        everybody = replace(test, members=tuple(range(model.members)))
        self._passes, self._number, self._members = _Passes(model, [everybody]), 0, list(test.members)

    @classmethod
    def of_all(cls, model: Trainable, tests: Sequence[TestSet]) -> "list[Scores]":
        """The scores of each of the test sets of a model, which share their passes over it.

        tests: of `test_sets`, which hold every member once. Raises InvalidArgument.
        """
        tests = check_sequence("tests", tests, TestSet, remedy="take them from test_sets")
        passes = _Passes(check_trainable("model", model), tests)
        scores = [cls(model, test) for test in tests]
        for number, of_test in enumerate(scores):
            of_test._passes, of_test._number = passes, number
            of_test._members = list(range(len(of_test.test.members)))
        return scores

    @property
    def laws_known(self) -> bool:
        """Whether the source knows the law of the next token; where not, there is no kl, leak or within."""
        return self.test.laws_known

    @property
    def last(self) -> Int[np.ndarray, "sequence time"]:
        """The last token of each context: of a walk, the node it is at."""
        return self.test.contexts

    @property
    def kl(self) -> Float[np.ndarray, "k sequence time"]:
        """KL(P || q) after each context."""
        return self._divergence(0)

    @property
    def leak(self) -> Float[np.ndarray, "k sequence time"]:
        """-ln of the model's mass on the successors that P has, after each context."""
        return self._divergence(1)

    def _divergence(self, which: int) -> np.ndarray:
        if not self.laws_known:
            raise invalid("test", "of a source that knows its laws", self.test.source, "ask laws_known first")
        return self._passes.divergences[self._number][which][self._members]

    @property
    def within(self) -> Float[np.ndarray, "k sequence time"]:
        """KL(P || q renormalised on the successors), after each context."""
        return self.kl - self.leak

    @property
    def node_laws(self) -> Float[np.ndarray, "k V V"]:
        """Of each node u, the mean over the contexts at u of ln q: [member, u, v]; NaN where no context is at u.

        Raises InvalidArgument for a vocabulary above 2,048.
        """
        V = self.test.source.vocabulary
        if V > LARGEST:
            raise invalid("test", f"of a vocabulary of at most {LARGEST}", V, "take a smaller graph")
        return self._passes.node_laws[self._number][self._members]


Metric = Callable[[Scores], Float[np.ndarray, "k"] | None]


def leak(scores: Scores) -> Float[np.ndarray, "k"] | None:
    """Mean of -ln(mass on the true successors), nats; None where nobody knows the law."""
    return scores.leak.mean((1, 2)) if _scores(scores).laws_known else None


def within(scores: Scores) -> Float[np.ndarray, "k"] | None:
    """Mean of KL(P || model renormalised on the true successors), nats; None where nobody knows the law."""
    return scores.within.mean((1, 2)) if _scores(scores).laws_known else None


def context(scores: Scores) -> Float[np.ndarray, "k"] | None:
    """The part of the mean KL that comes from dependence on more than the last node, nats.

    None where the source is no chain, or one of more than 2,048 nodes.
    """
    source = _scores(scores).test.source
    if not isinstance(source, Walks) or source.vocabulary > LARGEST:
        return None
    visits = np.bincount(scores.last.ravel(), minlength=source.vocabulary)  # [V]
    seen = visits > 0
    laws = scores.node_laws[:, seen]  # [k, node, V]
    top = laws.max(-1)
    logarithms = top + np.log(np.exp(laws - top[..., None]).sum(-1))  # [k, node]: ln of the sum, at most 0
    return -(logarithms @ visits[seen]) / visits.sum()


METRICS: Mapping[str, Metric] = MappingProxyType({"leak": leak, "within": within, "context": context})


def _scores(scores: Scores) -> Scores:
    return check_instance("scores", scores, Scores, remedy="build it with Scores(model, test)")


def check_metrics(metrics: Sequence[str] | Mapping[str, Metric]) -> dict[str, Metric]:
    """The functions that names of metrics stand for: one of `METRICS`, or an import path.

    Raises InvalidArgument where a name is neither.
    """
    metrics = list(metrics) if isinstance(metrics, Mapping) else metrics
    names = check_sequence("metrics", metrics, str, remedy="pass names of metrics", minimum=0)
    functions: dict[str, Metric] = {}
    for name in names:
        if name not in METRICS and ":" not in name:
            wanted = f"of {', '.join(METRICS)}, or import paths 'package.module:function'"
            raise invalid("metrics", wanted, name, "correct the name")
        function = METRICS[name] if name in METRICS else imported("metrics", name)
        if not callable(function):
            raise invalid("metrics", "functions of Scores", name, "name a function")
        functions[name] = function
    return functions


@checked
def measure(
    model: Annotated[Trainable, Remedy("make one with initial_model")],
    tests: Annotated[Sequence[TestSet], Remedy("take them from test_sets")],
    metrics: Annotated[Sequence[str], Remedy("pass names of metrics", least=0)],
    step: Annotated[int, Integer(minimum=0)],
) -> list[tuple[Measurement, ...]]:
    """Every metric of every member, in the order of the members; what does not apply to a member's source is left out.

    Raises InvalidArgument where a metric is unknown, or gives something else than one number for each member.
    """
    functions = check_metrics(metrics)
    measurements: list[list[Measurement]] = [[] for _ in range(model.members)]
    for scores in Scores.of_all(model, tests):
        members = scores.test.members
        for name, function in functions.items():
            values = function(scores)
            if values is None:
                continue
            if np.shape(values) != (len(members),):
                wanted = f"functions that give {len(members)} numbers, one for each member"
                raise invalid("metrics", wanted, f"{name}: {np.shape(values)}", "return an array of that length")
            for k, value in zip(members, values, strict=True):
                measurements[k].append(Measurement(name, step, float(value) if np.isfinite(value) else None))
    return [tuple(values) for values in measurements]
