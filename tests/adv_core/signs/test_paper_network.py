"""The attack and the drive on the network of the paper, LISA-CNN (Eykholt et al. 2018), and on its photographs."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from adv_core.attacks.step import run
from adv_core.datasets import photograph
from adv_core.images import from_pixels
from adv_core.objectives import ExpectedTargeted
from adv_core.signs.driving import DriveBy, SignBox, drive
from adv_core.signs.stickers import (
    Stickered,
    allowed,
    covered,
    most_squares,
    squares_of,
    stick,
    with_stickers,
    working_copy,
)
from adv_core.transforms.expectation import Transformed
from bench.strangers import FOLDER

WEIGHTS = FOLDER / "lisa_cnn_stop_sign"
STOP, LIMIT_45 = 14, 12
Network = Callable[[Tensor], Tensor]

pytestmark = pytest.mark.skipif(not WEIGHTS.is_dir(), reason=f"no network of the paper in {WEIGHTS}")


@pytest.fixture(scope="module")
def network() -> Network:
    """Pixels (N, 3, 48, 48) to logits (N, 18); it sees them at 32 × 32."""
    with np.load(WEIGHTS / "lisa_cnn_stop_sign.npz") as stored:
        kept = {name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored.files}

    def logits(x: Tensor) -> Tensor:
        x = F.interpolate(x, (32, 32), mode="bilinear", antialias=True, align_corners=False)
        for layer, options in (("conv1", {"stride": 2, "padding": 3}), ("conv2", {"stride": 2}), ("conv3", {})):
            x = F.relu(F.conv2d(x, kept[f"{layer}.weight"], kept[f"{layer}.bias"], **options))  # type: ignore[arg-type]
        return x.permute(0, 2, 3, 1).flatten(1) @ kept["dense.weight"].T + kept["dense.bias"]

    return logits


def read(network: Network, pixels: np.ndarray, box: SignBox) -> Tensor:
    """Return the network's answers in the frames of two drives, (32,)."""
    views = [DriveBy(box).at(from_pixels(pixels[None]), *drive(16, seed)) for seed in (1001, 1002)]
    return network(torch.cat(views)).argmax(1)


@pytest.mark.parametrize(("picture", "least"), [("sample", 0.8), ("1.png", 0.8), ("23.png", 0.8)])
def test_small_stickers_read_speed_limit_45_and_grey_ones_do_not(network: Network, picture: str, least: float) -> None:
    if picture == "sample":
        pixels, box = np.asarray(photograph("stop_sign_composite").convert("RGB")), SignBox(124, 82, 390, 348)
    else:
        pixels = np.asarray(Image.open(WEIGHTS / "signs_256" / picture).convert("RGB"))
        box = SignBox(0, 0, 256, 256)
    x, small = working_copy(from_pixels(pixels[None]), box)
    stickered = Stickered(Transformed(network, [DriveBy(small)], samples=8, seed=0), x, small)
    attack = stick(stickered, allowed("band"), ExpectedTargeted(LIMIT_45), most=most_squares(0.05), steps=60)
    squares = squares_of(run(attack, keep_steps=False).delta)
    assert covered(squares) <= 0.05
    assert float((read(network, pixels, box) == STOP).float().mean()) > 0.8
    assert float((read(network, with_stickers(pixels, box, squares), box) == LIMIT_45).float().mean()) >= least
    assert float((read(network, with_stickers(pixels, box, squares, 128), box) == LIMIT_45).float().mean()) <= 0.1
