"""The networks of one device, shared by all that is computed there."""

import threading
import time

import torch

from adv_core.classifiers import DEFAULT, Classifier, load_classifier
from adv_core.networks.device import pick_device
from adv_core.serving.engine.work import Store
from adv_core.serving.memory import freeze_live_objects

KEPT_BYTES = 64 * 2**20  # of what tasks keep to be quick


class DeviceNetworks:
    """The classifiers of one device, and what tasks keep there. Any thread may use it."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._classifiers: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}  # when a classifier was asked for last
        self._loading = threading.Lock()
        self.kept = Store(KEPT_BYTES)

    @property
    def device(self) -> torch.device:
        return pick_device(self._device)

    def classifier(self, name: str) -> Classifier:
        with self._loading:
            if name not in self._classifiers:
                self._classifiers[name] = load_classifier(name, self._device, download=False)
                freeze_live_objects()
            self._used[name] = time.monotonic()
            return self._classifiers[name]

    def forget(self) -> None:
        """Give back what is only kept to be quick."""
        self.kept.forget()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def forget_unused(self, since: float) -> bool:
        """Drop the classifiers that nobody has asked for since then, but the default one, and what tasks keep. A run
        keeps its classifier to its end."""
        with self._loading:
            old = [name for name in self._classifiers if name != DEFAULT and self._used[name] < since]
            for name in old:
                del self._classifiers[name]
        return self.kept.forget(since) or bool(old)
