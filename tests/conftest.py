"""Options of the test suite, and the browser that several tests look through."""

import os
import sys

import pytest

import tools.browser


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


def pytest_runtest_setup(item):
    if item.get_closest_marker("needs_cuda") is not None:
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by Playwright, with no way out to the network."""
    program = tools.browser.program()
    if program is None:
        if os.environ.get("SCALING_REQUIRE_BROWSER") == "1":
            pytest.fail("SCALING_REQUIRE_BROWSER is set, and there is no Chromium")
        pytest.skip(tools.browser.MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=tools.browser.FLAGS)
        yield browser
        browser.close()
