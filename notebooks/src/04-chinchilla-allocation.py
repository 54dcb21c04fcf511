# %% [markdown]
# # Compute-optimal allocation
#
# **The question.** You may spend so many FLOPs on one training run. How large a model, on how many tokens?
#
# Every published answer is a pair of exponents, $N_\text{opt} \propto C^a$ and $D_\text{opt} \propto C^b$, read off a table of runs by one
# of four routes. The routes do not agree on the same table, and the tables do not agree either. This chapter puts the routes on a surface
# whose answer is known, then on published runs, and asks what survives.
#
# You will see
#
# - why an optimum exists and what decides it: two exponents, nothing else,
# - four routes from runs to $N_\text{opt}$, and a bias that one of them has without any noise,
# - why $a$ can be known well when neither $\alpha$ nor $\beta$ is,
# - how counting embeddings or not turns $a = 0.5$ into 0.7 and more,
# - where "20 tokens per parameter" comes from, and when not to use it.
#
# *You need* chapter 3's idea of a fitted law, and a derivative. *Time:* under half a minute in every profile, since nothing is trained
# here; an hour with the exercises. $\alpha$ is the exponent in $N$ and $\beta$ that in $D$, throughout.

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

from scaling_lib.fits import allocation
from scaling_lib.fits.allocation import corrections, literature, planner, reconciliation
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.points.datasets import chinchilla_points
from scaling_lib.fits.points.public_tables import mlfoundations_runs
from scaling_lib.fits.surfaces import kernel_ridge
from scaling_lib.fits.uncertainty.intervals import profile as profile_interval
from scaling_lib.pages.drawing.figures import COLOURS, MARKERS, Withheld, logarithmic, show, style
from scaling_lib.pages.drawing.live import Mark, Panel, curve_panel, show_live
from scaling_lib.pages.drawing.prose import say
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.captions import published_exponents
from scaling_lib.pages.judging.quantities import excess_surface
from scaling_lib.runs.keeping.tables import lowest_losses, recorded_or_none
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

lab = begin(profile)

# %% [markdown]
# ## A budget
#
# Training a model of $N$ parameters on $D$ tokens takes about $C = 6ND$ floating-point operations: two for each parameter and token on the way
# forward, four on the way back. At a fixed $C$, every parameter is paid for in tokens. With Chinchilla's law
#
# $$
# L(N, D) = E + A N^{-\alpha} + B D^{-\beta},
# $$
#
# a small model wastes tokens, a large one never sees enough of them, and in between lies a minimum. There one more per cent of $N$ gains
# what one per cent less of $D$ loses, $\alpha A N^{-\alpha} = \beta B D^{-\beta}$, which gives
#
# $$
# \begin{aligned}
# N_\text{opt} &= G\,(C/6)^{a}, & a &= \frac{\beta}{\alpha+\beta}, \\
# D_\text{opt} &= G^{-1} (C/6)^{b}, & b &= \frac{\alpha}{\alpha+\beta}, \\
# L_\text{opt} &= E + K C^{-\gamma}, & \gamma &= \frac{\alpha\beta}{\alpha+\beta}
# \end{aligned}
# $$
#
# with $G = (\alpha A/\beta B)^{1/(\alpha+\beta)}$. The faster loss falls with tokens (large $\beta$), the *larger* the model should be: tokens then do
# their work quickly, and the money goes to what is still slow.
#
# Below is a surface that we made up, so that its answer is known. Its exponents are further apart than those of language models, which
# makes every effect of this chapter large enough to see.

# %%
PLANTED = {"E": 1.7, "A": 2000.0, "B": 26.0, "alpha": 0.465, "beta": 0.155}
truth = allocation.closed_form(PLANTED)
say(
    "The planted truth: $a$ = {a:.3f}, $b$ = {b:.3f}, $\\gamma$ = {gamma:.3f}. At $10^{{20}}$ FLOPs {N:.2g} parameters and {D:.2g} tokens are best.",
    a=truth.a,
    b=truth.b,
    gamma=truth.gamma,
    N=float(truth.optimal_parameters(1e20)),
    D=float(truth.optimal_tokens(1e20)),
)


# %% tags=["hide-input"]
def losses(N: np.ndarray, C: np.ndarray | float, law: dict = PLANTED) -> np.ndarray:
    """Loss of N parameters trained with C FLOPs."""
    return Chinchilla().loss(law, N=N, D=C / 6 / N)


def isoflop_runs(law: dict, budgets: np.ndarray, width: float, sizes: int = 11) -> pd.DataFrame:
    """Noise-free runs: at each budget sizes from the optimum / width to the optimum x width."""
    best = allocation.closed_form(law).optimal_parameters(budgets)
    N = best[:, None] * np.geomspace(1 / width, width, sizes)
    C = np.broadcast_to(budgets[:, None], N.shape)
    table = pd.DataFrame({"C": C.ravel(), "N": N.ravel(), "D": (C / 6 / N).ravel()})
    return table.assign(loss=losses(table["N"].to_numpy(), table["C"].to_numpy(), law))


BUDGETS = np.geomspace(1e18, 1e21, 7)
table = isoflop_runs(PLANTED, BUDGETS, width=8)
with style():
    figure, axes = plt.subplots()
    for C, marker, colour in zip(BUDGETS[::2], MARKERS, COLOURS.values(), strict=False):
        part = table[table["C"] == C]
        axes.plot(part["N"], part["loss"], marker + "-", color=colour, markersize=4, label=f"C = {C:.0e}")
    path = table.groupby("C")[["loss"]].min().assign(N=truth.optimal_parameters(BUDGETS))
    axes.plot(path["N"], path["loss"], "--", marker="", color=COLOURS["grey"], label="optimum")
    axes.set(xlabel="parameters N", ylabel="loss (nats)")
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-budget",
    caption="The planted surface, cut at four budgets. Each curve is one budget, spent on models of different size; the dashed line joins the lowest "
    "points. The curves are flat at the bottom and steeper on the side of the small models.",
    alt="Loss against parameters on a logarithmic axis, four bowl-shaped curves. Larger budgets lie lower and further right; each bowl rises faster to "
    "the left of its minimum. A dashed line through the minima falls to the right.",
    table=table.round({"loss": 4}).assign(N=table["N"].map("{:.3g}".format), D=table["D"].map("{:.3g}".format))[["C", "N", "D", "loss"]][::2],
    runs=[],
)

# %% [markdown]
# ## Four routes
#
# 1. **Envelope** (Hoffmann's approach 1). Draw all learning curves against compute; at each $C$ note which model is lowest.
# 2. **Iso-FLOP** (approach 2). Train several sizes at each budget, put a parabola in $\log N$ through them, take its vertex.
# 3. **Parametric** (approach 3). Fit the law to all runs, use the closed form above.
# 4. **Grid minimum** (the paper's, appendix B). Regress $L(N, D)$ without a formula, by a small network or by kernel ridge, and look for the minimum
#    at each $C$ on a grid. Searching over $N$ and over $D$ separately, $a + b$ need not be 1.
#
# All are given the same noise-free surface: routes 2 to 4 the runs of the figure (seven budgets, each with sizes up to a factor of 8 either way), route 1
# learning curves of 24 sizes. What separates them now is the method alone. Route 1 appears twice: once with the curves a *constant* learning rate might
# give, equal to $L(N, D)$ all along, and once with those of a *cosine*, which are too high until they end. (We add $0.05\,(1 - t)$ nats at the
# fraction $t$ of a run: our invention, to show the direction.) Route 4 is by kernel ridge with the paper's kernel; its network is
# slow to train and comes in below, on published points.


# %% tags=["hide-input"]
def curves(law: dict, lift: float) -> pd.DataFrame:
    """Learning curves of 24 sizes, too high by `lift` nats at their start and by nothing at their end."""
    parts = []
    for run, N in enumerate(np.geomspace(3e7, 2e9, 24)):
        seen = np.geomspace(0.01, 1, 60)
        D = seen * 60 * N
        loss = Chinchilla().loss(law, N=np.full(60, N), D=D) + lift * (1 - seen)
        parts.append(pd.DataFrame({"run": f"{run}", "N": N, "D": D, "loss": loss}))
    return pd.concat(parts)


routes = {
    "1 envelope, constant": allocation.envelope(curves(PLANTED, 0.0), schedule="constant"),
    "1 envelope, cosine": allocation.envelope(curves(PLANTED, 0.05)),
    "2 iso-FLOP": allocation.isoflop(table),
    "3 parametric": allocation.parametric(fit(Chinchilla(), table)),
    "4 grid, kernel ridge": allocation.grid_minimum(kernel_ridge(table)),
}
FAR = 1e23
found = allocation.comparison(routes, FAR)[["a", "b", "gamma", "N", "D", "loss"]]
answer = [truth.a, truth.b, truth.gamma, *(float(f(FAR)) for f in (truth.optimal_parameters, truth.optimal_tokens, truth.loss))]
found.loc["truth"] = answer
found.assign(N=found["N"].map("{:.3g}".format), D=found["D"].map("{:.3g}".format)).round(4).rename_axis(None)

# %% tags=["hide-input"]
ratios = (found.drop(index="truth")[["N", "D"]] / found.loc["truth", ["N", "D"]] - 1).astype(float)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    rows = np.arange(len(ratios))[::-1]
    for column, marker, colour, shift in (("N", "o", "blue", 0.12), ("D", "s", "vermillion", -0.12)):
        axes.plot(100 * ratios[column], rows + shift, marker, color=COLOURS[colour], label=f"{column}, optimal")
    axes.axvline(0, linestyle="--", color=COLOURS["grey"])
    axes.set_yticks(rows, ratios.index)
    axes.set(xlabel=f"error when extrapolated to {FAR:.0e} FLOPs (%)")
    axes.legend(loc="best")
show(
    figure,
    name="fig-routes",
    caption="What each route says about a budget a hundred times larger than any of its runs, against the planted truth. There is no noise: these are errors of method.",
    alt="Dot plot, one row a route. Parametric lies on zero for N and D; kernel ridge and the constant-rate envelope near it or off by their grids; "
    "iso-FLOP overstates N and understates D by more than ten per cent; with cosine curves the envelope halves N and doubles D.",
    table=(100 * ratios).round(2).rename(columns="error of {} (%)".format).rename_axis("route").reset_index(),
    runs=[],
)

# %% tags=["remove-input"]
said = {name: " ".join(each.warnings) for name, each in routes.items()}
say(
    "On this table, with no noise, the parametric route is right to {exact:.0e} in $D$; iso-FLOP is off by {parabola:+.1%} though its exponent is right to {slope:.0e}, the "
    "kernel's grid by {kernel:+.1%}, the envelope by {constant:+.1%} with constant and {cosine:+.1%} with cosine curves. The library says so itself, of "
    "iso-FLOP: *{warning}*",
    exact=max(abs(ratios.loc["3 parametric", "D"]), 1e-9),
    parabola=ratios.loc["2 iso-FLOP", "D"],
    slope=max(abs(found.loc["2 iso-FLOP", "a"] - truth.a), 1e-9),
    kernel=ratios.loc["4 grid, kernel ridge", "D"],
    constant=ratios.loc["1 envelope, constant", "D"],
    cosine=ratios.loc["1 envelope, cosine", "D"],
    warning=said["2 iso-FLOP"],
)

# %% [markdown]
# The cosine envelope fails worst, and its failure hangs on the size of the lift, which nobody knows before measuring it. Hoffmann et al. knew, and trained each size with several
# lengths of schedule.
#
# Route 3 wins here for one reason: the surface *is* its formula. Where the law is wrong it has no such privilege, and the kernel, which assumes no formula,
# pays for that freedom at the edges of the data. Use two routes, and distrust the answer by as much as they differ.
#
# ## A parabola is not the curve
#
# Along a budget the law is a sum of two exponentials in $\log N$, steeper to the left than to the right (or the other way round). A least-squares parabola
# is symmetric, so its vertex shifts towards the flat side, by a factor that depends on $\alpha$, $\beta$ and the width of the grid but *not* on $C$. That is why the exponent comes out
# right and the intercept wrong, and why no goodness of fit at one budget reveals it (arXiv 2603.22339). If the grid's centre drifts as budgets grow, the exponent
# goes, too.

# %% tags=["hide-input"]
LAWS = {"exponents of Hoffmann et al.": dict(literature.published("hoffmann-rounded").parameters), "planted": PLANTED}
widths = [1.5, 2, 3, 4, 6, 8, 12, 16]
bias = pd.DataFrame({label: [allocation.isoflop_bias(law, width=w)["D"] for w in widths] for label, law in LAWS.items()}, index=widths)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    for (label, column), marker, colour in zip(bias.items(), "os", ("blue", "vermillion"), strict=True):
        axes.plot(bias.index, 100 * column, marker + "-", color=COLOURS[colour], label=label)
    axes.axhline(0, linestyle="--", color=COLOURS["grey"])
    axes.set(xlabel="the grid reaches from optimum ÷ w to optimum × w", ylabel="error of D at 1e24 FLOPs (%)")
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-parabola",
    caption="The error that approach 2 makes on noise-free runs, 15 sizes a budget and centred on the true optimum, against the width of its grid.",
    alt="Error of the extrapolated optimal tokens against grid width from 1.5 to 16. Both curves start near zero and fall; with Hoffmann's exponents to about "
    "minus five per cent, on the planted surface to more than minus twenty.",
    table=(100 * bias).round(2).rename_axis("w").reset_index(),
    runs=[],
)

# %% tags=["remove-input"]
drifting = {label: allocation.isoflop_bias(each, width=4, drift=10.0) for label, each in LAWS.items()}
say(
    "With Hoffmann's exponents: {two:.1%} at a factor of 2, {eight:.1%} at 8, {sixteen:.1%} at 16. On the planted ones {wide:.0%} at 16. If the centre of a grid of width 4 "
    "drifts upwards by a factor of 10 over these four decades of budget, $a$ is off by {drift:+.3f} with Hoffmann's exponents and by {far:+.3f} with the planted ones.",
    two=bias.iloc[1, 0],
    eight=bias.loc[8].iloc[0],
    sixteen=bias.loc[16].iloc[0],
    wide=bias.loc[16].iloc[1],
    drift=drifting["exponents of Hoffmann et al."]["a"],
    far=drifting["planted"]["a"],
)

# %% [markdown]
# ## Random walks: allocation where the floor is known
#
# On walks $E$ is the entropy rate, known exactly, so a fit of $L(N, D)$ has one parameter less to get wrong: it is the *excess* loss that is a sum of two powers,
#
# $$
# L(N, D) - H = A N^{-\alpha} + B D^{-\beta}.
# $$
#
# One needs a grid of $N$ *and* $D$. Runs that vary only one of the two at a time make a cross, and a cross does not determine the sum: any constant can be moved
# from one term to the other and every loss on it stays as it is. So here are five sizes times five values of $D$ on the paper's smallest graph (1,000 nodes, 5,000 edges), each cell the
# best of five learning rates and three seeds.
#
# Before you look: which is scarcer at these sizes, parameters or tokens? And will an $N_\text{opt}$ from these runs say anything about the paper's, which are a hundred times larger?

# %% tags=["remove-stderr"]
grid_runs = lab.recorded("er-1k-small")
best = lowest_losses(grid_runs) if len(grid_runs) else pd.DataFrame(columns=["N", "D", "width", "loss", "excess_loss"])
if len(best):
    display(best.pivot(index="width", columns="D", values="excess_loss").astype(float).round(3))
else:
    say("This profile has no grid of $N$ and $D$ on walks: the recorded one is left out here, and the section below is empty.")

# %% tags=["hide-input"]
if len(best):
    excess = excess_surface(grid_runs)
    walk_law = {**excess.params, "E": float(best["entropy_rate"].iloc[0])}
    walk_frontier = allocation.parametric(excess, default_rng(0), resamples=400)
    with style():
        figure, axes = plt.subplots()
        for (D, part), marker, colour in zip(best.groupby("D"), MARKERS, COLOURS.values(), strict=False):
            axes.plot(part["N"], part["excess_loss"], marker, color=colour, markersize=5, label=f"D = {D:,}")
            N = np.geomspace(part["N"].min(), part["N"].max(), 40)
            axes.plot(N, Chinchilla().loss({**walk_law, "E": 0.0}, N=N, D=np.full(40, float(D))), "-", marker="", color=colour)
        axes.set(xlabel="parameters N", ylabel="excess loss (nats)")
        logarithmic(axes, "both")
        axes.legend()
    show(
        figure,
        name="fig-walk-grid",
        caption="Excess loss on ER 1000/5000 over five sizes and five values of D. Points: the best of five learning rates and three seeds. Lines: A N^-α + B D^-β, one fit to all 25 "
        "points by least squares on logarithms.",
        alt="Excess loss against parameters on double logarithmic axes, five falling rows of points, one for each number of tokens, with a fitted curve through each. "
        "Rows of more tokens lie lower.",
        table=best[["N", "D", "excess_loss", "learning_rate"]].astype({"excess_loss": float}).round({"excess_loss": 4}),
        runs=list(best["identity"]),
    )

# %% tags=["remove-input"]
if len(best):
    off = np.abs(excess.residuals)
    ends = walk_frontier.summary()
    where = {name: (ends.loc[name, "low"], ends.loc[name, "high"]) for name in ("a", "b", "gamma")}
    ratio_of = np.log(best["excess_loss"].astype(float)).to_numpy()
    say(
        "With $H$ known: $\\alpha$ = {alpha:.2f}, $\\beta$ = {beta:.2f}, hence $a$ = {a:.2f} ({a_low:.2f} to {a_high:.2f}) and $\\gamma$ = {gamma:.2f}. The typical point is off by {typical:.0%}, the worst by {worst:.0%}: "
        "{verdict}",
        alpha=excess.params["alpha"],
        beta=excess.params["beta"],
        a=ends.loc["a", "value"],
        a_low=where["a"][0],
        a_high=where["a"][1],
        gamma=ends.loc["gamma", "value"],
        typical=float(np.median(off)),
        worst=float(off.max()),
        verdict="a sum of two powers describes these runs."
        if np.median(off) < 0.05
        else "a sum of two powers is a summary of these runs, not their law; the curves bend where it cannot.",
    )

# %% [markdown]
# The same 25 points with a model's size counted in three ways: all parameters (the paper's $N$), those without embeddings (Kaplan's), and the width. Here the floor is fitted, as it would have to be
# on other data; *growth* is how fast $N$ grows with that size over the grid, and $a$ is the exponent of *that* size in $C = 6ND$.

# %%
if len(best):
    by_size = reconciliation.exponents_by_size(best.assign(loss=best["loss"].astype(float)), objective="log-ols")
    display(by_size[["alpha", "alpha_se", "beta", "beta_se", "growth", "a", "b"]].round(2))

# %% [markdown]
# Now the routes again, on runs this time, with nobody to say which is right: the law with the floor known, the law with the floor fitted, as everybody else must, and the paper's grid on a
# kernel surface. (Approach 2 would need its own design, several sizes at equal $C$; approach 1 learning curves whose schedule does not end, and ours are cosines.)

# %% tags=["hide-input"]
if len(best):
    table_of = best[["N", "D"]].assign(loss=best["excess_loss"].astype(float))
    by_route = {
        "3 parametric, H known": walk_frontier,
        "3 parametric, E fitted": allocation.parametric(fit(Chinchilla(), best.assign(loss=best["loss"].astype(float))), default_rng(0), resamples=400),
        "4 grid, kernel ridge": allocation.grid_minimum(kernel_ridge(table_of)),
    }
    FLOPS = 6 * float(best["N"].median()) * float(best["D"].median())
    compared = allocation.comparison(by_route, FLOPS)[["a", "b", "gamma", "N", "D"]]
    display(compared.assign(N=compared["N"].map("{:.3g}".format), D=compared["D"].map("{:.3g}".format)).round(3).rename_axis(None))

# %% tags=["remove-input"]
if len(best):
    tokens_each = compared["D"].astype(float) / compared["N"].astype(float)
    say(
        "In the middle of the grid, at {flops:.1e} FLOPs, the routes ask for {low:.2g} to {high:.2g} tokens per parameter, and their $a$ differs by {spread:.2f}. "
        "On the walks the paper's own mean exponents for this graph (0.665 and 0.684, figure 5) would give $a$ = {paper:.2f}; its runs take more compute than any of ours, so this is a "
        "comparison of numbers and no test. {warning}",
        flops=FLOPS,
        low=tokens_each.min(),
        high=tokens_each.max(),
        spread=compared["a"].max() - compared["a"].min(),
        paper=0.684 / (0.665 + 0.684),
        warning=" ".join(by_route["4 grid, kernel ridge"].warnings),
    )

# %% [markdown]
# **What it means.** An allocation can be computed at this size, and its routes disagree on the same 25 points. Look at the figure again before you believe any of them: the two narrowest widths
# hardly gain from more tokens, and the narrowest even loses by some. They are too narrow to be trained in so few
# steps (chapter 2). A sum of two powers has no such drop. Whoever fits it across one gets an $\alpha$ that is large because of the drop and says nothing about wider models. What it does *not* mean: that
# these exponents hold for the paper's models, which all lie to the right of it.

# %% [markdown]
# ### Wider models
#
# So we trained a second grid on the same graph: only wider models, and tokens closer together. *Before you look:* will a sum of two powers fit now? The figure has one more line, what a
# table of counts reaches once it knows which edges there are (chapter 1): its exponent in $D$ is 1. It is no lower bound (a learner that guessed that all neighbours are alike would need no counts), but it is the rate
# of whoever estimates the transitions one by one. Which slope do you expect of the models?

# %% tags=["hide-input", "remove-stderr"]
wide_runs = lab.recorded("er-1k-wide")
wide = lowest_losses(wide_runs) if len(wide_runs) else wide_runs
if len(wide):
    graph = experiment("er-1k-wide").chain()
    with style():
        figure, axes = plt.subplots()
        for (width, part), marker, colour in zip(wide.groupby("width"), MARKERS, COLOURS.values(), strict=False):
            axes.plot(part["D"], part["excess_loss"], f"{marker}-", color=colour, markersize=5, label=f"width {width}")
        ends = np.array([wide["D"].min(), wide["D"].max()], float)
        axes.plot(ends, graph.counting_coefficient / ends, "--", marker="", color="0.4", label="counting")
        axes.set(xlabel="training tokens D", ylabel="excess loss (nats)")
        logarithmic(axes, "both")
        axes.legend()
    show(
        figure,
        name="fig-walk-grid-wide",
        caption="Excess loss on ER 1000/5000 against tokens, at four wider widths: the best of the learning rates and of three seeds. Dashed: (2E − n)/2D, counting when the edges are known.",
        alt="Excess loss against tokens on double logarithmic axes. The curves of all widths fall together, steeply at first and then in parallel to the dashed line of counting, which lies several "
        "times lower. The narrowest lies clearly above the other three, which lie close together.",
        table=wide[["width", "N", "D", "excess_loss", "learning_rate"]].astype({"excess_loss": float}).round({"excess_loss": 4}),
        runs=list(wide["identity"]),
    )

# %% tags=["remove-input"]
if len(wide):
    widest = wide[wide["width"] == wide["width"].max()].sort_values("D")
    slopes = -np.diff(np.log(widest["excess_loss"].astype(float))) / np.diff(np.log(widest["D"]))
    wide_excess = excess_surface(wide_runs)
    misses = np.abs(wide_excess.residuals)
    asked = ("walks.counting_rate.wide", "size.nonembedding", "size.width", "forecast.er-1k-wide")
    rows = {row.claim.id: row for row in claims.evaluate(recorded_or_none, only=asked)}
    told = {name: f"{row.measured.value:+.2f} ({row.measured.low:+.2f} to {row.measured.high:+.2f}; *{row.verdict}*)" for name, row in rows.items() if row.measured}
    sides = wide.pivot(index="D", columns="width", values="excess_loss").astype(float)
    sides = sides.iloc[:, 0] / sides.iloc[:, -1]
    alpha = profile_interval(wide_excess, "alpha")
    forecast = rows["forecast.er-1k-wide"]
    above = widest["excess_loss"].astype(float) * widest["D"] / graph.counting_coefficient
    say(
        "From one $D$ to the next, the widest model's exponent is {slopes}, and its loss lies above that of counting by a factor of {above}. One surface through all {points} points has $\\alpha$ = {alpha:.2f} (from {alpha_low:.2f}, without an upper end in the search) and $\\beta$ = {beta:.2f}; the typical point is off by {typical:.0%}, the worst by {worst:.0%}. The narrowest model's loss is "
        "{sides} times the widest's, from the least $D$ to the greatest. "
        "Its $\\beta$ against counting's 1: {counting}.",
        slopes=", ".join(f"{slope:.2f}" for slope in slopes),
        above=", ".join(f"{each:.1f}" for each in above),
        points=len(wide),
        sides=", ".join(f"{each:.2f}" for each in sides),
        alpha_low=alpha.low,
        alpha=wide_excess.params["alpha"],
        beta=wide_excess.params["beta"],
        typical=float(np.median(misses)),
        worst=float(misses.max()),
        counting=told["walks.counting_rate.wide"].replace("+", ""),
    )
    say(
        "And the count of parameters. $N$ without embeddings is proportional to the square of the width; with them it grows more slowly, so the same curve has a smaller exponent in $N$ without them: $\\alpha$ changes by {without}. "
        "The exponent in the width, less twice the $\\alpha$ with embeddings, is the same question asked twice as large: {width}.\n\nBefore width 192 was trained, its loss at $D$ = {tokens:,} was forecast from the other three: between {low:.3f} and {high:.3f} nats. It is {ours:.3f} (*{verdict}*). "
        "A forecast of no change from width 128 on, {same:.3f}, would have been in the band too.",
        tokens=widest["D"].max(),
        low=forecast.claim.published - forecast.claim.margin,
        high=forecast.claim.published + forecast.claim.margin,
        ours=forecast.measured.value,
        verdict=forecast.verdict,
        same=float(wide[(wide["width"] == 128) & (wide["D"] == wide["D"].max())]["excess_loss"].iloc[0]),
        without=told["size.nonembedding"],
        width=told["size.width"],
    )

# %% [markdown]
# **What it means.** Does a sum of two powers fit? Not well. In such a sum the curves of small models would flatten towards a floor of their own, and these run side by side. So read the local exponents, not the surface's
# $\beta$, which lies above all of them. Where they come down to about 1 and the factor over counting stops falling, the widest model learns *at the rate of counting*, from a worse start: each of its tokens is worth
# a fixed share of one that is counted. What it does *not* show: that this lasts beyond the window. The paper's exponent in $D$ for this graph, below 1, belongs to models with more compute, whose numbers of tokens are
# not stated.

# %% [markdown]
# ## The Chinchilla points
#
# The most-read table of the field is a scatter plot: Besiroglu et al. (2024) read 245 points off a figure of Hoffmann et al. (2022) and refitted them without the five
# largest losses. The points may not be shipped with a book. Where you have them (`chinchilla_points(download=True)` fetches them, or pass a path) they are used here; where
# not, a synthetic twin stands in, drawn from the published law, and says so.

# %% tags=["nbval-ignore-output"]
points = chinchilla_points(cache=lab.home, download=False)  # with download=True the real ones are fetched
chinchilla = fit(Chinchilla(), points.table)
frontier = allocation.parametric(chinchilla, default_rng(0), resamples=400)
say("Used below: **{label}**.", label=points.label)
frontier.summary().loc[["E", "gamma", "a", "b"]].round(3)

# %% [markdown]
# ### Exercise 1: a forecast, before you read on
#
# *★★ · 5 minutes.* Nobody knows $E$ for text. Suppose it were not fitted but pinned, at values from 1.70 to 1.90. On the real points the fitted value is 1.817.
# Write down three guesses: from the lowest to the highest $E$, by how much does $\alpha$ change? $\beta$? And $a = \beta/(\alpha+\beta)$?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# Both exponents rise: with a higher floor less is left to fall, and what is left falls faster on logarithmic axes. $\alpha$ and $\beta$ rise *together*, each by several
# of its standard errors, and their ratio hardly moves; the numbers stand under the figure below. Allocation needs only the ratio.
#
# </details>

# %% tags=["hide-input"]
floors = np.linspace(1.70, 1.90, 9)
pinned = pd.DataFrame([fit(Chinchilla().pin(E=E), points.table).params for E in floors])
pinned["a"] = pinned["beta"] / (pinned["alpha"] + pinned["beta"])
with style():
    figure, axes = plt.subplots()
    for (name, label), marker, colour in zip({"a": "a", "beta": "β", "alpha": "α"}.items(), MARKERS, COLOURS.values(), strict=False):
        axes.plot(floors, pinned[name], marker + "-", color=colour, label=label)
    axes.axvline(chinchilla.params["E"], linestyle="--", color=COLOURS["grey"], label="E fitted")
    axes.set(xlabel="assumed irreducible loss E (nats)", ylabel="exponent", ylim=(0.25, 0.6))
    axes.legend(loc="lower right", ncols=2)
show(
    figure,
    name="fig-assumed-floor",
    caption=f"Exponents of the two-dimensional fit with E pinned. {points.label}.",
    alt="Exponents against the assumed E from 1.70 to 1.90. Alpha and beta climb steadily and together; a stays almost level a little above one half.",
    table=pinned[["E", "alpha", "beta", "a"]].round(4) if points.synthetic else Withheld(points.origin, points.sha256),
    runs=[],
)

# %% tags=["remove-input"]
change = {name: pinned[name].iloc[-1] - pinned[name].iloc[0] for name in ("alpha", "beta", "a")}
say(
    "From E = {low:.2f} to {high:.2f} ({what}) $\\alpha$ changes by {alpha:+.3f}, $\\beta$ by {beta:+.3f}, and $a$ by {a:+.3f}.",
    low=floors[0],
    high=floors[-1],
    what="the synthetic twin" if points.synthetic else "the real points",
    **change,
)

# %% [markdown]
# The same can be read off without the points: the library keeps the covariance of the bootstrapped fit to the real ones (by the input's sha256). Draw from it, and ask
# how well each exponent is known.

# %%
real = literature.published("besiroglu-huber", default_rng(0))
drawn = real.draws[["a", "gamma"]].assign(E=real.draws["E"])
drawn["alpha"], drawn["beta"] = drawn["gamma"] / drawn["a"], drawn["gamma"] / (1 - drawn["a"])
spread = pd.DataFrame({"mean": drawn.mean(), "se": drawn.std(), "per nat of E": drawn.cov()["E"] / drawn["E"].var()})
say(
    "On the real points an error of 0.1 nat in $E$ moves $\\alpha$ by {alpha:.3f}, $\\beta$ by {beta:.3f} and $a$ by only {a:.3f}.",
    **{name: 0.1 * spread.loc[name, "per nat of E"] for name in ("alpha", "beta", "a")},
)
spread.loc[["E", "alpha", "beta", "gamma", "a"]].round(3)

# %% tags=["remove-input"]
ours = recorded_or_none("chinchilla-results")  # None: a library without its recorded tables
if ours is not None:
    ours = ours.set_index("quantity")
    say(
        "So $a$ is robust *to the floor*. It is not robust to everything: on the real points $a$ = {none:.3f} with none of the largest losses left out, {five:.3f} with five, {eighty:.3f} with eighty. "
        "The choice of window moves it by several of the standard errors in the table, and no bootstrap knows. (Computed once on the real points, whose file has the sha256 {sha}, and recorded; "
        "`python -m tools.record_chinchilla` computes it again.)",
        none=ours.loc["window.a-without-0", "value"],
        five=ours.loc["window.a-without-5", "value"],
        eighty=ours.loc["window.a-without-80", "value"],
        sha=ours["input_sha256"].iloc[0][:12],
    )

# %% [markdown]
# ### The paper's own route on the same points
#
# The paper regresses the points with a network, searches a grid, and reads off $\gamma = 0.16$, $a = 0.482$, $b = 0.504$ (arXiv 2601.10684v1, figure 16). It gives no interval. We trained the
# same network, again a hundred times on resampled points, and put the closed form of the law and the same grid on a kernel surface beside it. Would you expect the paper's values inside our intervals?

# %%
PAPER = {"gamma": 0.16, "a": 0.482, "b": 0.504}  # arXiv 2601.10684v1, figure 16: network, Chinchilla points
confronted = pd.DataFrame({"paper": PAPER})
if ours is not None:
    for column in ("value", "low", "high"):
        confronted[f"our network{'' if column == 'value' else ', ' + column}"] = [ours.loc[f"network.{name}", column] for name in PAPER]
    law_row = real.summary().loc[list(PAPER)]
    confronted["law"] = law_row["value"]
    confronted["law, low"], confronted["law, high"] = law_row["low"], law_row["high"]
    confronted["kernel, all budgets"] = [ours.loc[f"kernel-all.{name}", "value"] for name in PAPER]
    confronted["kernel, inner budgets"] = [ours.loc[f"kernel-inner.{name}", "value"] for name in PAPER]
confronted.transpose().round(3)

# %% tags=["remove-input"]
if ours is not None:
    tex = {"gamma": "$\\gamma$", "a": "$a$", "b": "$b$"}
    inside = [tex[name] for name in PAPER if ours.loc[f"network.{name}", "low"] <= PAPER[name] <= ours.loc[f"network.{name}", "high"]]
    say(
        "The paper's value lies inside the 95 % interval of our network for {inside}. Its $a + b$ is {total:.3f}, ours {own:.3f}: not 1, as two separate searches allow. "
        "The kernel's answer depends on the window: from all budgets to the inner ones ($10^{{19}}$ to $10^{{21}}$) $\\gamma$ moves by {gamma:+.3f} and $a$ by {a:+.3f}, **more than the paper differs from our network**, "
        "by {off_gamma:+.3f} and {off_a:+.3f}. What decides these digits is the surface and the window, not the points.",
        inside=", ".join(inside) or "none of the three",
        total=PAPER["a"] + PAPER["b"],
        own=ours.loc["network.a", "value"] + ours.loc["network.b", "value"],
        gamma=ours.loc["kernel-inner.gamma", "value"] - ours.loc["kernel-all.gamma", "value"],
        a=ours.loc["kernel-inner.a", "value"] - ours.loc["kernel-all.a", "value"],
        off_gamma=PAPER["gamma"] - ours.loc["network.gamma", "value"],
        off_a=PAPER["a"] - ours.loc["network.a", "value"],
    )

# %% [markdown]
# ## A ratio that its own fit does not give
#
# For two-layer language models under SP, with embeddings counted, the paper reports $a/b \approx 0.94$ and calls it close to Chinchilla. It also prints a
# two-dimensional fit. Under $C = 6ND$ that fit has an $a/b$ of its own, $\beta/\alpha$, and so have the mean one-dimensional exponents of figure 11.

# %%
QUOTED = {"E": 2.802, "A": 507.0, "B": 20094.0, "alpha": 0.365, "beta": 0.503}  # arXiv 2601.10684v1, figure 17
implied = allocation.closed_form(QUOTED)
means = published_exponents().query("data == 'language' and model == '2 layers, SP'").iloc[0]
ratio = pd.DataFrame(
    {
        "printed in the text": {"a/b": 0.94, "gamma": np.nan},
        "its 2-d fit (figure 17)": {"a/b": implied.a / implied.b, "gamma": implied.gamma},
        "its mean 1-d exponents (figure 11)": {
            "a/b": means["beta"] / means["alpha"],
            "gamma": means["alpha"] * means["beta"] / (means["alpha"] + means["beta"]),
        },
    }
).transpose()
ratio.round(3)

# %% tags=["remove-input"]
say(
    "0.94 and {fit:.2f} cannot both describe one surface: for 0.94 with this $\\alpha$, $\\beta$ would have to be {needed:.3f} instead of {beta}. At $10^{{3}}$ times the compute, "
    "the two differ by a factor of {factor:.1f} in $N$.",
    fit=implied.a / implied.b,
    needed=0.94 * QUOTED["alpha"],
    beta=QUOTED["beta"],
    factor=1000 ** (implied.a - 0.94 / 1.94),
)

# %% [markdown]
# This is **conditional**. The paper does not say to which data set figure 17 belongs; that it is the SP run is our inference from its exponents, which match those of figure 11.
# The text is that of arXiv v1. And the network's surface, from which 0.94 was read, need not follow the formula at all. But then one of the two describes the runs
# badly, and "Chinchilla recovered" rests on which one is believed, and on a range of $C$ that was, as the paper says, clipped by hand.
#
# ## Kaplan against Chinchilla
#
# Kaplan et al. (2020) found $N_\text{opt} \propto C^{0.73}$, Hoffmann et al. (2022) $C^{0.50}$. Pearce and Song (2024) noticed that much of the difference is bookkeeping. Kaplan
# counted neither the embedding's parameters nor its FLOPs. Let the truth be Chinchilla's law in all parameters $N$, and count only $N_E$, with
# $N = N_E + \omega N_E^{1/3}$ (their fit to the Chinchilla models has $\omega = 47491$). In a small model most of $N$ is embedding, and then $N_E$ grows much faster
# than $N$: the *visible* model seems to want nearly all of the budget.

# %% tags=["hide-input"]
law = dict(literature.published("besiroglu").parameters)
seen = reconciliation.embedding_frontier(law, np.geomspace(1e2, 1e12, 200))
with style():
    figure, axes = plt.subplots()
    axes.plot(seen["N_nonembedding"], seen["exponent"], "-", marker="", color=COLOURS["blue"], label="seen without embeddings")
    axes.axhline(law["beta"] / (law["alpha"] + law["beta"]), linestyle="--", color=COLOURS["green"], label="true a, all counted")
    axes.axhline(0.73, linestyle=":", color=COLOURS["vermillion"], label="Kaplan et al., 0.73")
    axes.axvspan(768, 1.5e9, color=COLOURS["grey"], alpha=0.2, label="Kaplan et al.'s models")
    axes.set(xlabel="non-embedding parameters", ylabel="local exponent a", ylim=(0.45, 1.15))
    logarithmic(axes, "x")
    axes.legend(loc="upper right")
show(
    figure,
    name="fig-embeddings",
    caption="One law, two ways to count. The exponent of the optimal non-embedding size in non-embedding compute, if Chinchilla's law (Besiroglu et al.'s parameters) "
    "holds in all parameters.",
    alt="Local exponent against non-embedding parameters from 100 to 1e12. The curve starts above 0.75, rises to a peak near one inside the shaded range of "
    "Kaplan's models, then falls towards the dashed line near 0.51.",
    table=seen[["N_nonembedding", "N", "C_nonembedding", "exponent"]].iloc[::10].map("{:.3g}".format),
    runs=[],
)

# %%
local = reconciliation.local_exponents(law)
say(
    "A power law fitted over Kaplan's range would report $a$ = **{seen:.2f}** where the law's is **{true:.2f}**. Experiments go the same way: Porian et al. (2024) started from Kaplan's recipe and "
    "changed one thing at a time.",
    seen=local["a"],
    true=local["total_a"],
)
steps = reconciliation.porian_steps()
steps.assign(step=steps["step"].str.replace(", no decay", "")).set_index("step").rename_axis(None)

# %% [markdown]
# The largest single step is indeed what is counted. The others are warm-up, schedule and tuning: small models were trained worse than large ones, and an exponent
# then measures the training (chapter 2). The paper's SP runs show the same: $(a, b) = (0.742, 0.386)$ without embeddings (arXiv v1), although these two do not add up to 1.
#
# ## Why twenty, and where it is not
#
# "Twenty tokens for every parameter" is no law. It is read off one table of Hoffmann et al. (by their approach 1, with $a = b = 0.5$), where the ratio cannot depend on $C$. With any other $a$
#
# $$
# \frac{D_\text{opt}}{N_\text{opt}} = G^{-2} (C/6)^{\,b-a},
# $$
#
# which drifts. And $G$ is the worst-known number of all.

# %% tags=["hide-input"]
compute = np.geomspace(1e18, 1e26, 60)
shown = {"besiroglu": "Besiroglu et al.", "hoffmann": "Hoffmann et al., approach 3", "hoffmann-rounded": "the same, as printed", "muennighoff": "Muennighoff et al."}
fronts = {name: literature.published(name, default_rng(0)).predict(compute) for name in shown}
with style():
    figure, axes = plt.subplots()
    for (name, label), colour, line in zip(shown.items(), COLOURS.values(), ("-", "--", "-.", ":"), strict=False):
        axes.plot(compute, fronts[name]["tokens_per_parameter"], line, marker="", color=colour, label=label)
    band = fronts["besiroglu"]
    axes.fill_between(compute, band["tokens_per_parameter_low"], band["tokens_per_parameter_high"], color=COLOURS["blue"], alpha=0.2)
    axes.axhline(20, color=COLOURS["grey"], linewidth=1)
    axes.set(xlabel="budget C (FLOPs)", ylabel="tokens per parameter", ylim=(3, 400))
    logarithmic(axes)
    axes.legend()
show(
    figure,
    name="fig-twenty",
    caption="Tokens per parameter at the optimum, by published laws; the band is the 95 % sampling error of Besiroglu et al.'s fit, grey marks 20.",
    alt="Tokens per parameter against budget, log-log. Besiroglu's line falls slowly near 20 with a band that widens to the right; Hoffmann's two rise steeply, "
    "apart from each other; Muennighoff's is level.",
    table=pd.DataFrame({label: fronts[name]["tokens_per_parameter"] for name, label in shown.items()}).assign(C=compute).iloc[::6].round(1),
    runs=[],
)

# %% tags=["remove-input"]
at_chinchilla = {name: planner.plan(5.76e23, literature.published(name, default_rng(0))) for name in shown}
low, high = at_chinchilla["besiroglu"].interval["tokens_per_parameter"]
say(
    "At Chinchilla's own budget, $5.76 \\times 10^{{23}}$ FLOPs: {besiroglu:.0f} tokens per parameter ({low:.0f} to {high:.0f}) by Besiroglu et al., {hoffmann:.0f} by the unrounded parameters of "
    "Hoffmann et al., {rounded:.0f} by the *same* parameters as printed, with two digits. They trained Chinchilla with 20. "
    "(Besiroglu et al. quote about 26 and 73; ours follow from the printed parameters under $C = 6ND$.)",
    low=low,
    high=high,
    besiroglu=at_chinchilla["besiroglu"].tokens_per_parameter,
    hoffmann=at_chinchilla["hoffmann"].tokens_per_parameter,
    rounded=at_chinchilla["hoffmann-rounded"].tokens_per_parameter,
)

# %% [markdown]
# ## A budget slider
#
# Move the budget. On the left the loss of every model that it could train, with the optimum and the 95 % band of where it lies; on the right the tokens per
# parameter. Watch how flat the curve is inside the band.


# %% tags=["hide-input"]
def live_axes(x_ticks: list, y_ticks: list) -> tuple[list[Mark], callable, callable]:
    """Axes of log10 N and loss, and the two scales."""
    across = lambda x: 50 + 250 * (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])  # noqa: E731
    up = lambda y: 265 - 220 * (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])  # noqa: E731
    marks = [Mark("path", {"d": "M50 45V265H300", "stroke": COLOURS["grey"], "fill": "none"})]
    marks += [Mark("text", {"x": across(x), "y": 285, "text-anchor": "middle"}, f"1e{x}") for x in x_ticks]
    marks += [Mark("text", {"x": 42, "y": up(y) + 5, "text-anchor": "end"}, f"{y:g}") for y in y_ticks]
    marks.append(Mark("text", {"x": 175, "y": 307, "text-anchor": "middle"}, "parameters N"))
    marks.append(Mark("text", {"x": 20, "y": 27}, "loss (nats)"))
    return marks, across, up


powers = np.arange(18, 26.1, 0.5)
planned = literature.published("besiroglu", default_rng(0)).predict(10**powers)
marks, across, up = live_axes([7, 8, 9, 10, 11, 12, 13], [1.8, 2.2, 2.6, 3.0, 3.4])
bowls, size = [], np.linspace(7, 13, 61)
for C in 10**powers:
    height = losses(10**size, C, law)
    bowls.append(" ".join(f"{across(x):.0f},{up(y):.1f}" for x, y in zip(size, height, strict=True) if y <= 3.4))
left, right, best = (across(np.log10(planned[name].to_numpy())) for name in ("N_low", "N_high", "N"))
marks.append(Mark("rect", {"x": left.tolist(), "width": (right - left).tolist(), "y": 45, "height": 220, "fill": COLOURS["blue"], "opacity": 0.2}))
marks.append(Mark("polyline", {"points": bowls, "fill": "none", "stroke": COLOURS["blue"], "stroke-width": 2}))
heights = up(losses(planned["N"].to_numpy(), planned["C"].to_numpy(), law))
marks.append(Mark("circle", {"cx": best.tolist(), "cy": heights.tolist(), "r": 7, "fill": COLOURS["vermillion"]}))
tokens = curve_panel(
    powers,
    planned["tokens_per_parameter"].to_numpy(),
    x_label="log₁₀ of the budget (FLOPs)",
    y_label="tokens per parameter",
    x_ticks=[18, 20, 22, 24, 26],
    y_ticks=[0, 10, 20, 30, 40],
    level=20.0,
    level_label="20",
)
show_live(
    [Panel(320, 320, marks), tokens],
    slider="budget",
    values=[f"1e{power:g}" for power in powers],
    says=[
        f"N = {row.N:.2g} ({row.N_low:.2g} to {row.N_high:.2g}), D = {row.D:.2g}, loss {row.loss:.3f} nats, {row.tokens_per_parameter:.0f} tokens per parameter."
        for row in planned.itertuples()
    ],
    start=8,
    name="fig-budget-live",
    caption="Loss against model size at a budget, by Besiroglu et al.'s law; the dot is the optimum, the band its 95 % sampling error. The runs behind the law end near 1e22 FLOPs: beyond, everything is extrapolation.",
    alt="Left, a bowl of loss against parameters with a dot at its minimum and a shaded band around it; with the budget it moves down and to the right. Right, tokens per "
    "parameter against the budget, falling slowly through 20.",
    table=planned[["C", "N", "N_low", "N_high", "D", "loss"]].iloc[::2].map("{:.3g}".format),
    runs=[],
)

# %% [markdown]
# ## The planner, and its limits
#
# `planner.allocate`, or `scaling-lab allocate --flops 1e21` in a terminal, takes a budget and a law, or a table of your own. A budget may also be GPU-hours, money or
# energy; prices and hardware are a small dated table that you should replace.

# %%
chosen = planner.allocate(1e21, default_rng(0))
cost = planner.budget_cost(1e21)
say(
    "$10^{{21}}$ FLOPs on H100s at 40 % of peak are {gpu_hours:.0f} GPU-hours, about {money:,.0f} US dollars at the dated price of the table and {energy:.0f} kWh. They buy {N:.2g} parameters on {D:.2g} tokens, loss "
    "{loss:.3f} ({low:.3f} to {high:.3f}) nats.",
    N=chosen["N"],
    D=chosen["D"],
    loss=chosen["loss"],
    low=chosen["interval"]["loss"][0],
    high=chosen["interval"]["loss"][1],
    **cost,
)

# %% [markdown]
# Three things that $C = 6ND$ leaves out:
#
# - **Inference.** A model that is used costs $2 N$ for each token it reads or writes. To minimise $6ND + 2 N D_\text{inf}$ at a given loss, train a smaller model for longer
#   (Sardana et al. 2023).
# - **Data.** $D_\text{opt}$ may be more than there is. Repeated tokens lose value: $U$ distinct ones read $1 + R$ times are worth $U + U R^* (1 - e^{-R/R^*})$, with $R^* \approx 15$
#   (Muennighoff et al. 2023).
# - **Energy.** It is proportional to $C$ at fixed hardware, so it changes no optimum but the budget; and the exponent of the budget is what makes it hurt.

# %%
goal = float(losses(np.array([1.3e10]), 6 * 1.3e10 * 2.6e11, law)[0])
rows = []
for used in (0.0, 1e12, 1e13, 1e14):
    served = corrections.inference_aware(law, used, loss=goal)
    rows.append({"tokens served": f"{used:.0e}", "N": f"{served.N:.2g}", "D": f"{served.D:.2g}", "D/N": round(served.D / served.N), "saved": f"{abs(served.saving):.1%}"})
pd.DataFrame(rows).set_index("tokens served")

# %%
muennighoff = dict(literature.published("muennighoff").parameters)
rows = []
for unique in (1e12, 1e11, 3e10, 1e10):
    repeated = corrections.repeated_data(muennighoff, 1e22, unique)
    rows.append({"distinct tokens": f"{unique:.0e}", "N": f"{repeated.N:.2g}", "epochs": round(repeated.epochs, 1), "loss": round(repeated.loss, 3), "loss, plain allocation": round(repeated.plain_loss, 3)})
pd.DataFrame(rows).set_index("distinct tokens")

# %% tags=["remove-input"]
halving = {name: 2 ** (1 / literature.published(name).allocation.gamma) for name in ("besiroglu", "hoffmann")}
say(
    "And energy: to halve the *reducible* loss takes {besiroglu:.0f} times the compute by Besiroglu et al.'s $\\gamma$, {hoffmann:.0f} times by Hoffmann et al.'s.",
    **halving,
)

# %% [markdown]
# ## What this does not show
#
# - No allocation for walks at the paper's sizes: ours are a hundredth of them, and partly limited by steps.
# - All bands are sampling errors. The choice of law, of window, of what counts as $N$, and every extrapolation come on top, and are larger.
# - The network was not trained here but once, on the real points (`tools/record_chinchilla.py`): ten minutes.
#
# ## If you remember one thing
#
# $a$ is the ratio of two exponents, better known than either. What you should distrust is everything else in the recommendation: the intercept, the window, and what was counted.
#
# ## Exercises

# %% [markdown]
# ### Exercise 2: the balance at the optimum
#
# *★ · 5 minutes.* At the optimum, which share of the reducible loss $L_\text{opt} - E$ is due to the size of the model and which to the tokens? Does it depend on $C$?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# From $\alpha A N^{-\alpha} = \beta B D^{-\beta}$, the parts are as $\beta : \alpha$. The model's share is $\beta/(\alpha+\beta) = a$, at every budget. So $a$ has a second meaning: the share of the
# loss that the finite model is to blame for.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
for C in (1e19, 1e23):
    N, D = float(truth.optimal_parameters(C)), float(truth.optimal_tokens(C))
    parts = PLANTED["A"] * N ** -PLANTED["alpha"], PLANTED["B"] * D ** -PLANTED["beta"]
    say("At {C:.0e} FLOPs the model's share is {share:.4f}; $a$ is {a:.4f}.", C=C, share=parts[0] / sum(parts), a=truth.a)

# %% [markdown]
# ### Exercise 3: what does a wrong size cost?
#
# *★ · 10 minutes.* With Besiroglu et al.'s law and $10^{22}$ FLOPs, train a model 2, 4 and 10 times too small or too large. How much more compute would the best allocation have saved?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# The bowl is flat: a factor of 2 either way costs a hundredth of a nat. Measured in compute it is less harmless, about a sixth of the budget, and a factor of 4 half of it. Flatness is why practice can choose a smaller model for cheap inference, and why approach 2 cannot find the minimum
# precisely: where the loss hardly changes, noise decides.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
optimal = allocation.closed_form(law)
factors = np.array([0.1, 0.25, 0.5, 1, 2, 4, 10])
wrong = losses(float(optimal.optimal_parameters(1e22)) * factors, 1e22, law)
needed = ((wrong - optimal.E) / optimal.K) ** (-1 / optimal.gamma)
pd.DataFrame({"N ÷ optimum": factors, "loss": wrong.round(4), "compute wasted": [f"{1 - need / 1e22:.1%}" for need in needed]}).set_index("N ÷ optimum")

# %% [markdown]
# ### Exercise 4: two digits
#
# *★★ · 10 minutes.* Rounding Hoffmann's $\alpha$ and $\beta$ to two digits moves the optimum at $5.76\times10^{23}$ FLOPs, as the sentence above the budget slider says. Which of the two roundings does it?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# $\beta$: from 0.2849 to 0.28. $D_\text{opt}$ lies at $10^{12}$, so $D^{-\beta}$ changes by $e^{0.0049 \cdot 28}$, 15 %, and the ratio by a power of it. Constants quoted at $N = D = 1$ are extrapolated over ten decades to
# where they are used. Quote losses at the centre of the data instead.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
full, printed = (dict(literature.published(name).parameters) for name in ("hoffmann", "hoffmann-rounded"))
ratios_by = {}
for label, changes in {"nothing": {}, "α only": {"alpha": printed["alpha"]}, "β only": {"beta": printed["beta"]}, "all": printed}.items():
    rounded = allocation.closed_form(full | changes)
    ratios_by[label] = float(rounded.optimal_tokens(5.76e23) / rounded.optimal_parameters(5.76e23))
pd.DataFrame({"tokens per parameter": ratios_by}).rename_axis("rounded").round(1)

# %% [markdown]
# ### Exercise 5: noise on the planted table
#
# *★★ · 10 minutes.* Add 0.3 % of noise to the planted losses. Which route has the wider interval for $D_\text{opt}$ at $10^{23}$ FLOPs, and which intervals contain the truth?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# Iso-FLOP uses three numbers a budget and no common law, so its band is wider. And yet it misses the truth here, for its centre is off by its bias, which no resampling of
# residuals can see. An interval is about noise, not about method.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
noisy = table.assign(loss=table["loss"] * np.exp(0.003 * default_rng(1).standard_normal(len(table))))
both = {
    "2 iso-FLOP": allocation.isoflop(noisy, default_rng(0), resamples=300),
    "3 parametric": allocation.parametric(fit(Chinchilla(), noisy), default_rng(0), resamples=300),
}
bands = allocation.comparison(both, FAR)[["D", "D_low", "D_high"]]
bands.loc["truth", "D"] = answer[4]
bands.map("{:.3g}".format)

# %% [markdown]
# ### Exercise 6: a table of your own
#
# *★★ · 10 minutes.* The library ships the runs of Gadre et al. on C4 (`mlfoundations_runs()`). Allocate $10^{21}$ FLOPs with them. Then leave out the smallest models. What happens to $a$?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# $a$ rises a little, well inside both intervals, and the second interval holds nearly everything from Kaplan to its opposite. A table of a few sizes cannot decide $a$; what it says about
# the intercept is lower than for any law above (other data, other tokenizer, its own training recipe).
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
own = mlfoundations_runs()
rows = {}
for label, part in {"all": own, "without the smallest size": own[own["N"] > own["N"].min()]}.items():
    mine = allocation.parametric(fit(Chinchilla(), part), default_rng(0), resamples=300)
    asked = planner.plan(1e21, mine)
    ends = mine.summary().loc["a"]
    rows[label] = {"runs": len(part), "a": ends["value"], "low": ends["low"], "high": ends["high"], "tokens per parameter": asked.tokens_per_parameter}
pd.DataFrame(rows).transpose().round(3)

# %% [markdown]
# ### Exercise 7: embeddings at the small end
#
# *★★★ · 15 minutes.* Walks in this book have vocabulary $V$ = 200, models of width 16 to 128, two layers. With $N = N_E + \omega N_E^{1/2}$, what is $\omega$? By how much would leaving the embeddings out change
# $a$ over this range, if $\alpha$ and $\beta$ were those of Besiroglu et al.?

# %% [markdown] tags=["solution"]
# <details><summary><b>Solution</b></summary>
#
# $N_E \approx 12 \ell n^2$, so $n = \sqrt{N_E/24}$ and $Vn = (V/\sqrt{24})\,N_E^{1/2}$: $\omega \approx 41$. At width 16 the visible exponent is a tenth too high, at 128 two hundredths. With a vocabulary of
# 50,257 the same widths have $\omega \approx 10^4$: nearly everything is embedding, and the exponent is close to its limit $1/(1 + \frac12\alpha/\beta) = 0.68$. Most of the gap between Kaplan and
# Chinchilla fits in there.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
rows = {}
for V in (200, 50_257):
    omega = V / np.sqrt(24)
    visible = reconciliation.embedding_frontier(law, 24.0 * np.array([16, 32, 64, 128]) ** 2, omega=omega, power=0.5)
    rows[f"V = {V:,}"] = {"ω": omega, **dict(zip(("n = 16", "32", "64", "128"), visible["exponent"], strict=True))}
pd.DataFrame(rows).transpose().round(3)
