"""What can be trained: K models side by side, all of whose numbers lie in one flat buffer.

`Trainable` is all that the optimizer, the training step and the scores ask of a model. `Transformer` and
`WrappedModule` are two; an object of your own with these members is a third, and needs no base class.

Shapes: K members, B sequences of T tokens, V tokens in the vocabulary.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scaling_lib.errors import check_instance, check_integer, invalid
from scaling_lib.models.devices import check_device
from scaling_lib.models.parametrization import TensorRule

__all__ = ["FlatTensors", "Trainable", "check_trainable"]


class FlatTensors:
    """Tensors of shape [K, ...], one after another in one flat buffer, their gradients in a second one.

    shapes: name -> shape of one member's tensor. `tensors` are leaves of autograd that view `values`; backward passes
    add into `gradients`.

    >>> flat = FlatTensors({"matrix": (2, 3), "gain": (3,)}, members=4)
    >>> flat.values.shape, flat.tensors["matrix"].shape, flat.tensors["gain"].shape
    (torch.Size([36]), torch.Size([4, 2, 3]), torch.Size([4, 3]))
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], members: int, *, device: torch.device | str = "cpu"):
        if not isinstance(shapes, Mapping) or not shapes:
            raise invalid("shapes", "a dict from name to shape", shapes, "pass one entry or more")
        self.members = check_integer("members", members, minimum=1)
        self.sizes = [math.prod(shape) for shape in shapes.values()]
        self.values = torch.zeros(members * sum(self.sizes), device=check_device(device))
        self.gradients = torch.zeros_like(self.values)
        self.tensors: dict[str, Tensor] = {}
        for (name, shape), values, gradients in zip(
            shapes.items(), self.split(self.values), self.split(self.gradients), strict=True
        ):
            leaf = values.view(members, *shape).detach().requires_grad_()  # [K, size] -> [K, *shape]
            leaf.grad = gradients.view(members, *shape)
            self.tensors[name] = leaf

    def split(self, flat: Float[Tensor, "total"]) -> list[Float[Tensor, "K size"]]:
        """Views [K, size] of a buffer laid out as this one, one for each tensor."""
        check_instance("flat", flat, Tensor, remedy="pass a buffer like .values")
        if flat.shape != self.values.shape:
            raise invalid("flat", f"of shape {tuple(self.values.shape)}", tuple(flat.shape), "pass one like .values")
        parts = flat.split([self.members * size for size in self.sizes])  # each [K * size]
        return [part.view(self.members, -1) for part in parts]  # each [K, size]


@runtime_checkable  # for the pass that checks every annotation at run time; nothing here asks isinstance of it
class Trainable(Protocol):
    """K models that are trained together and do not meet: the members that training needs."""

    @property
    def members(self) -> int:
        """K."""

    @property
    def flat(self) -> FlatTensors:
        """The weights and their gradients, which the optimizer changes in place."""

    @property
    def rules(self) -> Sequence[TensorRule]:
        """How each tensor of `flat` is trained, in its order."""

    @property
    def parameters(self) -> int:
        """N of one member, embeddings included."""

    @property
    def nonembedding_parameters(self) -> int:
        """N of one member without its embeddings."""

    @property
    def float32_only(self) -> bool:
        """Whether it cannot be trained in a coarser precision; its `losses` are then never asked for one."""

    @property
    def replayable(self) -> bool:
        """Whether its losses and gradients read no number on the host, so that a CUDA graph can hold a step."""

    def logits(self, tokens: Int[Tensor, "K B T"]) -> Float[Tensor, "K B T V"]:
        """Unnormalised log probabilities of the next token, at every position."""

    def losses(self, tokens: Int[Tensor, "K B T"], *, layers_in_bfloat16: bool = False) -> Float[Tensor, "K"]:
        """Mean next-token cross-entropy of every member, nats, over the T - 1 predictions of each sequence."""


_MEMBERS = tuple(sorted(name for name in vars(Trainable) if not name.startswith("_")))


def check_trainable(name: str, model: Any) -> Trainable:
    """`model` if it has the members of `Trainable`; raises InvalidArgument that names those it lacks."""
    if lacking := [member for member in _MEMBERS if not hasattr(model, member)]:
        wanted = f"a model that can be trained, with {', '.join(lacking)}"
        raise invalid(name, wanted, model, "make one with initial_model, or see scaling_lib.models.trainable")
    return model
