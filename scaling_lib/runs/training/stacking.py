"""How many models are trained together (K) on a CPU, from the size of a step. Imports no torch.

A step of a small model spends its time on the calling of operations, not in them; K stacked models pay that once. A
step of a large one spends it in the operations, and K models that no longer fit the caches together are slower than K
alone. So K grows until a step is as large as a step has to be:

    K x tokens a step x operations a token  <=  10^9,      a power of two, 16 at the most

with L (12 n^2 + 2000 n) + V n operations a token of a model of L layers of width n and a vocabulary of V (2000 n stands
for norms, softmax and what else is no matrix product). `python -m benchmarks.training --stacked` measures what it is
worth. On a GPU K is what memory holds (`runs.training.ensembles.members_in_memory`).

K depends on the configuration alone, never on the machine or on what is already trained: sums of float32 come out in
another order in another K, and a sweep that is resumed has to be the same to the bit.
"""

from collections.abc import Sequence
from typing import Annotated

from scaling_lib.arguments import Remedy, checked
from scaling_lib.runs.records import RunConfiguration

__all__ = ["groups_on_a_cpu", "members_on_a_cpu"]

_LARGEST_STEP = 1e9  # operations
_MOST = 16


@checked
def members_on_a_cpu(configuration: Annotated[RunConfiguration, Remedy("build one with RunConfiguration(...)")]) -> int:
    """K of models like this on a CPU.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> [members_on_a_cpu(experiment(name).template) for name in ("er-100", "er-8k")]
    [2, 1]
    """
    shape = configuration.architecture
    n = shape.width
    per_token = shape.depth * (12 * n**2 + 2000 * n) + shape.vocabulary * n
    fitting = int(_LARGEST_STEP / (configuration.tokens_per_step * per_token))
    return 2 ** (min(_MOST, max(1, fitting)).bit_length() - 1)


@checked
def groups_on_a_cpu(
    ensemble: Annotated[Sequence[RunConfiguration], Remedy("take one from ensembles_of")],
) -> list[list[RunConfiguration]]:
    """An ensemble in groups of at most `members_on_a_cpu` models, as equal as can be, in order.

    >>> from scaling_lib.runs.sweeping.experiments import experiment
    >>> runs = experiment("er-100").configurations("full")[:15]
    >>> [len(group) for group in groups_on_a_cpu(runs)]
    [2, 2, 2, 2, 2, 2, 2, 1]
    """
    groups = -(-len(ensemble) // members_on_a_cpu(ensemble[0]))
    size = -(-len(ensemble) // groups)
    return [list(ensemble[start : start + size]) for start in range(0, len(ensemble), size)]
