"""What the lesson on the camera asks of the engine: pictures seen from one view, and along one knob of it.

A view is a chain of transforms with chosen parameters: plain values, as everything that the engine computes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.geometry import Rotation, Scale
from adv_core.transforms.jpeg import Jpeg
from adv_core.transforms.light import Brightness
from adv_core.transforms.transform import Chain, Transform, opinions, seen_through

Knob = Literal["angle", "scale", "brightness", "quality"]
NOT_JPEG = 101  # the quality of a picture that is saved without any loss


@dataclass(frozen=True)
class View:
    """How a picture is looked at.

    Attributes:
        angle: in degrees, counter-clockwise, -180 ... 180.
        scale: a factor, 0.1 ... 10.
        brightness: is added to every value, -1 ... 1.
        quality: of the JPEG that it is saved as, 1 ... 100, or `NOT_JPEG`.
    """

    angle: float = 0.0
    scale: float = 1.0
    brightness: float = 0.0
    quality: int = NOT_JPEG

    @property
    def chain(self) -> Chain:
        """In the order of a camera. What changes nothing is left out: a picture seen straight on is that picture."""
        every: tuple[tuple[Transform, float, float], ...] = (
            (Rotation(), self.angle, 0.0),
            (Scale(), self.scale, 1.0),
            (Brightness(), self.brightness, 0.0),
            (Jpeg(), self.quality, NOT_JPEG),
        )
        return tuple((transform, (value,)) for transform, value, neutral in every if value != neutral)

    def check(self) -> None:
        inside = -180 <= self.angle <= 180 and 0.1 <= self.scale <= 10 and -1 <= self.brightness <= 1
        if not inside or not 1 <= self.quality <= NOT_JPEG:
            raise ValueError("nobody can look at a picture like that")


@dataclass(frozen=True)
class Turn:
    """At one setting of the knob: the probability of the wanted class, and whether it is the answer, one a picture."""

    value: float
    probabilities: tuple[float, ...]
    answered: tuple[bool, ...]


@dataclass(frozen=True)
class AlongKnob(Task[Turn]):
    """The same pictures at many settings of one knob, everything else untouched.

    Attributes:
        values: the settings, one record each, in this order.
        target: the class whose probability is told.
    """

    pictures: Pictures
    classifier: str
    knob: Knob
    values: tuple[float, ...]
    target: int

    @property
    def length(self) -> int:
        return len(self.values)

    @property
    def rows(self) -> int:
        return self.pictures.count

    background = True

    def check(self, limits: Limits = LIMITS) -> None:
        self.pictures.check(limits)
        if self.knob not in ("angle", "scale", "brightness", "quality"):
            raise ValueError(f"there is no knob {self.knob!r}")
        if self.pictures.count > 8 or not 1 <= len(self.values) <= 121 or not 0 <= self.target < 1000:
            raise ValueError("such a curve would take too long")
        for value in self.values:
            self.view(value).check()

    def view(self, value: float) -> View:
        """The view at that setting."""
        return replace(View(), **{self.knob: value})  # type: ignore[arg-type]

    def records(self, networks: Networks) -> Iterator[Turn]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.pictures.pixels).to(networks.device)
        for value in self.values:
            found = opinions(classifier, seen_through(self.view(value).chain, x))
            wanted = found[:, self.target].tolist()
            yield Turn(value, tuple(wanted), tuple((found.argmax(1) == self.target).tolist()))
