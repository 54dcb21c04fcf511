"""Experts against a loop over them, what balances their load, who is left out of a full one, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from scaling_lib.data.walks import WalkStream
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture, shapes
from scaling_lib.models.blocks import BLOCKS, TensorShape
from scaling_lib.models.experts import mixture
from scaling_lib.models.generators import sample_sequences
from scaling_lib.models.parametrization import Parametrization, table, tensor_rules, width_powers
from scaling_lib.models.transformer import Transformer
from scaling_lib.runs.keeping.tables import frame_of, load_recorded
from scaling_lib.runs.records import Optimizer, Provenance, RunConfiguration, RunRecord
from scaling_lib.runs.training import coordinates
from scaling_lib.runs.training.coordinates import activation_growth, activation_sizes
from scaling_lib.runs.training.ensembles import batches, initial_model, train_ensemble
from scaling_lib.runs.training.optimizers import AdamW, learning_rate_schedule
from scaling_lib.runs.training.steps import TrainingStep
from tests.models.planned import BASE, SHAPES
from tests.models.test_blocks import assert_alike, drawn, model, tokens, with_architecture
from tests.runs.tiny import CHAIN, configuration
from tests.runs.training.test_mup import ER_200, MUP_RATE, OUTPUTS, SP_RATE

SPARSE = [name for name, shape in SHAPES.items() if shape.experts > 1]


def tensors_of(sizes, members):
    """Random tensors of a mixture, float64."""
    part = mixture(BLOCKS["mlp"][sizes.mlp])
    own = part.shapes(sizes)
    return part, {name: drawn(members, *tensor.shape, seed=i) for i, (name, tensor) in enumerate(own.items(), 5)}


def by_a_loop(x, tensors, sizes, room=math.inf):
    """One member's mixture, expert by expert and position by position: x [M, n]; room: of an expert."""
    scores = torch.softmax(x @ tensors["router"], -1)
    taken = [0] * sizes.experts
    served = []
    for place in range(len(x)):
        order = sorted(range(sizes.experts), key=lambda e, place=place: -scores[place, e].item())
        chosen = order[: sizes.active_experts]
        total = sum(scores[place, e] for e in chosen) if len(chosen) > 1 else 1.0
        y = torch.zeros_like(x[place])
        for e in chosen:
            taken[e] += 1
            if taken[e] > room:
                continue
            own = {name: tensor[e][None] for name, tensor in tensors.items() if name != "router"}
            answer = BLOCKS["mlp"][sizes.mlp].forward(x[place][None, None], own, sizes)[0, 0]
            y = y + scores[place, e] / total * answer
        served.append(y)
    return torch.stack(served), taken


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("mlp", ["gelu", "swiglu"])
@pytest.mark.parametrize(("experts", "active"), [(4, 1), (4, 2), (3, 3)])
def test_a_mixture_is_a_loop_over_experts(experts, active, mlp, members):
    sizes = replace(BASE, experts=experts, active_experts=active, mlp=mlp)
    part, tensors = tensors_of(sizes, members)
    x = drawn(members, 9, 16)
    theirs = [by_a_loop(x[k], {name: t[k] for name, t in tensors.items()}, sizes)[0] for k in range(members)]
    assert_alike(part.forward(x, tensors, sizes), theirs, (x, *tensors.values()))


def crowded(x, tensors):
    """Positions that an expert is full for, in one member: the first coordinate sends nearly all to the first one."""
    with torch.no_grad():
        x[..., 0] = 3.0
        tensors["router"][:, 0, 0] += 2.0


@pytest.mark.parametrize("active", [1, 2])
def test_a_full_expert_leaves_out_who_comes_last(active):
    sizes = replace(BASE, experts=4, active_experts=active, capacity=1.5)
    part, tensors = tensors_of(sizes, 2)
    x = drawn(2, 10, 16)
    crowded(x, tensors)
    room = math.ceil(1.5 * active * 10 / 4)
    loops = [by_a_loop(x[k], {name: t[k] for name, t in tensors.items()}, sizes, room) for k in range(2)]
    assert all(max(taken) > room for _, taken in loops)  # somebody is left out
    ours = part.forward(x, tensors, sizes, lowered=lambda loss: None)
    assert_alike(ours, [y for y, _ in loops], (x, *tensors.values()))
    # Where nothing is trained everybody is served.
    everybody = [by_a_loop(x[k], {name: t[k] for name, t in tensors.items()}, sizes)[0] for k in range(2)]
    assert torch.allclose(part.forward(x, tensors, sizes), torch.stack(everybody), atol=1e-12)
    assert not torch.allclose(ours, torch.stack(everybody), atol=1e-3)


def test_the_loss_of_the_load():
    """E sum f P by hand, one where the load is even; its weight; and one loss for each member."""
    sizes = replace(BASE, experts=4, active_experts=2, balance=0.3)
    part, tensors = tensors_of(sizes, 2)
    x, told = drawn(2, 10, 16), []
    part.forward(x, tensors, sizes, lowered=told.append)
    (loss,) = told
    for k in range(2):
        p = torch.softmax(x[k] @ tensors["router"][k], -1)
        f = torch.zeros(4, dtype=torch.float64)
        for place in range(10):
            for e in p[place].topk(2).indices:
                f[e] += 1 / 20
        assert loss[k].item() == pytest.approx(0.3 * 4 * (f * p.mean(0)).sum().item(), rel=1e-12)
    part.forward(x, tensors | {"router": torch.zeros_like(tensors["router"])}, sizes, lowered=told.append)
    assert told[1].tolist() == pytest.approx([0.3, 0.3], rel=1e-12)
    part.forward(x, tensors, replace(sizes, balance=0.0), lowered=told.append)
    assert len(told) == 2


def test_the_loss_of_the_load_adds_its_gradient_and_not_its_value():
    plain, even = (model(replace(SHAPES["experts"], balance=weight)) for weight in (0.0, 0.5))
    batch = tokens(BASE)
    losses = [decoder.losses(batch) for decoder in (plain, even)]
    assert torch.equal(*losses)
    for loss in losses:
        loss.sum().backward()
    # By finite differences of the two losses that are told, in the direction of the difference of the gradients.
    name = "layers.1.mlp_router"
    difference = even.flat.tensors[name].grad - plain.flat.tensors[name].grad
    direction = difference / difference.norm()

    def told(shift):
        decoder, losses = model(replace(SHAPES["experts"], balance=0.5)), []
        with torch.no_grad():
            decoder.flat.tensors[name] += shift * direction
            decoder._hidden(batch[..., :-1], lowered=losses.append)
        return float(sum(losses))

    assert (told(1e-2) - told(-1e-2)) / 2e-2 == pytest.approx(float(difference.norm()), rel=1e-2)


def test_balance_evens_out_the_load():
    """Two hundred steps on a chain, from a router that sends all to the first of four experts: it keeps more than three
    quarters without the loss, and less than half with it."""

    def largest_share(balance):
        run = with_architecture(configuration(200, batch=20, learning_rate=0.1), experts=4, balance=balance)
        seen = {}
        decoder = initial_model([run])
        with torch.no_grad():  # the gain keeps the first coordinate of the state positive enough
            decoder.flat.tensors["embedding"][..., 0] = 1.0
            for name, tensor in decoder.flat.tensors.items():
                if name.endswith("router"):
                    tensor.zero_()
                    tensor[:, 0, 0] = 1.0
        optimizer = AdamW(decoder, [run.optimizer], learning_rate_schedule(run.optimizer_steps))
        step = TrainingStep(decoder, optimizer)
        batch = None
        for batch in batches(CHAIN, [run]):
            step(batch)
        with torch.no_grad():
            decoder.hidden(batch, lambda name, activation: seen.update({name: activation}))
        chosen = seen["layers.0.router_logits"].argmax(-1).flatten()
        return float(torch.bincount(chosen, minlength=4).max() / len(chosen))

    assert largest_share(1.0) < 0.5 < 0.75 < largest_share(0.0)


# ---------------------------------------------------------------------- the decoder


@pytest.mark.parametrize("name", SPARSE)
def test_what_is_said_of_a_sequence_does_not_depend_on_others(name):
    decoder, batch = model(SHAPES[name]), tokens(SHAPES[name], batch=6)
    together = decoder.logits(batch)
    assert torch.allclose(decoder.logits(batch[:, 2:3]), together[:, 2:3], atol=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_sampling_one_position_at_a_time_is_the_whole_forward_pass(name):
    """With each block, by the keys and values that are kept: the logits, and the tokens that are drawn from them."""
    shape = SHAPES[name]
    decoder, batch = model(shape, (0, 1)), tokens(shape, members=2)
    whole, cache = decoder.logits(batch), decoder.key_values(batch.shape[1])
    for t in range(shape.context):
        step = decoder.next_logits(batch[..., t], cache)
        assert torch.allclose(step, whole[:, :, t], atol=2e-5)
    uniforms = torch.rand(2, 3, shape.context - 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    drawn_tokens = sample_sequences(decoder, batch[..., 0], uniforms)
    laws = torch.softmax(decoder.logits(drawn_tokens).double(), -1).cumsum(-1)
    for t in range(1, shape.context):
        token = drawn_tokens[..., t, None]
        upper = laws[:, :, t - 1].gather(-1, token)[..., 0]
        lower = upper - torch.softmax(decoder.logits(drawn_tokens).double(), -1)[:, :, t - 1].gather(-1, token)[..., 0]
        assert ((lower - 1e-5 <= uniforms[..., t - 1]) & (uniforms[..., t - 1] <= upper + 1e-5)).all()


def test_only_a_capacity_makes_a_step_replayable():
    assert model(BASE).replayable
    assert not model(SHAPES["experts"]).replayable
    assert model(SHAPES["two experts of five"]).replayable


def test_experts_are_trained_and_their_flops_are_those_of_the_active():
    run = with_architecture(configuration(300, batch=20, learning_rate=0.1), experts=4, active_experts=2)
    (result,) = train_ensemble(CHAIN, [run])
    assert result.status == "ok"
    assert result.excess_loss < (math.log(CHAIN.nodes) - CHAIN.entropy_rate) / 2  # half of a uniform guess's
    assert result.parameters == run.architecture.parameters
    assert result.flops == 6 * run.architecture.active_parameters * run.schedule.tokens
    (row,) = frame_of([RunRecord(run, result, Provenance.here())]).to_dict("records")
    assert (row["N"], row["N_active"]) == (run.architecture.parameters, run.architecture.active_parameters)


def test_a_table_from_before_there_were_experts_has_its_n_twice():
    recorded = load_recorded("er-100")
    assert (recorded["N_active"] == recorded["N"]).all()


# ---------------------------------------------------------------------- muP


@pytest.mark.parametrize(
    ("kind", "at_64", "powers"),
    [("sp", (0.02, 1.0), (0, 0)), ("mup", (1 / 64, 1 / 64), (-1, -1)), ("mup-base", (0.005, 0.25), (-1, -1))],
)
def test_the_router_is_a_second_readout(kind, at_64, powers):
    """What reaches the function is start and rate times multiplier: of the router as of the readout."""
    way = Parametrization(kind, base_width=16 if kind == "mup-base" else None)
    shape = Architecture(100, 64, experts=4)
    (rule, *_) = (rule for rule in tensor_rules(shape, way) if rule.role == "router")
    assert (rule.initial_std, rule.learning_rate_factor) == pytest.approx(at_64, rel=1e-12)
    grown = width_powers(shape, way).set_index("tensor")
    assert tuple(grown.loc["mlp_router", ["initial_std", "learning_rate_factor"]]) == powers
    readout = grown.loc["readout"]
    effective = [readout[column] + readout["multiplier"] for column in ("initial_std", "learning_rate_factor")]
    assert tuple(effective) == powers
    rows = table(shape, way).set_index("tensor")
    assert rows.loc["mlp_up", "shape"] == (4, 64, 256)
    dense = table(Architecture(100, 64), way).set_index("tensor")
    for name in ("mlp_up", "mlp_down"):
        for column in ("initial_std", "learning_rate_factor", "weight_decay_factor", "epsilon_factor"):
            assert rows.loc[name, column] == dense.loc[name, column]


@pytest.mark.parametrize("active", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_nothing_grows_with_the_width_under_mup(active, monkeypatch):
    """The short coordinate check of test_mup, with its rates. The scores of the router begin as those of a readout, at
    n^-1/2, so that narrow models begin ahead, as in the relative form: its bounds there, [-0.75, 0.3], hold here."""

    def sparse(*sizes, **fields):
        return Architecture(*sizes, experts=4, active_experts=active, **fields)

    monkeypatch.setattr(coordinates, "Architecture", sparse)
    arguments = {"widths": (32, 64, 128), "seeds": 2, "steps": 5, "batch": 4, "context": 25}
    slopes = {}
    for kind, rate in (("sp", SP_RATE), ("mup", MUP_RATE)):
        growth = activation_growth(activation_sizes(ER_200, Parametrization(kind), learning_rate=rate, **arguments))
        last = growth[growth["step"] == 5].set_index("activation")["slope"]
        slopes[kind] = last[[*OUTPUTS, "layers.0.router_logits", "layers.1.router_logits"]]
    print(slopes)
    assert slopes["mup"].between(-0.75, coordinates.BOUND).all()
    assert slopes["sp"].min() > 0.5


def test_a_router_learns_as_much_at_every_width():
    """From a router at zero, five steps on one batch: the scores of the first layer on it are as large at widths 32 to
    128 under muP, and grow with the width under SP, as the outputs of the layers do. (On a fresh batch a part of them
    falls as n^-1/2: that which the first steps have not yet learned.)"""

    def sizes(kind, rate):
        seen = {}
        for width in (32, 64, 128):
            shape = Architecture(ER_200.nodes, width, context=25, experts=4, active_experts=2)
            seeds = (0, 1, 2)
            generators = [torch.Generator().manual_seed(seed) for seed in seeds]
            decoder = Transformer(shape, Parametrization(kind), generators=generators)
            with torch.no_grad():
                for name, tensor in decoder.flat.tensors.items():
                    if name.endswith("router"):
                        tensor.zero_()
            update = AdamW(decoder, [Optimizer(rate)] * 3, np.ones(6))
            found = {}
            batch = torch.stack([torch.as_tensor(WalkStream(ER_200, 25, 4, seed).batch(0)) for seed in seeds])
            for _ in range(5):
                decoder.losses(batch).sum().backward()
                update.step()
            with torch.no_grad():
                decoder.hidden(batch, lambda name, activation, found=found: found.update({name: activation}))
            seen[width] = float(found["layers.0.router_logits"].abs().mean())
        return np.polyfit(np.log(list(seen)), np.log(list(seen.values())), 1)[0]

    slopes = {kind: sizes(kind, rate) for kind, rate in (("sp", SP_RATE), ("mup", MUP_RATE))}
    print(slopes)
    assert abs(slopes["mup"]) < coordinates.BOUND
    assert slopes["sp"] > 0.5


# ---------------------------------------------------------------------- refusals and identities


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"experts": 0}, "experts must be an integer of at least 1, got 0"),
        ({"experts": 2.5}, "experts must be an integer of at least 1, got 2.5"),
        ({"experts": 4, "active_experts": 5}, "active_experts must be at most the experts, 4, got 5"),
        ({"experts": 4, "active_experts": 0}, "active_experts must be an integer of at least 1, got 0"),
        ({"active_experts": 2}, "active_experts must be at most the experts, 1, got 2"),
        ({"balance": 0.1}, "balance must be left out where there is one expert, got 0.1"),
        ({"experts": 4, "balance": -1.0}, "balance must be a finite number of at least 0, got -1.0"),
        ({"experts": 4, "balance": math.nan}, "balance must be a finite number of at least 0, got nan"),
        ({"capacity": 1.0}, "capacity must be left out where there is one expert, got 1.0"),
        ({"experts": 4, "capacity": 0.0}, "capacity must be a finite number above 0, got 0.0"),
        (
            {"experts": 4, "active_experts": 2, "capacity": 2.0},
            "capacity must be below experts / active_experts = 2, from where on no expert is ever full, got 2.0",
        ),
    ],
)
def test_refused_experts(fields, message):
    with pytest.raises(InvalidArgument, match=f"^{message}.*\\.$") as caught:
        replace(BASE, **fields)
    assert "\n" not in str(caught.value)


def test_refused_with_experts():
    run = with_architecture(configuration(), experts=4)
    with pytest.raises(InvalidArgument, match=r"^labels must be 'sampled' where there are several experts.*\.$"):
        replace(run, labels="exact")
    with pytest.raises(InvalidArgument, match=r"^active must be at most the first size of the shape"):
        TensorShape((2, 3), "matrix", active=3)
    with pytest.raises(InvalidArgument, match=r"^active must be at most the first size of the shape"):
        TensorShape((), "matrix", active=1)
    with pytest.raises(InvalidArgument, match=r"^mlp must be a block whose shapes are .*'norm' and 'router' are taken"):
        shapes(replace(BASE, experts=4, mlp="tests.models.toy:routed"))
    assert shapes(replace(BASE, mlp="tests.models.toy:routed"))  # of one expert it may have that name


def test_one_expert_is_the_default_and_its_identity():
    run = configuration()
    text = with_architecture(run, experts=1, active_experts=1, balance=0.01, capacity=None).canonical_json()
    assert text == run.canonical_json()
    assert "experts" not in text
    sparse = with_architecture(run, experts=4, capacity=1.25)
    assert RunConfiguration.from_json(sparse.canonical_json()) == sparse
    assert sparse.identity != with_architecture(run, experts=4).identity
