"""A second face recogniser, unrelated to the shipped one, and no part of this repository.

It is the face descriptor of HSE-FaceRes (Savchenko): a MobileNet v1 (Howard et al. 2017, arXiv:1704.04861) of 3.2
million weights, of another author, another architecture and other training data. The folder with its weights lies
beside the checkout, or where ``$TEST_WEIGHTS`` says, as in `bench.strangers`.
"""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.strangers import FOLDER

WEIGHTS = FOLDER / "face_mobilenet_hse" / "face_mobilenet_hse.npz"
SIDE = 224  # of a crop, in pixels
SAME = 0.88  # below this distance, two crops show the same person: by nine faces, see the README beside the weights
MEAN = torch.tensor((103.939, 116.779, 123.68))[:, None, None]  # of blue, green and red
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


class SecondRecogniser(nn.Module):
    """Crops (N, 3, H, W) in [0, 1] of any size -> descriptors (N, 1024) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        with np.load(WEIGHTS, allow_pickle=False) as stored:
            self._weights = {key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files}

    def _convolution(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = self._weights[f"{name}.weight"]
        if weight.shape[-1] == 3:  # at a stride of 2, all of the padding is on the right and below
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        return F.relu6(F.conv2d(x, weight, self._weights[f"{name}.bias"], stride, groups=groups))

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        x = self._convolution(255 * x.flip(1) - MEAN, "stem", 2)
        for place, stride in enumerate(STRIDES):
            x = self._convolution(x, f"block{place}.dw", stride, groups=x.shape[1])
            x = self._convolution(x, f"block{place}.pw")
        return F.normalize(x.mean((2, 3)))


@cache
def second_recogniser() -> SecondRecogniser:
    """Return the network, read once."""
    return SecondRecogniser().eval()
