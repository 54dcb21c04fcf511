"""`scaling-lab compare`: a reader's own runs beside the recorded tables and the registered forecasts.

Two runs have the same *setting* if their configurations differ only in seed, peak learning rate and precision. At every
setting and learning rate that both sides have trained, the means over seeds of ln(excess loss) are compared (of
ln(loss) on text, where nobody knows the floor), and their ratio has the 95 % interval of Welch's t. A run with the
identity of a recorded one is that run made again: it says what another machine or version does to it, and takes no part
in the interval, which is about other seeds. Where the recorded runs have one graph, so must the reader's.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy import stats

from scaling_lib.cli.claims import stored_runs, tables_of
from scaling_lib.cli.words import AsJson, one_line_errors, print_frame
from scaling_lib.fits.seeds import seed_means
from scaling_lib.pages.judging.forecasts import registered
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.runs.keeping.tables import manifest, recorded_folder, recorded_or_none

__all__ = ["compare"]


def compare(
    store: Annotated[Path, typer.Argument(help="Your store of runs, or a folder of stores.")],
    as_json: AsJson = False,
) -> None:
    """Your own runs beside the recorded ones of the same setting, and beside the registered forecasts."""
    with one_line_errors():
        own = stored_runs(store, "store")
        mine, recorded = _described(own), _described(_recorded_runs())
        settings = _settings(mine, recorded)
        forecasts = _forecasts(tables_of(own))
        matched = {line["setting"] for line in settings}
        alone = sorted(set(mine["setting"]) - matched)
        for line in settings:
            del line["setting"]
        if as_json:
            told = {"runs": len(own), "settings": settings, "settings_not_recorded": len(alone), "forecasts": forecasts}
            print(json.dumps(told, allow_nan=False))
            return
        if settings:
            print_frame(_settings_frame(settings), f"{store}: your runs and the recorded ones")
            said = "Ratio: your loss over the recorded one, 95 % interval over seeds; one in twenty misses 1 by chance."
            typer.echo(said, err=True)
        if forecasts:
            print_frame(_forecasts_frame(forecasts), "Forecasts, registered before the runs")
        if alone:
            typer.echo(f"{len(alone)} of your settings are in no recorded table (`scaling-lab experiments`).", err=True)


def _recorded_runs() -> pd.DataFrame:
    """Every recorded run once, with the table that holds it."""
    tables = {name: recorded_or_none(name) for name in sorted(manifest(recorded_folder()))}
    runs = [table.assign(table=name) for name, table in tables.items() if table is not None and "identity" in table]
    return pd.concat(runs).drop_duplicates("identity") if runs else pd.DataFrame()


def _described(runs: pd.DataFrame) -> pd.DataFrame:
    """Of the runs that did not diverge: setting, graph, log (of the excess loss, or of the loss on text), and what a
    line says of them."""
    if runs.empty:
        return pd.DataFrame(columns=["setting", "graph", "log", "learning_rate", "seed", "identity"])
    finished = runs[runs["status"] == "ok"].copy()
    settings, graphs = [], []
    for text in finished["configuration"]:
        fields = json.loads(text)
        del fields["seed"], fields["optimizer"]["learning_rate"], fields["precision"]
        graphs.append((fields["source"].pop("seed"), fields["source"].pop("fingerprint")))
        settings.append(json.dumps(fields, sort_keys=True))
    known = finished["excess_loss"].notna()
    loss = finished["excess_loss"].where(known, finished["loss"]).astype(float)
    compared = known.map({True: "excess_loss", False: "loss"})
    with np.errstate(divide="ignore"):  # a loss of zero is told apart below
        logs = np.log(loss)
    described = finished.assign(setting=settings, log=logs, compared=compared)
    described["graph"] = pd.Series(graphs, index=finished.index, dtype=object)
    return described[np.isfinite(described["log"])]


def _settings(mine: pd.DataFrame, recorded: pd.DataFrame) -> list[dict[str, Any]]:
    """A line for every setting and learning rate that both sides have trained."""
    lines = []
    theirs = dict(tuple(recorded.groupby("setting")))
    for setting, own in mine.groupby("setting", sort=False):
        known = theirs.get(setting)
        if known is None:
            continue
        if known["graph"].nunique() == 1:
            own = own[own["graph"] == known["graph"].iloc[0]]
        for rate, trained in own.groupby("learning_rate"):
            there = known[np.isclose(known["learning_rate"], rate, rtol=1e-9)]
            if not there.empty:
                lines.append({"setting": setting, **_line(trained, there)})
    return lines


def _line(own: pd.DataFrame, recorded: pd.DataFrame) -> dict[str, Any]:
    """Both sides of one setting and learning rate."""
    first = recorded.iloc[0]
    both = own.set_index("identity")["log"].to_frame("own").join(recorded.set_index("identity")["log"], how="inner")
    new = own[~own["identity"].isin(both.index)]
    ratio, low, high = _ratio(new["log"].to_numpy(float), recorded["log"].to_numpy(float))
    again = np.abs(np.expm1(both["own"] - both["log"])).max() if len(both) else None
    return {
        "table": str(first["table"]),
        "ensemble": str(first["ensemble"]),
        "vocabulary": int(json.loads(first["configuration"])["architecture"]["vocabulary"]),
        "parametrization": str(first["parametrization"]),
        "width": int(first["width"]),
        "D": int(first["D"]),
        "learning_rate": float(first["learning_rate"]),
        "compared": str(first["compared"]),
        "own": float(np.exp(own["log"].mean())),
        "recorded": float(np.exp(recorded["log"].mean())),
        "own_runs": len(own),
        "recorded_runs": len(recorded),
        "ratio": ratio,
        "low": low,
        "high": high,
        "repeated": len(both),
        "largest_difference_of_repeats": None if again is None else float(again),
        "verdict": _verdict(len(new), low, high),
    }


def _ratio(own: np.ndarray, recorded: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """exp of the difference of means with its 95 % interval by Welch's t; the interval needs two seeds on each side."""
    if not len(own):
        return None, None, None
    difference = own.mean() - recorded.mean()
    if min(len(own), len(recorded)) < 2:
        return float(np.exp(difference)), None, None
    parts = np.array([own.var(ddof=1) / len(own), recorded.var(ddof=1) / len(recorded)])
    if not parts.sum():
        return (float(np.exp(difference)),) * 3
    freedom = parts.sum() ** 2 / (parts**2 / [len(own) - 1, len(recorded) - 1]).sum()
    half = stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum())
    low, middle, high = np.exp([difference - half, difference, difference + half]).tolist()
    return middle, low, high


def _verdict(new: int, low: float | None, high: float | None) -> str:
    if not new:
        return "the recorded runs, made again"
    if low is None or high is None:
        return "too few seeds for an interval"
    return "agrees" if low <= 1 <= high else "differs"


def _settings_frame(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """The lines for people: of each setting the learning rate at which the recorded loss is lowest."""
    frame = pd.DataFrame(lines)
    best = frame.loc[frame.groupby(["table", "vocabulary", "parametrization", "width", "D"])["recorded"].idxmin()]
    spans = [
        "-" if pd.isna(low) else f"{low:.3g} to {high:.3g}" for low, high in zip(best["low"], best["high"], strict=True)
    ]
    again = [
        f"{count}, {100 * share:.2g} % apart" if count else "-"
        for count, share in zip(best["repeated"], best["largest_difference_of_repeats"], strict=True)
    ]
    shown = best[["table", "width", "D", "learning_rate", "own", "recorded", "ratio"]].rename(
        columns={"learning_rate": "rate"}
    )
    seeds = [f"{a}, {b}" for a, b in zip(best["own_runs"], best["recorded_runs"], strict=True)]
    return shown.assign(**{"95 %": spans, "seeds": seeds, "made again": again, "verdict": best["verdict"]})


def _forecasts(tables: Tables) -> list[dict[str, Any]]:
    """The registered forecasts whose run the reader has made."""
    lines = []
    for name, asked in registered().items():
        runs = tables(asked.experiment)
        if runs is None or runs.empty:
            continue
        runs = runs[(runs["D"] == asked.tokens) & (runs["width"] == asked.width)]
        if runs.empty:
            continue
        (point,) = seed_means(runs, ["width", "D"])
        loss = None if point.doubt else float(np.exp(point.logs.mean()))
        low, high = asked.value - asked.half, asked.value + asked.half
        inside = None if loss is None else low <= loss <= high
        lines.append(
            {"name": name, "experiment": asked.experiment, "width": asked.width, "D": asked.tokens}
            | {"forecast": asked.value, "low": low, "high": high, "own": loss, "own_runs": point.seeds}
            | {"inside": inside, "reason": point.doubt.reason if point.doubt else ""}
        )
    return lines


def _forecasts_frame(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """The forecasts for people."""
    words = {True: "inside the band", False: "outside the band"}
    shown = [
        {
            "forecast": line["name"],
            "width": line["width"],
            "D": line["D"],
            "band (nats)": f"{line['low']:.4g} to {line['high']:.4g}",
            "yours (nats)": "undetermined" if line["own"] is None else f"{line['own']:.4g}",
            "your run": line["reason"] or words[line["inside"]],
        }
        for line in lines
    ]
    return pd.DataFrame(shown)
