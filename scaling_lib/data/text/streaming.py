"""FineWeb-edu, the paper's text, read over the network through the package `datasets` and kept in whole shards.

Documents are read in the order of the data set and written a shard at a time: a file of JSON lines whose name is the
number of its first document, written beside its place and renamed. The shards that are there say where to go on, so
that nothing depends on the state of an iterator that was interrupted: documents before that place are passed over by
their number. The licence is that of the data set, ODC-By 1.0.
"""

import itertools
import json
from pathlib import Path
from typing import Annotated, Any

from tqdm import tqdm

from scaling_lib.arguments import Count, Integer, checked
from scaling_lib.data.text.documents import Documents
from scaling_lib.errors import InvalidData, MissingDependency, invalid
from scaling_lib.files import write_whole

__all__ = ["FINEWEB", "fineweb_documents"]

FINEWEB = "HuggingFaceFW/fineweb-edu"
_SAMPLE = "sample-10BT"
_LICENCE = "ODC-By 1.0 (FineWeb-edu); the pages are their authors'"


@checked
def fineweb_documents(
    count: Count, folder: str | Path, shard: Annotated[int, Integer(minimum=1, maximum=100_000)] = 1000
) -> Documents:
    """The first documents of the ten-billion-token sample of FineWeb-edu; only what `folder` lacks is read.

    folder: of the shards, made where it is not there. shard: documents of one.
    Raises MissingDependency where `datasets` is not installed and shards are lacking; InvalidData where the network or
    the data set gives out before that many documents (the shards that are whole stay, and a second call goes on), or
    where a shard is torn; InvalidArgument where the folder has shards of another size, or cannot be written.
    """
    place = Path(folder)
    firsts = range(0, count, shard)
    if any(not _fits(file.stem, shard) for file in place.glob("*.jsonl")):
        raise invalid("shard", "the size of the shards in folder", shard, f"take another folder than {place.name}")
    lacking = [first for first in firsts if not _shard(place, first).is_file()]
    if lacking:
        _read_shards(place, lacking[0], firsts[-1], shard)
    texts: list[str] = []
    for first in firsts:
        file = _shard(place, first)
        try:
            part = [str(json.loads(line)["text"]) for line in file.read_text(encoding="utf-8").splitlines()]
            if len(part) != shard:
                raise ValueError(f"{len(part)} documents in place of {shard}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidData(
                f"folder must hold whole shards, got {file.name!r} ({' '.join(str(error).split())}): remove that file, "
                f"and call again."
            ) from None
        texts += part
    return Documents(f"fineweb-edu, {count} documents", _LICENCE, texts[:count])


def _shard(folder: Path, first: int) -> Path:
    return folder / f"{first:09}.jsonl"


def _fits(stem: str, shard: int) -> bool:
    return stem.isdigit() and int(stem) % shard == 0


def _read_shards(folder: Path, first: int, last: int, shard: int) -> None:
    """Read the shards from `first` to `last` that are not there."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingDependency(
            "FineWeb-edu needs the package datasets: run `pip install 'scaling-lab[fineweb]'`, or use a text of yours."
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        wanted = f"a folder that can be written ({error.strerror})"
        raise invalid("folder", wanted, str(folder), "pass another") from None
    at = first
    try:
        stream: Any = datasets.load_dataset(FINEWEB, name=_SAMPLE, split="train", streaming=True)
        documents = iter(stream.skip(first))
        for at in tqdm(range(first, last + 1, shard), desc="reading FineWeb-edu", unit="shard"):
            part = list(itertools.islice(documents, shard))
            if len(part) < shard:
                raise EOFError(f"the data set ends after {at + len(part)}")
            lines = "".join(json.dumps({"text": document["text"]}) + "\n" for document in part).encode()
            write_whole(_shard(folder, at), lambda file, lines=lines: file.write(lines))  # type: ignore[misc]
    except Exception as error:  # whatever the network or the package raises
        raise InvalidData(
            f"folder could be filled with {at} documents of FineWeb-edu only, in {folder.name!r} "
            f"({' '.join(str(error).split())[:120]}): they are kept, call again to go on."
        ) from error
