"""`make release VERSION=1.2.0`: two commits and a tag, so that the notebooks of a release install that release.

    python -m tools.release 1.2.0

The first commit sets the version, and in `_config.yml` the tag as what launch buttons open and first cells install; it
is tagged v1.2.0. The second sets that back to the branch. Nothing is pushed: `git push --follow-tags` does that. The
workflow `release` then builds the book and its PDF at the tag, and publishes both with that version's section of
CHANGELOG.md.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from tools import address, first_cell
from tools.chapters import ROOT

# Where the version stands; the group is what is replaced.
VERSIONS = {"pyproject.toml": r'(?m)^version = "(.*)"$', "CITATION.cff": r"(?m)^version: (.*)$"}
BRANCH = {"_config.yml": r"(?m)^  branch: (.*)$"}


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout


def section(root: Path, version: str) -> str:
    """What CHANGELOG.md says of a version; "" where it says nothing."""
    parts = re.split(r"(?m)^## ", (root / "CHANGELOG.md").read_text(encoding="utf-8"))
    return next((part.partition("\n")[2].strip() for part in parts if part.split(maxsplit=1)[:1] == [version]), "")


def replaced(root: Path, places: dict[str, str], value: str) -> None:
    """Write a value where these patterns find the old one, once in each file."""
    for name, pattern in places.items():
        path = root / name
        before = path.read_text(encoding="utf-8")
        (place,) = re.finditer(pattern, before)
        path.write_text(before[: place.start(1)] + value + before[place.end(1) :], encoding="utf-8")


def why_not(root: Path, version: str) -> str:
    """Why this version cannot be released now; "" where it can."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return f"VERSION must be three numbers such as 1.2.0, got {version!r}."
    if git(root, "tag", "--list", f"v{version}"):
        return f"VERSION must be a new one, got {version}, which is tagged: take the next."
    if git(root, "status", "--porcelain"):
        return "The working tree must be clean: commit first."
    if not section(root, version):
        return f"CHANGELOG.md must have a section '## {version}' with what changed: write and commit it."
    return ""


def release(root: Path, version: str) -> None:
    """Make both commits and the tag."""
    branch = address.branch(root)
    for place, says in ((f"v{version}", f"Release {version}"), (branch, f"After release {version}: back to {branch}")):
        replaced(root, VERSIONS, version)
        replaced(root, BRANCH, place)
        first_cell.write(root)
        git(root, "commit", "-qam", says)
        if place != branch:
            git(root, "tag", "-a", place, "-m", says)


def main() -> None:
    parser = argparse.ArgumentParser(description="Tag a release.")
    parser.add_argument("version")
    parser.add_argument("--notes", action="store_true", help="only print what CHANGELOG.md says of it")
    asked = parser.parse_args()
    if asked.notes:
        print(section(ROOT, asked.version) or f"Version {asked.version}.")
        return
    if complaint := why_not(ROOT, asked.version):
        sys.exit(complaint)
    release(ROOT, asked.version)
    print(f"v{asked.version} is tagged. Publish it with: git push --follow-tags")


if __name__ == "__main__":
    main()
