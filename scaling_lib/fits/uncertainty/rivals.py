"""Laws against each other on several tables: how often one of them is beaten, and how often it is the worst."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scaling_lib.errors import InvalidArgument, check_instance, check_real, check_text, invalid
from scaling_lib.fits.laws.forms import Law
from scaling_lib.fits.uncertainty.windows import compare_laws

__all__ = ["beaten_in", "contest", "worst_in"]

# Two errors that differ by less than this share of the larger one are taken for equal: laws that contain one another
# end on the same curve, up to the last steps of a search.
MARGIN = 1e-3


def contest(
    laws: Mapping[str, Law] | Sequence[Law],
    tables: Mapping[str, Any],
    *,
    held_out: int = 2,
    by: str = "D",
    objective: str = "log-ols",
) -> pd.DataFrame:
    """`compare_laws` on several tables: root mean square errors in 1/1000 nat.

    Returns one row for each table and law, in the order given: data, law, fitted (of the runs fitted), held out (of
    the `held_out` largest, which the fit was not shown). Raises InvalidArgument.
    """
    check_instance("tables", tables, Mapping, remedy="pass a dict from name to table")
    if not tables:
        raise invalid("tables", "a dict of at least one table", tables, "pass {'runs': table}")
    named = laws if isinstance(laws, Mapping) else None
    parts = []
    for data, table in tables.items():
        check_text("tables", data)
        errors = compare_laws(laws, table, held_out=held_out, by=by, objective=objective)
        errors = errors.loc[list(named)] if named is not None else errors.sort_index()
        both = 1000 * errors[["fit_mse", "held_out_mse"]].pow(0.5).set_axis(["fitted", "held out"], axis=1)
        parts.append(both.reset_index().assign(data=data))
    return pd.concat(parts, ignore_index=True)[["data", "law", "fitted", "held out"]]


def beaten_in(errors: pd.DataFrame, law: str, *, margin: float = MARGIN) -> list[str]:
    """The rows of `errors`, one a table with a column for each law, in which some law beats `law`.

    margin: by which share of its error at least; a smaller difference is a draw. Raises InvalidArgument.
    """
    own, others, margin = _checked(errors, law, margin)
    return errors.index[others.min(axis=1) < (1 - margin) * own].tolist()


def worst_in(errors: pd.DataFrame, law: str, *, margin: float = MARGIN) -> list[str]:
    """The rows of `errors` in which `law` has the largest error, by more than the share `margin` of it."""
    own, others, margin = _checked(errors, law, margin)
    return errors.index[others.max(axis=1) < (1 - margin) * own].tolist()


def _checked(errors: Any, law: Any, margin: Any) -> tuple[pd.Series, pd.DataFrame, float]:
    check_instance("errors", errors, pd.DataFrame, remedy="pivot what contest returns")
    check_text("law", law)
    margin = check_real("margin", margin, minimum=0, below=1)
    if law not in errors:
        raise InvalidArgument(f"law must be a column of errors, got {law!r}: choose one of its columns.")
    numbers = errors.to_numpy()
    if errors.shape[1] < 2 or numbers.dtype.kind not in "fiu" or not np.isfinite(numbers.astype(float)).all():
        raise invalid("errors", "numbers of two laws or more", errors, "pivot what contest returns")
    return errors[law], errors.drop(columns=law), margin
