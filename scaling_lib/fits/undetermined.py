"""The outcome of an estimator that cannot decide: a value that carries its reason and prints no number.

A function that may be unable to decide returns `float | Undetermined` (or another result in place of the float). The
caller asks `isinstance(value, Undetermined)`; who forgets to ask and calculates with it gets a TypeError from Python,
and who formats it as a number gets the word:

>>> slope = Undetermined("the chosen learning rate is the largest that was tried")
>>> f"beta = {slope:.3f}"
'beta = undetermined'
>>> slope.reason
'the chosen learning rate is the largest that was tried'
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scaling_lib.arguments import checked
from scaling_lib.errors import invalid

__all__ = ["Undetermined", "first_undetermined"]


@checked
@dataclass(frozen=True)
class Undetermined:
    """Measured, and not decidable. reason: why, in one line without a full stop, and without the estimate."""

    reason: str

    def __post_init__(self) -> None:
        if "\n" in self.reason or not self.reason.strip() or self.reason.rstrip().endswith("."):
            raise invalid("reason", "one line without a full stop", self.reason, "say in one sentence why")

    def __str__(self) -> str:
        return "undetermined"

    def __format__(self, specification: str) -> str:
        """The word, whatever number format is asked for; only a width and an alignment are used."""
        width = "".join(specification.partition(".")[0].split(","))
        aligned = width and width[0] in "<>^" and width[1:].isdigit()
        return format(str(self), width if aligned or width.isdigit() else "")

    @property
    def sentence(self) -> str:
        """For a page or a command line: "undetermined: REASON."."""
        return f"undetermined: {self.reason}."


def first_undetermined(values: Iterable[Any]) -> Undetermined | None:
    """The first of the values that is undetermined, or None: what a result made of several values inherits.

    Raises InvalidArgument.
    """
    if not isinstance(values, Iterable):
        raise invalid("values", "a list of results", values, "pass [one, other]")
    return next((value for value in values if isinstance(value, Undetermined)), None)
