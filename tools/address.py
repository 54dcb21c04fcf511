"""`make address`: copy the repository's address, written by hand in `_config.yml` only, to every place that needs it.

The places below must have it; every other mention of the old address in a tracked text file follows.
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tools.chapters import ROOT

ADDRESS = r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?"
PLACEHOLDER = "OWNER/REPOSITORY"
PLACES = {
    "pyproject.toml": rf'(?m)^Repository = "{ADDRESS}"$',
    "CITATION.cff": rf'(?m)^repository-code: "{ADDRESS}"$',
    "README.md": rf"(?m)^git clone {ADDRESS}$",
    "notebooks/src/[0-9][0-9]-*.py": rf"git\+{ADDRESS}(?=[\"'@#\s])",
}


def _repository(root: Path) -> dict[str, str]:
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]


def branch(root: Path = ROOT) -> str:
    """What notebooks install and launch buttons open: "main", or the tag of a release, from `_config.yml`."""
    return _repository(root)["branch"]


def wanted(root: Path = ROOT) -> str:
    """ "owner/name" of the repository, from `_config.yml`."""
    url = _repository(root)["url"]
    repository = re.fullmatch(ADDRESS, url.rstrip("/"))
    if not repository:
        sys.exit(f"repository.url in _config.yml must be https://github.com/OWNER/NAME for Colab, got {url!r}.")
    return repository[1]


def copies(root: Path = ROOT) -> dict[str, set[str]]:
    """For each place, the "owner/name" it holds; an empty set where it holds none."""
    return {
        str(path.relative_to(root)): set(re.findall(pattern, path.read_text(encoding="utf-8")))
        for place, pattern in PLACES.items()
        for path in sorted(root.glob(place))
    }


def tracked_texts(root: Path = ROOT) -> list[Path]:
    """Tracked files that are text of ours."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    kinds = {".md", ".py", ".toml", ".yml", ".yaml", ".cff", ".ipynb", ".bib"}
    paths = [root / name for name in names.split("\0") if name]
    return [path for path in paths if path.suffix in kinds and path.exists() and path.parent.name != "tools"]


def main() -> None:
    new = wanted()
    old = set().union(*copies().values()) - {new}
    for path in tracked_texts():
        before = after = path.read_text(encoding="utf-8")
        for slug in old:
            after = after.replace(slug, new).replace(f"\ncd {slug.split('/')[1]}\n", f"\ncd {new.split('/')[1]}\n")
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"  {path.relative_to(ROOT)}")
    print(f"The address is {new}." + (" Now: make notebooks" if old else " Nothing to change."))


if __name__ == "__main__":
    main()
