"""An autograder for Gradescope: a zip file that is the same to the byte whenever it is made of the same sources.

Gradescope unpacks it, runs `setup.sh` once and `run_autograder` for each submission, in a container of its own. There
the cage of `scaling_lib.coursework` holds the student's code as it does here, as far as that container allows; the
result says how far.
"""

import io
import json
import re
import tomllib
import zipfile
from collections.abc import Mapping

from tools.chapters import ROOT

__all__ = ["archive", "library_files", "requirements"]

SETUP = """#!/usr/bin/env bash
set -euo pipefail
apt-get update
apt-get install -y --no-install-recommends python3.12-venv || apt-get install -y --no-install-recommends python3.11-venv
python=$(command -v python3.12 || command -v python3.11)
"$python" -m venv /opt/scaling-lab
/opt/scaling-lab/bin/pip install --no-cache-dir {requirements}
"""
RUN = """#!/usr/bin/env bash
cd /autograder/source
chmod -R go-rwx assignment.json coursework grade_one.py
exec /opt/scaling-lab/bin/python -m grade_one /autograder/submission /autograder/results/results.json
"""
GRADE_ONE = '''"""Grade the one notebook of a folder and write what Gradescope reads."""

import json
import sys
from pathlib import Path

from coursework.assignments import assignment_of, grade
from scaling_lib.coursework.gradescope import result, without_notebook

folder, written = Path(sys.argv[1]), Path(sys.argv[2])
assignment = assignment_of(json.loads(Path("assignment.json").read_text(encoding="utf-8")))
# Jupyter keeps copies in folders that begin with a dot, and archives of a Mac hold some that begin with __.
notebooks = [
    path
    for path in sorted(folder.rglob("*.ipynb"))
    if not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
]
if len(notebooks) == 1:
    made = result(grade(notebooks[0], assignment))
else:
    made = without_notebook(len(notebooks), assignment)
written.parent.mkdir(parents=True, exist_ok=True)
written.write_text(json.dumps(made, indent=1), encoding="utf-8")
'''


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def requirements() -> list[str]:
    """What the library needs without torch, pinned as here."""
    declared = tomllib.loads(text_of("pyproject.toml"))["project"]["dependencies"]
    names = [re.split(r"[^\w-]", requirement)[0] for requirement in declared]
    pins = dict(line.split("==") for line in text_of("constraints.txt").split())
    return [f"{name}=={pins[name]}" for name in names if name in pins]


def library_files() -> dict[str, str]:
    """Name and text of each file of the library and of the folder coursework that grading needs."""
    paths = [path for package in ("coursework", "scaling_lib") for path in (ROOT / package).rglob("*.py")]
    names = [path.relative_to(ROOT).as_posix() for path in [*paths, ROOT / "scaling_lib/coursework/practice.json"]]
    return {name: text_of(name) for name in sorted(names)}


def archive(assignment: Mapping[str, object]) -> bytes:
    """The zip file. assignment: what `assignment.json` holds."""
    files = {
        "setup.sh": SETUP.format(requirements=" ".join(requirements())),
        "run_autograder": RUN,
        "grade_one.py": GRADE_ONE,
        "assignment.json": json.dumps(assignment, indent=1, sort_keys=True) + "\n",
    } | library_files()
    held = io.BytesIO()
    # Stored, not compressed: the bytes of a compression are those of one version of zlib.
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (0o755 if name in ("setup.sh", "run_autograder") else 0o644) << 16
            packed.writestr(entry, files[name])
    return held.getvalue()
