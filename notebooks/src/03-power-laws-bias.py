# %% [markdown]
# # Power laws and bias
#
# **The question.** Every result about scaling comes down to fitted numbers: an offset, a coefficient, an exponent. How
# far can such a number be trusted, and what makes it wrong?
#
# **What to expect.** Fitting $L = E + B D^{-\beta}$ to a dozen points looks harmless: three parameters, a smooth curve,
# residuals too small to see. It is not harmless. The offset and the exponent trade against each other, a small residual
# proves little, an interval may cover far less than it says, and a minimum over runs is not a measurement.
#
# You will see
#
# - what becomes of the exponent when the offset is wrong: first where we planted the truth, then on runs whose floor is
#   known exactly, last on tables where nobody knows it,
# - the power law against rivals that can win, judged on the largest runs, which the fit was not shown,
# - which intervals cover, counted; and what three seeds, or nine, do to an exponent,
# - two stories from the literature: a tuple of estimates that mixes two estimators, and an optimizer that stops early,
#   just where one would like it to.
#
# Throughout, $\alpha$ is the exponent in the number of parameters $N$, and $\beta$ the exponent in the number of tokens
# $D$.
#
# *You need* logarithms, least squares, and the idea of a confidence interval. *Time:* half a minute under the profile
# `recorded`, where nothing is trained; under `smoke` it trains the smallest runs of the first chapter. Two hours with the
# exercises.

# %% tags=["setup", "hide-input"]
# Find the library, or install it from the book's repository; an installed numpy or torch is left exactly as it is.
import importlib.util
import subprocess
import sys
import tempfile

if importlib.util.find_spec("scaling_lib") is None:
    kept = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        pins.writelines(f"{line}\n" for line in kept.splitlines() if line.startswith(("numpy==", "torch==")))
        pins.flush()
        source = "scaling-lab @ git+https://github.com/OWNER/REPOSITORY@main"
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-c", pins.name, source], check=True)

# %% tags=["parameters"]
profile = ""  # "" takes SCALING_PROFILE, else "recorded"; or write "smoke", "colab", "full"

# %% tags=["nbval-ignore-output"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.random import default_rng
from scipy import integrate, optimize, stats

from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import BrokenPower, Chinchilla, Exponential, PowerLaw, ShiftedPower, StretchedExponential
from scaling_lib.fits.laws.published import published_law
from scaling_lib.fits.points.datasets import chinchilla_points
from scaling_lib.fits.points.public_tables import mlfoundations_runs
from scaling_lib.fits.uncertainty import intervals
from scaling_lib.fits.uncertainty.coverage import DESIGNS, HARD_DESIGNS, coverage
from scaling_lib.fits.uncertainty.resampling import bootstrap, runs_bootstrap, seed_bias
from scaling_lib.fits.uncertainty.straightness import lack_of_fit, local_slopes
from scaling_lib.fits.uncertainty.windows import compare_laws, window_sensitivity
from scaling_lib.pages.drawing.figures import COLOURS, MARKERS, Withheld, logarithmic, show, style
from scaling_lib.pages.drawing.live import Mark, Panel, show_live
from scaling_lib.pages.drawing.prose import say
from scaling_lib.pages.judging.captions import published_exponents
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

lab = begin(profile)

# %% [markdown]
# ## A law that we planted
#
# We begin where nothing can be argued about: with data that we make ourselves. Twelve runs over two decades of $D$, with
# losses from a power law and two thousandths of noise. Here are the truth and what a fit makes of it.

# %%
truth = {"E": 1.8, "B": 20.0, "beta": 0.35}
law = PowerLaw(variable="D")
tokens = np.geomspace(1e5, 1e7, 12)
clean = law.loss(truth, D=tokens)
planted = pd.DataFrame({"D": tokens, "loss": clean * np.exp(0.002 * default_rng(0).standard_normal(12))})
fitted = fit(law, planted, objective="log-ols")
pd.DataFrame({"truth": truth, **fitted.summary()[["value", "se", "low", "high"]]}).round(3)

# %% [markdown]
# The curve passes within a few thousandths of every point, and yet the exponent is known to no better than a tenth or so of
# itself, and the coefficient $B$ hardly at all. Without noise the same fit returns the planted exponent to eight digits, so
# this is not the solver's doing. It is the *shape* of the law: over two decades, a somewhat larger offset with a somewhat
# larger exponent draws nearly the same curve.
#
# ### What is minimised has a name
#
# "A fit" is not yet a recipe. One may minimise squares of residuals of $L$ or of $\ln L$, or absolute values, or something
# between the two (Huber's loss is a square near zero and an absolute value beyond a threshold). On clean data the choice
# makes little difference. Let the largest run go wrong by 2 %, as runs do:

# %%
spoilt = planted.assign(loss=planted["loss"] * np.where(np.arange(12) == 11, 1.02, 1.0))
exponents = {
    objective: {name: fit(law, table, objective=objective).params["beta"] for name, table in tables.items()}
    for tables in [{"β, clean": planted, "β, largest run spoilt": spoilt}]
    for objective in ("ols", "log-ols", "log-huber", "log-lad")
}
pd.DataFrame(exponents).transpose().round(3)

# %% [markdown]
# Squares follow the spoilt run furthest; absolute values of logarithms hardly notice it. So a quoted exponent should come with the name of its
# objective. The paper uses Huber's loss on $L$ itself for curves, and on $\ln L$ for surfaces, as Hoffmann et al. did.

# %% [markdown]
# ## Wrong offset, wrong exponent
#
# Now the most common mistake. Somebody *assumes* the offset: takes it from another paper, leaves it out ($E = 0$), or reads
# it off the plot. Then $L - E$ is drawn on logarithmic axes and a straight line is put through it.
#
# ### Exercise 1: a forecast
#
# *★ · 5 minutes.* Write down your answer before you scroll on. The planted law has $E = 1.8$ and $\beta = 0.35$, without any noise. A
# colleague assumes 1.85, which is less than 3 % too much. Will the fitted exponent be too large or too small, and by how
# much? At which end of the plot will the points leave the line? And if the assumed offset is too small by as much?

# %% tags=["hide-input"]
assumed = np.round(np.arange(1.70, 1.8651, 0.01), 2)
excess = clean - assumed[:, None]
lines = np.polyfit(np.log10(tokens), np.log10(excess).T, 1)  # slope and height for every assumed offset
slopes = -np.diff(np.log10(excess)) / np.diff(np.log10(tokens))


def axes_of(x_ticks: dict, y_ticks: dict, x_label: str, y_label: str) -> tuple:
    """Scales of a panel, and its axes with their labels; a tick is given as where: what is written."""
    (x0, *_, x1), (y0, *_, y1) = x_ticks, y_ticks
    across = lambda x: 50 + 250 * (np.asarray(x) - x0) / (x1 - x0)  # noqa: E731
    up = lambda y: 265 - 220 * (np.asarray(y) - y0) / (y1 - y0)  # noqa: E731
    marks = [Mark("path", {"d": "M50 45V265H300", "stroke": COLOURS["grey"], "fill": "none"})]
    for x, text in x_ticks.items():
        marks.append(Mark("text", {"x": float(across(x)), "y": 285, "text-anchor": "middle"}, text))
    for y, text in y_ticks.items():
        marks.append(Mark("text", {"x": 42, "y": float(up(y)) + 5, "text-anchor": "end"}, text))
    marks.append(Mark("text", {"x": 175, "y": 308, "text-anchor": "middle"}, x_label))
    return across, up, [*marks, Mark("text", {"x": 20, "y": 25}, y_label)]


across, up, left = axes_of(
    {5: "100k", 6: "1M", 7: "10M"}, {-2: "0.01", -1.5: "0.03", -1: "0.1", -0.5: "0.3", -0.25: ""}, "tokens D", "L − assumed E"
)
ends = {"x1": 50, "x2": 300, "stroke": COLOURS["vermillion"], "stroke-width": 2}
ends |= {f"y{i}": up(lines[0] * x + lines[1]).tolist() for i, x in ((1, 5), (2, 7))}
left.append(Mark("line", ends))
for x, heights in zip(tokens, np.log10(excess).T, strict=True):
    left.append(Mark("circle", {"cx": float(across(np.log10(x))), "cy": up(heights).tolist(), "r": 5, "fill": COLOURS["blue"]}))
across, up, right = axes_of(
    {5: "100k", 6: "1M", 7: "10M"}, {0: "0", 0.5: "0.5", 1: "1", 1.5: "1.5"}, "tokens D", "exponent"
)
level = float(up(truth["beta"]))
right.append(Mark("path", {"d": f"M50 {level:.1f}H300", "stroke": COLOURS["grey"], "stroke-dasharray": "5 5", "fill": "none"}))
heights = up(-lines[0]).tolist()
right.append(Mark("line", {"x1": 50, "x2": 300, "y1": heights, "y2": heights, "stroke": COLOURS["vermillion"], "stroke-width": 2}))
middles = np.log10(tokens[:-1] * tokens[1:]) / 2
for x, local in zip(middles, slopes.T, strict=True):
    right.append(Mark("circle", {"cx": float(across(x)), "cy": up(local).tolist(), "r": 5, "fill": COLOURS["blue"]}))
table = pd.DataFrame({"assumed E": assumed, "fitted exponent": -lines[0], "first local slope": slopes[:, 0], "last": slopes[:, -1]})
show_live(
    [Panel(320, 320, left), Panel(320, 320, right)],
    slider="assumed E",
    values=[f"{offset:.2f}" for offset in assumed],
    says=[
        f"Fitted exponent {-slope:.3f}; local exponents from {local[0]:.2f} at the smallest D to {local[-1]:.2f} at the largest."
        for slope, local in zip(lines[0], slopes, strict=True)
    ],
    start=15,
    name="fig-wrong-offset",
    caption="Move the slider: the same noise-free losses with different assumed offsets. Left: the assumed excess loss and the "
    "straight line put through it. Right: the exponent between neighbouring points (dots), the fitted one (line), and the "
    "planted one (dashed). Only at 1.80 do all three agree.",
    alt="Two panels with a slider for the assumed offset. Left, a log-log plot of twelve points and a line; right, the local "
    "exponents. With the offset too large the points bend below the line at the right end and the local exponents climb "
    "steeply; with the offset too small the points flatten out and the local exponents fall below the dashed line at 0.35.",
    table=table,
    runs=[],
)

# %% tags=["remove-input"]
low, middle, high = (int(np.abs(assumed - offset).argmin()) for offset in (1.75, 1.80, 1.85))
naked = -np.polyfit(np.log(tokens), np.log(clean), 1)[0]
say(
    "With $E$ too large by {percent:.1f} % the fitted exponent is **{high:.2f} instead of {middle:.2f}**; too small by as much "
    "gives {low:.2f}. Leaving the offset out altogether gives {naked:.3f}. The lines look fine for most of the way: the "
    "mistake sits at the right end, among the most expensive runs.",
    percent=100 * (1.85 / 1.80 - 1),
    high=-lines[0][high],
    middle=-lines[0][middle],
    low=-lines[0][low],
    naked=naked,
)

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution of exercise 1</b></summary>
#
# Write $x = B D^{-\beta}$ for the true excess and $\delta$ for the error of the offset. The local exponent is
#
# $$
# -\frac{d \ln (x - \delta)}{d \ln D} = \beta \, \frac{x}{x - \delta} .
# $$
#
# Too large an offset ($\delta > 0$) makes every local exponent too large, most where $x$ is small: at the largest $D$. It
# diverges where $x = \delta$. Too small an offset makes the local exponent sink towards 0. The error is $\delta$ relative to
# the *excess*, not to the loss: 3 % of the loss may be most of the excess.
#
# The formula has a practical use: local exponents that climb or sink at one end only are the mark of a wrong offset.
#
# </details>

# %% [markdown]
# ## Where the offset is a fact
#
# On random walks the irreducible loss is not assumed. It is the entropy rate $H$ of the chain, a sum over its nodes
# (chapter 1). Here are runs of chapter 0 again: one width, several $D$, the lowest loss over learning rates and seeds.
#
# There is a subtlety. In $L(D)_N = E_N + B_N D^{-\beta_N}$ the offset is what a model of size $N$ would reach after
# infinitely many tokens, and that may lie above $H$. The exact statement is $E_N \ge H$. So pinning $E = H$ supposes that
# *this* model could learn the graph perfectly. A free offset lets the data say so.

# %% tags=["remove-stderr", "nbval-ignore-output"]
recorded = lab.recorded("er-100")
smallest = experiment("er-100").configurations("smoke")[: 4 if recorded.empty else 3]  # enough to see that all works
own = lab.train("er-100", smallest) if lab.profile == "smoke" else lab.own("er-100")
runs = recorded if len(recorded) else own
best = lowest_losses(runs)
floor = best["entropy_rate"].iloc[0]

# %%
relative = 1 / best["excess_loss"].to_numpy() ** 2  # the scatter of runs is a share of their excess loss, not of the loss
choices = {
    "none: E = 0": PowerLaw(offset=0.0),
    "known: E = H": PowerLaw(offset=floor),
    "free": PowerLaw(),
}
fits = {name: fit(each, best, objective="ols", weights=relative) for name, each in choices.items()}
spans = {name: intervals.profile(each, "beta") for name, each in fits.items()}
pd.DataFrame(
    {
        "E": {name: each.params["E"] for name, each in fits.items()},
        "β": {name: each.params["beta"] for name, each in fits.items()},
        "low": {name: span.low for name, span in spans.items()},
        "high": {name: span.high for name, span in spans.items()},
        "residual, % of excess": {name: 100 * np.sqrt(each.objective / each.n) for name, each in fits.items()},
    }
).round(4)

# %% tags=["remove-input"]
free = fits["free"]
span = intervals.profile(free, "E")
inside = span.low <= floor <= span.high
say(
    "The floor is $H =$ {floor:.4f} nats. Fitted freely, $E$ comes out at {offset:.4f}, {distance:.4f} away from it. But its 95 % "
    "interval runs from {low:.3f} to {high:.3f}: it {verdict}.{unknown} The price of not knowing the floor is in the width: the interval for $\\beta$ is {ratio:.1f} times as wide with a "
    "free offset as with the known one.",
    floor=floor,
    offset=free.params["E"],
    low=span.low,
    high=span.high,
    distance=abs(free.params["E"] - floor),
    verdict="contains $H$" if inside else "**does not contain $H$**; either this model has a floor of its own, or the curve is no "
    "power law and the offset absorbs its bend",
    unknown=" **It also contains 0.** With so few sizes, over so short a range, a law without any floor and with an exponent near zero "
    "cannot be told from one that reaches the entropy rate." if span.low < 0.01 else "",
    ratio=(spans["free"].high - spans["free"].low) / (spans["known: E = H"].high - spans["known: E = H"].low),
)

# %% tags=["hide-input"]
reach = floor + np.linspace(-4, 0.6, 16) * best["excess_loss"].min()
along = [fit(PowerLaw(offset=offset), best, objective="ols", weights=relative) for offset in reach]
sweep = pd.DataFrame({"assumed E − H": reach - floor, "β": [each.params["beta"] for each in along]})
sweep["residual, % of excess"] = [100 * np.sqrt(each.objective / each.n) for each in along]
with style():
    figure, axes = plt.subplots(figsize=(6.2, 3.5))
    axes.plot(sweep["assumed E − H"], sweep["β"], "-", marker="", color=COLOURS["blue"], label="fitted with E assumed")
    axes.plot(0, fits["known: E = H"].params["beta"], "o", color=COLOURS["green"], markersize=9, label="E = H, the fact")
    axes.plot(free.params["E"] - floor, free.params["beta"], "D", color=COLOURS["vermillion"], markersize=8, label="E fitted too")
    if len(recorded) and len(own):
        yours = fit(PowerLaw(offset=0.0), lowest_losses(own).assign(loss=lambda runs: runs["excess_loss"]), objective="log-ols")
        axes.plot(0, yours.params["beta"], "s", color=COLOURS["purple"], markersize=8, label="E = H, your own runs")
    band = [np.clip(end, reach[0], reach[-1]) - floor for end in (span.low, span.high)]
    axes.axvspan(*band, color=COLOURS["grey"], alpha=0.18, label="inside the 95 % interval of E")
    axes.set(xlabel="assumed E minus exact H (nats)", ylabel="exponent β")
    axes.legend()
show(
    figure,
    name="fig-offset-walks",
    caption="The same runs, fitted with offsets from just below the exact floor to just above it. Who sees only the losses cannot "
    "tell the offsets in the grey band apart, and the exponent changes by as much as the curve climbs there.",
    alt="Fitted exponent against the assumed offset minus the exact entropy rate. The curve climbs from left to right, ever "
    f"more steeply, from {sweep['β'].iloc[0]:.2f} to {sweep['β'].iloc[-1]:.2f}; a dot marks the exact floor, a diamond the freely "
    "fitted offset, a grey band the offsets that the data cannot tell apart.",
    table=sweep,
    runs=[*best["identity"], *own["identity"]],
)

# %% [markdown]
# ## Real rivals
#
# "The power law fits better than an exponential" (Barkeshli et al., section 2.1) is true of their curves and of nearly any
# others. A plain exponential has one scale; whatever falls over several decades beats it. Rivals that can win are
#
# | rival | why it is natural |
# |---|---|
# | stretched exponential, $E + B e^{-(rD)^s}$ | all between a power law ($s \to 0$) and an exponential ($s = 1$) |
# | shifted power law, $E + B (D + D_0)^{-\beta}$ | a power law that sets in late |
# | broken power law, $\beta$ before a break and $\beta'$ after it | two regimes, such as steps and tokens |
#
# They have more parameters, so they fit better in any case; residuals of the fitted points decide nothing. What decides is
# **prediction**: leave out the two largest runs, fit the rest, and look at the runs left out. We do so for two planted laws
# (one of which is *not* a power law, as a control), for the walks, and for language models of two sizes trained by
# Gadre et al. (2024) on C4, whose irreducible loss nobody knows.

# %% tags=["remove-stderr"]
rivals = {"power": PowerLaw(), "exponential": Exponential(), "stretched": StretchedExponential()}
rivals |= {"shifted": ShiftedPower(), "broken": BrokenPower()}
not_power = {"E": 1.8, "B": 1.5, "rate": 1e-5, "stretch": 0.3}
stretched_losses = StretchedExponential().loss(not_power, D=tokens) * planted["loss"] / clean
c4 = mlfoundations_runs("c4_original")
tables = {"planted power": planted, "planted stretched": planted.assign(loss=stretched_losses)}
tables |= {"walks": best[["D", "loss"]]} if len(best) >= 8 else {}  # the broken power law has five parameters
tables |= {f"C4, {size / 1e6:.0f}M": c4[c4["N"] == size] for size in c4["N"].unique()[:3:2]}


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Root mean square error in 1/1000 nat, of the runs fitted and of the two largest, which the fit was not shown."""
    found = compare_laws(rivals, table, held_out=2, by="D", objective="log-ols").loc[list(rivals)]
    return 1000 * found[["fit_mse", "held_out_mse"]].pow(0.5).set_axis(["fitted", "held out"], axis=1)


contest = pd.concat({name: judged(table) for name, table in tables.items()}, names=["data"]).reset_index()
contest.pivot(index="data", columns="law", values="fitted").loc[list(tables), list(rivals)].round(2)

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(6.2, 3.7))
    for (rival, rows), marker, colour in zip(contest.groupby("law", sort=False), MARKERS, COLOURS.values(), strict=False):
        hollow = {"markersize": 12, "fillstyle": "none", "zorder": 3} if rival == "power" else {"markersize": 7}
        axes.plot(rows["held out"], np.arange(len(rows))[::-1], marker, color=colour, label=rival, **hollow)
    axes.set_yticks(np.arange(len(tables))[::-1], list(tables))
    axes.set_xlabel("error on the two largest runs, left out of the fit (1/1000 nat)")
    logarithmic(axes, "x")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
show(
    figure,
    name="fig-rivals",
    caption="How well each law, fitted without the two largest runs, predicts them. The table above shows the residuals of the "
    "runs that were fitted: there the laws with more parameters always look better.",
    alt="Dot plot with one row for each data set and one marker for each of five laws, on a logarithmic axis of held-out "
    "error. The exponential lies to the right in most rows. The order of the other four changes from row to row; the shifted power "
    "law often coincides with the power law.",
    table=contest,
    runs=list(best["identity"]),
)

# %% tags=["remove-input"]
pivot = contest.pivot(index="data", columns="law", values="held out").loc[list(tables), list(rivals)]
control = contest.set_index(["data", "law"]).loc[("planted stretched", "power")]
say(
    "Three things can be read off. First, the control: to a curve that is *no* power law, the power law was fitted with residuals of "
    "{inside:.1f} thousandths of a nat, below the noise that we put in ({noise:.1f}). No look at residuals would raise a doubt. It misses the runs left out "
    "by {outside:.0f}. Second, the plain exponential is the worst of the five in {worst} of {count} rows, so that beating it is no "
    "achievement. Third, the power law itself is beaten in {beaten} of {count} rows, also in the one where it is the truth: with "
    "ten points to learn from, the runs left out have luck of their own. **Residuals decide nothing, predictions decide a little, "
    "and a dozen points do not decide much.**",
    inside=control["fitted"],
    noise=1000 * 0.002 * StretchedExponential().loss(not_power, D=tokens).mean(),
    outside=control["held out"],
    worst=(pivot.idxmax(axis=1) == "exponential").sum(),
    count=len(pivot),
    beaten=(pivot.min(axis=1) < 0.999 * pivot["power"]).sum(),
)

# %% [markdown]
# ### The paper's table, read again
#
# The captions of the paper give, for 13 experiments, the mean squared residual of the power law and of the exponential. We
# typed them off, compared them twice, and keep them with their sources in `published_exponents()`. Section 2.1 sums them up:
# for $L(D)_N$ the power law is better by a factor of 50 to 100 in all cases, for $L(N)_D$ by 5 to 100 with one exception.

# %% tags=["hide-input"]
published = published_exponents()
published["ratio, D"] = published["mse_d_exponential"] / published["mse_d_power"]
published["ratio, N"] = published["mse_n_exponential"] / published["mse_n_power"]
published = published.sort_values("ratio, D", ignore_index=True)
names = published["data"] + ", " + published["model"].replace({"2 layers, muP": "2L", "4 layers, muP": "4L", "2 layers, SP": "2L, SP", "4 layers, SP": "4L, SP"})
names = names.str.replace(", muP, depth not stated", "")
with style():
    figure, axes = plt.subplots(figsize=(6.2, 4.0))
    axes.axvspan(50, 100, color=COLOURS["grey"], alpha=0.2, label="50 to 100")
    axes.plot(published["ratio, D"], published.index, "o", color=COLOURS["blue"], markersize=8, label="L(D) at fixed N")
    axes.plot(published["ratio, N"], published.index, "s", color=COLOURS["vermillion"], fillstyle="none", label="L(N) at fixed D")
    axes.set_yticks(published.index, names, fontsize=9)
    axes.set_xlabel("mean squared residual: exponential over power law")
    logarithmic(axes, "x")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.3, 1.0))
show(
    figure,
    name="fig-published-ratios",
    caption="By how much the power law beats the exponential, from the published captions. Both laws have three parameters. 2L, 4L: layers, where stated; SP: standard parametrization, the others muP.",
    alt="Dot plot of thirteen experiments, sorted. The ratio for L of D runs from 6 to about 390; five of the dots reach 50, "
    "and four of these lie inside the shaded band from 50 to 100. The ratios for L of N lie lower, from 3 to 56.",
    table=published[["figure", "data", "model", "ratio, D", "ratio, N"]],
    runs=[],
)

# %% tags=["remove-input"]
ratio = published["ratio, D"]
say(
    "For $L(D)_N$ the ratios run from {low:.1f} to {high:.0f}: {reach} of {count} reach 50, {inside} of these within the stated range "
    "and {above} beyond it. So the sentence is stronger than the captions. The half about $L(N)_D$ holds: {low_n:.1f} (the "
    "exception) to {high_n:.0f}. The *direction* is not in doubt: the power law wins every time. Nor do we know how the "
    "exponential was fitted; where $D$ is in the millions, starting values decide whether it gets a fair chance.",
    low=ratio.min(),
    high=ratio.max(),
    reach=(ratio >= 50).sum(),
    count=len(ratio),
    inside=ratio.between(50, 100).sum(),
    above=(ratio > 100).sum(),
    low_n=published["ratio, N"].min(),
    high_n=published["ratio, N"].max(),
)

# %% [markdown]
# What does such a ratio mean? Below it is computed for two planted laws and three levels of noise. If it measured how close data is
# to a power law, it would be large in the first row and small in the second.

# %% tags=["remove-stderr"]
normal = default_rng(1).standard_normal(12)
stretched_clean = StretchedExponential().loss(not_power, D=tokens)
ratios = pd.DataFrame(index=["truth: power law", "truth: stretched exponential"])
for noise in (0.0005, 0.002, 0.01):
    made = [pd.DataFrame({"D": tokens, "loss": each * np.exp(noise * normal)}) for each in (clean, stretched_clean)]
    sums = [[fit(rival, each, objective="ols").objective for rival in (Exponential(), PowerLaw())] for each in made]
    ratios[f"noise {noise:.2%}"] = [poor / good for poor, good in sums]
ratios.round(1)

# %% tags=["remove-input"]
of_graph = published.set_index("data")["ratio, D"]
by_seed = lowest_losses(runs, by=("D", "seed"))
replicas = [by_seed[name].to_numpy(float) for name in ("D", "excess_loss")] if by_seed["seed"].nunique() > 1 else None
say(
    "With very quiet runs it does: {quiet:.0f} against {other:.0f}. But *one and the same* power law gives {quiet:.0f} or {loud:.1f}, "
    "depending on the noise alone, and what is no power law at all beats the exponential by {other:.0f} too. So a ratio of {one:.0f} on the "
    "paper's main graph and of {two:.0f} on its smallest does not say which is closer to a power law, unless the noise is known to be the same. "
    "What would say it is the residual measured against the scatter between seeds: Fisher's lack-of-fit test. {straight}",
    one=of_graph["ER 8K/50K, kappa 0"],
    two=of_graph["ER 1K/5K, kappa 0"],
    straight=f"For the walks above it gives p = {lack_of_fit(*replicas).p:.2g}." if replicas is not None else
    "It needs more seeds than one, which these runs do not have.",
    quiet=ratios.iloc[0, 0],
    loud=ratios.iloc[0, 2],
    other=ratios.iloc[1, 0],
)

# %% [markdown]
# ## Intervals that cover, and intervals that do not
#
# The paper's intervals come from a *wild bootstrap*: keep $D$, flip the signs of the residuals at random, refit, thousands
# of times, and read the interval off the refits by the BCa rule (bias-corrected and accelerated; Efron 1987). "Bias-corrected"
# is about that rule; no exponent is corrected by it. There are other ways to read the same refits, and ways without any:
#
# - *percentile*: the middle 95 % of the refits; *stretched*: the same, widened by $t/z$ for few degrees of freedom,
# - *profile*: all values of $\beta$ at which the best fit is not significantly worse (an $F$ test); no refits on resampled data.
#
# An interval has one duty: 95 % intervals must hold the truth in 95 of 100 repetitions. With a planted truth that can be
# counted: `coverage` draws data sets from a design, fits each, and counts. (Its designs are laws in $N$, so that their
# exponent is called $\alpha$. A curve does not know the name of its axis.)

# %%
sets = 150
names = {"percentile": "wild, percentile", "bca": "wild, BCa (the paper's)", "stretched": "wild, stretched", "profile": "profile"}
designs = {f"{each.points} points, α = {each.exponent}": each for each in (DESIGNS[0], DESIGNS[1], DESIGNS[5])}
counted = {
    name: coverage(design, default_rng(0), datasets=sets, methods=list(names), resamples=200).rename(names)
    for name, design in designs.items()
}
shares = pd.DataFrame({name: each["coverage"] for name, each in counted.items()})
shares

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(6.2, 3.3))
    for shift, (name, marker, colour) in zip((-0.15, 0, 0.15), zip(designs, "os^", ("blue", "vermillion", "green"), strict=True), strict=True):
        each = counted[name]
        error = [each["coverage"] - each["low"], each["high"] - each["coverage"]]
        axes.errorbar(each["coverage"], np.arange(4)[::-1] - shift, xerr=error, fmt=marker, color=COLOURS[colour], capsize=3, label=name)
    axes.axvline(0.95, linestyle="--", color=COLOURS["grey"])
    axes.set_yticks(np.arange(4)[::-1], shares.index)
    axes.set_xlabel("share of 95 % intervals that hold the truth")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=9, columnspacing=1, handletextpad=0.2)
show(
    figure,
    name="fig-coverage",
    caption=f"Coverage of four kinds of intervals, counted on {sets} planted data sets for each design. The bars are the error "
    "of this count itself (95 %, Wilson). The dashed line is what all of them promise.",
    alt="Dot plot of coverage with error bars for four methods and three designs. The profile intervals lie on the dashed line at 95 "
    "percent. The wild bootstrap with percentile or BCa ends lies near 80 percent at twelve points, lower at eight, and lowest "
    "at six; stretching brings it part of the way back.",
    table=pd.concat(counted, names=["design"])[["coverage", "low", "high", "median_width"]].round(3).reset_index(),
    runs=[],
)

# %% tags=["remove-input"]
bca, sure = shares.loc["wild, BCa (the paper's)"], shares.loc["profile"]
width = {name: each["median_width"] for name, each in counted.items()}[next(reversed(designs))]
say(
    "Of 100 BCa intervals from the wild bootstrap that promise to hold the truth 95 times, {twelve:.0f} do at twelve points and "
    "{six:.0f} at six. The profile interval holds it {best:.0f} and {worst:.0f} times, and pays for it in width: at six points the "
    "median profile interval is {wider:.1f} times as wide as the median BCa interval. The reason is simple: residuals of a fit "
    "with three parameters are smaller than the noise, by $\\sqrt{{1 - 3/n}}$ on average and most at the ends, where the "
    "leverage is. Flipping their signs does not make them larger, and no rule for reading quantiles knows of it. Here the noise "
    "was Gaussian and the fit least squares, on one curve at a time; the paper's curves have noise and numbers of points that it "
    "does not state. **This book's default is the profile interval.**",
    wider=width["profile"] / width["wild, BCa (the paper's)"],
    twelve=100 * bca.iloc[0],
    six=100 * bca.iloc[2],
    best=100 * sure.iloc[0],
    worst=100 * sure.iloc[2],
)

# %% [markdown]
# And where the assumptions fail? Two designs break them. In the first each loss is the lowest of three runs with noise in
# proportion to the loss: skewed, and lowered. In the second the truth is a sum of two powers. No exponent is true then, so what is
# asked for is the one that the fit would find without noise.

# %%
hard = {each.name: coverage(each, default_rng(0), datasets=sets, methods=["profile"]).loc["profile"] for each in HARD_DESIGNS}
pd.DataFrame(hard).transpose()[["coverage", "low", "high"]].astype(float).round(3)

# %% tags=["remove-input"]
held = {name: f"{each['coverage']:.0%} (Wilson {each['low']:.0%} to {each['high']:.0%})" for name, each in hard.items()}
say(
    "The profile interval holds the first in {best} and the second in {two}. In the second case that is a duty fulfilled to the letter: the interval says how "
    "far noise could have moved *this* fit, in *this* window. That another window has another exponent (below) it does not say.",
    best=held["best of 3 seeds"],
    two=held["two powers fitted as one"],
)

# %% [markdown]
# Two more cautions. First, no such interval contains the choice of the window or of the objective (below). Second, the paper
# quotes *means* of exponents with the standard deviation across curves. That is the spread of the curves, not the error of
# anything: it leaves out each curve's own interval, and curves that share runs and graph are not independent.

# %% [markdown]
# ## The minimum over seeds
#
# The paper's $L(N, D)$ is the lowest of several losses: 14 learning rates, three seeds. Choosing a learning rate is part of
# the question. Choosing a lucky seed is not. The lowest of $k$ noisy losses lies below their mean by $c_k$ standard
# deviations of the seeds: **biased low, and more so the more one
# tries**. No section of the paper corrects for this, though the name might suggest it.
#
# Does it matter for an exponent? If the seeds scatter by the same *share* of the excess loss at every $D$, the whole line on
# log-log axes moves down, and its slope stays. But if large runs are steadier than small ones, the left end moves down
# more than the right end, and the line becomes flatter: for a known floor, and scatter that changes evenly from $\sigma_1$ to
# $\sigma_2$ in $\ln D$,
#
# $$
# \text{bias of } \hat\beta = - c_k \, \frac{\sigma_1 - \sigma_2}{\ln(D_{\max}/D_{\min})} .
# $$

# %%
def luck(k: int) -> float:
    """c_k: minus the mean of the smallest of k independent standard normal variables."""
    density = lambda x: k * stats.norm.pdf(x) * stats.norm.sf(x) ** (k - 1)  # noqa: E731
    return max(0.0, -integrate.quad(lambda x: x * density(x), -np.inf, np.inf)[0])


c = {k: luck(k) for k in (1, 3, 9)}
eight = {"D": np.geomspace(1e5, 1e6, 8)}
excess_law = PowerLaw(variable="D", offset=0.0)  # of the excess loss: the floor is known
scatters = {"falls, 15 % to 3 %": (0.15, 0.03), "10 % everywhere": (0.10, 0.10), "rises, 3 % to 15 %": (0.03, 0.15)}
best_rate_only = {"learning_rates": (1.0,), "curvature": 0.0}  # seeds alone: nothing else to choose among
planted_bias = {
    name: seed_bias(
        excess_law,
        {"E": 0.0, "B": 1.0, "beta": 0.75},
        eight,
        default_rng(0),
        seeds=list(c),
        datasets=4000,
        noise=np.linspace(first, last, 8),
        objective="log-ols",
        **best_rate_only,
    ).xs("beta", level="parameter")
    for name, (first, last) in scatters.items()
}
lucky = pd.concat(planted_bias, names=["scatter of seeds"])[["mean", "bias", "se", "sd"]]
lucky["formula"] = [c[k] * (scatters[name][1] - scatters[name][0]) / np.log(10) + 0.0 for name, k in lucky.index]
lucky.round(4)

# %% tags=["remove-input"]
say(
    "The constants are {constants}, for Gaussian noise. The column *bias* is what the minimum does to a planted $\\beta = 0.75$ (*se*: its Monte Carlo "
    "error; *sd*: the scatter of a single data set's exponent), and the formula gets it right. Scatter that is the same everywhere does nothing.",
    constants=", ".join(f"$c_{k} =$ {value:.2f}" for k, value in c.items()),
)

# %% [markdown]
# The walks tell which case is ours. On the left below, the scatter of the seeds at the best learning rate of each size,
# on two experiments. On the right, the exponent when the seeds are drawn anew: at every size and learning rate one, two or three of
# those that were trained, the minimum taken again, the law refitted (`runs_bootstrap`). They are drawn with replacement, so
# three draws are fewer than three different seeds; the minimum over all that were trained is drawn apart. *Before you look:* if large runs are
# the steadier ones, which way does the exponent go?


# %% tags=["remove-stderr", "nbval-ignore-output"]
def redrawn(runs: pd.DataFrame, variable: str) -> dict:
    """Refits of the excess loss for one, two, ... seeds drawn for each learning rate; none where there is one seed."""
    excess = runs.assign(loss=runs["excess_loss"].astype(float))
    law = PowerLaw(variable=variable, offset=0.0)
    draws = range(1, runs["seed"].nunique() + 1) if runs["seed"].nunique() > 1 else ()
    return {k: runs_bootstrap(law, excess, default_rng(0), resamples=500, seeds=k, objective="log-ols") for k in draws}


def scatter(runs: pd.DataFrame, variable: str) -> pd.Series:
    """Standard deviation over seeds of ln(excess loss), at the learning rate with the lowest mean."""
    logs = runs.assign(log=np.log(runs["excess_loss"].astype(float))).groupby([variable, "learning_rate"])["log"]
    spread = logs.agg(["mean", "std"]).reset_index()
    return spread.loc[spread.groupby(variable)["mean"].idxmin()].set_index(variable)["std"]


sizes = lab.recorded("er-200")
if sizes.empty:
    wanted = experiment("er-200").configurations(lab.profile)
    one_rate = [each for each in wanted if each.optimizer.learning_rate == 1.0]
    sizes = lab.train("er-200", one_rate if lab.profile == "smoke" else wanted)
sizes = sizes[(sizes["status"] == "ok") & (sizes["parametrization"] == "mup")]
experiments = {"β (in D, er-100)": (runs[runs["status"] == "ok"], "D"), "α (in N, er-200)": (sizes, "N")}
letters = {name: name[0] for name in experiments}
resampled = {name: redrawn(*experiments[name]) for name in experiments}
spreads = {name: scatter(*experiments[name]) for name in experiments}

# %% tags=["hide-input"]
drawn = []
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.2))
    for (name, found), marker, colour in zip(resampled.items(), "os", ("blue", "vermillion"), strict=True):
        place = np.linspace(0, 1, len(spreads[name]))
        left.plot(place, 100 * spreads[name], marker + "-", color=COLOURS[colour], label=name)
        exponent = {"β": "beta", "α": "alpha"}[letters[name]]
        rows = [(name, k, np.mean(each[exponent]), np.std(each[exponent], ddof=1), each.fit.params[exponent]) for k, each in found.items()]
        for _, k, mean, spread, _ in rows:
            right.errorbar(k, mean, yerr=spread, fmt=marker, color=COLOURS[colour], capsize=3)
        if rows:
            right.plot(len(found) + 0.5, rows[0][-1], marker, fillstyle="none", markersize=9, color=COLOURS[colour])
        drawn += [dict(zip(("exponent", "seeds drawn", "mean", "sd", "all seeds"), row, strict=True)) for row in rows]
    left.set(xlabel="smallest to largest D or N", ylabel="scatter of seeds (% of excess)", xticks=[], ylim=(0, None))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    right.set(xlabel="seeds drawn", ylabel="fitted exponent", xlim=(0.7, 3.8))
    right.set_xticks([1, 2, 3, 3.5], ["1", "2", "3", "all"])
drawn = pd.DataFrame(drawn, columns=["exponent", "seeds drawn", "mean", "sd", "all seeds"])
show(
    figure,
    name="fig-seeds",
    caption="Left: how much runs that differ in nothing but the seed scatter. Right: the exponent from minima over seeds drawn anew "
    "(mean and standard deviation of the refits), and over all seeds as they are (hollow). Each exponent is that of a straight line through the "
    "excess loss over the exact floor, the best description of these windows or not.",
    alt="Two panels. Left, the scatter of the seeds in percent of the excess loss from the smallest to the largest D or N for two "
    "experiments. Right, fitted exponents with error bars against the number of seeds drawn, and hollow markers for all seeds.",
    table=drawn.round(4),
    runs=[*runs["identity"], *sizes["identity"]],
)

# %% tags=["remove-input"]
parts, wrong = [], []
for name, found in resampled.items():
    if found:
        table, variable = experiments[name]
        exponent = {"β": "beta", "α": "alpha"}[letters[name]]
        observed, one, same = found[1].fit.params, found[1], found[max(found)]
        expected = seed_bias(
            found[1].fit.law,
            observed | {"E": 0.0},
            {variable: spreads[name].index.to_numpy(float)},
            default_rng(0),
            seeds=sorted({1, 3, 9, max(found)}),
            noise=spreads[name].to_numpy(),
            datasets=4000,
            objective="log-ols",
            **best_rate_only,
        )["bias"].xs(exponent, level="parameter")
        wrong.append(same.bias[exponent] * expected[max(found)] < 0)
        parts.append(
            f"- {name}: **{observed[exponent]:.3f}** from all {max(found)} seeds, {one[exponent].mean():.3f} on average from one (such single "
            f"choices differ by {one.standard_errors[exponent]:.3f}). Planted runs with the scatter of the left panel are biased by "
            f"{expected[1]:+.3f}, {expected[3]:+.3f} and {expected[9]:+.3f} for one, three and nine seeds, which puts the exponent without luck at "
            f"{observed[exponent] - expected[max(found)]:.3f}. The bootstrap's $2\\hat\\theta - \\overline{{\\theta^*}}$ would put it at {same.corrected[exponent]:.3f}."
        )
moral = (
    "**The textbook's correction goes the wrong way.** A resampled minimum is never below the observed one, so the refits show what *fewer* different "
    "seeds would give. Their mean lies nearer to the exponent without luck than the estimate does, and the bootstrap takes the estimate for biased high "
    "where it is biased low. The size of the bias has to come from the scatter."
    if wrong and all(wrong)
    else "The textbook's correction is not to be trusted here: a resampled minimum is never below the observed one."
)
say(
    "{what}\n\n{moral}\n\nA minimum over seeds also makes the estimate steadier, which is what it is good for. But its bias does not shrink with "
    "the number of sizes. A table should say how many seeds its minimum was taken over, and an exponent of minima over three seeds should "
    "not be compared with one over nine. Our correction is shown and not applied: it learns the scatter from the same few seeds, and is itself "
    "uncertain.",
    what="\n".join(parts) if parts else "With one seed per run nothing can be said here; the recorded runs have three.",
    moral=moral,
)

# %% [markdown]
# ## Windows
#
# A law with two terms, $L = E + B_1 D^{-0.5} + B_2 D^{-0.2}$, has no single exponent. Fit $E + B D^{-\beta}$ to a stretch of
# it and you get one all the same, with residuals that nobody would object to.

# %%
x = np.geomspace(1.0, 1e5, 16)  # three points a decade
every = window_sensitivity(law, {"D": x, "loss": 1 + x**-0.5 + x**-0.2}, smallest=7, objective="log-ols")
every["rms residual"] = np.sqrt(every["objective"] / every["points"])
two = every[np.isclose(every["decades"], 2)].iloc[::3].reset_index(drop=True)
two.loc[len(two)] = every.iloc[0]
two["window"] = [f"10^{np.log10(row.low):.0f} to 10^{np.log10(row.high):.0f}" for row in two.itertuples()]
two.set_index("window")[["beta", "E", "rms residual"]].round(4)

# %% tags=["remove-input"]
say(
    "Of {count} windows of two decades or more the exponent goes from {low:.2f} to {high:.2f}, and no root mean square residual is above {worst:.1%} of the loss.",
    count=len(every),
    low=every["beta"].min(),
    high=every["beta"].max(),
    worst=every["rms residual"].max(),
)

# %% [markdown]
# The same exercise on runs. For the walks the floor is known, and the exponent is the slope over four neighbouring sizes.
# For the 240 published points of Hoffmann et al. (read off their figure by Besiroglu et al. 2024) the window is a choice
# about the *largest losses*: five were left out in that reanalysis. Those points may not be shipped with a book; where the
# reader has not downloaded them, a synthetic twin stands in: runs drawn from the published law itself.

# %% tags=["nbval-ignore-output"]
points = chinchilla_points(cache=lab.home, download=False, drop=0)  # with download=True the real ones are fetched
chinchilla = points.table.sort_values("loss", ascending=False, ignore_index=True)
say("Used below: **{label}**.", label=points.label)

# %% tags=["hide-input"]
dropped = [0, 1, 3, 5, 10, 20, 40, 80]
by_drop = pd.DataFrame([fit(Chinchilla(), chinchilla[count:]).params for count in dropped], index=dropped)
sliding = {
    "walks, β": local_slopes(best["D"].to_numpy(float), best["excess_loss"].to_numpy(), window=4),
}
if sizes["N"].nunique() > 3:
    by_size = lowest_losses(sizes)
    sliding["walks, α"] = local_slopes(by_size["N"].to_numpy(float), by_size["excess_loss"].to_numpy(), window=4)
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.2))
    for (name, slopes), marker, colour in zip(sliding.items(), "os", ("blue", "vermillion"), strict=False):
        error = [slopes["slope"] - slopes["low"], slopes["high"] - slopes["slope"]]
        place = np.log(slopes["x"] / slopes["x_low"].iloc[0]) / np.log(slopes["x_high"].iloc[-1] / slopes["x_low"].iloc[0])
        left.errorbar(place, slopes["slope"], yerr=error, fmt=marker + "-", color=COLOURS[colour], capsize=3, label=name)
    left.set(xlabel="window, smallest to largest", ylabel="fitted exponent", xlim=(0, 1), xticks=[])
    left.legend()
    for name, marker, colour in (("alpha", "o", "blue"), ("beta", "s", "vermillion")):
        right.plot(range(len(dropped)), by_drop[name], marker + "-", color=COLOURS[colour], label={"alpha": "α", "beta": "β"}[name])
    right.set(xlabel="largest losses left out", ylim=(0.2, 0.5), title="synthetic twin" if points.synthetic else "Chinchilla points")
    right.set_xticks(range(len(dropped)), [str(count) for count in dropped])
    right.legend()
slid = pd.concat([slopes.assign(series=name) for name, slopes in sliding.items()])
show(
    figure,
    name="fig-windows",
    caption="Exponent against window. Left: the walks, four neighbouring sizes at a time, with intervals from the scatter about the "
    f"line. Right: {points.label}; the exponents against the number of largest losses left out.",
    alt="Two panels. Left, exponents of the walks for windows sliding from the smallest to the largest sizes, with error bars. Right, "
    "alpha and beta of the two-dimensional fit against the number of largest losses left out, from none to eighty.",
    table=slid if points.synthetic else Withheld(points.origin, points.sha256),
    runs=[*best["identity"], *lowest_losses(sizes)["identity"]],
)

# %% tags=["remove-input"]
change = by_drop["beta"].iloc[0] - by_drop["beta"].iloc[-1]
say(
    "{what} its $\\beta$ changes by {change:.3f} from no point left out to 80. {moral}",
    what="In the twin one law holds everywhere, by construction, and" if points.synthetic else "On the real points",
    change=abs(change),
    moral="On the real points it is 0.453 with none left out, 0.367 with five and 0.236 with eighty (our fits; a test of this book repeats them "
    "where the points are at hand), while the error quoted for a single fit is 0.02 (Besiroglu et al. 2024): **the window moves the exponent "
    "by ten times its error**."
    if points.synthetic
    else "The bootstrap error of a single fit says nothing about this.",
)

# %% [markdown]
# ## Two stories about one fit
#
# Both are about the most-read fit of the field, $L = E + A N^{-\alpha} + B D^{-\beta}$ on the points of Hoffmann et al., with
# Huber's loss on $\ln L$ and the tiny threshold $10^{-3}$. Neither changes a conclusion of its authors by much. Both show how
# numbers of high standing come about.
#
# ### One tuple, two estimators
#
# Besiroglu et al. (2024) quote $E = 1.8172$, $A = 482.01$, $B = 2085.43$, $\alpha = 0.3478$, $\beta = 0.3658$. Their notebook
# also fits the *scale* of the residuals, which shrinks until almost every residual is beyond Huber's threshold: what is minimised in
# the end is the sum of absolute values. $A$, $B$ and the exponents come from there; the quoted $E$ is that of the fit with
# threshold $10^{-3}$. Here are the converged optima of both, for the points at hand.

# %% tags=["nbval-ignore-output"]
used = chinchilla[0 if points.synthetic else 5 :].reset_index(drop=True)
optima = {objective: fit(Chinchilla(), used, objective=objective) for objective in ("log-huber", "log-lad", "log-ols")}
found = pd.DataFrame({name: each.params for name, each in optima.items()}).transpose()
found.assign(points="synthetic twin" if points.synthetic else "real").round({"E": 4, "A": 1, "B": 1, "alpha": 4, "beta": 4})

# %% tags=["remove-input"]
huber_row, lad_row = (published_law(name).parameters for name in ("besiroglu-huber", "besiroglu"))
say(
    "On the real points the converged optimum of Huber's loss has $A =$ {huber_A:.1f}, $B =$ {huber_B:.0f}, that of absolute values $A =$ {lad_A:.1f}, "
    "$B =$ {lad_B:.0f} (the rows `besiroglu-huber` and `besiroglu` of `scaling_lib.fits.allocation.planner.published_laws`). The differences are below a tenth of "
    "a standard error. They matter to whoever tests code against published digits, and as a lesson: a tuple of estimates belongs together.",
    huber_A=huber_row["A"],
    huber_B=huber_row["B"],
    lad_A=lad_row["A"],
    lad_B=lad_row["B"],
)

# %% [markdown]
# ### The optimizer that stops early
#
# The objective is a sum of squares of numbers around $10^{-3}$, in all about $10^{-3}$. SciPy's L-BFGS-B stops when an iteration
# lowers the objective by less than `ftol` $\approx 2 \cdot 10^{-9}$ times $\max(|f|, 1)$. The maximum is 1. So the test that is meant to be
# relative is absolute, and far too lax here. Start it *at the values that Hoffmann et al. published*, and see where it
# ends:

# %%
x, z, y = (np.log(used[name].to_numpy(float)) for name in ("N", "D", "loss"))


def huber(v: np.ndarray, scale: float = 1.0) -> float:
    """Sum of Huber's loss of ln L, threshold 1e-3; v = (ln A, ln B, ln E, alpha, beta)."""
    a, b, e, alpha, beta = v
    residual = np.abs(y - np.logaddexp(np.logaddexp(a - alpha * x, b - beta * z), e))
    return scale * np.where(residual <= 1e-3, residual**2 / 2, 1e-3 * (residual - 5e-4)).sum()


hoffmann = (6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083)  # unrounded, as printed in Besiroglu et al.'s notebook
trials = {
    "sum, defaults": (1.0, {}),
    "mean, defaults": (1 / len(y), {}),
    "sum × 10⁶, defaults": (1e6, {}),
    "sum, ftol 10⁻¹⁵": (1.0, {"ftol": 1e-15, "gtol": 1e-12, "maxfun": 20_000}),
}
ended = {name: optimize.minimize(huber, hoffmann, (scale,), "L-BFGS-B", options=options) for name, (scale, options) in trials.items()}
optimum = optima["log-huber"].objective
pd.DataFrame(
    {
        name: {
            "converged?": each.success,
            "above the optimum": f"{100 * (huber(each.x) / optimum - 1):.1f} %",
            "E": f"{np.exp(each.x[2]):.3f}",
            "α": f"{each.x[3]:.3f}",
            "β": f"{each.x[4]:.3f}",
        }
        for name, each in ended.items()
    }
).transpose()

# %% tags=["remove-input"]
stopped, whole = ended["sum, defaults"], optima["log-huber"].params
say(
    "With its defaults the optimizer reports success and returns $\\alpha =$ {alpha:.3f}, $\\beta =$ {beta:.3f}: nearly what it was given, "
    "and {excess:.0f} % above the optimum, which is at {best_alpha:.3f} and {best_beta:.3f}. On the real points the same experiment ends 14 % "
    "above the optimum, at 0.339 and 0.285 (the test again), while 0.34 and 0.28 were published. Besiroglu et al. found that the published "
    "values are not the optimum of the stated objective; an early stop would explain it. The remedies are a grid of starts that is not the answer one hopes for, an objective multiplied by "
    "a large number, a `ftol` that suits it, or a solver that uses curvature. `fit` takes no start at all.",
    alpha=stopped.x[3],
    beta=stopped.x[4],
    excess=100 * (huber(stopped.x) / optimum - 1),
    best_alpha=whole["alpha"],
    best_beta=whole["beta"],
)

# %% [markdown]
# ## Where nobody knows
#
# At last a table without any truth: the language models of Gadre et al. (2024), trained and evaluated on C4. Everything in this
# chapter applies, and nothing can be checked.

# %%
surface = fit(Chinchilla(), c4)
draws = bootstrap(surface, default_rng(0), resamples=400)
spans = {name: (intervals.profile(surface, name), intervals.percentile(draws[name])) for name in ("E", "alpha", "beta")}
say(
    "{count} models of {low:.0f} million to {high:.1f} billion parameters.",
    count=len(c4),
    low=c4["N"].min() / 1e6,
    high=c4["N"].max() / 1e9,
)
pd.DataFrame(
    {
        name: {
            "estimate": surface.params[name],
            "profile low": spans[name][0].low,
            "profile high": spans[name][0].high,
            "pairs bootstrap low": spans[name][1].low,
            "pairs bootstrap high": spans[name][1].high,
            "bias / se": draws.bias[name] / draws.standard_errors[name],
            "2θ − mean(θ*)": draws.corrected[name],
        }
        for name in spans
    }
).round(3)

# %% [markdown]
# The last two rows are the textbook's bias correction. Its rule of thumb (Efron and Tibshirani 1993) is to leave the
# estimate alone while the bias is below a quarter of the standard error, because the correction adds noise of its own. We show both and
# correct nothing.
#
# What the table cannot show is how the parameters lean on each other. So pin $E$, and watch.

# %% tags=["hide-input"]
pins = np.round(np.linspace(spans["E"][1].low, spans["E"][1].high, 6), 3)
pinned = [fit(Chinchilla().pin(E=float(offset)), c4).params for offset in pins]
lean = pd.DataFrame({"E": pins, "α": [each["alpha"] for each in pinned], "β": [each["beta"] for each in pinned]})
lean["a = β/(α + β)"] = lean["β"] / (lean["α"] + lean["β"])
with style():
    figure, axes = plt.subplots(figsize=(6.2, 3.5))
    for (name, values), marker, colour in zip(lean.drop(columns="E").items(), "os^", ("blue", "vermillion", "green"), strict=True):
        axes.plot(pins, values, marker + "-", color=COLOURS[colour], label=name)
    axes.axvline(surface.params["E"], linestyle="--", color=COLOURS["grey"])
    axes.set(xlabel="irreducible loss E, assumed (nats)", ylabel="exponent", ylim=(0, 0.65))
    axes.legend()
show(
    figure,
    name="fig-lean",
    caption="Exponents of the C4 models for every offset in its bootstrap interval; the dashed line is the fitted one. The share "
    "a = β/(α + β) says how compute is best divided between N and D.",
    alt="Three curves against the assumed irreducible loss. Alpha climbs steadily as E grows and nearly doubles, beta stays almost level, and "
    "so the ratio beta over alpha plus beta falls from about 0.6 to below 0.5.",
    table=lean,
    runs=[],
)

# %% tags=["remove-input"]
share = lean["a = β/(α + β)"]
say(
    "Over that interval $\\alpha$ runs from {a0:.2f} to {a1:.2f}, $\\beta$ only from {b0:.2f} to {b1:.2f}, and $a$ from {s0:.2f} to {s1:.2f}. "
    "Most of these runs are small and their $D$ spans more decades than their $N$, so it is the exponent in $N$ that leans on the offset. Two "
    "papers that report $\\alpha = {a0:.2f}$ and $\\alpha = {a1:.2f}$ may have the same data before them, and differ in a guess of $E$. How "
    "much of this reaches the division of compute is the business of chapter 4.",
    a0=lean["α"].iloc[0],
    a1=lean["α"].iloc[-1],
    b0=lean["β"].min(),
    b1=lean["β"].max(),
    s0=share.iloc[0],
    s1=share.iloc[-1],
)

# %% [markdown]
# ## Exercises
#
# Exercise 1 was the forecast above. Below each of the others lies its solution in words, then in code that checks it.
#
# ### Exercise 2: units
#
# *★ · 5 minutes.* A table gives losses in bits per token instead of nats, and $D$ in millions of tokens. Which of $E$, $B$ and $\beta$ change,
# and by what factors?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# Bits are nats over $\ln 2$: $E$ and $B$ grow by $1/\ln 2$. With $D = 10^6 D'$, $B D^{-\beta} = B\, 10^{-6\beta} D'^{-\beta}$: $B$ is also
# multiplied by $10^{-6\beta}$. The exponent has no units and stays. This is also why $B$ is so uncertain: it is the excess
# loss at $D = 1$, extrapolated over many decades with an uncertain slope.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
other = fit(law, pd.DataFrame({"D": tokens / 1e6, "loss": planted["loss"] / np.log(2)}), objective="log-ols").params
nats = fitted.params
say(
    "Ratios, found and predicted: E {e:.4f} and {bits:.4f}; B {b:.4f} and {predicted:.4f}; the exponents differ by {difference:.1e}.",
    e=other["E"] / nats["E"],
    bits=1 / np.log(2),
    b=other["B"] / nats["B"],
    predicted=10 ** (-6 * nats["beta"]) / np.log(2),
    difference=abs(round(other["beta"] - nats["beta"], 6)),
)

# %% [markdown]
# ### Exercise 3: the luckiest of three
#
# *★★ · 15 minutes.* Show that the smallest of three independent standard normal variables has mean $-3/(2\sqrt\pi)$. *Hint:* start with two, where
# $\min(X, Y) = (X + Y - |X - Y|)/2$; then use that for three, $\mathbb{E}\min + \mathbb{E}\max = 0$ and the middle one has mean 0.

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# For two: $X - Y$ is normal with variance 2, so $\mathbb{E}|X - Y| = 2/\sqrt\pi$ and $\mathbb{E}\min = -1/\sqrt\pi$. For three, drop one of them at
# random. With probability 1/3 it was the smallest, and the smaller of the other two is the middle one; otherwise it is the smallest of
# all. So $-1/\sqrt\pi = \tfrac23 \mathbb{E}\min_3 + \tfrac13 \cdot 0$, and $\mathbb{E}\min_3 = -3/(2\sqrt\pi)$.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
sample = default_rng(0).standard_normal((200_000, 3)).min(axis=1)
say("Simulated: {mean:.3f} ± {error:.3f}; the formula: {exact:.4f}.", mean=sample.mean(), error=2 * sample.std() / 200_000**0.5, exact=-3 / 2 / np.pi**0.5)

# %% [markdown]
# ### Exercise 4: design a bias
#
# *★★ · 15 minutes.* Seeds scatter by 20 % of the excess loss at the smallest $D$ and by 2 % at the largest, one decade up. Someone takes the minimum
# over three seeds, someone else over nine, and they compare exponents in a talk. How far apart are they, for no reason but this? Over how many
# decades would the difference fall below 0.01?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# By the formula the exponents are biased by $-c_k (\sigma_1 - \sigma_2)/\ln 10$, so they differ by
# $(c_9 - c_3)(0.20 - 0.02)/\ln 10$. The difference falls as one over the number of decades.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
apart = (c[9] - c[3]) * (0.20 - 0.02) / np.log(10)
say("They are {apart:.3f} apart; it takes {decades:.0f} decades to bring that below 0.01.", apart=apart, decades=np.ceil(apart / 0.01))

# %% [markdown]
# ### Exercise 5: is α larger than β?
#
# *★★ · 15 minutes.* The paper notes that $\bar\alpha_D$ is at least about $\bar\beta_N$ in most experiments. In how many of the 13 is $\alpha > \beta$? In
# how many is the difference more than twice the combined spread $\sqrt{s_\alpha^2 + s_\beta^2}$, in either direction? Why is that not a
# significance test?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# Count with `published_exponents()`. The exceptions to $\alpha > \beta$ are the smallest graph and both language runs in the standard
# parametrization, the most conventional setting of all.
#
# It is no test because the spreads are standard deviations across curves, not errors of the means: they contain real variation of the
# exponent with the other variable, leave out each curve's own uncertainty, and the curves share runs, so that $\alpha$ and $\beta$ are
# correlated.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
gap = published["alpha"] - published["beta"]
units = gap / np.hypot(published["alpha_spread"], published["beta_spread"])
say(
    "α > β in {larger} of {count}; by more than twice the spread in {clear}. β > α in {smaller}, by more than twice the spread in {reverse}.",
    larger=(gap > 0).sum(),
    count=len(gap),
    clear=(units > 2).sum(),
    smaller=(gap < 0).sum(),
    reverse=(units < -2).sum(),
)

# %% [markdown]
# ### Exercise 6: mend the wild bootstrap
#
# *★★ · 20 minutes.* The residuals of a fit are too small. With $p$ parameters and $n$ points their mean square is
# $\sigma^2 (1 - p/n)$. Repeat the coverage count for 8 points with residuals multiplied by $\sqrt{n/(n-p)}$ before their signs are flipped
# (`kind="inflated"`), once with percentile and once with stretched ends. Which points does one factor for all serve badly? *Hint:* residual
# $i$ has variance $\sigma^2 (1 - h_i)$. For a nonlinear fit take the leverages of its linearisation,
# $h = \operatorname{diag}(J (J^\top J)^{-1} J^\top)$.

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# $J$ has the columns $1$, $x^{-\alpha}$ and $-x^{-\alpha} \ln x$ (for $A = 1$). With three parameters and eight points the mean of $h$ is 3/8, and at the
# first point it is close to 1: that residual is nearly nothing, and one factor for all leaves it too small and makes those in the middle too
# large. On the whole the variance is right, which mends most of the coverage; $t/z$ pays for not knowing it.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
which = "8 points, α = 0.3"
grid, exponent = designs[which].x, designs[which].exponent
jacobian = np.column_stack([np.ones(len(grid)), grid**-exponent, -(grid**-exponent) * np.log(grid)])
leverage = np.diag(jacobian @ np.linalg.solve(jacobian.T @ jacobian, jacobian.T))
mended = coverage(designs[which], default_rng(1), datasets=sets, methods=["percentile", "stretched"], resamples=200, kind="inflated")
say(
    "Leverages from {least:.2f} to {most:.2f}. Coverage, before and after: percentile {before:.0%} and {after:.0%}, stretched {stretched:.0%} and {both:.0%} "
    "(Wilson {low:.0%} to {high:.0%}).",
    least=leverage.min(),
    most=leverage.max(),
    before=shares.loc["wild, percentile", which],
    after=mended.loc["percentile", "coverage"],
    stretched=shares.loc["wild, stretched", which],
    both=mended.loc["stretched", "coverage"],
    low=mended.loc["stretched", "low"],
    high=mended.loc["stretched", "high"],
)

# %% [markdown]
# ### Exercise 7: how long must the window be?
#
# *★★★ · 25 minutes.* In the control above the truth is a stretched exponential with $s = 0.3$, and a power law did well. Extend the window upward, two
# points at a time and without noise. From how many decades on does the power law, fitted to all but the last two points, miss those by more
# than 1 % of the loss? Guess first: does the error keep growing?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# A stretched exponential has the local exponent $s\,(rD)^s$, which grows without end. Over a window it changes by the factor
# $(D_{\max}/D_{\min})^s$: four for two decades. A power law can follow that only by lowering its offset, and then predicts that
# the loss goes on falling where the true curve is already flat. But the error does *not* keep growing: the flat end pins
# the offset, and the whole excess is soon too small to be missed by much. Quiet runs are worth more than long windows.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
step, longer = tokens[1] / tokens[0], []
for count in range(8, 27, 3):
    grid = tokens[0] * step ** np.arange(count)
    losses = StretchedExponential().loss(not_power, D=grid)
    guess = fit(law, {"D": grid[:-2], "loss": losses[:-2]}, objective="log-ols")
    miss = np.abs(np.log(losses / law.loss(guess.params, D=grid)))[-2:].max()
    longer.append({"decades": np.log10(grid[-1] / grid[0]), "E of the power law": guess.params["E"], "miss, % of loss": 100 * miss})
longer = pd.DataFrame(longer)
say(
    "The error passes 1 % at {decades:.1f} decades and is nowhere above {most:.1f} %.",
    decades=longer.loc[longer["miss, % of loss"] > 1, "decades"].min(),
    most=longer["miss, % of loss"].max(),
)
longer.round(2)

# %% [markdown]
# ### Exercise 8: wrong start, right end
#
# *★★ · 15 minutes.* Start L-BFGS-B with its defaults from twenty random places near Hoffmann et al.'s values. How many end within one part in a
# million of the optimum? And when the objective is multiplied by $10^6$?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# Almost none with the sum as it is, more with the multiplied one. The stop is no matter of luck with the start: the defaults stop wherever
# the valley is flat, and this valley is long and flat, because $E$, the exponents and the coefficients trade against each other. Multiplying
# by $10^6$ makes `ftol` relative again; what remains is the noise of a gradient from finite differences.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
starts = np.array(hoffmann) + default_rng(0).normal(scale=[0.5, 0.5, 0.1, 0.03, 0.03], size=(20, 5))
close = {}
for name, scale in (("as it is", 1.0), ("× 10⁶", 1e6)):
    ends = [optimize.minimize(huber, start, (scale,), "L-BFGS-B").x for start in starts]
    close[name] = sum(huber(end) / optimum - 1 < 1e-6 for end in ends)
say("Within 10⁻⁶ of the optimum: {plain} of 20 as it is, {scaled} of 20 when multiplied.", plain=close["as it is"], scaled=close["× 10⁶"])

# %% [markdown]
# ## What this chapter does not show
#
# - That the walks follow a power law beyond the windows trained here, or that language does.
# - How the paper's own intervals cover. We counted for least squares and Gaussian noise at the numbers of points that a curve has;
#   their residuals and grids are not public.
# - A correction for minima over seeds. The remedy is to report the mean or the median over seeds at the chosen learning rate, next to the
#   minimum, or at least to say how many were tried.
#
# ## If you remember one thing
#
# An exponent is never fitted alone. It comes with an offset, a window, an objective, a number of seeds and a kind of interval; change
# any one of them and it moves, often by more than its error bar.
#
# **Next:** chapter 4 asks what the exponents are for: how to divide compute between $N$ and $D$.
