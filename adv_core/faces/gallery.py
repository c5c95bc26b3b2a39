"""The people whose portraits come with the library: who they are, and whose photograph it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from adv_core.assets import ASSETS
from adv_core.decoding import open_image
from adv_core.images import Pixels


@dataclass(frozen=True)
class Person:
    """A person with a portrait in the public domain.

    Attributes:
        about: one sentence for people.
        credit: of the portrait.
    """

    name: str
    about: str
    credit: str
    file: Path


PEOPLE: Mapping[str, Person] = {
    "collins": Person(
        "Eileen Collins",
        "Eileen Collins was the first woman to command a Space Shuttle.",
        "NASA, public domain",
        ASSETS / "photos" / "portrait_astronaut.jpg",
    ),
    "hopper": Person(
        "Grace Hopper",
        "Grace Hopper, rear admiral of the US Navy, wrote one of the first compilers.",
        "James S. Davis, US Navy, public domain",
        ASSETS / "faces" / "grace_hopper.jpg",
    ),
}


@cache
def portrait(key: str) -> Pixels:
    """The portrait of a person of `PEOPLE`, (H, W, 3) uint8. All callers share one array: do not change it."""
    pixels: Pixels = np.asarray(open_image(PEOPLE[key].file.read_bytes()))
    return pixels
