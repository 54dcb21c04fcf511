"""The chapters say the same whatever kernels the processor chooses for numpy and SciPy.

OpenBLAS, which both bring along, has kernels for each family of processors and can be told which to take. Each chapter
is executed under two of them, and once with the vector instructions of numpy off; every execution is compared with the
committed notebook and with the others.
"""

import itertools
import json
import os
import platform
import subprocess
import sys

import nbformat
import pytest

from tests.comparing import notebook_differences
from tools import chapters

pytestmark = pytest.mark.slow  # three executions of the whole book

# What OpenBLAS loaded, for numpy's copy and for SciPy's, and which vector instructions numpy uses.
ASK = """
import json, numpy, scipy.linalg, threadpoolctl
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
infos = threadpoolctl.threadpool_info()
kernels = {name: [i["architecture"] for i in infos if f"{name}.libs" in i["filepath"]] for name in ("numpy", "scipy")}
print(json.dumps([kernels, [name for name in __cpu_dispatch__ if __cpu_features__[name]]]))
"""


def loaded(variables):
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def instructions() -> list[str]:
    return loaded({})[1]


def settings() -> dict[str, dict[str, str]]:
    """Variables of the environment for each of the three executions."""
    machine = platform.machine()
    if machine in ("x86_64", "AMD64"):
        newest = "SkylakeX" if "AVX512_SKX" in instructions() or "X86_V4" in instructions() else "Haswell"
        kernels = [newest, "Haswell" if newest == "SkylakeX" else "Sandybridge"]
    elif machine in ("arm64", "aarch64"):
        kernels = ["NEOVERSEN1", "ARMV8"]
    else:
        pytest.fail(f"no two kernels of OpenBLAS are known here for {machine}: name them in settings()")
    chosen = {name: {"OPENBLAS_CORETYPE": name} for name in kernels}
    return chosen | {"no vectors": {"NPY_DISABLE_CPU_FEATURES": " ".join(instructions())}}


@pytest.fixture(scope="module")
def executions(tmp_path_factory):
    """For each setting the executed notebooks, by the name of their chapter."""
    made = {}
    for name, variables in settings().items():
        folder = tmp_path_factory.mktemp("kernels") / "run"
        paths = chapters.execute(folder, "recorded", inject=False, variables=variables)
        made[name] = {path.stem: nbformat.read(path, as_version=4) for path in paths}
    return made


def test_the_settings_differ_where_they_should():
    """Fails, and does not skip, where the two kernels are one: then the comparison below would prove nothing."""
    one, other, plain = (loaded(variables) for variables in settings().values())
    for library in ("numpy", "scipy"):
        assert one[0][library], f"threadpoolctl does not see the OpenBLAS of {library}"
        assert one[0][library] != other[0][library]
    assert one[1] != []
    assert plain[1] == []


@pytest.mark.parametrize("source", chapters.sources(), ids=lambda path: path.stem)
def test_every_kernel_gives_the_same_chapter(executions, source):
    committed = nbformat.read(chapters.NOTEBOOKS / source.with_suffix(".ipynb").name, as_version=4)
    notebooks = {"committed": committed} | {name: made[source.stem] for name, made in executions.items()}
    differing = {
        f"{one} against {other}": differences
        for one, other in itertools.combinations(notebooks, 2)
        if (differences := notebook_differences(notebooks[one], notebooks[other]))
    }
    assert differing == {}
