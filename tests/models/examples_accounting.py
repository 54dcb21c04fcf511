"""A valid call for each public name of models.accounting."""

from dataclasses import asdict

from scaling_lib.models import accounting
from scaling_lib.models.blocks import BLOCKS

SHAPE = accounting.Architecture(20, 16, context=8)
MODERN = accounting.Architecture(20, 16, context=8, norm="rmsnorm", mlp="swiglu", key_value_heads=2, positions="none")

EXAMPLES = [
    (accounting.Architecture, asdict(MODERN)),
    (accounting.default_heads, {"width": 128}),
    (accounting.preset, {"name": "modern", "vocabulary": 20, "width": 16}),
    (accounting.PlacedBlock, {"field": "mlp", "block": BLOCKS["mlp"]["gelu"], "names": {"up": "mlp_up"}, "shapes": {}}),
    (accounting.placed_blocks, {"architecture": MODERN}),
    (accounting.shapes, {"architecture": MODERN}),
    (SHAPE.forward_flops, {"positions": 8}),
    (accounting.training_flops, {"architecture": SHAPE, "tokens": 1000, "convention": "exact"}),
    (accounting.training_bytes, {"architecture": SHAPE, "batch": 4, "members": 2}),
]
