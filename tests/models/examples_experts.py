"""A valid call for each public name of models.experts."""

from scaling_lib.models import experts
from scaling_lib.models.blocks import BLOCKS

EXAMPLES = [(experts.mixture, {"part": BLOCKS["mlp"]["gelu"]})]
