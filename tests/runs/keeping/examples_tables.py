"""A valid call for each public name of runs.keeping: tables, store, schema, repeats."""


from scaling_lib.runs.keeping import measurements, repeats, schema, store, tables
from scaling_lib.runs.records import Measurement
from tests import scratch
from tests.runs import planted

RECORDS = [planted.record(), planted.record(0.2, seed=1)]
AGAIN = planted.record(0.101, made={"threads": 8})
FRAME = tables.frame_of(RECORDS)
FOLDER = scratch.folder()
tables.record_table(FRAME, "mine", "by hand", FOLDER)
STORE = store.Store(FOLDER / "runs.db")
STORE.add(RECORDS)
OTHER = store.Store(FOLDER / "other.db")
OTHER.close()
MEASURED = (Measurement("leak", 100, 0.25),)


def open_store(path, mirror, read_only, wait):
    with store.Store(path, mirror=mirror, read_only=read_only, wait=wait) as opened:
        return len(opened)


EXAMPLES = [
    (tables.frame_of, {"records": RECORDS}),
    (tables.records_of, {"frame": FRAME}),
    (tables.lowest_losses, {"frame": FRAME, "by": ("N", "D")}),
    (tables.recorded_or_none, {"name": "er-100"}),
    (tables.load_recorded, {"name": "mine", "folder": FOLDER}),
    (tables.record_table, {"frame": FRAME, "name": "mine", "how": "by hand", "folder": FOLDER, "missing": 1}),
    (tables.record_result, {"frame": FRAME[["N", "loss"]], "name": "small", "how": "by hand", "folder": FOLDER}),
    (tables.manifest, {"folder": FOLDER}),
    (store.Store, {"path": FOLDER / "other.db", "mirror": None, "read_only": True}),
    (store.file_system, {"path": FOLDER / "runs.db", "mounts": FOLDER / "mounts"}),
    (open_store, {"path": FOLDER / "third.db", "mirror": None, "read_only": False, "wait": 0.0}),
    (STORE.missing, {"configurations": [planted.configuration()]}),
    (STORE.add, {"records": RECORDS}),
    (STORE.add_measurements, {"identity": RECORDS[0].identity, "measurements": MEASURED}),
    (measurements.measurements_to_json, {"measurements": MEASURED}),
    (measurements.measurements_from_json, {"text": measurements.measurements_to_json(MEASURED)}),
    (measurements.merged_measurements, {"measurements": MEASURED}),
    (measurements.last_value, {"measurements": MEASURED, "metric": "leak"}),
    (STORE.merge, {"other": FOLDER / "other.db", "list_conflicts": False}),
    (schema.open_database, {"path": FOLDER / "runs.db", "read_only": True}),
    (repeats.Repeat, {"kept": RECORDS[0], "other": AGAIN, "against": None}),
    (repeats.relative_difference, {"kept": RECORDS[0], "other": AGAIN}),
    (repeats.place_of, {"record": AGAIN}),
    (repeats.reconcile, {"records": [RECORDS[0], AGAIN]}),
    (repeats.frame_of_repeats, {"repeats": [repeats.Repeat(RECORDS[0], AGAIN)]}),
    (STORE.snapshot, {"folder": FOLDER / "mirror"}),
]
