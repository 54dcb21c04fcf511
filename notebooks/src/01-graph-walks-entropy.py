# %% [markdown]
# # Graphs, walks and entropy
#
# **The question.** A favourite explanation of neural scaling laws says that the power law of the loss is inherited
# from power laws in the data. The paper this book follows trains on walks over random graphs to take that explanation
# away (Barkeshli et al., section 3). Does it succeed: is there really no power law in these walks? And what is there
# instead?
#
# **What to expect.** If the authors are right, every statistic of the plain random graph falls off faster than a
# power: its degrees, its transitions, its spectrum, its memory. One of their graphs has a power law on purpose, and
# should show it.
#
# You will see
#
# - the three ensembles of the paper, and in each of them where a power law is and where it is not,
# - why "no power law" has to be decided by comparing likelihoods, and cannot be seen in a plot,
# - the entropy rate, which no model's loss can be below: exactly, and as one would estimate it from samples,
# - what loss a learner without parameters, who only counts, reaches after $D$ transitions. Every transformer of this book
#   is compared with that counter.
#
# *After it you can* compute the entropy rate of a walk; say what a learner that only counts reaches after so many
# tokens; decide by likelihoods whether a tail is a power law. *You need* logarithms, a little probability,
# eigenvalues in one section. *Time:* 1 hour to read, 2¾ hours for the exercises; to run, about half a minute under
# every profile, since nothing is trained here.

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
from numpy.random import default_rng
from scipy.stats import poisson

from scaling_lib.coursework import check
from scaling_lib.data import chains, counting, dice, tails
from scaling_lib.data.entropies import estimate_entropy_rate
from scaling_lib.data.walks import sample_walks
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, show, style
from scaling_lib.pages.drawing.graphs import graph_panel
from scaling_lib.pages.drawing.live import curve_panel, show_live
from scaling_lib.pages.drawing.numbers import number, percent
from scaling_lib.pages.drawing.prose import say
from scaling_lib.session import begin

lab = begin(profile)

# %% [markdown]
# ## Three ensembles
#
# A walk on a graph is our text, its nodes are the words. The paper uses three kinds of graph.
#
# **Erdős–Rényi** (ER). Take $n$ nodes and draw $E$ edges at random among all pairs. The walker steps to a neighbour,
# each equally likely.
#
# **ER, $\kappa = 1$.** The same graph, but every step $u \to v$ gets a weight, drawn with
# $\Pr(W = k) \propto k^{-\kappa}$ from a range $[k_{\min}, k_{\max}]$, and is taken in proportion to it. The paper
# does not state the range. We take $[1, 100]$, and look below at what depends on it.
#
# **Barabási–Albert** (BA). Nodes arrive one by one, and each joins $m$ of those that are there already: with the larger
# probability, the more neighbours they have. This is the ensemble with a power law on purpose.

# %%
sketches = {
    "ER": chains.erdos_renyi(24, edges=54, generator=default_rng(3)),
    "BA": chains.barabasi_albert(24, attachments=2, generator=default_rng(0)),
}
sketches["ER, κ = 1"] = chains.biased(
    sketches["ER"], kappa=1, symmetric=True, generator=default_rng(0)
)
largest = {
    f"π, {name}": np.sort(sketch.stationary)[::-1]
    for name, sketch in sketches.items()
}

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(1, 3, figsize=(6.4, 2.2))
    for axes, name in zip(panels, ("ER", "ER, κ = 1", "BA"), strict=True):
        sketch = sketches[name]
        flow = sketch.transitions.multiply(sketch.stationary[:, None])
        network = nx.from_scipy_sparse_array(flow)
        places = nx.spring_layout(network, seed=1, weight=None)
        edge_style = {
            "edge_color": COLOURS["grey"],
            "width": [75 * flow for *_, flow in network.edges.data("weight")],
        }
        node_style = {
            "node_color": COLOURS["blue"],
            "node_size": 800 * sketch.stationary,
            "linewidths": 0,
        }
        nx.draw_networkx_edges(network, places, ax=axes, **edge_style)
        nx.draw_networkx_nodes(network, places, ax=axes, **node_style)
        axes.set_title(name)
        axes.set_axis_off()
show(
    figure,
    name="fig-ensembles",
    caption="The three recipes, with 24 nodes each. The area of a node is how "
    "often a walk stands there, the width of an edge how often it is taken.",
    alt="Three network drawings. ER: an even tangle of nodes of similar size, "
    "joined by thin lines of one width. ER with kappa 1: the same tangle, a "
    "few lines thick and most hardly visible, nodes of unequal size. BA: a "
    "few large hubs in the middle, many small nodes around them.",
    table=pd.DataFrame(largest)[:5],
    runs=[],
)

# %% [markdown]
# The graphs of the paper are larger (Barkeshli et al., section 3.1). Of its BA graph it gives the nodes and the edges
# only; six edges for each arriving node, grown from a complete graph on six, make exactly that number of edges.

# %%
er = chains.erdos_renyi(8192, edges=53_292, generator=default_rng(0))
er_kappa = chains.biased(er, kappa=1, generator=default_rng(0))
ba = chains.barabasi_albert(8192, attachments=6, generator=default_rng(0))
graphs = {"ER": er, "ER, κ = 1": er_kappa, "BA": ba}
columns = {"nodes": er.nodes, "edges": [er.edges, er.edges, ba.edges]}
columns["mean degree"] = [
    chain.degrees.mean().round(2) for chain in graphs.values()
]
columns["largest degree"] = [chain.degrees.max() for chain in graphs.values()]
pd.DataFrame(columns, index=list(graphs))

# %% [markdown]
# ## Degrees
#
# On an unbiased walk a node is visited in proportion to its degree, so the degrees *are* the word frequencies of this
# language. Zipf's law for words would be a power law of degrees.
#
# For ER we expect none: a degree is a sum of many unlikely events, so it is close to Poisson, and a Poisson tail falls
# faster than any power. For BA the tail should fall as $\Pr(\text{degree} \ge d) \propto d^{-2}$.

# %%
degree = np.arange(1, 500)
survival = {
    name: np.array([(graphs[name].degrees >= d).mean() for d in degree])
    for name in ("ER", "BA")
}
poisson_survival = poisson.sf(degree - 1, er.degrees.mean())

# %% tags=["hide-input"]
blue, vermillion = {"color": COLOURS["blue"]}, {"color": COLOURS["vermillion"]}
shown = np.array([1, 2, 5, 10, 15, 20, 25, 30, 50, 100, 200, 400])
with style():
    figure, axes = plt.subplots()
    for name, marker, ink in (("ER", "o", blue), ("BA", "s", vermillion)):
        # Draw a degree only where some node has it.
        steps = np.append(np.diff(survival[name]) < 0, False)
        share = survival[name][steps]
        axes.plot(degree[steps], share, marker, markersize=4, label=name, **ink)
    law = poisson_survival[:30]
    axes.plot(degree[:30], law, "--", marker="", label="Poisson", **blue)
    slope = 42 / degree[8:400] ** 2.0
    axes.plot(
        degree[8:400], slope, "-", marker="", label="slope −2", **vermillion
    )
    axes.set(xlabel="degree d", ylabel="share of nodes with degree ≥ d")
    axes.set(ylim=(5e-5, 2))
    logarithmic(axes)
    axes.legend()
show(
    figure,
    name="fig-degrees",
    caption="How many nodes have at least a given degree. ER follows Poisson "
    "and ends within a factor of three of its mean; BA keeps a slope of −2 "
    "for more than a decade.",
    alt="Log-log plot of the share of nodes with degree at least d. ER points "
    "stay near 1 up to degree 8 and then plunge, on top of a dashed Poisson "
    "curve, to 1 in 8192 near degree 29. BA points fall along a straight line "
    "of slope minus 2 from degree 10 to about 400.",
    table=pd.DataFrame({"degree": degree} | survival).iloc[shown - 1],
    runs=[],
)

# %% [markdown]
# ## Transitions
#
# Next, the grammar: which words follow a word, and how unevenly? Sort the successors of each node by probability, and
# average the $r$-th largest over the nodes, each weighted by how often the walk is there.
#
# With equal weights, all successors of a node are equally likely: the curve is a plateau, which ends where the degrees
# end. With $\kappa = 1$ the *logarithm* of a weight is uniform. So the sorted logarithms fall evenly, and the sorted weights
# fall **exponentially with rank** (as the paper says, section 3.1.2). A power law of the weights is not a power law of the
# ranks.

# %%
by_rank = {
    name: chain.rank_frequencies("conditional")
    for name, chain in graphs.items()
}

# %% tags=["hide-input"]
rank = np.arange(1, 41)
looks = {
    "ER": ("o-", "blue"),
    "ER, κ = 1": ("^-", "green"),
    "BA": ("s-", "vermillion"),
}
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for name, (line, colour) in looks.items():
        law = by_rank[name][:40]
        ink = {"color": COLOURS[colour], "markersize": 4}
        axes.plot(rank[: len(law)], law, line, label=name, **ink)
    axes.set(xlabel="rank of the successor", ylabel="mean probability")
    axes.set(yscale="log", ylim=(1e-6, 1))
    axes.legend()
show(
    figure,
    name="fig-transitions",
    caption="Probability of the r-th most likely successor. On these axes an "
    "exponential is a straight line, which κ = 1 follows until the largest "
    "degrees end it. Only BA bends upwards.",
    alt="Probability on a logarithmic axis against rank 1 to 40. ER is flat "
    "up to rank 8, then drops ever faster. ER with kappa 1 falls along a "
    "nearly straight line from 0.3, and faster beyond rank 15. BA is flat up "
    "to rank 6, then falls ever more slowly, and is the only one left at rank "
    "40.",
    table=pd.DataFrame(
        {"rank": rank}
        | {name: pd.Series(law[:40]) for name, law in by_rank.items()}
    )[::3],
    runs=[],
)

# %% [markdown]
# ## A verdict by a rule
#
# Many curves look straight over a short range, and an exponent can be fitted to any cloud of points. So ask instead:
# **under which law are these observations more probable?** Fit each law by maximum likelihood and form
#
# $$
# R = \sum_i \ln \frac{p_{\text{power}}(x_i)}{p_{\text{other}}(x_i)} .
# $$
#
# $R > 0$ speaks for the power law, and the scatter of the terms tells whether it could be chance (Vuong's test; for the
# lognormal, which contains the power law, the usual likelihood-ratio test). We give the power law its best chance: the
# tail begins where it fits best. The rule is `tails.judge_power_law`, and says:
#
# - The tail must hold at least a quarter of the observations.
# - *No* if an exponential, a Poisson or a lognormal law is significantly better (at 5 %).
# - *Yes* if none is, and the exponential is significantly worse.
# - *Undecided* otherwise.
# - *On the edge*, in place of any of these, if a level that differs from 5 % by one part in a million would change the
#   verdict.
#
# Words and successors are 10,000 independent draws, judged by rank; weights are taken in hundredths. Ranks come from
# the exact probabilities. Ranks taken from the sample that is then judged would be biased.

# %% tags=["hide-input"]
counts = {
    ("degrees", name): np.bincount(graphs[name].degrees, minlength=er.nodes)
    for name in ("ER", "BA")
}
ranked = {
    ("words", name): chain.rank_frequencies("unigram")
    for name, chain in graphs.items()
}
ranked |= {("successors", name): law for name, law in by_rank.items()}
for key, law in ranked.items():
    counts[key] = tails.draw_ranks(law, 10_000, generator=default_rng(0))
cents = (100 * er_kappa.weights[:10_000]).astype(int)
counts["weights", "ER, κ = 1"] = np.bincount(cents, minlength=10_000)


# %% tags=["hide-input"]
def judge(counts: np.ndarray, share: float = 0.25) -> tails.PowerLawVerdict:
    """counts[x]: observations of the value x. share: of them, in the tail."""
    x, largest = np.arange(len(counts)), len(counts) - 1
    return tails.judge_power_law(x, counts=counts, maximum=largest, share=share)


def as_row(judged: tails.PowerLawVerdict) -> dict:
    return {
        "power law?": judged.verdict,
        "R, expon.": round(judged.ratio("exponential")),
        "R, logn.": round(judged.ratio("lognormal")),
        "exponent": number(judged.exponent, decimals=2),
        "tail from": judged.minimum,
    }


verdicts = {key: judge(observed) for key, observed in counts.items()}
pd.DataFrame(
    {key: as_row(judged) for key, judged in verdicts.items()}
).transpose()

# %% tags=["remove-input"]
weights = verdicts["weights", "ER, κ = 1"]
degrees, words = verdicts["degrees", "BA"], verdicts["words", "BA"]
successors = verdicts["successors", "BA"]
near = number(successors.ratio("exponential"), decimals=0)
bend = number(-successors.ratio("lognormal"), decimals=0)
say(rf"""**What we see.** On the plain ER graph every row says *no*. With
$\kappa = 1$ the weights follow the power law they were drawn from (exponent
{number(weights.exponent, decimals=2)}), but nothing that the reader of a walk
sees does. BA says *yes* for degrees and words. The exponent of the degrees is
{number(degrees.exponent, decimals=2)}, where theory has 3 for an infinite
graph. That of the ranked words is {number(words.exponent, decimals=2)}, where
the paper expects $1/(3-1) = 0.5$ (section 3.1.3). BA's successors are close:
they are nearer to a power law than to an exponential by $R =$ {near}, but
nearer still, by {bend}, to a lognormal, which may bend. The rule says *no*, and
we keep the rule.""")

# %% [markdown]
# **What it does not show.** A verdict is about a law, a range and an amount of data. *Yes* means that this much data
# does not tell the observations apart from a power law. Exercise 5 lets you look for rules that give other verdicts.
#
# ## Spectrum and memory
#
# A text can also hide a power law in *time*: words correlated over long distances, as in natural language. For a walk
# all of that sits in the eigenvalues $1 = \lambda_1 > \lambda_2 \ge \dots \ge \lambda_n$ of its transition matrix.
# Every correlation over $t$ steps is a sum of $\lambda_k^t$, so in the end each step shrinks it by the same factor.
# For a power law of time, many eigenvalues would have to lie close to 1.
#
# On ER they do not. Their density is one hump, near a half circle of radius $2/\sqrt{\bar d}$ for mean degree $\bar d$,
# and there is a wide gap between it and 1. (From here on we mostly use graphs of 1000 nodes, like the paper's
# smaller ER graph: whole spectra of larger ones are slow.)

# %%
er_1000 = chains.erdos_renyi(1000, edges=5000, generator=default_rng(0))
ba_1000 = chains.barabasi_albert(1000, attachments=5, generator=default_rng(0))
spectra = {"ER": er_1000.spectrum()[1:], "BA": ba_1000.spectrum()[1:]}
bins = np.linspace(-0.7, 0.7, 36)
densities = {
    name: np.histogram(spectrum, bins, density=True)[0]
    for name, spectrum in spectra.items()
}

# %% tags=["hide-input"]
radius = 2 / np.sqrt(er_1000.degrees.mean())
grid = np.linspace(-radius, radius, 201)
half_circle = 2 / (np.pi * radius**2) * np.sqrt(radius**2 - grid**2)
grey = {"color": COLOURS["grey"]}
with style():
    figure, axes = plt.subplots(figsize=(6.4, 2.8))
    for name, line, ink in (("ER", "-", blue), ("BA", "--", vermillion)):
        pen = ink | {"linestyle": line, "linewidth": 1.8}
        axes.stairs(densities[name], bins, label=name, **pen)
    axes.plot(grid, half_circle, ":", marker="", label="half circle", **grey)
    axes.plot([1], [0], "o", clip_on=False, label="λ₁ = 1", **grey)
    axes.set(xlabel="eigenvalue λ of the transition matrix", ylabel="density")
    axes.set(xlim=(-0.8, 1.02), ylim=(0, None))
    axes.legend(loc="upper right")
middles = (bins[1:] + bins[:-1]) / 2
show(
    figure,
    name="fig-spectrum",
    caption="All eigenvalues of two walks on 1000 nodes. Nothing lies between "
    "the hump and 1, so nothing decays slowly.",
    alt="Density of eigenvalues from minus 0.7 to 1. Both graphs have one "
    "broad hump around zero, near a dotted half circle that ends at plus and "
    "minus 0.63. A single dot stands apart at eigenvalue 1.",
    table=pd.DataFrame({"eigenvalue": middles} | densities)[::2],
    runs=[],
)

# %% [markdown]
# How much does a word tell about the one $t$ places later? That is their mutual information $I(t)$, and it can be
# computed exactly. Once it is small it is $\tfrac12 \sum_{k \ge 2} \lambda_k^{2t}$: a straight line on a logarithmic
# axis, whose slope is given by the gap. For contrast we add a graph *with* long memory: a ring, on which the walker
# stays near its place for long.

# %%
memories = {"ER": er_1000, "BA": ba_1000, "ring": chains.ring(1001)}
memories["ER, κ = 1"] = chains.biased(
    er_1000, kappa=1, generator=default_rng(1)
)
information = {
    name: chain.mutual_information(16, progress=False)[1:]
    for name, chain in memories.items()
}
distance = np.arange(1, 16)
predicted = [(spectra["ER"] ** (2 * t)).sum() / 2 for t in distance]

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for name, (line, colour) in (looks | {"ring": ("D-", "purple")}).items():
        ink = {"color": COLOURS[colour], "markersize": 4}
        axes.plot(distance, information[name], line, label=name, **ink)
    label = "ER, from its spectrum"
    axes.plot(
        distance[4:], predicted[4:], ":", marker="", label=label, **grey
    )
    axes.set(xlabel="distance t (steps)", ylabel="mutual information (nats)")
    axes.set(yscale="log")
    axes.legend()
show(
    figure,
    name="fig-memory",
    caption="Mutual information of two words t steps apart. Random graphs "
    "forget exponentially, weighted or not, hubs or not. The ring does not.",
    alt="Mutual information on a logarithmic axis against distance 1 to 15. "
    "ER, ER with kappa 1 and BA fall along straight lines by several powers "
    "of ten, kappa 1 slightly less steeply. The ring hardly falls, staying "
    "above 4 nats. A dotted line computed from the spectrum meets the ER "
    "curve from distance 8 on.",
    table=pd.DataFrame({"distance": distance} | information)[::2],
    runs=[],
)

# %% [markdown]
# **What it means.** Walks on the plain ER graph have no power law in their words, their transitions, their spectrum or
# their memory. Whatever shape a transformer's loss takes on them, it is not inherited from any of these. The paper chose
# this data for that reason, and the reason holds.
#
# ## The floor, exactly
#
# What else is known about this language? The lowest loss that any model can reach, a number which is unknown for every
# natural language. On node $u$ the next step has entropy $h_u = -\sum_v P_{uv} \ln P_{uv}$. Its average over the nodes,
# each weighted by the share $\pi_u$ of steps that the walk makes from it, is the **entropy rate**
#
# $$
# H = \sum_u \pi_u h_u .
# $$
#
# With equal weights $\pi_u = d_u/2E$ and $h_u = \ln d_u$, so $H = \frac{1}{2E} \sum_u d_u \ln d_u$. No model does
# better on average, and one that knows the graph reaches it. It hardly matters which graph of an ensemble was drawn:


# %%
def ensembles(seed: int) -> dict[str, chains.Chain]:
    return {
        "ER 1000/5000": chains.erdos_renyi(
            1000, edges=5000, generator=default_rng(seed)
        ),
        "ER 8192/53292": chains.erdos_renyi(
            8192, edges=53_292, generator=default_rng(seed)
        ),
        "BA 8192, m = 6": chains.barabasi_albert(
            8192, attachments=6, generator=default_rng(seed)
        ),
    }


draws = [
    {name: chain.entropy_rate for name, chain in ensembles(seed).items()}
    for seed in range(5)
]
pd.DataFrame(draws).agg(["mean", "std"]).transpose().round(4)

# %% [markdown]
# (Five draws, in nats; "std" is the spread between them.) Weights move the floor far more than the draw does. Drag
# $\kappa$ and watch the edges, the floor and the text. Near 0 most weights are large and alike. In the middle a few
# heavy edges carry the walk, which goes to and fro on them. At large $\kappa$ nearly all weights lie at the lower end
# of the range, and the walk is on its way back to unbiased. (So $\kappa = 0$ in the formula, weights spread evenly
# over the range, is not what the paper calls $\kappa = 0$, which is no weights at all.)

# %%
small = chains.erdos_renyi(10, edges=18, generator=default_rng(6))
kappas = np.arange(21) / 5
tuned = [
    chains.biased(small, kappa=kappa, symmetric=True, generator=default_rng(1))
    for kappa in kappas
]
rates = np.array([chain.entropy_rate for chain in tuned])
letters = np.array(list("abcdefghij"))
walks = [sample_walks(chain, 1, 32, seed=3)[0] for chain in tuned]
texts = ["".join(letters[walk]) for walk in walks]

# %% tags=["hide-input"]
network = nx.from_scipy_sparse_array(small.transitions)
layout = nx.kamada_kawai_layout(network)
half = small.sources < small.indices  # each edge once
picture = graph_panel(
    np.array([layout[node] for node in range(small.nodes)]),
    np.column_stack([small.sources[half], small.indices[half]]),
    widths=np.array([0.5 + 90 * chain.pair_law[half] for chain in tuned]),
    radii=np.array(
        [5 + 10 * np.sqrt(small.nodes * chain.stationary) for chain in tuned]
    ),
    letters=letters.tolist(),
)
curve = curve_panel(
    kappas,
    rates,
    x_label="κ",
    y_label="entropy rate (nats)",
    x_ticks=[0, 1, 2, 3, 4],
    y_ticks=[0.8, 1.0, 1.2, 1.4],
    level=small.entropy_rate,
    level_label="no weights",
)
says = [
    f"H = {number(rate, decimals=2)} nats, a choice among "
    f"{number(np.exp(rate), decimals=1)} successors. A walk: {text}"
    for rate, text in zip(rates, texts, strict=True)
]

# %% tags=["hide-input"]
walked = pd.DataFrame({"κ": kappas, "entropy rate": rates, "walk": texts})
show_live(
    [picture, curve],
    slider="κ",
    values=[number(kappa, decimals=1) for kappa in kappas],
    says=says,
    start=5,
    name="fig-kappa-live",
    caption="Ten nodes and a slider. Weights have the exponent κ on [1, 100], "
    "made from the same random numbers at every κ. The width of an edge shows "
    "how often it is taken, the size of a node how often it is visited.",
    alt="Left, a graph of ten lettered nodes whose edges change width with "
    "kappa. Right, its entropy rate against kappa from 0 to 4: it falls to a "
    "minimum between 1 and 2, then climbs back towards the value without "
    "weights.",
    table=walked[::4],
    runs=[],
)

# %% tags=["remove-input"]
floors = [
    chains.biased(er, kappa=1, kmax=top, generator=default_rng(0)).entropy_rate
    for top in (10, 100, 1000)
]
in_words = ", ".join(number(floor, decimals=2) for floor in floors)
say(rf"""How deep the valley is depends on the range of the weights, which the
paper does not state. On its graph of {number(er.nodes)} nodes, $\kappa = 1$ on
$[1, 10]$, $[1, 100]$ or $[1, 1000]$ makes a floor of {in_words} nats, against
{number(er.entropy_rate, decimals=2)} without weights. So a loss at
$\kappa = 1$ means little until the range is named, and we shall always name
ours.""")

# %% [markdown]
# ## The floor, from samples
#
# Suppose you had the walks and not the graph, as with language. Count the transitions, and put $c_{uv}/c_u$ in place
# of $P_{uv}$ in the formula: the *plug-in* estimate of $H$. Is it too high, too low, or right on average?
#
# On average it is always too low. A sample looks more regular than its source, since what is rare is missing from it. To
# first order the gap is half a nat over $D$ for each free parameter that the data had to fill in. The rows of $P$ have
# $\sum_u (d_u - 1) = 2E - n$ of these, so after $D$ transitions
#
# $$
# \mathbb{E}\,\hat H - H \approx -\frac{2E - n}{2D} .
# $$
#
# *Miller–Madow* adds the gap back, with the number of different transitions seen in place of $2E$. *Chao–Wang–Jost*
# also guesses how many were not seen, from how many were seen just once or twice.

# %%
sizes = np.round(10 ** (3 + 0.375 * np.arange(9)) / 50).astype(int) * 50
repeats = 3 if lab.profile == "smoke" else 6
estimators = {
    "plug-in": "plug_in",
    "Miller–Madow": "miller_madow",
    "Chao–Wang–Jost": "chao_wang_jost",
}
errors = {name: np.empty((len(sizes), repeats)) for name in estimators}
for place in np.ndindex(len(sizes), repeats):
    walks = sample_walks(er_1000, sizes[place[0]] // 50, 51, seed=place[1])
    for name, estimator in estimators.items():
        errors[name][place] = (
            estimate_entropy_rate(walks, estimator) - er_1000.entropy_rate
        )

# %% tags=["hide-input"]
looks_of_estimates = {
    "plug-in": ("o-", blue),
    "Miller–Madow": ("s-", vermillion),
    "Chao–Wang–Jost": ("^-", {"color": COLOURS["green"]}),
}
first_order = er_1000.counting_coefficient / sizes
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for name, (line, ink) in looks_of_estimates.items():
        size = np.sqrt((errors[name] ** 2).mean(axis=1))
        axes.plot(sizes, size, line, markersize=5, label=name, **ink)
    label = "(2E − n) ∕ 2D"
    axes.plot(sizes, first_order, "--", marker="", label=label, **grey)
    axes.axvline(er_1000.arcs, linestyle=":", **grey)
    axes.set(xlabel="transitions seen D", ylim=(1e-4, 6))
    axes.set_ylabel("error of H (nats, root mean square)")
    logarithmic(axes)
    axes.legend()
means = {
    f"{name}, mean error": error.mean(axis=1) for name, error in errors.items()
}
show(
    figure,
    name="fig-estimates",
    caption="Error of three estimates of the entropy rate of ER 1000/5000, "
    f"over {repeats} sets of walks. Dotted: one transition seen for each of "
    "the 2E that exist.",
    alt="Log-log plot of error against transitions seen, from a thousand to a "
    "million. All three start above one nat. Plug-in comes down to the dashed "
    "line of slope minus one and follows it. Chao-Wang-Jost falls first, near "
    "ten thousand transitions, Miller-Madow next; both end at a few "
    "ten-thousandths, far below plug-in.",
    table=pd.DataFrame({"D": sizes} | means),
    runs=[],
)

# %% tags=["remove-input"]
plug_in, miller_madow = (
    -np.interp(
        np.log(er_1000.arcs), np.log(sizes), means[f"{name}, mean error"]
    )
    for name in ("plug-in", "Miller–Madow")
)
rate = number(er_1000.entropy_rate, decimals=3)
say(rf"""With one transition seen for each that exists ($D = 2E =$
{number(er_1000.arcs)}), plug-in puts {rate} nats too low by
{number(plug_in, decimals=2)}, Miller–Madow by
{number(miller_madow, decimals=2)}. For natural language nobody even knows the
number of possible transitions, so the irreducible loss has to be *fitted*
there, together with the exponents. Here it never has to be.""")

# %% [markdown]
# ## Learning by counting
#
# Now let the estimate be a learner: it counts transitions, predicts from its counts, and is scored on *new* walks. On
# the walks that it counted its loss is too low by $(2E-n)/2D$, the gap above. On new ones it is too high, by just as
# much. Its **excess loss** is
#
# $$
# L - H = \sum_{u,v} \pi_u P_{uv} \ln \frac{P_{uv}}{q_{uv}} \approx \frac{2E - n}{2D} .
# $$
#
# A count of zero would cost infinitely much, so a counter sets some probability aside for what it has not seen. How much
# it sets aside, and for which nodes, is the only way in which counters differ. We take four:
#
# | counter | adds | is told |
# | --- | --- | --- |
# | edges known | ½ to each count | which edges exist |
# | add ½ | ½ to each count | nothing |
# | add 1/n | 1/n to each count | nothing |
# | Good–Turing | what the nodes seen once suggest for the unseen | nothing |
#
# We expect the first to win. The others have to find out which edges exist, and that takes tokens.

# %% tags=["remove-stderr"]
counters = {
    "edges known": "support_known",
    "add ½": "add_half",
    "add 1/n": "add_inverse_n",
    "Good–Turing": "good_turing",
}
fine = np.unique(np.geomspace(1e3, 3e6, 36).astype(int))
additive = list(counters)[:3]  # for these the expectation is exact
exact = {
    name: counting.expected_excess_loss(er_1000, fine, counters[name])
    for name in additive
}
coarse = np.array([1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000])
repeats = 2 if lab.profile == "smoke" else 5
simulated = {
    name: counting.simulate_excess_loss(
        er_1000, coarse, counter, repeats=repeats, length=50, seed=0
    )
    for name, counter in counters.items()
}

# %% tags=["hide-input"]
looks_of_counters = {
    "edges known": ("o", blue),
    "add ½": ("D", {"color": COLOURS["purple"]}),
    "add 1/n": ("s", vermillion),
    "Good–Turing": ("^", {"color": COLOURS["green"]}),
}
pen = {"marker": "", "linewidth": 1.2}
first_order = er_1000.counting_coefficient / fine
with style():
    figure, axes = plt.subplots(figsize=(6.4, 4.0))
    for name, (marker, ink) in looks_of_counters.items():
        mean = simulated[name].mean
        axes.plot(coarse, mean, marker, markersize=5, label=name, **ink)
        if name in exact:
            axes.plot(fine, exact[name], "-", **pen, **ink)
    label = "(2E − n) ∕ 2D"
    axes.plot(fine, first_order, "--", marker="", label=label, **grey)
    axes.axvline(er_1000.arcs, linestyle=":", **grey)
    axes.set(xlabel="transitions seen D", ylabel="excess loss L − H (nats)")
    axes.set(ylim=(1e-3, 10))
    logarithmic(axes)
    axes.legend(loc="lower left")
means = {name: points.mean for name, points in simulated.items()}
show(
    figure,
    name="fig-counters",
    caption="Excess loss of four counters on ER 1000/5000. Points: simulated "
    "on walks of 50 tokens. Lines: exact expectation for independent "
    "transitions. Dotted: one transition seen for each that exists.",
    alt="Log-log plot of excess loss against transitions, a thousand to three "
    "million. Add one half falls slowly from 4.4 nats. Add one over n and "
    "Good-Turing start there too, drop steeply between ten and fifty thousand "
    "transitions and then run just above the dashed line of slope minus one. "
    "The counter that knows the edges starts low, rises to 0.2 nats and then "
    "joins the dashed line. Points lie on the lines.",
    table=pd.DataFrame({"D": coarse} | means),
    runs=[],
)

# %% tags=["remove-input"]
coefficient = number(er_1000.counting_coefficient, decimals=0)
say(rf"""**What we see.** Three of the four end on the line $(2E-n)/2D$, here
{coefficient} over $D$, or a little above it. *Add ½* gives half a count to each
of {number(er_1000.nodes)} nodes in every row, and still pays for it after
{number(fine[-1])} transitions. And *edges known* is not ahead everywhere: on an
unbiased walk its first guess, that all neighbours are equally likely, is
already the truth, so its first samples make it *worse*. The fair rivals of a
transformer, which is told nothing, are *add 1/n* and *Good–Turing*.""")

# %% [markdown]
# ### An exponent depends on where you look
#
# The law is $D^{-1}$. But what does somebody find who fits a power law to a counter over a limited window? Take the
# local exponent: minus the slope of the curves above.

# %%
wide = np.unique(np.geomspace(1e3, 1e7, 49).astype(int))
losses = {
    name: counting.expected_excess_loss(er_1000, wide, counters[name])
    for name in exact
}
local = {
    name: -np.gradient(np.log(loss), np.log(wide))
    for name, loss in losses.items()
}

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    seen = wide / er_1000.arcs
    for name, line in zip(local, ("-", "-.", "--"), strict=True):
        _, ink = looks_of_counters[name]
        axes.plot(seen, local[name], line, marker="", label=name, **ink)
    axes.axhline(1, linestyle=":", **grey)
    axes.set(
        xlabel="transitions seen for each that exists, D ∕ 2E",
        ylabel="local exponent in D",
        ylim=(-0.8, 2.3),
    )
    logarithmic(axes, "x")
    axes.legend()
show(
    figure,
    name="fig-local-exponents",
    caption="Local exponents of three counters on ER 1000/5000, from their "
    "exact expectations. Dotted: the exponent of the law.",
    alt="Local exponent against transitions seen for each that exists, 0.1 to "
    "1000, on a logarithmic axis. Edges known rises from below zero to 1 at "
    "about 5 and stays. Add one over n rises to 2 near 4, then comes down to "
    "1. Add one half climbs slowly and reaches 1 only near 1000.",
    table=pd.DataFrame({"D over 2E": seen} | local)[::6],
    runs=[],
)

# %% tags=["remove-input"]
highest = number(local["add 1/n"].max(), decimals=1)
where = number(seen[local["add 1/n"].argmax()], decimals=1)
lowest = number(np.interp(10, seen, local["add ½"]), decimals=2)
say(rf"""The exponent of the law is 1, and yet *add 1/n* shows an exponent of
{highest} around $D = {where} \times 2E$, and *add ½* one of {lowest} at
$D = 10 \times 2E$. So an exponent below 1, as the paper reports for its ER
graphs of 1000 and 8192 nodes, or above 1, as for the one of 50,000 (Figs. 1, 5
and 22), does not by itself say that a transformer learns slower or faster than
a counter. It has to be compared with the counter **in the same window**.""")

# %% [markdown]
# ### The next term
#
# The paper derives the first-order term, and also prints the next one for a single row, a die whose $k$ faces have the
# probabilities $p_v$ (appendix C, Eq. 20). With plain counts of $D$ rolls,
#
# $$
# \mathbb{E}[L] - H = \frac{k-1}{2D} + \frac{B}{D^2} + \dots
# $$
#
# and there $B = k - \tfrac23 - \tfrac13 \sum_v 1/p_v$. That can be checked without a simulation, since a count is
# binomial (`dice.expected_excess_loss` sums over its values). For a fair die with ten faces:

# %%
faces = 10
fair = np.full(faces, 1 / faces)
rolls = np.array([200, 800, 3200, 12_800])
# A face never seen (chance below 1e-8) would cost infinitely much: left out.
excess = np.array([dice.expected_excess_loss(fair, int(D)) for D in rolls])
first_order = (faces - 1) / (2 * rolls)
table = pd.DataFrame(
    {
        "excess": excess.round(6),
        "first order": first_order.round(6),
        "D² × difference": (rolls**2 * (excess - first_order)).round(2),
    },
    index=pd.Index(rolls, name="rolls D"),
)
table

# %% tags=["remove-input"]
ours = number(dice.second_order(fair), decimals=2)
printed = number(faces**2 / 3 - faces + 2 / 3, decimals=0)
say(rf"""The last column settles near **{ours}**; the printed term is
−{printed}. It leaves out the fourth moment of a count, which is of the same
order in $1/D$ as the third. With it,

$$
B = \frac{{5}}{{12}} \sum_v \frac{{1}}{{p_v}} - \frac{{k}}{{2}} +
\frac{{1}}{{12}} ,
$$

as exercise 8 derives. The slip has no consequences in the paper, which uses the
first order only, and that is right. But the sign matters to us: with $B > 0$,
plain counting comes down to its law *from above*.""")

# %% [markdown]
# ### The line
#
# On a graph the rows add up to $(2E - n)/2$ nats over $D$, or $(E - n)/2$ if edges are one-way streets. This is the
# line that every figure of this book with $D$ on its axis carries.

# %%
line = pd.Series(
    {name: chain.counting_coefficient for name, chain in ensembles(0).items()}
)
pd.DataFrame(
    {
        "(2E − n)/2": line,
        "D for 0.1 nats": line / 0.1,
        "D for 0.01 nats": line / 0.01,
    }
).map(number, decimals=0)

# %% [markdown]
# $D$ counts transitions here. A walk of $T$ tokens holds $T - 1$ of them, so counted in tokens the line lies higher by
# $T/(T-1)$, which is 2 % for the paper's walks of 50.

# %% [markdown]
# ## Exercises
#
# The stars say how hard an exercise is, and the minutes about how long it takes.

# %% [markdown] tags=["book-only"]
# Below each exercise there is its solution in words, and then in code that checks it. On Colab the results of the code are
# open, so scroll slowly.

# %% [markdown] tags=["exercise", "key:known-answers"]
# ### Exercise 1: known answers
#
# *★ · 5 minutes.* Find the entropy rate of a walk on a ring, on a complete graph, on a star and on a path, each with
# $n$ nodes, by hand. Why does the star have just half of $\ln(n-1)$?
#
# Write `known_rates(n)`: the four, in this order, as a list.

# %% tags=["stub", "key:known-answers"]
def known_rates(n):
    """Entropy rates in nats of ring, complete graph, star and path."""
    ...


# %% tags=["check", "key:known-answers"]
check("known-answers", known_rates)

# %% [markdown] tags=["solution", "key:known-answers"]
# <details><summary><b>Solution</b></summary>
#
# Average $\ln d_u$ with the weights $d_u/2E$.
#
# - Ring: all degrees are 2, so $H = \ln 2$.
# - Complete graph: all degrees are $n-1$, so $H = \ln(n-1)$.
# - Star: every other step is at the centre, where the choice is among $n-1$; from a leaf there is no choice. $H =
#   \tfrac12 \ln(n-1)$.
# - Path: $2E = 2(n-1)$; the $n-2$ inner nodes have degree 2 and weight $2/2(n-1)$ each. $H = \frac{n-2}{n-1} \ln 2$.
#
# </details>

# %% tags=["solution", "hide-cell", "key:known-answers"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
n = 10
known = {
    "ring": np.log(2),
    "complete": np.log(n - 1),
    "star": np.log(n - 1) / 2,
    "path": (n - 2) / (n - 1) * np.log(2),
}
computed = {name: getattr(chains, name)(n).entropy_rate for name in known}
pd.DataFrame({"by hand": known, "computed": computed}).round(6)

# %% [markdown] tags=["exercise", "key:floor-from-mean-degree"]
# ### Exercise 2: the floor without the graph
#
# *★★ · 15 minutes.* Somebody tells you only that an ER graph has mean degree $c$. Predict $H$. *Hint:* the node a walk
# stands on is not a typical node. How are *its* degrees distributed?
#
# Write `floor_from_mean_degree(c)`, to half a per cent or better.

# %% tags=["stub", "key:floor-from-mean-degree"]
def floor_from_mean_degree(c):
    """Entropy rate in nats of a large ER graph of mean degree c."""
    ...


# %% tags=["check", "key:floor-from-mean-degree"]
check("floor-from-mean-degree", floor_from_mean_degree)

# %% [markdown] tags=["solution", "key:floor-from-mean-degree"]
# <details><summary><b>Solution</b></summary>
#
# A walk finds a node in proportion to its degree. If degrees are Poisson with mean $c$, the degree of the node found
# has the law $d\,\Pr(d)/c$, which is $1 +$ Poisson$(c)$: the edge by which one came, and as many others as any node
# has. (This is why your friends have more friends than you.) So $H = \mathbb{E} \ln(1 + X)$, $X \sim$ Poisson$(c)$, or
# about $\ln c + 1/2c$. The mean of $\ln d$ over *nodes* is lower.
#
# </details>

# %% tags=["solution", "hide-cell", "key:floor-from-mean-degree"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
others, c = np.arange(200), er.degrees.mean()
predicted = poisson.pmf(others, c) @ np.log1p(others)
over_nodes = np.log(er.degrees).mean()
say(rf"""Mean degree {number(c, decimals=2)}: predicted
{number(predicted, decimals=4)}, the graph has
{number(er.entropy_rate, decimals=4)} nats. The mean of $\ln d$ over nodes would
be {number(over_nodes, decimals=4)}.""")

# %% [markdown] tags=["exercise", "key:ranks-from-degrees"]
# ### Exercise 3: ranks from degrees
#
# *★★ · 15 minutes.* Show that on an unbiased walk the probability of the $r$-th likeliest successor, averaged as in
# the figure above, is $\Pr(d \ge r)/\bar d$. Which exponent in $r$ does that give for BA? Compare it with the table of
# verdicts.
#
# Write `probability_of_rank(degrees, r)` for the list of a graph's degrees.

# %% tags=["stub", "key:ranks-from-degrees"]
def probability_of_rank(degrees, r):
    """Mean probability of the r-th likeliest successor."""
    ...


# %% tags=["check", "key:ranks-from-degrees"]
check("ranks-from-degrees", probability_of_rank)

# %% [markdown] tags=["solution", "key:ranks-from-degrees"]
# <details><summary><b>Solution</b></summary>
#
# Node $u$ has an $r$-th successor if $d_u \ge r$; it has probability $1/d_u$. Averaged with $\pi_u = d_u/2E$:
# $\sum_{u:\, d_u \ge r} \frac{d_u}{2E} \frac{1}{d_u} = \frac{\#\{u : d_u \ge r\}}{2E} = \frac{\Pr(d \ge r)}{\bar d}$,
# since $2E = n \bar d$. The degrees cancel: the curves for ER and BA are their degree plots again. For BA,
# $\Pr(d \ge r) \propto r^{-2}$, so the exponent is 2.
#
# </details>

# %% tags=["solution", "hide-cell", "key:ranks-from-degrees"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
ranks = np.arange(1, ba.degrees.max() + 1)
survival_of_ranks = np.array([(ba.degrees >= r).mean() for r in ranks])
formula = survival_of_ranks / ba.degrees.mean()
difference = number(np.abs(formula - by_rank["BA"]).max(), 1)
exponent = number(verdicts["successors", "BA"].exponent, decimals=2)
say(rf"""Largest difference between the two sides over all {number(len(ranks))}
ranks: {difference}. Fitted exponent: {exponent}.""")

# %% [markdown] tags=["exercise", "key:weights-to-ranks"]
# ### Exercise 4: from weights to ranks
#
# *★★ · 20 minutes.* A node has $d$ neighbours, with weights drawn from $\Pr(W = k) \propto k^{-\kappa}$ on $[1, K]$.
# Sort them. Show that the $r$-th largest falls exponentially in $r$ for $\kappa = 1$, and for $\kappa > 1$ and large
# $K$ as $r^{-1/(\kappa-1)}$.
#
# Write `weight_of_rank(r, d, kappa)`: the $r$-th largest of $d$ weights for $\kappa > 1$ and $K \to \infty$.

# %% tags=["stub", "key:weights-to-ranks"]
def weight_of_rank(r, d, kappa):
    """Typical size of the r-th largest of d weights."""
    ...


# %% tags=["check", "key:weights-to-ranks"]
check("weights-to-ranks", weight_of_rank)

# %% [markdown] tags=["solution", "key:weights-to-ranks"]
# <details><summary><b>Solution</b></summary>
#
# The $r$-th largest of $d$ lies where about a share $r/d$ of the law is above it: $\Pr(W > w) = r/d$.
#
# - $\kappa = 1$: $\Pr(W > w) = 1 - \ln w / \ln K$, so $w = K^{1 - r/d}$. Each rank is smaller than the one before by the
#   factor $K^{-1/d}$.
# - $\kappa > 1$, $K \to \infty$: $\Pr(W > w) = w^{-(\kappa-1)}$, so $w = (r/d)^{-1/(\kappa-1)}$.
#
# With finite $K$ the power law holds only for weights well below $K$. Half the neighbours lie at ranks above $d/2$, so
# with $d = 13$ there is about one decade of ranks to see it in.
#
# </details>

# %% tags=["solution", "hide-cell", "key:weights-to-ranks"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
# Many neighbours, so that order statistics hardly scatter.
d, hub = 400, chains.star(401)
r = np.arange(10, 301)
laws = {(1, 100): 100 ** (1 - r / d), (2, 1e9): (r / d) ** -1.0}
for (kappa, top), law in laws.items():
    hubs = [
        chains.biased(hub, kappa=kappa, kmax=top, generator=default_rng(seed))
        for seed in range(50)
    ]
    sorted_logs = [np.sort(np.log(chain.weights[:d]))[::-1] for chain in hubs]
    mean_logs = np.mean(sorted_logs, axis=0)[r - 1]
    worst = np.abs(mean_logs - np.log(law)).max()
    say(rf"""κ = {kappa}: over ranks 10 to 300 the formula is off by at most
    {percent(worst, decimals=0)}.""")

# %% [markdown] tags=["exercise", "key:verdicts-by-share"]
# ### Exercise 5: verdicts by share
#
# *★★ · 15 minutes.* `judge(counts[...], share)` takes the share of observations that the tail must hold. Judge the
# degrees of ER and of BA with shares of ½ and of 2 %. Which verdicts change, although the data is the same?

# %% [markdown] tags=["solution", "key:verdicts-by-share"]
# <details><summary><b>Solution</b></summary>
#
# With ½, BA must be a power law down to its smallest degrees. Its exact law for an infinite graph is
# $2m(m+1)/d(d+1)(d+2)$, a power law only for large $d$, and with all 8192 nodes the test notices: *no*. (The
# successors of BA fail in the table for the same reason.) With 2 %, ER keeps a short stretch of large degrees, over
# which several laws fit equally well: *undecided*.
#
# The data is the same, but another share asks another question. That is why a rule has to be written down before one
# looks, and why "no evidence against a power law" must not be read as "evidence for a power law".
#
# </details>

# %% tags=["solution", "hide-cell", "key:verdicts-by-share"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
trials = {
    (name, percent(share, decimals=0)): as_row(
        judge(counts["degrees", name], share)
    )
    for name in ("ER", "BA")
    for share in (0.5, 0.25, 0.02)
}
pd.DataFrame(trials).transpose()

# %% [markdown] tags=["exercise", "key:memory-without-hubs"]
# ### Exercise 6: memory without hubs
#
# *★★ · 15 minutes.* On the ring all degrees are 2: no power law among words or transitions. Let $f$ be 1 on one node
# and 0 elsewhere. How does the correlation of $f$ at time 0 and at time $t$ (even, well below $n^2$) fall? And on a
# random graph in which every node has 4 neighbours?
#
# Write `probability_of_return(t)`: the exact probability of being back on a ring that is too large to go round.

# %% tags=["stub", "key:memory-without-hubs"]
def probability_of_return(t):
    """Probability of being back after t steps on a large ring."""
    ...


# %% tags=["check", "key:memory-without-hubs"]
check("memory-without-hubs", probability_of_return)

# %% [markdown] tags=["solution", "key:memory-without-hubs"]
# <details><summary><b>Solution</b></summary>
#
# Up to a small constant the correlation is the probability to be back after $t$ steps. On a ring that is the
# probability of as many steps left as right, $\binom{t}{t/2} 2^{-t} \approx \sqrt{2/\pi t}$: **a power law in time**,
# with exponent ½, until the walk has gone all the way round. On the random regular graph it falls exponentially.
#
# So data without a power law in the degrees may still have one in time, and the spectrum tells whether it has. Between
# the two there are graphs that have both a long memory and a low floor. How would a transformer learn them?
#
# </details>

# %% tags=["solution", "hide-cell", "key:memory-without-hubs"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
here = np.eye(1, 1001)[0]
back = memories["ring"].correlation(101, here)
regular = chains.regular(1001, 4, generator=default_rng(0))
tangle = regular.correlation(101, here)
exponent = -np.log(back[100] / back[50]) / np.log(2)
say(rf"""Ring: exponent {number(exponent, decimals=3)} between $t = 50$ and
$100$. Random regular graph: {number(tangle[10], 2)} at $t = 10$,
{number(tangle[40], 1)} at $t = 40$.""")

# %% [markdown] tags=["exercise", "key:tokens-to-the-floor"]
# ### Exercise 7: how many tokens to the floor
#
# *★★ · 10 minutes.* How many *tokens*, in walks of 50, does each of the three additive counters need on the paper's
# graph of 8192 nodes to come within 0.01 nats of the floor? Guess the ratios first. (`counting.expected_excess_loss`
# gives the excess for any $D$; search for the right one.)
#
# Begin with the counter that is told the edges. Write `counting_excess(nodes, edges, tokens, context)`: its excess loss in
# nats, to first order, after `tokens` tokens in walks of `context`. The cell below your function says whether it is right,
# and if it is not, asks you about the likely mistake.

# %% tags=["stub", "key:tokens-to-the-floor"]
def counting_excess(nodes, edges, tokens, context):
    """Excess loss in nats, to first order, when the edges are known."""
    ...


# %% tags=["check", "key:tokens-to-the-floor"]
check("tokens-to-the-floor", counting_excess)

# %% [markdown] tags=["solution", "key:tokens-to-the-floor"]
# <details><summary><b>Solution</b></summary>
#
# To first order it takes $A/0.01$ transitions, with $A = (2E-n)/2$ if the edges are known. A counter that adds $a$ to
# all $n$ nodes also wastes $a (n - d_u)$ counts in row $u$, so that $A = (2E-n)/2 + a \sum_u (n - d_u)$. With
# $a = 1/n$ that is $n$ more, hardly noticeable; with $a = ½$ it is about $n^2/2$, hundreds of times the rest. Then the
# factor 50/49 for tokens. The function returns `(2 * edges - nodes) / 2 / (tokens * (context - 1) / context)`.
#
# </details>

# %% tags=["solution", "hide-cell", "key:tokens-to-the-floor"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
need = {}
for name in exact:
    first_order = counting.expansion(er, counters[name]).first / 0.01
    transitions = first_order
    for _ in range(6):  # where the exponent is nearly 1, this converges fast
        size = np.array([round(transitions)])
        excess = counting.expected_excess_loss(er, size, counters[name])[0]
        transitions *= excess / 0.01
    need[name] = {
        "tokens": transitions * 50 / 49,
        "to first order": first_order * 50 / 49,
    }
pd.DataFrame(need).transpose().map(number)

# %% [markdown] tags=["exercise", "key:fourth-moment"]
# ### Exercise 8: the fourth moment
#
# *★★★ · 30 minutes.* Derive $B$. Let $c$ be binomial with $D$ trials and probability $p$, and expand
# $\mathbb{E}\ln(c/Dp)$ in the relative deviation $\delta = (c - Dp)/Dp$ up to $\delta^4$. Which of its moments
# contribute at order $1/D^2$?
#
# Write `second_order(faces)`: $B$ for a die whose faces have these probabilities.

# %% tags=["stub", "key:fourth-moment"]
def second_order(faces):
    """B, the coefficient of 1/D^2."""
    ...


# %% tags=["check", "key:fourth-moment"]
check("fourth-moment", second_order)

# %% [markdown] tags=["solution", "key:fourth-moment"]
# <details><summary><b>Solution</b></summary>
#
# $\mathbb{E}\ln(1 + \delta) = -\tfrac12 \mathbb{E}\delta^2 + \tfrac13 \mathbb{E}\delta^3 - \tfrac14 \mathbb{E}\delta^4 + \dots$
# With $q = 1 - p$ the central moments of a binomial give
#
# - $\mathbb{E}\delta^2 = q / Dp$,
# - $\mathbb{E}\delta^3 = q (1 - 2p) / (Dp)^2$,
# - $\mathbb{E}\delta^4 = 3 q^2 / (Dp)^2 + O(D^{-3})$.
#
# The third and the fourth are both of order $1/D^2$; the fifth and sixth begin at $1/D^3$. So
#
# $$
# -\mathbb{E}\ln(c/Dp) = \frac{q}{2Dp} + \frac{1}{(Dp)^2} \left[ \frac{3 q^2}{4} - \frac{q(1-2p)}{3} \right] + \dots
# $$
#
# Multiply by $p$ and sum over the faces. The first term gives $(k-1)/2D$. The bracket is
# $\tfrac{5}{12} - \tfrac12 p + \tfrac{1}{12} p^2$; divided by $p$ and summed, it makes
#
# $$
# B = \frac{5}{12} \sum_v \frac{1}{p_v} - \frac{k}{2} + \frac{1}{12} .
# $$
#
# Without the fourth moment one is left with $-\tfrac13 \sum_v (1 - p_v)(1 - 2p_v)/p_v$, which is
# $k - \tfrac23 - \tfrac13 \sum_v 1/p_v$: the printed term.
#
# </details>

# %% tags=["solution", "hide-cell", "key:fourth-moment"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
loaded, rolls = np.array([0.4, 0.3, 0.2, 0.1]), 3200
left = dice.expected_excess_loss(loaded, rolls) - (len(loaded) - 1) / 2 / rolls
exact_term = number(rolls**2 * left, decimals=2)
ours = number(dice.second_order(loaded), decimals=2)
printed = len(loaded) - 2 / 3 - (1 / loaded).sum() / 3
say(rf"""A loaded die, {loaded.tolist()}: exactly {exact_term}, our formula
{ours}, the printed one {number(printed, decimals=2)}.""")

# %% [markdown] tags=["exercise", "key:floor-of-a-weighted-walk"]
# ### Exercise 9: the floor of a weighted walk
#
# *★★ · 15 minutes.* A walk steps along an edge with a probability in proportion to the edge's weight. Write
# `entropy_rate(weights)`: the entropy rate in nats. `weights` is a symmetric matrix as a list of rows, with 0 where there is
# no edge. When is it *not* the mean of $\ln d_u$?

# %% tags=["stub", "key:floor-of-a-weighted-walk"]
def entropy_rate(weights):
    """Entropy rate in nats of a walk on a weighted graph."""
    ...


# %% tags=["check", "key:floor-of-a-weighted-walk"]
check("floor-of-a-weighted-walk", entropy_rate)

# %% [markdown] tags=["solution", "key:floor-of-a-weighted-walk"]
# <details><summary><b>Solution</b></summary>
#
# The law of the next step is a row of weights over its sum, the strength $s_u$; a walk is at $u$ in proportion to $s_u$. So
# $H = \sum_u \frac{s_u}{\sum_v s_v} H_u$ with $H_u = -\sum_v P_{uv} \ln P_{uv}$. Only where all weights at a node are equal
# is $H_u = \ln d_u$; anything else is less uncertain.
#
# </details>

# %% tags=["solution", "hide-cell", "key:floor-of-a-weighted-walk"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
walk = chains.biased(
    chains.complete(8), kappa=1, symmetric=True, generator=default_rng(0)
)
P = walk.transitions.toarray()
row_entropies = -(P * np.log(np.where(P > 0, P, 1))).sum(1)
by_strength = row_entropies @ walk.strengths / walk.strengths.sum()
say(rf"""By strength {number(by_strength, decimals=4)}, the library says
{number(walk.entropy_rate, decimals=4)}. The mean over nodes would be
{number(row_entropies.mean(), decimals=4)}, the logarithm of the degree
{number(np.log(7), decimals=4)}.""")

# %% [markdown] tags=["exercise", "key:entropy-from-few-counts"]
# ### Exercise 10: an entropy from few counts
#
# *★★ · 10 minutes.* `counts` says how often each outcome was seen, some of them never. Write `entropy_of_counts(counts)`: the
# entropy in nats, as Miller and Madow correct it.

# %% tags=["stub", "key:entropy-from-few-counts"]
def entropy_of_counts(counts):
    """Entropy in nats, corrected to first order."""
    ...


# %% tags=["check", "key:entropy-from-few-counts"]
check("entropy-from-few-counts", entropy_of_counts)

# %% [markdown] tags=["solution", "key:entropy-from-few-counts"]
# <details><summary><b>Solution</b></summary>
#
# With $f = c/n$ the plug-in entropy $-\sum f \ln f$ is low by $(m-1)/2n$ to first order, with $m$ outcomes seen in $n$
# observations. It is the same half nat for a free parameter that a counter pays, seen from the other side: what a counter
# loses on new data it seems to gain on its own.
#
# </details>

# %% tags=["solution", "hide-cell", "key:entropy-from-few-counts"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
generator = default_rng(0)
law = generator.dirichlet(np.ones(14))
samples = generator.multinomial(40, law, size=5000)
frequencies = samples / 40
logs = np.log(np.where(samples > 0, frequencies, 1))
plugged = -(frequencies * logs).sum(1)
corrected = plugged + ((samples > 0).sum(1) - 1) / 80
exact_entropy = -law @ np.log(law)
say(rf"""Entropy {number(exact_entropy, decimals=3)}; on average the plug-in
has {number(plugged.mean(), decimals=3)}, the corrected one
{number(corrected.mean(), decimals=3)}.""")

# %% [markdown] tags=["exercise", "key:where-a-directed-walk-is"]
# ### Exercise 11: where a directed walk is
#
# *★★ · 15 minutes.* On a directed graph a walk does not visit a node in proportion to its strength. Write
# `stationary(weights)`: the stationary law as a list. `weights[u][v]` weighs the step from $u$ to $v$.

# %% tags=["stub", "key:where-a-directed-walk-is"]
def stationary(weights):
    """Stationary law of a walk on a directed graph, as a list."""
    ...


# %% tags=["check", "key:where-a-directed-walk-is"]
check("where-a-directed-walk-is", stationary)

# %% [markdown] tags=["solution", "key:where-a-directed-walk-is"]
# <details><summary><b>Solution</b></summary>
#
# Solve $\pi = \pi P$ with $\sum_u \pi_u = 1$: one equation of the first kind follows from the others, so add the last one and
# solve by least squares. On an undirected graph $\pi_u P_{uv} = \pi_v P_{vu}$ for each edge, and the strengths do it; here
# flow goes round in circles and only balances in sum.
#
# </details>

# %% tags=["solution", "hide-cell", "key:where-a-directed-walk-is"] mystnb={"code_prompt_show": "Solution, in code"} cellView="form"
# @title Solution, in code
weights = np.array([[0, 3, 1], [1, 0, 2], [5, 0, 0]], float)
P = weights / weights.sum(1, keepdims=True)
equations = np.vstack([P.T - np.eye(3), np.ones(3)])
by_node = {
    "solved": np.linalg.lstsq(equations, [0, 0, 0, 1], rcond=None)[0],
    "after 200 steps": np.linalg.matrix_power(P, 200)[0],
    "strength": weights.sum(1) / weights.sum(),
}
pd.DataFrame(by_node).round(4)

# %% [markdown]
# ## What this chapter does not show
#
# - That a transformer learns like a counter. It has to find the edges with a fixed number of parameters and of optimiser
#   steps; chapter 2 trains it.
# - That power laws in data do not matter. These walks can show that they are not *needed* for a power law of the loss. What
#   effect they have where they are present is another question.
# - Anything about an exponent in $N$: a counter has no size to vary.
#
# ## If you remember one thing
#
# On a plain random graph nothing is a power law, the lowest loss is a known sum, and a learner that only counts comes
# within $(2E-n)/2D$ of it. Whatever loss a transformer reaches on these walks can be compared with these three facts.
#
# **Next:** chapter 2 trains the transformers.
