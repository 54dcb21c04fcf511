"""The devices that models are trained on. Imports torch only where one is asked for."""

from typing import TYPE_CHECKING, Any

from scaling_lib.errors import check_choice, check_instance, invalid

if TYPE_CHECKING:
    import torch

__all__ = ["DEVICES", "check_device"]

DEVICES = ("cpu", "cuda")


def check_device(device: Any) -> "torch.device":
    """`device` as a `torch.device` that this machine has.

    device: "cpu", "cuda", "cuda:1" or a `torch.device`. Raises InvalidArgument where it is no such thing, or where
    torch sees no CUDA device here.
    """
    import torch

    check_instance("device", device, (str, torch.device), remedy="pass 'cpu' or 'cuda'")
    try:
        place = torch.device(device)
    except RuntimeError:
        raise invalid("device", "a device of torch", device, "pass 'cpu' or 'cuda'") from None
    check_choice("device", place.type, DEVICES)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise invalid("device", "a device of this machine", device, "pass 'cpu', torch sees no CUDA device here")
    return place
