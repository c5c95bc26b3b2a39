"""The contents of the plane: the data, the network, its loss, and the attack on one point."""

import base64
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from adv_core.attacks.step import evaluate, input_gradient
from adv_core.objectives import Untargeted
from adv_core.plane import Points, two_moons
from pages.lessons.fgsm_and_pgd.charts import terrain_png
from pages.lessons.fgsm_and_pgd.settings import PRESETS, UNENDING, Settings, page
from pages.lessons.fgsm_and_pgd.world import (
    SQUARE,
    UNLIMITED,
    Path,
    PlaneClassifier,
    Tally,
    Window,
    ball,
    landscape,
    one_step,
    outline,
    path,
    tally,
    train,
    worst_on_grid,
)
from pages.widgets.charts import short


@st.cache_resource(show_spinner=False)
def data() -> Points:
    return two_moons()


@st.cache_resource(show_spinner=False)
def trained(model: str) -> PlaneClassifier:
    return train(data(), (16, 16) if model == "network" else ())


@st.cache_data(show_spinner=False, max_entries=300)
def hill(model: str, label: int, window: Window = SQUARE, count: int = 221) -> str:
    """The picture of the loss over a window, as a data address."""
    picture = terrain_png(landscape(trained(model), label, window, count))
    return "data:image/png;base64," + base64.b64encode(picture).decode()


@st.cache_data(show_spinner=False, max_entries=300)
def tallied(model: str, norm: str, eps: float) -> Tally:
    return tally(trained(model), data(), ball(norm, eps))


@dataclass(frozen=True, eq=False)
class Scene:
    """The state of the controls, and the results of the attacks."""

    settings: Settings
    classifier: PlaneClassifier
    x: Tensor
    label: int
    gradient: np.ndarray
    fgsm: np.ndarray
    way: Path
    worst: np.ndarray
    edge: np.ndarray

    def losses(self, points: np.ndarray) -> np.ndarray:
        return evaluate(self.classifier, torch.from_numpy(points), Untargeted(self.label))[1].numpy()

    def says(self, point: np.ndarray) -> tuple[int, float, float]:
        """(class, p(y), loss of y) at a point (2,)."""
        logits, loss = evaluate(self.classifier, torch.from_numpy(point[None]), Untargeted(self.label))
        return int(logits.argmax()), float(logits.softmax(1)[0, self.label]), float(loss)

    def run(self, **changes: Any) -> Path:
        """Run PGD with the settings of the controls, except for the changes."""
        asked: dict[str, Any] = {
            "step_size": self.settings.alpha,
            "steps": self.settings.steps,
            "projected": self.settings.projected,
        }
        delta_set = ball(self.settings.ball, self.settings.eps)
        return path(self.classifier, self.x, delta_set, self.label, **(asked | changes))


def attacked(settings: Settings) -> Scene:
    classifier, x = trained(settings.model), torch.tensor([settings.x1, settings.x2], dtype=torch.float64)
    # The point has no label, so the attack leads away from the predicted class.
    label = int(classifier(x[None]).argmax())
    delta_set = ball(settings.ball, settings.eps)
    worst, _ = worst_on_grid(classifier, x[None], torch.tensor([label]), delta_set, count=101)
    return Scene(
        settings,
        classifier,
        x,
        label,
        input_gradient(classifier, x[None], Untargeted(label)).gradient[0].numpy(),
        one_step(classifier, x, delta_set, label),
        path(classifier, x, delta_set, label, steps=40, step_size=settings.eps / 8),
        worst[0].numpy(),
        outline(settings.ball, x, settings.eps),
    )


class Run:
    """The values that the sections of one run of the page share: the scene of its settings."""

    @cached_property
    def now(self) -> Scene:
        return attacked(page.value)


@st.cache_resource(show_spinner=False)
def fixed_cases() -> tuple[Scene, Scene]:
    """The fixed cases of the questions, independent of the controls."""
    return attacked(Settings()), attacked(replace(Settings(), **PRESETS["A linear classifier"]))


def two_pixels(point: np.ndarray) -> np.ndarray:
    """The point as a picture of two pixels."""
    levels = np.round(255 * point).astype(np.uint8)
    return np.repeat(levels.repeat(60)[None, :, None].repeat(60, 0), 3, 2)


def pair(point: np.ndarray) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def factor_text(factor: str) -> str:
    return "∞" if factor == UNENDING else short(float(factor))


def factor(word: str) -> float:
    return UNLIMITED if word == UNENDING else float(word)


def step_symbol(settings: Settings) -> str:
    return "α·sign(∇L)" if settings.ball == "linf" else "α·∇L/‖∇L‖₂"
