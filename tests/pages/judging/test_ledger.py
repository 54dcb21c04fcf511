"""The ledger's files: read in a stated order, malformed ones refused, and every published number typed in one place."""

import ast
import csv
import json
import re
import tomllib
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest

import scaling_lib
from scaling_lib.errors import InvalidArgument, InvalidData
from scaling_lib.fits.laws.published import published_law
from scaling_lib.pages.judging import captions, changes, forecasts, ledger
from scaling_lib.pages.judging.ledger import Claim
from tests.pages.planted import CLAIM

LIBRARY = Path(scaling_lib.__file__).parent
FOLDER = Path(ledger.__file__).parent / "sources"
LAWS = LIBRARY / "fits" / "laws" / "published_laws.toml"


def row(**changed):
    """CLAIM as TOML, with other values."""
    fields = {name: getattr(CLAIM, name) for name in Claim.__dataclass_fields__ if getattr(CLAIM, name) is not None}
    lines = [f"{name} = {changed.get(name, json.dumps(value))}" for name, value in fields.items()]
    return "[[claims]]\n" + "\n".join(lines) + "\n"


@pytest.fixture
def one_file(monkeypatch):
    """A ledger of one file, whose text is given."""

    def plant(text):
        monkeypatch.setattr(ledger, "SOURCES", ("planted",))
        monkeypatch.setattr(ledger, "_page_file", lambda name: text)
        ledger.ledger.cache_clear()
        return ledger.ledger

    yield plant
    monkeypatch.undo()
    ledger.ledger.cache_clear()


def test_every_file_is_read_in_the_stated_order():
    assert sorted(ledger.SOURCES) == sorted(path.stem for path in FOLDER.glob("*"))
    ids = [
        fields["id"]
        for name in ledger.SOURCES
        for fields in tomllib.loads((FOLDER / f"{name}.toml").read_text())["claims"]
    ]
    assert [claim.id for claim in ledger.ledger()] == ids


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[claims]]\nid = "a"', r"planted\.toml has a malformed row \(.*missing"),
        (row() + row(), r"an id twice \(planted\)"),
        (row(published='{ claim = "no.such" }'), r"planted\.toml .*published must be a number.*no\.such"),
        (row(published='{ law = "no-such", parameter = "A" }'), r"planted\.toml .*no-such"),
        (row(published='{ law = "hoffmann", parameter = "no-such" }'), r"planted\.toml .*no-such"),
        (row(published='{ law = "hoffmann", parameter = "A", factor = 2 }'), r"planted\.toml .*published must be"),
        ("[[claim]]\n", r"planted\.toml has \['claim'\]"),
    ],
)
def test_a_malformed_ledger_is_refused(one_file, text, said):
    with pytest.raises(InvalidData, match=said):
        one_file(text)()


def test_a_published_number_may_refer_to_its_home(one_file):
    other = row(id='"other"', published='{ claim = "planted" }')
    law = row(id='"law"', published='{ law = "besiroglu-huber", parameter = "A", decimals = 1 }')
    first, second, third = one_file(row() + other + law)()
    assert second.published == first.published == CLAIM.published
    assert third.published == round(published_law("besiroglu-huber").parameters["A"], 1)


@pytest.mark.parametrize("identifier", ["no.such", "ladder.beta_flat"])
def test_only_a_number_is_a_published_number(identifier):
    with pytest.raises(InvalidArgument, match=identifier):
        ledger.published_number(identifier)


def test_the_captions_of_the_paper():
    table = captions.published_exponents()
    assert len(table) == 13
    assert table["figure"].is_unique
    assert table.notna().all().all()
    assert set(table.dtypes[3:-1].astype(str)) == {"float64"}
    assert (captions.caption_ratios("d") >= 50).sum() == 5
    assert (table["alpha"] >= table["beta"]).sum() == 10


# ---------------------------------------------------------------------- one home for a published number


@dataclass(frozen=True)
class Typed:
    """A published number where it is typed. context: whose it is and what it is called; places: figures, sections and
    tables of the source, empty where the file does not say."""

    home: str
    identifier: str
    context: tuple[str, str]
    places: frozenset[str]
    value: float


def author(source):
    """The first surname in the words of a source."""
    if "the paper" in source or "2601.10684" in source:
        return "Barkeshli"
    named = re.search(r"([A-Z]\w+) (?:et al|and )", source)
    return named[1] if named else source


def places(text):
    return frozenset(re.findall(r"\b(?:\d[\d.]*|[A-D](?:\.\d+)?)\b", re.sub(r"arXiv \S+|\b(19|20)\d\d\b", "", text)))


def of_ledger(text, home):
    for fields in tomllib.loads(text)["claims"]:
        if isinstance(fields["published"], float | int):
            called = fields["id"].removesuffix(".wide").rpartition(".")[2]
            context = (author(fields.get("source", "the paper")), called)
            yield Typed(home, fields["id"], context, places(fields["place"]), float(fields["published"]))


def of_laws(text, home):
    for law in tomllib.loads(text)["law"]:
        for name, value in law["parameters"].items():
            yield Typed(home, f"{law['name']}.{name}", (author(law["source"]), name), frozenset(), float(value))


def of_csv(text, home):
    """Tables of published numbers say their source line by line; tables of runs do not, and are data."""
    for index, line in enumerate(csv.DictReader(text.splitlines())):
        for name, value in line.items():
            if "source" in line and re.fullmatch(r"[-\d.e]+", value):
                context = (author(line["source"]), name)
                yield Typed(home, f"line {index}.{name}", context, places(line["source"]), float(value))


def doubles(numbers):
    """Pairs that are one number: the same id, or whose, called what, the value, and a place that both name or one
    leaves out."""
    pairs = []
    for one, other in combinations(numbers, 2):
        same = one.context == other.context and one.value == other.value
        if one.identifier == other.identifier or (
            same and (one.places & other.places or not one.places or not other.places)
        ):
            pairs.append((f"{one.home}: {one.identifier}", f"{other.home}: {other.identifier}"))
    return pairs


def typed_in_the_library():
    for path in sorted(FOLDER.glob("*.toml")):
        yield from of_ledger(path.read_text(), path.name)
    yield from of_laws(LAWS.read_text(), LAWS.name)
    for path in sorted(LIBRARY.rglob("*.csv")):
        yield from of_csv(path.read_text(), path.name)


def test_no_published_number_is_typed_twice():
    assert doubles(typed_in_the_library()) == []


@pytest.mark.parametrize(
    "planted",
    [
        of_ledger(row(id='"er-8k-k0.alpha"', published="7.0"), "planted"),
        of_ledger(row(id='"fits.offset_factor.wide"', published="2.0", place='"Sec 2.1"'), "planted"),
        of_laws('[[law]]\nname = "x"\nsource = "Besiroglu et al. 2024"\nparameters = { E = 1.81686 }\n', "planted"),
        of_csv("figure,alpha,source\n1,1.028,arXiv 2601.10684v1; caption of figure 1\n", "planted"),
    ],
    ids=["same id", "same context", "law", "csv"],
)
def test_a_planted_double_is_found(planted):
    twice = doubles([*typed_in_the_library(), *planted])
    assert len(twice) == 1
    assert "planted" in twice[0][1]


def literals(text):
    """Floats of three digits and more in Python source, with their lines."""
    for node in ast.walk(ast.parse(text)):
        digits = f"{node.value:.12g}" if isinstance(node, ast.Constant) and isinstance(node.value, float) else ""
        if len(digits.split("e")[0].strip("0").replace(".", "").strip("0")) >= 3:
            yield node.lineno, node.value


def copies(text):
    published = {claim.published for claim in ledger.ledger()}
    return [(line, value) for line, value in literals(text) if value in published]


def test_no_published_number_is_typed_in_the_code_of_the_pages():
    paths = [*(LIBRARY / "pages").rglob("*.py"), *(LIBRARY.parent / "tools").rglob("*.py")]
    assert {path.name: copies(path.read_text()) for path in paths if copies(path.read_text())} == {}
    assert copies("x = 1.0\ny = f(0.3473, 1.96)") == [(2, 0.3473)]


# ---------------------------------------------------------------------- history of the rules, and of the rows


def test_every_state_of_the_rules_has_its_day():
    days = ledger.rules_entered()
    assert set(days) == set(ledger.rules_history())
    assert list(days.values()) == sorted(days.values())
    assert ledger.freeze("2099-01-01") == {
        name: {"entered": days[name], "rules": list(rules)} for name, rules in ledger.rules_history().items()
    }
    for wrong in ("yesterday", "", "2026-13-01"):
        with pytest.raises(InvalidArgument, match="today must be"):
            ledger.freeze(wrong)


def test_every_change_names_a_row_of_the_ledger_or_one_that_is_gone():
    ids = {claim.id for claim in ledger.ledger()}
    listed = changes.ledger_changes()
    assert [change.date for change in listed] == sorted((change.date for change in listed), reverse=True)
    assert len({(change.date, change.row) for change in listed}) == len(listed)
    for change in listed:
        if change.row != changes.EVERY_ROW:
            assert (change.row in ids) is (change.now == "mended"), change.row


@pytest.mark.parametrize("text", ["[[changes]]\nrow = 1", "nothing = 1", '[[changes]]\ndate = "today"'])
def test_malformed_changes_are_refused(monkeypatch, text):
    class Folder:
        def __truediv__(self, name):
            return self

        def read_text(self, encoding):
            return text

    monkeypatch.setattr(changes.resources, "files", lambda package: Folder())
    with pytest.raises(InvalidData, match=r"changes\.toml is malformed"):
        changes.ledger_changes.__wrapped__()


def test_the_scope_of_a_forecast_holds_its_number():
    for claim in ledger.ledger():
        if claim.id.startswith("forecast."):
            forecast = forecasts.registered()[claim.id.removeprefix("forecast.")]
            assert f": {forecast.value:g} nats" in claim.scope
