from pathlib import Path

import numpy as np
import pytest
import torch

from adv_core.datasets import centred, main, mnist, pack, photograph, photographs
from adv_core.images import is_8bit
from tests.conftest import PHOTOS


@pytest.mark.parametrize(("split", "zeros", "ones"), [("train", 5923, 6742), ("test", 980, 1135)])
def test_all_zeros_and_ones_are_here(split: str, zeros: int, ones: int) -> None:
    data = mnist(split)  # type: ignore[arg-type]
    assert data.images.shape == (zeros + ones, 1, 28, 28) and data.images.dtype == torch.float32
    assert torch.bincount(data.labels).tolist() == [zeros, ones]
    assert float(data.images.min()) == 0 and float(data.images.max()) == 1 and is_8bit(data.images)
    assert bool((data.places.diff() > 0).all())  # MNIST's own order


def test_a_one_is_a_stroke_and_a_zero_is_a_ring() -> None:
    data = mnist("test")
    middle = data.images[:, 0, 12:16, 12:16].mean((1, 2))
    assert float(middle[data.labels == 1].mean()) > 0.6 > 0.2 > float(middle[data.labels == 0].mean())


def test_photographs_are_opened_by_name() -> None:
    assert photographs() == PHOTOS
    assert photograph("pig").size == (392, 392) and photograph("pig").mode == "RGB"
    for name in ("unicorn", "../photos/pig"):
        with pytest.raises(ValueError, match=r"no photograph .*castle, .*tabby_cat"):
            photograph(name)


def test_only_what_is_asked_for() -> None:
    assert mnist("test", [1]).labels.unique().tolist() == [1]
    with pytest.raises(ValueError, match="train and a test"):
        mnist("validation")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"no .*12\.npz"):
        mnist("test", (0, 12))


def test_packing_keeps_every_pixel_and_its_place(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = {"ytr": np.array([3, 7, 3, 1]), "yte": np.array([7, 3])}
    images = {f"x{s}": random.integers(0, 256, (n, 28, 28), np.uint8) for s, n in (("tr", 4), ("te", 2))}
    source = tmp_path / "whole.npz"
    np.savez(source, **labels, **images)
    pack(source, [3, 7], tmp_path / "packed")
    train, test = (mnist(split, (3, 7), tmp_path / "packed") for split in ("train", "test"))  # type: ignore[arg-type]
    assert train.labels.tolist() == [3, 7, 3] and train.places.tolist() == [0, 1, 2] and test.labels.tolist() == [7, 3]
    assert np.array_equal((train.images[:, 0] * 255).round().numpy(), images["xtr"][:3])


def test_the_command_line_knows_ten_digits(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pack", "nothing.npz", "10"])
    assert "10" in capsys.readouterr().err


def test_a_drawing_is_moved_to_the_middle_and_not_changed() -> None:
    drawing = torch.zeros(28, 28)
    drawing[1:5, 2:4] = torch.rand(4, 2, generator=torch.Generator().manual_seed(0)) + 0.1
    moved = centred(drawing)
    places = torch.arange(28.0)
    for axis in (0, 1):
        assert abs(float((moved.sum(1 - axis) * places).sum() / moved.sum()) - 13.5) <= 0.5
    assert torch.equal(moved[moved > 0], drawing[drawing > 0])
    assert torch.equal(centred(moved), moved)
    assert torch.equal(centred(torch.zeros(28, 28)), torch.zeros(28, 28))


def test_mnists_own_digits_hardly_move() -> None:
    digits = mnist("test")[:200].images[:, 0]
    differs = [float((centred(digit) - digit).abs().max()) > 0 for digit in digits]
    shifted = [digit for digit, moved in zip(digits, differs, strict=True) if moved]
    # MNIST was centred before it was resized and rounded: at most one pixel is left to do.
    for digit in shifted:
        best = min(
            float((centred(digit) - digit.roll((i, j), (0, 1))).abs().max()) for i in (-1, 0, 1) for j in (-1, 0, 1)
        )
        assert best == 0
