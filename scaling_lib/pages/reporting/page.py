"""The page of a report: one HTML file with its style and figures inside, for a wide window, a phone and the dark."""

import base64
import json
from html import escape
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd

from scaling_lib.arguments import Remedy, checked
from scaling_lib.fits.forecasting.futures import summarised_futures
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, png, style, table_html
from scaling_lib.pages.drawing.plots import fit_figure
from scaling_lib.pages.reporting.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["futures_figure", "report_html"]

_STYLE = """
:root { color-scheme: light dark; --ink: #222832; --paper: #fff; --muted: #5a6470; --line: #c9c9c9; --link: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ced6dd; --paper: #14181e; --muted: #9ca4af; --line: #48566b; --link: #6fb8e8; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); line-height: 1.65;
  font-family: -apple-system, BlinkMacSystemFont, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 48rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.5rem; line-height: 1.25; margin: 2.5rem 0 .5rem; }
a { color: var(--link); }
nav ul { padding-left: 1.2rem; columns: 2 14rem; }
.lead, figcaption, footer { color: var(--muted); }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
figcaption { font-size: .9rem; }
.table-scroll { overflow-x: auto; max-width: 100%; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: .25rem .55rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--line); }
th { white-space: normal; vertical-align: bottom; line-height: 1.3; }
@media (max-width: 40rem) {
  th, td { padding: .25rem .35rem; white-space: normal; }
  figure.wide { overflow-x: auto; }
  figure.wide img { max-width: none; width: 40rem; }
}
th:first-child, td:first-child { text-align: left; white-space: normal; }
.doubts { border-left: .25rem solid #d55e00; padding: .1rem 1rem; margin: 1rem 0; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: .875rem; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .25rem; }
"""


@checked
def report_html(made: Annotated[Report, Remedy("make it with pages.reporting.report.report")]) -> str:
    """A report as one page of HTML that needs no other file and no network; the same bytes for the same report."""
    fitted = made.fitted
    sections = [
        ("table", "The table", _of_the_table(made)),
        ("fit", "The fit and its intervals", _of_the_fit(made)),
        ("rivals", "Rival laws", _of_rivals(made)),
        ("windows", "Does the window matter?", _of_windows(made)),
        ("futures", "Would it have foretold its own larger runs?", _of_futures(made)),
        ("plan", "The plan", _of_the_plan(made)),
        ("cite", "How to cite, and how this was made", _of_the_making(made)),
    ]
    contents = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in sections)
    body = "".join(
        f'<section id="{name}"><h2>{escape(title)}</h2>{content}</section>' for name, title, content in sections
    )
    undetermined = [name for name in fitted.law.free if name in fitted.undetermined]
    told = f"of which {', '.join(undetermined)} are undetermined" if undetermined else "all of them determined"
    lead = (
        f"{fitted.n} runs; {escape(fitted.law.formula)} with {len(fitted.law.free)} free parameters, {escape(told)}. "
        f"Losses in nats per token, N in parameters, D in tokens, C in FLOPs."
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Scaling report: {escape(made.source)}</title><style>{_STYLE}</style></head>\n"
        f'<body><main><h1>Scaling report: {escape(made.source)}</h1><p class="lead">{lead}</p>'
        f'<nav aria-label="Sections"><ul>{contents}</ul></nav>{body}'
        f"<footer><p>Made with scaling-lab {escape(str(made.facts.get('scaling-lab', '')))}.</p></footer>"
        "</main></body></html>\n"
    )


def _said(sentences: tuple[str, ...], nothing: str) -> str:
    if not sentences:
        return f"<p>{escape(nothing)}</p>"
    return f'<ul class="doubts">{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>'


def _shown(table: pd.DataFrame | str | None, digits: int = 4) -> str:
    """A table, or the sentence that stands in its place."""
    if isinstance(table, pd.DataFrame):
        return table_html(table, digits)
    return f"<p>{escape(table or '')}</p>"


def _picture(figure: "Figure", alt: str, caption: str, *, wide: bool = False) -> str:
    """wide: two panels, which a phone scrolls sideways instead of shrinking them."""
    data = base64.b64encode(png(figure)).decode()
    kind = ' class="wide"' if wide else ""
    return (
        f'<figure{kind}><img src="data:image/png;base64,{data}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _of_the_table(made: Report) -> str:
    return _shown(made.spans, 3) + _said(made.warnings, "Nothing in this table is to be doubted.")


def _of_the_fit(made: Report) -> str:
    fitted = made.fitted
    kind = "profile likelihood, with constrained fits from many starts"
    if len(fitted.law.variables) == 2:
        alt = "Two scatter plots: measured against fitted loss beside the line of equality, and residuals in per cent "
        alt += "against compute."
        caption = "Left: each run, measured against fitted. Right: what the law misses, against compute."
    else:
        alt = f"Measured losses against {fitted.law.variables[0]} on logarithmic axes, with the fitted curve and band."
        caption = "The runs, the fitted law and the 95 % band of its curve."
    return (
        f"<p>Fitted by {escape(fitted.problem.objective)}. 95 % intervals by {kind}. They hold sampling error, neither "
        f"the choice of law nor that of the window.</p>{_shown(made.parameters)}"
        f"{_picture(fit_figure(fitted), alt, caption, wide=len(fitted.law.variables) == 2)}"
        f"<p>The same by {made.facts.get('resamples', '')} pairs bootstraps, with the bias that they show (95 % "
        f"percentiles; they fall short in small samples):</p>{_shown(made.bootstrap)}"
    )


def _of_rivals(made: Report) -> str:
    return (
        "<p>Each law is fitted to the smaller runs and judged on the largest fifth, which it was not shown. Errors are "
        f"root mean squares in nats; the best on unseen runs stands first.</p>{_shown(made.rivals, 3)}"
    )


def _of_windows(made: Report) -> str:
    return (
        "<p>A third of the runs is left out. In brackets: by how many standard errors of their difference a value lies "
        "from that of all runs. Up to 2 or so it is what noise does; a value beyond 3 is one of a window, not of the "
        f"law.</p>{_shown(made.windows)}"
    )


def _of_futures(made: Report) -> str:
    if isinstance(made.futures, str) or isinstance(made.horizons, str):
        return _shown(made.futures if isinstance(made.futures, str) else made.horizons)
    told = made.futures["inside"].dropna().astype(float)
    sentence = "No forecast has an interval: the runs do not determine the law."
    if len(told):
        sentence = f"{100 * told.mean():.0f} % of {len(told)} forecasts lie inside their 95 % interval."
    words = {"median_error": "median error", "factor": "reaches to", "fitted": "runs fitted", "ahead": "runs forecast"}
    words |= {"inside": "share inside"}
    table = made.horizons.rename(columns=words)
    if "reason" in table and not table["reason"].fillna("").astype(bool).any():
        table = table.drop(columns="reason")
    return (
        "<p>The law is fitted to the runs up to a cut and forecasts all larger ones, again and again. "
        f"{escape(sentence)} Errors are relative.</p>"
        + _picture(
            futures_figure(made.futures),
            "Relative error of every forecast against how far beyond the fitted runs it reaches, filled marks inside "
            "their interval and crosses outside.",
            "Every forecast: its error against how many times beyond the fitted runs it reaches.",
        )
        + _shown(table, 3)
    )


def _of_the_plan(made: Report) -> str:
    if made.plan is None:
        return f"<p><strong>No plan.</strong> {escape(made.no_plan)}</p>"
    notes = _said(made.notes, "") if made.notes else ""
    return (
        f"<p>The compute-optimal model for a budget (C = 6 N D), with 95 % intervals from bootstraps: sampling error "
        f"alone.</p>{_shown(made.plan)}{notes}<p>Other sizes on the same budget, and what leaving the optimum costs:"
        f"</p>{_shown(made.other_plans)}"
    )


def _of_the_making(made: Report) -> str:
    facts = escape(json.dumps(dict(made.facts), indent=1, default=str))
    return (
        "<p>Cite the table for its runs, the paper of the law for its form, and this library for the fit: "
        f"scaling-lab {escape(str(made.facts.get('scaling-lab', '')))}, companion to arXiv 2601.10684. Say with it the "
        f"law, the objective and the seed:</p><pre>{facts}</pre>"
    )


@checked
def futures_figure(
    futures: Annotated[pd.DataFrame, Remedy("make it with leave_future_out")],
) -> "Figure":
    """Error of every forecast of `leave_future_out` against its reach beyond the cut; crosses lie outside.

    Raises InvalidArgument.
    """
    import matplotlib.pyplot as plt

    summarised_futures(futures)  # the columns are there
    with style():
        figure, axes = plt.subplots()
        outside = (futures["inside"] == False).fillna(False).to_numpy(bool)  # noqa: E712  a missing one is not outside
        unknown = futures["inside"].isna().to_numpy()
        groups = (
            ("inside its interval", ~outside & ~unknown, "o", "blue"),
            ("outside", outside, "x", "vermillion"),
            ("without an interval", unknown, "^", "grey"),
        )
        for label, chosen, marker, colour in groups:
            if chosen.any():
                part = futures[chosen]
                axes.plot(part["factor"], 100 * np.expm1(part["error"]), marker, color=COLOURS[colour], alpha=0.7,
                          linestyle="", label=label)  # fmt: skip
        axes.axhline(0, linestyle="--", color=COLOURS["grey"], linewidth=1)
        axes.set(xlabel="times beyond the runs fitted", ylabel="error of the forecast (%)")
        logarithmic(axes, "x")
        axes.legend()
    return figure
