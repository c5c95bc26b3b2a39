"""A face recogniser: a crop of a face in, 128 numbers out. Two crops show the same person if they are near each other.

It is dlib's ResNet of 29 convolutions (King 2017, dlib_face_recognition_resnet_model_v1; He et al., CVPR 2016), in the
form that face-api ships. It was trained on 3 million photographs of 7485 people from FaceScrub, VGG-Face and the web,
and reaches 99.38 % on Labeled Faces in the Wild.
"""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.assets import ASSETS

WEIGHTS = ASSETS / "faces" / "recogniser.npz"
SIDE = 150  # of a crop, in pixels
SIZE = 128  # of a descriptor
MEAN = (122.782, 117.001, 104.298)
SAME = 0.6  # below this distance, two crops show the same person


class Residual(nn.Module):
    """Two convolutions and the input: (N, C, H, W) -> (N, C', H, W), or half as large with ``down``."""

    def __init__(self, channels: int, out: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv1 = (
            nn.Conv2d(channels, out, 3, stride=2, padding=0) if down else nn.Conv2d(channels, out, 3, padding=1)
        )
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        if self.down:
            x = F.avg_pool2d(x, 2)
            # The map of the convolutions can be one pixel smaller, and has more channels: zeros fill what is missing.
            out = F.pad(out, (0, x.shape[3] - out.shape[3], 0, x.shape[2] - out.shape[2]))
            x = F.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return F.relu(out + x)


BLOCKS = {
    "conv32_1": (32, 32, False),
    "conv32_2": (32, 32, False),
    "conv32_3": (32, 32, False),
    "conv64_down": (32, 64, True),
    "conv64_1": (64, 64, False),
    "conv64_2": (64, 64, False),
    "conv64_3": (64, 64, False),
    "conv128_down": (64, 128, True),
    "conv128_1": (128, 128, False),
    "conv128_2": (128, 128, False),
    "conv256_down": (128, 256, True),
    "conv256_1": (256, 256, False),
    "conv256_2": (256, 256, False),
    "conv256_down_out": (256, 256, True),
}


class FaceRecogniser(nn.Module):
    """Crops (N, 3, 150, 150) in [0, 1] -> descriptors (N, 128); 5.6 M weights."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv32_down = nn.Conv2d(3, 32, 7, stride=2)
        self.blocks = nn.ModuleDict({name: Residual(*sizes) for name, sizes in BLOCKS.items()})
        self.last = nn.Linear(256, SIZE, bias=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv32_down((255 * x - self.mean) / 255)), 3, stride=2)
        for block in self.blocks.values():
            x = block(x)
        return self.last(x.mean((2, 3)))


@cache
def recogniser(device: str = "cpu") -> FaceRecogniser:
    """Return the shipped network, read once, in eval mode, its parameters without gradients."""
    network = FaceRecogniser()
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        weights = {key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files}

    def folded(name: str) -> dict[str, Tensor]:
        """The convolution with the scale and the bias of its channels, which the file stores behind it."""
        scale = weights[f"{name}.scale"]
        return {
            "weight": weights[f"{name}.conv.weight"] * scale[:, None, None, None],
            "bias": weights[f"{name}.conv.bias"] * scale + weights[f"{name}.bias"],
        }

    network.conv32_down.load_state_dict(folded("conv32_down"))
    for name, block in network.blocks.items():
        for conv in ("conv1", "conv2"):
            getattr(block, conv).load_state_dict(folded(f"{name}.{conv}"))
    network.last.load_state_dict({"weight": weights["fc"].T})
    return network.to(device).eval().requires_grad_(False)
