"""K small perceptrons as one: every tensor has a leading axis K (needs torch, imported when called).

    h = W3 gelu(W2 gelu(W1 u + b1) + b2) + b3,    objective = mean or sum over points of Huber_delta(y - h)

AdamW with decoupled decay (theta <- (1 - lr wd) theta first, then the Adam step), written out so that a network that
has stopped can leave the batch. Each network has its own seed: it does not depend on its company.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from tqdm import tqdm

from scaling_lib.errors import MissingDependency

__all__ = ["Networks", "Recipe", "train"]

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # torch's defaults


@dataclass(frozen=True)
class Recipe:
    """The arguments of `surfaces.neural_regression`, checked."""

    width: int
    learning_rate: float
    weight_decay: float
    epochs: int
    patience: int
    improvement: float
    delta: float
    reduction: str
    batch: int | None


@dataclass(frozen=True, eq=False)
class Networks:
    """Trained tensors with a leading axis K, the epochs that each took, the best objective that each reached."""

    tensors: tuple[np.ndarray, ...]
    epochs: np.ndarray
    objective: np.ndarray

    def evaluate(self, member: int, inputs: np.ndarray) -> np.ndarray:
        """Network `member` at inputs (points, 2), in double precision."""
        w1, b1, w2, b2, w3, b3 = (tensor[member].astype(float) for tensor in self.tensors)
        return (_gelu(_gelu(inputs @ w1 + b1) @ w2 + b2) @ w3 + b3)[:, 0]


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * special.ndtr(x)


def train(
    inputs: np.ndarray,
    targets: np.ndarray,
    scale: np.ndarray,
    seeds: np.ndarray,
    recipe: Recipe,
    *,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    progress: bool = False,
) -> Networks:
    """inputs (K, points, 2), targets (K, points) in units of scale (K,): residuals count in nats. held_out: the same
    for the points on which stopping and the best network are judged; None: the training points."""
    try:
        import torch
    except ImportError:  # pragma: no cover - the tests have torch
        raise MissingDependency("neural_regression needs torch: pip install torch.") from None
    functional = torch.nn.functional
    members = len(inputs)
    x, y, unit = (torch.tensor(array, dtype=torch.float32) for array in (inputs, targets, scale))
    judged = None if held_out is None else tuple(torch.tensor(array, dtype=torch.float32) for array in held_out)
    width = recipe.width
    shapes = ((2, width), (width,), (width, width), (width,), (width, 1), (1,))
    theta: list[Any] = [torch.empty(members, *shape) for shape in shapes]
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    for member, generator in enumerate(generators):  # torch.nn.Linear's law: uniform within 1 / sqrt(fan-in)
        for tensor, fan_in in zip(theta, (2, 2, width, width, width, width), strict=True):
            tensor[member] = (torch.rand(tensor.shape[1:], generator=generator) * 2 - 1) / fan_in**0.5
    theta = [tensor.requires_grad_() for tensor in theta]
    moments = [(torch.zeros_like(tensor), torch.zeros_like(tensor)) for tensor in theta]

    def objective(points: Any, values: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = theta
        hidden = functional.gelu(torch.baddbmm(b1[:, None], points, w1))
        hidden = functional.gelu(torch.baddbmm(b2[:, None], hidden, w2))
        residual = (torch.baddbmm(b3[:, None], hidden, w3)[..., 0] - values) * unit[:, None]
        rho = functional.huber_loss(residual, torch.zeros_like(residual), delta=recipe.delta, reduction="none")
        return rho.sum(1) if recipe.reduction == "sum" else rho.mean(1)

    kept = [tensor.detach().clone() for tensor in theta]
    best = torch.full((members,), float("inf"))
    epochs = np.zeros(members, int)
    rows = torch.arange(members)
    reference, since = best.clone(), torch.zeros(members, dtype=torch.long)
    points = x.shape[1]
    step = 0
    for epoch in tqdm(range(recipe.epochs), desc="networks", disable=not progress, leave=False):
        if recipe.batch is None or recipe.batch >= points:
            portions: list[Any] = [None]
        else:
            order = torch.stack([torch.randperm(points, generator=generators[int(row)]) for row in rows])
            portions = list(order.split(recipe.batch, dim=1))
        value = objective(x, y) if portions == [None] else None  # the graph is used again for the gradient
        with torch.no_grad():
            whole = objective(*judged) if judged is not None else objective(x, y) if value is None else value.detach()
        better = whole < best[rows]
        best[rows] = torch.minimum(whole, best[rows])
        for store, tensor in zip(kept, theta, strict=True):
            store[rows[better]] = tensor.detach()[better]
        improved = whole < reference - recipe.improvement
        reference = torch.where(improved, whole, reference)
        since = torch.where(improved, 0, since + 1)
        epochs[rows.numpy()] = epoch
        going = (since <= recipe.patience) & torch.isfinite(whole)
        if not going.any():
            break
        if not going.all():
            rows, reference, since, x, y, unit = (each[going] for each in (rows, reference, since, x, y, unit))
            judged = None if judged is None else tuple(each[going] for each in judged)
            theta = [tensor.detach()[going].requires_grad_() for tensor in theta]
            moments = [(first[going], second[going]) for first, second in moments]
            portions = [None if portion is None else portion[going] for portion in portions]
            value = None
        for portion in portions:
            step += 1
            if portion is not None:
                value = objective(torch.gather(x, 1, portion[..., None].expand(-1, -1, 2)), torch.gather(y, 1, portion))
            elif value is None:
                value = objective(x, y)
            slopes = torch.autograd.grad(value.sum(), theta)
            with torch.no_grad():
                for tensor, slope, (first, second) in zip(theta, slopes, moments, strict=True):
                    tensor.mul_(1 - recipe.learning_rate * recipe.weight_decay)
                    first.lerp_(slope, 1 - _BETA1)
                    second.mul_(_BETA2).addcmul_(slope, slope, value=1 - _BETA2)
                    size = (second / (1 - _BETA2**step)).sqrt_().add_(_EPSILON)
                    tensor.addcdiv_(first, size, value=-recipe.learning_rate / (1 - _BETA1**step))
    return Networks(tuple(tensor.numpy() for tensor in kept), epochs, best.numpy().astype(float))
