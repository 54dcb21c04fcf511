# %% [markdown]
# # Architecture and emergence: does the block matter, and is the jump real?
#
# **The question.** Two questions come up whenever scaling laws are discussed. Would the law be another one with another
# architecture? And do abilities *emerge*, suddenly and without a warning in the loss? On text both are hard to answer,
# because nobody knows the floor of the loss, and nobody knows which long answers are right. On walks both are known. The
# floor is the entropy rate. A long answer is a walk, and a walk is right if every step of it uses an edge that exists.
#
# **What we find.** At one learning rate for all, no block of the transformer matters much in short runs. In long ones a
# gated MLP and more layers do. And when each depth has its own best rate, four layers beat two in short runs already. A
# router deals the nodes of a graph out among its experts evenly, even where nothing makes it do so, and hardly by the
# communities that they form. An exact match that comes late as the data grow is explained by the slow and smooth fall of
# the probability of a single wrong step. The cliff that appears as the width grows is not: there the Brier score, which
# is a smooth function of the probabilities, falls steeply too. The verdicts behind these sentences, by rules that were
# written before the runs, stand below the first cells.
#
# The first half of this chapter changes one block of the transformer at a time. The second half lets models of many widths
# write walks and asks when these become right.
#
# You will see
#
# - the excess loss of eight architectures on the same graphs and the same walks,
# - a mixture of experts compared in two ways that are both called fair, and that disagree,
# - what the router of such a mixture knows of a graph with communities, which nobody told it about,
# - the probability that a model's walk of $L$ steps is right, and how far $e^{-L \cdot \text{leak}}$ goes to explain it,
# - a slider for $L$ that makes an ability come early, come late or not come at all, with the same models,
# - where the model itself jumps, and not only the metric: a diagram over width and tokens, with the seeds in each branch.
#
# *After it you can* compare two blocks of a transformer fairly, and say what equal means; compute how likely a long
# answer of a model is right, and undo a metric that jumps; tell a jump of a metric from a jump of the model behind
# it. *You need* chapters [0](00-the-thread) and [2](02-transformers-sp-mup); chapter [5](05-twins-and-collapse) for
# leak and within. *Time:* 45 minutes to read, 2 hours for the exercises; to run, half a minute under the profile
# `recorded`, under a minute under `smoke`. Throughout, $\alpha$ is the exponent in $N$ and $\beta$ the exponent in
# $D$.

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
import numpy as np
import pandas as pd

from scaling_lib.coursework import check, forecast, reveal
from scaling_lib.data.chains import erdos_renyi
from scaling_lib.data.transfer import walk_decay, walk_probabilities
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, show, style
from scaling_lib.pages.drawing.lines import with_intervals
from scaling_lib.pages.drawing.live import Mark, Panel, plot_axes, show_live
from scaling_lib.pages.drawing.moving import level_mark, moving_curve
from scaling_lib.pages.drawing.numbers import number, percent
from scaling_lib.pages.drawing.prose import say
from scaling_lib.pages.drawing.written import show_verdicts
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.twins.blocks import router_points
from scaling_lib.pages.judging.twins.emergence import written
from scaling_lib.pages.judging.words.architecture import (
    ARCHITECTURE,
    EMERGENT,
    block_points,
    blocks_finding,
    phase_points,
)
from scaling_lib.pages.judging.words.findings import (
    finding,
    verdicts_in_words,
)
from scaling_lib.runs.keeping.tables import recorded_or_none
from scaling_lib.runs.sweeping.studies.blocks import ROUTER_ARMS, STEP_TIMES
from scaling_lib.session import begin

lab = begin(profile)

# %% tags=["hide-input"]
asked = {**ARCHITECTURE, **EMERGENT}
rules = [name for _, words in asked.values() for name in words]
rows = claims.evaluate(recorded_or_none, only=rules)
arms_said = [
    blocks_finding(compared, rows)
    for compared in ("level", "level_long", "exponent")
]
arms_said.append(finding(*ARCHITECTURE["depth_rates"], rows))
arms_said.append(finding(*ARCHITECTURE["router"], rows))
emergent = [finding(*question, rows) for question in EMERGENT.values()]
found = [
    "\n".join(f"- {part}" for part in half) for half in (arms_said, emergent)
]
say(rf"""
**The verdicts.** Of the {len(rows)} claims that the rules of this chapter judge
{verdicts_in_words(rows)}.

*Architecture.* One block is changed at a time; in brackets stands the
difference to the default in $\ln$ of the excess loss, or in the exponent.

{found[0]}

*Emergence.*

{found[1]}

What these words mean is said in [chapter 0](00-the-thread): a rule compares an
interval with a margin that was fixed beforehand, and *undetermined* means that
what was measured cannot decide (the interval is too long for the rule, or the
fit is rejected). *Inconclusive* is different: the interval is short enough, and
lies across an end of the band. Dense against experts at equal FLOPs is left
out, because Exercise 1 asks you to forecast it.""")


# %% tags=["hide-input"]
def judged(half, *questions):
    """The ledger's rows that answer these questions."""
    wanted = [name for question in questions for name in half[question][1]]
    show_verdicts([row for row in rows if row.claim.id in wanted])


# %% [markdown]
# ## Part one: the block
#
# ### What is changed
#
# The default of this book is the decoder of the paper: LayerNorm, an MLP with GELU, four heads of attention with rotary
# positions, two layers. Since then most of its parts have been replaced in the models that people use. Each **arm** of the
# study replaces one of them and leaves everything else as it is:
#
# - **rmsnorm**: RMSNorm divides by the root mean square and does not subtract the mean.
# - **swiglu**: the MLP multiplies its hidden numbers by a gate. Its hidden size is smaller, so that it has as many
#   parameters.
# - **multi-query**: four heads of queries share one head of keys and values.
# - **no-positions**: nothing tells the model where in the walk a token stands.
# - **experts**: four MLPs in place of one. A **router** looks at each token and sends it to one of them. A small extra loss
#   keeps the experts equally busy.
# - **depth-1**, **depth-4**: one layer, or four. So that one learning rate serves all depths, these have the rules of
#   CompleteP (Dey and others, arXiv 2505.01618): what a layer adds is divided by the depth.
#
# The task is the twin of chapter 5: graphs of 100 nodes and 500 edges, width 64, muP, one learning rate. Six seeds draw six
# graphs. Every arm sees the same six graphs and the same walks on them, so arms are compared *seed by seed*, and most of
# what differs between graphs cancels.

# %% tags=["nbval-ignore-output"]
names = ("blocks-short", "emergence-phase")
if lab.trains:
    minutes = number(lab.expected_minutes(*names), decimals=1)
    say(rf"""On this machine the training below takes about **{minutes}
    minutes** on one core.""")
else:
    say("""Profile `recorded`: the runs below were made earlier and ship with
    the library; nothing is trained now.""")

# %% tags=["remove-stderr", "nbval-ignore-output"]
own = {name: lab.own(name) for name in names}
if lab.trains:
    columns = ["width", "depth", "D", "seed", "excess_loss", "leak"]
    display(pd.concat(own.values())[columns].round(4))
else:
    say("""Under `smoke` your own runs stand here: two arms of the study of
    blocks, and two widths of the study of emergence.""")

# %% tags=["hide-input"]
studies = ("blocks-short", "blocks-flops", "blocks-long", "blocks-long-more")
tables = [recorded_or_none(name) for name in studies]
blocks = pd.concat([table for table in tables if table is not None])
points = block_points(blocks)
default = points[points["arm"] == "default"].set_index("steps")
arms = points[points["arm"] != "default"]
lengths = sorted(set(default.index) & set(arms["steps"]))
labels = [arm for arm in dict.fromkeys(arms["arm"]) if arm in STEP_TIMES]
labels = labels[-2::-1]  # two experts have steps of their own
height = {arm: place for place, arm in enumerate(labels)}
shown = ["arm", "steps", "seeds", "N", "N_active", "excess", "difference"]

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(
        1, len(lengths), figsize=(3.5 * len(lengths), 2.8), sharey=True
    )
    for axes, steps in zip(np.atleast_1d(panels), lengths, strict=True):
        part = arms[arms["steps"] == steps]
        part = part.assign(place=part["arm"].map(height))
        axes.axvspan(-0.2, 0.2, color=COLOURS["grey"], alpha=0.15, lw=0)
        look = {"along": "x", "fmt": "o"}
        with_intervals(axes, part, x="difference", y="place", **look)
        axes.set(
            xlabel="ln excess loss, less the default's",
            title=f"after {number(steps)} steps",
            yticks=range(len(labels)),
            yticklabels=labels,
            ylim=(-0.6, len(labels) - 0.4),
        )
show(
    figure,
    name="fig-blocks",
    caption="The excess loss of each arm against that of the default, seed by "
    "seed, with 95 % intervals; 0.2 is a factor of 1.2. Grey: the margin of "
    "the rules.",
    alt="A panel for each number of steps, with an interval for each arm. "
    "After 800 steps all of them lie around zero, most of them inside the "
    "grey band; after 3,200 steps SwiGLU lies to the left of it, and four "
    "layers lie far to the left.",
    table=points[[*shown, "low", "high"]],
    runs=[*blocks["identity"]],
)

# %%
judged(ARCHITECTURE, "norm", "mlp", "attention", "positions")

# %% [markdown]
# **How to read it.** Zero is the default. A rule about a level asks whether the interval lies inside the grey band of
# $\pm 0.2$. A rule about an exponent asks whether the excess loss falls as fast as that of the default between 800 and
# 3,200 steps. An interval that is too long for the band decides nothing, and then the row prints no number.
#
# Kaplan and others (arXiv 2001.08361) reported for text that the loss depends weakly on the shape of the model at a fixed
# number of parameters. They compared losses, in which the floor is the largest part. Here the floor is taken off, so that a
# small difference can be seen.
#
# **What it means.** Two of these arms could have been foretold. On a walk only the last node matters. So positions have
# nothing to say, and attention has little to do, with one head of keys and values or with four. Neither moves the loss at
# either length. On a text with a grammar this argument is not available.
#
# The norm and the MLP are another matter. After 800 steps nothing of weight separates their arms from the default. After
# 3,200 steps the gated MLP has a clearly smaller excess loss, and RMSNorm leans the same way: their lines fall faster.
# Somebody who had stopped after the short runs would have reported that no block matters, and their rule would have
# agreed. A verdict holds for its scope, and the length of the run is part of the scope.
#
# One caution, for all of these arms. They have the same learning rate. Chapter 5 found that the best rate of the default
# falls as runs grow longer, and in runs of 3,200 steps it lies below this one. An arm that bears a large rate better than
# the default gains from that. So this is a difference between blocks *at this rate*. Whether it is one between blocks at
# the best rate of each was asked of the depth alone, below.
#
# ### The cost of a block
#
# Equal steps are not equal costs. Here is what each arm holds, what a token meets of it ($N$ active), and how long a step
# takes on one core in comparison with the default. The excess loss of one arm is left out, because Exercise 1 asks for it.

# %% tags=["hide-input"]
first = points.drop_duplicates("arm").set_index("arm")
costs = first[["N", "N_active", "steps", "C", "excess"]].copy()
costs["C"] = costs["C"] / costs["C"]["default"]
costs["step time"] = costs.index.map(STEP_TIMES)
costs["excess"] = costs["excess"].where(costs.index != "two-experts")
costs.round({"C": 2, "excess": 4}).rename(
    columns={
        "N_active": "N active",
        "C": "C ÷ default's",
        "excess": "excess (nats)",
    }
)

# %% [markdown]
# ### Dense or experts: equal in what?
#
# A mixture of experts holds more parameters than a token meets. So there are two fair comparisons.
#
# - **Equal active parameters.** One of four experts is active. A token meets as many parameters as in the default, but for
#   the router, and the steps are the same. Each expert, though, sees only a part of the tokens.
# - **Equal FLOPs.** Two of four experts are active, so a token costs more. With the compute of 800 steps of the default, at
#   $C = 6 N_\text{active} D$, the mixture gets only 491 steps.

# %% [markdown] tags=["exercise", "key:experts-at-equal-flops"]
# ### Exercise 1: a forecast
#
# *★ · 5 minutes.* Two of four experts are trained for 491 steps, and the default for 800, with the same number of FLOPs.
# By what factor does the excess loss of the mixture differ from that of the default? Below one the experts win. Recall
# from chapter 5 what sets most of the excess. Register an interval of 80 % before you open the numbers below.

# %% tags=["forecast", "key:experts-at-equal-flops"]
forecast("experts-at-equal-flops", low=..., value=..., high=...)

# %% tags=["hide-output"]
judged(ARCHITECTURE, "experts")

# %% tags=["hide-input", "hide-output"]
sparse = points[points["arm"] == "two-experts"].iloc[0]
factor = float(np.exp(sparse["difference"]))
say(rf"""
The mixture has **{number(factor, 3)} times** the excess loss of the default at
equal FLOPs.""")

# %% tags=["hide-output", "key:experts-at-equal-flops"]
reveal("experts-at-equal-flops", factor)

# %% [markdown] tags=["solution", "key:experts-at-equal-flops"]
# <details><summary><b>Solution of exercise 1</b></summary>
#
# The experts lose, and clearly. On walks the number of steps sets most of the excess loss, and at equal FLOPs the mixture
# gets fewer of them. It does not need what it buys with them: a table of a hundred nodes fits into the default already.
# Where a model is too small for its data, more parameters at the same cost would count for more. That is the case for
# which mixtures are made, and this graph is not that case.
#
# </details>

# %% [markdown]
# **What it means.** "At equal active parameters" and "at equal FLOPs" are both fair, and they answer two questions. The
# first asks whether a token is better served by a choice of experts. The second asks what to do with a budget. A claim
# that experts are better, or worse, means nothing until it says which.
#
# ### What does the router learn?
#
# **The question.** The router decides which expert sees a token, and nobody tells it how. It is often imagined that the
# experts become specialists, each for a field of its own. On a text nobody can check that, because nobody knows the true
# fields. On a graph they can be planted. A **planted partition** has four communities of 25 nodes, and nine of ten edges
# stay inside a community. Nodes, edges and mean degree are those of the graphs above. Four communities and four experts:
# does each community get its expert? And what becomes of the router without the loss that keeps the experts busy?
#
# **How it is measured.** For every token of the test walks one notes the expert of the first choice. The **mutual
# information** between that expert and the community of the token's node is zero if the choice says nothing about the
# community, and $\ln 4$ if it says everything. A table of a hundred nodes shows a little information by chance alone. So
# the labels are dealt out anew among the nodes, two hundred times, and the mean of what these labels give is taken off. Two
# more numbers stand beside it: the mutual information between the expert and the *node*, which says how much of the choice
# depends on the node at all, and the entropy of the **usage**, which is $\ln 4$ if all experts are equally busy and zero
# if one does everything. As a control the same is done on the random graphs from above, whose 25-node "communities" mean
# nothing.
#
# **What one expects.** Nodes of a community have the same successors, so the model has a reason to treat them alike, and
# an expert that serves one community has less to learn. Without the loss, the literature on mixtures reports that a few
# experts get everything (Shazeer and others, arXiv 1701.06538): who is chosen more is trained more, and is then chosen
# more still. A pilot of two seeds, which is judged by nothing, was known when the rules were written.

# %% tags=["hide-input"]
routers = lab.recorded("blocks-router")
known = router_points(routers)
arms_of_routers = [*ROUTER_ARMS]
known["place"] = known["arm"].map(arms_of_routers.index)
marks = {
    "usage": ("grey", "usage"),
    "nodes": ("blue", "node"),
    "information": ("vermillion", "community"),
}

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.2), sharey=True)
    for layer, axes in enumerate(panels):
        part = known[known["layer"] == layer]
        for shift, (column, (colour, label)) in enumerate(marks.items()):
            axes.plot(
                part["place"] + 0.22 * (shift - 1),
                part[column],
                ".",
                color=COLOURS[colour],
                label=label,
            )
        axes.axhline(0, color=COLOURS["grey"], linewidth=0.8)
        axes.set(
            title=f"layer {layer + 1}",
            xticks=range(len(arms_of_routers)),
            xticklabels=[arm.replace("-", "\n") for arm in arms_of_routers],
        )
        axes.tick_params(axis="x", labelsize="x-small")
    panels[0].set(ylabel="share of ln 4")
    panels[1].legend(loc="center right")
show(
    figure,
    name="fig-router",
    caption="What the first choice of the router says, in shares of ln 4: of "
    "the node (blue) and, less what chance gives, of its community (red); "
    "and the entropy of the usage (grey). Dots: the seeds. In the control the "
    "communities are labels that mean nothing.",
    alt="A panel for each of two layers, with four arms each. In all of them "
    "the dots of the usage and of the node lie close to one. Those of the "
    "community lie near zero: a little above it where there are communities, "
    "with load balancing and without, and around it in the control.",
    table=known.groupby(["arm", "layer"])[["excess_loss", *marks]]
    .mean()
    .reset_index(),
    runs=[*routers["identity"]],
)

# %%
judged(ARCHITECTURE, "router")

# %% tags=["hide-input"]
at_arm = np.exp(
    np.log(known["excess_loss"].astype(float)).groupby(known["arm"]).mean()
)
say(
    "The excess loss, a mean over the seeds, is "
    + ", ".join(
        f"{number(at_arm[arm], 2)} nats in the arm *{arm}*"
        for arm in arms_of_routers
    )
    + "."
)

# %% [markdown]
# **What we see.** In every arm the choice depends on the node almost entirely, and the experts are almost equally busy,
# also without the loss that is to make them so. Of the community the choice says more than chance does, and still only a
# small part of what it could say. The balance changes little of this, and little of the excess loss. Graphs with
# communities are learned somewhat better than the others, with the balance and without; why, was not asked.
#
# **What it means.** The router has dealt the nodes out. Each expert is a table of about a quarter of them, and which
# nodes stand in one table has little to do with who is whose neighbour. Somebody who saw only that every node has its own
# expert, and that all experts are busy, would have called them specialists. That is a statement about *which* nodes go
# together, and it could be refuted here only because the communities were planted. A likely reason is that there is
# little to gain. An expert of this width holds a table of 25 nodes of four communities as easily as one of 25 nodes of
# one. The little information that there is fits nodes with similar successors having similar embeddings, which a router
# then finds on the same side of its boundary. Neither reason was tested.
#
# That nothing collapses is the greater surprise, if one comes from the literature. A router begins with small random
# scores, which cut a hundred random embeddings into parts of nearly equal size. In these short runs on few tokens the
# advantage of the busy had no time, or no cause, to grow.
#
# **What it does not show.** There is one width, one learning rate, one strength of the communities, one number of
# experts, and one length of the runs. On a text there are far more kinds of context than experts, and then similar ones
# may have to share. And a router that ignores communities may still follow something else that was not looked at.
#
# ### Depth, at one learning rate
#
# A deeper model is usually trained at another learning rate. With CompleteP the best rate should stay where it is, at any
# depth. A study of its own looks for it: one, two, four and eight layers, several rates for each, 800 steps, and three
# seeds, which draw three other graphs.

# %% tags=["hide-input"]
depths = lab.recorded("blocks-depth")
depths = depths.assign(log=np.log(depths["excess_loss"].astype(float)))
at_rates = depths.groupby(["depth", "learning_rate"])["log"].mean()
at_rates = np.exp(at_rates).rename("excess (nats)").reset_index()
with style():
    figure, axes = plt.subplots(figsize=(5.4, 3.0))
    for depth, part in at_rates.groupby("depth"):
        label = f"{depth} layer{'' if depth == 1 else 's'}"
        (line,) = axes.plot(
            part["learning_rate"], part["excess (nats)"], label=label
        )
        own = depths[depths["depth"] == depth]
        axes.plot(
            own["learning_rate"],
            own["excess_loss"],
            linestyle="none",
            marker=".",
            alpha=0.5,
            color=line.get_color(),
        )
    axes.set(xlabel="learning rate λ", ylabel="excess loss L − H (nats)")
    logarithmic(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    figure,
    name="fig-depth-rates",
    caption="Excess loss after 800 steps against the learning rate, by the "
    "number of layers, with CompleteP. Lines: means over three seeds. Dots: "
    "the seeds.",
    alt="Lines on log-log axes, each lowest at a rate inside of its range. "
    "Those of one and of two layers lie close together, lowest at the rate "
    "0.5. Those of four and of eight layers are sharp valleys around 1, far "
    "below the others, and as high as they are, or higher, at 0.5 and at 2.",
    table=at_rates,
    runs=[*depths["identity"]],
)

# %%
judged(ARCHITECTURE, "depth_rates")

# %% tags=["hide-input"]
lowest = at_rates.loc[at_rates.groupby("depth")["excess (nats)"].idxmin()]
lowest = lowest.set_index("depth")
said = ", ".join(
    f"{number(best, decimals=1)} with {depth} layer{'' if depth == 1 else 's'}"
    for depth, best in lowest["learning_rate"].items()
)
say(rf"""
The best rate of the grid is {said}.""")

# %% [markdown]
# **What it means.** Transfer over depth holds to within a factor of two: the best rate of four layers and that of eight lie
# higher than that of two, and by less than that factor. But the valleys of the deep models are narrow, and a factor of two
# is as wide as a valley. At the rate of the other arms four layers are as good as two; at their own best rate they have
# little more than half of the excess loss, and eight layers add nothing to what four have. So a comparison at one rate,
# which CompleteP should make fair, hid here what depth is worth.
#
# Next, the rows on depth at the one rate of the whole study.

# %%
judged(ARCHITECTURE, "depth")

# %% [markdown]
# A table of transitions can be learned with one layer, and the note on these rules, written before the runs, expected no
# gain beyond two. After 800 steps, at this rate, that is what the rows say: half or twice the depth lands at the same
# excess loss. After 3,200 steps it is wrong. Four layers then have less than half of the excess loss of two, by far the
# largest difference of this study, and their exponent is larger too.
#
# Is it the rate, then? CompleteP divides what a layer adds by the depth, so a deeper model takes smaller steps in each of
# its layers at the same rate, and chapter 5 found that most of the excess loss of a long run comes from the noise of its
# targets, and small steps may average it out. If that were all, two layers at a smaller rate would do as well. After 800
# steps they do not: below their best rate they get worse, and at it they are still far behind four layers. So depth is
# worth something of its own here. What it does with a table of transitions, and whether the best rates lie as far apart
# after 3,200 steps, was not asked.

# %% [markdown]
# ## Part two: emergence
#
# ### A metric that jumps
#
# Wei and others (arXiv 2206.07682) call an ability emergent if smaller models do not have it and larger ones do, so that
# it cannot be foretold from the small ones. Schaeffer and others (arXiv 2304.15004) answer that many such jumps are made
# by the metric. If an answer counts as right only when every one of its $L$ tokens is right, and a token is right with
# the probability $p$, then the answer is right with the probability $p^L$. A small change of $p$ is then a large change
# of $p^L$. With a metric that gives partial credit the jump is gone.
#
# On a graph this can be computed instead of argued. Let a model write a walk of $L$ steps. A step is **real** if the
# graph has the edge. Let $m$ be the probability that the model gives to the edges of the node where it stands. The
# **leak** is $-\ln m$, in nats a step, averaged over contexts; chapter 5 found that it is most of the excess loss. Write
# $p(L)$ for the probability that all $L$ steps are real. If every step leaked alike,
#
# $$
# p(L) = e^{-L \cdot \text{leak}} .
# $$
#
# The study has graphs of 100 nodes again, a new one with every seed. Models of six widths are trained for 100 to 800 steps,
# with twelve seeds each: 288 models. Every one of them then writes walks.

# %% tags=["hide-input"]
phase = lab.recorded("emergence-phase")
LONGEST = phase["optimizer_steps"].max()
smooth = {"leak": "leak", "Brier score": "brier", "calibration": "calibration"}
shares = {
    "one step real": "sampled_1",
    "real steps of 32": "edges_32",
    "all 32 steps real": "sampled_32",
    "all 32 likeliest steps real": "greedy_32",
}
by_metric = {
    label: phase_points(phase, metric).query("steps == @LONGEST")
    for label, metric in (smooth | shares).items()
}
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.4))
    for axes, group in ((left, smooth), (right, shares)):
        for label in group:
            part = by_metric[label]
            axes.plot(part["width"], part["mean"], label=label)
        axes.set(xlabel="width")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
        logarithmic(axes, "both" if axes is left else "x")
    left.set(ylabel="nats, or score (log scale)")
    right.set(ylabel="probability or share")
whole = pd.concat([p.assign(metric=n) for n, p in by_metric.items()])
show(
    figure,
    name="fig-emergence-metrics",
    caption="The same models under seven metrics, after 800 steps, means over "
    "twelve seeds. Left: what is averaged over steps. Right: what is counted "
    "in generated walks.",
    alt="Left, three falling lines on log-log axes. Right, four lines that "
    "rise from the narrow models to the wide ones; that of all 32 steps stays "
    "at zero longest and then rises.",
    table=whole[["metric", "width", "mean", "low", "high"]],
    runs=[*phase["identity"]],
)

# %% [markdown]
# The four metrics on the right are taken from the same walks.
#
# - *One step real* and *real steps of 32* give credit for every step, and lie on one line: a model that has left the graph
#   walks on as well as before. They begin high and rise slowly.
# - *All 32 steps real* is an **exact match**. It is zero for the narrow models and rises late.
# - *All 32 likeliest steps real* lets the model take its most probable step each time. That hides the leak: a model may
#   give a third of its probability to wrong nodes and still have a right one on top.
#
# On the left, the **Brier score** is the squared distance between the model's law and the true one. **Calibration**
# compares predicted probabilities with true ones: of all predictions of about one tenth, does a tenth come true? Since
# the true law is known, both are computed without drawing a single target.
#
# ### Is a long walk one probability, multiplied?
#
# There are three ways to $p(L)$, and they need not agree.
#
# - **By its own walks.** Let the model write, and see how many walks are right. The library does it with less noise: it
#   keeps the model on the edges and multiplies the masses $m$ that it meets.
# - **By transfer matrix.** Suppose that the model looks at its last node alone. Let $q_{uv}$ be its law after the one
#   node $u$, set to zero where there is no edge. Then $p(L)$ is the sum of all entries of the $L$-th power of that
#   matrix, weighted by where walks start. This is exact for such a model, and it costs no sampling.
# - **By the mean leak**, as $e^{-L \cdot \text{leak}}$.

# %% tags=["hide-input"]
compared = []
for steps in (4, 16):
    part = pd.DataFrame(
        {
            "L": steps,
            "width": phase["width"],
            "by leak": np.exp(-steps * phase["leak"].astype(float)),
            "by transfer matrix": written(phase, f"walk_{steps}"),
            "by its own walks": written(phase, f"sampled_{steps}"),
            "error": written(phase, f"error_{steps}"),
        }
    )
    compared.append(part)
ways = pd.concat(compared).round(5)

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(1, 2, figsize=(7.0, 3.0), sharey=True)
    for axes, part in zip(panels, compared, strict=True):
        for way, colour in (
            ("by leak", "blue"),
            ("by transfer matrix", "green"),
        ):
            axes.plot(
                part[way],
                part["by its own walks"] - part[way],
                ".",
                color=COLOURS[colour],
                alpha=0.6,
                label=way,
            )
        axes.set(xlabel="p(L) so computed", title=f"L = {part['L'].iloc[0]}")
    panels[0].set(ylabel="own walks, less that")
    panels[1].legend(loc="upper right")
show(
    figure,
    name="fig-emergence-product",
    caption="p(L) over the model's own walks, minus p(L) by each of the two "
    "computations, one dot for each of the 288 models. Zero: they agree. The "
    "table has means over all models of a width.",
    alt="Two panels of dots. The green ones, by transfer matrix, lie around "
    "zero; the blue ones, by the leak, lie mostly above it.",
    table=ways.groupby(["L", "width"]).mean().reset_index(),
    runs=[*phase["identity"]],
)

# %%
judged(EMERGENT, "product")

# %% tags=["hide-input"]
largest = ways["error"].max()
gaps = (ways["by its own walks"] - ways["by leak"]).groupby(ways["L"])
say(rf"""
The standard error of $p(L)$ over a model's own walks is {number(largest, 2)} at
most. Over all models the two ways differ by at most
{number(gaps.max()[4], 2)} at $L = 4$ and {number(gaps.max()[16], 2)} at
$L = 16$, where the mean leak says less.""")

# %% [markdown]
# **Why the leak says too little.** Nodes differ. A walk that is still right has probably met nodes that leak little, so
# its next step is safer than the mean step. The logarithm adds to it: the mean of a product is larger than the product of
# geometric means (Jensen's inequality). In a model in which every node has been learned about equally well, both effects
# vanish, and $e^{-L \cdot \text{leak}}$ is nearly exact. The dots far above zero are models that know some nodes and not
# others. The transfer matrix makes no such error, because it keeps the nodes apart. So a model of this study does walk
# like a chain, although it was free to look back. Here is the effect by itself, computed and not trained: a law under
# which half of the nodes leak nothing.

# %% tags=["hide-input"]
graph = erdos_renyi(100, edges=500, generator=np.random.default_rng(0))
truth = graph.transitions.toarray()
elsewhere = (truth == 0) / (truth == 0).sum(1, keepdims=True)
half = np.where(np.arange(100)[:, None] < 50, 1.0, 0.8)
laws = half * truth + (1 - half) * elsewhere
law = graph.start_law("stationary")
mean_leak = float(law @ -np.log(half[:, 0]))
planted = [1, 4, 16, 64]
exact = walk_probabilities(laws, graph, planted)
pd.DataFrame(
    {
        "L": planted,
        "exact": exact.round(4),
        "by mean leak": np.exp(-mean_leak * np.array(planted)).round(4),
    }
).set_index("L").assign(
    **{"leak a step, long walks": round(walk_decay(laws, graph), 4)}
)

# %% [markdown]
# ### Drag L
#
# Nothing is trained again in this figure. Both panels show the same models. Move $L$, and the ability on the left comes
# earlier or later, or not at all. The right panel has the leak of these models. It does not know $L$, and it does not
# move.

# %% tags=["hide-input"]
WIDTHS = {16: "purple", 24: "green", 32: "vermillion", 64: "blue"}
LENGTHS = (1, 2, 4, 8, 16, 32)
ability = {
    (width, steps): part["mean"].to_numpy()
    for steps in LENGTHS
    for width, part in phase_points(phase, f"sampled_{steps}").groupby("width")
}
leaks = phase_points(phase)
D = np.sort(leaks["D"].unique()).astype(float)
ticks = {np.log10(d): f"{d / 1000:.0f}k" for d in D}
match = plot_axes(
    ticks,
    {0.0: "0", 0.25: "", 0.5: "half", 0.75: "", 1.0: "1"},
    "training tokens D",
    "all L steps real, p(L)",
)
level = plot_axes(
    ticks,
    {-2.0: "0.01", -1.5: "", -1.0: "0.1", -0.5: "", 0.0: "1"},
    "training tokens D",
    "leak (nats a step)",
)

# %% tags=["hide-input"]
drawn = [*match.marks, level_mark(match, np.log10(D[[0, -1]]), 0.5)]
still = [*level.marks]
for place, (width, colour) in enumerate(WIDTHS.items()):
    moved = np.array([ability[width, steps] for steps in LENGTHS])
    drawn.append(moving_curve(match, np.log10(D), moved, colour=colour))
    own_leak = leaks[leaks["width"] == width]["mean"].to_numpy()
    still.append(
        moving_curve(level, np.log10(D), np.log10([own_leak]), colour=colour)
    )
    y = 205 + 18 * place
    key = {"x1": 58, "x2": 76, "y1": y, "y2": y, "stroke-width": 2}
    still.append(Mark("line", key | {"stroke": COLOURS[colour]}))
    still.append(Mark("text", {"x": 82, "y": y + 5}, f"width {width}"))


# %% tags=["hide-input"]
def emerges(width, steps):
    """At which D half of the walks are right, in words."""
    curve = ability[width, steps]
    if curve[0] >= 0.5:
        return f"at width {width} before the first point"
    if curve[-1] < 0.5:
        return f"at width {width} not yet"
    at = np.exp(np.interp(0.5, curve, np.log(D)))
    return f"at width {width} after {number(round(at, -3))} tokens"


sentences = [
    f"Half of the walks of {steps} step{'' if steps == 1 else 's'} are right: "
    + ", ".join(emerges(width, steps) for width in (16, 32, 64))
    + "."
    for steps in LENGTHS
]
show_live(
    [Panel(320, 320, drawn), Panel(320, 320, still)],
    slider="Steps L that must all be real",
    values=[str(steps) for steps in LENGTHS],
    says=sentences,
    start=4,
    name="fig-emergence-live",
    caption="The probability that all L steps of a generated walk are real "
    "(left, means over twelve seeds), and the leak of the same models (right), "
    "against training tokens, at four widths.",
    alt="Left, four curves that rise with the tokens and move to the right as "
    "L grows; right, four falling curves on log-log axes that stay.",
    table=pd.DataFrame({"L": LENGTHS, "says": sentences}),
    runs=[*phase["identity"]],
)

# %% [markdown]
# **What $p^L$ explains.** It explains that the ability comes *late*. The longer the walk, the further to the right its
# curve lies, and with a long enough walk no model of this figure has the ability. Somebody who looks at $L = 32$ alone
# sees nothing, nothing, and then a rise, while the leak had been falling all the time. A forecast from the leak would
# have foretold it.
#
# **What it does not explain.** It does not make the rise *sudden*. Suppose that the leak falls as a power law,
# $\text{leak} = c D^{-\beta}$. Then $p(L) = \exp(-L c D^{-\beta})$, and a longer walk is the same curve moved to the
# right by $\ln L / \beta$ on the axis of $\ln D$. Its shape does not depend on $L$. It rises from $0.1$ to $0.9$ while
# $D$ grows by the factor $(\ln 10 / \ln \tfrac{10}{9})^{1/\beta}$, which is about $22^{1/\beta}$ for every $L$. That is
# slow. So if a metric jumps within a small factor of $D$, or of width, a power law behind it is not enough: then the leak
# itself must fall steeply there. Whether it does can be measured.
#
# ### Where the model itself jumps

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(6.2, 3.6))
    for steps, part in leaks.groupby("steps"):
        (line,) = axes.plot(
            part["width"], part["mean"], label=f"{number(steps)} steps"
        )
        seeds = phase[phase["optimizer_steps"] == steps]
        axes.plot(
            seeds["width"],
            seeds["leak"],
            ".",
            color=line.get_color(),
            alpha=0.4,
        )
    axes.set(xlabel="width", ylabel="leak (nats a step)")
    logarithmic(axes)
    axes.set_xticks(
        [8, 16, 24, 32, 48, 64], ["8", "16", "24", "32", "48", "64"]
    )
    axes.minorticks_off()
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    figure,
    name="fig-emergence-cliff",
    caption="The leak against the width after four lengths of training: means "
    "over twelve seeds of its logarithm, and every seed as a dot.",
    alt="Four lines on log-log axes. After 100 steps the line falls gently; "
    "after 800 steps it is flat up to width 16, falls steeply to width 32 and "
    "gently beyond. Around width 24 the dots are scattered widely.",
    table=leaks[["width", "steps", "D", "seeds", "mean", "low", "high"]],
    runs=[*phase["identity"]],
)

# %%
judged(EMERGENT, "cliff")

# %% tags=["hide-input"]
ln_leak = np.log(leaks.set_index(["steps", "width"])["mean"])
steep = {
    steps: [
        (ln_leak[steps, low] - ln_leak[steps, high]) / np.log(high / low)
        for low, high in ((8, 16), (16, 32), (32, 64))
    ]
    for steps in sorted(leaks["steps"].unique())
}
pd.DataFrame(steep, index=["8 to 16", "16 to 32", "32 to 64"]).T.rename_axis(
    "steps"
).round(1)

# %% [markdown]
# The table has the exponent of the mean leak in width, between neighbouring widths. It is a description without intervals;
# the rows above it are the verdicts, and they take seed by seed what the table takes from means.
#
# **In data.** At width 64 the exponent of the leak changes by less than the margin over the whole range, so the leak is
# close enough to a power law in $D$. Then everything that an exact match does along $D$ at this width is $p^L$: an
# artefact, in the sense of Schaeffer and others, that could have been foretold.
#
# **In width.** There the picture is another one. After 100 steps the leak falls gently with the width. After 800 steps it
# falls steeply between the widths 16 and 32, and gently beyond. This shows in the leak and in the Brier score, means over
# single steps in which nothing is multiplied, so it is no artefact of an exact match. A steep place of this kind is
# called a **cliff**. A verdict on it asks for more than a figure does. At the cliff seeds differ so much that twelve of
# them do not say of every metric by *how much* the exponents differ; where they do not, the row is *undetermined*, and
# the figure is all that there is.
#
# ### Two kinds of seeds
#
# Look at the dots around width 24. Seeds that share width, tokens and learning rate differ there by a factor of ten, and at
# width 64 hardly at all. Do they form two groups, as if some had made a discovery and the others had not? The library looks
# for two branches in $\ln \text{leak}$ at every point of the diagram, by the rule of chapter 3.

# %% tags=["hide-input"]
grid = leaks.pivot(index="steps", columns="width", values="mean")
right_walks = phase_points(phase, "sampled_16")
exact_match = right_walks.pivot(index="steps", columns="width", values="mean")
lower = leaks.assign(
    share=[
        f"{number(round(12 * row.good))}|{number(12 - round(12 * row.good))}"
        if row.two
        else ""
        for row in leaks.itertuples()
    ]
).pivot(index="steps", columns="width", values="share")

# %% tags=["hide-input"]
badge = {"facecolor": "black", "edgecolor": "none", "pad": 2}
with style():
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.0), sharey=True)
    both = ((np.log10(grid), "leak, log10"), (exact_match, "p(16)"))
    for axes, (values, title) in zip(panels, both, strict=True):
        image = axes.imshow(
            values.to_numpy(float),
            origin="lower",
            aspect="auto",
            cmap="cividis",
        )
        axes.set(
            title=title,
            xlabel="width",
            xticks=range(len(values.columns)),
            xticklabels=values.columns,
            yticks=range(len(values.index)),
            yticklabels=[number(steps) for steps in values.index],
        )
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes)
    panels[0].set(ylabel="steps")
    for (row, column), text in np.ndenumerate(lower.to_numpy()):
        if text:
            middle = {"ha": "center", "va": "center", "color": "white"}
            panels[0].text(column, row, text, bbox=badge, **middle)
show(
    figure,
    name="fig-emergence-phase",
    caption="A phase diagram over width and steps. Left: the leak; where the "
    "twelve seeds fall into two branches, how many are in the lower one and in "
    "the upper one. Right: the probability that all 16 steps are real.",
    alt="Two maps of coloured cells, narrow models to the left and long "
    "trainings on top. The leak is low and p(16) high towards the upper right. "
    "A few cells of the left map, most of them narrow, have two numbers.",
    table=leaks[["width", "steps", "D", "mean", "two", "good"]],
    runs=[*phase["identity"]],
)

# %%
judged(EMERGENT, "branches")

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(1, 3, figsize=(7.4, 2.8), sharey=True)
    for axes, width in zip(panels, (16, 24, 32), strict=True):
        part = phase[phase["width"] == width]
        for _, seed in part.groupby("seed"):
            seed = seed.sort_values("optimizer_steps")
            axes.plot(
                seed["optimizer_steps"],
                seed["leak"],
                color=COLOURS["blue"],
                alpha=0.5,
                marker=".",
                linewidth=1,
            )
        axes.set(xlabel="steps of the run", title=f"width {width}")
        logarithmic(axes)
    panels[0].set(ylabel="leak (nats a step)")
show(
    figure,
    name="fig-emergence-seeds",
    caption="The leak of twelve seeds against the length of the run, each with "
    "a graph of its own. Every dot is a run of its own, with the schedule of "
    "its length; a line joins the runs of one seed.",
    alt="Three log-log panels with twelve lines each. At width 16 they are "
    "nearly level, at width 24 they fan out, at width 32 they fall together "
    "with a few above the others.",
    table=phase[["width", "optimizer_steps", "seed", "leak"]].head(12),
    runs=[*phase["identity"]],
)

# %% tags=["hide-input"]
ranks = phase.pivot(
    index="seed", columns=["width", "optimizer_steps"], values="leak"
).rank()
same = {
    width: ranks[width][400].corr(ranks[width][800]) for width in (16, 24, 32)
}
two = leaks[leaks["two"].fillna(False).astype(bool)]
said = ", ".join(
    f"{number(value, decimals=2)} at width {width}"
    for width, value in same.items()
)
say(rf"""
Two branches were found at {len(two)} of {len(leaks)} points. The rank
correlation of a seed's leak after 400 steps with its leak after 800 is
{said}. With twelve seeds a correlation below about $0.6$ may be chance. None of
this was registered.""")

# %% [markdown]
# **Are these real transitions?** Three things can be said, and one cannot.
#
# - The scatter of the seeds is no matter of the metric. It is there in the leak, which multiplies nothing. It peaks where
#   the mean leak is steepest, and above the cliff it is gone. A quantity that fluctuates most where it changes fastest is
#   what one sees at a transition in physics.
# - The branches do not cover the diagram. They are found at a few points, all of them at narrow widths. At the steepest
#   place, width 24, the seeds are spread out and not divided in two. At one point the lower branch is a single seed. So
#   "there are two kinds of seeds" is a statement about some places at the foot and at the top of the cliff, and not about
#   models of this kind.
# - A seed in the upper branch need not stay there. In the last figure two seeds of width 32 are late after 400 steps; after
#   800 steps one of them is late again, and one has caught up. So a late seed may catch up; these are two seeds.
# - What cannot be said is whether the cliff would be *infinitely* sharp on a larger graph, as a phase transition is. That
#   takes several sizes of graph, and here there is one.
#
# One caution concerns all of this part. There is one learning rate, which suits width 64. Chapter 2 shows that muP
# carries a rate from narrow models to wide ones, but at width 8 the models hardly learn at all, and another rate might
# move the cliff.
#
# ## If you remember one thing
#
# An exact match can be late without being sudden, and then the loss foretells it. If it is sudden on a logarithmic axis,
# look at the leak: a model that really jumps does so in every metric. On these graphs both happen. Along the tokens, at a
# sufficient width, there is nothing but a smooth curve read through a steep function. Along the width there is a cliff,
# and at the cliff it matters which seed one has drawn.
#
# ## Exercises
#
# Stars say how hard, minutes about how long. Exercise 1 was the forecast above.

# %% [markdown] tags=["book-only"]
# Below each exercise lies its solution in words, and then in code that checks it; on Colab the code's results are open, so
# scroll slowly.

# %% [markdown] tags=["exercise", "key:parameters-of-a-mixture"]
# ### Exercise 2: the parameters of a mixture of experts
#
# *★ · 10 minutes.* An MLP of width $n$ has two matrices, $n \times 4n$ and $4n \times n$, and no biases. A mixture has
# `experts` of them, and a router that gives every expert one score, by a matrix with $n$ numbers for each expert. A token
# is sent to `active` of them. Write `mixture_parameters(width, experts, active)`: a list of two numbers, what one layer's
# mixture holds, and what a token meets of it.


# %% tags=["stub", "key:parameters-of-a-mixture"]
def mixture_parameters(width, experts, active):
    """Parameters of one layer's mixture: all, and those active."""
    ...


# %% tags=["check", "key:parameters-of-a-mixture"]
check("parameters-of-a-mixture", mixture_parameters)

# %% [markdown] tags=["solution", "key:parameters-of-a-mixture"]
# <details><summary><b>Solution</b></summary>
#
# $8 n^2$ for each expert and $n$ more for its row of the router. A token meets the whole router, because all scores are
# needed to choose among them, and `active` experts.
#
# </details>

# %% tags=["solution", "key:parameters-of-a-mixture", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
extra = first.loc["experts", "N"] - first.loc["default", "N"]
say(rf"""
Two layers of width 64, four experts in place of one MLP: the library counts
{number(int(extra))} parameters more, which is
$2\,(3 \cdot 8 \cdot 64^2 + 4 \cdot 64) =$
{number(2 * (3 * 8 * 64**2 + 4 * 64))}.""")

# %% [markdown] tags=["exercise", "key:information-by-chance"]
# ### Exercise 3: what a router says by chance
#
# *★★ · 10 minutes.* A router sends every node to one expert, always the same, and knows nothing about communities. From a
# test text of `tokens` tokens somebody computes the mutual information between community and expert. It is not zero.
# Foretell its mean: write `information_by_chance(nodes, tokens, communities, experts)`, in nats. A table of $m$
# independent observations, whose rows and columns have nothing to do with each other, has an information $I$ for which $2
# m I$ is about chi squared, and the mean of chi squared is its number of degrees of freedom.


# %% tags=["stub", "key:information-by-chance"]
def information_by_chance(nodes, tokens, communities, experts):
    """Mean information about labels that mean nothing, in nats."""
    ...


# %% tags=["check", "key:information-by-chance"]
check("information-by-chance", information_by_chance)

# %% [markdown] tags=["solution", "key:information-by-chance"]
# <details><summary><b>Solution</b></summary>
#
# The table has $(C - 1)(E - 1)$ degrees of freedom, $C$ communities and $E$ experts, and the independent observations are
# the nodes and not the tokens: a node that comes a thousand times goes to the same expert a thousand times. So the mean
# is $(C - 1)(E - 1) / 2n$, and a longer test text does not make it smaller. That is why the labels are dealt out among
# nodes in this chapter, and not among tokens.
#
# </details>

# %% tags=["solution", "key:information-by-chance", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
dealt = np.random.default_rng(0)
chances = []
for _ in range(500):
    joint = np.zeros((4, 4))
    np.add.at(joint, (np.repeat(range(4), 25), dealt.integers(4, size=100)), 1)
    joint /= joint.sum()
    even = joint.sum(1, keepdims=True) * joint.sum(0)
    cells = joint > 0
    chances.append((joint[cells] * np.log(joint[cells] / even[cells])).sum())
say(rf"""
100 nodes, four communities, four experts: the rule says
{number(3 * 3 / (2 * 100), 3)} nats, and 500 routers that choose at random have
{number(np.mean(chances), 3)} on average.""")

# %% [markdown] tags=["exercise", "key:probability-of-a-walk"]
# ### Exercise 4: the probability of a walk on real edges
#
# *★★ · 15 minutes.* A model looks at its last node alone; `rows[u][v]` is the probability that it writes `v` after `u`, and
# `edges[u][v]` is 1 where the graph has that edge, else 0. Its walks start at any node with equal probability. Write
# `walk_probability(rows, edges, steps)`: the probability that all steps of a walk of so many steps are real.


# %% tags=["stub", "key:probability-of-a-walk"]
def walk_probability(rows, edges, steps):
    """Probability that every step uses an edge."""
    ...


# %% tags=["check", "key:probability-of-a-walk"]
check("probability-of-a-walk", walk_probability)

# %% [markdown] tags=["solution", "key:probability-of-a-walk"]
# <details><summary><b>Solution</b></summary>
#
# Set the rows to zero where there is no edge. The `steps`-th power of that matrix holds, for every pair of nodes, the
# probability of all walks between them that are real throughout. Add up all its entries and divide by the number of
# nodes.
#
# </details>

# %% tags=["solution", "key:probability-of-a-walk", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
tiny = np.array([[0.1, 0.9], [0.5, 0.5]]) * [[0, 1], [1, 1]]
say(rf"""
Two nodes, the edge from the first to itself missing: after three steps
{number(np.linalg.matrix_power(tiny, 3).sum() / 2, 4)}.""")

# %% [markdown] tags=["exercise", "key:leak-behind-a-match"]
# ### Exercise 5: the leak behind an exact match
#
# *★ · 5 minutes.* Somebody reports that a share `probability` of a model's answers of `steps` tokens is right in every
# token. Write `leak_a_step(probability, steps)`: the leak in nats a step, if all steps leak alike. This is how a metric
# that jumps is turned into one that does not.


# %% tags=["stub", "key:leak-behind-a-match"]
def leak_a_step(probability, steps):
    """Leak in nats a step behind an exact match."""
    ...


# %% tags=["check", "key:leak-behind-a-match"]
check("leak-behind-a-match", leak_a_step)

# %% [markdown] tags=["solution", "key:leak-behind-a-match"]
# <details><summary><b>Solution</b></summary>
#
# $-\ln(p) / L$. Drawn on logarithmic axes it shows the progress that the exact match hides, as long as the match is not
# zero. With a few hundred answers and none of them right, there is nothing to take a logarithm of: then only partial
# credit helps.
#
# </details>

# %% tags=["solution", "key:leak-behind-a-match", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
match_16 = right_walks.query("width == 64 and steps == 400")["mean"].iloc[0]
leak_64 = leaks.query("width == 64 and steps == 400")["mean"].iloc[0]
say(rf"""
At width 64 after 400 steps {percent(match_16)} of the walks of 16 steps are
right: {number(-np.log(match_16) / 16, 3)} nats a step. The leak is
{number(leak_64, 3)}.""")

# %% [markdown] tags=["exercise", "key:where-it-emerges"]
# ### Exercise 6: where an ability emerges
#
# *★★ · 15 minutes.* After `tokens` tokens a model leaks `leak` nats a step, and the leak falls as $D^{-\beta}$, `beta`
# being $\beta$. Write `tokens_for_half(leak, tokens, beta, steps)`: after how many tokens are half of its walks of so
# many steps right, by $e^{-L \cdot \text{leak}}$?


# %% tags=["stub", "key:where-it-emerges"]
def tokens_for_half(leak, tokens, beta, steps):
    """Training tokens at which half of the walks are right."""
    ...


# %% tags=["check", "key:where-it-emerges"]
check("where-it-emerges", tokens_for_half)

# %% [markdown] tags=["solution", "key:where-it-emerges"]
# <details><summary><b>Solution</b></summary>
#
# Half of the walks are right where the walk leaks $\ln 2$ in all. So the leak has to fall by the factor
# $L \cdot \text{leak} / \ln 2$, and the tokens have to grow by its power $1/\beta$. A forecast of an emergent ability from
# models that do not have it: all that it takes is a smooth metric.
#
# </details>

# %% tags=["solution", "key:where-it-emerges", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
wide = leaks[leaks["width"] == 64].set_index("D")["mean"]
few, later = wide.index[:2]
slope = -np.log(wide[later] / wide[few]) / np.log(later / few)
foretold = later * (16 * wide[later] / np.log(2)) ** (1 / slope)
told = emerges(64, 16).removeprefix("at width 64 ")
say(rf"""
From the two shortest lengths alone, at width 64: half of the walks of 16 steps
are right after {number(round(foretold, -3))} tokens. Seen {told}.""")

# %% [markdown] tags=["exercise", "key:how-sudden-it-looks"]
# ### Exercise 7: how sudden it looks
#
# *★★ · 15 minutes.* The leak falls as $D^{-\beta}$. Write `rise(beta)`: the factor by which $D$ grows while the
# probability that a walk of $L$ steps is right, by $e^{-L \cdot \text{leak}}$, rises from $0.1$ to $0.9$. Why does it
# need no `steps`?


# %% tags=["stub", "key:how-sudden-it-looks"]
def rise(beta):
    """Factor in D from a probability of a tenth to one of nine tenths."""
    ...


# %% tags=["check", "key:how-sudden-it-looks"]
check("how-sudden-it-looks", rise)

# %% [markdown] tags=["solution", "key:how-sudden-it-looks"]
# <details><summary><b>Solution</b></summary>
#
# The leak of the whole walk has to fall from $\ln 10$ to $\ln \tfrac{10}{9}$, a factor of about 22, whatever $L$ is. So $D$
# grows by that factor to the power $1/\beta$. On a logarithmic axis a longer walk comes later and is not more sudden. On a
# linear axis every power law looks as if it turned a corner.
#
# </details>

# %% tags=["solution", "key:how-sudden-it-looks", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
ratio = np.log(10) / np.log(10 / 9)
say(rf"""
$\beta = 1$: a factor of {number(ratio, 3)} in $D$. $\beta = 3$, as steep as a
cliff: a factor of {number(ratio ** (1 / 3), 3)}.""")

# %% [markdown] tags=["exercise", "key:a-cliff-of-your-own"]
# ### Exercise 8: a cliff of your own
#
# *★★★ · 45 minutes, of which your machine trains ten.* Does the cliff move with the degree of the graph? Write the rule
# first: what is the place of a cliff, which shift would you call one, and how many seeds do you need to see it? Then
# train three widths on graphs of degree 5 and of degree 20, at equal visits and steps.

# %% [markdown] tags=["solution", "key:a-cliff-of-your-own"]
# <details><summary><b>Solution</b></summary>
#
# `experiment("emergence-phase").template` is a run of this study; `dataclasses.replace` gives it another graph (with
# `source_of`), batch and width, and `lab.train("my-cliff", runs)` trains the list. A usable place of the cliff is the
# width at which the mean of $\ln \text{leak}$ crosses a level fixed beforehand, interpolated in $\ln$ width. The likely
# difficulty is the one of this chapter: at the cliff seeds scatter by a factor of ten, so that six seeds a point see a
# shift by half of the width at best. If your interval is longer than that, the answer is *undetermined*, and the rule was
# worth writing.
#
# </details>
