"""What a claim is compared with: our value, its interval and the runs behind it, or why there is no value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from scaling_lib.arguments import Real, Remedy, checked
from scaling_lib.errors import InvalidArgument, check_text

__all__ = ["Measured", "Outcome", "Tables", "Undecided"]

# From an experiment's name to the table of its runs; None where there are none.
Tables = Callable[[str], pd.DataFrame | None]

_Hashes = Annotated[tuple[str, ...], Remedy("pass a tuple of hashes", least=0)]


@checked
@dataclass(frozen=True)
class Measured:
    """Our value of a quantity with its 95 % interval [low, high], all in the unit of the claim; low = high where it is
    computed without error. Raises InvalidArgument where one is not finite, or low exceeds high.

    runs: identities of the runs behind it, none where it is computed. rules: hashes of the ledger's rules that were in
    force when those runs were made. freedom: degrees of freedom of Student's t where the interval is Student's, None
    where its error is taken as known.
    """

    value: float
    low: float
    high: float
    runs: _Hashes = ()
    rules: _Hashes = ()
    freedom: Annotated[float | None, Real(above=0)] = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise InvalidArgument(f"low must not exceed high, got {self.low} and {self.high}: swap them.")


@checked
@dataclass(frozen=True)
class Undecided:
    """Something was measured, and no value of it may be printed: `reason` says why, in words that follow a colon (the
    scatter of the seeds rejects the fit, a best rate lies at the edge of its grid, ...). runs, rules: as of Measured.
    Raises InvalidArgument."""

    reason: str
    runs: _Hashes = ()
    rules: _Hashes = ()

    def __post_init__(self) -> None:
        check_text("reason", self.reason)


# What a quantity gives; None where there is too little to compute it from.
Outcome = Measured | Undecided | None

AnyMeasured = Annotated[Measured, Remedy("build it with Measured(value, low, high)")]
