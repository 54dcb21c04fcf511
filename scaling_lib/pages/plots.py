"""Drawings that more than one page or command needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_lib.errors import check_instance, check_path, invalid
from scaling_lib.fits.fitting import Fit
from scaling_lib.pages.figures import COLOURS, logarithmic, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_fit"]


def plot_fit(fitted: Fit, path: str | Path) -> Path:
    """Draw a fit into a file (the suffix chooses the format) and return its path.

    A law in one variable: points, curve and its 95 % band against the variable. A law in N and D: measured against
    fitted loss, and the relative residuals against C = 6 N D.
    """
    check_instance("fitted", fitted, Fit, remedy="make one with fits.fitting.fit")
    target = check_path("path", path)
    import matplotlib.pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if target.suffix.lstrip(".").lower() not in FigureCanvasAgg.get_supported_filetypes():
        raise invalid("path", "a file name that ends in .png, .pdf or .svg", str(target), "choose one of these")
    with style():
        if len(fitted.law.variables) == 1:
            figure, axes = plt.subplots()
            _curve(fitted, axes)
        else:
            figure, pair = plt.subplots(1, 2, figsize=(9, 4))
            _surface(fitted, *pair)
        try:
            figure.savefig(target, dpi=144, transparent=False)
        except OSError as error:
            raise invalid("path", f"writable ({error.strerror})", str(target), "pass another") from None
        finally:
            plt.close(figure)
    return target


def _curve(fitted: Fit, axes: "Axes") -> None:
    variable = fitted.law.variables[0]
    x = np.asarray(fitted.problem.columns[variable])
    along = np.geomspace(x.min(), x.max(), 200)
    variables: Any = {variable: along}
    band = fitted.predict(**variables)
    axes.plot(x, fitted.problem.loss, "o", color=COLOURS["blue"], label="measured")
    axes.plot(along, band["loss"], "-", marker="", color=COLOURS["vermillion"], label=fitted.law.formula)
    axes.fill_between(along, band["low"], band["high"], color=COLOURS["vermillion"], alpha=0.2)
    axes.set(xlabel=variable, ylabel="loss (nats)")
    logarithmic(axes)
    axes.legend()


def _surface(fitted: Fit, left: "Axes", right: "Axes") -> None:
    variables: Any = dict(fitted.problem.columns)
    predicted = fitted.predict(**variables)["loss"].to_numpy()
    measured = np.asarray(fitted.problem.loss)
    compute = 6 * fitted.problem.columns["N"] * fitted.problem.columns["D"]
    ends = [min(measured.min(), predicted.min()), max(measured.max(), predicted.max())]
    left.plot(predicted, measured, "o", color=COLOURS["blue"], alpha=0.6)
    left.plot(ends, ends, "--", marker="", color=COLOURS["grey"])
    left.set(xlabel="fitted loss (nats)", ylabel="measured loss (nats)")
    right.plot(compute, 100 * (measured / predicted - 1), "o", color=COLOURS["blue"], alpha=0.6)
    right.axhline(0, linestyle="--", color=COLOURS["grey"])
    right.set(xlabel="C = 6ND (FLOPs)", ylabel="residual (%)")
    logarithmic(right, "x")
