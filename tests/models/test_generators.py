"""A teacher's samples follow its laws, token for token as without a cache, whatever else is asked for."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks.sampling import sample_without_cache
from scaling_lib.data.sources import Tokens, Walks
from scaling_lib.errors import InvalidArgument
from scaling_lib.models import generators
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.generators import Teacher, chosen_tokens, sample_sequences
from scaling_lib.models.parametrization import Parametrization
from scaling_lib.models.transformer import Transformer
from tests.models.planned import SHAPES

V, T = 7, 6
LAW = np.arange(1, V + 1) / 28


def model_of(shape, seed=0, members=1, sharp=3.0):
    """An untrained model whose laws are far from uniform."""
    drawn = [torch.Generator().manual_seed(seed + k) for k in range(members)]
    model = Transformer(shape, Parametrization("sp"), generators=drawn)
    with torch.no_grad():
        for name, tensor in model.flat.tensors.items():
            tensor.mul_(1.0 if name.endswith("norm") else sharp)
    return model


@pytest.fixture(scope="module")
def teacher():
    return Teacher(model_of(Architecture(V, 16, context=T), sharp=8.0), first=LAW, sequences=4000)


# ---------------------------------------------------------------------- with and without a cache


@pytest.mark.parametrize("parametrization", ["sp", "mup"])
@pytest.mark.parametrize("name", SHAPES)
def test_the_cache_changes_no_token(name, parametrization):
    """Two members at once; the logits of every position, and the tokens that follow from the same numbers."""
    shape = SHAPES[name]
    drawn = [torch.Generator().manual_seed(k) for k in range(2)]
    pair = Transformer(shape, Parametrization(parametrization), generators=drawn)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        pair.flat.values += 0.3 * torch.randn(pair.flat.values.shape, generator=generator)
    first = torch.randint(shape.vocabulary, (2, 64), generator=generator)
    uniforms = torch.rand(2, 64, shape.context - 1, dtype=torch.float64, generator=generator)
    tokens = sample_sequences(pair, first, uniforms)
    assert torch.equal(tokens, sample_without_cache(pair, first, uniforms))
    cache = pair.key_values(64)
    with torch.no_grad():
        whole = pair.logits(tokens)
    for t in range(shape.context):
        logits = pair.next_logits(tokens[..., t], cache)
        # Without norms these weights give states so large that rounding alone moves logits by more; tokens agree.
        assert name == "toy" or torch.allclose(logits, whole[:, :, t], rtol=1e-4, atol=1e-4)
    with pytest.raises(InvalidArgument, match="cache must be of fewer than the 10 positions"):
        pair.next_logits(first, cache)


def test_a_token_without_probability_is_never_chosen():
    logits = torch.tensor([0.0, -1e4, 0.0, -1e4]).expand(3, 4)
    assert chosen_tokens(logits, torch.tensor([0.0, 0.5, 1 - 2.0**-53], dtype=torch.float64)).tolist() == [0, 2, 2]


# ---------------------------------------------------------------------- samples and laws


def laws_of(teacher, sequences):
    """Float[sequence, time, V]."""
    laws = teacher.next_laws(sequences)
    dense = np.zeros((sequences.size, teacher.vocabulary))
    dense[laws.context, laws.token] = laws.probability
    return dense.reshape(*sequences.shape, -1)


def departures(teacher, sequences):
    """p-values of samples against the teacher's laws: the first token, the first two, the mean log probability.

    Cells of the chi-squared tests that expect fewer than five are put together.
    """
    count, V = len(sequences), teacher.vocabulary
    pairs = teacher.first_law[:, None] * laws_of(teacher, np.arange(V)[:, None])[:, 0]  # [first, second]
    values = {}
    for name, law, cells in (
        ("first", teacher.first_law, sequences[:, 0]),
        ("first two", pairs.ravel(), sequences[:, 0] * V + sequences[:, 1]),
    ):
        expected, observed = law * count, np.bincount(cells, minlength=len(law))
        few = expected < 5
        expected, observed = (np.append(x[~few], x[few].sum()) for x in (expected, observed))
        expected, observed = expected[expected > 0], observed[expected > 0]
        values[name] = stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1)
    laws = laws_of(teacher, sequences[:, :-1])
    said = -np.log(np.take_along_axis(laws, sequences[:, 1:, None], -1)[..., 0])
    entropies = stats.entropy(laws, axis=-1)
    excess = (said - entropies).mean(-1)  # of each sequence: mean zero where it follows the laws
    score = excess.mean() / (excess.std(ddof=1) / math.sqrt(count))
    values["log probability"] = 2 * stats.norm.sf(abs(score))
    return values


def test_samples_follow_the_laws(teacher):
    for samples in (teacher.test(4000, T, seed=1), teacher.stream(T, 4000, [3]).batch(0)[0]):
        values = departures(teacher, samples)
        assert min(values.values()) > 1e-4, values


def test_a_wrong_temperature_is_caught(teacher, monkeypatch):
    right = generators.chosen_tokens
    monkeypatch.setattr(generators, "chosen_tokens", lambda logits, uniforms: right(logits / 1.1, uniforms))
    wrong = Teacher(teacher._model(), first=LAW)
    values = departures(wrong, wrong.test(40_000, T, seed=1))  # so many that the first two tokens alone show it
    assert values["first"] > 1e-4  # that law has no temperature
    assert values["log probability"] < 1e-6
    assert values["first two"] < 1e-4


def test_another_first_token_rule_is_caught(teacher):
    uniform = Teacher(teacher._model(), first=np.full(V, 1 / V))
    assert departures(teacher, uniform.test(4000, T, seed=1))["first"] < 1e-6


def test_the_entropy_rate_is_that_of_its_samples(teacher):
    """Another thousand samples agree with it within the errors; shorter sequences have a floor of their own."""
    samples = teacher.test(4000, T, seed=2)[:, :-1]
    each = stats.entropy(laws_of(teacher, samples), axis=-1).mean(-1)
    error = math.hypot(teacher.entropy_rate_se, each.std(ddof=1) / math.sqrt(len(each)))
    assert abs(each.mean() - teacher.entropy_rate) < 4 * error
    assert 0 < teacher.entropy_rate_se < 0.01
    few = Teacher(teacher._model(), first=LAW, sequences=40)
    assert 3 < few.entropy_rate_se / teacher.entropy_rate_se < 30  # a hundredth of the samples
    assert few.fingerprint == teacher.fingerprint


# ---------------------------------------------------------------------- batches by their step


def test_batches_depend_on_seed_and_step_alone(teacher):
    assert isinstance(teacher, Tokens)
    fresh = Teacher(teacher._model(), first=LAW)
    one, other = teacher.stream(T, 300, [4, 5]), fresh.stream(T, 300, [5])
    late = other.batch(7)  # across the edge of two blocks, before anything else is drawn
    assert np.array_equal(one.batch(7)[1], late[0])
    assert not np.array_equal(one.batch(7)[0], one.batch(7)[1])
    small = fresh.stream(T, 100, [5])
    assert np.array_equal(np.concatenate([small.batch(step)[0] for step in (21, 22, 23)]), late[0])
    everything = np.concatenate([one.batch(step)[1] for step in range(8)])
    assert len(np.unique(everything, axis=0)) > 0.5 * len(everything)
    tensors = teacher.stream(T, 300, [5], "cpu").batch(7)
    assert isinstance(tensors, torch.Tensor)
    assert np.array_equal(tensors.numpy(), late)
    assert not np.array_equal(teacher.test(300, T, 5), one.batch(0)[1])  # a purpose of its own


def test_what_is_kept_stays_small_and_changes_nothing(teacher, monkeypatch):
    monkeypatch.setattr(generators, "_TOKENS_KEPT", 1)
    monkeypatch.setattr(generators, "_PROBABILITIES_KEPT", 1)
    forgetful = Teacher(teacher._model(), first=LAW)
    samples = teacher.test(3000, T, 0)
    assert np.array_equal(forgetful.test(3000, T, 0), samples)
    assert len(forgetful._blocks) == 1
    for part in (samples[:10], samples[10:20], samples[:10]):
        assert np.array_equal(forgetful.next_laws(part).probability, teacher.next_laws(part).probability)
    assert len(forgetful._laws) == 1


def test_the_fingerprint_tells_weights_context_and_first_token(teacher):
    model = teacher._model().copied()
    same = Teacher(model, first=LAW)
    assert same.fingerprint == teacher.fingerprint
    others = [Teacher(model, 5, first=LAW), Teacher(model, first=LAW[::-1].copy())]
    with torch.no_grad():
        model.flat.tensors["embedding"][0, 0, 0] += 1e-3
    others.append(Teacher(model, first=LAW))
    assert len({one.fingerprint for one in (same, *others)}) == 4
    # `same` has weights of its own, which the change did not reach.
    assert np.array_equal(same.test(10, T, 0), teacher.test(10, T, 0))


# ---------------------------------------------------------------------- what is refused


def test_bad_teachers_are_refused(teacher):
    shape = Architecture(V, 16, context=T)
    with pytest.raises(InvalidArgument, match="model must be of one member, got 2"):
        Teacher(model_of(shape, members=2), first=LAW)
    with pytest.raises(InvalidArgument, match="first must be a law of the 7 tokens of the model"):
        Teacher(model_of(shape), first=np.full(6, 1 / 6))
    with pytest.raises(InvalidArgument, match="first must be probabilities that sum to one"):
        Teacher(model_of(shape), first=np.full(V, 1.0))
    with pytest.raises(InvalidArgument, match=r"context must be an integer .* got 7: pass a smaller one"):
        Teacher(model_of(shape), 7, first=LAW)
    diverged = model_of(shape)
    with torch.no_grad():
        diverged.flat.values[3] = math.nan
    with pytest.raises(InvalidArgument, match=r"model must be one of finite weights.*it diverged"):
        Teacher(diverged, first=LAW)
    for ask in (lambda: teacher.stream(5, 2, [0]), lambda: teacher.test(2, 9, 0)):
        with pytest.raises(InvalidArgument, match="context must be the 6 of the teacher's sequences, got"):
            ask()
    with pytest.raises(InvalidArgument, match="sequences must be of tokens below 7"):
        teacher.next_laws(np.array([[7]]))
    with pytest.raises(InvalidArgument, match="sequences must be of 1 to 6 tokens"):
        teacher.next_laws(np.zeros((1, 7), int))


# ---------------------------------------------------------------------- students, in memory


def test_a_student_of_the_same_shape_comes_near_as_its_data_grow():
    """The rule, stated before the run: at each eightfold D the exact excess falls, at the last below a tenth of the
    first; and leak, the mass on tokens that cannot follow, is zero, since everything can."""
    from scaling_lib.runs.training.ensembles import train_ensemble
    from tests.runs.tiny import CHAIN, configuration

    lesson = configuration(800, batch=20, learning_rate=0.2)
    from scaling_lib.runs.training.ensembles import initial_model, train_model

    model = initial_model([lesson])
    train_model(CHAIN, model, [lesson])
    teacher = Teacher(model, first=Walks(CHAIN).first_law)
    source = replace(lesson.source, ensemble="planted", fingerprint=teacher.fingerprint)
    excesses = []
    for steps in (10, 80, 640):
        run = replace(configuration(steps, batch=20, learning_rate=0.2, walks=100, seed=1), source=source)
        (result,) = train_ensemble(teacher, [run])
        assert result.entropy_rate == teacher.entropy_rate
        assert {m.metric: m.value for m in result.measurements}["leak"] == pytest.approx(0, abs=1e-9)
        excesses.append(result.excess_loss)
    assert excesses[0] > excesses[1] > excesses[2] > 0
    assert excesses[2] < 0.1 * excesses[0]
    with pytest.raises(InvalidArgument, match="of the source's vocabulary of 12"):
        train_ensemble(teacher, [replace(run, architecture=replace(run.architecture, vocabulary=13))])
