"""Pretrained networks that are no part of this repository, as the files that torchvision would download.

The folder with their weights lies beside the checkout, or where ``$TEST_WEIGHTS`` says. Without it, the tests that need
them are skipped.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.classifiers import REGISTRY, torchvision_info
from adv_core.networks.torchvision_compat import ensure_torchvision_imports

FOLDER = Path(os.environ.get("TEST_WEIGHTS") or Path(__file__).parents[2] / "shared" / "weights" / "tests_only")
MEAN, STD = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))


def _read(name: str) -> dict[str, Tensor]:
    with np.load(FOLDER / name / f"{name}.npz") as stored:
        return {key: torch.from_numpy(stored[key].astype(np.float32)) for key in stored.files}


def _normalised(weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """A first layer that reads torchvision's normalised pixels z, where the old one reads scale · x + shift.

    x = std · z + mean, a channel at a time.
    """
    at_zero = (scale * MEAN + shift)[None, :, None, None]
    return weight * (scale * STD)[None, :, None, None], bias + (weight * at_zero).sum((1, 2, 3))


def squeezenet1_0(network: nn.Module) -> Mapping[str, Tensor]:
    """SqueezeNet 1.0 (Iandola et al. 2016) in the form of torchvision's checkpoint.

    Its first layer reads B, G, R from 0 to 255, less a mean.
    """
    old = _read("squeezenet1_0_deep_compressed")
    weight, shift = old["conv1.weight"].flip(1), -torch.tensor((123.0, 117.0, 104.0))
    first = _normalised(weight, old["conv1.bias"], torch.full((3,), 255.0), shift)
    new = dict(zip(("features.0.weight", "features.0.bias"), first, strict=True))
    places = {"fire2": 3, "fire3": 4, "fire4": 5, "fire5": 7, "fire6": 8, "fire7": 9, "fire8": 10, "fire9": 12}
    for name, value in old.items():
        layer, _, part = name.partition(".")
        if layer in places:
            new[f"features.{places[layer]}.{part}"] = value
    return new | {"classifier.1.weight": old["conv10.weight"], "classifier.1.bias": old["conv10.bias"]}


def mobilenet_v2(network: nn.Module) -> Mapping[str, Tensor]:
    """MobileNetV2 (Sandler et al. 2018) in the form of torchvision's checkpoint.

    Its batch norms are in its convolutions, and it pads on the right and below at a stride of 2; torchvision's pads on
    all sides, so that the answers differ a little.
    """
    old = _read("mobilenet_v2_100_224")
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in old))
    weight, bias = _normalised(old["stem.weight"], old["stem.bias"], torch.full((3,), 2.0), -torch.ones(3))
    old |= {"stem.weight": weight, "stem.bias": bias}
    parts = dict(network.named_modules())
    convolutions = [name for name, part in parts.items() if isinstance(part, nn.Conv2d)]
    norms = [(name, part) for name, part in parts.items() if isinstance(part, nn.BatchNorm2d)]
    new = {"classifier.1.weight": old["classifier.weight"], "classifier.1.bias": old["classifier.bias"]}
    for layer, convolution, (norm, part) in zip(layers, convolutions, norms, strict=False):
        new[f"{convolution}.weight"], new[f"{norm}.bias"] = old[f"{layer}.weight"], old[f"{layer}.bias"]
        new[f"{norm}.weight"] = torch.full_like(part.weight, (1 + part.eps) ** 0.5)
        new[f"{norm}.running_mean"] = torch.zeros_like(part.running_mean)
        new[f"{norm}.running_var"] = torch.ones_like(part.running_var)
        new[f"{norm}.num_batches_tracked"] = torch.tensor(0)
    return new


STRANGERS: Mapping[str, Callable[[nn.Module], Mapping[str, Tensor]]] = {
    "squeezenet1_0": squeezenet1_0,
    "mobilenet_v2": mobilenet_v2,
}


@contextlib.contextmanager
def strangers_here(folder: Path) -> Iterator[list[str]]:
    """Let the networks be in torch's cache, as if they had been downloaded; return their names in the registry.

    Args:
        folder: an empty folder, which takes the place of torch's own for that time.
    """
    ensure_torchvision_imports()
    from torchvision import models

    before, registry = torch.hub.get_dir(), dict(REGISTRY)
    torch.hub.set_dir(str(folder))
    (folder / "checkpoints").mkdir(parents=True)
    values: list[tuple[Any, Any]] = []
    try:
        for name, state in STRANGERS.items():
            network = models.get_model(name, weights=None)
            network.load_state_dict(state(network))
            data = io.BytesIO()
            torch.save(network.state_dict(), data)
            file = f"{name}-{hashlib.sha256(data.getvalue()).hexdigest()[:8]}.pth"
            (folder / "checkpoints" / file).write_bytes(data.getvalue())
            weights, info = models.get_model_weights(name)["IMAGENET1K_V1"], REGISTRY[name]
            values.append((weights, weights.value))
            weights._value_ = replace(weights.value, url=f"https://download.pytorch.org/models/{file}")
            REGISTRY[name] = torchvision_info(name, info.title, info.year, info.paper, "IMAGENET1K_V1")
        yield list(STRANGERS)
    finally:
        torch.hub.set_dir(before)
        REGISTRY.update(registry)
        for weights, value in values:
            weights._value_ = value
