"""Marks for "One shot": a student's two functions play hidden planted worlds, with the ledger on our side of the cage.

The functions see what `Ledger.state` holds and nothing else; worlds, losses and scores stay in the grader's process.
Another 20 points are for a report, which a person reads.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from scaling_lib.arguments import BY_HAND, Count, Remedy, checked
from scaling_lib.coursework.cage import Broken, Cage, Limits
from scaling_lib.coursework.capstone.ledger import Ledger, play
from scaling_lib.coursework.capstone.scores import POINTS, Score, score
from scaling_lib.coursework.capstone.worlds import PlantedWorld
from scaling_lib.coursework.exercises import attempted
from scaling_lib.coursework.grading import Mark, Marks, cells_of, check_label_and_secret, check_without
from scaling_lib.errors import InvalidArgument, InvalidData

__all__ = ["PARTS", "OneShot", "Part", "grade_one_shot", "practise"]

WORLDS = 5
PRACTICE = "practice"


@checked
@dataclass(frozen=True)
class Part:
    """A part of the mark. key, title, points: as of an Exercise."""

    key: str
    title: str
    points: Count


PARTS = (Part("one-shot-loss", "The large run", POINTS), Part("one-shot-forecast", "The forecast", POINTS))


@checked
@dataclass(frozen=True)
class OneShot:
    """The capstone as an assignment. secret: what its planted worlds follow from. worlds: how many are played.

    Raises InvalidArgument where the secret could be guessed for its shortness.
    """

    label: str
    secret: str = field(repr=False)
    worlds: Count = WORLDS

    def __post_init__(self) -> None:
        check_label_and_secret(self.label, self.secret)

    @property
    def exercises(self) -> tuple[Part, ...]:
        """What points are for."""
        return PARTS

    @property
    def asked(self) -> list[Any]:
        """What the marks follow from, as plain data."""
        return [[part.key, part.points] for part in PARTS] + [dict(world.law) for world in self._planted()]

    def _planted(self) -> list[PlantedWorld]:
        return [PlantedWorld(self.secret, number) for number in range(self.worlds)]


class _Stopped(Exception):
    """A function of the student's gave no answer; the message says why."""


@checked
def grade_one_shot(
    submission: str | Path,
    assignment: Annotated[OneShot, Remedy("build it with OneShot(label, secret)")],
    *,
    student: str = "student",
    limits: Annotated[Limits, Remedy("build it with Limits()")] = Limits(seconds=120, call_seconds=10),  # noqa: B008
    without: Annotated[Sequence[str], BY_HAND] = (),
) -> Marks:
    """Mark a submission by the mean of its scores in every world. Whatever it holds, this returns.

    student: whose it is. without: protections to do without. A world whose forecast is refused, or in which a function
    stops, has no points.
    """
    check_without(without)
    begun = time.monotonic()
    try:
        cells = cells_of(Path(submission), assignment.label)
    except InvalidData as error:
        nothing = tuple(
            Mark(part.key, part.title, 0, part.points, "not attempted", "", "Not graded.") for part in PARTS
        )
        return Marks(student, nothing, str(error))
    scores: list[Score | str] = []
    try:
        with Cage(cells, limits, deadline=begun + limits.seconds, without=without) as cage:
            protections, failed = tuple(cage.protections), tuple(cage.errors)
            for number in range(assignment.worlds):
                scores.append(_played(PlantedWorld(assignment.secret, number), _asking(cage)))
    except Broken as reason:
        if not scores:
            protections, failed = (), ()
        scores += [f"nothing came back: {reason}"] * (assignment.worlds - len(scores))
    seconds = time.monotonic() - begun
    return Marks(student, _marks(scores), "", protections, failed, seconds)


def _asking(cage: Cage) -> Callable[[str], Callable[..., Any]]:
    """From the name of a function to one that asks the cage for it."""

    def named(name: str) -> Callable[..., Any]:
        def asked(**inputs: Any) -> Any:
            reply = cage.ask(name, inputs)
            if reply.missing:
                raise _Stopped(ABSENT.format(name=name))
            if reply.raised:
                raise _Stopped(f"`{name}` stopped with {reply.raised}")
            if not attempted(reply.answer):
                raise _Stopped(NOT_WRITTEN.format(name=name))
            return reply.answer

        return asked

    return named


NOT_WRITTEN = "`{name}` is not written yet"
ABSENT = "there is no function `{name}` in the notebook"


def _played(world: PlantedWorld, named: Callable[[str], Callable[..., Any]]) -> Score | str:
    """The score in one world, or why there is none."""
    ledger = Ledger(world)
    try:
        play(ledger, named("next_round"), named("forecast"))
    except _Stopped as reason:
        refused = f", after a round that was refused ({ledger.refused[0]})" if ledger.refused else ""
        return f"{reason}{refused}"
    except (InvalidArgument, ValueError, OverflowError, RecursionError) as error:
        return f"the forecast was refused ({error})".replace("\n", " ")
    assert ledger.registered is not None  # play registers or raises
    return score(ledger.registered, world)


def _marks(scores: Sequence[Score | str]) -> tuple[Mark, ...]:
    played = [one for one in scores if isinstance(one, Score)]
    lost = [one for one in scores if isinstance(one, str)]
    if not played:
        untouched = all(one in (words.format(name="next_round") for words in (NOT_WRITTEN, ABSENT)) for one in lost)
        state, says = ("not attempted", "Not attempted.") if untouched else ("wrong", f"No points: {lost[0]}.")
        return tuple(Mark(part.key, part.title, 0, part.points, state, "", says) for part in PARTS)
    rest = f" In {len(lost)} of {len(scores)} worlds there was no score: {lost[0]}." if lost else ""
    above = float(np.median(np.expm1([min(one.regret, 20.0) for one in played])))
    width = float(np.median([one.interval for one in played]))
    inside = sum(one.inside for one in played)
    words = (
        f"Your large runs left {100 * above:.0f} % more excess loss than the best (median of {len(played)} worlds).",
        f"{inside} of {len(played)} outcomes lay inside your interval; its median score is {width:.2f} (0 is best).",
    )
    points = [
        round(sum(part) / len(scores))
        for part in zip(*((one.loss_points, one.interval_points) for one in played), strict=True)
    ]
    return tuple(
        Mark(part.key, part.title, earned, part.points, "right" if earned else "wrong", "", said + rest)
        for part, earned, said in zip(PARTS, points, words, strict=True)
    )


def practise(next_round: Any, forecast: Any, worlds: int = 10) -> pd.DataFrame | None:
    """What two functions score in practice worlds, as a table with a line for each; prints the mean. Never raises.

    next_round, forecast: as `ledger.play` calls them. worlds: how many of the practice worlds, which everybody has.
    """
    lines = []
    functions = {"next_round": _here("next_round", next_round), "forecast": _here("forecast", forecast)}
    for number in range(worlds if isinstance(worlds, int) and worlds > 0 else 10):
        world = PlantedWorld(PRACTICE, number)
        try:
            scored = _played(world, functions.__getitem__)
        except Exception as error:
            scored = f"a function stopped with {type(error).__name__}: {error}"
        if isinstance(scored, str):
            print(f"World {number}: {scored.rstrip('.')}.")
            return None
        lines.append(
            {
                "world": number,
                "loss points": round(scored.loss_points, 1),
                "forecast points": round(scored.interval_points, 1),
                "inside": scored.inside,
                "interval score": round(scored.interval, 3),
            }
        )
    table = pd.DataFrame(lines).set_index("world")
    means = table[["loss points", "forecast points"]].mean()
    print(
        f"In {len(table)} practice worlds: {means.iloc[0]:.0f} of {POINTS} points for the loss, "
        f"{means.iloc[1]:.0f} of {POINTS} for the forecast; {table['inside'].sum()} outcomes inside the interval."
    )
    return table


def _here(name: str, function: Any) -> Callable[..., Any]:
    def asked(**inputs: Any) -> Any:
        if not callable(function):
            raise _Stopped(f"hand over the function `{name}` itself")
        answer = function(**inputs)
        if not attempted(answer):
            raise _Stopped(NOT_WRITTEN.format(name=name))
        return answer

    return asked
