"""What the library offers: its public modules, their functions and classes, and the methods of these."""

import importlib
import inspect
import pkgutil

import scaling_lib

# What takes no outside values: the checks themselves (tests/test_errors.py), the command line (tests/test_cli.py), and
# the solver, whose callers have checked everything before.
EXEMPT = ("scaling_lib.errors", "scaling_lib.arguments", "scaling_lib.cli", "scaling_lib.fits.solver")
# What a law tells the solver, whose columns are checked: not for callers.
SOLVER_FACING = {"candidates", "frame", "limits", "terms"}


def modules():
    for info in pkgutil.walk_packages(scaling_lib.__path__, "scaling_lib."):
        inside = f"{info.name}."
        if not info.ispkg and "._" not in inside and not inside.startswith(tuple(f"{exempt}." for exempt in EXEMPT)):
            yield info.name


def public_modules():
    """Every module and package with public names."""
    for info in pkgutil.walk_packages(scaling_lib.__path__, "scaling_lib."):
        module = importlib.import_module(info.name)
        if "._" not in info.name and hasattr(module, "__all__"):
            yield module


def public_callables(module):
    for name in getattr(module, "__all__", ()):
        if name.startswith(("check_", "checked_")):  # a check refuses under the name that it is given
            continue
        thing = getattr(module, name)
        if callable(thing) and getattr(thing, "__module__", None) == module.__name__:
            if inspect.isclass(thing) and (issubclass(thing, Exception) or is_abstract(thing)):
                continue
            if _parameters(thing):
                yield thing


def is_abstract(kind):
    """A base class, or a protocol: nobody can make one."""
    return inspect.isabstract(kind) or getattr(kind, "_is_protocol", False)


def _parameters(thing):
    try:
        return inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return {}


def public_methods(module):
    """(class, name of a method) of every public method of a public class that takes arguments, inherited
    ones included."""
    for name in module.__all__:
        kind = getattr(module, name)
        if not inspect.isclass(kind) or kind.__module__ != module.__name__:
            continue
        if issubclass(kind, Exception) or is_abstract(kind):
            continue
        for method in dir(kind):
            static = inspect.getattr_static(kind, method)
            function = static.__func__ if isinstance(static, classmethod | staticmethod) else static
            if method.startswith("_") or not inspect.isfunction(function):
                continue
            if not function.__module__.startswith("scaling_lib") or method in SOLVER_FACING:
                continue
            if len(inspect.signature(function).parameters) > (not isinstance(static, staticmethod)):
                yield kind, method
