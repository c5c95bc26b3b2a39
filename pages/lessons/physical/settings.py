"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.classifiers import DEFAULT, info_of
from adv_core.transforms.expectation import CAMERA
from adv_core.transforms.geometry import Rotation, Scale
from adv_core.transforms.jpeg import Jpeg
from adv_core.transforms.light import Brightness
from adv_core.transforms.transform import Transform
from pages.lessons.physical.tasks import NOT_JPEG, Knob, View
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS, class_named
from pages.widgets.query import PageSettings, number, solved, word

STEPS, NEW_VIEWS = 40, 32
SIZE = info_of(DEFAULT).input_size
PRESETS = {
    "pig → wombat": {"image": "pig", "target": 106, "eps": 4},
    "panda → gibbon": {"image": "giant_panda", "target": 368, "eps": 4},
    "dog → airliner": {"image": "german_shepherd", "target": 404, "eps": 16},
}
NAMES = ("ordinary attack", "attack over views")
UNTOUCHED = "untouched photograph"


@dataclass(frozen=True)
class Axis:
    """One setting of a view: its name, the values of its curve, and the range of the attack's views."""

    short: str
    title: str
    values: tuple[float, ...]
    trained: tuple[float, float]


def _of(kind: type[Transform]) -> Transform:
    return next(each for each in CAMERA if isinstance(each, kind))


def _axes() -> dict[Knob, Axis]:
    turned, scaled, lit, saved = _of(Rotation), _of(Scale), _of(Brightness), _of(Jpeg)
    assert isinstance(turned, Rotation) and isinstance(scaled, Scale)
    assert isinstance(lit, Brightness) and isinstance(saved, Jpeg)
    # From the front view outwards, so that the curve begins at the most important values.
    return {
        "angle": Axis(
            "angle",
            "angle, in degrees",
            tuple(sorted((float(a) for a in range(-45, 46, 3)), key=abs)),
            (-turned.degrees, turned.degrees),
        ),
        "scale": Axis(
            "scale",
            "scale factor",
            tuple(sorted((k / 20 for k in range(12, 31)), key=lambda scale: abs(scale - 1))),
            (scaled.low, scaled.high),
        ),
        "brightness": Axis(
            "brightness",
            "brightness, added to every value",
            tuple(sorted((k / 25 for k in range(-10, 11)), key=abs)),
            (-lit.amount, lit.amount),
        ),
        "quality": Axis(
            "JPEG quality",
            "JPEG quality",
            tuple(float(q) for q in range(100, 4, -5)),
            (saved.low, saved.high),
        ),
    }


AXES = _axes()


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page: ε in levels of 255, the angle in degrees, ``part`` of an upload in per cent."""

    image: str = word("pig", {*PHOTOS, OWN})
    target: int = number(106, 0, 999, named=class_named)
    eps: int = number(4, 0, 32)
    views: int = number(8, 1, 16)
    angle: int = number(10, -45, 45)
    scale: float = number(1.0, 0.6, 1.5)
    brightness: float = number(0.0, -0.4, 0.4)
    quality: int = number(NOT_JPEG, 5, NOT_JPEG)
    knob: Knob = word("angle", AXES)
    part: int = number(100, 20, 100)
    seed: int = number(0, 0, 999)
    done: str = solved("abcde")

    @property
    def view(self) -> View:
        return View(float(self.angle), self.scale, self.brightness, self.quality)


page = Controls("physical", Settings)
