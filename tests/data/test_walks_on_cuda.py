"""Walks drawn on a GPU are those of numpy, bit for bit. (`test_walks` needs packages that a GPU's machine may lack.)"""

import numpy as np
import pytest

from scaling_lib.data import chains, walks

ER = chains.erdos_renyi(50, edges=200, generator=np.random.default_rng(0))
BIASED = chains.biased(ER, kappa=1, generator=np.random.default_rng(1))


@pytest.mark.needs_cuda
@pytest.mark.parametrize("chain", [ER, BIASED, chains.star(9)], ids=["uniform", "weighted", "star"])
def test_the_same_on_an_accelerator(chain):
    tensor = walks.sample_walks(chain, 5000, 20, seed=1, backend="torch", device="cuda")
    assert tensor.device.type == "cuda"
    np.testing.assert_array_equal(tensor.cpu().numpy(), walks.sample_walks(chain, 5000, 20, seed=1))
