"""The networks of one device, shared by all tasks there."""

import threading
import time

import torch

from adv_core.classifiers import DEFAULT, Classifier, load_classifier
from adv_core.networks.device import pick_device
from adv_core.networks.fast_network import FastNetwork
from adv_core.serving.engine.work import Store
from adv_core.serving.memory import freeze_live_objects
from adv_core.speech import moonshine

KEPT_BYTES = 64 * 2**20  # of the tasks' cached results


class DeviceNetworks:
    """The classifiers of one device, and the tasks' cache. Any thread may use it."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._classifiers: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}  # the time of each classifier's last use
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
        """Clear the cache."""
        self.kept.forget()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def forget_unused(self, since: float) -> bool:
        """Drop cached results, classifiers and the large recogniser of speech, where they are unused since then.

        Of the default classifier, drop the packed weights.
        A run keeps its network to its end.
        """
        with self._loading:
            old = [name for name in self._classifiers if self._used[name] < since]
            for name in old:
                if name != DEFAULT:
                    del self._classifiers[name]
                    continue
                for network in (each for each in self._classifiers[name].modules() if isinstance(each, FastNetwork)):
                    network.forget_plans()
                self._used[name] = float("inf")  # until the next use
        return any([self.kept.forget(since), moonshine.forget_unused(since), bool(old)])
