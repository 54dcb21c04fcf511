"""Options of the test suite."""

import sys


def checked(function):
    """beartype, where an int is a float too. It cannot know what `Self` is on a single method, which is left be."""
    import beartype

    try:
        return beartype.beartype(function, conf=beartype.BeartypeConf(is_pep484_tower=True))
    except beartype.roar.BeartypeDecorHintPep673Exception:
        return function


def pytest_addoption(parser):
    parser.addoption(
        "--shapes",
        action="store_true",
        help="check every annotation of scaling_lib at run time (a pass of its own: its errors come before ours)",
    )


def pytest_configure(config):
    if config.getoption("--shapes"):
        from jaxtyping import install_import_hook

        # pytest itself imports `errors`, for the filter of warnings in pyproject; anything else would go unchecked.
        early = {name for name in sys.modules if name.startswith("scaling_lib.")} - {"scaling_lib.errors"}
        assert not early, f"imported before the hook: {sorted(early)}"
        install_import_hook("scaling_lib", f"{__name__}.checked")
