"""The classifier of an evaluation, by the words of a command line."""

import copy
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adv_core.attacks.step import Logits
from adv_core.classifiers import REGISTRY, Classifier, ClassifierError, categories, info_of, load_classifier
from adv_core.networks.any_model import AnyModel
from adv_core.networks.device import pick_device
from adv_core.networks.digit_network import DigitNetwork, checkpoint, names
from adv_core.networks.fast_network import fast_network
from adv_core.networks.safetensors import read_safetensors
from adv_core.networks.torchvision_compat import ensure_torchvision_imports

DIGITS = "digits/"


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
    where = _device(device)
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


def _device(name: str) -> torch.device:
    try:
        return torch.empty(1, device=pick_device(name)).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"there is no device {name!r} here: give auto, cpu, cuda or mps") from error


def _of_python(file: Path, attribute: str, device: str) -> Network:
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    name = f"network_in_{file.stem}"  # a file of the name of a package must not stand in for it
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.resolve().parent))  # for the modules beside it
    with _told_as_theirs(file, "as it is read"):
        spec.loader.exec_module(module)
    if not hasattr(module, attribute):
        found = vars(module).items()
        own = [key for key, value in found if isinstance(value, nn.Module) or getattr(value, "__module__", "") == name]
        raise ValueError(f"{file} has no {attribute!r}; it has {', '.join(own) or 'nothing that can be called'}")
    model: Any = getattr(module, attribute)
    if callable(model) and not isinstance(model, nn.Module) and _takes_nothing(model):
        with _told_as_theirs(file, f"in {attribute}()"):
            model = model()
    elif inspect.isclass(model):
        raise ValueError(f"{attribute} of {file} needs arguments: give a function without any that returns the model")
    if not callable(model):
        raise ValueError(f"{attribute} of {file} is or returns a {type(model).__name__}, and has to be a model")
    # Only a module is moved: what a function of one's own does with its pixels is its own affair.
    where = _device(device if isinstance(model, nn.Module) or device != "auto" else "cpu")
    if isinstance(model, nn.Module):
        model = model.to(where)
    return Network(model, f"{file.name}:{attribute}", where)


@contextmanager
def _told_as_theirs(file: Path, when: str) -> Iterator[None]:
    """Make one sentence of what goes wrong in the visitor's own file.

    Raises:
        ValueError: names the last line of that file that was run, and the error.
    """
    try:
        yield
    except Exception as error:
        where = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if _same(frame.filename, file)]
        line = error.lineno if isinstance(error, SyntaxError) else where[-1] if where else None
        place = f"{file}, line {line}" if line else str(file)
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"{place} fails {when} with {type(error).__name__}: {said}") from error


def _same(name: str, file: Path) -> bool:
    return Path(name).resolve() == file.resolve()


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


def try_out(network: Network, x: Tensor) -> int:
    """Ask the network about the first examples, before it is judged. Return the number of its classes.

    Raises:
        ValueError: it fails on them, or does not answer with logits of two classes or more.
    """
    few, classifier = x[:2].to(network.device), AnyModel(network.classifier, warns=False)
    try:
        with torch.no_grad():
            logits = classifier(few)
    except ValueError:
        raise
    except Exception as error:
        shape, reason = tuple(few.shape), f"{type(error).__name__}: {str(error).rstrip('.')}"
        raise ValueError(
            f"{network.name} fails on pictures of the shape {shape} in [0, 1], with {reason}. If it wants another "
            "size or one channel, give --size or --grey."
        ) from error
    if logits.ndim != 2 or len(logits) != len(few):
        raise ValueError(
            f"{network.name} has to return logits (N, K), a row for each picture; for {len(few)} pictures it returns "
            f"the shape {tuple(logits.shape)}"
        )
    if not logits.is_floating_point():
        raise ValueError(
            f"{network.name} has to return logits, which are real numbers, and returns {logits.dtype}. The number of a "
            "class is no logit."
        )
    return logits.shape[1]


def labels_by(network: Network, x: Tensor) -> Tensor:
    """The network's own answers as labels, (N,)."""
    classifier = AnyModel(network.classifier, warns=False)
    with torch.no_grad():
        return torch.cat([classifier(part.to(network.device)).argmax(1).cpu() for part in x.split(16)])
