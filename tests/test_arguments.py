"""Annotations are checked: each rule calls its check, with its message; an annotation that says no check is refused."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from jaxtyping import Float, Int

from scaling_lib import errors
from scaling_lib.arguments import (
    BY_HAND,
    Choice,
    Count,
    Entries,
    Generator,
    Integer,
    NonNegative,
    Positive,
    Real,
    Remedy,
    Share,
    checked,
    imported,
)
from scaling_lib.errors import InvalidArgument
from scaling_lib.fits.laws import Law

KINDS = ("sp", "mup")

# Annotation, a good value, what the body gets, a bad value, the check of `errors` that says why.
RULES = {
    "float": (float, 1, 1.0, "x", lambda v: errors.check_real("x", v)),
    "positive": (Positive, 2, 2.0, 0, lambda v: errors.check_real("x", v, above=0)),
    "not negative": (NonNegative, 0, 0.0, -1, lambda v: errors.check_real("x", v, minimum=0)),
    "share": (Share, 0.5, 0.5, 1.0, lambda v: errors.check_real("x", v, above=0, below=1)),
    "closed": (Annotated[float, Real(maximum=3)], 3, 3.0, 4, lambda v: errors.check_real("x", v, maximum=3)),
    "finite": (Positive, 1.0, 1.0, math.nan, lambda v: errors.check_real("x", v, above=0)),
    "int": (int, np.int64(-3), -3, 1.0, lambda v: errors.check_integer("x", v)),
    "count": (Count, 1, 1, 0, lambda v: errors.check_integer("x", v, minimum=1)),
    "between": (Annotated[int, Integer(2, 4)], 4, 4, 5, lambda v: errors.check_integer("x", v, minimum=2, maximum=4)),
    "bool": (bool, np.True_, True, 1, lambda v: errors.check_flag("x", v)),
    "str": (str, "a", "a", "", lambda v: errors.check_text("x", v)),
    "plain path": (Path, "a", Path("a"), 1, lambda v: errors.check_path("x", v)),
    "path": (str | Path, "a", Path("a"), "\0", lambda v: errors.check_path("x", v)),
    "literal": (Literal["sp", "mup"], "sp", "sp", "up", lambda v: errors.check_choice("x", v, KINDS)),
    "choice": (Annotated[str, Choice(KINDS)], "mup", "mup", ["sp"], lambda v: errors.check_choice("x", v, KINDS)),
    "generator": (
        Generator,
        np.random.default_rng,
        None,
        0,
        lambda v: errors.check_instance("x", v, np.random.Generator, remedy="pass np.random.default_rng(0)"),
    ),
    "instance": (
        Annotated[dict[str, float], Remedy("make one")],
        {"a": 1.0},
        {"a": 1.0},
        3,
        lambda v: errors.check_instance("x", v, dict, remedy="make one"),
    ),
    "mapping": (
        Annotated[Mapping[str, float], Remedy("pass a dict")],
        {"a": 1.0},
        {"a": 1.0},
        {1: 1.0},
        lambda v: errors.check_mapping("x", v, remedy="pass a dict"),
    ),
    "sequence": (
        Annotated[Sequence[str], Remedy("pass a list")],
        ["a"],
        ("a",),
        ["a", 1],
        lambda v: errors.check_sequence("x", v, str, remedy="pass a list"),
    ),
    "at least two": (
        Annotated[tuple[str, ...], Remedy("pass two", least=2)],
        ["a", "b"],
        ("a", "b"),
        ["a"],
        lambda v: errors.check_sequence("x", v, str, remedy="pass two", minimum=2),
    ),
    "optional": (Positive | None, None, None, 0, lambda v: errors.check_real("x", v, above=0)),
    "optional inside the mark": (
        Annotated[float | None, Real(below=1)],
        None,
        None,
        1,
        lambda v: errors.check_real("x", v, below=1),
    ),
    "optional path": (str | Path | None, None, None, 1, lambda v: errors.check_path("x", v)),
}

ARRAYS = {
    "vector": (Float[np.ndarray, " points"], [[1.0]], {"dimensions": 1}),
    "matrix": (Float[np.ndarray, "points parameters"], [1.0], {"dimensions": 2}),
    "any dimensions": (Annotated[Float[np.ndarray, "*points"] | float, Entries(above=0)], [[1.0, 0.0]], {"above": 0}),
    "integers": (Int[np.ndarray, "walk time"], [[1.5]], {"dimensions": 2, "kind": "integer"}),
    "length": (Annotated[Float[np.ndarray, " n"], Entries(least=2)], [1.0], {"dimensions": 1, "least": 2}),
    "entries": (Annotated[Int[np.ndarray, " n"], Entries(minimum=0)], [-1], {"dimensions": 1, "kind": "integer"}),
}


def message(call: Callable[[], Any]) -> str:
    with pytest.raises(InvalidArgument) as caught:
        call()
    return str(caught.value)


def taking(annotation):
    def function(x):
        return x

    function.__annotations__ = {"x": annotation}
    return checked(function)


@pytest.mark.parametrize("rule", RULES)
def test_rule_passes_what_the_check_returns_and_refuses_in_its_words(rule):
    annotation, good, result, bad, check = RULES[rule]
    function = taking(annotation)
    if rule == "generator":
        good = result = good(0)
    assert function(good) == result
    assert type(function(good)) is type(result)
    assert message(lambda: function(bad)) == message(lambda: check(bad))
    assert message(lambda: function(x=bad)) == message(lambda: check(bad))


@pytest.mark.parametrize("rule", ARRAYS)
def test_array_is_checked_by_its_shape_and_kind(rule):
    annotation, bad, options = ARRAYS[rule]
    if rule == "entries":
        options = options | {"minimum": 0}
    assert message(lambda: taking(annotation)(bad)) == message(lambda: errors.check_array("x", bad, **options))


def test_array_comes_back_as_one():
    assert taking(Float[np.ndarray, " n"])([1, 2]).dtype == np.float64
    assert taking(Int[np.ndarray, " n"])([1, 2]).dtype == np.int64
    assert taking(Annotated[Float[np.ndarray, "*n"] | float, Entries(least=0)])(2.0).shape == ()


@pytest.mark.parametrize(
    "annotation",
    [
        pytest.param(float | str, id="two types"),
        pytest.param(list[int], id="list"),
        pytest.param(np.ndarray, id="array without a shape"),
        pytest.param(Callable[[], int], id="function"),
        pytest.param(dict, id="class without a remedy"),
        pytest.param("float", id="text"),
        pytest.param(Annotated[float, "positive"], id="no mark"),
        pytest.param(Annotated[float, Real(above=0), Real(below=1)], id="two marks"),
    ],
)
def test_unknown_annotation_is_refused_when_the_function_is_defined(annotation):
    with pytest.raises(TypeError, match="function: x has an annotation that says no check"):
        taking(annotation)


def test_argument_without_annotation_is_refused_and_self_is_not():
    with pytest.raises(TypeError, match="x has an annotation that says no check"):
        checked(lambda x: x)

    class Meter:
        @checked
        def at(self, x: Positive) -> float:
            return x

    assert Meter().at(2) == 2.0
    assert "x must be" in message(lambda: Meter().at(-1))


def test_by_hand_and_any_are_left_to_the_body():
    @checked
    def function(x: Annotated[float, BY_HAND], y: Any, **rest: Any):
        return x, y, rest

    assert function("a", None, z=3) == ("a", None, {"z": 3})


def test_names_positions_and_defaults():
    @checked
    def function(x: Positive, y: Count = 0, *, z: Share = 0.5):
        """Documented."""
        return x, y, z

    assert function(1) == (1.0, 0, 0.5)  # a default is the author's: it is not checked
    assert message(lambda: function(1, -1)).startswith("y must be")
    assert message(lambda: function(z=2.0, x=1)).startswith("z must be")
    assert message(lambda: function(z=2.0, x=-1)).startswith("x must be")  # in the order of the signature
    with pytest.raises(TypeError, match="positional"):
        function(1, 2, 3)
    with pytest.raises(TypeError, match="missing"):
        function()
    assert function.__doc__ == "Documented."


@checked
@dataclass(frozen=True)
class Base:
    low: float
    high: Annotated[float, BY_HAND]

    def __post_init__(self):
        assert isinstance(self.low, float)  # the annotations come first
        object.__setattr__(self, "high", errors.check_real("high", self.high, minimum=self.low))


@checked
@dataclass(frozen=True)
class Derived(Base):
    kind: Literal["sp", "mup"] = "sp"
    sizes: Annotated[tuple[int, ...], Remedy("pass sizes")] = (1,)
    notes: Annotated[dict[str, str], Remedy("leave it out")] = field(default_factory=dict)


def test_dataclass_is_checked_before_its_own_checks_and_stays_frozen():
    base = Base(1, 2)
    assert base == Base(1.0, 2.0)
    assert type(base.high) is float
    assert message(lambda: Base("x", 2)).startswith("low must be a finite number, got 'x'")
    assert message(lambda: Base(3, 2)).startswith("high must be a finite number of at least 3.0")
    with pytest.raises(FrozenInstanceError):
        base.low = 2.0


def test_inherited_fields_are_checked_and_replace_checks_too():
    derived = Derived(0, 1, sizes=[1, 2])
    assert derived.sizes == (1, 2)
    assert derived.notes == {}
    assert message(lambda: Derived("x", 1)).startswith("low must be")
    assert message(lambda: replace(derived, kind="up")).startswith("kind must be one of 'sp', 'mup'")
    assert message(lambda: replace(derived, notes=None)).startswith("notes must be a dict")


def test_every_law_is_checked_itself():
    """A subclass has an `__init__` of its own: without @checked its fields would go unchecked."""

    def below(kind):
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    ours = [law for law in below(Law) if law.__module__.startswith("scaling_lib")]
    assert len(ours) > 5
    assert not [law.__name__ for law in ours if not hasattr(law.__init__, "__wrapped__")]


def test_an_import_path_gives_what_it_names():
    assert imported("source", "math:sqrt") is math.sqrt
    assert imported("source", "scaling_lib.errors:InvalidArgument") is InvalidArgument


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("math", "pass 'package.module:name'"),
        ("math:", "pass 'package.module:name'"),
        (":sqrt", "pass 'package.module:name'"),
        ("math:sqrt:more", "pass 'package.module:name'"),
        (".math:sqrt", "pass 'package.module:name'"),
        ("ma th:sqrt", "pass 'package.module:name'"),
        ("", "pass 'package.module:name'"),
        (None, "pass 'package.module:name'"),
        (3, "pass 'package.module:name'"),
        ("no_such_package.module:name", r"\(ModuleNotFoundError: No module named 'no_such_package'\)"),
        ("math:no_such_name", "math has no no_such_name"),
    ],
)
def test_an_import_path_that_names_nothing_is_refused_in_one_line(text, reason):
    said = message(lambda: imported("source", text))
    assert re.match(rf"^source must be an import path, got .*{reason}.*\.$", said)  # "." is no newline


@pytest.mark.parametrize("body", ["raise RuntimeError('two\\nlines')", "def f(:", "import absent_package"])
def test_a_module_that_raises_while_it_is_imported_is_named(body, tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    said = message(lambda: imported("source", "broken_module:name"))
    assert "broken_module could not be imported" in said
    assert "\n" not in said
