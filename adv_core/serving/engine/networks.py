"""The networks of one device, shared by all that is computed there."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import InputGradient, Step, evaluate, input_gradient
from adv_core.classifiers import DEFAULT, Classifier, load_classifier
from adv_core.images import from_pixels
from adv_core.landscape import decision_slice
from adv_core.networks.device import pick_device
from adv_core.objectives import Objective
from adv_core.serving.engine.attack import Request, ball_of, labels_of, objective_of
from adv_core.serving.engine.work import Record, Task, Work
from adv_core.serving.memory import freeze_live_objects
from adv_core.transforms.expectation import CAMERA, Transformed

GRADIENT_BYTES = 64 * 2**20  # of gradients that are kept for another ε


class DeviceNetworks:
    """The classifiers of one device, and how a batch of requests becomes a solver. Any thread may use it."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._classifiers: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}  # when a classifier was asked for last
        self._gradients: OrderedDict[tuple[object, ...], InputGradient] = OrderedDict()
        self._looked = 0.0  # when a gradient was asked for last
        self._loading, self._looking = threading.Lock(), threading.Lock()

    def classifier(self, name: str) -> Classifier:
        with self._loading:
            if name not in self._classifiers:
                self._classifiers[name] = load_classifier(name, self._device, download=False)
                freeze_live_objects()
            self._used[name] = time.monotonic()
            return self._classifiers[name]

    def forget(self) -> None:
        """Give back what is only kept to be quick."""
        with self._looking:
            self._gradients.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def forget_unused(self, since: float) -> bool:
        """Drop the classifiers that nobody has asked for since then, but the default one, and the gradients. A run
        keeps its classifier to its end."""
        with self._loading, self._looking:
            old = [name for name in self._classifiers if name != DEFAULT and self._used[name] < since]
            for name in old:
                del self._classifiers[name]
            gradients = bool(self._gradients) and self._looked < since
            if gradients:
                self._gradients.clear()
        return bool(old) or gradients

    @property
    def device(self) -> torch.device:
        return pick_device(self._device)

    def begin(self, works: list[Work[Any]]) -> Iterator[Step | Record]:
        """What computes them together, begun when its first step is asked for."""
        if isinstance(works[0], Task):
            return works[0].records(self)
        return self._steps([work for work in works if isinstance(work, Request)])

    def _steps(self, requests: list[Request]) -> Iterator[Step]:
        first = requests[0]
        classifier = self.classifier(first.classifier)
        pictures = [from_pixels(r.pixels).expand(r.rows, -1, -1, -1) for r in requests]
        x = torch.cat(pictures).to(classifier.device)
        delta_set, objective, info = ball_of(*requests), objective_of(*requests), first.info
        seeds = [request.seed for request in requests for _ in request.eps]
        if first.attack == "fgsm":
            with self._looking:
                gradient = self._gradient(requests, classifier, x, objective)
            yield from fgsm(classifier, x, delta_set, objective, gradient=gradient)
        elif info is not None:
            places = {"set": delta_set, "objective": objective, "y": labels_of(*requests)}
            options = dict(first.options)
            if "seed" in options:
                options["seed"] = seeds if info.batches else first.seed
            arguments = [places[name] for name in info.arguments]
            seen = Transformed(classifier, CAMERA, samples=first.views, seed=first.seed) if first.views else classifier
            steps = info.solver(seen, x, *arguments, **options)
            if first.views:  # it climbs the average over the views; each step tells of the picture itself
                steps = (replace(s, evaluate=partial(evaluate, classifier, s.adversarial, objective)) for s in steps)
            yield from steps
        elif first.attack == "noise":
            yield from random_noise(classifier, x, delta_set, objective, draws=first.draws, seed=seeds)
        elif first.attack == "views":
            views = Transformed(classifier, CAMERA).views(x[:1], len(x), first.seed)[:, 0]
            yield Step(0, x, views - x, partial(evaluate, classifier, views, objective), final=True)
        elif first.attack == "slice":
            yield from decision_slice(classifier, x, objective, reach=first.eps[0], seed=first.seed)
        else:
            yield from pgd(classifier, x, delta_set, objective, steps=0)

    def _gradient(
        self, requests: list[Request], classifier: Classifier, x: Tensor, objective: Objective
    ) -> InputGradient:
        """∂L/∂x does not depend on ε: kept for each picture, so that moving ε costs one forward pass."""
        self._looked = time.monotonic()
        keys, firsts, row = [], [], 0
        for request in requests:
            digest = hashlib.sha256(request.image).hexdigest()
            shape = (request.height, request.width)
            keys.append((digest, shape, request.classifier, request.objective, request.label, request.target))
            firsts.append(row)
            row += len(request.eps)
        missing = [(key, row) for key, row in zip(keys, firsts, strict=True) if key not in self._gradients]
        if missing:
            rows = torch.tensor([row for _, row in missing], device=x.device)
            fresh = input_gradient(classifier, x[rows], objective.rows(rows))
            for place, (key, _) in enumerate(missing):
                own = slice(place, place + 1)
                self._gradients[key] = InputGradient(
                    fresh.logits[own].clone(), fresh.loss[own].clone(), fresh.gradient[own].clone()
                )
        known = [self._gradients[key] for key in keys]
        for key in dict.fromkeys(keys):
            self._gradients.move_to_end(key)
        size = sum(each.gradient.nbytes for each in self._gradients.values())
        while size > GRADIENT_BYTES:
            _, oldest = self._gradients.popitem(last=False)
            size -= oldest.gradient.nbytes
        counts = [len(request.eps) for request in requests]
        repeat = torch.repeat_interleave(torch.arange(len(requests)), torch.tensor(counts)).to(x.device)
        return InputGradient(
            torch.cat([g.logits for g in known])[repeat],
            torch.cat([g.loss for g in known])[repeat],
            torch.cat([g.gradient for g in known])[repeat],
        )
