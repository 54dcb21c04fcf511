"""The package's front door: light, without torch, and every name behind it opens."""

import subprocess
import sys

import pytest

import scaling_lib


def test_every_name_is_there():
    for name in scaling_lib.__all__:
        assert getattr(scaling_lib, name).__name__ == name
    assert set(scaling_lib.__all__) <= set(dir(scaling_lib))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        scaling_lib.nothing  # noqa: B018


def test_analysis_does_not_import_torch():
    code = (
        "import sys; from scaling_lib import Chain, PowerLaw, Store, begin, fit, load_recorded\n"
        "import scaling_lib.cli, scaling_lib.pages.judging.claims\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
