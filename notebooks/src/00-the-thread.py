# %% [markdown]
# # The thread: from a graph to a claim
#
# **The question.** A small transformer reads random walks on a graph. How fast does it learn the graph as it reads more
# of them, and is that the rate of a learner that simply counts?
#
# This chapter pulls one thread through the whole book, one of everything: a graph, its exact entropy rate, walks on it,
# trained models, a fitted law, a claim with a verdict. Every later chapter takes one of these steps and goes to the
# bottom of it.
#
# You will see
#
# - why walks on a graph are the rare kind of data whose irreducible loss is known exactly,
# - how the loss of a trained model is measured against that floor without sampling noise,
# - how a claim is judged: by an interval against a margin that was written down before the models were trained.
#
# *You need* logarithms, a little probability, and no more. *Time:* seconds under the profile `recorded`, one to two
# minutes on a laptop under `smoke`, a few minutes on a Colab GPU under `colab`.

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
import networkx as nx
import numpy as np
import pandas as pd

from scaling_lib.data.walks import sample_walks
from scaling_lib.fits.uncertainty.straightness import lack_of_fit, local_slopes
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, show, style
from scaling_lib.pages.drawing.prose import glue, say
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
# of the nodes it visits. That string of numbers is our text, a node is a word, and the graph is the whole grammar.
#
# There is no power law in this data: the degrees crowd around their mean, every neighbour is equally likely, and nothing
# that happened before the present node matters for the next one.

# %% tags=["hide-input"]
er_100 = experiment("er-100")
chain = er_100.chain()
graph = nx.from_scipy_sparse_array(chain.transitions)
degrees = np.asarray(chain.degrees)
with style():
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    axes.set_axis_off()
    layout = nx.spring_layout(graph, seed=0)
    nx.draw_networkx_edges(graph, layout, ax=axes, edge_color=COLOURS["grey"], alpha=0.35, width=0.8)
    nx.draw_networkx_nodes(graph, layout, ax=axes, node_color=COLOURS["blue"], node_size=8 * degrees)
show(
    figure,
    name="fig-thread-graph",
    caption="The graph. A walk on it is the training text; a node is a token. The area of a node shows its degree.",
    alt=f"Network drawing of {chain.nodes} nodes joined by {chain.edges} edges, evenly tangled, with no hub and no cluster; "
    f"degrees run from {degrees.min()} to {degrees.max()}.",
    table=pd.DataFrame({"degree": np.arange(degrees.max() + 1), "nodes": np.bincount(degrees)}),
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
walks = sample_walks(chain, 1, 12, seed=0)
say(
    "A walk begins {walk} … Its entropy rate is **{rate:.4f} nats** per token; a reader who knew nothing of the graph "
    "would pay $\\ln {nodes} =$ {uniform:.4f}.",
    walk=" → ".join(map(str, walks[0])),
    rate=chain.entropy_rate,
    nodes=chain.nodes,
    uniform=np.log(chain.nodes),
)

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
# it fails). Its exponent in $D$ is exactly 1. This is the line against which every transformer in this book is drawn.

# %% tags=["hide-input"]
say(
    "On this graph the coefficient $(2E-n)/2$ is {coefficient:.0f}: a counter that has seen {tokens:,} transitions is "
    "{excess:.4f} nats above the floor.",
    coefficient=chain.counting_coefficient,
    tokens=100_000,
    excess=chain.counting_coefficient / 100_000,
)

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
    minutes = lab.expected_minutes("er-100")
    say("On this machine the training below takes about **{minutes:.1f} minutes** on one core.", minutes=minutes)
else:
    say("Profile `recorded`: the runs below were made earlier and ship with the library; nothing is trained now.")

# %% tags=["remove-stderr", "nbval-ignore-output"]
recorded = lab.recorded("er-100")
own = lab.own("er-100")

# %%
tables = {name: lowest_losses(runs) for name, runs in (("recorded", recorded), ("your run", own)) if len(runs)}
best = tables.get("recorded", tables.get("your run"))
runs = recorded if len(recorded) else own
best[["D", "optimizer_steps", "learning_rate", "excess_loss", "excess_loss_se"]].round(5)

# %% [markdown]
# ## Fit
#
# Because the floor is known there is nothing to subtract by guesswork: if the excess loss is a power law,
# $L - H = B D^{-\beta}$, it is a straight line on logarithmic axes, and $\beta$ is its slope.

# %% tags=["hide-input"]
fitted = quantities.power_in_tokens(runs)
tokens = np.geomspace(best["D"].min(), best["D"].max(), 50)
with style():
    figure, axes = plt.subplots()
    for (name, table), marker, colour in zip(tables.items(), "os", ("blue", "vermillion"), strict=False):
        axes.plot(table["D"], table["excess_loss"], marker, color=COLOURS[colour], label=f"transformer, {name}")
    axes.plot(tokens, fitted.predict(D=tokens)["loss"], "-", marker="", color=COLOURS["blue"], label="fitted power law")
    counting = chain.counting_coefficient / tokens
    axes.plot(tokens, counting, "--", marker="", color=COLOURS["green"], label="counting")
    axes.set(xlabel="training tokens D", ylabel="excess loss L − H (nats)")
    logarithmic(axes)
    axes.legend()
drawn = pd.concat([table.assign(series=name) for name, table in tables.items()])
show(
    figure,
    name="fig-thread-loss",
    caption="Excess loss over the exact entropy rate against training tokens, lowest over learning rates and seeds, with the "
    "fitted power law and the loss of a learner that counts transitions.",
    alt=f"Log-log plot. Transformer points fall from {best['excess_loss'].max():.3f} to {best['excess_loss'].min():.4f} "
    f"nats as D grows from {best['D'].min():,} to {best['D'].max():,} tokens, near a straight line; the dashed counting line "
    "runs well below them throughout.",
    table=drawn[["series", "N", "D", "learning_rate", "seed", "excess_loss", "excess_loss_se", "trials"]],
    runs=[*recorded["identity"], *own["identity"]],
)

# %% [markdown]
# ## Is it a power law?
#
# A fitted exponent exists for any cloud of points. The honest question is whether *one* exponent describes the window.
# So we look at the slope between neighbouring values of $D$, with intervals from the scatter between seeds: for a power
# law they agree, and a drift says that the exponent depends on where one looks.

# %% tags=["hide-input"]
per_seed = lowest_losses(runs, by=("D", "seed"))
window = 3 if per_seed["seed"].nunique() > 1 else 5  # one seed: the scatter about the line has to give the error
slopes = local_slopes(per_seed["D"].to_numpy(float), per_seed["excess_loss"].to_numpy(), window=window)
beta = quantities.measured("beta", fitted, runs)
with style():
    figure, axes = plt.subplots()
    reach = [slopes["slope"] - slopes["low"], slopes["high"] - slopes["slope"]]
    axes.errorbar(slopes["x"], slopes["slope"], yerr=reach, fmt="o", capsize=4, color=COLOURS["blue"], label="local slope")
    axes.axhspan(beta.low, beta.high, color=COLOURS["blue"], alpha=0.15, label="one exponent for the whole window")
    axes.axhline(1.0, linestyle="--", color=COLOURS["green"], label="counting")
    axes.set(xlabel=f"training tokens D (middle of {window} values)", ylabel="local exponent in D")
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-thread-slopes",
    caption=f"Local exponents over windows of {window} neighbouring values of D, with 95 % intervals from the scatter between "
    "seeds (or about the line where there is one seed), the exponent fitted to the whole window, and counting's exponent 1.",
    alt=f"Local exponents with error bars against D on a logarithmic axis. They run from {slopes['slope'].iloc[0]:.2f} at the "
    f"smallest D to {slopes['slope'].iloc[-1]:.2f} at the largest; a dashed line marks 1.",
    table=slopes,
    runs=list(runs["identity"]),
)

# %% tags=["hide-input"]
if per_seed["seed"].nunique() > 1:
    straight = lack_of_fit(per_seed["D"].to_numpy(float), per_seed["excess_loss"].to_numpy())
    verdict = (
        "the bend is more than seeds explain: **there is no single power law in this window**"
        if straight.p < 0.05
        else "the scatter between seeds is enough to explain the bend: a power law is compatible with this window"
    )
    sentence = "Fisher's lack-of-fit test gives F = {f:.2f}, p = {p:.2g}: {verdict}."
    say(sentence, f=straight.statistic, p=straight.p, verdict=verdict)
else:
    say("With one seed per point nothing tells bend from scatter: at this size the question is *not* decided.")

# %% [markdown]
# ## The claim, and its verdict
#
# The ledger of this book holds one row for every quantitative claim. A row's rule is fixed before the runs that it
# judges: our value is *reproduced* if the whole 95 % interval of the difference lies within the margin, *differs* if it
# lies outside altogether, and is *inconclusive* otherwise; or *not testable* at this size, if the interval is so wide that
# the rule could hardly have said *differs* even of a truth two margins away. Runs older than their rule make a verdict
# *exploratory*.

# %%
rows = claims.evaluate({"er-100": runs}.get)
row = next(each for each in rows if each.claim.id == "counting.rate")
glue("counting-rate", row)
glue("er-100", runs)
claims.ledger_frame([row])

# %% tags=["hide-input"]
own_only = " (from your own small runs, over a shorter range than the rule's: no verdict on the paper)"
say(
    "> {claim}\n\nThe exponent is {ours:.3f}, 95 % interval {low:.3f} to {high:.3f}, against {published:g} ± {margin:g}: "
    "**{verdict}**{note}.",
    claim=row.claim.claim,
    ours=row.measured.value,
    low=row.measured.low,
    high=row.measured.high,
    published=row.claim.published,
    margin=row.claim.margin,
    verdict=row.verdict,
    note="" if len(recorded) else own_only,
)

# %% [markdown]
# ## What this does not show
#
# - One graph, one width, one depth. The exponent in $N$ does not appear at all; chapter 2 is about it.
# - At small $D$ a run is short, and what limits it is the number of optimiser steps as much as the number of tokens.
#   Chapter 2 takes the two apart.
# - The lowest of several noisy losses is biased low, more so where more were tried. Chapter 3 measures by how much.
# - The graph is smaller than any in the paper, so the paper's own exponents (which lie below 1) are not judged here.
#
# ## If you remember one thing
#
# On data whose entropy rate is known, a scaling law can be *checked*: the floor is not a fitted parameter but a fact, and
# an exponent is a claim with an interval, not a line through points.
#
# **Next:** chapter 1 takes the graph apart.
