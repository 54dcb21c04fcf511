"""Numbers in the prose: always computed, never typed.

In a notebook a sentence with numbers is displayed from code (`say`). On the book's own pages numbers are glued, and
only ledger rows and run tables can be (`glue`).
"""

from typing import Any

import pandas as pd

from scaling_lib.errors import MissingDependency, check_instance, check_text, invalid
from scaling_lib.pages.claims import Measured, Row
from scaling_lib.runs.tables import check_runs

__all__ = ["glue", "say"]


def say(sentence: str, **values: Any) -> None:
    """Display `sentence`, Markdown with {name} fields (format specifications allowed), filled with `values`."""
    check_text("sentence", sentence)
    try:
        text = sentence.format(**values)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise invalid("sentence", f"fillable with {sorted(values)} ({error})", sentence, "name every field") from None
    _ipython().display(_ipython().Markdown(text))


def glue(key: str, source: Row | Measured | pd.DataFrame) -> None:
    """Make numbers of a ledger row, a measured value or a run table available to the book's pages.

    Pages write {glue:text}`../notebooks/NN-name.ipynb::key.ours` and so on. Keys: of a Row or Measured: ours, interval,
    and for a Row also published, margin, verdict; of a run table: runs, tokens_low, tokens_high. Outside the book's
    build (Colab), where myst-nb is absent, it does nothing.
    """
    check_text("key", key)
    check_instance("source", source, (Row, Measured, pd.DataFrame), remedy="pass a ledger row or a table of runs")
    try:
        from myst_nb import glue as keep
    except ImportError:
        return
    for name, text in _texts(source).items():
        keep(f"{key}.{name}", text, display=False)


def _texts(source: Row | Measured | pd.DataFrame) -> dict[str, str]:
    if isinstance(source, pd.DataFrame):
        tokens = check_runs("source", source, ("identity", "D"))["D"]
        return {"runs": f"{len(source):,}", "tokens_low": f"{tokens.min():,}", "tokens_high": f"{tokens.max():,}"}
    measured = source.measured if isinstance(source, Row) else source
    texts = {"ours": "not run", "interval": "not run"}
    if measured is not None:
        texts = {"ours": f"{measured.value:.3f}", "interval": f"{measured.low:.3f} to {measured.high:.3f}"}
    if isinstance(source, Row):
        texts |= {
            "published": f"{source.claim.published:g}",
            "margin": f"{source.claim.margin:g}",
            "verdict": source.verdict + (" (exploratory)" if source.exploratory else ""),
        }
    return texts


def _ipython() -> Any:
    try:
        from IPython import display
    except ImportError:
        raise MissingDependency("sentences are displayed by IPython: run this in a notebook.") from None
    return display
