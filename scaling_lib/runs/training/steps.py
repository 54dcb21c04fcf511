"""One training step of an ensemble, and how a device carries it out.

A step is losses, gradients, update. On a CPU it is called as it stands. On a CUDA device a model this small spends its
time on the launching of some 300 kernels, not in them: so after a few steps the whole of the next one is captured as a
CUDA graph, and from then on replayed, one launch a step. The graph reads its tokens from one buffer and leaves its
losses in another; nothing in a step is a number of the host's (see `runs.training.optimizers`), so a replay is the
step.

Precision is that of the matrix products of the training step. Weights, both moments, norms, softmax, losses and the
whole of the evaluation are float32 throughout.

    float32     as it says
    tf32        factors rounded to 10 bits of mantissa, on CUDA devices of compute capability 8 or more
    bfloat16    those of the layers rounded to 7 bits; the readout as in tf32 where the device can, else in float32
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scaling_lib.data.sources import NextLaws
from scaling_lib.errors import InvalidArgument, check_choice, check_instance, check_sequence, invalid
from scaling_lib.models.devices import check_device
from scaling_lib.models.trainable import Trainable, check_trainable
from scaling_lib.runs.records import PRECISIONS
from scaling_lib.runs.training.optimizers import AdamW

__all__ = ["Replayed", "TrainingStep", "check_precision", "exact_losses", "matrix_products"]

# Steps taken as they stand before one is captured: libraries choose and prepare their kernels in them.
WARM_UP_STEPS = 3

Step = Callable[[Int[Tensor, "K batch time"]], Float[Tensor, "K"]]


class TrainingStep:
    """A function from a batch [K, batch, time] to the losses [K] before the update that it makes.

    model, optimizer: what is trained, in place. precision: "float32", "tf32" or "bfloat16"; a `float32_only` model
    takes the first alone. capture: how a step is captured for replay after the warm-up, or None for never; by default
    as a CUDA graph on a CUDA device, if the model is `replayable`. laws: from a batch, the laws of its next tokens for
    each member (`exact_losses`): soft labels, in place of the tokens themselves; such steps are never captured, since
    the laws are looked up by the host.
    The losses, in nats, are the step's own: the next step may overwrite them.
    """

    def __init__(
        self,
        model: Trainable,
        optimizer: AdamW,
        precision: str = "float32",
        *,
        capture: Callable[[Step, Tensor], Step] | str | None = "auto",
        laws: Callable[[Int[Tensor, "K batch time"]], Sequence[NextLaws]] | None = None,
    ) -> None:
        check_trainable("model", model)
        check_instance("optimizer", optimizer, AdamW, remedy="build it with AdamW(model, ...)")
        device = model.flat.values.device
        check_precision(precision, device)
        if model.float32_only and precision != "float32":
            raise invalid("precision", "'float32' for a module of your own", precision, "cast inside the module")
        # The warm-up and the capture share one stream, since memory is kept and reused stream by stream.
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        if laws is not None and not callable(laws):
            raise invalid("laws", "a function of a batch", laws, "leave it out")
        if laws is not None and precision == "bfloat16":
            raise invalid("precision", "'float32' or 'tf32' for exact labels", precision, "pass 'float32'")
        if isinstance(capture, str) and capture == "auto":
            replayable = device.type == "cuda" and model.replayable and laws is None
            capture = self._cuda_graph if replayable else None
        if capture is not None and not callable(capture):
            raise invalid("capture", "a function of a step and a batch, or None", capture, "leave it out")
        self.model, self.optimizer, self.precision, self.device = model, optimizer, precision, device
        self._capture, self._taken, self._laws = capture, 0, laws
        self._replay: Step | None = None

    def __call__(self, tokens: Int[Tensor, "K batch time"]) -> Float[Tensor, "K"]:
        check_instance("tokens", tokens, Tensor, remedy="take them from batches(...)")
        if self._replay is not None:
            return self._replay(tokens)
        if self._capture is None:
            return self._step(tokens)
        if self._taken < WARM_UP_STEPS:
            self._taken += 1
            return self._beside(tokens)
        self._replay = self._capture(self._step, tokens)
        return self._replay(tokens)

    def _step(self, tokens: Int[Tensor, "K batch time"]) -> Float[Tensor, "K"]:
        with matrix_products(self.precision, self.device):
            if self._laws is None:
                losses = self.model.losses(tokens, layers_in_bfloat16=self.precision == "bfloat16")  # [K]
            else:
                losses = exact_losses(self.model, tokens, self._laws(tokens))  # [K]
            losses.sum().backward()  # members do not meet: each gets the gradient of its own loss
            self.optimizer.step()
        return losses.detach()

    def _beside(self, tokens: Int[Tensor, "K batch time"]) -> Float[Tensor, "K"]:
        """A step on the stream of the capture, as a warm-up has to be; where there is no CUDA, the step."""
        if self._stream is None:
            return self._step(tokens)
        here = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            losses = self._step(tokens)
        here.wait_stream(self._stream)
        return losses

    def _cuda_graph(self, step: Step, example: Int[Tensor, "K batch time"]) -> "Replayed":
        """`step` as a CUDA graph. Capturing records its kernels without running them, so nothing is trained by it."""
        tokens = example.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device), torch.cuda.graph(graph, stream=self._stream):
            losses = step(tokens)
        return Replayed(tokens, losses, graph.replay)


def exact_losses(
    model: Trainable, tokens: Int[Tensor, "K batch time"], laws: Sequence[NextLaws]
) -> Float[Tensor, "K"]:
    """Mean cross-entropy of every member with the laws of the next tokens, nats, over the T - 1 contexts of a sequence.

    laws: for each member, those after every beginning of its sequences but the whole (`Tokens.next_laws` of
    tokens[k, :, :-1]). The least value is the mean entropy of the laws, not zero.
    """
    check_trainable("model", model)
    check_instance("tokens", tokens, Tensor, remedy="take them from batches(...)")
    check_sequence("laws", laws, NextLaws, remedy="pass one for each member", minimum=model.members)
    logs = torch.log_softmax(model.logits(tokens[..., :-1]).float(), -1).flatten(1, 2)  # [K, batch*(T-1), V]
    contexts = logs.shape[1]
    losses = []
    for of_member, law in zip(logs, laws, strict=True):
        context = torch.as_tensor(law.context, device=logs.device)
        token = torch.as_tensor(law.token.astype(np.int64), device=logs.device)
        probability = torch.as_tensor(law.probability, dtype=torch.float32, device=logs.device)
        losses.append(-(probability * of_member[context, token]).sum() / contexts)
    return torch.stack(losses)


class Replayed:
    """A captured step: tokens are copied to where it reads them, it is replayed, and its losses are where it left them.

    tokens: the buffer it reads; losses: the buffer it writes; replay: does it once more.
    """

    def __init__(self, tokens: Tensor, losses: Tensor, replay: Callable[[], None]) -> None:
        for name, value in (("tokens", tokens), ("losses", losses)):
            check_instance(name, value, Tensor, remedy="pass the buffer of the graph")
        if not callable(replay):
            raise invalid("replay", "a function without arguments", replay, "pass graph.replay")
        self.tokens, self.losses, self._replay = tokens, losses, replay

    def __call__(self, tokens: Int[Tensor, "K batch time"]) -> Float[Tensor, "K"]:
        check_instance("tokens", tokens, Tensor, remedy="take them from batches(...)")
        if tokens.shape != self.tokens.shape:
            raise invalid("tokens", f"of shape {tuple(self.tokens.shape)}", tuple(tokens.shape), "keep to one shape")
        self.tokens.copy_(tokens)
        self._replay()
        return self.losses


@contextmanager
def matrix_products(precision: str, device: torch.device) -> Iterator[None]:
    """What float32 matrix products are rounded to inside the block, and as before after it; a setting of torch's."""
    check_choice("precision", precision, PRECISIONS)
    if device.type == "cpu":
        yield
        return
    wanted = "highest" if precision == "float32" or not _has_tf32(device) else "high"
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:
        raise InvalidArgument(
            f"precision {precision!r} cannot be set where torch.backends...fp32_precision was set before: use "
            f"torch.set_float32_matmul_precision for your own products instead."
        ) from None
    if wanted == before:
        yield
        return
    torch.set_float32_matmul_precision(wanted)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def check_precision(precision: str, device: torch.device | str) -> str:
    """`precision` if `device` can compute in it; raises InvalidArgument where it cannot."""
    check_choice("precision", precision, PRECISIONS)
    place = check_device(device)
    if precision == "tf32" and not _has_tf32(place):
        raise InvalidArgument(
            f"precision must be one that the device computes in, got 'tf32' on {place}: it takes a CUDA device of "
            f"compute capability 8 or more (A100, H100); pass 'float32'."
        )
    return precision


def _has_tf32(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
