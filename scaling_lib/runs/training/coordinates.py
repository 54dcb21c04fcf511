r"""The coordinate check: does the size of what flows through a model depend on its width?

A model of width n is trained for a few steps at a constant learning rate, and at every step the mean absolute entry of
some activations is written down. If they grow as n^s, s is the slope of log size against log width. muP is defined by
s = 0 for all activations after any fixed number of steps (logits at the start excepted, which begin as n^-1/2 and catch
up); under SP the updates grow with the width, and s reaches 1 and more within a few steps.

The check sees initial scales, multipliers and learning rates. It cannot see weight decay or Adam's epsilon: only a
learning-rate transfer can.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from tqdm import tqdm

from scaling_lib.arguments import Count, Integer, Positive, Remedy, checked
from scaling_lib.data.markov import AnyChain
from scaling_lib.data.walks import WalkStream
from scaling_lib.errors import check_instance, check_real, invalid
from scaling_lib.models.accounting import Architecture
from scaling_lib.models.parametrization import AnyParametrization
from scaling_lib.runs.keeping.summaries import side
from scaling_lib.runs.records import Optimizer

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

__all__ = ["BOUND", "activation_growth", "activation_sizes", "check_verdict", "layer_outputs"]

BOUND = 0.3  # the largest |slope| that muP is allowed, fixed before the check was run


@checked
def activation_sizes(
    chain: AnyChain,
    parametrization: AnyParametrization,
    *,
    learning_rate: Positive,
    widths: Annotated[Sequence[int], Remedy("pass a list of widths")] = (32, 64, 128, 256, 512),
    seeds: Count = 4,
    steps: Annotated[int, Integer(minimum=0)] = 10,
    batch: Count = 10,
    depth: Count = 2,
    context: Annotated[int, Integer(minimum=2)] = 50,
    tied: bool = True,
    progress: bool = False,
) -> "pd.DataFrame":
    """Sizes of activations during the first steps: one row for each width, seed, step and activation.

    learning_rate: constant, the same at every width. widths, seeds, steps: those of the table. batch: walks a step, of
    `context` tokens. Columns: width, seed, step (updates made before; 0 is the start), activation, size (mean absolute
    entry on the batch of that step). Activations: "embedding", "logits", and in each layer i "layers.<i>." +
    "attention_logits" (those the causal mask leaves), "attention_out", "mlp_out". The seeds of one width are stacked
    into one model.
    """
    import pandas as pd
    import torch

    from scaling_lib.models.transformer import Transformer
    from scaling_lib.runs.training.ensembles import derived_seed
    from scaling_lib.runs.training.optimizers import AdamW

    optimizer = Optimizer(learning_rate)
    shapes = [Architecture(chain.nodes, width, depth=depth, context=context, tied=tied) for width in widths]
    sizes_seen: list[dict[str, object]] = []
    bar = tqdm(total=len(shapes) * (steps + 1), unit="step", disable=not progress, leave=False)
    for shape in shapes:
        generators = [torch.Generator().manual_seed(derived_seed(seed, "initial weights")) for seed in range(seeds)]
        model = Transformer(shape, parametrization, generators=generators)
        update = AdamW(model, [optimizer] * seeds, np.ones(steps + 1))
        streams = [WalkStream(chain, context, batch, derived_seed(seed, "training walks")) for seed in range(seeds)]
        for step in range(steps + 1):
            tokens = torch.stack([torch.as_tensor(stream.batch(step)) for stream in streams])  # [K, batch, context]

            def watch(name: str, activation: "Tensor", width: int = shape.width, step: int = step) -> None:
                sizes = activation.detach().abs()
                if name.endswith("attention_logits"):  # [K*B, heads, T, T]
                    unmasked = torch.ones(sizes.shape[-2:], dtype=torch.bool).tril()
                    sizes = sizes[..., unmasked]  # [K*B, heads, T (T+1) / 2]
                for seed, size in enumerate(sizes.reshape(seeds, -1).mean(1).tolist()):  # [K, all of a member]
                    sizes_seen.append({"width": width, "seed": seed, "step": step, "activation": name, "size": size})

            with torch.no_grad():
                hidden = model.hidden(tokens[..., :-1], watch)
                watch("logits", torch.bmm(hidden, model.readout.mT))
            model.losses(tokens).sum().backward()
            update.step()
            bar.update()
    bar.close()
    return pd.DataFrame(sizes_seen)


def layer_outputs(growth: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of `growth` that the check judges: outputs of attention and MLP in every layer, after one step or more.

    growth: as `activation_growth` returns it. The start is left out, and so are the logits, which are excused there.
    """
    import pandas as pd

    check_instance("growth", growth, pd.DataFrame, remedy="make it with activation_growth")
    if not {"step", "activation", "slope"} <= set(growth.columns):
        raise invalid("growth", "a table of activation_growth", list(growth.columns), "make it so")
    return growth[growth["activation"].str.contains("_out") & (growth["step"] > 0)]


def check_verdict(growth: "pd.DataFrame", *, bound: float = BOUND) -> str:
    """"passes" where no layer output has a slope further from zero than `bound`, "fails" where one has.

    "on the edge" where the largest is the bound up to a millionth. growth: as `activation_growth` returns it.
    """
    largest = float(layer_outputs(growth)["slope"].abs().max())
    bound = check_real("bound", bound, above=0)
    if not np.isfinite(largest):
        raise invalid("growth", "a table with a layer output after one step or more", largest, "take more steps")
    return {"above": "fails", "below": "passes"}.get(side(largest, bound), "on the edge")


def activation_growth(sizes: "pd.DataFrame") -> "pd.DataFrame":
    """The exponent s of size ~ width^s for each step and activation: least squares on logarithms, all seeds.

    sizes: as `activation_sizes` returns it, of at least two widths. Columns: step, activation, slope, slope_se (the
    standard error of the mean over seeds of each seed's own slope; 0 for one seed).
    Raises InvalidArgument where a column is missing or a size is not positive.
    """
    import pandas as pd

    check_instance("sizes", sizes, pd.DataFrame, remedy="make it with activation_sizes")
    lacking = {"width", "seed", "step", "activation", "size"} - set(sizes.columns)
    if lacking or sizes["width"].nunique() < 2:
        raise invalid("sizes", "a table of activation_sizes of two widths or more", sorted(lacking), "make it so")
    if not ((sizes["size"] > 0) & np.isfinite(sizes["size"])).all():
        raise invalid("sizes", "of positive finite sizes", "others", "lower the learning rate")
    growth = []
    for (step, activation), group in sizes.groupby(["step", "activation"], sort=False):
        by_seed = [own for _, own in group.groupby("seed")]
        slopes = [float(np.polyfit(np.log(own["width"]), np.log(own["size"]), 1)[0]) for own in by_seed]
        error = float(np.std(slopes, ddof=1) / len(slopes) ** 0.5) if len(slopes) > 1 else 0.0
        growth.append({"step": step, "activation": activation, "slope": float(np.mean(slopes)), "slope_se": error})
    return pd.DataFrame(growth)
