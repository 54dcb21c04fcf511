"""Which of the barest graphs show a law, as a table of answers; their points; and what the branches of a law cost."""

from collections import defaultdict
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import stats

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid
from scaling_lib.models.accounting import training_flops
from scaling_lib.pages.judging import claims
from scaling_lib.pages.judging.measured import Tables
from scaling_lib.pages.judging.twins.barest import BAREST_SEEDS, Forbids, barest_runs, graph_of, law_shown, logs_of_arm
from scaling_lib.pages.judging.twins.studies import LONGEST, student
from scaling_lib.runs.keeping.tables import check_runs
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.recipes import chain_of
from scaling_lib.runs.sweeping.studies.barest import BRANCH_LENGTHS, GRAPHS
from scaling_lib.runs.training.stems import computed_steps, stem_of

__all__ = ["GRAPH_NAMES", "answers_in_words", "barest_answers", "barest_points", "branch_costs", "flops_saved"]

_Runs = Annotated[pd.DataFrame, BY_HAND]
_NEEDED = ("seed", "status", "width", "optimizer_steps", "D", "excess_loss", "leak", "configuration")
# In the words of a chapter.
GRAPH_NAMES = {
    "coin": "biased coin",
    "cycle": "one-way cycle",
    "path": "path",
    "ring": "ring",
    "star": "star",
    "tree": "binary tree",
    "die": "one row (die)",
    "regular-4": "degree 4",
    "regular-16": "degree 16",
    "regular-64": "degree 64",
    "complete": "complete",
}
FEWEST = 4  # neighbouring sizes of a window
_ANSWERS = {"reproduced": "yes", "differs": "no", "inconclusive": "undetermined"}


@checked
def barest_points(runs: _Runs) -> pd.DataFrame:
    """One row a point of the study of the barest graphs: graph, free (probabilities: arcs less nodes), width, steps, D,
    seeds, loss (nats: exp of the mean over seeds of ln of the excess; of a cycle, of the leak), low, high (its 95 %
    interval, Student's) and counting (nats: what counting on the known arcs is expected to have, free / (2 D)).

    runs: of the experiments barest or barest-widths. A point with a run that diverged, or without an excess, is left
    out. Raises InvalidArgument.
    """
    check_runs("runs", runs, _NEEDED)
    named = runs.assign(graph=[graph_of(text) for text in runs["configuration"]])
    if named.empty or (named["graph"] == "").any():
        raise invalid("runs", "runs of the barest graphs", len(named), "pass load_recorded('barest')")
    lines: list[dict[str, Any]] = []
    for graph, source in GRAPHS.items():
        of_graph = named[named["graph"] == graph]
        free = round(2 * chain_of(source).counting_coefficient)
        for (width, steps, tokens), point in of_graph.groupby(["width", "optimizer_steps", "D"]):
            losses = point["leak" if graph == "cycle" else "excess_loss"].to_numpy(float)
            if (point["status"] != "ok").any() or not (losses > 0).all():
                continue
            logs = np.log(losses)
            half = np.nan
            if len(logs) > 1:
                half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5)
            low, loss, high = np.exp(logs.mean() + np.array([-half, 0.0, half]))
            line = {"graph": graph, "free": free, "width": width, "steps": steps, "D": tokens, "seeds": len(logs)}
            lines.append(line | {"loss": loss, "low": low, "high": high, "counting": free / (2 * tokens)})
    return pd.DataFrame(lines)


def longest_window(logs: np.ndarray, sizes: np.ndarray) -> tuple[float, float] | None:
    """The ends of the longest run of four or more neighbouring sizes over which the rule of `twins.barest` finds a law.

    Of equally long ones the latest; None where there is none. logs: ln of the loss, (sizes, seeds)."""
    for length in range(len(sizes), FEWEST - 1, -1):
        for first in range(len(sizes) - length, -1, -1):
            part = slice(first, first + length)
            try:
                _, low, high, _ = law_shown(logs[part], sizes[part])
            except Forbids:
                continue
            if high <= 1 and high - low <= LONGEST:
                return float(sizes[part][0]), float(sizes[part][-1])
    return None


@checked
def barest_answers(tables: Annotated[Tables, BY_HAND]) -> pd.DataFrame:
    """The answers of the ledger in one table: for each graph and variable (D, width) whether the excess loss is a power
    law over the whole range, "yes", "no", "undetermined" or "not run", and the evidence.

    Where the second round of more seeds has run, it answers for D in place of the first.

    tables: as of `judging.claims.evaluate`. Columns: graph, free (probabilities), variable, seeds (that the rule asks
    for), answer, exponent, bend (the mean over seeds with the half-width of its 95 % interval, in words; "" where the
    answer is neither yes nor no), window (the ends, in steps or widths, of the longest range of four sizes or more over
    which the same rule finds a law; "" where there is none; it was not registered) and reason (why it is undetermined,
    else "").
    """
    asked = ("barest.D-", "barest.width-", "barest.more-")
    ids = [claim.id for claim in claims.ledger() if claim.quantity.startswith(asked)]
    rows = {row.claim.quantity: row for row in claims.evaluate(tables, only=ids)}
    first, widths, more = (barest_runs(tables, name) for name in ("barest", "barest-widths", "barest-more"))
    both = None if first is None or widths is None else pd.concat([first, widths])
    lines: list[dict[str, Any]] = []
    for variable, runs in (("D", first), ("width", both)):
        for graph, source in GRAPHS.items():
            second = rows.get(f"barest.more-{graph}") if variable == "D" else None
            again = second is not None and second.verdict != "not run"
            row = second if again and second is not None else rows[f"barest.{variable}-{graph}"]
            study = "barest-more" if again else "barest"
            answer = _ANSWERS.get(row.verdict, row.verdict)
            over = "the interval reaches over the limit" if row.verdict == "inconclusive" else ""
            line = {"graph": graph, "free": round(2 * chain_of(source).counting_coefficient), "variable": variable}
            line |= {"seeds": BAREST_SEEDS[study], "answer": answer, "exponent": "", "bend": "", "window": ""}
            line |= {"reason": row.reason or over}
            decided = answer in ("yes", "no")
            lines.append(line | _evidence(more if again else runs, graph, variable, study, decided=decided))
    return pd.DataFrame(lines)


def _evidence(runs: pd.DataFrame | None, graph: str, variable: str, study: str, *, decided: bool) -> dict[str, str]:
    if runs is None:
        return {}
    try:
        logs, sizes = logs_of_arm(runs, graph, variable, study)
    except Forbids:
        return {}
    window = longest_window(logs, sizes)
    words = {"window": "" if window is None else f"{window[0]:,.0f} to {window[1]:,.0f}"}
    if decided:
        x = np.log(sizes)
        by_seed = {
            "exponent": -np.polyfit(x, logs, 1)[0],
            "bend": -2 * np.polyfit(x, logs, 2)[0] * (x[-1] - x[0]),
        }
        for name, values in by_seed.items():
            mean, _, high, _ = student(values)
            words[name] = f"{mean:.2f} ± {high - mean:.2f}"
    return words


@checked
def answers_in_words(answers: Annotated[pd.DataFrame, BY_HAND]) -> str:
    """The table of `barest_answers` as Markdown: for D and for the width, which graphs have which answer.

    Raises InvalidArgument.
    """
    check_runs("answers", answers, ("graph", "variable", "answer"))
    sentences = []
    for variable, words in (("D", "in $D$"), ("width", "in the width")):
        part = answers[answers["variable"] == variable]
        for answer in ("yes", "no", "undetermined", "not run"):
            names = [GRAPH_NAMES.get(graph, graph) for graph in part.loc[part["answer"] == answer, "graph"]]
            if names:
                listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
                sentences.append(f"A law {words}, **{answer}**: {listed}.")
    return " ".join(sentences)


# ---------------------------------------------------------------------- the cost of a law


@checked
def branch_costs(cosine: _Runs, branches: _Runs) -> pd.DataFrame:
    """Both arms of the study of the cost, one row for each number of steps: steps, D, cosine, branch (nats: exp of the
    mean over seeds of ln of the excess loss), ratio (branch over cosine) and low, high (its 95 % interval, Student's,
    paired by the seed).

    cosine: of twins-beta; branches: of cost-branches; only seeds that both have, at the steps of the study. Raises
    InvalidArgument where they share none.
    """
    arms = []
    for name, runs in (("cosine", cosine), ("branches", branches)):
        check_runs(name, runs, ("seed", "status", "optimizer_steps", "D", "learning_rate", "excess_loss"))
        used = runs[(runs["status"] == "ok") & runs["optimizer_steps"].isin(BRANCH_LENGTHS) & (runs["excess_loss"] > 0)]
        logs = used.set_index(["optimizer_steps", "D", "seed"])["excess_loss"].map(np.log)
        if not logs.index.is_unique:
            raise invalid(name, "one run for each seed and number of steps", len(runs), "pass one learning rate")
        arms.append(logs)
    both = pd.concat(arms, axis=1, keys=["cosine", "branch"]).dropna()
    if both.empty:
        raise invalid(
            "branches", "of the seeds and steps of cosine", len(branches), "pass twins-beta and cost-branches"
        )
    lines: list[dict[str, Any]] = []
    for (steps, tokens), point in both.groupby(level=["optimizer_steps", "D"]):
        difference = (point["branch"] - point["cosine"]).to_numpy()
        middle, low, high = (float(np.exp(part)) for part in student(difference)[:3])
        means = np.exp(point.mean())
        lines.append({"steps": steps, "D": tokens, **means, "ratio": middle, "low": low, "high": high})
    return pd.DataFrame(lines)


@checked
def flops_saved(branches: _Runs) -> tuple[float, float]:
    """FLOPs that these branches took, and those of as many runs each trained by itself (`accounting.training_flops`).

    branches: recorded runs. What branches of one stable run share is counted once; a test of `train_branches` counts
    the steps that it takes. Raises InvalidArgument where a run is no branch.
    """
    check_runs("branches", branches, ("configuration",))
    by_stem: dict[RunConfiguration | None, list[RunConfiguration]] = defaultdict(list)
    for text in branches["configuration"]:
        configuration = RunConfiguration.from_json(text)
        by_stem[stem_of(configuration)].append(configuration)
    if None in by_stem or not by_stem:
        raise invalid("branches", "branches of stable runs", len(branches), "pass load_recorded('cost-branches')")
    taken = alone = 0.0
    for runs in by_stem.values():
        of_a_step = training_flops(runs[0].architecture, runs[0].tokens_per_step)
        taken += of_a_step * computed_steps(runs)
        alone += of_a_step * sum(run.optimizer_steps for run in runs)
    return taken, alone
