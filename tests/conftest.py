"""Options of the test suite, and the browser that several tests look through."""

import gc
import os
import sys

import hypothesis
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
    parser.addoption(
        "--may-lack",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="skip, with that reason, what needs this package where it is not installed (may be given again)",
    )


def lacked(error, config):
    """The package of --may-lack for want of which this error, or one that it follows from, was raised; or none."""
    while error is not None:
        if isinstance(error, ImportError):
            for package in config.getoption("--may-lack"):
                # Python's own error has the module's name; ours says "needs the package NAME: run ...".
                if package == (error.name or "").partition(".")[0] or f" {package}:" in str(error):
                    return package
        error = error.__cause__ or error.__context__
    return None


class Module(pytest.Module):
    """A file of tests that is skipped where it cannot be imported for want of a package that may be lacking."""

    def collect(self):
        try:
            return super().collect()
        except self.CollectError as error:
            if package := lacked(error, self.config):
                pytest.skip(f"{package} is not installed", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path, parent):
    return Module.from_parent(parent, path=module_path) if parent.config.getoption("--may-lack") else None


def skipping(config):
    """A wrapper of a hook that ends as skipped what was not possible for want of such a package."""
    try:
        return (yield)
    except Exception as error:
        if package := lacked(error, config):
            pytest.skip(f"{package} is not installed")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    return (yield from skipping(pyfuncitem.config))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request):
    return (yield from skipping(request.config))


def pytest_configure(config):
    # A deadline by the clock fails on a busy machine, and says nothing of the property.
    hypothesis.settings.register_profile("by no clock", deadline=None)
    hypothesis.settings.load_profile("by no clock")
    if config.getoption("--shapes"):
        from jaxtyping import install_import_hook

        # pytest itself imports `errors`, for the filter of warnings in pyproject; anything else would go unchecked.
        early = {name for name in sys.modules if name.startswith("scaling_lib.")} - {"scaling_lib.errors"}
        assert not early, f"imported before the hook: {sorted(early)}"
        install_import_hook("scaling_lib", f"{__name__}.checked")


def pytest_collection_finish(session):
    gc.freeze()  # what was imported and collected stays, and need not be looked through for what could be freed


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
