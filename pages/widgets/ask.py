"""Ask what a network says of some pictures, from a page."""

from dataclasses import replace

import numpy as np

from adv_core.classifiers import DEFAULT
from adv_core.serving.engine.look import Look, Pictures, Seen
from adv_core.transforms.transform import Chain
from pages.widgets.live import follow, job_for


def look(slot: str, pixels: np.ndarray, name: str = DEFAULT, chain: Chain = ()) -> Seen | None:
    """What that network says of pictures (N, H, W, 3), or of one (H, W, 3), seen through the transforms; None with the
    reason on the page. Its pixels are always there, also where nothing was changed."""
    task = Look(Pictures.of(pixels), name, chain)
    found = follow(job_for(slot, task), end=False)
    if found is None:
        return None
    return found[0] if found[0].pixels.size else replace(found[0], pixels=task.pictures.pixels)
