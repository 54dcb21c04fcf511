# %% [markdown]
# # Compute-optimal allocation
#
# **The question.** You may spend so many FLOPs on one training run. How large a model, on how many tokens?
#
# Every published answer is a pair of exponents, $N_\text{opt} \propto C^a$ and $D_\text{opt} \propto C^b$, read off a
# table of runs by one of four routes. The routes do not agree on the same table, and the tables do not agree either.
# This chapter puts the routes first on a surface whose answer is known, then on published runs, and asks which of their
# answers can be relied on.
#
# You will see
#
# - why there is an optimum, and how its growth with compute follows from two exponents,
# - four routes from runs to $N_\text{opt}$, and a bias that one of them has without any noise,
# - a table of runs that looks good and determines no plan,
# - why $a$ can be known well when neither $\alpha$ nor $\beta$ is,
# - how counting embeddings or not turns $a = 0.5$ into 0.7 and more,
# - where "20 tokens per parameter" comes from, and when not to use it.
#
# *After it you can* solve the allocation of a budget, from a bill to a size; say what a wrong size costs in compute;
# tell which of an allocation's numbers the data determine. *You need* chapter 3's idea of a fitted law, and a
# derivative. *Time:* 1 hour to read, 2¼ hours for the exercises; to run, under half a minute in every profile, since
# nothing is trained here. Throughout, $\alpha$ is the exponent in $N$ and $\beta$ the exponent in $D$.

# %% tags=["setup", "hide-input"]
# Find the library, or install it from the book's repository; what this
# machine has of numpy, torch and the like is left exactly as it is.
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile

if importlib.util.find_spec("scaling_lib") is None:
    source = "scaling-lab @ git+https://github.com/OWNER/REPOSITORY@main"
    kept = ("numpy", "scipy", "pandas", "matplotlib", "pyarrow", "torch")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        for name in kept:
            if importlib.util.find_spec(name) is not None:
                installed = importlib.metadata.version(name)
                pins.write(f"{name}=={installed}\n")
        pins.flush()
        pip = [sys.executable, "-m", "pip", "install", "-q"]
        done = subprocess.run(
            [*pip, "-c", pins.name, source], capture_output=True, text=True
        )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines()]
        blamed = [
            line
            for mark in ("fatal:", "ERROR:", "error:", "")
            for line in said
            if line.startswith(mark)
        ]
        reason = blamed[0] if blamed else "pip gave no reason"
        sys.exit(
            f"The library could not be installed ({reason}): check that this "
            f"machine reaches github.com and run this cell again, or run "
            f"`python {' '.join(pip[1:])} '{source}'` in a terminal."
        )
    importlib.invalidate_caches()

# %% tags=["parameters"]
# "" takes SCALING_PROFILE, else "recorded"; or write "smoke", "colab", "full"
profile = ""

# %% tags=["nbval-ignore-output"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpy.random import default_rng

from scaling_lib.coursework import check, forecast, reveal
from scaling_lib.coursework.experiments import recorded as recorded_runs
from scaling_lib.coursework.experiments import tried
from scaling_lib.errors import InvalidArgument
from scaling_lib.fits import allocation
from scaling_lib.fits.allocation import (
    corrections,
    literature,
    planner,
    reconciliation,
    repetition,
)
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.laws import Chinchilla
from scaling_lib.fits.laws.published import published_law
from scaling_lib.fits.points import synthetic
from scaling_lib.fits.points.datasets import chinchilla_points
from scaling_lib.fits.points.public_tables import mlfoundations_runs
from scaling_lib.fits.surfaces import kernel_ridge
from scaling_lib.fits.uncertainty import intervals
from scaling_lib.fits.uncertainty.comparisons import (
    compared,
    typically_within,
)
from scaling_lib.fits.uncertainty.spoilt import spoilt_fits

# %% tags=["nbval-ignore-output"]
from scaling_lib.pages.drawing.budgets import (
    budget_marks,
    plan_error_panel,
    plan_error_sentences,
    plan_errors,
)
from scaling_lib.pages.drawing.figures import (
    COLOURS,
    MARKERS,
    Withheld,
    logarithmic,
    show,
    style,
)
from scaling_lib.pages.drawing.lines import lines_by
from scaling_lib.pages.drawing.live import (
    Mark,
    Panel,
    curve_panel,
    plot_axes,
    show_live,
)
from scaling_lib.pages.drawing.moving import moving_curve, moving_dots
from scaling_lib.pages.drawing.numbers import number, percent
from scaling_lib.pages.drawing.prose import say
from scaling_lib.pages.drawing.written import written_value
from scaling_lib.pages.judging import claims, forecasts
from scaling_lib.pages.judging.captions import published_exponents
from scaling_lib.pages.judging.exact_quantities import CHINCHILLA_FLOPS
from scaling_lib.pages.judging.ledger import published_number
from scaling_lib.pages.judging.quantities import excess_surface
from scaling_lib.pages.judging.replicates import surface_lack_of_fit
from scaling_lib.runs.keeping.tables import lowest_losses, recorded_or_none
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

lab = begin(profile)

# %% [markdown]
# ## A budget
#
# Training a model of $N$ parameters on $D$ tokens takes about $C = 6ND$ floating-point operations: two for each
# parameter and token on the way forward, four on the way back. At a fixed $C$, every parameter is paid for in tokens.
# With Chinchilla's law
#
# $$
# L(N, D) = E + A N^{-\alpha} + B D^{-\beta},
# $$
#
# a very small model gains little from its many tokens, and a very large one sees too few of them. In between lies a
# minimum. There one more per cent of $N$ gains what one per cent less of $D$ loses,
# $\alpha A N^{-\alpha} = \beta B D^{-\beta}$, which gives
#
# $$
# \begin{aligned}
# N_\text{opt} &= G\,(C/6)^{a}, & a &= \frac{\beta}{\alpha+\beta}, \\
# D_\text{opt} &= G^{-1} (C/6)^{b}, & b &= \frac{\alpha}{\alpha+\beta}, \\
# L_\text{opt} &= E + K C^{-\gamma}, & \gamma &= \frac{\alpha\beta}{\alpha+\beta}
# \end{aligned}
# $$
#
# with $G = (\alpha A/\beta B)^{1/(\alpha+\beta)}$. The faster loss falls with tokens (large $\beta$), the *larger* the
# model should be. A few more tokens are then enough to lower their part of the loss, and most of the additional compute
# goes into the model, whose part falls slowly.
#
# Below is a surface that we made up, so that its answer is known. Its exponents are further apart than those of language
# models, which makes every effect of this chapter large enough to see.

# %%
PLANTED = {"E": 1.7, "A": 2000.0, "B": 26.0, "alpha": 0.465, "beta": 0.155}
truth = allocation.closed_form(PLANTED)
best_size = number(float(truth.optimal_parameters(1e20)), 2)
best_tokens = number(float(truth.optimal_tokens(1e20)), 2)
say(rf"""
The planted truth: $a$ = {number(truth.a, decimals=3)}, $b$ =
{number(truth.b, decimals=3)}, $\gamma$ = {number(truth.gamma, decimals=3)}. At
$10^{{20}}$ FLOPs {best_size} parameters and {best_tokens} tokens are best.
""")

# %% tags=["hide-input"]
BUDGETS = np.geomspace(1e18, 1e21, 7)
optima = truth.optimal_parameters(BUDGETS)
table = synthetic.planted_isoflops(PLANTED, BUDGETS, optima, width=8)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    looks = zip(BUDGETS[::2], MARKERS, COLOURS.values(), strict=False)
    for C, marker, colour in looks:
        cut = table[table["C"] == C]
        label = f"C = {number(C, 1)}"
        look = {"color": colour, "markersize": 4, "label": label}
        axes.plot(cut["N"], cut["loss"], marker + "-", **look)
    look = {"marker": "", "color": COLOURS["grey"], "label": "optimum"}
    axes.plot(optima, truth.loss(BUDGETS), "--", **look)
    axes.set(xlabel="parameters N", ylabel="loss (nats)")
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-budget",
    caption="The planted surface, cut at four budgets. Each curve is one "
    "budget, spent on models of different size; the dashed line joins the "
    "lowest points. The curves are flat at the bottom and steeper on the side "
    "of the small models.",
    alt="Loss against parameters on a logarithmic axis, four bowl-shaped "
    "curves. Larger budgets lie lower and further right; each bowl rises "
    "faster to the left of its minimum. A dashed line through the minima falls "
    "to the right.",
    table=table[["C", "N", "D", "loss"]][::3],
    runs=[],
)

# %% [markdown]
# ## Four routes
#
# 1. **Envelope** (Hoffmann's approach 1). Draw all learning curves against compute; at each $C$ note which model is
#    lowest.
# 2. **Iso-FLOP** (approach 2). Train several sizes at each budget, put a parabola in $\log N$ through them, take its
#    vertex.
# 3. **Parametric** (approach 3). Fit the law to all runs, use the closed form above.
# 4. **Grid minimum** (the paper's, appendix B). Regress $L(N, D)$ without a formula, by a small network or by kernel
#    ridge, and look for the minimum at each $C$ on a grid. Since $N$ and $D$ are searched separately, $a + b$ need not
#    be 1.
#
# All are given the same noise-free surface. Routes 2 to 4 get the runs of the figure (seven budgets, each with sizes up
# to a factor of 8 either way), and route 1 gets learning curves of 24 sizes. So whatever errors they make are errors of
# the method.
#
# Route 1 appears twice: once with the curves that a *constant* learning rate might give, equal to $L(N, D)$ all along,
# and once with those of a *cosine*, which are too high until they end. (We add $0.05\,(1 - t)$ nats at the fraction $t$
# of a run. That number is our invention; it shows the direction of the error, not its size.) Route 4 is by kernel ridge
# with the paper's kernel; its network is slow to train and comes in below, on published points.

# %% tags=["hide-input"]
sizes = np.geomspace(3e7, 2e9, 24)
tokens = 60 * sizes[:, None] * np.geomspace(0.01, 1, 60)
constant, cosine = (
    synthetic.planted_curves(PLANTED, sizes, tokens, lift=lift)
    for lift in (0.0, 0.05)
)
routes = {
    "1 envelope, constant": allocation.envelope(constant, schedule="constant"),
    "1 envelope, cosine": allocation.envelope(cosine),
    "2 iso-FLOP": allocation.isoflop(table),
    "3 parametric": allocation.parametric(fit(Chinchilla(), table)),
    "4 grid, kernel ridge": allocation.grid_minimum(kernel_ridge(table)),
}
FAR = 1e23
quantities = ["a", "b", "gamma", "N", "D", "loss"]
answers = allocation.comparison(routes, FAR)[quantities]
true_tokens = float(truth.optimal_tokens(FAR))
answers.loc["truth"] = [
    truth.a,
    truth.b,
    truth.gamma,
    float(truth.optimal_parameters(FAR)),
    true_tokens,
    float(truth.loss(FAR)),
]
sizes_in_words = {name: answers[name].map(number) for name in ("N", "D")}
digits = {"a": 4, "b": 4, "gamma": 5, "loss": 4}
answers.assign(**sizes_in_words).round(digits).rename_axis(None)

# %% tags=["hide-input"]
both = ["N", "D"]
away = answers.drop(index="truth")[both] / answers.loc["truth", both] - 1
away = away.astype(float)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    heights = np.arange(len(away))[::-1]
    for column, marker, colour, shift in (
        ("N", "o", "blue", 0.12),
        ("D", "s", "vermillion", -0.12),
    ):
        look = {"color": COLOURS[colour], "label": f"{column}, optimal"}
        axes.plot(100 * away[column], heights + shift, marker, **look)
    axes.axvline(0, linestyle="--", color=COLOURS["grey"])
    axes.set_yticks(heights, away.index)
    axes.set(xlabel=f"error when extrapolated to {number(FAR, 1)} FLOPs (%)")
    axes.legend(loc="best")
errors = (100 * away).round(2) + 0.0  # no minus before a zero
show(
    figure,
    name="fig-routes",
    caption="What each route says about a budget a hundred times larger than "
    "any of its runs, against the planted truth. There is no noise: these are "
    "errors of method.",
    alt="Dot plot, one row a route. Parametric lies on zero for N and D; "
    "kernel ridge and the constant-rate envelope near it or off by their "
    "grids; iso-FLOP overstates N and understates D by more than ten per cent; "
    "with cosine curves the envelope halves N and doubles D.",
    table=errors.rename(columns="error of {} (%)".format)
    .rename_axis("route")
    .reset_index(),
    runs=[],
)

# %% tags=["remove-input"]
off = {route: percent(share, decimals=1) for route, share in away["D"].items()}
# Closer than nine digits nothing is claimed: there it is rounding that speaks.
exact = number(max(abs(away.loc["3 parametric", "D"]), 1e-9), 1)
slope = number(max(abs(answers.loc["2 iso-FLOP", "a"] - truth.a), 1e-9), 1)
say(rf"""
On this table, with no noise, the parametric route is right to {exact} in $D$.
Iso-FLOP is off by {off["2 iso-FLOP"]}, though its exponent is right to {slope};
the kernel's grid is off by {off["4 grid, kernel ridge"]}, the envelope by
{off["1 envelope, constant"]} with constant and by {off["1 envelope, cosine"]}
with cosine curves. Of iso-FLOP the library says so itself:
*{" ".join(routes["2 iso-FLOP"].warnings)}*
""")

# %% [markdown]
# The cosine envelope fails worst. How badly depends on the size of the lift, which nobody knows before measuring it.
# Hoffmann et al. knew this, and so trained each size with several lengths of schedule.
#
# Route 3 wins here for one reason: the surface *is* its formula. Where the law is wrong it has no such advantage. The
# kernel assumes no formula; in return, it is less accurate at the edges of the data. Use two routes, and take the
# difference between them as the least uncertainty of the answer.
#
# ## A parabola is not the curve
#
# Along a budget the law is a sum of two exponentials in $\log N$, steeper to the left than to the right (or the other
# way round). A least-squares parabola is symmetric. So its vertex shifts towards the flat side, by a factor that
# depends on $\alpha$, $\beta$ and the width of the grid but *not* on $C$. That is why the exponent comes out right and
# the intercept wrong, and why no goodness of fit at one budget reveals it (arXiv 2603.22339). If the grid's centre
# drifts as budgets grow, the exponent is wrong as well.

# %% tags=["hide-input"]
rounded = published_law("hoffmann-rounded").parameters
LAWS = {"exponents of Hoffmann et al.": rounded, "planted": PLANTED}
widths = [1.5, 2, 3, 4, 6, 8, 12, 16]
bias = pd.DataFrame(
    {
        label: [allocation.isoflop_bias(given, width=w)["D"] for w in widths]
        for label, given in LAWS.items()
    },
    index=widths,
)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    looks = zip(bias.items(), "os", ("blue", "vermillion"), strict=True)
    for (label, column), marker, colour in looks:
        look = {"color": COLOURS[colour], "label": label}
        axes.plot(widths, 100 * column, marker + "-", **look)
    axes.axhline(0, linestyle="--", color=COLOURS["grey"])
    axes.set_xlabel("the grid reaches from optimum ÷ w to optimum × w")
    axes.set_ylabel("error of D at 1e24 FLOPs (%)")
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-parabola",
    caption="The error that approach 2 makes on noise-free runs, 15 sizes a "
    "budget and centred on the true optimum, against the width of its grid.",
    alt="Error of the extrapolated optimal tokens against grid width from 1.5 "
    "to 16. Both curves start near zero and fall; with Hoffmann's exponents to "
    "about minus five per cent, on the planted surface to more than minus "
    "twenty.",
    table=(100 * bias).round(2).rename_axis("w").reset_index(),
    runs=[],
)

# %% tags=["remove-input"]
of_hoffmann, of_planted = (bias[label] for label in LAWS)
two, eight, sixteen = (
    percent(of_hoffmann[width], decimals=1) for width in (2, 8, 16)
)
drifted = [
    number(allocation.isoflop_bias(given, width=4, drift=10.0)["a"], decimals=3)
    for given in LAWS.values()
]
say(rf"""
With Hoffmann's exponents the error is {two} at a factor of 2, {eight} at 8 and
{sixteen} at 16. With the planted ones it is
{percent(of_planted[16], decimals=0)} at 16. If the centre of a grid of width 4
drifts upwards by a factor of 10 over these four decades of budget, $a$ is off
by {drifted[0]} with Hoffmann's exponents and by {drifted[1]} with the planted
ones.
""")

# %% [markdown]
# ## A ladder determines no plan
#
# The four routes were given runs in which $N$ and $D$ change separately. Families of models are often trained
# otherwise, on a *ladder*: every model on the same number of tokens for each parameter, say $D = 20\,N$. Such a table
# looks good: many runs over two decades, losses that fall smoothly, residuals like noise. *Before you look:* which of
# $E$, $\alpha$, $\beta$ and $N_\text{opt}$ can it determine, and which can a grid of as many runs?
#
# On a ladder $D^{-\beta} = 20^{-\beta} N^{-\beta}$. Both powers are powers of $N$, and what was measured is their sum.
# Below are two tables of 16 runs from the planted surface, with a thousandth of noise. In each we pin $\alpha$ at one
# value after another, fit the rest, and ask for the residual and for the $N_\text{opt}$ that follows.

# %%
rungs, few = np.geomspace(1e8, 1e10, 16), np.geomspace(1e8, 1e10, 4)
of_grid, at_tokens = (axis.ravel() for axis in np.meshgrid(few, 20 * few))
places = {"ladder": (rungs, 20 * rungs), "grid": (of_grid, at_tokens)}
jitter = np.exp(0.001 * default_rng(0).standard_normal(16))
plan_for, pinned_at = 1e22, np.round(np.arange(0.15, 0.86, 0.05), 2)
designs, by_alpha = {}, []
for name, (N, D) in places.items():
    measured = Chinchilla().loss(PLANTED, N=N, D=D) * jitter
    designs[name] = pd.DataFrame({"N": N, "D": D, "loss": measured})
    for alpha in pinned_at:
        one = fit(Chinchilla().pin(alpha=float(alpha)), designs[name])
        of_fit = allocation.closed_form(one.params)
        by_alpha.append(
            {
                "runs": name,
                "α, pinned": alpha,
                "β": one.params["beta"],
                "residual (%)": 100 * np.sqrt(np.mean(one.residuals**2)),
                "N_opt": float(of_fit.optimal_parameters(plan_for)),
                "loss up the ladder": float(
                    one.law.loss(one.params, N=1e11, D=2e12)
                ),
            }
        )
by_alpha = pd.DataFrame(by_alpha)

# %% tags=["hide-input"]
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.3))
    for axes, y in ((left, "residual (%)"), (right, "N_opt")):
        by, x = "runs", "α, pinned"
        lines_by(axes, by_alpha, by=by, x=x, y=y, markersize=4)
        axes.set(xlabel="α, pinned", ylabel=y)
        look = {"linestyle": ":", "color": COLOURS["grey"]}
        axes.axvline(PLANTED["alpha"], **look)
        logarithmic(axes, "y")
    right.set_ylabel(f"N_opt at {number(plan_for, 1)} FLOPs")
    left.legend()
show(
    figure,
    name="fig-ladder",
    caption="Left: how well Chinchilla's law fits 16 runs when its α is "
    "pinned. Right: the compute-optimal size that each of these fits implies. "
    "Dotted: the planted α. On the grid one α fits; on the ladder all of them "
    "do, and the plan could be anything.",
    alt="Two panels against the pinned alpha. Left, the residual: the grid's "
    "curve is a valley with its bottom at the dotted line, the ladder's is "
    "level. Right, the optimal size on a logarithmic axis: the grid's curve "
    "falls gently, the ladder's jumps and falls over several decades.",
    table=by_alpha.iloc[::2],
    runs=[],
)

# %% tags=["remove-input"]
on_ladder = by_alpha[by_alpha["runs"] == "ladder"]
residuals = on_ladder["residual (%)"]
plans, higher = on_ladder["N_opt"], on_ladder["loss up the ladder"]
reasons = {
    name: fit(Chinchilla(), design).undetermined
    for name, design in designs.items()
}
(reason,) = {outcome.reason for outcome in reasons["ladder"].values()}
say(rf"""
On the ladder the residual stays between {number(residuals.min(), decimals=3)}
and {number(residuals.max(), decimals=3)} % whatever $\alpha$ is, while
$N_\text{{opt}}$ runs from {number(plans.min(), 2)} to {number(plans.max(), 2)}.
Noise decides which of these fits comes out lowest. So `fit` names
{", ".join(reasons["ladder"])} as *undetermined*: {reason}. Of the grid it says
this of {", ".join(reasons["grid"]) or "no parameter"}.

What a ladder does determine is the loss along itself. Ten times beyond its
largest run, all of these laws forecast between
{number(higher.min(), decimals=3)} and {number(higher.max(), decimals=3)} nats,
{percent(higher.max() / higher.min() - 1, decimals=1)} apart. Whoever goes on
with the same recipe can use it; whoever asks for another ratio of tokens to
parameters cannot.
""")

# %% [markdown]
# The planner does not answer such a question, whatever the residual. This is what it says of the ladder:

# %%
try:
    planner.allocate(plan_for, default_rng(0), table=designs["ladder"])
except InvalidArgument as refusal:
    print(textwrap.fill(str(refusal), 80))

# %% [markdown]
# ### A slider of spoilt tables
#
# What is done to a table before the fit moves the plan as well, and where the law is known one can see by how much. Below
# is the planted surface again, now from 35 runs: seven budgets, five sizes each. The slider first rounds the losses, as in a
# printed table. Then it adds noise, to each run always in the same direction. Last it keeps the noise at half a per cent and
# leaves out the smallest budgets, one after another. *Before you move it:* which of the three moves the plan most, and what
# does that cost?

# %% tags=["hide-input"]
few_sizes = synthetic.planted_isoflops(
    PLANTED, BUDGETS, optima, width=8, sizes=5
)[::-1]  # the largest budget first
runs_at = {name: few_sizes[name].to_numpy() for name in ("N", "D")}
SPOILS = {
    "decimals": [5, 3, 2, 1],
    "noise": [0.001, 0.002, 0.005, 0.01],
    "runs": [30, 25, 20, 15, 10],
}


def spoil(knob, values, generator):
    noise = 0.005 if knob == "runs" else 0.0
    return spoilt_fits(
        Chinchilla(), PLANTED, runs_at, knob, values, generator, noise=noise
    )


spoils = {
    knob: spoil(knob, values, default_rng(0)) for knob, values in SPOILS.items()
}
done = [
    *(f"decimals: {places}" for places in SPOILS["decimals"]),
    *(f"noise: {percent(share, decimals=1)}" for share in SPOILS["noise"]),
    *(f"budgets: {runs // 5}" for runs in SPOILS["runs"]),
]
kept = np.concatenate([one.seen[:, ::5] for one in spoils.values()])
spoilt = pd.concat([one.fits for one in spoils.values()], ignore_index=True)
plans = plan_errors(spoilt, PLANTED, FAR)

# %% tags=["hide-input"]
axes = plot_axes(
    {power: f"1e{power}" for power in range(18, 24)},
    {np.log10(ratio): f"{ratio:g}" for ratio in (0.5, 0.7, 1, 1.4, 2)},
    "budget C (FLOPs)",
    "planned N ÷ best N",
)
given = (spoilt, PLANTED)
show_live(
    [plan_error_panel(axes, *given, BUDGETS[::-1], kept, FAR)],
    slider="done to the table",
    values=done,
    says=plan_error_sentences(*given, FAR),
    start=6,
    name="fig-spoilt-plan",
    caption="The size planned from a spoilt table of the planted law, over the "
    "best size. Grey dots: the budgets of the table, hollow where left out. "
    "Dashed: the truth. On the right the plan for a hundred times the largest "
    "budget.",
    alt="A line of planned over best size against the budget, about a dashed "
    "level at one that holds a dot for each budget. Rounding hardly moves the "
    "line; noise and fewer budgets tilt it, most at the far end.",
    table=plans.assign(done=done)[["done", "a", "ratio", "overspent"]].round(4),
    runs=[],
)

# %% tags=["remove-input"]
misses = plans.assign(
    knob=np.repeat(list(SPOILS), [len(values) for values in SPOILS.values()]),
    miss=np.abs(plans["ratio"] - 1),
)
worst = misses.groupby("knob")[["miss", "overspent"]].max()
rounding = misses[misses["knob"] == "decimals"].set_axis(SPOILS["decimals"])
enough = min(rounding.index[rounding["miss"] < 0.05])
patterns = [spoil("runs", [35, 10], default_rng(seed)) for seed in range(1, 41)]
ratios = [plan_errors(one.fits, PLANTED, FAR)["ratio"] for one in patterns]
all_seven, only_two = np.median(np.abs(np.array(ratios) - 1), axis=0)
by = {name: percent(miss, decimals=0) for name, miss in worst["miss"].items()}
say(rf"""
{number(enough)} decimals are enough for the plan to within 5 %; one decimal
moves it by {by["decimals"]}. A hundredth of noise, in this pattern, moves it by
{by["noise"]}, and half a hundredth on fewer budgets by up to {by["runs"]}. Yet
the bowl is flat: the worst of all these plans wastes
{percent(worst["overspent"].max(), decimals=0)} of the compute.

One pattern of noise is one draw. Of {len(patterns)} others, at half a per cent,
half miss the best size by more than {percent(all_seven, decimals=0)} with all
seven budgets, and by more than {percent(only_two, decimals=0)} with the two
largest: a plan far beyond its table needs the small budgets for their distance
from the large ones.
""")

# %% [markdown]
# ## Random walks: allocation where the floor is known
#
# On walks $E$ is the entropy rate, known exactly, so a fit of $L(N, D)$ has one parameter less to get wrong: it is the
# *excess* loss that is a sum of two powers,
#
# $$
# L(N, D) - H = A N^{-\alpha} + B D^{-\beta}.
# $$
#
# One needs a grid of $N$ *and* $D$. Runs that vary only one of the two at a time make a cross, and a cross does not
# determine the sum: any constant can be moved from one term to the other and every loss on it stays as it is. So here
# are five sizes times five values of $D$ on the paper's smallest graph (1,000 nodes, 5,000 edges), each cell the best
# of five learning rates and three seeds.
#
# Before you look: which is scarcer at these sizes, parameters or tokens? And will an $N_\text{opt}$ from these runs say
# anything about the paper's, which are a hundred times larger?

# %% tags=["remove-stderr"]
grid_runs = lab.recorded("er-1k-small")
columns = ["N", "D", "width", "loss", "excess_loss"]
best = pd.DataFrame(columns=columns)
if len(grid_runs):
    best = lowest_losses(grid_runs)
    excesses = best.pivot(index="width", columns="D", values="excess_loss")
    display(excesses.astype(float).round(3))
else:
    say("""
This profile has no grid of $N$ and $D$ on walks: the recorded one is left out
here, and the section below is empty.
""")

# %% tags=["hide-input"]
if len(best):
    best = best.astype({"loss": float, "excess_loss": float})
    excess = excess_surface(grid_runs)
    walk_frontier = allocation.parametric(
        excess, default_rng(0), resamples=400
    )
    with style():
        figure, axes = plt.subplots(figsize=(6.4, 3.4))
        looks = zip(best.groupby("D"), MARKERS, COLOURS.values(), strict=False)
        for (D, part), marker, colour in looks:
            look = {"color": colour, "markersize": 5, "label": f"D = {D:,}"}
            axes.plot(part["N"], part["excess_loss"], marker, **look)
            N = np.geomspace(part["N"].min(), part["N"].max(), 40)
            curve = excess.law.loss(excess.params, N=N, D=np.full(40, float(D)))
            axes.plot(N, curve, "-", marker="", color=colour)
        axes.set(xlabel="parameters N", ylabel="excess loss (nats)")
        logarithmic(axes, "both")
        axes.legend()
    show(
        figure,
        name="fig-walk-grid",
        caption="Excess loss on ER 1000/5000 over five sizes and five values "
        "of D. Points: the best of five learning rates and three seeds. Lines: "
        "A N⁻ᵅ + B D⁻ᵝ, one fit to all 25 points by least squares on "
        "logarithms.",
        alt="Excess loss against parameters on double logarithmic axes, five "
        "falling rows of points, one for each number of tokens, with a fitted "
        "curve through each. Rows of more tokens lie lower.",
        table=best[["N", "D", "excess_loss", "learning_rate"]].round(
            {"excess_loss": 4}
        ),
        runs=list(best["identity"]),
    )

# %% tags=["remove-input"]
if len(best):
    miss = np.abs(excess.residuals)
    typical, worst = float(np.median(miss)), float(miss.max())
    ends = walk_frontier.summary().loc["a"]
    value, low, high = (
        number(ends[name], decimals=2) for name in ("value", "low", "high")
    )
    gamma = walk_frontier.allocation.gamma
    verdict = {
        "within": "the typical point lies near the surface.",
        "on the edge": "whether the typical point lies near the surface is "
        "on the edge.",
        "beyond": "a sum of two powers only summarises these runs.",
    }[typically_within(excess.residuals)]
    against_seeds = (
        "And the seeds reject it: their scatter about their means is much "
        "smaller than what the means miss the surface by. An interval from "
        "such a fit measures the misfit."
        if surface_lack_of_fit(grid_runs).rejected()
        else "The scatter of the seeds does not reject it."
    )
    say(rf"""
With $H$ known: $\alpha$ = {number(excess.params["alpha"], decimals=2)},
$\beta$ = {number(excess.params["beta"], decimals=2)}, hence $a$ = {value}
({low} to {high}) and $\gamma$ = {number(gamma, decimals=2)}. The typical point
is off by {percent(typical, decimals=0)}, the worst by
{percent(worst, decimals=0)}: {verdict} {against_seeds}
""")

# %% [markdown]
# The same 25 points with a model's size counted in three ways: all parameters (the paper's $N$), those without
# embeddings (Kaplan's), and the width. Here the floor is fitted, as it would have to be on other data; *growth* is how
# fast $N$ grows with that size over the grid, and $a$ is the exponent of *that* size in $C = 6ND$.

# %%
if len(best):
    by_size = reconciliation.exponents_by_size(best, objective="log-ols")
    columns = ["alpha", "alpha_se", "beta", "beta_se", "growth", "a", "b"]
    display(by_size[columns].round(2))

# %% [markdown]
# Now the routes again, this time on runs, where nobody knows the right answer: the law with the floor known, the law
# with the floor fitted, as everybody else must, and the paper's grid on a kernel surface. (Approach 2 would need its
# own design, several sizes at equal $C$. Approach 1 would need learning curves with a constant learning rate, and ours
# are cosines.)

# %% tags=["hide-input"]
if len(best):
    surface = kernel_ridge(best[["N", "D"]].assign(loss=best["excess_loss"]))
    fitted_floor = fit(Chinchilla(), best)
    by_route = {
        "3 parametric, H known": walk_frontier,
        "3 parametric, E fitted": allocation.parametric(
            fitted_floor, default_rng(0), resamples=400
        ),
        "4 grid, kernel ridge": allocation.grid_minimum(surface),
    }
    middle_flops = 6 * float(best["N"].median()) * float(best["D"].median())
    routes_agree = allocation.comparison(by_route, middle_flops)
    routes_agree = routes_agree[["a", "b", "gamma", "N", "D"]]
    in_words = {name: routes_agree[name].map(number) for name in ("N", "D")}
    display(routes_agree.assign(**in_words).round(3).rename_axis(None))

# %% tags=["remove-input"]
if len(best):
    ratios = routes_agree["D"].astype(float) / routes_agree["N"].astype(float)
    spread = routes_agree["a"].max() - routes_agree["a"].min()
    in_size, in_tokens = (
        published_number(f"er-1k-k0.{name}") for name in ("alpha", "beta")
    )
    of_paper = in_tokens / (in_size + in_tokens)
    say(rf"""
In the middle of the grid, at {number(middle_flops, 2)} FLOPs, the routes ask
for {number(ratios.min(), 2)} to {number(ratios.max(), 2)} tokens per parameter,
and their $a$ differs by {number(spread, decimals=2)}. On the walks the paper's
own mean exponents for this graph ({in_size} and {in_tokens}, figure 5) would
give $a$ = {number(of_paper, decimals=2)}. Its runs take more compute than any
of ours, so this is a comparison of numbers and no test.
{" ".join(by_route["4 grid, kernel ridge"].warnings)}
""")

# %% [markdown]
# **What it means.** An allocation can be computed at this size, and its routes disagree on the same 25 points. Look at
# the figure again before you believe any of them: the two narrowest widths hardly gain from more tokens, and the
# narrowest even loses by some. More steps do not help them, so few steps are not what they suffer from; their seeds
# fall into good ones and bad ones, and for some their best learning rate lies at the end of the grid (chapter 2). A sum of
# two powers has no such drop. Whoever fits it across one gets a large $\alpha$, which describes the drop and says nothing
# about wider models. What it does *not* mean: that these exponents hold for the paper's models, which are all wider than
# those at the drop.

# %% [markdown]
# ### Wider models
#
# So we trained a second grid on the same graph: only wider models, and tokens closer together. *Before you look:* will
# a sum of two powers fit now? The figure has one more line, what a table of counts reaches once it knows which edges
# there are (chapter 1): its exponent in $D$ is 1. It is no lower bound (a learner that guessed that all neighbours are
# alike would need no counts), but it is the rate of whoever estimates the transitions one by one. Which slope do you
# expect of the models?

# %% tags=["hide-input", "remove-stderr"]
wide_runs = lab.recorded("er-1k-wide")
wide = lowest_losses(wide_runs) if len(wide_runs) else wide_runs
if len(wide):
    wide = wide.astype({"excess_loss": float})
    counting = experiment("er-1k-wide").chain().counting_coefficient
    with style():
        figure, axes = plt.subplots(figsize=(6.4, 3.4))
        groups = wide.groupby("width")
        looks = zip(groups, MARKERS, COLOURS.values(), strict=False)
        for (width, part), marker, colour in looks:
            look = {"color": colour, "label": f"width {width}"}
            look["markersize"] = 5
            axes.plot(part["D"], part["excess_loss"], f"{marker}-", **look)
        ends = np.array([wide["D"].min(), wide["D"].max()], float)
        look = {"marker": "", "color": "0.4", "label": "counting"}
        axes.plot(ends, counting / ends, "--", **look)
        axes.set(xlabel="training tokens D", ylabel="excess loss (nats)")
        logarithmic(axes, "both")
        axes.legend(loc="upper right", ncols=2)
    columns = ["width", "N", "D", "excess_loss", "learning_rate"]
    show(
        figure,
        name="fig-walk-grid-wide",
        caption="Excess loss on ER 1000/5000 against tokens, at four wider "
        "widths: the best of the learning rates and of three seeds. Dashed: "
        "(2E − n)/2D, counting when the edges are known.",
        alt="Excess loss against tokens on double logarithmic axes. The curves "
        "of all widths fall together, steeply at first and then in parallel to "
        "the dashed line of counting, which lies several times lower. The "
        "narrowest lies clearly above the other three, which lie close "
        "together.",
        table=wide[columns].round({"excess_loss": 4}),
        runs=list(wide["identity"]),
    )

# %% tags=["remove-input"]
if len(wide):
    asked = (
        "walks.counting_rate.128",
        "walks.counting_rate.192",
        "forecast.er-1k-wide",
    )
    verdicts = claims.evaluate(recorded_or_none, only=asked)
    judged = {row.claim.id: row for row in verdicts}
    rates = {
        name: written_value(row)
        for name, row in judged.items()
        if row.measured and name.startswith("walks.")
    }

# %% tags=["remove-input"]
if len(wide):
    widest = wide[wide["width"] == wide["width"].max()].sort_values("D")
    logs = np.log(widest[["excess_loss", "D"]].to_numpy(float))
    differences = np.diff(logs, axis=0)
    slopes = [number(-fall / rise, decimals=2) for fall, rise in differences]
    factors = widest["excess_loss"] * widest["D"] / counting
    factors = [number(factor, decimals=1) for factor in factors]
    sides = wide.pivot(index="D", columns="width", values="excess_loss")
    sides = sides.iloc[:, 0] / sides.iloc[:, -1]
    sides = [number(ratio, decimals=2) for ratio in sides]
    rejected = surface_lack_of_fit(wide_runs).rejected()
    through_all = (
        "One surface through all points is rejected by the scatter of the "
        "seeds, so no exponent is read from it."
        if rejected
        else "The scatter of the seeds does not reject one surface through all."
    )
    say(rf"""
From one $D$ to the next, the widest model's exponent is {", ".join(slopes)},
and its loss lies above that of counting by a factor of {", ".join(factors)}.
The narrowest model's loss is {", ".join(sides)} times the widest's, from the
least $D$ to the greatest. {through_all} The rows of the ledger take one width
each, at the two that the paper's models begin with, and a line through the
means over seeds. Its exponent against counting's 1, at width 128:
{rates["walks.counting_rate.128"]}; at width 192:
{rates["walks.counting_rate.192"]}.
""")

# %% tags=["remove-input"]
if len(wide):
    sizes = np.log(wide.groupby("width")["N"].first().astype(float))
    growth = np.diff(sizes) / np.diff(np.log(sizes.index.to_numpy(float)))
    forecast_row = judged["forecast.er-1k-wide"]
    scored = written_value(forecast_row)
    band = forecasts.registered()["er-1k-wide"]
    found = forecasts.scored("er-1k-wide", recorded_or_none)
    where = "inside" if found.inside else "outside"
    unchanged = "Yes" if found.unchanged_inside else "No"
    low, high = (
        number(band.value + sign * band.half, decimals=3) for sign in (-1, 1)
    )
    say(rf"""
And the count of parameters. $N$ without embeddings is proportional to the
square of the width. With embeddings it grows more slowly, here as the power
{number(growth.min(), decimals=2)} to {number(growth.max(), decimals=2)}, so the
same losses have a smaller exponent in $N$ without them, by half of that power
as a factor. This is arithmetic and no finding: only the ruler differs.

Before width 192 was trained, its loss at $D$ = {number(wide["D"].max())} was
forecast from the other three: between {low} and {high} nats. The run lies
{where} this band. Would a forecast of no change from width 128 on have lain in
it? {unchanged}. So the ledger asks how much smaller the forecast's error is
than that of no change (its *skill*): {scored}.
""")

# %% [markdown]
# **What it means.** Does a sum of two powers fit? Not well. In such a sum the curves of small models would flatten
# towards a floor of their own, and these run side by side. So read the local exponents, not a surface. Where they come
# down to about 1 and the factor over counting stops falling, the widest model learns *at the rate of counting*, from a
# worse start: each of its tokens is worth a fixed share of one that is counted. What it does *not* show: that this lasts
# beyond the window. The paper's exponent in $D$ for this graph, below 1, belongs to models with more compute, whose numbers
# of tokens are not stated.

# %% [markdown]
# ## The Chinchilla points
#
# The most-read table of the field is a scatter plot: Besiroglu et al. (2024) read 245 points off a figure of Hoffmann
# et al. (2022) and refitted them without the five largest losses. The points may not be shipped with a book. Where you
# have them (`chinchilla_points(download=True)` fetches them, or pass a path) they are used here; where not, a synthetic
# table stands in, drawn from the published law, and says so.

# %% tags=["nbval-ignore-output"]
# With download=True the real ones are fetched.
points = chinchilla_points(cache=lab.home, download=False)
chinchilla = fit(Chinchilla(), points.table)
frontier = allocation.parametric(chinchilla, default_rng(0), resamples=400)
say(f"Used below: **{points.label}**.")
frontier.summary().loc[["E", "gamma", "a", "b"]].round(3)

# %% [markdown] tags=["exercise", "key:assumed-floor"]
# ### Exercise 1: a forecast, before you read on
#
# *★★ · 5 minutes.* Nobody knows $E$ for text. Suppose it were not fitted but pinned, at values from 1.70 to 1.90. On
# the real points the fitted value is 1.817. Write down three guesses: from the lowest to the highest $E$, by how much
# does $\alpha$ change? $\beta$? And $a = \beta/(\alpha+\beta)$?
#
# Register the change of $a$. The figure and the numbers below are folded until you open them.

# %% tags=["forecast", "key:assumed-floor"]
forecast("assumed-floor", low=..., value=..., high=...)

# %% [markdown] tags=["solution", "key:assumed-floor"]
# <details><summary><b>Solution</b></summary>
#
# Both exponents rise: with a higher floor less is left to fall, and what is left falls faster on logarithmic axes.
# $\alpha$ and $\beta$ rise *together*, each by several of its standard errors, and their ratio hardly moves; the
# numbers stand under the figure below. Allocation needs only the ratio.
#
# </details>

# %% tags=["hide-input", "hide-output"]
floors = np.linspace(1.70, 1.90, 9)
pinned = pd.DataFrame(
    [fit(Chinchilla().pin(E=E), points.table).params for E in floors]
)
pinned["a"] = pinned["beta"] / (pinned["alpha"] + pinned["beta"])
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    labels = {"a": "a", "beta": "β", "alpha": "α"}
    looks = zip(labels.items(), MARKERS, COLOURS.values(), strict=False)
    for (name, label), marker, colour in looks:
        look = {"color": colour, "label": label}
        axes.plot(floors, pinned[name], marker + "-", **look)
    look = {"color": COLOURS["grey"], "label": "E fitted"}
    axes.axvline(chinchilla.params["E"], linestyle="--", **look)
    axes.set(xlabel="assumed irreducible loss E (nats)", ylabel="exponent")
    axes.set(ylim=(0.25, 0.6))
    axes.legend(loc="lower right", ncols=2)
show(
    figure,
    name="fig-assumed-floor",
    caption="Exponents of the two-dimensional fit with E pinned. "
    f"{points.label}.",
    alt="Exponents against the assumed E from "
    f"{number(floors[0], decimals=2)} to {number(floors[-1], decimals=2)}. "
    "Alpha and beta climb steadily and together; a stays almost level a little "
    "above one half.",
    table=pinned[["E", "alpha", "beta", "a"]].round(4)
    if points.synthetic
    else Withheld(points.origin, points.sha256),
    runs=[],
)

# %% tags=["remove-input", "hide-output"]
change = {
    name: number(pinned[name].iloc[-1] - pinned[name].iloc[0], decimals=3)
    for name in ("alpha", "beta", "a")
}
which = "the synthetic stand-in" if points.synthetic else "the real points"
say(rf"""
From E = {number(floors[0], decimals=2)} to {number(floors[-1], decimals=2)}
({which}) $\alpha$ changes by {change["alpha"]}, $\beta$ by {change["beta"]},
and $a$ by {change["a"]}.
""")

# %% tags=["hide-output", "key:assumed-floor"]
reveal("assumed-floor", pinned["a"].iloc[-1] - pinned["a"].iloc[0])

# %% [markdown]
# The same can be read off without the points: the library keeps the covariance of the bootstrapped fit to the real ones
# (by the input's sha256). Draw from it, and ask how well each exponent is known.

# %%
real = literature.published("besiroglu-huber", default_rng(0))
drawn = real.draws[["a", "gamma", "E"]].copy()
drawn["alpha"] = drawn["gamma"] / drawn["a"]
drawn["beta"] = drawn["gamma"] / (1 - drawn["a"])
per_nat = drawn.cov()["E"] / drawn["E"].var()
known = pd.DataFrame(
    {"mean": drawn.mean(), "se": drawn.std(), "per nat of E": per_nat}
)
alpha, beta, a = (
    number(0.1 * per_nat[name], decimals=3) for name in ("alpha", "beta", "a")
)
say(rf"""
On the real points an error of 0.1 nat in $E$ moves $\alpha$ by {alpha}, $\beta$
by {beta} and $a$ by only {a}.
""")
known.loc[["E", "alpha", "beta", "gamma", "a"]].round(3)

# %% tags=["remove-input"]
ours = recorded_or_none("chinchilla-results")  # None: no recorded tables
if ours is not None:
    ours = ours.set_index("quantity")
    none, five, eighty = (
        number(ours.loc[f"window.a-without-{dropped}", "value"], decimals=3)
        for dropped in (0, 5, 80)
    )
    say(rf"""
So $a$ is robust *to the floor*. It is not robust to everything. On the real
points $a$ = {none} with none of the largest losses left out, {five} with five,
{eighty} with eighty. The choice of window moves it by several of the standard
errors in the table, and a bootstrap, which keeps to one window, cannot show
that. (Computed once on the real points, whose file has the sha256
{ours["input_sha256"].iloc[0][:12]}, and recorded;
`python -m tools.record_chinchilla` computes it again.)
""")

# %% [markdown]
# ### The paper's own route on the same points

# %% tags=["remove-input"]
PAPER = {
    name: published_number(f"chinchilla.nn.{name}")
    for name in ("gamma", "a", "b")
}
say(rf"""
The paper regresses the points with a network, searches a grid, and reads off
$\gamma = {PAPER["gamma"]}$, $a = {PAPER["a"]}$, $b = {PAPER["b"]}$ (arXiv
2601.10684v1, figure 16). It gives no interval. We trained the same network,
again a hundred times on resampled points, and put the closed form of the law
and the same grid on a kernel surface beside it. Would you expect the paper's
values inside our intervals?
""")

# %%
confronted = pd.DataFrame({"paper": PAPER})
if ours is not None:
    network = ours.loc[[f"network.{name}" for name in PAPER]]
    network.index = list(PAPER)
    of_law = real.summary().loc[list(PAPER)]
    for source, ends in (("our network", network), ("law", of_law)):
        confronted[source] = ends["value"]
        confronted[f"{source}, low"] = ends["low"]
        confronted[f"{source}, high"] = ends["high"]
    for window in ("all", "inner"):
        names = [f"kernel-{window}.{name}" for name in PAPER]
        values = ours.loc[names, "value"].to_numpy()
        confronted[f"kernel, {window} budgets"] = values
confronted.transpose().round(3)

# %% tags=["remove-input"]
if ours is not None:
    tex = {"gamma": r"$\gamma$", "a": "$a$", "b": "$b$"}
    places = {"inside": [], "on the edge": [], "outside": []}
    for name, value in PAPER.items():
        low, high = network.loc[name, ["low", "high"]]
        ends = intervals.Interval(low, high, 0.95, "percentile")
        places[intervals.placed(ends, value)].append(tex[name])
    inside = ", ".join(places["inside"]) or "none of the three"
    edge = ", ".join(places["on the edge"])
    edge = f"; it lies on the edge of it for {edge}" if edge else ""
    total = PAPER["a"] + PAPER["b"]
    own = network.loc[["a", "b"], "value"].sum()
    say(rf"""
The paper's value lies inside the 95 % interval of our network for
{inside}{edge}. Its $a + b$ is {number(total, decimals=3)}, ours
{number(own, decimals=3)}: not 1, as two separate searches allow. The interval
is one over other points, while both networks saw these. How far refits from
other initial weights scatter was not recorded, so the ledger leaves the rows
`chinchilla.nn.*` undetermined.
""")

# %% tags=["remove-input"]
if ours is not None:
    kernels = confronted["kernel, inner budgets"]
    moved = kernels - confronted["kernel, all budgets"]
    differs = confronted["paper"] - confronted["our network"]
    further = {name: compared(moved[name], differs[name]) for name in PAPER}
    conclusion = ""
    if further["gamma"] == further["a"] == "more than":
        conclusion = """So it is the choice of the surface and of the window
that decides these digits, and not the points."""
    said = {
        name: f"by {number(moved[name], decimals=3)}, **{further[name]}** the "
        f"paper differs from our network ({number(differs[name], decimals=3)})"
        for name in PAPER
    }
    say(rf"""
The kernel's answer depends on the window. From all budgets to the inner ones
($10^{{19}}$ to $10^{{21}}$) $\gamma$ moves {said["gamma"]}; $a$ moves
{said["a"]}. {conclusion}
""")

# %% [markdown]
# ## A ratio that its own fit does not give

# %% tags=["remove-input"]
printed = published_number("text-sp-2l.a_over_b")
say(rf"""
For two-layer language models under SP, with embeddings counted, the paper
reports $a/b \approx {printed}$ and calls it close to Chinchilla. It also prints
a two-dimensional fit. Under $C = 6ND$ that fit has an $a/b$ of its own,
$\beta/\alpha$, and so have the mean one-dimensional exponents of figure 11.
""")

# %%
# arXiv 2601.10684v1, figure 17
quoted = {
    name: published_number(f"text-sp-2l.2d.{name}")
    for name in ("E", "A", "B", "alpha", "beta")
}
implied = allocation.closed_form(quoted)
captions = published_exponents().set_index(["data", "model"])
means = captions.loc[("language", "2 layers, SP")]
of_means = means["alpha"] * means["beta"] / (means["alpha"] + means["beta"])
pd.DataFrame(
    {
        "printed in the text": {"a/b": printed, "gamma": np.nan},
        "its 2-d fit (figure 17)": {
            "a/b": implied.a / implied.b,
            "gamma": implied.gamma,
        },
        "its mean 1-d exponents (figure 11)": {
            "a/b": means["beta"] / means["alpha"],
            "gamma": of_means,
        },
    }
).transpose().round(3)

# %% tags=["remove-input"]
of_fit = number(implied.a / implied.b, decimals=2)
needed = number(printed * quoted["alpha"], decimals=3)
factor = 1000 ** (implied.a - printed / (1 + printed))
say(rf"""
{printed} and {of_fit} cannot both describe one surface: for {printed} with this
$\alpha$, $\beta$ would have to be {needed} instead of {quoted["beta"]}. At
$10^{{3}}$ times the compute, the two differ by a factor of
{number(factor, decimals=1)} in $N$.

This is **conditional**. The paper does not say to which data set figure 17
belongs; that it is the SP run is our inference from its exponents, which match
those of figure 11. The text is that of arXiv v1. And the network's surface,
from which {printed} was read, need not follow the formula at all. But then one
of the two, the network or the formula, describes the runs badly. Whether the
runs agree with Chinchilla depends on which of them one believes, and on a range
of $C$ that was, as the paper says, clipped by hand.
""")

# %% [markdown]
# ## Kaplan against Chinchilla

# %% tags=["remove-input"]
of_kaplan = published_number("kaplan.a")
of_hoffmann = number(published_number("hoffmann.1.a"), decimals=2)
omega = int(reconciliation.OMEGA)
say(rf"""
Kaplan et al. (2020) found $N_\text{{opt}} \propto C^{{{of_kaplan}}}$,
Hoffmann et al. (2022) $C^{{{of_hoffmann}}}$. Pearce and Song (2024)
noticed that much of the difference lies in what is counted. Kaplan et al. left
out the parameters of the embedding, and its FLOPs. Let the truth be
Chinchilla's law in all parameters $N$, and count only $N_E$, with
$N = N_E + \omega N_E^{{1/3}}$ (their fit to the Chinchilla models has
$\omega = {omega}$). In a small model most of $N$ is
embedding, and then $N_E$ grows much faster than $N$. So it looks as if the part
of the model that is counted should take nearly all of the budget.
""")

# %% tags=["hide-input"]
law = published_law("besiroglu").parameters
true_a = literature.published("besiroglu").allocation.a
seen = reconciliation.embedding_frontier(law, np.geomspace(1e2, 1e12, 200))
# Kaplan et al.'s smallest and largest model (their section 1.2).
smallest, largest = 768, 1.5e9
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    look = {"color": COLOURS["blue"], "label": "seen without embeddings"}
    axes.plot(seen["N_nonembedding"], seen["exponent"], "-", marker="", **look)
    look = {"color": COLOURS["green"], "label": "true a, all counted"}
    axes.axhline(true_a, linestyle="--", **look)
    label = f"Kaplan et al., {of_kaplan}"
    look = {"color": COLOURS["vermillion"], "label": label}
    axes.axhline(of_kaplan, linestyle=":", **look)
    look = {"color": COLOURS["grey"], "label": "Kaplan et al.'s models"}
    axes.axvspan(smallest, largest, alpha=0.2, **look)
    axes.set(xlabel="non-embedding parameters", ylabel="local exponent a")
    axes.set(ylim=(0.45, 1.15))
    logarithmic(axes, "x")
    axes.legend(loc="upper right")
columns = ["N_nonembedding", "N", "C_nonembedding", "exponent"]
show(
    figure,
    name="fig-embeddings",
    caption="One law, two ways to count. The exponent of the optimal "
    "non-embedding size in non-embedding compute, if Chinchilla's law "
    "(Besiroglu et al.'s parameters) holds in all parameters.",
    alt="Local exponent against non-embedding parameters from 100 to 1e12. The "
    f"curve starts at {number(seen['exponent'].iloc[0], decimals=2)}, rises to "
    "a peak near one inside the shaded range of Kaplan's models, then falls "
    f"towards the dashed line at {number(true_a, decimals=2)}.",
    table=seen[columns].iloc[::10],
    runs=[],
)

# %%
local = reconciliation.local_exponents(law)
say(rf"""
A power law fitted over Kaplan's range would report $a$ =
**{number(local["a"], decimals=2)}** where the law's is
**{number(local["total_a"], decimals=2)}**. Experiments go the same way: Porian
et al. (2024) started from Kaplan's recipe and changed one thing at a time.
""")
steps = reconciliation.porian_steps()
steps["step"] = steps["step"].str.replace(", no decay", "")
steps.set_index("step").rename_axis(None)

# %% tags=["remove-input"]
say(rf"""
The largest single step is indeed what is counted. The others are warm-up,
schedule and tuning: small models were trained worse than large ones, and an
exponent then measures the training (chapter 2). The paper's SP runs show the
same: $(a, b) = ({published_number("text-sp-2l.a_noemb")},
{published_number("text-sp-2l.b_noemb")})$ without embeddings (arXiv v1),
although these two do not add up to 1.
""")

# %% [markdown]
# ## Why twenty, and where it is not
#
# "Twenty tokens for every parameter" is no law. It is read off one table of Hoffmann et al. (by their approach 1, with
# $a = b = 0.5$), where the ratio cannot depend on $C$. With any other $a$
#
# $$
# \frac{D_\text{opt}}{N_\text{opt}} = G^{-2} (C/6)^{\,b-a},
# $$
#
# which drifts with the budget. And of all the numbers in it, $G$ is known worst.

# %% tags=["hide-input"]
compute = np.geomspace(1e18, 1e26, 60)
shown = {
    "besiroglu": "Besiroglu et al.",
    "hoffmann": "Hoffmann et al., approach 3",
    "hoffmann-rounded": "the same, as printed",
    "muennighoff": "Muennighoff et al.",
}
fronts = {
    name: literature.published(name, default_rng(0)).predict(compute)
    for name in shown
}
ratio = "tokens_per_parameter"
ratios = pd.DataFrame(
    {label: fronts[name][ratio] for name, label in shown.items()}
)

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    lines = ("-", "--", "-.", ":")
    looks = zip(shown.values(), COLOURS.values(), lines, strict=False)
    for label, colour, line in looks:
        look = {"marker": "", "color": colour, "label": label}
        axes.plot(compute, ratios[label], line, **look)
    band = fronts["besiroglu"]
    ends = (band[f"{ratio}_low"], band[f"{ratio}_high"])
    axes.fill_between(compute, *ends, color=COLOURS["blue"], alpha=0.2)
    axes.axhline(20, color=COLOURS["grey"], linewidth=1)
    axes.set(xlabel="budget C (FLOPs)", ylabel="tokens per parameter")
    axes.set(ylim=(3, 400))
    logarithmic(axes)
    axes.legend()
show(
    figure,
    name="fig-twenty",
    caption="Tokens per parameter at the optimum, by published laws; the band "
    "is the 95 % sampling error of Besiroglu et al.'s fit, grey marks 20.",
    alt="Tokens per parameter against budget, log-log. Besiroglu's line falls "
    "slowly near 20 with a band that widens to the right; Hoffmann's two rise "
    "steeply, apart from each other; Muennighoff's is level.",
    table=ratios.assign(C=compute).iloc[::6].round(1),
    runs=[],
)

# %% tags=["remove-input"]
at_chinchilla = {
    name: planner.plan(
        CHINCHILLA_FLOPS, literature.published(name, default_rng(0))
    )
    for name in shown
}
asked_for = {
    name: number(plan.tokens_per_parameter, decimals=0)
    for name, plan in at_chinchilla.items()
}
low, high = at_chinchilla["besiroglu"].interval["tokens_per_parameter"]
low, high = number(low, decimals=0), number(high, decimals=0)
by_besiroglu, by_hoffmann = (
    number(published_number(f"{source}.tokens_per_parameter"), decimals=0)
    for source in ("epoch", "hoffmann")
)
say(rf"""
At Chinchilla's own budget, {number(CHINCHILLA_FLOPS)} FLOPs:
{asked_for["besiroglu"]} tokens per parameter ({low} to {high}) by Besiroglu et
al., {asked_for["hoffmann"]} by the unrounded parameters of Hoffmann et al.,
{asked_for["hoffmann-rounded"]} by the *same* parameters as printed, with two
digits. They trained Chinchilla with 20. (Besiroglu et al. quote about
{by_besiroglu} and {by_hoffmann}; ours follow from the printed parameters under
$C = 6ND$.)
""")

# %% [markdown]
# ## A budget slider
#
# Move the budget. On the left is the loss of every model that it could train, with the optimum and the 95 % band of
# where it lies; on the right, the tokens per parameter. Watch how flat the curve is inside the band.

# %% tags=["hide-input"]
powers = np.arange(18, 26.1, 0.5)
planned = literature.published("besiroglu", default_rng(0)).predict(10**powers)
axes = plot_axes(
    {power: f"1e{power}" for power in range(7, 14)},
    {loss: number(loss, 2) for loss in (1.8, 2.2, 2.6, 3.0, 3.4)},
    "parameters N",
    "loss (nats)",
)
moving = budget_marks(
    axes,
    law,
    planned,
    sizes=np.logspace(7, 13, 31),
    losses=np.array([1.8, 3.4]),
)
left = Panel(320, 320, [*axes.marks, *moving])
right = curve_panel(
    powers,
    planned["tokens_per_parameter"].to_numpy(),
    x_label="log₁₀ of the budget (FLOPs)",
    y_label="tokens per parameter",
    x_ticks=[18, 20, 22, 24, 26],
    y_ticks=[0, 10, 20, 30, 40],
    level=20.0,
    level_label="20",
)

# %% tags=["hide-input"]
sentences = [
    f"N = {number(row.N, 2)} ({number(row.N_low, 2)} to "
    f"{number(row.N_high, 2)}), D = {number(row.D, 2)}, loss "
    f"{number(row.loss, decimals=3)} nats, "
    f"{number(row.tokens_per_parameter, decimals=0)} tokens per parameter."
    for row in planned.itertuples()
]
show_live(
    [left, right],
    slider="budget",
    values=[f"1e{power:g}" for power in powers],
    says=sentences,
    start=8,
    name="fig-budget-live",
    caption="Loss against model size at a budget, by Besiroglu et al.'s law; "
    "the dot is the optimum, the band its 95 % sampling error. The runs behind "
    "the law end near 1e22 FLOPs: beyond, everything is extrapolation.",
    alt="Left, a bowl of loss against parameters with a dot at its minimum and "
    "a shaded band around it; with the budget it moves down and to the right. "
    "Right, tokens per parameter against the budget, falling slowly through "
    "20.",
    table=planned[["C", "N", "N_low", "N_high", "D", "loss"]].iloc[::2],
    runs=[],
)

# %% [markdown]
# ## The planner, and its limits
#
# `planner.allocate`, or `scaling-lab allocate --flops 1e21` in a terminal, takes a budget and a law, or a table of your
# own. A budget may also be GPU-hours, money or energy; prices and hardware are a small dated table that you should
# replace.

# %%
chosen = planner.allocate(1e21, default_rng(0))
cost = planner.budget_cost(1e21)
hours, dollars, energy = (
    number(cost[name], decimals=0) for name in ("gpu_hours", "money", "energy")
)
low, high = (number(end, decimals=3) for end in chosen["interval"]["loss"])
say(rf"""
$10^{{21}}$ FLOPs on H100s at {percent(planner.UTILIZATION, decimals=0)} of peak
are {hours} GPU-hours, about {dollars} US dollars at the dated price of the
table and {energy} kWh. They buy {number(chosen["N"], 2)} parameters on
{number(chosen["D"], 2)} tokens, loss {number(chosen["loss"], decimals=3)}
({low} to {high}) nats.
""")

# %% [markdown]
# Three things that $C = 6ND$ leaves out:
#
# - **Inference.** A model that is used costs $2 N$ for each token it reads or writes. To minimise
#   $6ND + 2 N D_\text{inf}$ at a given loss, train a smaller model for longer (Sardana et al. 2023).
# - **Data.** $D_\text{opt}$ may be more than there is. Repeated tokens lose value: $U$ distinct ones read $1 + R$ times
#   are worth $U + U R^* (1 - e^{-R/R^*})$, with $R^* \approx 15$ (Muennighoff et al. 2023).
# - **Energy.** It is proportional to $C$ at fixed hardware, so it moves no optimum and only limits the budget. But
#   since $\gamma$ is small, every further step in loss takes many times the energy.

# %%
sizes, chinchilla_tokens = 1.3e10, 2.6e11
goal = float(allocation.isoflop_loss(law, sizes, 6 * sizes * chinchilla_tokens))
served = {}
for used in (0.0, 1e12, 1e13, 1e14):
    plan = corrections.inference_aware(law, used, loss=goal)
    served[number(used, 1)] = {
        "N": number(plan.N, 2),
        "D": number(plan.D, 2),
        "D/N": number(plan.D / plan.N, decimals=0),
        "saved": percent(plan.saving, decimals=1),
    }
pd.DataFrame(served).transpose().rename_axis("tokens served")

# %%
muennighoff = published_law("muennighoff").parameters
repeated = {}
for unique in (1e12, 1e11, 3e10, 1e10):
    plan = corrections.repeated_data(muennighoff, 1e22, unique)
    repeated[number(unique, 1)] = {
        "N": number(plan.N, 2),
        "epochs": number(plan.epochs, decimals=1),
        "loss": number(plan.loss, decimals=3),
        "loss, plain allocation": number(plan.plain_loss, decimals=3),
    }
pd.DataFrame(repeated).transpose().rename_axis("distinct tokens")

# %% tags=["remove-input"]
halving = {
    name: 2 ** (1 / literature.published(name).allocation.gamma)
    for name in ("besiroglu", "hoffmann")
}
say(rf"""
And energy: to halve the *reducible* loss takes
{number(halving["besiroglu"], decimals=0)} times the compute by Besiroglu et
al.'s $\gamma$, {number(halving["hoffmann"], decimals=0)} times by Hoffmann et
al.'s.
""")

# %% [markdown]
# ### Repeated tokens: worth less, or harmful?
#
# By Muennighoff et al. a repeated token is *worth less*: another pass helps less and less, but never harms. Lovelace et al.
# (2026, arXiv 2605.01640) say that it *harms*. Tokens count as if they were fresh, and a penalty for overfitting is added,
#
# $$
# L = E + A N^{-\alpha} + B D^{-\beta} + P R^{\delta} (N/U)^{\kappa},
# $$
#
# so that some number of passes is best, and fewer of them for a larger model (`corrections.penalised_data` plans by it). Can
# the two be told apart? No table of language models that ships here has repeated passes. One table of walks has: models of
# width 64 that read 50,000 to 200,000 tokens one to eight times (chapter 2). At one size $A N^{-\alpha}$ is a constant,
# which both laws get; $N^\kappa$ is a part of $P$. The excess loss of each number of passes is the lowest of three learning
# rates. *Before you move the slider:* which law has the better forecast of eight passes from four and fewer?

# %% tags=["remove-stderr"]
passes = lab.recorded("er-200-epochs")
if len(passes):
    passes = passes.astype({"excess_loss": float}).sort_values("excess_loss")
    lowest = passes.groupby(["D", "epochs"], as_index=False).first()
    scores = repetition.compare_repetition(lowest)
    display(scores.round(3))

# %% tags=["hide-input"]
if len(passes):
    RIVALS = {"discount": ("green", 18), "linear penalty": ("vermillion", -8)}
    texts = lowest["D"].unique()
    along = np.geomspace(1, 32, 11)
    axes = plot_axes(
        {np.log10(count): f"{count}" for count in (1, 2, 4, 8, 16, 32)},
        {np.log10(nats): f"{nats:g}" for nats in (0.01, 0.03, 0.1, 0.3, 0.5)},
        "passes over the same tokens",
        "excess loss (nats)",
    )
    marks, laws = [*axes.marks], {}
    for name, (colour, below) in RIVALS.items():
        laws[name] = repetition.fit_repetition(lowest, name)
        curve = np.log10(laws[name].excess_loss(texts[:, None], along))
        place = {"x": 300, "y": (axes.up(curve[:, -1]) + below).tolist()}
        marks.append(moving_curve(axes, np.log10(along), curve, colour=colour))
        marks.append(Mark("text", place | {"text-anchor": "end"}, name))
    runs_at = lowest.pivot(index="D", columns="epochs", values="excess_loss")
    dots = np.log10(runs_at.columns.to_numpy(float)), np.log10(runs_at)
    marks += moving_dots(axes, dots[0], dots[1].to_numpy())

# %% tags=["hide-input"]
if len(passes):
    ends = {name: law.excess_loss(texts, 32.0) for name, law in laws.items()}
    far_apart = zip(ends["discount"], ends["linear penalty"], strict=True)
    show_live(
        [Panel(320, 320, marks)],
        slider="distinct tokens",
        values=[f"{tokens:,}" for tokens in texts],
        says=[
            f"At 32 passes {number(less, 2)} nats by the discount, "
            f"{number(more, 2)} by the penalty."
            for less, more in far_apart
        ],
        start=0,
        name="fig-passes",
        caption="Excess loss on walks against passes over the same tokens. "
        "Dots: runs of width 64, the lowest of three rates. Curves: both laws, "
        "fitted to all twelve dots, and drawn on to 32 passes.",
        alt="Four dots that fall with more passes, with two curves through "
        "them. Beyond the dots one curve levels off and the other one turns "
        "upwards.",
        table=lowest[["D", "epochs", "learning_rate", "excess_loss"]].round(4),
        runs=list(lowest["identity"]),
    )

# %% tags=["remove-input"]
if len(passes):
    MEASURES = ["fitted", "run left out", "text left out", "passes ahead"]
    both = scores.loc[list(RIVALS), MEASURES]
    by_rate = [
        repetition.compare_repetition(part, list(RIVALS))[MEASURES]
        for _, part in passes.groupby("learning_rate")
    ]
    nearer, *at_rates = (
        int((one.loc["linear penalty"] < one.loc["discount"]).sum())
        for one in (both, *by_rate)
    )
    free = repetition.fit_repetition(lowest, "penalty").parameters
    steps = np.geomspace(1, 32, 500)
    curves = laws["linear penalty"].excess_loss(texts[:, None], steps)
    best_passes = steps[curves.argmin(axis=1)]
    say(rf"""
The table has root mean squares of $\ln(L - H)$ about each law. That repeated
tokens are as good as *fresh* ones fits worst. With its exponents free the
penalty has six parameters and forecasts nothing: eight passes from the nine
other runs are off by {number(scores.loc["penalty", "passes ahead"], 2)}. With
both exponents at 1 it has as many as the discount, and is nearer in {nearer} of
{len(MEASURES)} columns; eight passes are off by
{number(both.loc["linear penalty", "passes ahead"], 2)} instead of
{number(both.loc["discount", "passes ahead"], 2)}. By it
{number(best_passes.min(), 2)} to
{number(best_passes.max(), 2)} passes are best.

**So the penalty is right?** These runs do not say. At one learning rate at a
time it is nearer in {", ".join(map(str, at_rates))} of {len(MEASURES)} columns.
Each dot is one seed, and its best rate the luck of three. And the exponents
were set to 1 after the free ones had come out at
{number(free["delta"], decimals=2)} and
{number(free["kappa"], decimals=2)}. What
would decide is where the curves part: 16 and 32 passes, several seeds, two
widths. No run that ships goes there, and none says anything about text.
""")

# %% [markdown]
# ## What this does not show
#
# - No allocation for walks at the paper's sizes: ours are a hundredth of them, and partly limited by steps.
# - All bands are sampling errors. The choice of law, of window, of what counts as $N$, and every extrapolation come on
#   top, and are larger.
# - The network was not trained here but once, on the real points (`tools/record_chinchilla.py`): ten minutes.
#
# ## If you remember one thing
#
# $a$ depends only on the ratio of two exponents, and that ratio is better known than either of them. The other parts of a
# recommendation are less certain: the intercept, the window of the fit, and what was counted as a parameter.

# %% [markdown]
# ## Exercises
#
# Exercise 1 was the forecast above.

# %% [markdown] tags=["book-only"]
# Below each of the others lies its solution in words, then in code that checks it.

# %% [markdown] tags=["exercise", "key:balance-at-the-optimum"]
# ### Exercise 2: the balance at the optimum
#
# *★ · 5 minutes.* At the optimum, which share of the reducible loss $L_\text{opt} - E$ is due to the size of the model
# and which to the tokens? Does it depend on $C$? Write the model's share as a function `model_share(alpha, beta)`; the
# cell after it says whether it is right.

# %% tags=["stub", "key:balance-at-the-optimum"]
def model_share(alpha, beta):
    """The model's share of the reducible loss at the optimum."""
    ...


# %% tags=["check", "key:balance-at-the-optimum"]
check("balance-at-the-optimum", model_share)

# %% [markdown] tags=["solution", "key:balance-at-the-optimum"]
# <details><summary><b>Solution</b></summary>
#
# From $\alpha A N^{-\alpha} = \beta B D^{-\beta}$, the parts are as $\beta : \alpha$. The model's share is
# $\beta/(\alpha+\beta) = a$, at every budget. So $a$ has a second meaning: it is the share of the reducible loss that
# is due to the finite size of the model.
#
# </details>

# %% tags=["solution", "key:balance-at-the-optimum", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
for C in (1e19, 1e23):
    N = float(truth.optimal_parameters(C))
    of_model = PLANTED["A"] * N ** -PLANTED["alpha"]
    share = of_model / (float(truth.loss(C)) - PLANTED["E"])
    say(rf"""
At {number(C, 1)} FLOPs the model's share is {number(share, decimals=4)}; $a$ is
{number(truth.a, decimals=4)}.
""")

# %% [markdown] tags=["exercise", "key:wrong-size"]
# ### Exercise 3: what does a wrong size cost?
#
# *★★ · 15 minutes.* With Besiroglu et al.'s law and $10^{22}$ FLOPs, train a model 2, 4 and 10 times too small or too
# large. How much more compute would the best allocation have saved?
#
# Write `wasted(E, A, B, alpha, beta, C, factor)`: the share of the budget $C$ that the best size would have saved, at the same
# loss, when the model is too large by `factor`.

# %% tags=["stub", "key:wrong-size"]
def wasted(E, A, B, alpha, beta, C, factor):
    """Share of the compute that a model too large by a factor wastes."""
    ...


# %% tags=["check", "key:wrong-size"]
check("wrong-size", wasted)

# %% [markdown] tags=["solution", "key:wrong-size"]
# <details><summary><b>Solution</b></summary>
#
# The bowl is flat: a factor of 2 either way costs a hundredth of a nat. Measured in compute it is less harmless: a
# factor of 2 wastes about a sixth of the budget, and a factor of 4 half of it. Because the bowl is flat, practice can
# choose a smaller model for cheap inference. For the same reason approach 2 cannot find the minimum precisely: near it,
# the differences in loss are smaller than the noise.
#
# </details>

# %% tags=["solution", "key:wrong-size", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
optimal = allocation.closed_form(law)
factors = np.array([0.1, 0.25, 0.5, 1, 2, 4, 10])
sizes = float(optimal.optimal_parameters(1e22)) * factors
wrong = allocation.isoflop_loss(law, sizes, 1e22)
needed = ((wrong - optimal.E) / optimal.K) ** (-1 / optimal.gamma)
pd.DataFrame(
    {
        "N ÷ optimum": factors,
        "loss": wrong.round(4),
        "compute wasted": [
            percent(1 - flops / 1e22, decimals=1) for flops in needed
        ],
    }
).set_index("N ÷ optimum")

# %% [markdown] tags=["exercise", "key:two-digits"]
# ### Exercise 4: two digits
#
# *★★ · 10 minutes.* Rounding Hoffmann's $\alpha$ and $\beta$ to two digits moves the optimum at Chinchilla's budget, as
# the sentence above the budget slider says. Which of the two roundings does it?

# %% [markdown] tags=["solution", "key:two-digits"]
# <details><summary><b>Solution</b></summary>
#
# It is the rounding of $\beta$. $D_\text{opt}$ lies at about $10^{12}$, so a change of $\beta$ by $\delta$ changes
# $D^{-\beta}$ by the factor $10^{12\,\delta}$, and the ratio by a power of that. The constants $A$ and $B$ are losses
# at $N = D = 1$, extrapolated over ten decades to where they are used. It is better to quote losses at the centre of
# the data.
#
# </details>

# %% tags=["solution", "key:two-digits", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
full, rounded = (
    dict(published_law(name).parameters)
    for name in ("hoffmann", "hoffmann-rounded")
)
changes = {
    "nothing": {},
    "α only": {"alpha": rounded["alpha"]},
    "β only": {"beta": rounded["beta"]},
    "all": rounded,
}
ratio_of = {}
for label, changed in changes.items():
    optimal = allocation.closed_form(full | changed)
    N, D = optimal.optimal_parameters, optimal.optimal_tokens
    ratio_of[label] = float(D(CHINCHILLA_FLOPS) / N(CHINCHILLA_FLOPS))
tokens = float(allocation.closed_form(full).optimal_tokens(CHINCHILLA_FLOPS))
factor = tokens ** (full["beta"] - rounded["beta"])
say(rf"""
From {number(full["beta"], decimals=4)} to {rounded["beta"]} at $D$ =
{number(tokens, 2)}: $D^{{-\beta}}$ changes by
{percent(factor - 1, decimals=0)}.
""")
pd.DataFrame({"tokens per parameter": ratio_of}).rename_axis("rounded").round(1)

# %% [markdown] tags=["exercise", "key:noisy-routes"]
# ### Exercise 5: noise on the planted table
#
# *★★ · 10 minutes.* Add 0.3 % of noise to the planted losses. Which route has the wider interval for $D_\text{opt}$ at
# $10^{23}$ FLOPs, and which intervals contain the truth?

# %% [markdown] tags=["solution", "key:noisy-routes"]
# <details><summary><b>Solution</b></summary>
#
# Iso-FLOP uses three numbers a budget and no common law, so its band is wider. And yet it misses the truth here, for
# its centre is off by its bias, which no resampling of residuals can see. An interval is about noise, not about method.
#
# </details>

# %% tags=["solution", "key:noisy-routes", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
noise = np.exp(0.003 * default_rng(1).standard_normal(len(table)))
noisy = table.assign(loss=table["loss"] * noise)
with_bands = {
    "2 iso-FLOP": allocation.isoflop(noisy, default_rng(0), resamples=300),
    "3 parametric": allocation.parametric(
        fit(Chinchilla(), noisy), default_rng(0), resamples=300
    ),
}
bands = allocation.comparison(with_bands, FAR)[["D", "D_low", "D_high"]]
bands = bands.map(number)
bands.loc["truth"] = [number(true_tokens), "", ""]
bands.rename_axis(None)

# %% [markdown] tags=["exercise", "key:own-table"]
# ### Exercise 6: a table of your own
#
# *★★ · 10 minutes.* The library ships the runs of Gadre et al. on C4 (`mlfoundations_runs()`). Allocate $10^{21}$ FLOPs
# with them. Then leave out the smallest models. What happens to $a$?

# %% [markdown] tags=["solution", "key:own-table"]
# <details><summary><b>Solution</b></summary>
#
# $a$ rises a little, well inside both intervals. The second interval is so wide that it holds Kaplan et al.'s exponent
# and also exponents far below one half. So a table of a few sizes cannot decide $a$. The tokens per parameter that it
# asks for are fewer than by any law above (other data, other tokenizer, its own training recipe).
#
# </details>

# %% tags=["solution", "key:own-table", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
own_runs = mlfoundations_runs()
windows = {
    "all": own_runs,
    "without the smallest size": own_runs[own_runs["N"] > own_runs["N"].min()],
}
allocated = {}
for label, part in windows.items():
    mine = allocation.parametric(
        fit(Chinchilla(), part), default_rng(0), resamples=300
    )
    ends = mine.summary().loc["a"]
    allocated[label] = {
        "runs": len(part),
        "a": ends["value"],
        "low": ends["low"],
        "high": ends["high"],
        "tokens per parameter": planner.plan(1e21, mine).tokens_per_parameter,
    }
pd.DataFrame(allocated).transpose().astype({"runs": int}).round(3)

# %% [markdown] tags=["exercise", "key:embeddings-of-walks"]
# ### Exercise 7: embeddings at the small end
#
# *★★★ · 15 minutes.* Walks in this book have vocabulary $V$ = 200, models of width 16 to 128, two layers. With
# $N = N_E + \omega N_E^{1/2}$, what is $\omega$? By how much would leaving the embeddings out change $a$ over this range, if
# $\alpha$ and $\beta$ were those of Besiroglu et al.?
#
# Begin with $\omega$: write `embedding_weight(V, layers)` for a vocabulary of `V` and any number of layers.

# %% tags=["stub", "key:embeddings-of-walks"]
def embedding_weight(V, layers):
    """The number omega in N = N_E + omega N_E^(1/2)."""
    ...


# %% tags=["check", "key:embeddings-of-walks"]
check("embeddings-of-walks", embedding_weight)

# %% [markdown] tags=["solution", "key:embeddings-of-walks"]
# <details><summary><b>Solution</b></summary>
#
# $N_E \approx 12 \ell n^2$, so $n = \sqrt{N_E/24}$ and $Vn = (V/\sqrt{24})\,N_E^{1/2}$: $\omega \approx 41$. At width
# 16 the visible exponent is a tenth too high, at 128 two hundredths. With a vocabulary of 50,257 the same widths have
# $\omega \approx 10^4$: nearly everything is embedding, and the exponent is close to its limit
# $1/(1 + \frac12\alpha/\beta) = 0.68$. That alone would account for most of the gap between Kaplan and Chinchilla.
#
# </details>

# %% tags=["solution", "key:embeddings-of-walks", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
nonembedding = 24.0 * np.array([16, 32, 64, 128]) ** 2
labels = ["n = 16", "32", "64", "128"]
by_vocabulary = {}
for V in (200, 50_257):
    omega = V / np.sqrt(24)
    visible = reconciliation.embedding_frontier(
        law, nonembedding, omega=omega, power=0.5
    )
    local = dict(zip(labels, visible["exponent"], strict=True))
    by_vocabulary[f"V = {V:,}"] = {"ω": omega, **local}
pd.DataFrame(by_vocabulary).transpose().round(3)

# %% [markdown] tags=["exercise", "key:best-size"]
# ### Exercise 8: the best size for a budget
#
# *★★ · 15 minutes.* Write `optimal_parameters(A, B, alpha, beta, C)`: the $N$ that minimises $E + A N^{-\alpha} + B D^{-\beta}$
# at $C = 6ND$.

# %% tags=["stub", "key:best-size"]
def optimal_parameters(A, B, alpha, beta, C):
    """Best number of parameters for a budget of C FLOPs."""
    ...


# %% tags=["check", "key:best-size"]
check("best-size", optimal_parameters)

# %% [markdown] tags=["solution", "key:best-size"]
# <details><summary><b>Solution</b></summary>
#
# Put $D = C/6N$ and let the derivative vanish: $\alpha A N^{-\alpha} = \beta B D^{-\beta}$. So
# $N = G\,(C/6)^{\beta/(\alpha+\beta)}$ with $G = (\alpha A / \beta B)^{1/(\alpha+\beta)}$.
#
# </details>

# %% tags=["solution", "key:best-size", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
budget = 1e22
total = PLANTED["alpha"] + PLANTED["beta"]
weighed = PLANTED["alpha"] * PLANTED["A"] / (PLANTED["beta"] * PLANTED["B"])
by_hand = weighed ** (1 / total) * (budget / 6) ** (PLANTED["beta"] / total)
say(rf"""
By hand {number(by_hand, 4)}, by the library
{number(float(truth.optimal_parameters(budget)), 4)}.
""")

# %% [markdown] tags=["exercise", "key:bottom-of-an-isoflop-curve"]
# ### Exercise 9: the bottom of an iso-FLOP curve
#
# *★ · 10 minutes.* At one budget, seven models of sizes `N` ended with the losses `loss`. Write `isoflop_optimum(N, loss)`: the
# best size, by a parabola in $\ln N$ through all seven.

# %% tags=["stub", "key:bottom-of-an-isoflop-curve"]
def isoflop_optimum(N, loss):
    """Best size on an iso-FLOP curve."""
    ...


# %% tags=["check", "key:bottom-of-an-isoflop-curve"]
check("bottom-of-an-isoflop-curve", isoflop_optimum)

# %% [markdown] tags=["solution", "key:bottom-of-an-isoflop-curve"]
# <details><summary><b>Solution</b></summary>
#
# Fit $a x^2 + b x + c$ in $x = \ln N$; its vertex lies at $-b/2a$, and the best size is the exponential of that. Sizes are
# spaced by factors, and on that axis the bowl is nearly a parabola.
#
# </details>

# %% tags=["solution", "key:bottom-of-an-isoflop-curve", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
best = float(truth.optimal_parameters(1e22))
around = best * np.exp(np.linspace(-1.3, 1.7, 7))
bowl = allocation.isoflop_loss(PLANTED, around, 1e22)
square, linear, _ = np.polyfit(np.log(around), bowl, 2)
say(rf"""
The bottom of the parabola lies at {number(np.exp(-linear / 2 / square), 3)}
parameters, that of the law at {number(best, 3)}.
""")

# %% [markdown] tags=["exercise", "key:a-bill-in-flops"]
# ### Exercise 10: a bill becomes FLOPs
#
# *★ · 5 minutes.* Somebody rents `gpus` devices for `days` days. Each has a peak of `peak` FLOPs a second, and training reaches
# the share `utilization` of it. Write `budget_flops(gpus, days, peak, utilization)`.

# %% tags=["stub", "key:a-bill-in-flops"]
def budget_flops(gpus, days, peak, utilization):
    """Training budget in FLOPs."""
    ...


# %% tags=["check", "key:a-bill-in-flops"]
check("a-bill-in-flops", budget_flops)

# %% [markdown] tags=["solution", "key:a-bill-in-flops"]
# <details><summary><b>Solution</b></summary>
#
# `gpus * days * 86_400 * peak * utilization`: a day has 86,400 seconds, and nobody reaches the peak.
#
# </details>

# %% tags=["solution", "key:a-bill-in-flops", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
rented = 64 * 20 * 86_400 * 989e12 * 0.4
size = float(truth.optimal_parameters(rented))
say(rf"""
64 devices of $989 \cdot 10^{{12}}$ FLOPs a second for 20 days at
{percent(0.4, decimals=0)}: {number(rented, 2)} FLOPs, and a model of
{number(size, 2)} parameters by the planted law.
""")

# %% [markdown] tags=["exercise", "key:other-law-of-a-ladder"]
# ### Exercise 11: the other law of a ladder
#
# *★★ · 10 minutes.* All runs of a ladder have $D = r N$. Write `other_law(A, B, alpha, beta, ratio)`: a second law, as a list
# of its $A$, $B$, $\alpha$ and $\beta$, in which the two powers have changed places and which has the same loss as the first
# at every run of the ladder. (Its $E$ is the same.) By how much do the two plans differ at $10^{22}$ FLOPs?

# %% tags=["stub", "key:other-law-of-a-ladder"]
def other_law(A, B, alpha, beta, ratio):
    """[A, B, alpha, beta] of the law with its powers exchanged."""
    ...


# %% tags=["check", "key:other-law-of-a-ladder"]
check("other-law-of-a-ladder", other_law)

# %% [markdown] tags=["solution", "key:other-law-of-a-ladder"]
# <details><summary><b>Solution</b></summary>
#
# On the ladder $B D^{-\beta} = B r^{-\beta} N^{-\beta}$ is a power of $N$, and $A N^{-\alpha} = A r^{\alpha} D^{-\alpha}$
# one of $D$. So the other law has $B r^{-\beta}$, $A r^{\alpha}$, $\beta$, $\alpha$: the function returns
# `[B * ratio**-beta, A * ratio**alpha, beta, alpha]`. No run of the ladder tells which is right. Its $a$ is one minus the
# first one's.
#
# </details>

# %% tags=["solution", "key:other-law-of-a-ladder", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
r, p = 20.0, PLANTED
exchanged = p | {
    "A": p["B"] * r ** -p["beta"],
    "B": p["A"] * r ** p["alpha"],
    "alpha": p["beta"],
    "beta": p["alpha"],
}
pair = {"planted": p, "exchanged": exchanged}
same = [Chinchilla().loss(q, N=rungs, D=r * rungs) for q in pair.values()]
apart = np.abs(same[0] - same[1]).max()
asked = {
    name: float(allocation.closed_form(q).optimal_parameters(1e22))
    for name, q in pair.items()
}
say(rf"""
On the ladder the two differ by less than {number(max(apart, 1e-12), 1)} nats.
At $10^{{22}}$ FLOPs the planted law asks for {number(asked["planted"], 2)}
parameters and the other one for {number(asked["exchanged"], 2)}.
""")

# %% [markdown] tags=["exercise", "key:size-or-tokens"]
# ### Exercise 12: size or tokens?
#
# *★★ · 15 minutes · small experiment.* At about the same FLOPs, on the graph of mean degree 20: width 16 on 400,000 tokens, or
# width 32 on 100,000? Register the excess loss of the first over that of the second.

# %% tags=["forecast", "key:size-or-tokens"]
forecast("size-or-tokens", low=..., value=..., high=...)

# %% tags=["experiment", "key:size-or-tokens"]
tried("size-or-tokens")  # with lab.train it trains

# %% [markdown] tags=["solution", "key:size-or-tokens"]
# <details><summary><b>Solution</b></summary>
#
# The wider one, by far. At width 16 the floor of its capacity is in the way, and tokens cannot buy it back. A
# law $E + A N^{-\alpha} + B D^{-\beta}$ knows no such floor.
#
# </details>

# %% tags=["solution", "key:size-or-tokens", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
tried("size-or-tokens", recorded_runs)

# %% [markdown] tags=["exercise", "key:a-readout-of-its-own"]
# ### Exercise 13: a readout of its own
#
# *★★ · 15 minutes · small experiment.* At width 32, a readout that is not tied to the embedding: does it help, and by which factor?
# What does it do to $N$?

# %% tags=["forecast", "key:a-readout-of-its-own"]
forecast("a-readout-of-its-own", low=..., value=..., high=...)

# %% tags=["experiment", "key:a-readout-of-its-own"]
tried("a-readout-of-its-own")  # with lab.train it trains

# %% [markdown] tags=["solution", "key:a-readout-of-its-own"]
# <details><summary><b>Solution</b></summary>
#
# It helps several times over, for one more matrix of the embedding's size. Successor and predecessor are different
# roles, and with a tied readout one vector has to play both. Before you conclude, compare at equal $N$ as well.
#
# </details>

# %% tags=["solution", "key:a-readout-of-its-own", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
tried("a-readout-of-its-own", recorded_runs)
