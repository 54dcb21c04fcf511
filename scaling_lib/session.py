"""What a notebook begins with: its profile, device and folder, the recorded tables, and the reader's own runs."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd

from scaling_lib.arguments import Choice, checked
from scaling_lib.environment import device, device_words, home, mirror, place, profile, single_thread
from scaling_lib.errors import InvalidArgument, MissingDependency, StoreError, check_instance, invalid
from scaling_lib.pages.judging.ledger import rules_hash
from scaling_lib.runs.keeping.store import Store
from scaling_lib.runs.keeping.tables import COLUMNS, load_recorded
from scaling_lib.runs.records import RunConfiguration
from scaling_lib.runs.sweeping.calibration import calibrate
from scaling_lib.runs.sweeping.experiments import PROFILES, experiment
from scaling_lib.runs.sweeping.sweeps import sweep

__all__ = ["Session", "begin"]

# What a chapter takes under each profile; a cell that trains measures and says its own minutes before it begins.
_TAKES = {
    "recorded": "nothing is trained, a chapter takes less than a minute",
    "smoke": "small models are trained, a chapter takes about two minutes",
    "colab": "models are trained for about ten minutes a chapter on a GPU",
    "full": "models are trained for hours on a large GPU",
}
# Seconds that one notebook waits for another that trains the same experiment.
_PATIENCE = 3600.0


@checked
@dataclass(frozen=True)
class Session:
    """One notebook's view of this machine. Made by `begin`.

    profile: one of `PROFILES`. device: "cuda", "cpu", or "" without torch. home: folder of the reader's own runs.
    mirror: folder that receives a copy of every store after each ensemble that is trained, None for none.
    """

    profile: Annotated[str, Choice(PROFILES)]
    device: Annotated[str, Choice(("cuda", "cpu", ""))]
    home: Path
    mirror: Path | None = None

    @property
    def trains(self) -> bool:
        """Whether this profile trains the reader's own runs."""
        return self.profile != "recorded"

    @checked
    def store_path(self, name: str) -> Path:
        """The store of the reader's own runs of experiment `name`."""
        return self.home / f"{name}.db"

    @checked
    def recorded(self, name: str) -> pd.DataFrame:
        """The recorded table `name`; without rows where it is absent and this profile makes its own."""
        try:
            return load_recorded(name)
        except InvalidArgument:
            if self.trains:
                return pd.DataFrame(columns=list(COLUMNS))
            raise

    def expected_minutes(self, name: str, *others: str) -> float:
        """Minutes that `own(name)` will take here, and `own` of the others after it, from one measurement of a few
        seconds on the smallest and the largest of their models; 0 where nothing is missing."""
        missing = [configuration for asked in (name, *others) for configuration in self._missing(asked)]
        self.require_torch()
        if not missing:
            return 0.0
        return calibrate(self.device, configurations=missing).seconds(missing) / 60

    @checked
    def own(self, name: str) -> pd.DataFrame:
        """The reader's own runs of experiment `name`: what is missing is trained now, the rest taken from the store.

        A table without rows under the profile "recorded".
        """
        if not self.trains:
            return pd.DataFrame(columns=list(COLUMNS))
        return self.train(name, experiment(name).configurations(self.profile))

    def train(self, name: str, configurations: Iterable[RunConfiguration]) -> pd.DataFrame:
        """The runs of `configurations`, trained where the store `name` lacks them, as a table in their order.

        Where another notebook is training the same experiment, this one waits for it and takes its runs.
        """
        self.require_torch()
        if isinstance(configurations, str) or not isinstance(configurations, Iterable):
            raise invalid("configurations", "a list of RunConfiguration", configurations, "use an Experiment")
        wanted = [
            check_instance(f"configurations[{i}]", c, RunConfiguration, remedy="build it with RunConfiguration(...)")
            for i, c in enumerate(configurations)
        ]
        path = self.store_path(name)
        # A runtime that ends in the middle goes on there; what Colab lacks is at worst this.
        kept = path.with_suffix(".checkpoints") if importlib.util.find_spec("safetensors") is not None else None
        with Store(path, wait=_PATIENCE, mirror=self.mirror) as store:
            sweep(wanted, store, device=self.device, rules=rules_hash(), checkpoints=kept)
            frame = store.frame().set_index("identity", drop=False)
        order = list(dict.fromkeys(configuration.identity for configuration in wanted))
        return frame.loc[order].reset_index(drop=True)

    def restore(self) -> tuple[str, ...]:
        """Takes stores that the mirror has and `home` lacks from there; the names of their experiments, in order.

        A store that cannot be read is passed over, and said.
        """
        restored = []
        for copy in sorted(self.mirror.glob("*.db")) if self.mirror is not None else ():
            path = self.store_path(copy.stem)
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            # Beside its place first: a network drive that breaks off leaves no half of a store.
            with tempfile.TemporaryDirectory(dir=path.parent) as beside:
                try:
                    brought = Path(shutil.copyfile(copy, Path(beside) / copy.name))
                    with Store(brought, read_only=True) as store:
                        len(store)
                except (OSError, StoreError) as error:
                    print(f"The copy of {copy.name} in {self.mirror} could not be read and is not used ({error}).")
                    continue
                os.replace(brought, path)
            restored.append(copy.stem)
        return tuple(restored)

    def _missing(self, name: str) -> list[RunConfiguration]:
        if not self.trains:
            return []
        configurations = experiment(name).configurations(self.profile)
        path = self.store_path(name)
        if not path.is_file():
            return list(configurations)
        with Store(path, read_only=True) as store:
            return store.missing(configurations)

    def require_torch(self) -> None:
        """Raises MissingDependency where this profile trains and torch is not installed."""
        if self.trains and not self.device:
            raise MissingDependency(
                f"profile {self.profile!r} trains models and needs torch, which is not installed: "
                f"run `pip install torch safetensors`, or choose profile 'recorded'."
            )


def begin(name: str = "") -> Session:
    """The session of a notebook: says where it runs, on which device, under which profile and about how long, and
    warns where the profile is made for a GPU and there is none."""
    session = Session(profile(name), device(), home(), mirror())
    single_thread(at_once=session.trains)
    pd.set_option("display.max_colwidth", None)  # reasons of verdicts are read to their end
    where = {"colab": "Colab", "ci": "a CI machine", "local": "this machine"}[place()]
    print(
        f"Running on {where}, {device_words(session.device)}, profile {session.profile!r}: {_TAKES[session.profile]}."
    )
    if session.profile in ("colab", "full") and session.device == "cpu":
        change = "choose Runtime > Change runtime type > GPU and run again, or " if place() == "colab" else ""
        print(
            f"Careful: profile {session.profile!r} is made for a GPU, and without one it trains for many hours. "
            f"To go on here, {change}write profile = 'smoke' in the cell above and run it and this one again."
        )
    if session.trains:
        _say_what_is_kept(session)
    return session


def _say_what_is_kept(session: Session) -> None:
    """Where runs outlive this machine, or how they would."""
    if session.mirror is not None:
        restored = session.restore()
        taken = f" Runs of an earlier session were taken from there: {', '.join(restored)}." if restored else ""
        print(f"Your runs are copied to {session.mirror} as they are made.{taken}")
    elif place() == "colab":
        print(
            "Your runs are lost when this runtime ends. To keep them on your Drive, and to go on with them another "
            "day, run `from google.colab import drive; drive.mount('/content/drive')` and then this cell again."
        )
