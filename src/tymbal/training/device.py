"""Where torch computes: a device by name, or one clear error."""

from __future__ import annotations

import torch

from tymbal.errors import UsageError


def usable_device(name: str | torch.device | None) -> torch.device:
    """The device called `name` ("cpu", "cuda", "cuda:1"); None: CUDA where torch has it, else the CPU.

    Raises UsageError for a name that torch does not know and for a device that is not there.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"device is {str(name)!r}", parameter="device", allowed="cpu, cuda, cuda:NUMBER") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(
            f"device is {str(name)!r}",
            parameter="device",
            allowed=", ".join(["cpu", *(f"cuda:{number}" for number in range(count))]),
            mend="torch finds no other here; look at: tymbal doctor",
        )
    return device
