r"""Scoring a model on sequences that are the same for all models.

Where the law P of the next token is known, exactly:

    excess loss = mean over contexts of KL(P(.|u_0 .. u_t) || q(.|u_0 .. u_t)),        loss = entropy rate + excess loss

No sampled token takes the place of P: that would add the variance of ln q(u_{t+1}), about a thousand times that of the
mean conditional KL on the same walks. Where the law is not known (text), by the cross-entropy

    loss = mean over contexts of -ln q(u_{t+1}|u_0 .. u_t)

with its standard error over the sequences, and no excess loss.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scaling_lib.arguments import BY_HAND, Count, Integer, Remedy, checked
from scaling_lib.data.markov import Chain
from scaling_lib.data.sources import NextLaws, Tokens, tokens_of
from scaling_lib.errors import check_array, check_instance, check_integer, check_mapping, check_sequence, invalid
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.runs.training.steps import matrix_products

__all__ = ["LearningCurve", "TestSet", "conditional_kl", "curve_steps", "logits_of", "test_sets"]


# ---------------------------------------------------------------------- what is scored on


@dataclass(frozen=True)
class TestSet:
    """Sequences that some members of a model are scored on.

    source: what they come from. contexts: Int[sequence, time]; after each beginning of each, the next token is scored.
    targets: the next tokens, of the same shape; needed where the source does not know its laws. members: the numbers of
    the models that are scored on them; several test sets of a model have equally many contexts, and share no member.
    Raises InvalidArgument where a token is outside of the vocabulary.
    """

    __test__ = False  # pytest takes the name for a test

    source: Tokens
    contexts: Int[np.ndarray, "sequence time"]
    members: tuple[int, ...]
    targets: Int[np.ndarray, "sequence time"] | None = None

    def __post_init__(self) -> None:
        tokens_of(self.source)
        check_sequence("members", self.members, int, remedy="pass the numbers of the models", minimum=0)
        object.__setattr__(self, "contexts", _checked("contexts", self.contexts, self.source.vocabulary))
        if self.targets is not None:
            targets = _checked("targets", self.targets, self.source.vocabulary)
            if targets.shape != self.contexts.shape:
                raise invalid("targets", f"of shape {self.contexts.shape}", targets.shape, "pass the next tokens")
            object.__setattr__(self, "targets", targets)

    @cached_property
    def laws_known(self) -> bool:
        """Whether the source knows the law of the next token."""
        return self.source.next_laws(self.contexts[:1, :1]) is not None


@checked
def test_sets(
    sources: Annotated[Sequence[Any], BY_HAND], count: Annotated[int, Integer(minimum=2)], context: Count, seed: Count
) -> list[TestSet]:
    """The test sets of an ensemble: `count` sequences of `context` tokens of each source that differs from the others.

    sources: one for each member. seed: of the sequences. The last token of a sequence is no context.
    Raises InvalidArgument.
    """
    check_sequence("sources", sources, object, remedy="pass one for each member")
    sets = []
    for numbers in members_by_source(sources):
        source = tokens_of(sources[numbers[0]])
        sequences = np.asarray(source.test(count, context, seed))
        sets.append(TestSet(source, sequences[:, :-1], tuple(numbers), sequences[:, 1:]))
    return sets


test_sets.__test__ = False  # type: ignore[attr-defined]  # pytest takes the name for a test


def members_by_source(sources: Sequence[object]) -> list[list[int]]:
    """The numbers of the members that share one source object, group by group, in the order of their first."""
    groups: dict[int, list[int]] = {}
    for k, source in enumerate(sources):
        groups.setdefault(id(source), []).append(k)
    return list(groups.values())


def _checked(name: str, tokens: Any, vocabulary: int) -> Int[np.ndarray, "sequence time"]:
    tokens = check_array(name, tokens, dimensions=2, kind="integer", minimum=0)
    if tokens.max(initial=0) >= vocabulary or not tokens.size:
        raise invalid(name, f"of tokens below {vocabulary}", tokens, "take them from the source")
    return tokens


# ---------------------------------------------------------------------- scores


def conditional_kl(
    model: Trainable, source: Tokens | Chain, contexts: Int[np.ndarray, "sequence time"]
) -> Float[np.ndarray, "K sequence time"]:
    """KL(P(.|u_0 .. u_t) || q(.|u_0 .. u_t)), nats, after every beginning of every sequence, for every member.

    source: a chain, or another source that knows its laws. contexts: sequences of its tokens; the model sees each from
    its first token on. Logits are float32; what is subtracted from what is close to it is float64. A model that has
    diverged gives NaN.
    Raises InvalidArgument where a token is none of the source's, where the model's vocabulary is another, or where
    nobody knows the law.
    """
    check_trainable("model", model)
    test = TestSet(tokens_of(source), contexts, tuple(range(model.members)))
    if not test.laws_known:
        raise invalid("source", "one that knows the law of its next token", source, "use its cross-entropy")
    return _scores(model, [test])


@checked
def logits_of(
    model: Annotated[Trainable, BY_HAND], tests: Annotated[Sequence[TestSet], Remedy("take them from test_sets")]
) -> Iterator[tuple[TestSet, slice, Float[Tensor, "members context V"]]]:
    """The logits of a model on its test sets, part by part, so that they never fill the memory.

    For each part and each test set: the set, which of its sequences, and the logits of its members after each beginning
    of these sequences, float32 on the model's device.
    Raises InvalidArgument where the vocabulary of the model is not that of the source.
    """
    check_trainable("model", model)
    return _logits(model, tests)


@torch.no_grad()
def _logits(
    model: Trainable, tests: Sequence[TestSet]
) -> Iterator[tuple[TestSet, slice, Float[Tensor, "members context V"]]]:
    device, K = model.flat.values.device, model.members
    count, T = tests[0].contexts.shape
    # Logits held at once: what a cache holds on a CPU, what is worth the launches elsewhere.
    at_once = max(1, (2**21 if device.type == "cpu" else 2**25) // (K * T * tests[0].source.vocabulary))
    for start in range(0, count, at_once):
        part = slice(start, min(start + at_once, count))
        tokens = torch.empty(K, part.stop - start, T, dtype=torch.int64)  # [K, W, T]
        for test in tests:
            tokens[list(test.members)] = torch.as_tensor(test.contexts[part])
        with matrix_products("float32", device):
            logits = model.logits(tokens.to(device)).float()  # [K, W, T, V]
        logits = logits.view(K, tokens[0].numel(), -1)  # [K, W*T, V]
        for test in tests:
            if logits.shape[-1] != test.source.vocabulary:
                raise invalid("model", f"of vocabulary {test.source.vocabulary}", logits.shape[-1], "match the source")
            yield test, part, logits if len(test.members) == K else logits[list(test.members)]


class DivergenceParts(NamedTuple):
    """KL(P || q) after each context, and what it was summed from: the A entries of the laws P.

    kl: [K, context]. context, token: [A], of each entry. chosen: [K, A], ln q of each entry. The sums are float64.
    """

    kl: Float[Tensor, "K context"]
    context: Int[Tensor, "A"]
    token: Int[Tensor, "A"]
    chosen: Float[Tensor, "K A"]


def divergence_parts(logs: Float[Tensor, "K context V"], laws: NextLaws) -> DivergenceParts:
    """KL of `laws` and the models whose log probabilities are `logs`, after each of the same contexts."""
    context = torch.tensor(laws.context, device=logs.device)  # [A]
    token = torch.tensor(laws.token, dtype=torch.int64, device=logs.device)  # [A]
    law = torch.tensor(laws.probability, device=logs.device)  # [A]
    chosen = logs[:, context, token].double()  # [K, A]
    kl = torch.zeros(logs.shape[:2], dtype=torch.float64, device=logs.device)  # [K, context]
    kl.index_add_(1, context, law * (law.log() - chosen))  # the sum over the entries of each context
    return DivergenceParts(kl, context, token, chosen)


@torch.no_grad()
def _scores(model: Trainable, tests: Sequence[TestSet]) -> Float[np.ndarray, "K sequence time"]:
    """The divergence from the law after each context where it is known, else the cross-entropy with the next token."""
    device = model.flat.values.device
    scores = np.empty((model.members, *tests[0].contexts.shape))
    for test, part, logits in _logits(model, tests):
        contexts = test.contexts[part]  # [W, T]: W sequences, of W*T contexts
        laws = test.source.next_laws(contexts)
        logs = torch.log_softmax(logits, -1)  # [K, W*T, V]
        if laws is None:
            if test.targets is None:
                raise invalid("tests", "with targets where no law is known", None, "take them from test_sets")
            targets = torch.tensor(test.targets[part].ravel(), device=device).expand(len(logits), -1)  # [K, W*T]
            score = -logs.gather(-1, targets[..., None])[..., 0].double()  # [K, W*T]
        else:
            score = divergence_parts(logs, laws).kl
        scores[list(test.members), part] = score.view(-1, *contexts.shape).cpu().numpy()
    return scores


# ---------------------------------------------------------------------- learning curves


@checked
def curve_steps(steps: Count, points: Count, spacing: Literal["log", "linear"] = "log") -> tuple[int, ...]:
    """The steps at which a run is scored: 0, and up to `points` others, spaced evenly, that end with the last.

    >>> curve_steps(100, 3)
    (0, 1, 10, 100)
    >>> curve_steps(100, 4, "linear")
    (0, 25, 50, 75, 100)
    """
    spaced = np.geomspace(steps, 1, points) if spacing == "log" else np.linspace(0, steps, points + 1)[1:]
    return (0, *sorted({max(1, int(step)) for step in spaced.round()}))


class LearningCurve:
    """The learning curves of K models: at some steps, training loss, mean score and its standard error.

    tests: what is scored, two sequences at least (`test_sets`). `training`, `mean`, `error` hold one array of K
    numbers, in nats, for each of `steps`. `mean` is the excess loss over the entropy rate where the source knows its
    laws (`laws_known`), else the loss.
    """

    def __init__(self, model: Trainable, tests: Sequence[TestSet]) -> None:
        self.model = check_trainable("model", model)
        self.tests = check_sequence("tests", tests, TestSet, remedy="take them from test_sets")
        if sorted(k for test in tests for k in test.members) != list(range(model.members)):
            raise invalid("tests", f"for each of {model.members} members once", tests, "take them from test_sets")
        shapes = {test.contexts.shape for test in tests} | {tests[0].contexts.shape}
        if len(shapes) > 1 or tests[0].contexts.shape[0] < 2:
            raise invalid("tests", "of equally many sequences, two at least", shapes, "take them from test_sets")
        self.laws_known = all(test.laws_known for test in tests)
        self.steps: list[int] = []
        self.training: list[np.ndarray] = []
        self.mean: list[np.ndarray] = []
        self.error: list[np.ndarray] = []

    def score(self, step: int, losses: Tensor | None) -> bool:
        """Score all members after `step` updates; False if not one of them is finite any more.

        losses: the training losses [K] of that step, to be written down beside; None before the first.
        """
        step = check_integer("step", step, minimum=0)
        if losses is not None:
            check_instance("losses", losses, Tensor, remedy="pass what model.losses returned")
        per_sequence = _scores(self.model, self.tests).mean(-1)  # [K, sequence, time] -> [K, sequence]
        self.steps.append(step)
        self.training.append(np.full(len(per_sequence), np.nan) if losses is None else losses.detach().cpu().numpy())
        self.mean.append(per_sequence.mean(-1))  # [K]
        self.error.append(per_sequence.std(-1, ddof=1) / math.sqrt(per_sequence.shape[-1]))
        return bool(np.isfinite(self.mean[-1]).any())

    def keep(self, steps: Collection[int]) -> None:
        """Leave out what was scored at other steps than these."""
        if isinstance(steps, str | bytes) or not isinstance(steps, Collection):
            raise invalid("steps", "a set of steps", steps, "pass those of curve_steps")
        wanted = check_sequence("steps", list(steps), int, remedy="pass steps", minimum=0)
        kept = [i for i, step in enumerate(self.steps) if step in wanted]
        self.steps = [self.steps[i] for i in kept]
        self.training, self.mean, self.error = (
            [values[i] for i in kept] for values in (self.training, self.mean, self.error)
        )

    @property
    def state(self) -> dict[str, Tensor]:
        """The curve so far: tensors [step, K] in the order of `steps`."""
        parts = {"training": self.training, "mean": self.mean, "error": self.error}
        return {f"curve_{name}": torch.tensor(np.stack(values)) for name, values in parts.items() if values}

    def restore(self, steps: Sequence[int], state: Mapping[str, Tensor]) -> None:
        """Go on from the `steps` and the `state` of a curve like this one."""
        steps = check_sequence("steps", steps, int, remedy="pass the steps of a curve", minimum=0)
        check_mapping("state", state, remedy="pass the state of a curve")
        names = [f"curve_{name}" for name in ("training", "mean", "error")]
        if any(name not in state for name in names):
            raise invalid("state", f"with {', '.join(names)}", list(state), "pass that of a curve")
        self.steps = list(steps)
        self.training, self.mean, self.error = (list(state[name].numpy()) for name in names)
