"""What the coordinate check judges, and how."""

import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument
from scaling_lib.runs.training.coordinates import BOUND, check_verdict, layer_outputs


def growth(largest):
    """Slopes of a check whose judged outputs reach `largest`; the start and the logits lie far outside the bound."""
    slopes = [
        (0, "layers.0.mlp_out", 5.0),
        (1, "logits", -5.0),
        (1, "layers.0.attention_logits", 5.0),
        (1, "layers.0.attention_out", 0.1),
        (2, "layers.1.mlp_out", largest),
    ]
    return pd.DataFrame(slopes, columns=["step", "activation", "slope"])


def test_only_layer_outputs_after_a_step_are_judged():
    assert layer_outputs(growth(0.2))["slope"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("largest", "verdict"),
    [
        (0.29, "passes"), (-0.29, "passes"), (0.31, "fails"), (-0.31, "fails"), (BOUND, "on the edge"),
        (BOUND * (1 + 1e-12), "on the edge"), (BOUND * (1 - 1e-12), "on the edge"),
    ],
)
def test_the_bound(largest, verdict):
    assert check_verdict(growth(largest)) == verdict


def test_nothing_to_judge_is_refused():
    with pytest.raises(InvalidArgument, match="growth must be a table with a layer output after one step"):
        check_verdict(growth(0.2).query("step == 0"))
