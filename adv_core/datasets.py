"""Data: MNIST and sixteen photographs, which come with the library; nothing is downloaded.

`assets/mnist/` has one file per digit, so that a lesson reads only the digits that it needs. The repository
holds only digits that some lesson needs.

    python -m adv_core.datasets pack mnist.npz 0 1     # how those files were made
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from adv_core.assets import ASSETS
from adv_core.decoding import open_image

MNIST = ASSETS / "mnist"
PHOTOGRAPHS = ASSETS / "photos"
Split = Literal["train", "test"]


def photographs() -> list[str]:
    """The names of the sample photographs."""
    return sorted(file.stem for file in PHOTOGRAPHS.glob("*.jpg"))


def photograph(name: str) -> Image.Image:
    """Open a sample photograph. Their sources and licences: `LICENSES.md`, in the same folder.

    Raises:
        ValueError: no such photograph.
    """
    if name not in photographs():
        raise ValueError(f"there is no photograph {name!r}; there are {', '.join(photographs())}")
    return open_image((PHOTOGRAPHS / f"{name}.jpg").read_bytes())


@dataclass(frozen=True, eq=False)
class Digits:
    """Handwritten digits, in MNIST's own order.

    Attributes:
        levels: (N, 1, 28, 28) uint8, as they are stored: ink is 255, paper is 0.
        labels: (N,) long, the digit itself.
        places: (N,) long, the index of each in the whole of MNIST: "test image 3" is the same image for everybody.
    """

    levels: Tensor
    labels: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: int | slice | np.ndarray) -> "Digits":
        """Select digits; a single number gives one digit without the first dimension."""
        return Digits(self.levels[rows], self.labels[rows], self.places[rows])

    @property
    def images(self) -> Tensor:
        """The digits as (N, 1, 28, 28) float32 in [0, 1], k / 255 exactly.

        They take four times the memory of `levels`, and are made anew each time: choose the rows first,
        ``digits[:300].images``.
        """
        return self.levels.float() / 255


def mnist(split: Split, digits: Iterable[int] = (0, 1), folder: Path = MNIST) -> Digits:
    """Read the images of some digits (LeCun, Cortes & Burges; CC BY-SA 3.0). It takes 20 ms a digit: keep the result.

    Raises:
        ValueError: another split, or a digit whose file is not there.
    """
    if split not in ("train", "test"):
        raise ValueError(f"MNIST has a train and a test split, not {split!r}")
    images, labels, places = [], [], []
    for digit in sorted(set(digits)):
        file = folder / f"{digit}.npz"
        if not file.is_file():
            raise ValueError(f"there is no {file}: pack the digit {digit} with python -m adv_core.datasets")
        with np.load(file) as stored:
            images.append(stored[split])
            places.append(stored[f"{split}_places"].astype(np.int64))
        labels.append(np.full(len(places[-1]), digit))
    where = np.concatenate(places)
    order = np.argsort(where)
    return Digits(
        torch.from_numpy(np.concatenate(images)[order, None]),
        torch.from_numpy(np.concatenate(labels)[order]),
        torch.from_numpy(where[order]),
    )


def pack(source: Path, digits: Sequence[int], folder: Path = MNIST) -> list[Path]:
    """Write the files that `mnist` reads, one per digit.

    Args:
        source: an npz with ``xtr`` (N, 28, 28) uint8, ``ytr`` (N,), and ``xte``, ``yte`` for the test split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with np.load(source) as whole:
        splits = {"train": (whole["xtr"], whole["ytr"]), "test": (whole["xte"], whole["yte"])}
    for digit in digits:
        arrays: dict[str, np.ndarray] = {}
        for split, (images, labels) in splits.items():
            places = np.flatnonzero(labels == digit)
            arrays |= {split: images[places], f"{split}_places": places.astype(np.uint16)}
        file = folder / f"{digit}.npz"
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        written.append(file)
    return written


def centred(image: Tensor) -> Tensor:
    """Move a drawing (28, 28) so that its centre of mass is in the middle, as in MNIST.

    Ink that would leave the picture is lost. An empty picture comes back as it is.
    """
    ink = image.sum()
    if not ink > 0:
        return image
    moved = image
    for axis in (0, 1):
        size = image.shape[axis]
        along = image.sum(1 - axis)
        shift = round((size - 1) / 2 - float((along * torch.arange(size)).sum() / ink))
        moved = torch.zeros_like(moved).index_copy(
            axis,
            torch.arange(max(shift, 0), size + min(shift, 0)),
            moved.narrow(axis, max(-shift, 0), size - abs(shift)),
        )
    return moved


_SIDE, _INSIDE = 28, 20  # MNIST's digits fit into 20 × 20, and are centred by mass in 28 × 28
_WORKING = 400


def as_digit(picture: Image.Image) -> Tensor:
    """Extract the digit from a photograph, (28, 28) in [0, 1], values k/255: ink is 1, paper 0.

    The ink may be dark on light paper or light on dark. Uneven light is subtracted, empty paper is cut away, and the
    digit is scaled and centred as in MNIST (LeCun et al., Proc. IEEE 1998).

    Raises:
        ValueError: the picture has no ink that differs from its background.
    """
    grey = picture.convert("L")
    grey.thumbnail((_WORKING, _WORKING))
    values = np.asarray(grey, np.float32) / 255
    paper = _background(values)
    contrast = values - paper
    # The side that deviates more is the ink: dark on light, or light on dark.
    if -np.percentile(contrast, 1) > np.percentile(contrast, 99):
        contrast = -contrast
    strongest = float(np.percentile(contrast, 99.5))
    if strongest < 0.1:
        raise ValueError("No digit was found in this picture. Please write it large, dark on light paper.")
    strength = np.clip(contrast / strongest, 0, 1)
    strength = np.clip((strength - 0.35) / 0.4, 0, 1)
    rows, columns = np.flatnonzero(strength.max(1) > 0.5), np.flatnonzero(strength.max(0) > 0.5)
    cut = strength[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _INSIDE / max(cut.shape)
    size = (max(round(cut.shape[1] * scale), 1), max(round(cut.shape[0] * scale), 1))
    small = Image.fromarray((cut * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    page = Image.new("L", (_SIDE, _SIDE))
    page.paste(small, ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    levels = np.array(page, np.float32)
    return centred(torch.from_numpy(levels / max(float(levels.max()), 1.0) * 255).round() / 255)


def _background(values: np.ndarray) -> np.ndarray:
    """The paper's own brightness at every place: a plane through the median of the edges, which hold no ink."""
    height, width = values.shape
    y, x = np.mgrid[:height, :width] / max(height, width)
    edge = np.ones_like(values, bool)
    rim = max(2, min(height, width) // 12)
    edge[rim:-rim, rim:-rim] = False
    design = np.stack([np.ones_like(x), x, y], -1)
    for _ in range(2):  # the second fit leaves out places that do not look like paper
        solved, *_ = np.linalg.lstsq(design[edge], values[edge], rcond=None)
        plane = design @ solved
        away = np.abs(values - plane)
        edge &= away <= max(float(np.percentile(away[edge], 90)), 0.02)
    return np.asarray(design @ solved, np.float32)


def main(arguments: list[str] | None = None) -> None:
    """The command line: ``pack SOURCE DIGIT ...``."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.datasets", description=pack.__doc__)
    command = parser.add_subparsers(required=True).add_parser("pack", help="write assets/mnist/<digit>.npz")
    command.add_argument("source", type=Path)
    command.add_argument("digits", type=int, nargs="+", choices=range(10), metavar="DIGIT")
    asked = parser.parse_args(arguments)
    for file in pack(asked.source, asked.digits):
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
