# %% [markdown]
# # The thread: from a graph to a claim
#
# **The question.** A small transformer reads random walks on a graph. How fast does it learn the graph as it reads more
# of them, and is that the rate of a learner that simply counts?
#
# This chapter goes through all the steps of the book once, with one example of each: a graph, its exact entropy rate,
# walks on it, trained models, a fitted law, a claim with a verdict. Every later chapter takes up some of these steps and
# works them out in full.
#
# You will see
#
# - why the irreducible loss of walks on a graph is known exactly, as it is for few other kinds of data,
# - how the loss of a trained model is measured against that floor without sampling noise,
# - how a claim is judged: by an interval against a margin that was written down before the models were trained.
#
# *After it you can* say why the floor of the loss is known exactly for walks on a graph; read a verdict: an interval,
# a margin, a rule. *You need* logarithms, a little probability, and no more. *Time:* 15 minutes to read; to run,
# seconds under the profile `recorded`, one to two minutes on a laptop under `smoke`, a few minutes on a Colab GPU
# under `colab`.

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
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd

from scaling_lib.data.walks import sample_walks
from scaling_lib.fits.uncertainty.straightness import local_slopes, straightness
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, show, style
from scaling_lib.pages.drawing.lines import with_intervals
from scaling_lib.pages.drawing.numbers import number
from scaling_lib.pages.drawing.prose import glue, say, texts
from scaling_lib.pages.drawing.written import show_verdicts
from scaling_lib.pages.judging import claims, quantities
from scaling_lib.runs.keeping.tables import lowest_losses
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

lab = begin(profile)

# %% [markdown]
# ## A graph is a language
#
# Take a graph with a hundred nodes and join pairs of them at random until there are five hundred edges: an *Erdős–Rényi*
# graph. Put a walker on a node and let it step, again and again, to a neighbour chosen at random. Write down the numbers
# of the nodes it visits. That string of numbers is our text, a node is a word, and the graph says which word may follow
# which: it is the whole grammar.
#
# There is no power law in this data. The degrees lie close to their mean, every neighbour is equally likely, and the next
# node depends on the present one only, not on those before it.

# %% tags=["hide-input"]
er_100 = experiment("er-100")
chain = er_100.chain()
graph = nx.from_scipy_sparse_array(chain.transitions)
degrees = np.asarray(chain.degrees)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    axes.set_axis_off()
    layout = nx.spring_layout(graph, seed=0)
    edge_style = {"edge_color": COLOURS["grey"], "alpha": 0.35, "width": 0.8}
    node_style = {"node_color": COLOURS["blue"], "node_size": 8 * degrees}
    nx.draw_networkx_edges(graph, layout, ax=axes, **edge_style)
    nx.draw_networkx_nodes(graph, layout, ax=axes, **node_style)
nodes_of_degree = np.bincount(degrees)
show(
    figure,
    name="fig-thread-graph",
    caption="The graph. A walk on it is the training text; a node is a token. "
    "The area of a node shows its degree.",
    alt=f"Network drawing of {number(chain.nodes)} nodes joined by "
    f"{number(chain.edges)} edges, evenly tangled, with no hub and no cluster; "
    f"degrees run from {number(degrees.min())} to {number(degrees.max())}.",
    table=pd.DataFrame(
        {"degree": np.arange(len(nodes_of_degree)), "nodes": nodes_of_degree}
    ),
    runs=[],
)

# %% [markdown]
# ## The floor, known exactly
#
# Nobody can predict the walker perfectly. Standing on node $u$ with $d_u$ neighbours, the best possible prediction gives
# each of them $1/d_u$, and pays $\ln d_u$ nats of cross-entropy. Averaged over how often the walker stands where
# (proportional to the degree, $\pi_u = d_u/2E$), this is the **entropy rate**
#
# $$
# H = \sum_u \pi_u \ln d_u = \frac{1}{2E} \sum_u d_u \ln d_u .
# $$
#
# It is the *irreducible loss*: the term $E$ in every scaling law $L = E + \dots$ In language nobody knows it, and it has
# to be fitted along with the exponents. Here it is a sum over a hundred numbers.

# %%
walk = " → ".join(map(str, sample_walks(chain, 1, 12, seed=0)[0]))
rate = number(chain.entropy_rate, decimals=4)
uniform = number(np.log(chain.nodes), decimals=4)
say(rf"""A walk begins {walk} … Its entropy rate is **{rate} nats** per token; a
reader who knew nothing of the graph would pay
$\ln {chain.nodes} =$ {uniform}.""")

# %% [markdown]
# ## What counting would achieve
#
# The simplest learner keeps a table: how often did $v$ follow $u$? After $D$ observed transitions its predictions are off
# by an excess loss of about
#
# $$
# L - H \approx \frac{2E - n}{2D},
# $$
#
# half a nat over $D$ for every free parameter of the table (Appendix C of the paper; chapter 1 derives it, and shows where
# it fails). Its exponent in $D$ is exactly 1. Every transformer of this book is compared with this line.

# %% tags=["hide-input"]
transitions = 100_000
coefficient = chain.counting_coefficient
excess = number(coefficient / transitions, decimals=4)
say(rf"""On this graph the coefficient $(2E-n)/2$ is
{number(coefficient, decimals=0)}: a counter that has seen {number(transitions)}
transitions is {excess} nats above the floor.""")

# %% [markdown]
# ## Train
#
# The model is the paper's, made small: a decoder of two layers and width 64, rotary positions, tied embeddings, muP, with
# AdamW, a short warm-up and a cosine to zero, one pass over $D$ tokens. For every $D$ several learning rates and seeds are
# trained; $L(N, D)$ is the lowest loss among them.
#
# A model is not scored on sampled text. For each context the walk's exact next-step law $P(\cdot \mid u)$ is known, so we
# take the mean Kullback–Leibler divergence from it to the model's prediction. That is the excess loss itself, and on the
# same test walks its error is tens of times smaller than that of a sampled cross-entropy.

# %% tags=["nbval-ignore-output"]
if lab.trains:
    minutes = number(lab.expected_minutes("er-100"), decimals=1)
    say(rf"""On this machine the training below takes about **{minutes}
    minutes** on one core.""")
else:
    say("""Profile `recorded`: the runs below were made earlier and ship with
    the library; nothing is trained now.""")

# %% tags=["remove-stderr", "nbval-ignore-output"]
recorded = lab.recorded("er-100")
own = lab.own("er-100")

# %%
sets = {"recorded": recorded, "your run": own}
tables = {name: lowest_losses(sets[name]) for name in sets if len(sets[name])}
best = next(iter(tables.values()))
runs = recorded if len(recorded) else own
loss = ["excess_loss", "excess_loss_se"]
best[["D", "optimizer_steps", "learning_rate", *loss]].round(5)

# %% [markdown]
# ## Fit
#
# The floor is known exactly, so it is subtracted and need not be fitted. If the excess loss is a power law,
# $L - H = B D^{-\beta}$, it is a straight line on logarithmic axes, and $\beta$ is minus its slope.

# %% tags=["hide-input"]
fitted = quantities.power_in_tokens(runs)
tokens = np.geomspace(best["D"].min(), best["D"].max(), 50)
curves = {
    "fitted power law": (fitted.predict(D=tokens)["loss"], "-", "blue"),
    "counting": (chain.counting_coefficient / tokens, "--", "green"),
}
looks = zip(tables.items(), "os", ("blue", "vermillion"), strict=False)
with style():
    figure, axes = plt.subplots()
    for (name, table), marker, colour in looks:
        axes.plot(
            table["D"],
            table["excess_loss"],
            marker,
            color=COLOURS[colour],
            label=f"transformer, {name}",
        )
    for name, (curve, line, colour) in curves.items():
        axes.plot(
            tokens, curve, line, marker="", color=COLOURS[colour], label=name
        )
    axes.set(xlabel="training tokens D", ylabel="excess loss L − H (nats)")
    logarithmic(axes)
    axes.legend()
drawn = pd.concat([table.assign(series=name) for name, table in tables.items()])
highest, lowest = best["excess_loss"].max(), best["excess_loss"].min()
show(
    figure,
    name="fig-thread-loss",
    caption="Excess loss over the exact entropy rate against training tokens, "
    "lowest over learning rates and seeds, with the fitted power law and the "
    "loss of a learner that counts transitions.",
    alt=f"Log-log plot. Transformer points fall from {number(highest, 2)} to "
    f"{number(lowest, 2)} nats as D grows from {number(best['D'].min())} to "
    f"{number(best['D'].max())} tokens, near a straight line; the dashed "
    "counting line runs well below them throughout.",
    table=drawn[["series", "N", "D", "learning_rate", "seed", *loss, "trials"]],
    runs=[*recorded["identity"], *own["identity"]],
)

# %% [markdown]
# ## Is it a power law?
#
# An exponent can be fitted to any cloud of points. The question is therefore whether *one* exponent describes the whole
# window. So we look at the slope between neighbouring values of $D$, with intervals from the scatter between seeds. For a
# power law these slopes agree. If they drift, the exponent depends on which part of the window one looks at.

# %%
per_seed = lowest_losses(runs, by=("D", "seed"))
several_seeds = per_seed["seed"].nunique() > 1
# With one seed the scatter about the line has to give the error.
window = 3 if several_seeds else 5
points = per_seed["D"].to_numpy(float), per_seed["excess_loss"].to_numpy()
slopes = local_slopes(*points, window=window)
beta = quantities.measured("beta", fitted, runs)

# %% tags=["hide-input"]
slope = slopes["slope"]
blue = {"color": COLOURS["blue"]}
with style():
    figure, axes = plt.subplots()
    look = {"fmt": "o", "label": "local slope", **blue}
    with_intervals(axes, slopes, x="x", y="slope", **look)
    one = "one exponent for the whole window"
    axes.axhspan(beta.low, beta.high, alpha=0.15, label=one, **blue)
    axes.axhline(1.0, linestyle="--", color=COLOURS["green"], label="counting")
    axes.set(
        xlabel=f"training tokens D (middle of {window} values)",
        ylabel="local exponent in D",
    )
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-thread-slopes",
    caption=f"Local exponents over windows of {window} neighbouring values of "
    "D, with 95 % intervals from the scatter between seeds (or about the line "
    "where there is one seed), the exponent fitted to the whole window, and "
    "counting's exponent 1.",
    alt="Local exponents with error bars against D on a logarithmic axis. "
    f"They run from {number(slope.iloc[0], decimals=2)} at the smallest D to "
    f"{number(slope.iloc[-1], decimals=2)} at the largest; a dashed line marks "
    "1.",
    table=slopes,
    runs=list(runs["identity"]),
)

# %% tags=["hide-input"]
meanings = {
    "bent": "the bend is more than the scatter between seeds explains, so "
    "**there is no single power law in this window**",
    "compatible": "the scatter between seeds is enough to explain the bend, so "
    "a power law is compatible with this window",
    "on the edge": "this is so close to the level of 5 % that the question is "
    "*not* decided",
}
if several_seeds:
    straight = straightness(*points)
    say(rf"""Fisher's lack-of-fit test gives
    F = {number(straight.statistic, decimals=2)}, p = {number(straight.p, 2)}:
    {meanings[straight.verdict()]}.""")
else:
    say("""With one seed for each point, a bend cannot be told from scatter: at
    this size the question is *not* decided.""")

# %% [markdown]
# ## The claim, and its verdict
#
# The ledger of this book holds one row for every quantitative claim. A row's rule is fixed before the runs that it
# judges: our value is *reproduced* if the whole 95 % interval of the difference lies within the margin, *differs* if it
# lies outside altogether, and is *inconclusive* if it lies across an end. It is *undetermined*, and prints no number, if
# the interval is so wide that the rule could hardly have said *differs* even of a truth two margins away, or if the scatter
# of the seeds rejects the law that was fitted. Runs older than their rule make a verdict *exploratory*.

# %%
(row,) = claims.evaluate({"er-100": runs}.get, only=["counting.rate"])
glue("counting-rate", row)
glue("er-100", runs)
show_verdicts([row])

# %% tags=["hide-input"]
note = (
    ""
    if len(recorded)
    else " (from your own small runs, over a shorter range than the rule's: no "
    "verdict on the paper)"
)
written = texts(row)
outcome = (
    f"""The exponent is {written["ours"]}, 95 % interval {written["interval"]},
against {written["published"]} ± {written["margin"]}:
**{row.verdict}**{note}."""
    if row.shown
    else f"""Against {written["published"]} ± {written["margin"]} the rule says
**{row.verdict}**{note}: {row.reason}."""
)
say(rf"""> {row.claim.claim}

{outcome}""")

# %% [markdown]
# ## What this does not show
#
# - Anything about other graphs, widths or depths: there is one of each here. The exponent in $N$ does not appear at all;
#   chapter 2 is about it.
# - At small $D$ a run is short, and what limits it is the number of optimiser steps as much as the number of tokens.
#   Chapter 2 takes the two apart.
# - The lowest of several noisy losses is biased low, more so where more were tried. Chapter 3 measures by how much.
# - The graph is smaller than any in the paper, so the paper's own exponents (which lie below 1) are not judged here.
#   Chapter 5 asks when a small graph may stand for a large one.
#
# ## If you remember one thing
#
# On data whose entropy rate is known, a scaling law can be *checked*. The floor is known, so that it need not be fitted.
# An exponent is reported with an interval, and this interval is held against a margin that was fixed beforehand.
#
# **Next:** chapter 1 looks closely at graphs, at walks on them and at their entropy.
