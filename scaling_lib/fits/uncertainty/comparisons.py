"""Whether one size exceeds another by more than rounding can decide."""

from scaling_lib.errors import check_real

__all__ = ["compared"]

# Two sizes that differ by less than this share of the larger one are taken for equal: the last digits of a fit depend
# on the processor, and no sentence may.
MARGIN = 0.01


def compared(size: float, reference: float, *, margin: float = MARGIN) -> str:
    """Whether the absolute value of `size` is "less than" or "more than" that of `reference`, or "as much as" it.

    margin: they are as much as one another where they differ by no more than this share of the larger one. Raises
    InvalidArgument.

    >>> compared(-0.024, 0.003), compared(0.02, 0.03), compared(0.0500001, 0.05)
    ('more than', 'less than', 'as much as')
    """
    one, other = abs(check_real("size", size)), abs(check_real("reference", reference))
    margin = check_real("margin", margin, minimum=0, below=1)
    if abs(one - other) <= margin * max(one, other):
        return "as much as"
    return "more than" if one > other else "less than"
