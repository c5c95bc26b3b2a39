"""The networks of the tests, loaded once a process: loading one takes as long as many a test, and each copy memory."""

import threading

import torch

from adv_core.classifiers import DEFAULT, Classifier, load_classifier
from adv_core.networks.device import pick_device

_loaded: dict[tuple[str, torch.device], Classifier] = {}
_lock = threading.Lock()


def loaded(name: str = DEFAULT, device: str = "cpu", *, download: bool = False) -> Classifier:
    """Load a classifier as `load_classifier` does, but only once: nobody changes a classifier."""
    key = (name, pick_device(device))
    with _lock:
        if key not in _loaded:
            _loaded[key] = load_classifier(name, key[1], download=download)
        return _loaded[key]


def forget_others() -> None:
    """Drop all but the default classifier."""
    with _lock:
        for key in [key for key in _loaded if key[0] != DEFAULT]:
            del _loaded[key]


class Here:
    """The device and the networks that a task computes with."""

    device = torch.device("cpu")

    def classifier(self, name: str) -> Classifier:
        return loaded(name)
