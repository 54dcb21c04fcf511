"""A reader's own `torch.nn.Module` as a model of K = 1, with everything that the decoder of this library gets."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from scaling_lib.errors import check_flag, check_instance, check_mapping, check_real, invalid
from scaling_lib.models.parametrization import TensorRule
from scaling_lib.models.trainable import FlatTensors

__all__ = ["WrappedModule"]


class WrappedModule:
    """`module(tokens [B, T]) -> logits [B, T, V]`, trained in place: its parameters become views of one flat buffer.

    A `models.trainable.Trainable` in float32 only, and never replayed, since a module may read its tensors on the host.

    Initial values are the module's own. Weight decay acts on its parameters of two or more dimensions.
    learning_rate_factors: what the learning rate is multiplied by, for parameters named here (1 for the others): a
    parametrization of your own. Raises InvalidArgument where nothing is trainable or a parameter is not float32.
    """

    members = 1
    float32_only = True
    replayable = False

    def __init__(
        self,
        module: nn.Module,
        *,
        learning_rate_factors: Mapping[str, float] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        check_instance("module", module, nn.Module, remedy="pass a torch.nn.Module")
        factors: dict[str, float] = {}
        if learning_rate_factors is not None:
            factors |= check_mapping("learning_rate_factors", learning_rate_factors, remedy="name parameters")
        trained = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        if not trained:
            raise invalid("module", "a module with trainable parameters", type(module).__name__, "give it some")
        if any(weight.dtype != torch.float32 for weight in trained.values()):
            raise invalid("module", "a module of float32 parameters", type(module).__name__, "call module.float()")
        for name, factor in factors.items():
            check_real(f"learning_rate_factors[{name!r}]", factor, minimum=0)
        if unknown := sorted(set(factors) - set(trained)):
            raise invalid("learning_rate_factors", f"keyed by {', '.join(trained)}", unknown, "correct the names")
        self.module = module
        self.flat = FlatTensors({name: tuple(weight.shape) for name, weight in trained.items()}, 1, device=device)
        self.rules = tuple(
            TensorRule(
                name,
                tuple(weight.shape),
                initial_std=0.0,
                learning_rate_factor=factors.get(name, 1.0),
                weight_decay_factor=float(weight.ndim >= 2),
                epsilon_factor=1.0,
            )
            for name, weight in trained.items()
        )
        module.to(device)
        for name, weight in trained.items():
            leaf = self.flat.tensors[name]  # [1, *shape]
            with torch.no_grad():
                leaf[0] = weight
            weight.data, weight.grad = leaf.detach()[0], leaf.grad[0]  # type: ignore[index]

    @property
    def parameters(self) -> int:
        """Everything that is trained."""
        return sum(self.flat.sizes)

    @property
    def nonembedding_parameters(self) -> int:
        """Without the weights of `torch.nn.Embedding` modules."""
        tables = {id(part.weight): part.weight for part in self.module.modules() if isinstance(part, nn.Embedding)}
        return self.parameters - sum(weight.numel() for weight in tables.values() if weight.requires_grad)

    def logits(self, tokens: Int[Tensor, "one B T"]) -> Float[Tensor, "one B T V"]:
        """The module's logits in evaluation mode; raises InvalidArgument where their shape is not [B, T, V]."""
        check_instance("tokens", tokens, Tensor, remedy="make it with torch.as_tensor(walks)[None]")
        self.module.eval()
        return self._logits(tokens)

    def losses(self, tokens: Int[Tensor, "one B T"], *, layers_in_bfloat16: bool = False) -> Float[Tensor, "one"]:
        """Mean next-token cross-entropy, nats, over the T - 1 predictions of each sequence, in training mode.

        layers_in_bfloat16: False; what the layers of a module are, only the module knows.
        """
        check_instance("tokens", tokens, Tensor, remedy="make it with torch.as_tensor(walks)[None]")
        if check_flag("layers_in_bfloat16", layers_in_bfloat16):
            raise invalid("layers_in_bfloat16", "False for a module of your own", True, "cast inside the module")
        self.module.train()
        logits = self._logits(tokens[..., :-1])[0].flatten(0, 1)  # [1, B, T-1, V] -> [B*(T-1), V]
        return functional.cross_entropy(logits, tokens[0, :, 1:].flatten())[None]  # targets [B*(T-1)]

    def _logits(self, tokens: Int[Tensor, "one B T"]) -> Float[Tensor, "one B T V"]:
        if tokens.ndim != 3 or len(tokens) != 1:
            raise invalid("tokens", "integers of shape [1, sequences, length]", tuple(tokens.shape), "add an axis")
        logits = self.module(tokens[0])
        if not isinstance(logits, Tensor) or logits.ndim != 3 or logits.shape[:2] != tokens.shape[1:]:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise invalid("module", "a map from tokens [B, T] to logits [B, T, V]", shape, "return the logits only")
        return logits[None]
