"""The lesson's measurements on MNIST's zeros and ones."""

import streamlit as st
import torch
from torch import Tensor

from adv_core.classical import Standing, compare
from adv_core.linear import (
    Epoch,
    Evidence,
    LinearClassifier,
    error,
    evidence,
    mean_worst_loss,
    signs,
    train,
    worst_case,
)
from adv_core.serving.engine.digits import pair as digits
from pages.lessons.linear_models.remembered import Remembered
from pages.lessons.linear_models.settings import FITTED, QUERIES, SAMPLE


@st.cache_resource(show_spinner=False)
def training_images() -> Tensor:
    """Zeros and ones as pixels, shared by all trainings; a training that has not ended keeps them in memory."""
    return digits("train").images


@st.cache_resource(show_spinner=False, max_entries=200)
def training(seed: int, against: float = 0.0, box: bool = False) -> Remembered[Epoch]:
    """Train by the lecture's recipe: 10 epochs with steps of 1.0; against δ, 20 epochs with steps of 0.1."""
    x, labels = training_images(), digits("train").labels
    epochs, rate = (20, 0.1) if against else (10, 1.0)
    return Remembered(lambda: train(x, labels, eps=against, box=box, epochs=epochs, rate=rate, seed=seed))


def trained(seed: int, against: float = 0.0, box: bool = False) -> LinearClassifier:
    return training(seed, against, box).all()[-1].model


@st.cache_data(show_spinner=False, max_entries=500)
def test_error(seed: int, against: float, eps: float, box: bool, trained_in_box: bool = False) -> float:
    """The exact error under δ*, over all test digits."""
    data = digits("test")
    return error(trained(seed, against, trained_in_box), data.images, data.labels, eps, box=box)


@st.cache_data(show_spinner=False, max_entries=500)
def error_curve(seed: int, against: float, box: bool) -> tuple[list[float], list[float]]:
    grid = [k / 40 for k in range(21)]
    return grid, [test_error(seed, against, eps, box) for eps in grid]


@st.cache_data(show_spinner=False, max_entries=500)
def noise_error(seed: int, eps: float, box: bool) -> float:
    """The error under random ±ε in every pixel, which has the size of δ* and random signs."""
    data = digits("test")
    coins = torch.randint(0, 2, data.levels.shape, generator=torch.Generator().manual_seed(seed))
    noisy = data.images + eps * signs(coins)
    return error(trained(seed), noisy.clamp(0, 1) if box else noisy, data.labels)


@st.cache_data(show_spinner=False, max_entries=500)
def power_in_box(seed: int, eps: float) -> float:
    """The part of ε‖θ‖₁ that δ* reaches while pixels stay in [0, 1], averaged over the test digits."""
    data = digits("test")
    theta = trained(seed).theta
    delta = worst_case(theta, data.labels, eps, data.images).flatten(1)
    return float(-(signs(data.labels) * (delta @ theta)).mean() / (eps * theta.abs().sum()))


@st.cache_data(show_spinner=False)
def never_inked() -> int:
    """Count the pixels that are black in every training digit."""
    return int((digits("train").levels.amax(0) == 0).sum())


@st.cache_data(show_spinner=False, max_entries=500)
def measured(seed: int, place: int, eps: float, box: bool) -> Evidence:
    data = digits("test")
    return evidence(trained(seed), data[place].images[None], data.labels[place, None], eps, box=box, seed=seed)


@st.cache_data(show_spinner=False, max_entries=500)
def both_means(seed: int, eps: float, box: bool) -> tuple[float, float]:
    data = digits("test")
    return mean_worst_loss(trained(seed), data.images, data.labels, eps, box=box)


@st.cache_resource(show_spinner=False, max_entries=100)
def standings(seed: int, eps: float) -> Remembered[Standing]:
    seen, asked = digits("train")[:FITTED], digits("test")[:SAMPLE]
    return Remembered(
        lambda: compare(
            (seen.images, seen.labels),
            (asked.images, asked.labels),
            trained(seed),
            eps,
            queries=QUERIES,
            seed=seed,
        )
    )


def measured_now(text: str) -> None:
    st.markdown(f":material/check_circle: **Measured just now.** {text}")


def minus(value: float) -> str:
    """The value with a minus sign that is as wide as a plus."""
    return f"{value:.3f}".replace("-", "−")
