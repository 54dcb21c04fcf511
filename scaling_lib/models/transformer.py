"""The decoder. K models of one shape are ONE model whose tensors have a leading axis K."""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from scaling_lib.errors import InvalidArgument, check_instance
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import Parametrization, multipliers, tensor_rules

__all__ = ["FlatTensors", "Transformer"]

NORM_EPSILON = 1e-5
ROTARY_BASE = 10_000.0


class FlatTensors:
    """Tensors of shape [K, ...], one after another in one flat buffer, their gradients in a second one."""

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], members: int, *, device: torch.device | str = "cpu"
    ) -> None:
        self.members = members
        self.sizes = [math.prod(shape) for shape in shapes.values()]
        total = members * sum(self.sizes)
        self.values = torch.zeros(total, device=device)
        self.gradients = torch.zeros(total, device=device)
        self.tensors: dict[str, Tensor] = {}
        for (name, shape), values, gradients in zip(
            shapes.items(), self.split(self.values), self.split(self.gradients), strict=True
        ):
            leaf = values.view(members, *shape).detach().requires_grad_()
            leaf.grad = gradients.view(members, *shape)
            self.tensors[name] = leaf

    def split(self, flat: Tensor) -> list[Tensor]:
        """Views [K, size] of a buffer laid out as this one, one for each tensor."""
        parts = flat.split([self.members * size for size in self.sizes])
        return [part.view(self.members, -1) for part in parts]


class Transformer:
    """K pre-norm decoders of one shape, trained side by side."""

    def __init__(
        self,
        architecture: Architecture,
        parametrization: Parametrization,
        *,
        generators: Sequence[torch.Generator],
        device: torch.device | str = "cpu",
    ) -> None:
        self.architecture = check_instance("architecture", architecture, Architecture, remedy="build an Architecture")
        self.rules = tensor_rules(architecture, parametrization)
        self.multipliers = multipliers(architecture, parametrization)
        if not generators:
            raise InvalidArgument("generators must hold one torch.Generator for each member, got none: pass one.")
        self.members = len(generators)
        self.flat = FlatTensors({rule.name: rule.shape for rule in self.rules}, self.members, device=device)
        with torch.no_grad():
            for rule in self.rules:
                for k, generator in enumerate(generators):
                    if rule.is_gain:
                        self.flat.tensors[rule.name][k] = 1.0
                    elif rule.initial_std:
                        draw = torch.randn(rule.shape, generator=generator)
                        self.flat.tensors[rule.name][k] = draw * rule.initial_std
        half = architecture.head_dimension // 2
        frequencies = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(architecture.context, dtype=torch.float64)[:, None] * frequencies
        self._cos = angles.cos().float().to(device)[:, None, :]
        self._sin = angles.sin().float().to(device)[:, None, :]

    def hidden(self, tokens: Int[Tensor, "K B T"]) -> Float[Tensor, "K B*T n"]:
        """The final hidden states, before the readout."""
        K, B, T = tokens.shape
        n, V, h = self.architecture.width, self.architecture.vocabulary, self.architecture.heads
        w = self.flat.tensors
        offsets = torch.arange(0, K * V, V, device=tokens.device)[:, None, None]
        x = F.embedding(tokens + offsets, w["embedding"].view(K * V, n)).view(K, B * T, n) * self.multipliers.embedding
        for i in range(self.architecture.depth):
            layer = f"layers.{i}."
            qkv = torch.bmm(self._norm(x, layer + "attention_norm"), w[layer + "query_key_value"])
            qkv = qkv.view(K * B, T, 3, h, n // h)
            q, k = (self._rotate(qkv[:, :, j]).transpose(1, 2) for j in (0, 1))
            v = qkv[:, :, 2].transpose(1, 2)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.multipliers.attention)
            x = x + torch.bmm(mixed.transpose(1, 2).reshape(K, B * T, n), w[layer + "attention_out"])
            up = F.gelu(torch.bmm(self._norm(x, layer + "mlp_norm"), w[layer + "mlp_up"]))
            x = x + torch.bmm(up, w[layer + "mlp_down"])
        return self._norm(x, "final_norm")

    def logits(self, tokens: Int[Tensor, "K B T"]) -> Float[Tensor, "K B T V"]:
        """Unnormalised log probabilities of the next token at every position."""
        return (torch.bmm(self.hidden(tokens), self._readout.mT) * self.multipliers.readout).view(*tokens.shape, -1)

    def losses(self, tokens: Int[Tensor, "K B T"]) -> Float[Tensor, "K"]:
        """Mean next-token cross-entropy of every member, nats, over the T - 1 predictions of each sequence."""
        K = len(tokens)
        hidden = self.hidden(tokens[..., :-1])
        logits = torch.bmm(hidden, self._readout.mT) * self.multipliers.readout
        targets = tokens[..., 1:].reshape(K, -1, 1)
        return (logits.logsumexp(-1) - logits.gather(-1, targets)[..., 0]).mean(-1)

    @property
    def _readout(self) -> Float[Tensor, "K V n"]:
        return self.flat.tensors["embedding" if self.architecture.tied else "readout"]

    def _norm(self, x: Float[Tensor, "K M n"], name: str) -> Float[Tensor, "K M n"]:
        return F.layer_norm(x, (x.shape[-1],), eps=NORM_EPSILON) * self.flat.tensors[name][:, None, :]

    def _rotate(self, x: Float[Tensor, "KB T h d"]) -> Float[Tensor, "KB T h d"]:
        T = x.shape[1]
        cos, sin = self._cos[:T], self._sin[:T]
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
