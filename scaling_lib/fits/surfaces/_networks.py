"""K small perceptrons as one: every tensor has a leading axis K (needs torch, imported when called).

    h = W3 gelu(W2 gelu(W1 u + b1) + b2) + b3,    objective = mean or sum over points of Huber_delta(y - h)

torch's AdamW acts on every number alone, so that one optimizer trains them all; a network that has stopped leaves the
batch, and the others keep their moments. Each network has its own seed: it does not depend on its company.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from tqdm import tqdm

from scaling_lib.errors import MissingDependency

__all__ = ["Networks", "Recipe", "train"]


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
    optimizer = torch.optim.AdamW(theta, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)

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
    running = torch.arange(members)
    reference, since = best.clone(), torch.zeros(members, dtype=torch.long)
    points = x.shape[1]
    for epoch in tqdm(range(recipe.epochs), desc="networks", disable=not progress, leave=False):
        if recipe.batch is None or recipe.batch >= points:
            portions: list[Any] = [None]
        else:
            order = torch.stack([torch.randperm(points, generator=generators[int(member)]) for member in running])
            portions = list(order.split(recipe.batch, dim=1))
        value = objective(x, y) if portions == [None] else None  # the graph is used again for the gradient
        with torch.no_grad():
            whole = objective(*judged) if judged is not None else objective(x, y) if value is None else value.detach()
        better = whole < best[running]
        best[running] = torch.minimum(whole, best[running])
        for store, tensor in zip(kept, theta, strict=True):
            store[running[better]] = tensor.detach()[better]
        improved = whole < reference - recipe.improvement
        reference = torch.where(improved, whole, reference)
        since = torch.where(improved, 0, since + 1)
        epochs[running.numpy()] = epoch
        going = (since <= recipe.patience) & torch.isfinite(whole)
        if not going.any():
            break
        if not going.all():
            running, reference, since, x, y, unit = (part[going] for part in (running, reference, since, x, y, unit))
            judged = None if judged is None else tuple(part[going] for part in judged)
            optimizer = _of_some(optimizer, going)
            theta = optimizer.param_groups[0]["params"]
            portions = [None if portion is None else portion[going] for portion in portions]
            value = None
        for portion in portions:
            if portion is not None:
                value = objective(torch.gather(x, 1, portion[..., None].expand(-1, -1, 2)), torch.gather(y, 1, portion))
            elif value is None:
                value = objective(x, y)
            optimizer.zero_grad()
            value.sum().backward()
            optimizer.step()
    return Networks(tuple(tensor.numpy() for tensor in kept), epochs, best.numpy().astype(float))


def _of_some(optimizer: Any, going: Any) -> Any:
    """An AdamW with the same settings and moments for the networks (K,) that are `going`."""
    before = optimizer.param_groups[0]
    settings = {name: before[name] for name in ("lr", "weight_decay", "betas", "eps")}
    continued = type(optimizer)([tensor.detach()[going].requires_grad_() for tensor in before["params"]], **settings)
    for old, new in zip(before["params"], continued.param_groups[0]["params"], strict=True):
        state = optimizer.state[old]
        if state:  # there is none before the first step
            moments = {name: state[name][going] for name in ("exp_avg", "exp_avg_sq")}
            continued.state[new] = {"step": state["step"], **moments}
    return continued
