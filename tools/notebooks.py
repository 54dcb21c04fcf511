"""`make notebooks`: the committed, executed notebooks/*.ipynb from notebooks/src/*.py, under the profile recorded.

python -m tools.notebooks [CHAPTER ...]
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tools.chapters import NOTEBOOKS, execute, sources

LARGEST = 420_000  # bytes of a committed notebook: ten figures, their data and a hundred cells


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute chapters under the profile recorded and keep their outputs.")
    known = [source.stem for source in sources()]
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=f"all by default, else of {', '.join(known)}")
    chosen = parser.parse_args().chapters or known
    if unknown := sorted(set(chosen) - set(known)):
        parser.error(f"there is no chapter {', '.join(unknown)}; there are {', '.join(known)}")
    print(f"Executing {len(chosen)} chapter(s) under the profile recorded, about 15 s each.", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        executed = execute(Path(scratch) / "run", "recorded", inject=False, only=chosen)
        for path in executed:
            if path.stat().st_size > LARGEST:
                sys.exit(f"{path.name} has {path.stat().st_size:,} bytes, more than {LARGEST:,}: draw less in it.")
        for stale in set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / f"{name}.ipynb" for name in known}:
            stale.unlink()
        for path in executed:
            shutil.copyfile(path, NOTEBOOKS / path.name)
            print(f"  notebooks/{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
