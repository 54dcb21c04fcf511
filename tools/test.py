"""`make test` and `make test-all`: every check, stage by stage, each with its time.

The chapters that train are executed under the profile smoke, from an empty store, by papermill. A book of all chapters
is rendered from the recorded runs, with warnings fatal, and looked at; `make test-all` does so under smoke as well, and
executes what can do without recorded runs on a library that ships none. One of the chapters that train (`make
test-all`: all) is executed once more, from another empty store, by nbval, whose outputs must agree with papermill's. A
failed stage stops only the stages that look at what it makes.

Two stages run at a time, a core each: the first in the order below whose needs are met. So neither core waits for the
longest chapter, for the rendering of a book or for the type checker, which cannot use two.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tools.chapters import AT_ONCE, ROOT, environment, longest_first, sources, trains

BUILD = ROOT / "_build" / "test"
SECOND_HOME = BUILD / "second" / "home"
# Of the chapters that train: the others of them take minutes, and make test-all executes all twice. Of what a chapter
# computes without training, `recorded` is the second execution: each of its outputs is compared with the committed one.
EXECUTED_TWICE = ("00-the-thread",)
# Chapters about studies that take hours of training. Without the recorded runs they have nothing to show.
ABOUT_RECORDED = ("05-twins-and-collapse", "06-from-walks-to-language", "07-architecture-and-emergence")
# Tests that stand beside one floor of the library. Those of the pages go with the rest: all that judges the recorded
# ledger is in one process then, which judges it once.
MIRRORS = tuple(f"tests/{floor}" for floor in ("data", "fits", "models", "runs"))
PYTEST = ["pytest", "--durations=5", "--durations-min=1", "-p", "no:cacheprovider"]


@dataclass
class Stage:
    """One command. seconds: about what it takes; needs: stages that make what this one looks at; files: patterns below
    BUILD, whose files end the command, looked for when its turn comes; cores: how many it keeps busy; variables: its
    environment, where it is not ours."""

    name: str
    says: str
    seconds: int
    command: list[str]
    needs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    cores: int = 1
    variables: dict[str, str] | None = None


@dataclass
class Result:
    """How a stage ended. seconds: by the clock; busy: of a processor; closing: pytest's last line, or why not run;
    complaints: pytest's line on each test that failed."""

    state: str
    seconds: float = 0.0
    busy: float = 0.0
    closing: str = ""
    complaints: tuple[str, ...] = ()


def stages(everything: bool) -> Iterator[Stage]:
    """The stages, what others wait for first."""
    yield Stage("lint", "ruff", 1, ["ruff", "check", "."])
    training = [source.stem for source in sources() if trains(source)]
    yield book("smoke", "smoke", 400 if everything else 250, only=[] if everything else training)
    yield book("recorded", "recorded", 170, installed=True)
    yield Stage("types", "mypy", 5, ["mypy"])
    # In two parts, so that both cores have something to do to the end. What is new in `tests` falls to the second part.
    fast = ["-m", "not book and not slow"]
    unit = [*PYTEST, "--doctest-modules", "scaling_lib", *MIRRORS, *fast]
    yield Stage("unit", "unit and property tests of the library's floors, examples of docstrings", 270, unit)
    # The examples of calls are left to `shapes`, where each of them works under more checks.
    left = ["--deselect", "tests/test_bad_input.py::test_the_example_works"]
    whole = [*PYTEST, "tests", *(f"--ignore={folder}" for folder in MIRRORS), *fast, *left]
    yield Stage("whole", "the command line, bad input, coursework, notebooks, pages, tools", 290, whole)

    # In this order: a page of a later book is looked at where it differs from that of the books before it.
    built = ["recorded"]
    if everything:
        built.append("smoke")
        library = BUILD / "alone" / "library"
        only = [source.stem for source in sources() if source.stem not in ABOUT_RECORDED]
        yield book("alone", "smoke", 150, os.environ | {"PYTHONPATH": str(library)}, only=only)
    slow = "" if everything else " and not slow"
    look = [*PYTEST, "tests/book", "-m"]
    # Before what is short, so that both cores have something to do to the end.
    yield Stage("browser", "the pages in Chromium", 110, [*look, f"browser{slow}"], (*built,), variables=sites(*built))

    # What papermill executed holds the injected parameters: nbval executes the same, and compares every output.
    again = [*PYTEST, "--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800"]
    says, kernels = "a second execution, from another empty store", environment("smoke", SECOND_HOME)
    names = ("*",) if everything else EXECUTED_TWICE
    executed = tuple(f"smoke/_build/run-*/{name}.ipynb" for name in names)
    yield Stage("nbval", says, 45, again, ("smoke",), executed, variables=kernels)
    shapes = ["--shapes", "tests/test_bad_input.py", "-k", "example_works"]
    yield Stage("shapes", "every example, its annotations checked at run time", 55, [*PYTEST, *shapes])

    pages = [*look, f"book and not browser{slow}"]
    yield Stage("pages", "the pages as HTML", 35, pages, (*built, "smoke", "nbval"), variables=sites(*built))
    if everything:
        parallel = ["-n", str(AT_ONCE), "--dist", "loadfile"]
        slowly = [*PYTEST, "tests", "-m", "not book and slow", *parallel]
        yield Stage(
            "slow", "long simulations, fault storms, executions under other kernels", 2400, slowly, cores=AT_ONCE
        )


def book(
    name: str,
    profile: str,
    seconds: int,
    variables: dict[str, str] | None = None,
    *,
    installed: bool = False,
    only: Sequence[str] = (),
) -> Stage:
    """Execute and render under a profile, or execute `only` these chapters and render nothing; with variables, from a
    library that ships no recorded runs; installed: from the wheel, in an environment of its own."""
    how = ", without recorded runs" if variables else ", from the installed wheel" if installed else ""
    says = f"{len(only) or 'all'} chapters under the profile {profile}{how}{'' if only else ', strict book'}"
    command = ["python", "-m", "tools.book", "--profile", profile, "--at-once", "1", "--into", str(BUILD / name)]
    command += ["--installed"] if installed else []
    command += ["--only", *only] if only else []
    return Stage(name, says, seconds, command, variables=variables)


def sites(*names: str) -> dict[str, str]:
    """The environment of tests that look at these books."""
    folders = os.pathsep.join(str(BUILD / name / "_build" / "html") for name in names)
    executed = {"SCALING_SMOKE": str(BUILD / "smoke" / "_build"), "SCALING_SECOND_HOME": str(SECOND_HOME)}
    return os.environ | {"SCALING_SITES": folders} | executed


def run(stage: Stage) -> Result:
    """Run a stage, showing its output as it comes, every line with the stage's name."""
    print(f"== {stage.name} begins: {stage.says}, about {stage.seconds} s", flush=True)
    begun, closing = time.monotonic(), ""
    looked_for = {pattern: sorted(BUILD.glob(pattern)) for pattern in stage.files}
    absent = [pattern for pattern, paths in looked_for.items() if not paths]
    if absent:  # pytest without files would run what it pleases
        return Result("FAILED", closing=f"there is no {', '.join(absent)}")
    files = longest_first([path for paths in looked_for.values() for path in paths])
    command = [str(Path(sys.executable).with_name(stage.command[0])), *stage.command[1:], *map(str, files)]
    complaints = []
    with subprocess.Popen(
        command, cwd=ROOT, env=stage.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(f"{stage.name} | {line}", end="", flush=True)
            if re.search(r"\d+ (passed|failed|skipped|deselected|errors?)\b.* in [\d.]+s", line):
                closing = line.strip(" =\n")
            if line.startswith(("FAILED ", "ERROR ")):
                complaints.append(line.strip())
        _, status, usage = os.wait4(process.pid, 0)  # as wait does, and says what the processor did
        process.returncode = os.waitstatus_to_exitcode(status)
    state = "FAILED" if process.returncode else "ok"
    seconds = time.monotonic() - begun
    print(f"== {stage.name} ends: {state} after {seconds:.0f} s", flush=True)
    return Result(state, seconds, usage.ru_utime + usage.ru_stime, closing, tuple(complaints))


def run_all(waiting: list[Stage]) -> dict[str, Result]:
    """Run every stage, on AT_ONCE cores, as soon as its needs are met and before any that stands below it."""
    results: dict[str, Result] = {}
    running: dict[Future[Result], Stage] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while waiting or running:
            for stage in list(waiting):
                failed = [name for name in stage.needs if name in results and results[name].state != "ok"]
                free = AT_ONCE - sum(other.cores for other in running.values())
                if failed:
                    results[stage.name] = Result("not run", closing=f"needs {', '.join(failed)}")
                    waiting.remove(stage)
                elif results.keys() >= set(stage.needs) and stage.cores <= free:
                    running[pool.submit(run, stage)] = stage
                    waiting.remove(stage)
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                results[running.pop(ended).name] = ended.result()
    return results


def tree() -> str:
    """The state of the working tree; "" outside CI, where others may be at work in it."""
    if "CI" not in os.environ:
        return ""
    return subprocess.check_output(["git", "status", "--porcelain"], cwd=ROOT, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run every check, stage by stage.")
    parser.add_argument("--all", action="store_true", help="what is slow as well")
    everything = parser.parse_args().all
    shutil.rmtree(BUILD, ignore_errors=True)
    if everything:
        library = BUILD / "alone" / "library" / "scaling_lib"
        shutil.copytree(ROOT / "scaling_lib", library, ignore=shutil.ignore_patterns("recorded", "__pycache__"))
    before, begun = tree(), time.monotonic()
    asked = list(stages(everything))
    results = run_all(list(asked))
    if tree() != before:
        results["tree"] = Result("FAILED", closing=f"files of the working tree changed:\n{tree()}")

    print(f"\n== {time.monotonic() - begun:.0f} s in all, two stages at a time")
    width = max(map(len, results))
    for name in [*(stage.name for stage in asked), *results.keys() - {stage.name for stage in asked}]:
        result = results[name]
        times = f"{result.seconds:5.0f} s, {result.busy:5.0f} s of processors"
        print(f"  {name:<{width}} {result.state:<8} {times}  {result.closing}")
    # Last, because whoever looks at a long log sees its end first.
    for name, result in results.items():
        for complaint in result.complaints:
            print(f"{name} | {complaint}")
    sys.exit(any(result.state != "ok" for result in results.values()))


if __name__ == "__main__":
    main()
