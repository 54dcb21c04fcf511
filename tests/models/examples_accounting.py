"""A valid call for each public name of models.accounting."""

from scaling_lib.models import accounting

SHAPE = accounting.Architecture(20, 16, context=8)

EXAMPLES = [
    (accounting.Architecture, {"vocabulary": 20, "width": 16, "depth": 2, "heads": 4, "context": 8, "tied": True}),
    (SHAPE.forward_flops, {"positions": 8}),
    (accounting.training_flops, {"architecture": SHAPE, "tokens": 1000, "convention": "exact"}),
    (accounting.training_bytes, {"architecture": SHAPE, "batch": 4, "members": 2}),
]
