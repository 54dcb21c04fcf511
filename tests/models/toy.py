"""Blocks as somebody else would write them, outside of the package: named by import path, never registered."""

import torch

from scaling_lib.models.blocks import Block, TensorShape


def relu_shapes(sizes):
    hidden = 4 * sizes.width
    return {
        "up": TensorShape((sizes.width, hidden), "matrix"),
        "shift": TensorShape((hidden,), "bias"),
        "down": TensorShape((hidden, sizes.width), "residual"),
    }


def relu(x, tensors, sizes):
    """W_down relu(W_up x + b), x [K, M, n]."""
    up = x.bmm(tensors["up"]) + tensors["shift"][:, None]  # [K, M, 4n] + [K, 1, 4n]
    return torch.relu(up).bmm(tensors["down"])


relu_mlp = Block(relu_shapes, relu, kept=lambda sizes: 9 * sizes.width)
no_norm = Block(lambda sizes: {}, lambda x, tensors, sizes: x, kept=lambda sizes: 0)

# What is refused.
not_a_block = 3
widening = Block(relu_shapes, lambda x, tensors, sizes: x.bmm(tensors["up"]), kept=lambda sizes: 9 * sizes.width)
gives_nothing = Block(relu_shapes, lambda x, tensors, sizes: None, kept=lambda sizes: 9 * sizes.width)
without_roles = Block(lambda sizes: {"up": (sizes.width, sizes.width)}, relu, kept=lambda sizes: 0)
name_taken = Block(lambda sizes: {"norm": TensorShape((sizes.width,), "gain")}, relu, kept=lambda sizes: 0)
routed = Block(
    lambda sizes: {"router": TensorShape((sizes.width, sizes.width), "residual")},
    lambda x, tensors, sizes: x.bmm(tensors["router"]),
    kept=lambda sizes: sizes.width,
)
uncounted = Block(relu_shapes, relu, kept=lambda sizes: None)
