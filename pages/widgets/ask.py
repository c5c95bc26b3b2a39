"""Ask what a network says of some pictures, from a page."""

from adv_core.serving.engine.look import Opinion, SecondOpinion
from pages.lessons.fooling_images.settings import SIZE
from pages.widgets.live import follow, job_for


def opinions(slot: str, pixels: bytes, name: str) -> Opinion | None:
    """What that network says of those pictures of the default's size."""
    found = follow(job_for(slot, SecondOpinion(pixels, SIZE, name)), end=False)
    return None if found is None else found[0]
