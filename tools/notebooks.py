"""`make notebooks`: the committed, executed notebooks/*.ipynb from notebooks/src/*.py, under the profile recorded."""

import shutil
import sys
import tempfile
from pathlib import Path

from tools.chapters import NOTEBOOKS, execute, sources

LARGEST = 420_000  # bytes of a committed notebook: ten figures, their data and a hundred cells


def main() -> None:
    print(f"Executing {len(sources())} chapter(s) under the profile recorded, about 15 s each.", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        executed = execute(Path(scratch) / "run", "recorded", inject=False)
        for path in executed:
            if path.stat().st_size > LARGEST:
                sys.exit(f"{path.name} has {path.stat().st_size:,} bytes, more than {LARGEST:,}: draw less in it.")
        for stale in set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / path.name for path in executed}:
            stale.unlink()
        for path in executed:
            shutil.copyfile(path, NOTEBOOKS / path.name)
            print(f"  notebooks/{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
