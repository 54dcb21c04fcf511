"""The table, entry by entry, and what it must mean: SP at the base width, the same dynamics in both forms of muP."""

import math

import pytest

from scaling_lib.arguments import plain_fields
from scaling_lib.errors import InvalidArgument
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization, multipliers, table, tensor_rules, width_powers

MATRICES = ("query_key_value", "attention_out", "mlp_up", "mlp_down")
RESIDUAL = ("attention_out", "mlp_down")


def rules_of(kind, width=64, depth=2, tied=True, **options):
    shape = Architecture(100, width, depth=depth, tied=tied)
    rules = tensor_rules(shape, Parametrization(kind, **options))
    return {rule.name.rpartition(".")[2]: rule for rule in rules}


@pytest.mark.parametrize(
    ("kind", "options", "stds", "rates"),
    [
        # columns: embedding, up, residual; embedding, matrices
        ("sp", {}, (0.02, 0.02, 0.02 / math.sqrt(4)), (1, 1)),
        ("mup", {}, (1 / 8, 1 / 8, 1 / math.sqrt(2 * 2 * 64)), (1 / 8, 1 / 64)),
        ("mup-base", {"base_width": 16}, (0.02, 0.01, 0.02 / math.sqrt(2 * 2 * 4)), (1, 1 / 4)),
    ],
)
def test_the_table_at_width_64_and_depth_2(kind, options, stds, rates):
    rules = rules_of(kind, tied=False, **options)
    for name in ("embedding", "readout"):
        assert rules[name].initial_std == pytest.approx(stds[0], rel=1e-12)
        assert rules[name].learning_rate_factor == pytest.approx(rates[0], rel=1e-12)
    for name in MATRICES:
        assert rules[name].initial_std == pytest.approx(stds[2 if name in RESIDUAL else 1], rel=1e-12)
        assert rules[name].learning_rate_factor == pytest.approx(rates[1], rel=1e-12)
        assert rules[name].epsilon_factor == (1 / 4 if kind == "mup-base" else 1)
    for name in ("attention_norm", "mlp_norm", "final_norm"):
        assert rules[name].is_gain
        assert rules[name].learning_rate_factor == 1
        assert rules[name].weight_decay_factor == 0


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("sp", {}, (1, 16**-0.5, 1)),
        ("mup", {}, (8, 1 / 16, 1 / 8)),
        ("mup-base", {"base_width": 16}, (1, 4**0.5 / 16, 1 / 4)),
    ],
)
def test_multipliers_at_width_64(kind, options, expected):
    found = multipliers(Architecture(100, 64), Parametrization(kind, **options))
    assert (found.embedding, found.attention, found.readout) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("heads", [None, 2])
def test_relative_mup_is_sp_at_its_base_width(tied, heads):
    shape = Architecture(50, 32, heads=heads, tied=tied)
    base, sp = Parametrization("mup-base", base_width=32), Parametrization("sp")
    assert tensor_rules(shape, base) == tensor_rules(shape, sp)
    assert multipliers(shape, base) == multipliers(shape, sp)


@pytest.mark.parametrize(("narrow", "wide"), [(32, 64), (64, 256), (128, 2048)])
def test_both_forms_of_mup_scale_alike(narrow, wide):
    """What reaches the function is std x multiplier and rate x multiplier: with an untied readout these grow with the
    width by the same factor in both forms, so their best learning rates differ by a constant."""

    def growth(kind, **options):
        effective = []
        for width in (narrow, wide):
            rules = rules_of(kind, width, tied=False, **options)
            # Four heads at each width, as the paper has below 256, so that d grows with n.
            shape = Architecture(100, width, tied=False, heads=4)
            found = multipliers(shape, Parametrization(kind, **options))
            scale = {"embedding": found.embedding, "readout": found.readout}
            row = [found.attention]
            for name in ("embedding", "readout", *MATRICES):
                row.append(rules[name].initial_std * scale.get(name, 1))
                row.append(rules[name].learning_rate_factor * scale.get(name, 1))
            effective.append(row)
        return [b / a for a, b in zip(*effective, strict=True)]

    assert growth("mup") == pytest.approx(growth("mup-base", base_width=32), rel=1e-12)


@pytest.mark.parametrize("kind", ["sp", "mup", "mup-base"])
def test_weight_decay_modes(kind):
    options = {"base_width": 16} if kind == "mup-base" else {}
    for name, rule in rules_of(kind, weight_decay_mode="coupled", **options).items():
        assert rule.weight_decay_factor == (0 if name.endswith("norm") else 1)
    for name, rule in rules_of(kind, weight_decay_mode="independent", **options).items():
        product = rule.learning_rate_factor * rule.weight_decay_factor
        assert product == pytest.approx(0 if name.endswith("norm") else 1, rel=1e-12)


@pytest.mark.parametrize(("kind", "power", "ratio"), [("sp", 0, 1), ("sp", 1, 64), ("mup", 0, 8), ("mup", -1, 1 / 8)])
def test_the_embeddings_rate_can_have_a_power_of_its_own(kind, power, ratio):
    """At width 64; what reaches the function under muP is its rate times 8, so that its ratio to the matrices' is 64
    with power 0, as under SP with power 1, and 1 with power -1, as under SP. Nothing else changes."""
    plain = rules_of(kind, tied=False)
    rules = rules_of(kind, tied=False, embedding_rate_power=power)
    assert rules["embedding"].learning_rate_factor == pytest.approx(ratio * rules["mlp_up"].learning_rate_factor)
    assert {name: rule for name, rule in rules.items() if name != "embedding"} == {
        name: rule for name, rule in plain.items() if name != "embedding"
    }
    assert rules["embedding"].initial_std == plain["embedding"].initial_std
    learned = Architecture(100, 64, tied=False, positions="learned")
    table_rules = {rule.name: rule for rule in tensor_rules(learned, Parametrization(kind, embedding_rate_power=power))}
    assert table_rules["positions"].learning_rate_factor == rules["embedding"].learning_rate_factor


def test_the_power_of_the_embeddings_rate_came_later():
    """Left out at its default: the identities of earlier runs stay."""
    assert "embedding_rate_power" not in plain_fields(Parametrization())
    assert plain_fields(Parametrization("sp", embedding_rate_power=1))["embedding_rate_power"] == 1


def test_table_has_a_row_for_each_kind_of_tensor():
    tied = table(Architecture(100, 64), Parametrization()).set_index("tensor")
    assert list(tied.index) == [
        "embedding",
        "attention_norm",
        "query_key_value",
        "attention_out",
        "mlp_norm",
        "mlp_up",
        "mlp_down",
        "final_norm",
        "readout",
        "attention_logits",
    ]
    assert tied.loc["readout", "count"] == 0
    assert tied.loc["mlp_up", "count"] == 2
    assert tied.loc["mlp_up", "shape"] == (64, 256)
    assert tied["multiplier"].to_dict() == dict.fromkeys(tied.index, 1.0) | {
        "embedding": 8.0,
        "readout": 1 / 8,
        "attention_logits": 1 / 16,
    }
    untied = table(Architecture(100, 64, tied=False), Parametrization("mup-base", base_width=32, zero_readout=True))
    assert untied.set_index("tensor").loc["readout", ["count", "initial_std"]].tolist() == [1, 0.0]


def test_refusals():
    with pytest.raises(InvalidArgument, match="zero_readout must be False where"):
        tensor_rules(Architecture(10, 8), Parametrization(zero_readout=True))
    with pytest.raises(InvalidArgument, match="base_width belongs to kind 'mup-base'"):
        Parametrization("sp", base_width=32)
    with pytest.raises(InvalidArgument, match="base_width must be an integer"):
        Parametrization("mup-base")
    with pytest.raises(InvalidArgument, match="embedding_rate_power must be 0 where the readout is the embedding"):
        tensor_rules(Architecture(10, 8), Parametrization(embedding_rate_power=1))


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        # columns: start, rate and multiplier of the embedding, of a matrix; multiplier of the attention logits
        ("sp", {}, ((0, 0, 0), (0, 0, 0), -0.5)),
        ("mup", {}, ((-0.5, -0.5, 0.5), (-0.5, -1, 0), -1)),
        ("mup-base", {"base_width": 32}, ((0, 0, 0), (-0.5, -1, 0), -1)),
    ],
)
def test_powers_of_the_width(kind, options, expected):
    powers = width_powers(Architecture(100, 64), Parametrization(kind, **options)).set_index("tensor")
    assert tuple(powers.loc["embedding"]) == expected[0]  # exact: no 1e-17 in place of zero
    for name in MATRICES:
        assert tuple(powers.loc[name]) == expected[1]
    assert powers.loc["attention_logits", "multiplier"] == expected[2]
    assert math.isnan(powers.loc["final_norm", "initial_std"])
    assert powers.loc["final_norm", "learning_rate_factor"] == 0
