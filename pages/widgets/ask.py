"""Get a network's predictions for pictures, from a page."""

from dataclasses import replace

import numpy as np

from adv_core.classifiers import DEFAULT
from adv_core.serving.engine.look import Look, Pictures, Seen
from adv_core.transforms.transform import Chain
from pages.widgets.live import follow, job_for
from pages.widgets.stage import percent

UNSURE = 0.25  # a prediction below this probability is not one that an attack has to fool


def look_at(pixels: np.ndarray, name: str = DEFAULT, chain: Chain = ()) -> Look:
    """The task behind `look`."""
    return Look(Pictures.of(pixels), name, chain)


def look(slot: str, pixels: np.ndarray, name: str = DEFAULT, chain: Chain = ()) -> Seen | None:
    """Return the network's predictions for pictures (N, H, W, 3), or for one (H, W, 3), seen through the transforms.

    Return None, with the reason on the page, where there are none. The result always has its pixels, also where the
    transforms changed nothing.
    """
    task = look_at(pixels, name, chain)
    found = follow(job_for(slot, task), end=False)
    if found is None:
        return None
    return found[0] if found[0].pixels.size else replace(found[0], pixels=task.pictures.pixels)


def unsure_before(certainty: float) -> str:
    """A sentence for the verdict on an attack, where the network was unsure of the untouched picture; else empty.

    Args:
        certainty: the probability of its prediction for the untouched picture.
    """
    if certainty >= UNSURE:
        return ""
    return (
        f" The network was unsure before: it gave its first prediction only {percent(certainty)}. ImageNet may have no "
        "class for this picture."
    )
