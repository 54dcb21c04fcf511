"""How large a model is and what training it costs: parameters with and without embeddings, FLOPs, bytes.

For width n, depth L, vocabulary V, context T (pre-norm decoder, 4n MLP, no biases, rotary positions):

    N_non-embedding = L (12 n^2 + 2 n) + n          matrices, norm gains, final norm gain
    N               = N_non-embedding + V n         tied;  + 2 V n untied

A matrix product of an activation with a p x q matrix costs 2 p q FLOPs a token forward, and twice that backward. Exact,
for a sequence of S positions:

    forward   2 S (12 L n^2 + V n) + 4 L n S^2          the second term is attention: q k^T and its product with v
    training  3 x forward

The attention of all S^2 pairs is counted, as it is by counters of FLOPs and in the literature, although the causal mask
leaves half of them. C = 6 N D is the field's convention (Kaplan et al. 2020, section 2.1): it leaves attention out, and
depends on whether N counts the embeddings. A run reads sequences of T tokens and predicts T - 1 of them, so it computes
at S = T - 1 positions, and D counts T.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from scaling_lib.arguments import BY_HAND, Choice, Count, Integer, NonNegative, Remedy, checked
from scaling_lib.errors import check_integer, invalid

__all__ = ["CONVENTIONS", "Architecture", "training_bytes", "training_flops"]

# How the compute C of a run is counted.
CONVENTIONS = ("6ND", "6ND non-embedding", "exact")


_TwoOrMore = Annotated[int, Integer(minimum=2)]


@checked
@dataclass(frozen=True)
class Architecture:
    """The shape of a decoder.

    vocabulary: token ids, one per node of the graph. width: embedding dimension n. depth: layers L.
    heads: attention heads; by default the paper's max(4, width / 64) (appendix A). context: tokens per sequence T.
    tied: input embedding and readout are one matrix.

    Raises InvalidArgument where the heads do not divide the width into an even head dimension (rotary positions
    rotate pairs).
    """

    vocabulary: _TwoOrMore
    width: _TwoOrMore
    depth: Count = 2
    heads: Annotated[Any, BY_HAND] = None  # int after construction
    context: _TwoOrMore = 50
    tied: bool = True

    def __post_init__(self) -> None:
        if self.heads is None:
            object.__setattr__(self, "heads", max(4, self.width // 64))
        check_integer("heads", self.heads, minimum=1)
        if self.width % (2 * self.heads):
            wanted = f"such that the width {self.width} / heads is an even number"
            raise invalid("heads", wanted, self.heads, "rotary positions rotate pairs")

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

    @property
    def flops_per_token(self) -> float:
        """Exact FLOPs of training, forward and backward, for each of the D tokens."""
        return 3 * self.forward_flops(self.context - 1) / self.context

    def forward_flops(self, positions: int) -> int:
        """Exact FLOPs of one forward pass over one sequence of `positions` tokens."""
        S = check_integer("positions", positions, minimum=1, maximum=self.context)
        matrices = 12 * self.depth * self.width**2 + self.vocabulary * self.width
        return 2 * S * matrices + 4 * self.depth * self.width * S**2


AnyArchitecture = Annotated[Architecture, Remedy("build one with Architecture(...)")]


@checked
def training_flops(
    architecture: AnyArchitecture, tokens: NonNegative, *, convention: Annotated[str, Choice(CONVENTIONS)] = "6ND"
) -> float:
    """C, the FLOPs of training on `tokens` tokens (D, times the epochs).

    convention: "6ND" (N with embeddings, the paper's C), "6ND non-embedding", or "exact" (attention included).
    Raises InvalidArgument.

    >>> model = Architecture(vocabulary=1000, width=64)
    >>> training_flops(model, 1e6) == 6 * model.parameters * 1e6
    True
    """
    if convention == "exact":
        return architecture.flops_per_token * tokens
    N = architecture.parameters if convention == "6ND" else architecture.nonembedding_parameters
    return 6.0 * N * tokens


@checked
def training_bytes(architecture: AnyArchitecture, batch: Count, *, members: Count = 1) -> int:
    """Memory of training K = `members` stacked models at `batch` sequences each: bytes in float32.

    Five numbers for each parameter (value, gradient, two moments, scratch), the gradient of the readout once more, and
    the activations kept for the backward pass: at each position up to 20 n + heads + 4 in a layer, 4 n + 8 outside of
    the layers. What is saved for the backward pass stays below that by up to a third. A step's peak may pass it by a
    few per cent, and by two thirds where attention is not fused (heads of a dimension that is no multiple of 4). Logits
    come on top: up to 512 MiB on an accelerator.
    """
    shape = architecture
    positions = batch * (shape.context - 1)
    numbers = 5 * shape.parameters + shape.vocabulary * shape.width
    numbers += positions * (shape.depth * (20 * shape.width + shape.heads + 4) + 4 * shape.width + 8)
    return 4 * members * numbers
