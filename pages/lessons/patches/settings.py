"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.classifiers import DEFAULT, info_of
from adv_core.faces.gallery import PEOPLE
from pages.lessons.patches.tasks import BEFOREHAND, Thing
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS, class_named
from pages.widgets.query import PageSettings, number, solved, word
from pages.widgets.stage import drawn

SIZE = info_of(DEFAULT).input_size
STEPS, PATCH_STEPS = 100, 60
PLACES = 4  # places on each photograph at which the patch is tested
THINGS: dict[Thing, str] = {"glasses": "glasses", "stickers": "two stickers"}
# The two points of each photograph, in per cent: its eyes, or the places of the stickers.
POINTS: dict[str, tuple[int, int, int, int]] = {
    "tabby_cat": (39, 52, 66, 53),
    "red_panda": (33, 54, 52, 50),
    "portrait_astronaut": (40, 20, 48, 20),
    "giant_panda": (11, 47, 21, 47),
    "koala": (49, 28, 59, 28),
    "pig": (24, 41, 37, 42),
    "german_shepherd": (89, 21, 96, 21),
    "macaw": (28, 21, 37, 21),
    "polar_bear": (79, 43, 87, 43),
    "goldfish": (82, 82, 93, 82),
    "stop_sign_composite": (40, 42, 60, 42),
}
MIDDLE = (40, 45, 60, 45)
NOBODY = "nobody"  # in place of a person: the glasses are for dodging
AS_DETECTED = {"left_x": 0, "left_y": 0, "right_x": 0, "right_y": 0}
FARTHEST = 50  # that an eye can be moved, in per cent of the face's width
FACE_STEPS = 80
FACE_VIEWS = 32


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page.

    The two points and the patch's place are in per cent of the picture. The eyes of a face are moved from their
    detected places, in per cent of its width.
    """

    wearer: str = word("collins", {*PEOPLE, OWN})
    become: str = word("hopper", {*PEOPLE, NOBODY})
    frame: int = number(120, 80, 160)
    wearable: bool = False
    both: bool = False
    left_x: int = number(0, -FARTHEST, FARTHEST)
    left_y: int = number(0, -FARTHEST, FARTHEST)
    right_x: int = number(0, -FARTHEST, FARTHEST)
    right_y: int = number(0, -FARTHEST, FARTHEST)
    image: str = word("tabby_cat", {*PHOTOS, OWN})
    thing: Thing = word("glasses", THINGS)
    target: int = number(88, 0, 999, named=class_named)
    anything: bool = False
    ax: int = number(39, 0, 100)
    ay: int = number(52, 0, 100)
    bx: int = number(66, 0, 100)
    by: int = number(53, 0, 100)
    size: int = number(130, 50, 200)
    smooth: bool = False
    printable: bool = False
    live: bool = False
    label: int = number(BEFOREHAND, 0, 999, named=class_named)
    steps: int = number(PATCH_STEPS, 10, 200)
    across: int = number(72, 0, 100)
    down: int = number(28, 0, 100)
    large: int = number(45, 10, 100)
    angle: int = number(10, -180, 180)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")

    @property
    def says(self) -> int:
        """The target class of the patch."""
        return self.label if self.live else BEFOREHAND

    @property
    def mended(self) -> tuple[int, int, int, int]:
        return self.left_x, self.left_y, self.right_x, self.right_y

    @property
    def points(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return (self.ax / 100, self.ay / 100), (self.bx / 100, self.by / 100)


page = Controls("patches", Settings)


TITLES = {"x": "x, the original", "worn": drawn(1), "now": "= x + δ"}
PASTED = {"x": "x, the original", "patch": "the patch", "now": "x with the patch"}
# What comes nearest to the figure of Sharif et al.: glasses on a face, smooth and printable, on the same part of it.
SLIDE = {
    "image": "tabby_cat",
    "thing": "glasses",
    "anything": False,
    "size": 115,
    "smooth": True,
    "printable": True,
    **dict(zip(("ax", "ay", "bx", "by"), POINTS["tabby_cat"], strict=True)),
}
