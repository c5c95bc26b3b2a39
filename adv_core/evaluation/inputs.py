"""A classifier and its examples, by the words of a command line."""

import copy
import csv
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.attacks.step import Logits
from adv_core.classifiers import REGISTRY, Classifier, ClassifierError, categories, info_of, load_classifier
from adv_core.datasets import mnist, photograph, photographs
from adv_core.decoding import ImageError, open_image
from adv_core.images import fit, to_tensor
from adv_core.networks.any_model import as_classifier
from adv_core.networks.device import pick_device
from adv_core.networks.digit_network import DigitNetwork, checkpoint, names
from adv_core.networks.fast_network import fast_network
from adv_core.networks.safetensors import read_safetensors
from adv_core.networks.torchvision_compat import ensure_torchvision_imports

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic")
DIGITS = "digits/"
_LABELS = "labels.csv"


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier to judge.

    Attributes:
        classifier: pixels in, logits out; name: for people; device: where it computes.
        classes: the names of its classes, if they are known; data: the examples that suit it, if none are given.
        size: the side of its input, if it is known.
    """

    classifier: Logits
    name: str
    device: torch.device
    classes: Sequence[str] | None = None
    data: str = ""
    size: int | None = None


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


# ------------------------------------------------------------------------------------------------------- the network


def network_of(spec: str, *, architecture: str = "", classes: int = 1000, device: str = "auto") -> Network:
    """Load the network that the words name.

    Args:
        spec: "FILE.py:NAME", where NAME is a function without arguments that returns the model, or the model itself;
            "WEIGHTS.safetensors"; a name of the registry (``efficientnet_lite0``); "digits/NAME", a shipped network for
            digits. FILE.py runs in this process.
        architecture: for a safetensors file, a name of the registry, or "digits".
        classes: the number of its classes.

    Raises:
        ValueError: a sentence that says what is missing.
    """
    where = pick_device(device)
    file, _, attribute = spec.rpartition(":")
    if file.endswith(".py"):
        return _of_python(Path(file), attribute, device)
    if spec.endswith(".py"):
        raise ValueError(f"{spec}: say which function builds the model, as in {spec}:build")
    if spec.endswith(".safetensors"):
        return _of_weights(Path(spec), architecture, classes, where)
    if spec.removeprefix(DIGITS) in names():
        name = spec.removeprefix(DIGITS)
        network = fast_network(copy.deepcopy(checkpoint(name).network)).to(where)
        return Network(network, DIGITS + name, where, [str(digit) for digit in range(10)], "mnist", 28)
    if spec in REGISTRY:
        try:
            loaded = load_classifier(spec, where)
        except ClassifierError as error:
            raise ValueError(str(error)) from error
        return Network(loaded, info_of(spec).title, where, categories(), "photographs", info_of(spec).input_size)
    known = ", ".join([*(DIGITS + name for name in names()), *REGISTRY])
    raise ValueError(
        f"there is no network {spec!r}: give FILE.py:FUNCTION, WEIGHTS.safetensors with --architecture, or one "
        f"of {known}"
    )


def _of_python(file: Path, attribute: str, device: str) -> Network:
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    name = f"network_in_{file.stem}"  # a file of the name of a package must not stand in for it
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.resolve().parent))  # for the modules beside it
    spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        own = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise ValueError(f"{file} has no {attribute!r}; it has {', '.join(own) or 'nothing that can be called'}")
    model: Any = getattr(module, attribute)
    if callable(model) and not isinstance(model, nn.Module) and _takes_nothing(model):
        model = model()
    if not callable(model):
        raise ValueError(f"{attribute} of {file} is a {type(model).__name__}: it has to be, or to return, a model")
    # Only a module is moved: what a function of one's own does with its pixels is its own affair.
    where = pick_device(device if isinstance(model, nn.Module) or device != "auto" else "cpu")
    if isinstance(model, nn.Module):
        model = model.to(where)
    return Network(model, f"{file.name}:{attribute}", where)


def _takes_nothing(function: Any) -> bool:
    """Tell whether the function can be called without an argument."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(each.default is not inspect.Parameter.empty or each.kind in free for each in parameters)


def _of_weights(file: Path, architecture: str, classes: int, where: torch.device) -> Network:
    known = ["digits", *REGISTRY]
    if architecture not in known:
        raise ValueError(f"weights need an architecture: give --architecture with one of {', '.join(known)}")
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    weights = read_safetensors(file)
    network: nn.Module
    if architecture == "digits":
        network = DigitNetwork()
    elif architecture.startswith("efficientnet_lite"):
        from efficientnet_lite_pytorch import EfficientNet

        network = EfficientNet.from_name(architecture.replace("_lite", "-lite"), {"num_classes": classes})
    else:
        ensure_torchvision_imports()
        from torchvision import models

        network = models.get_model(architecture, weights=None, num_classes=classes)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"{file} does not fit {architecture} with {classes} classes (--classes): {reason}") from error
    if architecture == "digits":
        return Network(fast_network(network).to(where), file.name, where, None, "mnist", 28)
    info = info_of(architecture)
    return Network(Classifier(fast_network(network), info).to(where), file.name, where, None, "", info.input_size)


# ------------------------------------------------------------------------------------------------------ the examples


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


def labels_by(network: Network, x: Tensor) -> Tensor:
    """The network's own answers as labels, (N,)."""
    classifier = as_classifier(network.classifier)
    with torch.no_grad():
        return torch.cat([classifier(part.to(network.device)).argmax(1).cpu() for part in x.split(16)])


def _spread(count: int, limit: int) -> list[int]:
    """The numbers of at most ``limit`` of ``count`` things, spread evenly."""
    return list(range(count)) if not 0 < limit < count else [place * count // limit for place in range(limit)]


def _of_arrays(path: Path, limit: int) -> Examples:
    with np.load(path, allow_pickle=False) as stored:
        if "x" not in stored.files:
            raise ValueError(f"{path} has no array x; it has {', '.join(stored.files)}")
        x, y = torch.from_numpy(stored["x"]), torch.from_numpy(stored["y"]).long() if "y" in stored.files else None
    if not x.is_floating_point():
        x = x.float() / 255
    x = x.float()
    if x.ndim == 4 and x.shape[1] not in (1, 3) and x.shape[-1] in (1, 3):
        x = x.permute(0, 3, 1, 2).contiguous()
    if y is not None and len(y) != len(x):
        raise ValueError(f"{path} has {len(x)} examples and {len(y)} labels")
    rows = _spread(len(x), limit)
    return Examples(x[rows], None if y is None else y[rows], None, f"y of {path.name}")


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
    with (folder / _LABELS).open(encoding="utf-8", newline="") as rows:
        for number, row in enumerate(csv.reader(rows), 1):
            if len(row) < 2 or not row[1].strip().isdecimal():
                if number == 1:  # a head
                    continue
                raise ValueError(f"{_LABELS}, line {number}: a line has a picture's name and the number of its class")
            files.append(folder / row[0].strip())
            labels.append(int(row[1]))
    return files, labels


def _open(file: Path, size: int | None, grey: bool) -> Tensor:
    try:
        image = open_image(file.read_bytes())
    except (OSError, ImageError) as error:
        raise ValueError(f"{file}: {error}") from error
    x = to_tensor(fit(image, size, size) if size else image)
    return (x.mean(1, keepdim=True) * 255).round() / 255 if grey else x
