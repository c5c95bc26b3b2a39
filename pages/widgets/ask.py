"""Ask what a network says of some pictures, from a page."""

from adv_core.classifiers import DEFAULT, info_of
from adv_core.serving.engine.look import Opinion, SecondOpinion
from pages.widgets.live import follow, job_for


def opinions(slot: str, pixels: bytes, name: str) -> Opinion | None:
    """What that network says of those pictures of the default's size."""
    found = follow(job_for(slot, SecondOpinion(pixels, info_of(DEFAULT).input_size, name)), end=False)
    return None if found is None else found[0]
