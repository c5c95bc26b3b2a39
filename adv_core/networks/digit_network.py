"""A small convolutional network that classifies handwritten digits, and its shipped checkpoints.

It is the network of Wong, Rice & Kolter, "Fast is better than free" (ICLR 2020, arXiv:2001.03994): small enough to
train live on a laptop, and large enough to become robust at ε = 0.3.

`assets/digits/` holds checkpoints, each beside the figures that `python -m adv_core.training` printed when it made it.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from adv_core.assets import ASSETS
from adv_core.networks.first_weights import first_weights

CHECKPOINTS = ASSETS / "digits"


class DigitNetwork(nn.Sequential):
    """Pixels (N, 1, 28, 28) in [0, 1] -> logits (N, 10); 166 406 weights.

    Args:
        seed: of the first weights, drawn as PyTorch draws them, without touching the global generator.
    """

    def __init__(self, seed: int = 0) -> None:
        with first_weights(seed):
            super().__init__(
                nn.Conv2d(1, 16, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 7 * 7, 100),
                nn.ReLU(),
                nn.Linear(100, 10),
            )

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


class Checkpoint(NamedTuple):
    """A network that was trained beforehand.

    Attributes:
        network: in eval mode, its parameters without gradients. All callers share one object: do not train it.
        figures: the output of the script that made it: recipe, errors, seconds, the command itself.
    """

    network: DigitNetwork
    figures: Mapping[str, Any]


def names(folder: Path = CHECKPOINTS) -> list[str]:
    """The names of the checkpoints in the folder."""
    return sorted(file.stem for file in folder.glob("*.npz"))


@cache
def checkpoint(name: str, device: str = "cpu") -> Checkpoint:
    """Return a shipped network and its figures, read once; see `read`."""
    return read(name, device)


def read(name: str, device: str = "cpu", folder: Path = CHECKPOINTS) -> Checkpoint:
    """Read the network and the figures of a checkpoint.

    Raises:
        ValueError: no such checkpoint, or one that is damaged.
    """
    if name not in names(folder):
        raise ValueError(f"there is no checkpoint {name!r}: choose one of {', '.join(names(folder))}")
    network = DigitNetwork().to(device)
    return Checkpoint(network, load(network, name, folder))


def load(network: nn.Module, name: str, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """Read the weights of a checkpoint into a network, and freeze it in eval mode. Return the figures.

    Raises:
        ValueError: the checkpoint is damaged, or is of another kind of network.
    """
    try:
        data = (folder / f"{name}.npz").read_bytes()
        figures: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        if hashlib.sha256(data).hexdigest() != figures.pop("sha256", None):
            raise ValueError("checksum")
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            network.load_state_dict({key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files})
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"the checkpoint {name!r} is damaged ({type(error).__name__})") from error
    network.eval().requires_grad_(False)
    return figures


def save(network: nn.Module, figures: Mapping[str, Any], name: str, folder: Path = CHECKPOINTS) -> None:
    """Write a checkpoint, with weights of 16 bits and their checksum.

    Judge the network as it is read again, not as it was trained.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: value.cpu().numpy().astype(np.float16) for key, value in network.state_dict().items()}
    file = folder / f"{name}.npz"
    np.savez_compressed(file, **weights)
    told = {**figures, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    (folder / f"{name}.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def pack(network: nn.Module) -> bytes:
    """The weights, 16 bits each, one after the other (0.3 MB), to send a network that has no checkpoint."""
    flat = torch.cat([value.detach().flatten() for value in network.state_dict().values()])
    return flat.cpu().numpy().astype(np.float16).tobytes()


def unpack(weights: bytes, device: str = "cpu") -> DigitNetwork:
    """The network of `pack`, in eval mode, its parameters without gradients.

    Raises:
        ValueError: not as many weights as a `DigitNetwork` has.
    """
    flat = torch.from_numpy(np.frombuffer(weights, np.float16).astype(np.float32))
    network = DigitNetwork()
    state = network.state_dict()
    if len(flat) != sum(value.numel() for value in state.values()):
        raise ValueError("these are not the weights of a DigitNetwork")
    parts = flat.split([value.numel() for value in state.values()])
    network.load_state_dict({key: part.view_as(state[key]) for key, part in zip(state, parts, strict=True)})
    return network.to(device).eval().requires_grad_(False)
