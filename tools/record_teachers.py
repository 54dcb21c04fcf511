"""The teachers of the ladder from walks to language, trained on the default text and shipped in float16.

    python -m tools.record_teachers

About ten minutes of one core. Says what each has: loss on the held-out text, and the entropy rate of what it writes.
"""

import tempfile

from tqdm import tqdm

from scaling_lib.environment import single_thread
from scaling_lib.runs.keeping.kept import KeptModels, record_models, recorded_models
from scaling_lib.runs.keeping.tables import recorded_folder
from scaling_lib.runs.sweeping.recipes import open_source, open_teacher
from scaling_lib.runs.sweeping.studies.language import TEACHERS
from scaling_lib.runs.training.ensembles import initial_model, train_model


def main() -> None:
    """Train those that are not there yet, record, describe."""
    single_thread()
    shipped = recorded_models()
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptModels(folder)
        for name, run in tqdm(TEACHERS.items(), unit="teacher"):
            if not shipped.has(run):
                model = initial_model([run])
                (result,) = train_model(open_source(run.source), model, [run], metrics=())
                kept.save(run, {tensor: values[0] for tensor, values in model.flat.tensors.items()})
                taken = record_models(kept, [run], recorded_folder() / "kept")
                print(f"{name}: {result.loss:.4f} +- {result.loss_se:.4f} nats on the held-out text; {taken:,} bytes")
            teacher = open_teacher(recorded_models(), run.identity)
            print(f"{name} {run.identity}: writes at {teacher.entropy_rate:.4f} +- {teacher.entropy_rate_se:.4f} nats")
            print(f"{name} fingerprint {teacher.fingerprint}", flush=True)


if __name__ == "__main__":
    main()
