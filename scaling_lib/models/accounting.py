"""How large a model is and what training it costs: parameters with and without embeddings, FLOPs, bytes.

For width n, depth L, vocabulary V, context T (pre-norm decoder, 4n MLP, no biases, rotary positions):

    N_non-embedding = L (12 n^2 + 2 n) + n          matrices, norm gains, final norm gain
    N               = N_non-embedding + V n         tied;  + 2 V n untied

C = 6 N D is the field's convention (Kaplan et al. 2020, section 2.1); `Architecture.flops_per_token` is the exact
count of multiply-adds (x2) of the matrix products, attention included.
"""

from dataclasses import dataclass
from typing import Any

from scaling_lib.errors import InvalidArgument, check_flag, check_integer

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """The shape of a decoder.

    vocabulary: token ids, one per node of the graph. width: embedding dimension n. depth: layers L.
    heads: attention heads; by default the paper's max(4, width / 64) (appendix A). context: tokens per sequence T.
    tied: input embedding and readout are one matrix.

    Raises InvalidArgument where the heads do not divide the width into an even head dimension (rotary positions
    rotate pairs).
    """

    vocabulary: int
    width: int
    depth: int = 2
    heads: Any = None  # int after construction
    context: int = 50
    tied: bool = True

    def __post_init__(self) -> None:
        check_integer("vocabulary", self.vocabulary, minimum=2)
        check_integer("width", self.width, minimum=2)
        check_integer("depth", self.depth, minimum=1)
        check_integer("context", self.context, minimum=2)
        check_flag("tied", self.tied)
        if self.heads is None:
            object.__setattr__(self, "heads", max(4, self.width // 64))
        check_integer("heads", self.heads, minimum=1)
        if self.width % (2 * self.heads):
            raise InvalidArgument(
                f"heads must split the width {self.width} into an even head dimension, got {self.heads}: "
                f"pass heads so that width / heads is an even number."
            )

    @property
    def head_dimension(self) -> int:
        return self.width // self.heads

    @property
    def nonembedding_parameters(self) -> int:
        """Matrices and norm gains, without the token embedding and the readout."""
        return self.depth * (12 * self.width**2 + 2 * self.width) + self.width

    @property
    def parameters(self) -> int:
        """Everything that is trained: N of the paper ("embedding" N)."""
        return self.nonembedding_parameters + (1 if self.tied else 2) * self.vocabulary * self.width
