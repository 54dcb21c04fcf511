"""`make test` and `make test-all`: every check, stage by stage, each with its time.

The chapters are executed twice under the profile smoke, each time from an empty store: by papermill, then by nbval,
whose outputs must agree with papermill's. A failed stage stops only the stages that look at what it makes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.chapters import AT_ONCE, ROOT, environment, longest_first

BUILD = ROOT / "_build" / "test"
SECOND_HOME = BUILD / "second" / "home"
PYTEST = ["pytest", "--durations=5", "--durations-min=1", "-p", "no:cacheprovider"]
PARALLEL = ["-n", str(AT_ONCE), "--dist", "loadfile"]


@dataclass
class Stage:
    """One command. seconds: about what it takes on two cores; needs: stages that make what this one looks at;
    variables: its environment, where it is not ours."""

    name: str
    says: str
    seconds: int
    command: list[str]
    needs: tuple[str, ...] = ()
    variables: dict[str, str] | None = None


def stages(everything: bool) -> Iterator[Stage]:
    """The stages in order; each is made when its turn comes, since some look at what earlier ones have written."""
    slow = "" if everything else " and not slow"
    yield Stage("lint", "ruff", 1, ["ruff", "check", "."])
    yield Stage("types", "mypy", 15, ["mypy"])
    everywhere = [*PYTEST, *PARALLEL, "--doctest-modules", "scaling_lib", "tests"]
    yield Stage("unit", "unit and property tests, examples of docstrings", 200, [*everywhere, "-m", f"not book{slow}"])
    shapes = ["--shapes", "tests/test_bad_input.py", "-k", "example_works"]
    yield Stage("shapes", "every example, its annotations checked at run time", 10, [*PYTEST, *shapes])

    yield book("smoke", "smoke", 120)
    # What papermill executed holds the injected parameters: nbval executes the same, and compares every output.
    executed = [str(path) for path in longest_first(sorted(BUILD.glob("smoke/_build/run-*/*.ipynb")))]
    again = [*PYTEST, *PARALLEL, "--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800", *executed]
    kernels = environment("smoke", SECOND_HOME)
    yield Stage("nbval", "a second execution, from another empty store", 120, again, ("smoke",), kernels)

    yield book("recorded", "recorded", 40, installed=True)
    built = ["recorded", "smoke"]
    if everything:
        library = BUILD / "alone" / "library" / "scaling_lib"
        shutil.copytree(ROOT / "scaling_lib", library, ignore=shutil.ignore_patterns("recorded", "__pycache__"))
        yield book("alone", "smoke", 120, os.environ | {"PYTHONPATH": str(library.parent)})
        built.append("alone")
    folders = os.environ | {
        "SCALING_SITES": os.pathsep.join(str(BUILD / name / "_build" / "html") for name in built),
        "SCALING_SECOND_HOME": str(SECOND_HOME),
    }
    pages = [*PYTEST, "tests/book", "-m"]
    yield Stage("pages", "the pages as HTML", 10, [*pages, f"book and not browser{slow}"], tuple(built), folders)
    at_once = ["-n", str(AT_ONCE)]  # any page on any of them: most of the time is waiting for a page
    yield Stage("browser", "the pages in Chromium", 60, [*pages, f"browser{slow}", *at_once], tuple(built), folders)


def book(
    name: str, profile: str, seconds: int, variables: dict[str, str] | None = None, *, installed: bool = False
) -> Stage:
    """Execute and render under a profile; with variables, from a library that ships no recorded runs; installed: from
    the wheel, in an environment of its own."""
    how = ", without recorded runs" if variables else ", from the installed wheel" if installed else ""
    says = f"chapters under the profile {profile}{how}, strict book"
    command = ["python", "-m", "tools.book", "--profile", profile, "--into", str(BUILD / name)]
    command += ["--installed"] if installed else []
    return Stage(name, says, seconds, command, variables=variables)


def run(stage: Stage) -> tuple[bool, str]:
    """Run a stage, showing its output as it comes; whether it passed, and pytest's closing line."""
    command = [str(Path(sys.executable).with_name(stage.command[0])), *stage.command[1:]]
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=stage.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if re.search(r"\d+ (passed|failed|skipped|deselected|errors?)\b.* in [\d.]+s", line):
                closing = line.strip(" =\n")
    return process.returncode == 0, closing


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
    before, begun = tree(), time.monotonic()
    results: dict[str, tuple[str, float, str]] = {}
    for stage in stages(everything):
        failed = [name for name in stage.needs if results[name][0] != "ok"]
        if failed:
            results[stage.name] = ("not run", 0.0, f"needs {', '.join(failed)}")
            continue
        print(f"\n== {stage.name}: {stage.says}, about {stage.seconds} s", flush=True)
        start = time.monotonic()
        passed, closing = run(stage)
        results[stage.name] = ("ok" if passed else "FAILED", time.monotonic() - start, closing)
    if tree() != before:
        results["tree"] = ("FAILED", 0.0, f"files of the working tree changed:\n{tree()}")

    print(f"\n== {time.monotonic() - begun:.0f} s in all")
    for name, (state, seconds, closing) in results.items():
        print(f"  {name:<9} {state:<8} {seconds:5.0f} s  {closing}")
    sys.exit(any(state != "ok" for state, _, _ in results.values()))


if __name__ == "__main__":
    main()
