"""Digits on photographs: scaled, centred, ink light on black, whatever the light was."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from adv_core.datasets import as_digit, mnist
from adv_core.networks.digit_network import checkpoint


def written(*, ink: int = 30, paper: int = 220, size: tuple[int, int] = (640, 480), where: float = 0.5) -> Image.Image:
    """A seven, in strokes as wide as a pen's."""
    picture = Image.new("L", size, paper)
    draw = ImageDraw.Draw(picture)
    left, top, side = int(size[0] * where * 0.6), int(size[1] * 0.25), int(min(size) * 0.45)
    draw.line([(left, top), (left + side * 0.6, top), (left + side * 0.2, top + side)], fill=ink, width=side // 9)
    return picture.filter(ImageFilter.GaussianBlur(2))


def says(image: torch.Tensor) -> int:
    return int(checkpoint("robust_01").network(image[None, None]).argmax())


@pytest.mark.parametrize("ink,paper", [(30, 220), (230, 20), (110, 170)])
@pytest.mark.parametrize("size", [(640, 480), (300, 900), (60, 60)])
def test_a_written_digit_is_read(ink: int, paper: int, size: tuple[int, int]) -> None:
    image = as_digit(written(ink=ink, paper=paper, size=size))
    assert image.shape == (28, 28) and float(image.max()) == 1 and float(image.min()) == 0
    assert torch.equal((image * 255).round() / 255, image)
    assert says(image) == 7


def test_uneven_light_is_taken_off() -> None:
    flat = np.asarray(written(), np.float32)
    shade = np.linspace(1, 0.5, flat.shape[1])[None]
    image = as_digit(Image.fromarray((flat * shade).astype(np.uint8)))
    assert says(image) == 7 and float((image > 0.2).float().mean()) < 0.3


def test_it_is_as_large_and_as_central_as_in_mnist() -> None:
    image = as_digit(written(where=1.0))
    rows, columns = ((image.sum(axis) > 0.1).nonzero().flatten() for axis in (1, 0))
    assert max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1 in (19, 20, 21)
    along = torch.arange(28.0)
    for axis in (0, 1):
        assert float((image.sum(1 - axis) * along).sum() / image.sum()) == pytest.approx(13.5, abs=0.6)


def test_mnist_itself_is_read_as_before() -> None:
    data = mnist("test", range(10))
    network = checkpoint("robust_01").network
    right = 0
    for image, label in zip(data[:50].images[:, 0], data.labels[:50], strict=True):
        photo = Image.fromarray((255 - 200 * image.numpy()).astype(np.uint8)).resize((280, 280))
        right += int(network(as_digit(photo)[None, None]).argmax()) == int(label)
    assert right >= 47


@pytest.mark.parametrize(
    "picture", [Image.new("RGB", (50, 50), "white"), Image.new("L", (1, 1)), Image.new("L", (9, 3))]
)
def test_an_empty_sheet_is_told(picture: Image.Image) -> None:
    with pytest.raises(ValueError, match="No digit was found"):
        as_digit(picture)
