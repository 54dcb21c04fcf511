"""Every public function is called with bad values for every argument: it works, or it raises ours, naming the argument.

The examples of valid calls stand beside each module's tests (`examples_<module>.py`); a public callable without one
fails the test.
"""

import importlib
import inspect
import math
import pkgutil
import re
import warnings
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scaling_lib
from scaling_lib.errors import ScalingLabError

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

# What takes no outside values: the checks themselves (tests/test_errors.py, tests/test_arguments.py), the command line
# (tests/test_cli.py), and the numerics, whose callers have checked everything before.
EXEMPT = (
    "scaling_lib.errors",
    "scaling_lib.arguments",
    "scaling_lib.cli",
    "scaling_lib.data._kernels",
    "scaling_lib.fits.solver",
    "scaling_lib.fits.surfaces.networks",
)


def modules():
    for found in pkgutil.walk_packages(scaling_lib.__path__, "scaling_lib."):
        if not f"{found.name}.".startswith(tuple(f"{exempt}." for exempt in EXEMPT)) and not found.ispkg:
            yield found.name


def examples():
    for path in sorted(Path(__file__).parent.rglob("examples_*.py")):
        name = ".".join(path.relative_to(Path(__file__).parent.parent).with_suffix("").parts)
        for call, arguments in importlib.import_module(name).EXAMPLES:
            module = call.__module__.removeprefix("scaling_lib.")
            yield pytest.param(call, arguments, id=f"{module}.{call.__qualname__}")


def public_callables(module):
    for name in getattr(module, "__all__", ()):
        if name.startswith("check_"):  # a check refuses under the name that it is given
            continue
        thing = getattr(module, name)
        if callable(thing) and getattr(thing, "__module__", None) == module.__name__:
            if inspect.isclass(thing) and (issubclass(thing, Exception) or not _parameters(thing)):
                continue
            if _parameters(thing):
                yield thing


def _parameters(thing):
    try:
        return inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return {}


@pytest.mark.parametrize("name", list(modules()))
def test_every_public_callable_has_an_example(name):
    module = importlib.import_module(name)
    assert hasattr(module, "__all__"), f"{name} has no __all__"
    shown = {param.values[0] for param in examples()}
    lacking = [thing.__qualname__ for thing in public_callables(module) if thing not in shown]
    assert not lacking, f"{name}: no example for {', '.join(lacking)}"


@pytest.mark.parametrize(("call", "arguments"), list(examples()))
def test_the_example_works(call, arguments):
    call(**arguments)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("call", "arguments"), list(examples()))
def test_bad_value_works_or_is_refused_by_name(call, arguments, bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # "text" is a fine name for a file
    for argument in arguments:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = call(**(arguments | {argument: BAD[bad]}))
            except ScalingLabError as error:
                message = str(error)
                assert re.search(rf"\b{argument}\b", message), f"{argument}={bad}: {message}"
                assert "\n" not in message, f"{argument}={bad}: {message}"
                continue
            except Exception as error:  # pragma: no cover - the failure this test is for
                pytest.fail(f"{call.__qualname__}({argument}={bad}) raised {type(error).__name__}: {error}")
        assert not _has_nan(result), f"{call.__qualname__}({argument}={bad}) returned NaN: {result!r}"


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
        return any(_has_nan(getattr(value, each.name), depth + 1) for each in fields(value))
    return False
