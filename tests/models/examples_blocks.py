"""A valid call for each public name of models.blocks."""

from scaling_lib.models import blocks

SWIGLU = blocks.BLOCKS["mlp"]["swiglu"]

EXAMPLES = [
    (blocks.TensorShape, {"shape": (16, 64), "role": "matrix"}),
    (blocks.Block, {"shapes": SWIGLU.shapes, "forward": SWIGLU.forward, "kept": SWIGLU.kept}),
    (blocks.block, {"field": "mlp", "text": "swiglu"}),
]
