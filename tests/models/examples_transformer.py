"""A valid call for each public name of models.trainable, models.transformer and models.wrapped."""

import torch
from torch import nn

from scaling_lib.models import trainable, transformer, wrapped
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization

SHAPE = Architecture(20, 16, context=8)
MODEL = {
    "architecture": SHAPE,
    "parametrization": Parametrization(),
    "generators": [torch.Generator(), torch.Generator()],
    "device": "cpu",
}
DECODER = transformer.Transformer(**MODEL)
FLAT = trainable.FlatTensors({"a": (3,), "b": (2, 2)}, 2)
TOKENS = torch.arange(2 * 3 * 8).view(2, 3, 8) % 20
TABLE = nn.Embedding(20, 20)
MODULE = wrapped.WrappedModule(TABLE)

EXAMPLES = [
    (trainable.FlatTensors, {"shapes": {"a": (3,), "b": (2, 2)}, "members": 2, "device": "cpu"}),
    (FLAT.split, {"flat": FLAT.gradients}),
    (transformer.Transformer, MODEL),
    (DECODER.hidden, {"tokens": TOKENS, "watch": None}),
    (DECODER.logits, {"tokens": TOKENS}),
    (DECODER.losses, {"tokens": TOKENS, "layers_in_bfloat16": True}),
    (
        transformer.linear_cross_entropy,
        {"hidden": torch.ones(2, 3, 4), "readout": torch.ones(2, 5, 4), "targets": torch.ones(2, 3).long()},
    ),
    (
        wrapped.WrappedModule,
        {"module": nn.Embedding(20, 20), "learning_rate_factors": {"weight": 2.0}, "device": "cpu"},
    ),
    (MODULE.logits, {"tokens": TOKENS[:1]}),
    (MODULE.losses, {"tokens": TOKENS[:1], "layers_in_bfloat16": False}),
]
