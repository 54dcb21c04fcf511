"""Every public function is called with bad values for every argument: it works, or it raises ours, naming the argument.

The examples of valid calls stand beside each module's tests (`examples_<module>.py`); a public callable without one
fails the test.
"""

import copy
import importlib
import inspect
import math
import re
import warnings
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scaling_lib.errors import InvalidArgument, ScalingLabError
from tests.public_names import EXEMPT, modules, public_callables, public_methods, public_modules

BAD = {
    "None": None,
    "nan": math.nan,
    "inf": math.inf,
    "0": 0,
    "-1": -1,
    "text": "text",
    "array of strings": np.array(["a", "b"]),
    "array of shape (2, 3, 1)": np.full((2, 3, 1), 0.5),
    "array with nan": np.array([1.0, math.nan, 3.0]),
    "object": object(),
}


def examples():
    for path in sorted(Path(__file__).parent.rglob("examples_*.py")):
        name = ".".join(path.relative_to(Path(__file__).parent.parent).with_suffix("").parts)
        for call, arguments in importlib.import_module(name).EXAMPLES:
            module = call.__module__.removeprefix("scaling_lib.")
            yield pytest.param(call, arguments, id=f"{module}.{call.__qualname__}")


EXAMPLES = list(examples())


@pytest.mark.parametrize("name", list(modules()))
def test_every_public_callable_has_an_example(name):
    module = importlib.import_module(name)
    assert hasattr(module, "__all__"), f"{name} has no __all__"
    shown = {param.values[0] for param in EXAMPLES}
    lacking = [thing.__qualname__ for thing in public_callables(module) if thing not in shown]
    assert not lacking, f"{name}: no example for {', '.join(lacking)}"


@pytest.mark.parametrize("name", list(modules()))
def test_every_public_method_has_an_example_inherited_ones_too(name):
    module = importlib.import_module(name)
    bound = [param.values[0] for param in EXAMPLES if inspect.ismethod(param.values[0])]
    owners = [call.__self__ for call in bound]
    kinds = [owner if inspect.isclass(owner) else type(owner) for owner in owners]
    shown = set(zip(kinds, [call.__name__ for call in bound], strict=True))
    static = {param.values[0] for param in EXAMPLES}
    lacking = [
        f"{kind.__name__}.{method}"
        for kind, method in public_methods(module)
        if (kind, method) not in shown and getattr(kind, method) not in static
    ]
    assert not lacking, f"{name}: no example for {', '.join(lacking)}"


def test_what_a_package_offers_again_has_a_home_that_is_looked_at():
    """A name that is re-exported is tested where it is defined; so that module must be one of those walked here."""
    looked_at = {*modules(), "scaling_lib.errors", "scaling_lib.arguments"}
    lost = [
        f"{module.__name__}.{name}"
        for module in public_modules()
        if not module.__name__.startswith(EXEMPT)
        for name in module.__all__
        if callable(thing := getattr(module, name)) and getattr(thing, "__module__", "").startswith("scaling_lib")
        if thing.__module__ not in looked_at or name not in importlib.import_module(thing.__module__).__all__
    ]
    assert lost == []


@pytest.mark.parametrize(("call", "arguments"), EXAMPLES)
def test_the_example_works(call, arguments):
    call(**fresh(arguments))


def fresh(arguments):
    """The arguments with every generator as the example made it, whatever drew from it since."""
    return {
        name: copy.deepcopy(value) if isinstance(value, np.random.Generator) else value
        for name, value in arguments.items()
    }


@pytest.mark.parametrize(("call", "arguments"), EXAMPLES)
def test_bad_values_work_or_are_refused_by_name(call, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "text" is a fine name for a file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        complaints = [complaint(call, arguments, argument, bad) for bad in BAD for argument in arguments]
    assert [said for said in complaints if said] == []


def complaint(call, arguments, argument, bad):
    """What is wrong with a call whose `argument` is BAD[bad]; "" where it works, or is refused by that name."""
    try:
        result = call(**(fresh(arguments) | {argument: BAD[bad]}))
    except ScalingLabError as error:
        message = str(error)
        named = re.search(rf"\b{argument}\b", message) and "\n" not in message
        return "" if named else f"{argument}={bad}: {message}"
    except Exception as error:
        return f"{call.__qualname__}({argument}={bad}) raised {type(error).__name__}: {error}"
    return f"{call.__qualname__}({argument}={bad}) returned NaN: {result!r}" if _has_nan(result) else ""


def planted(number, ratio=1.0):
    """What `complaint` is tried on: each kind of bad value ends in another way."""
    if number is None:
        raise InvalidArgument("number must be a number, got None")
    if isinstance(number, str):
        raise InvalidArgument("something is wrong")
    if isinstance(number, np.ndarray):
        raise InvalidArgument("number must be one number,\ngot an array")
    return number / ratio


@pytest.mark.parametrize(
    ("bad", "says"),
    [("None", ""), ("-1", ""), ("text", "number=text"), ("array with nan", "number="), ("nan", "returned NaN")],
)
def test_a_bad_value_that_is_not_refused_as_it_should_is_found(bad, says):
    said = complaint(planted, {"number": 1.0}, "number", bad)
    assert says in said
    assert bool(said) == bool(says)
    assert "ZeroDivisionError" in complaint(planted, {"number": 1.0, "ratio": 1.0}, "ratio", "0")


def _has_nan(value, depth=0):
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "f" and bool(np.isnan(value).any())
    if isinstance(value, pd.DataFrame):
        return False  # an empty cell of a table is allowed
    if depth < 3 and isinstance(value, list | tuple):
        return any(_has_nan(item, depth + 1) for item in value)
    if depth < 3 and is_dataclass(value) and not isinstance(value, type):
        return any(_has_nan(getattr(value, field.name), depth + 1) for field in fields(value))
    return False
