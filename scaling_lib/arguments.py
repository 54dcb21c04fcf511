"""Arguments checked by their annotations: a decorator that reads them and calls the checks of `errors`.

An annotation that is checked says two things: the type, which mypy reads, and a mark, which `checked` reads.

    float, int, bool, str, [str |] Path    check_real, check_integer, check_flag, check_text, check_path
    Literal["sp", "mup"]                   check_choice
    Annotated[float, Real(above=0)]        check_real with bounds; Integer and Choice likewise
    Float[np.ndarray, "points"]            check_array of floats, of as many dimensions as names; Int: of integers
    Annotated[Int[...], Entries(least=2)]  check_array, with bounds on the entries or on the length
    Annotated[Chain, Remedy("build one")]  check_instance; check_sequence of a Sequence or tuple; check_mapping
    Annotated[X, BY_HAND], Any             not checked here: the bounds depend on another argument, or on what is inside
    X | None                               None passes, anything else is checked as X

Every message is that of the check. Relations between arguments stay in the body, as `raise invalid(...)`. An annotation
that none of these lines describes is refused when the function is defined: no argument goes unchecked by accident.

>>> @checked
... def halved(width: Count) -> float:
...     return width / 2
>>> halved(0)
Traceback (most recent call last):
    ...
scaling_lib.errors.InvalidArgument: width must be an integer of at least 1, got 0: pass a larger one.
"""

import functools
import importlib
import inspect
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import jaxtyping
import numpy as np

from scaling_lib import errors

__all__ = [
    "APART",
    "BY_HAND",
    "LATER",
    "Choice",
    "Count",
    "Entries",
    "Generator",
    "Integer",
    "NonNegative",
    "Positive",
    "Real",
    "Remedy",
    "Share",
    "checked",
    "imported",
    "plain_fields",
]

# The metadata of a field that a configuration was given after the first stored run. Its default means what was done
# before the field existed; at that default it is left out of the run's canonical JSON, so that earlier identities stay.
LATER: Mapping[str, bool] = MappingProxyType({"later": True})
# The metadata of a field that is kept beside what it belongs to, not in it, and so is never part of its text.
APART: Mapping[str, bool] = MappingProxyType({"apart": True})

Check = Callable[[str, Any], Any]  # (name of the argument, its value) -> the value in its type, or InvalidArgument
T = TypeVar("T")


# Marks are compared by identity: `Annotated` keeps one object for equal marks, and 0 == 0.0 would show the wrong bound.


@dataclass(frozen=True, eq=False)
class ByHand:
    """The mark of an argument that the body checks; use `BY_HAND`."""

    def check(self, kind: Any) -> None:
        """The check that an argument annotated with `kind` and this mark gets."""
        return None


@dataclass(frozen=True, eq=False)
class Real:
    """A finite number. minimum, maximum: closed bounds; above, below: open ones."""

    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None

    def check(self, kind: Any) -> Check:
        """The check that an argument annotated with `kind` and this mark gets."""
        return functools.partial(
            errors.check_real, minimum=self.minimum, maximum=self.maximum, above=self.above, below=self.below
        )


@dataclass(frozen=True, eq=False)
class Integer:
    """An integer in [minimum, maximum]."""

    minimum: int | None = None
    maximum: int | None = None

    def check(self, kind: Any) -> Check:
        """The check that an argument annotated with `kind` and this mark gets."""
        return functools.partial(errors.check_integer, minimum=self.minimum, maximum=self.maximum)


@dataclass(frozen=True, eq=False)
class Choice:
    """One of `choices`, where a constant holds them; a `Literal` needs no mark."""

    choices: Collection[Any]

    def check(self, kind: Any) -> Check:
        """The check that an argument annotated with `kind` and this mark gets."""
        return functools.partial(errors.check_choice, choices=self.choices)


@dataclass(frozen=True, eq=False)
class Entries:
    """Bounds on every entry of an array (minimum: closed, above: open), and the least length of its first axis."""

    minimum: float | None = None
    above: float | None = None
    least: int = 1

    def check(self, kind: Any) -> Check:
        """The check that an argument annotated with `kind` and this mark gets."""
        array = next(one for one in (kind, *get_args(kind)) if _is_array(one))
        return functools.partial(
            errors.check_array,
            # "*points" stands for any number of dimensions.
            dimensions=len(array.dims) if array.index_variadic is None else None,
            kind="integer" if array.dtype is jaxtyping.Int else "float",
            minimum=self.minimum,
            above=self.above,
            least=self.least,
        )


@dataclass(frozen=True, eq=False)
class Remedy:
    """How to make the object that is wanted; of a sequence, the least number of its items."""

    remedy: str
    least: int = 1

    def check(self, kind: Any) -> Check:
        """The check that an argument annotated with `kind` and this mark gets."""
        origin = get_origin(kind) or kind
        if origin is Mapping:
            return functools.partial(errors.check_mapping, remedy=self.remedy)
        if origin in (Sequence, tuple):
            item = get_args(kind)[0]
            return functools.partial(errors.check_sequence, kind=item, remedy=self.remedy, minimum=self.least)
        return functools.partial(errors.check_instance, kind=origin, remedy=self.remedy)


BY_HAND = ByHand()
Positive = Annotated[float, Real(above=0)]
NonNegative = Annotated[float, Real(minimum=0)]
Share = Annotated[float, Real(above=0, below=1)]
Count = Annotated[int, Integer(minimum=1)]
Generator = Annotated[np.random.Generator, Remedy("pass np.random.default_rng(0)")]

_MARKS = (ByHand, Real, Integer, Choice, Entries, Remedy)
_PLAIN: dict[Any, Check] = {
    float: errors.check_real,
    int: errors.check_integer,
    bool: errors.check_flag,
    str: errors.check_text,
    Path: errors.check_path,
}


def checked(thing: T) -> T:
    """`thing`, a function or a dataclass, whose arguments are checked by their annotations before its body runs.

    The body gets what the checks return: an int as a float where a float is wanted, a list as an array. Of a dataclass
    it is `__init__` that is wrapped, so that `__post_init__` and the fields see checked values; write `@checked` above
    `@dataclass`, and again on each subclass, whose `__init__` is its own. Defaults are not checked.

    Raises TypeError, when the function is defined, for an annotation that says no check.
    """
    if isinstance(thing, type):
        thing.__init__ = _with_checks(thing.__init__)  # type: ignore[misc]
        return thing
    return _with_checks(thing)  # type: ignore[arg-type, return-value]


def _with_checks(function: Callable[..., Any]) -> Callable[..., Any]:
    parameters = inspect.signature(function).parameters
    places = [name for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    checks: dict[str, Check] = {}
    for name, parameter in parameters.items():
        if name in ("self", "cls") and parameter.annotation is parameter.empty:
            continue
        try:
            check = _check_of(parameter.annotation)
        except TypeError as error:
            raise TypeError(f"{function.__qualname__}: {name} has an annotation that says no check: {error}") from None
        if check is not None:
            checks[name] = check

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if len(args) <= len(places):  # otherwise it is Python that refuses the call
            named = zip(places, args, strict=False)
            args = tuple(checks[name](name, value) if name in checks else value for name, value in named)
        for name in checks:
            if name in kwargs:
                kwargs[name] = checks[name](name, kwargs[name])
        return function(*args, **kwargs)

    return wrapped


def imported(name: str, text: str) -> Any:
    """What an import path names: "package.module:attribute", an object that need not be part of this library.

    name: of the argument that holds the path, for the messages. The module is imported as `import` would: it must lie
    in an installed package or on Python's path (the folder in which Python was started is one).

    Raises InvalidArgument where the text is no such path, where the module cannot be imported, whatever it raises, and
    where it has no such attribute.

    >>> imported("mlp", "math:sqrt")(9.0)
    3.0
    """
    remedy = "pass 'package.module:name'"
    module_name, colon, attribute = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not colon or not all(part.isidentifier() for part in [*module_name.split("."), attribute]):
        raise errors.invalid(name, "an import path", text, remedy)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module is somebody else's and may raise anything while it is imported
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        remedy = f"{module_name} could not be imported, install it or start Python in its folder ({reason})"
        raise errors.invalid(name, "an import path", text, remedy) from error
    if not hasattr(module, attribute):
        raise errors.invalid(name, "an import path", text, f"{module_name} has no {attribute}, correct the name")
    return getattr(module, attribute)


def _check_of(hint: Any) -> Check | None:
    """The check that an annotation asks for; None where the body checks. Raises TypeError for any other annotation."""
    if hint is Any:
        return None
    if get_origin(hint) is Annotated:
        kind, *metadata = get_args(hint)
        marks = [mark for mark in metadata if isinstance(mark, _MARKS)]
        if len(marks) != 1:
            raise TypeError(f"{hint} needs one mark, such as Real(above=0) or BY_HAND")
        return _or_none(kind, marks[0].check(_without_none(kind)))
    if get_origin(hint) is Literal:
        return functools.partial(errors.check_choice, choices=get_args(hint))
    if _is_union(hint):
        kind = _without_none(hint)
        if {str, Path} == set(get_args(kind)):
            return _or_none(hint, errors.check_path)
        if not _is_union(kind):
            return _or_none(hint, _check_of(kind))
    elif _is_array(hint):
        return Entries().check(hint)
    elif hint in _PLAIN:
        return _PLAIN[hint]
    raise TypeError(f"{hint!r} is none of those listed in scaling_lib.arguments")


def _or_none(hint: Any, check: Check | None) -> Check | None:
    """The check, which lets None pass where the annotation does."""
    if check is None or not _is_union(hint) or types.NoneType not in get_args(hint):
        return check
    return lambda name, value: None if value is None else check(name, value)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _without_none(hint: Any) -> Any:
    """The other members of X | None: X itself where there is one, a union where there are several."""
    if not _is_union(hint):
        return hint
    return Union[tuple(member for member in get_args(hint) if member is not types.NoneType)]  # noqa: UP007


def _is_array(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray)


def plain_fields(value: Any) -> Any:
    """A dataclass as nested dicts, without fields marked APART, or marked LATER and at their default; else the value.

    >>> from dataclasses import field
    >>> @dataclass
    ... class Shape:
    ...     width: int
    ...     norm: str = field(default="layernorm", metadata=LATER)
    >>> plain_fields(Shape(8)), plain_fields(Shape(8, "rmsnorm"))
    ({'width': 8}, {'width': 8, 'norm': 'rmsnorm'})
    """
    if not is_dataclass(value):
        return value
    return {
        part.name: plain_fields(getattr(value, part.name))
        for part in fields(value)
        if not part.metadata.get("apart")
        and not (part.metadata.get("later") and getattr(value, part.name) == part.default)
    }
