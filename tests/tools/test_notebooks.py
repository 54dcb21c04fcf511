"""Which chapters `make notebooks` executes."""

import sys

import pytest

from tools import notebooks


def test_a_chapter_that_is_not_there_is_named_before_anything_is_executed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["notebooks", "00-the-thread", "08-the-end"])
    monkeypatch.setattr(notebooks, "execute", lambda *arguments, **options: pytest.fail("executed"))
    with pytest.raises(SystemExit):
        notebooks.main()
    assert "there is no chapter 08-the-end; there are 00-the-thread" in capsys.readouterr().err


def test_only_the_named_chapters_are_executed_and_no_other_notebook_is_lost(monkeypatch, tmp_path):
    kept, made = tmp_path / "01-graph-walks-entropy.ipynb", tmp_path / "new" / "00-the-thread.ipynb"
    stale = tmp_path / "of-a-chapter-that-is-gone.ipynb"
    made.parent.mkdir()
    for path in (kept, made, stale):
        path.write_text(path.stem)
    asked = []

    def execute(folder, profile, *, inject, only):
        asked.extend(only)
        return [made]

    monkeypatch.setattr(sys, "argv", ["notebooks", "00-the-thread"])
    monkeypatch.setattr(notebooks, "execute", execute)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    notebooks.main()
    assert asked == ["00-the-thread"]
    assert kept.exists()
    assert not stale.exists()
    assert (tmp_path / made.name).read_text() == "00-the-thread"
