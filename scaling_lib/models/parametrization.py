"""How a width is turned into initial scales, learning rates and multipliers: SP and two forms of muP, one table."""

from dataclasses import dataclass

from scaling_lib.errors import InvalidArgument, check_choice, check_flag, check_integer, check_real

__all__ = ["Parametrization"]

KINDS = ("sp", "mup", "mup-base")
DECAY_MODES = ("coupled", "independent")


@dataclass(frozen=True)
class Parametrization:
    """A choice of scaling rule.

    kind: "sp" (nanoGPT), "mup" (absolute powers of the width, the form the paper cites), "mup-base" (relative to
    base_width, Tensor Programs V Table 8). base_width: for "mup-base" only. weight_decay_mode: "coupled" (decay per
    step shrinks with the tensor's learning rate, as torch's AdamW does) or "independent" (it does not).
    zero_readout: start the readout at zero; untied models only. initial_std: the constant sigma of SP and base-width.
    """

    kind: str = "mup"
    base_width: int | None = None
    weight_decay_mode: str = "coupled"
    zero_readout: bool = False
    initial_std: float = 0.02

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_choice("weight_decay_mode", self.weight_decay_mode, DECAY_MODES)
        check_flag("zero_readout", self.zero_readout)
        object.__setattr__(self, "initial_std", check_real("initial_std", self.initial_std, above=0))
        if self.kind == "mup-base":
            check_integer("base_width", self.base_width, minimum=2)
        elif self.base_width is not None:
            raise InvalidArgument(
                f"base_width belongs to kind 'mup-base', got {self.base_width!r} with kind {self.kind!r}: leave it out."
            )
