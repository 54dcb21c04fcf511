"""A file is there whole, or as it was."""

import os

import pytest

from scaling_lib.files import write_whole


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "file"
    (tmp_path / "file.part").write_bytes(b"left by a killed process, and longer than what follows")
    for contents in (b"first", b"2nd"):
        assert write_whole(path, lambda file, contents=contents: file.write(contents)) == path
        assert path.read_bytes() == contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, where):
    path = write_whole(tmp_path / "file", lambda file: file.write(b"old"))

    def fail(*_):
        raise OSError(28, "No space left on device")

    if where != "write":
        monkeypatch.setattr(os, where, fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, fail if where == "write" else lambda file: file.write(b"new"))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
