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
    "all": "A little of everything: turn, shift, crop and hue, within the budget below.",
    "turn": "Only a turn, in both directions, up to upside down.",
    "shift": "Only a shift, in eight directions. A mirror image fills the space that becomes free.",
    "colour": "Nothing moves. Every hue is turned on the colour wheel; brightness stays.",
    "crop": "Only a crop: the edge is cut off and the rest enlarged, in nine windows of each size.",
}
AXES: dict[Kind, str] = {
    "turn": "turn, in degrees",
    "shift": "shift, share of the side",
    "colour": "hue, in degrees on the colour wheel",
    "crop": "crop, share of the side",
}
QUERIES = 320
TRIALS = 64
EFFORTS = {"one random pose": 1, f"worst of {AT_ONCE} random poses": AT_ONCE, f"search with {TRIALS} queries": TRIALS}
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


TITLES = {"x": "x, the original", "found": "found by the search", "hand": "changed by hand"}
