"""Architectures with each of the blocks, for several tests."""

from dataclasses import replace

from scaling_lib.models.accounting import Architecture

BASE = Architecture(30, 16, context=10)
CHANGES = {
    "default": {},
    "rmsnorm": {"norm": "rmsnorm"},
    "swiglu": {"mlp": "swiglu"},
    "multi-query": {"key_value_heads": 1},
    "grouped-query": {"key_value_heads": 2},
    "learned positions": {"positions": "learned"},
    "no positions": {"positions": "none"},
    "modern": {"norm": "rmsnorm", "mlp": "swiglu", "key_value_heads": 2, "tied": False},
    "experts": {"experts": 4},
    "two experts of five": {"experts": 5, "active_experts": 2, "mlp": "swiglu", "balance": 0.1, "capacity": 1.5},
    "toy experts": {"experts": 2, "mlp": "tests.models.toy:relu_mlp"},
    "odd heads": {"width": 15, "heads": 3, "key_value_heads": 1, "positions": "learned", "depth": 3},
    "toy": {"mlp": "tests.models.toy:relu_mlp", "norm": "tests.models.toy:no_norm"},
}
SHAPES = {name: replace(BASE, **{"heads": None} | change) for name, change in CHANGES.items()}
