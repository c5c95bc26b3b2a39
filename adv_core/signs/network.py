"""The sign network: a small convolutional network, trained on drawings (`adv_core.signs.training`)."""

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
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.assets import ASSETS
from adv_core.signs.classes import CLASSES

SIDE = 48  # pixels
WINDOW, FLOOR = 3, 0.03  # of `edges`: pixels, and the least deviation, which leaves flat places flat
CHECKPOINT = ASSETS / "signs" / "network"  # .npz and .json

# channels out, side of the kernel, stride
STAGES = ((32, 5, 2), (64, 3, 1), (64, 3, 2), (96, 3, 1), (96, 3, 2), (128, 3, 1), (128, 3, 1))


class SignNetwork(nn.Module):
    """Pixels (N, 3, 48, 48) in [0, 1] -> logits (N, len(CLASSES)).

    Each convolution carries its batch normalisation inside its own weights; see `adv_core.signs.training`. The head
    reads the largest activation of each channel, so that a sign may hang anywhere in the picture. The first layer sees
    `edges` alone, and no colour.

    Raises:
        ValueError: x has another shape.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for channels, kernel, stride in STAGES:
            layers += [nn.Conv2d(before, channels, kernel, stride, kernel // 2), nn.ReLU()]
            before = channels
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(before, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[1:]) != (3, SIDE, SIDE):
            raise ValueError(f"x has the shape {tuple(x.shape)}: give pixels (N, 3, {SIDE}, {SIDE}) in [0, 1]")
        return self.head(self.features(edges(x)).amax((2, 3)))


def edges(x: Tensor) -> Tensor:
    """Local contrast normalisation: pixels (N, 3, H, W) -> (N, 1, H, W), of mean 0 and deviation 1 around each place.

    The luminance, less its mean in a Gaussian window, is divided by its deviation there. So a sign in the shadow looks
    as in the sun. Sermanet & LeCun ("Traffic sign recognition with multi-scale convolutional networks", IJCNN 2011)
    read signs best from the luminance alone.
    """
    weights = x.new_tensor([0.299, 0.587, 0.114])
    luminance = torch.einsum("nchw,c->nhw", x, weights)[:, None]
    centred = luminance - _smooth(luminance)
    return centred / (_smooth(centred**2) + FLOOR**2).sqrt()


def _smooth(x: Tensor) -> Tensor:
    """The mean in a Gaussian window, (N, 1, H, W)."""
    reach = 2 * WINDOW
    window = torch.exp(-((torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / WINDOW) ** 2) / 2)
    window = window / window.sum()
    padded = F.pad(x, (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))


class Checkpoint(NamedTuple):
    """The shipped network.

    Attributes:
        network: in eval mode, its parameters without gradients. All callers share one object: do not train it.
        figures: what the script that made it measured.
    """

    network: SignNetwork
    figures: Mapping[str, Any]


@cache
def checkpoint() -> Checkpoint:
    """Return the shipped network and its figures, read once."""
    return load()


def sign_network() -> SignNetwork:
    """Return the shipped network, in eval mode, its parameters without gradients; all callers share it."""
    return checkpoint().network


def load(file: Path = CHECKPOINT) -> Checkpoint:
    """Read a network and its figures.

    Args:
        file: the path without its suffix; ``.npz`` holds the weights, ``.json`` the figures.

    Raises:
        ValueError: no such files, or damaged ones.
    """
    network = SignNetwork()
    try:
        data = file.with_suffix(".npz").read_bytes()
        figures = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        if hashlib.sha256(data).hexdigest() != figures.pop("sha256", None):
            raise ValueError("checksum")
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            network.load_state_dict({key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files})
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"the sign network {file} is damaged ({type(error).__name__})") from error
    return Checkpoint(network.eval().requires_grad_(False), figures)


def save(network: SignNetwork, figures: Mapping[str, Any], file: Path = CHECKPOINT) -> None:
    """Write a network with weights of 16 bits, its figures and its checksum; see `load` for the two files.

    Judge the network as it is read again, not as it was trained.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: value.cpu().numpy().astype(np.float16) for key, value in network.state_dict().items()}
    np.savez_compressed(file.with_suffix(".npz"), **weights)
    told = {**figures, "sha256": hashlib.sha256(file.with_suffix(".npz").read_bytes()).hexdigest()}
    file.with_suffix(".json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
