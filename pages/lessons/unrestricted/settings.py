"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.attacks.spatial import AT_ONCE, Budget, Kind, Pose, Room
from adv_core.classifiers import DEFAULT, info_of
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import PageSettings, number, solved, word

SIZE = info_of(DEFAULT).input_size
NAMES: dict[Room, str] = {
    "all": "all at once",
    "turn": "turn",
    "shift": "shift",
    "colour": "colour",
    "crop": "crop",
}
STORY: dict[Room, str] = {
    "all": "A little of everything: turned, moved, cropped and on the colour wheel, within the budget below.",
    "turn": "Only turned, both ways, up to upside down.",
    "shift": "Only moved, in eight directions; what comes in is a mirror image.",
    "colour": "Nothing moves: every colour is turned on the colour wheel, its brightness stays.",
    "crop": "Only the edge is cut off, and the rest enlarged: nine windows of every size.",
}
AXES: dict[Kind, str] = {
    "turn": "turned by, in degrees",
    "shift": "moved by, of the side",
    "colour": "on the colour wheel, in degrees",
    "crop": "cut off, of the side",
}
QUERIES = 320
TRIALS = 64
EFFORTS = {"one at random": 1, f"the worst of {AT_ONCE} at random": AT_ONCE, f"a search of {TRIALS} questions": TRIALS}
ANGLES = tuple(sorted((float(a) for a in range(-60, 61, 6)), key=abs))
CUTS = tuple(k / 10 for k in range(6))


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page: angles in degrees, shifts and cuts in per cent of the side."""

    image: str = word("koala", {*PHOTOS, OWN})
    kind: Room = word("all", NAMES)
    frameless: bool = False
    turn: int = number(30, 0, 60)
    shift: int = number(10, 0, 40)
    colour: int = number(30, 0, 180)
    crop: int = number(20, 0, 60)
    angle: int = number(15, -180, 180)
    right: int = number(0, -40, 40)
    hue: int = number(0, -180, 180)
    cut: int = number(0, 0, 60)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")

    @property
    def budget(self) -> Budget:
        return Budget(float(self.turn), self.shift / 100, float(self.colour), self.crop / 100)

    @property
    def hand(self) -> Pose:
        """The pose of the sliders."""
        return Pose(float(self.angle), 0.0, self.right / 100, float(self.hue), self.cut / 100, frameless=self.frameless)


page = Controls("unrestricted", Settings)


TITLES = {"x": "as it is", "found": "found by the search", "hand": "by your own hand"}
