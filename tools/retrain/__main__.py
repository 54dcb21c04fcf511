"""Train every recorded table again from nothing, and say which verdicts change.

    python -m tools.retrain [--only er-100 ...] [--out DIR] [--slice K] [--seed S] [--workers N]

Hours on two cores for everything; about the minutes that the status page names for one table (--only, more than once
for several). Stopped at any moment, the same command goes on where it was. Runs go into a store for each table under
DIR, by default a folder of this version of the code in this user's data folder, never into the package. For each table
it prints the largest relative difference of a row; at the end the ledger is judged twice, on the recorded rows and with
the rows again in their place, and every verdict that is another one is listed.

--slice trains K random rows of those tables instead, by themselves. A run alone and one in a stack differ by the order
of float32 sums, so its rows differ more. --seed draws the same ones again; without it, others every time.

Runs that were recorded on a GPU are trained where there is one; elsewhere their table is left out, unless --only names
it. No difference is an error: at the edge of stability rounding decides as much as the seed does, and what matters is
the ledger.
"""

import argparse
import sys
from functools import cache
from pathlib import Path

import numpy as np

from scaling_lib import environment
from scaling_lib.errors import ScalingLabError, check_integer
from scaling_lib.pages.judging.claims import evaluate
from scaling_lib.runs import machine
from scaling_lib.runs.keeping.tables import recorded_folder, recorded_or_none
from tools.retrain import again


def retrain(
    out: Path | None = None,
    *,
    only: tuple[str, ...] = (),
    count: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    recorded: Path | None = None,
    progress: bool = True,
) -> None:
    """Do it, and print what came of it. count: of the slice, None for everything. recorded: the folder of tables."""
    chosen = again.recorded_runs(recorded_folder() if recorded is None else recorded, only)
    device = environment.device() or "cpu"
    if device == "cpu" and not only:
        for name in [name for name, table in chosen.items() if set(table["device"]) != {"cpu"}]:
            print(f"{name} was trained on {chosen.pop(name)['device'].iloc[0]}, and is left out where there is none.")
    asked = chosen
    if count is not None:
        seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        asked = again.sliced(chosen, count, seed)
        print(f"A slice of {count} rows, --seed {seed}: of {', '.join(asked)}.", flush=True)
    folder = environment.home() / "retrain" / machine.code_version() if out is None else out
    folder = folder if count is None else folder / f"slice-{count}-{seed}"
    many = machine.cores() if workers is None else check_integer("--workers", workers, minimum=1)
    environment.single_thread()
    rows_again = {}
    for place, (name, table) in enumerate(asked.items(), 1):
        print(f"== {name} ({place} of {len(asked)}): {len(table)} runs, store {folder / name}.db", flush=True)
        options = {"device": device, "workers": 1 if device == "cuda" else many, "progress": progress}
        rows_again[name], _ = again.train_again(name, table, folder, whole=count is None, **options)  # type: ignore[arg-type]
        print(again.in_words(name, table, again.differences(table, rows_again[name])), flush=True)
    print("== the ledger, judged on the recorded rows and with those again in their place", flush=True)
    read = cache(recorded_or_none)
    both = [evaluate(tables) for tables in (read, again.with_rows_again(read, rows_again))]
    verdicts = again.changed(*both)
    print(f"{len(verdicts)} of {len(both[0])} verdicts change" + ("." if verdicts.empty else ":"))
    if len(verdicts):
        print(verdicts.to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.retrain", description="Train every recorded table again, and say which verdicts change."
    )
    parser.add_argument("--only", action="append", default=[], metavar="TABLE", help="this table; may be repeated")
    parser.add_argument("--out", type=Path, help="folder of the stores (default: in this user's data folder)")
    parser.add_argument("--slice", type=int, dest="count", metavar="K", help="only K random rows")
    parser.add_argument("--seed", type=int, help="of the slice")
    parser.add_argument("--workers", type=int, help="processes of one thread (default: one a core)")
    options = parser.parse_args()
    try:
        retrain(options.out, only=tuple(options.only), count=options.count, seed=options.seed, workers=options.workers)
    except ScalingLabError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print("\ninterrupted: what was done is kept, and the same command goes on.", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        raise SystemExit(f"{options.out} cannot be written ({error}): pass --out on a disk that can.") from None


if __name__ == "__main__":
    main()
