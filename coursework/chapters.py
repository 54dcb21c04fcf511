"""What the first screen of a chapter says: what one can do after it, what one needs, and the time it takes.

`make practice` writes it into the sources of the chapters and into the students' page. Minutes of exercises are those
that stand above them.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CHAPTERS", "Chapter", "exercise_minutes", "first_screen", "hours"]


@dataclass(frozen=True)
class Chapter:
    """objectives: what a reader can do afterwards, verbs first. needs: before it. reading: minutes for a person.
    running: what a machine takes. remark: for the end of the first screen, "" for none."""

    objectives: tuple[str, ...]
    needs: str
    reading: int
    running: str
    remark: str = ""


_AXES = r"Throughout, $\alpha$ is the exponent in $N$ and $\beta$ the exponent in $D$."
CHAPTERS: Mapping[str, Chapter] = MappingProxyType(
    {
        "00-the-thread": Chapter(
            (
                "say why the floor of the loss is known exactly for walks on a graph",
                "read a verdict: an interval, a margin, a rule",
            ),
            "logarithms, a little probability, and no more",
            20,
            "seconds under the profile `recorded`, one to two minutes on a laptop under `smoke`, a few minutes on a "
            "Colab GPU under `colab`",
        ),
        "01-graph-walks-entropy": Chapter(
            (
                "compute the entropy rate of a walk",
                "say what a learner that only counts reaches after so many tokens",
                "decide by likelihoods whether a tail is a power law",
            ),
            "logarithms, a little probability, eigenvalues in one section",
            60,
            "about half a minute under every profile, since nothing is trained here",
        ),
        "02-transformers-sp-mup": Chapter(
            (
                "count the parameters and the FLOPs of a transformer",
                "carry a learning rate from a narrow model to a wide one",
                "read a coordinate check, and say what it cannot see",
                "tell capacity, tokens and optimiser steps apart as limits of a loss",
            ),
            "[chapter 0](00-the-thread), and a rough idea of what attention is",
            60,
            "seconds under the profile `recorded`, about two minutes on one core under `smoke`",
            _AXES + r" (The paper writes $\alpha_D$ for the exponent in $N$ at fixed $D$.)",
        ),
        "03-power-laws-bias": Chapter(
            (
                "fit an exponent above a floor, and see from local exponents that an offset is wrong",
                "take the run, not the point, as the unit of an error bar",
                "say by how much the luckiest of several seeds moves an exponent",
                "judge a law by forecasts of runs that it has not seen",
            ),
            "logarithms, least squares, and the idea of a confidence interval",
            90,
            "half a minute under the profile `recorded`, where nothing is trained; under `smoke` it trains the "
            "smallest runs of the first chapter",
        ),
        "04-chinchilla-allocation": Chapter(
            (
                "solve the allocation of a budget, from a bill to a size",
                "say what a wrong size costs in compute",
                "tell which of an allocation's numbers the data determine",
            ),
            "chapter 3's idea of a fitted law, and a derivative",
            60,
            "under half a minute in every profile, since nothing is trained here",
            _AXES,
        ),
        "05-twins-and-collapse": Chapter(
            (
                "say which numbers of a training a smaller graph can keep, and build its twin",
                "take an excess loss apart into leak and within",
                "register a forecast, and say what its failure teaches",
            ),
            "chapters [0](00-the-thread) and [1](01-graph-walks-entropy); chapter [2](02-transformers-sp-mup) for what "
            "muP is",
            45,
            "seconds under the profile `recorded`, a minute or two under `smoke`",
            r"Throughout, $\beta$ is the exponent in the number of tokens $D$.",
        ),
        "06-from-walks-to-language": Chapter(
            (
                "say what a chain of bigrams and a small model keep of a text, and measure it",
                "tell an exponent over a known floor from one with a free floor",
                "say which of a ladder's differences your data can see",
            ),
            "chapters [0](00-the-thread), [1](01-graph-walks-entropy) and [3](03-power-laws-bias); for one section "
            "chapter [5](05-twins-and-collapse)",
            50,
            "half a minute under the profile `recorded`, one to two minutes under `smoke`",
            _AXES,
        ),
        "07-architecture-and-emergence": Chapter(
            (
                "compare two blocks of a transformer fairly, and say what equal means",
                "compute how likely a long answer of a model is right, and undo a metric that jumps",
                "tell a jump of a metric from a jump of the model behind it",
            ),
            "chapters [0](00-the-thread) and [2](02-transformers-sp-mup); chapter [5](05-twins-and-collapse) for leak "
            "and within",
            45,
            "half a minute under the profile `recorded`, under a minute under `smoke`",
            _AXES,
        ),
    }
)


def exercise_minutes(source: str) -> int:
    """Minutes of a chapter's exercises, by what stands above them in its source."""
    return sum(map(int, re.findall(r"^# \*★+ · (\d+) minutes", source, re.M)))


def hours(minutes: int) -> str:
    """Minutes in words, to a quarter of an hour: "45 minutes", "2¼ hours"."""
    quarters = max(1, round(minutes / 15))
    if quarters < 4:
        return f"{15 * quarters} minutes"
    whole, part = divmod(quarters, 4)
    return f"{whole}{('', '¼', '½', '¾')[part]} hour{'' if quarters == 4 else 's'}"


def first_screen(chapter: Chapter, minutes: int) -> str:
    """The last paragraph of a chapter's first cell, as comment lines of its source. minutes: of its exercises."""
    *others, last = chapter.objectives
    listed = "; ".join(others) + (f"; {last}" if others else last)
    time = f"*Time:* {hours(chapter.reading)} to read" + (f", {hours(minutes)} for the exercises" if minutes else "")
    remark = f" {chapter.remark}" if chapter.remark else ""
    words = f"*After it you can* {listed}. *You need* {chapter.needs}. {time}; to run, {chapter.running}.{remark}"
    marks = {"initial_indent": "# ", "subsequent_indent": "# "}
    return textwrap.fill(words, 118, break_long_words=False, break_on_hyphens=False, **marks)
