"""The final weights that ship with the package: those of the best run at each D of er-100, in float16.

    python -m tools.record_models

Recorded runs were trained before weights were kept, so these are trained again, and shipped where their excess loss is
that of the recorded row to `SAME_PLACE_TOLERANCE`; the others are said and left out.
"""

import tempfile

from tqdm import tqdm

from scaling_lib.environment import single_thread
from scaling_lib.runs.keeping.kept import KeptModels, record_models
from scaling_lib.runs.keeping.repeats import SAME_PLACE_TOLERANCE
from scaling_lib.runs.keeping.tables import load_recorded, lowest_losses, recorded_folder, records_of
from scaling_lib.runs.sweeping.recipes import chain_of
from scaling_lib.runs.training.ensembles import initial_model, train_model

TABLE = "er-100"


def main() -> None:
    """Train, compare, record."""
    single_thread()
    records = records_of(lowest_losses(load_recorded(TABLE), by=("D",)))
    with tempfile.TemporaryDirectory() as folder:
        kept, same = KeptModels(folder), []
        for record in tqdm(records, unit="run"):
            run, stored = record.configuration, record.result.excess_loss
            model = initial_model([run])
            (result,) = train_model(chain_of(run.source), model, [run], metrics=())
            if stored is None or result.excess_loss is None:
                raise SystemExit(f"run {run.identity[:12]} of {TABLE} diverged: its weights are of no use.")
            apart = abs(result.excess_loss - stored) / stored
            print(f"D = {run.schedule.tokens:,}: {result.excess_loss:.6g} nats, {apart:.1e} from the recorded value")
            if apart <= SAME_PLACE_TOLERANCE:
                kept.save(run, {name: tensor[0] for name, tensor in model.flat.tensors.items()})
                same.append(run)
        if not same:
            raise SystemExit("None of them is within the tolerance: train where the table was recorded.")
        taken = record_models(kept, same, recorded_folder() / "kept")
    print(f"{len(same)} of {len(records)} models, {taken:,} bytes.")


if __name__ == "__main__":
    main()
