"""Files that are there whole or not at all."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO

from scaling_lib.arguments import BY_HAND, checked
from scaling_lib.errors import invalid

__all__ = ["write_whole"]


@checked
def write_whole(path: str | Path, write: Annotated[Callable[[BinaryIO], object], BY_HAND]) -> Path:
    """Write a file beside its place, make sure that it is on the disk, and rename it; returns its path.

    write: called with the open file. A kill or a power cut at any moment leaves the old file or the new one, and what a
    killed process left beside it is written over. One process at a time writes a path.
    Raises InvalidArgument; what `write` raises, and OSError where the disk or the folder does not do, after which the
    old file is as it was and nothing is left beside it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "three", lambda file: file.write(b"abc")).read_bytes()
    b'abc'
    """
    if not callable(write):
        raise invalid("write", "a function of an open file", write, "pass lambda file: file.write(data)")
    target = Path(path)
    temporary = target.with_name(f"{target.name}.part")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return target
