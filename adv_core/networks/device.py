"""The device that computes: an accelerator where there is one."""

import torch


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; "auto" is CUDA if there is one, else MPS, else the CPU."""
    if str(device) != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
