"""The examples of an evaluation, by the words of a command line."""

import csv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from adv_core.datasets import mnist, photograph, photographs
from adv_core.decoding import ImageError, open_image
from adv_core.evaluation.networks import Network
from adv_core.images import fit, to_tensor

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic")
_LABELS = "labels.csv"


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples in [0, 1].

    Attributes:
        x: (N, C, H, W); y: (N,) long, or None where nobody has labelled them.
        classes: the names of the classes, if the data tell them; told: a sentence on where the labels come from.
    """

    x: Tensor
    y: Tensor | None
    classes: Sequence[str] | None
    told: str


def examples_of(
    spec: str, network: Network, *, limit: int = 0, size: int | None = None, grey: bool = False
) -> Examples:
    """Read the examples that the words name.

    Args:
        spec: a folder of pictures: with a folder for each class, in the order of their names (or named by the classes'
            numbers), or with a file ``labels.csv`` of names and numbers; an npz file with ``x`` and ``y``; "mnist", the
            test digits; "photographs", the sixteen samples. "" is what suits the network.
        limit: the most examples, spread evenly; 0 for all.
        size: crop and resize the pictures to this side; None: the network's own, or theirs.
        grey: one colour value for each pixel.

    Raises:
        ValueError: a sentence that says what is missing.
    """
    spec, size = spec or network.data, size or network.size
    if not spec:
        raise ValueError("give the examples: --data FOLDER, or --data FILE.npz with the arrays x and y")
    if spec == "mnist":
        digits = mnist("test", range(10))
        chosen = digits[np.array(_spread(len(digits), limit))]
        return Examples(chosen.images, chosen.labels, [str(digit) for digit in range(10)], "MNIST's test labels")
    if spec == "photographs":
        shown = [photographs()[row] for row in _spread(len(photographs()), limit)]
        pictures = [to_tensor(fit(photograph(name), size or 224, size or 224)) for name in shown]
        return Examples(torch.cat(pictures), None, None, "")
    path = Path(spec)
    if path.suffix == ".npz" and path.is_file():
        return _of_arrays(path, limit)
    if path.is_dir():
        return _of_folder(path, limit, size, grey)
    raise ValueError(f"there is no {spec}: give a folder of pictures or an npz file")


def _spread(count: int, limit: int) -> list[int]:
    """The numbers of at most ``limit`` of ``count`` things, spread evenly."""
    return list(range(count)) if not 0 < limit < count else [place * count // limit for place in range(limit)]


def _of_arrays(path: Path, limit: int) -> Examples:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("x", "y") if name in stored.files}
            known = ", ".join(stored.files)
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no npz file of numbers, or is damaged") from error
    if "x" not in arrays:
        raise ValueError(f"{path} has no array x; it has {known}")
    for name, array in arrays.items():
        if array.dtype.kind not in "buif":
            raise ValueError(f"{name} of {path} has to hold numbers, not {array.dtype}")
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"]).long() if "y" in arrays else None
    if x.ndim == 3:
        raise ValueError(f"x of {path} has the shape {tuple(x.shape)}: give (N, C, H, W), as x[:, None] for grey ones")
    x = x.float() if x.is_floating_point() else _of_whole_numbers(x, path)
    if x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[-1] in (1, 3):
        x = x.permute(0, 3, 1, 2).contiguous()
    if y is not None and len(y) != len(x):
        raise ValueError(f"{path} has {len(x)} examples and {len(y)} labels")
    rows = _spread(len(x), limit)
    return Examples(x[rows], None if y is None else y[rows], None, f"y of {path.name}")


def _of_whole_numbers(x: Tensor, path: Path) -> Tensor:
    """Return pixels of 8 bits, or of 16 bits where they are stored as uint16, as numbers in [0, 1]."""
    most = 65535 if x.dtype == torch.uint16 else 255
    values = x.double()
    if x.numel() and (float(values.min()) < 0 or float(values.max()) > most):
        raise ValueError(
            f"x of {path} holds whole numbers from {values.min():.0f} to {values.max():.0f}: give 8 bits (0 to 255), "
            "16 bits as uint16 (0 to 65535), or floats in [0, 1]"
        )
    return x.float() / most


def _of_folder(folder: Path, limit: int, size: int | None, grey: bool) -> Examples:
    subfolders = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    labels: list[int] | None = None
    classes: list[str] | None = None
    if subfolders:
        numbered = all(each.name.isdecimal() for each in subfolders)
        found = [
            (file, int(each.name) if numbered else number)
            for number, each in enumerate(subfolders)
            for file in _pictures(each)
        ]
        files, labels = [file for file, _ in found], [label for _, label in found]
        classes = None if numbered else [each.name for each in subfolders]
        told = "the folders' names" if numbered else "the folders, in the order of their names"
    elif (folder / _LABELS).is_file():
        files, labels = _labelled(folder)
        told = _LABELS
    else:
        files, told = _pictures(folder), ""
    if not files:
        raise ValueError(f"{folder} holds no pictures ({', '.join(PICTURES)})")
    rows = _spread(len(files), limit)
    pictures = [_open(files[row], size, grey) for row in rows]
    shapes = {tuple(picture.shape[-2:]) for picture in pictures}
    if len(shapes) > 1:
        shown = ", ".join(f"{width} × {height}" for height, width in sorted(shapes)[:3])
        raise ValueError(f"the pictures have different sizes ({shown}, ...): give --size with the network's input size")
    y = None if labels is None else torch.tensor([labels[row] for row in rows])
    return Examples(torch.cat(pictures), y, classes, told)


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())


def _labelled(folder: Path) -> tuple[list[Path], list[int]]:
    files, labels = [], []
    try:
        text = (folder / _LABELS).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / _LABELS} is no text in UTF-8") from error
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        if len(row) < 2 or not row[1].strip().isdecimal():
            if number == 1:  # a head
                continue
            raise ValueError(f"{_LABELS}, line {number}: a line has a picture's name, a comma and its class's number")
        files.append(folder / row[0].strip())
        labels.append(int(row[1]))
        if not files[-1].is_file():
            raise ValueError(f"{_LABELS}, line {number}: there is no picture {files[-1]}")
    if not files:
        raise ValueError(
            f"{folder / _LABELS} lists no pictures: a line has a picture's name, a comma and its class's number"
        )
    return files, labels


def _open(file: Path, size: int | None, grey: bool) -> Tensor:
    try:
        image = open_image(file.read_bytes())
    except (OSError, ImageError) as error:
        raise ValueError(f"{file}: {error}") from error
    x = to_tensor(fit(image, size, size) if size else image)
    return (x.mean(1, keepdim=True) * 255).round() / 255 if grey else x
