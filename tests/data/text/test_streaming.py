"""FineWeb-edu through a stand-in for `datasets`: shards are whole, and an interrupted reading goes on."""

import sys
from types import SimpleNamespace

import pytest

from scaling_lib.data.text.streaming import fineweb_documents
from scaling_lib.errors import InvalidArgument, InvalidData, MissingDependency

TEXTS = [f"Page {number}, of a few words.\n" for number in range(50)]


class Stand:
    """A data set that breaks off after so many documents; counts those that it hands out."""

    def __init__(self, ends=10**9, breaks=10**9):
        self.ends, self.breaks, self.read = ends, breaks, []

    def load_dataset(self, path, **options):
        assert (path, options["streaming"], options["name"]) == ("HuggingFaceFW/fineweb-edu", True, "sample-10BT")
        return SimpleNamespace(skip=self._from)

    def _from(self, first):
        for number in range(first, min(self.ends, len(TEXTS))):
            if number == self.breaks:
                raise ConnectionError("the line is dead")
            self.read.append(number)
            yield {"text": TEXTS[number]}


@pytest.fixture
def datasets(monkeypatch):
    def install(**options):
        monkeypatch.setitem(sys.modules, "datasets", stand := Stand(**options))
        return stand

    return install


def test_an_interrupted_reading_goes_on_where_it_stopped(datasets, tmp_path):
    datasets(breaks=23)
    with pytest.raises(InvalidData, match=r"filled with 20 documents .*the line is dead.*call again to go on"):
        fineweb_documents(40, tmp_path, shard=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000000.jsonl", "000000010.jsonl"]
    second = datasets()
    documents = fineweb_documents(37, tmp_path, shard=10)
    assert second.read == list(range(20, 40))
    assert documents.texts == tuple(TEXTS[:37])
    assert "ODC-By" in documents.licence
    third = datasets()
    assert fineweb_documents(15, tmp_path, shard=10).texts == tuple(TEXTS[:15])
    assert third.read == []


def test_what_cannot_be_used_is_refused(datasets, tmp_path, monkeypatch):
    datasets()
    fineweb_documents(20, tmp_path, shard=10)
    (tmp_path / "000000010.jsonl").write_text('{"text": "torn')
    with pytest.raises(InvalidData, match=r"folder must hold whole shards, got '000000010\.jsonl'"):
        fineweb_documents(20, tmp_path, shard=10)
    with pytest.raises(InvalidArgument, match="shard must be the size of the shards in folder, got 7"):
        fineweb_documents(20, tmp_path, shard=7)
    datasets(ends=30)
    with pytest.raises(InvalidData, match="the data set ends after 30"):
        fineweb_documents(40, tmp_path / "other", shard=20)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingDependency, match="lacks documents of FineWeb-edu"):
        fineweb_documents(20, tmp_path / "third", shard=20)
