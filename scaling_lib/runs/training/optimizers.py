r"""AdamW for K stacked models, on flat buffers, with the paper's schedule:

    m <- b1 m + (1 - b1) g          v <- b2 v + (1 - b2) g^2            g clipped to a norm of `clip` for each model
    w <- (1 - s_t l r c) w - s_t l r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + e)

with l the learning rate and c the weight decay of the model (c and e times the tensor's factors), r the tensor's
learning-rate factor, and the schedule s_t: linear to 1 over the first 2 % of the steps, then a cosine to 0 (paper,
appendix A), or another of `learning_rate_schedule`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from scaling_lib.arguments import BY_HAND, Choice, Count, Entries, Real, Remedy, checked
from scaling_lib.errors import check_mapping, invalid
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.runs.records import SHAPES, Optimizer
from scaling_lib.runs.training.stems import stable_steps

__all__ = ["AdamW", "learning_rate_schedule"]


@checked
def learning_rate_schedule(
    steps: Count,
    warmup: Annotated[float, Real(minimum=0, below=1)] = 0.02,
    *,
    shape: Annotated[str, Choice(SHAPES)] = "cosine",
    decay: Annotated[float, Real(above=0, below=1)] = 0.2,
    warmup_steps: Count | None = None,
) -> Float[np.ndarray, "step"]:
    """lambda_t / lambda at every step: linear up to 1 over the first `warmup` of them (one at least), then by `shape`.

    warmup_steps: a number of steps in place of the share. shape: "cosine" to 0, "wsd" (1, then linearly to 0 over the
    last `decay` of the steps, one at least) or "constant" (1). The zeros at either end lie just outside, so that every
    step moves.
    Raises InvalidArgument where warm-up and decay together are longer than the run.

    >>> learning_rate_schedule(5, warmup=0.4).round(3)
    array([0.5  , 1.   , 0.854, 0.5  , 0.146])
    >>> learning_rate_schedule(6, warmup_steps=2, shape="wsd", decay=0.5).round(2)
    array([0.5 , 1.  , 1.  , 0.75, 0.5 , 0.25])
    """
    rising = warmup_steps or max(1, round(warmup * steps))
    t = np.arange(1, steps + 1)
    if shape == "cosine":
        falling = 0.5 * (1 + np.cos(np.pi * (t - rising) / (steps + 1 - rising)))
    elif shape == "wsd":
        stable = stable_steps(steps, decay)
        if rising > stable:
            wanted = f"such that {rising} steps of warm-up and {steps - stable} of decay fit into the run"
            raise invalid("steps", wanted, steps, "train longer, or shorten one of them")
        falling = np.minimum(1.0, (steps + 1 - t) / (steps + 1 - stable))
    else:
        falling = np.ones(steps)
    if rising > steps:
        raise invalid("warmup_steps", f"at most the {steps} steps of the run", rising, "train longer")
    return np.where(t <= rising, t / rising, falling)


class AdamW:
    """AdamW on the flat buffers of K models, each with its own learning rate, weight decay, epsilon and clip.

    optimizers: one for each member, with the same betas. schedule: what the learning rates are multiplied by, step by
    step. Whatever changes from step to step lies in tensors on the device and is no number of the host's, so that a
    CUDA graph of one step can be replayed for the next.
    Raises InvalidArgument where there is not one optimizer for each member, or where betas differ.
    """

    @checked
    def __init__(
        self,
        model: Annotated[Trainable, BY_HAND],
        optimizers: Annotated[Sequence[Optimizer], Remedy("pass one Optimizer for each member")],
        schedule: Annotated[Float[np.ndarray, "step"], Entries(minimum=0)],
    ) -> None:
        check_trainable("model", model)
        betas = {(optimizer.beta1, optimizer.beta2) for optimizer in optimizers}
        if len(optimizers) != model.members or len(betas) > 1:
            raise invalid("optimizers", f"{model.members} with the same betas", len(optimizers), "group them by betas")
        (self.beta1, self.beta2), self.flat = betas.pop(), model.flat
        self.momentum, self.square, self._scratch = (torch.zeros_like(self.flat.values) for _ in range(3))

        def column(name: str) -> Float[np.ndarray, "K one"]:
            return np.array([[getattr(optimizer, name)] for optimizer in optimizers])

        def factors(name: str) -> Float[np.ndarray, "tensor one one"]:
            return np.array([getattr(rule, name) for rule in model.rules])[:, None, None]

        def on_device(values: np.ndarray) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=self.flat.values.device)

        rates = factors("learning_rate_factor") * column("learning_rate")  # [tensor, 1, 1] [K, 1] -> [tensor, K, 1]
        self._rates = on_device(rates)  # [tensor, K, 1]
        self._decays = on_device(rates * factors("weight_decay_factor") * column("weight_decay"))  # [tensor, K, 1]
        self._epsilons = on_device(factors("epsilon_factor") * column("epsilon"))  # [tensor, K, 1]
        limits = column("clip")  # [K, 1]
        self._clip = on_device(np.where(limits > 0, limits, np.inf)) if limits.any() else None
        t = np.arange(1, len(schedule) + 1)
        table = [schedule, -schedule / (1 - self.beta1**t), (1 - self.beta2**t) ** -0.5]
        self._table = on_device(np.stack(table, axis=1))  # [step, 3]
        self._step = torch.zeros(1, dtype=torch.int64, device=self.flat.values.device)

    @property
    def state(self) -> dict[str, Tensor]:
        """What the next step depends on, besides the values."""
        return {"momentum": self.momentum, "square": self.square, "step": self._step}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the `state` of an optimizer like this one."""
        check_mapping("state", state, remedy="pass the state of an optimizer")
        for name, mine in self.state.items():
            if name not in state or state[name].shape != mine.shape:
                wanted = f"with {name} of shape {tuple(mine.shape)}"
                raise invalid("state", wanted, list(state), "pass that of its like")
            mine.copy_(state[name])

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients in the buffer, which it then zeroes."""
        flat, gradients, scratch = self.flat, self.flat.gradients, self._scratch
        if self._clip is not None:
            parts = flat.split(gradients)  # each [K, size]
            by_tensor = torch.stack([torch.linalg.vector_norm(part, dim=1) for part in parts])  # [tensor, K]
            norms = by_tensor.norm(dim=0)[:, None]  # [K, 1]
            scale = (self._clip / (norms + 1e-6)).clamp(max=1.0)  # [K, 1]
            for part in parts:
                part.mul_(scale)
        factor, size, root = self._table.index_select(0, self._step)[0]  # three numbers, each of shape []
        self.momentum.lerp_(gradients, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradients, gradients, value=1 - self.beta2)
        torch.sqrt(self.square, out=scratch).mul_(root)
        tensors = zip(  # for each tensor: values, momentum, update [K, size]; epsilon, rate, keep [K, 1]
            flat.split(flat.values),
            flat.split(self.momentum),
            flat.split(scratch),
            self._epsilons,
            self._rates * size,
            1 - self._decays * factor,
            strict=True,
        )
        for values, momentum, update, epsilon, rate, keep in tensors:
            torch.div(momentum, update.add_(epsilon), out=update)
            values.mul_(keep).addcmul_(update, rate)
        gradients.zero_()
        self._step += 1
