"""Tasks of the lesson on physical attacks: pictures in one view, and along one setting of it.

A view is a chain of transforms with chosen parameters; it consists of plain values, like every task.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import LABELS, Checked, number, required
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.geometry import Rotation, Scale
from adv_core.transforms.jpeg import Jpeg
from adv_core.transforms.light import Brightness
from adv_core.transforms.transform import Chain, Transform, opinions, seen_through

Knob = Literal["angle", "scale", "brightness", "quality"]
NOT_JPEG = 101  # the quality that stands for saving without any loss


@dataclass(frozen=True)
class View(Checked):
    """A camera's view of a picture.

    Attributes:
        angle: in degrees, counter-clockwise, -180 ... 180.
        scale: a factor, 0.1 ... 10.
        brightness: added to every value, -1 ... 1.
        quality: of the saved JPEG, 1 ... 100, or `NOT_JPEG`.
    """

    angle: float = number(0.0, -180, 180)
    scale: float = number(1.0, 0.1, 10)
    brightness: float = number(0.0, -1, 1)
    quality: float = number(NOT_JPEG, 1, NOT_JPEG)

    @property
    def chain(self) -> Chain:
        """The view as transforms, in the order of a camera. Transforms without effect are left out."""
        every: tuple[tuple[Transform, float, float], ...] = (
            (Rotation(), self.angle, 0.0),
            (Scale(), self.scale, 1.0),
            (Brightness(), self.brightness, 0.0),
            (Jpeg(), self.quality, NOT_JPEG),
        )
        return tuple((transform, (value,)) for transform, value, neutral in every if value != neutral)


@dataclass(frozen=True)
class Turn:
    """At one value of the setting: each picture's probability of the target class, and whether it is the prediction."""

    value: float
    probabilities: tuple[float, ...]
    answered: tuple[bool, ...]


@dataclass(frozen=True)
class AlongKnob(Task[Turn]):
    """The same pictures at many values of one setting, with all others unchanged.

    Attributes:
        values: the values, one record each, in this order.
        target: the class whose probability is recorded.
    """

    pictures: Pictures
    classifier: str = required()
    knob: Knob = required()
    values: tuple[float, ...] = number(..., -180, 180, count=(1, 121))
    target: int = number(..., 0, LABELS)

    background = True

    @property
    def length(self) -> int:
        return len(self.values)

    @property
    def rows(self) -> int:
        return self.pictures.count

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.pictures.count > 8:
            raise ValueError(f"pictures has to hold 1 ... 8 pictures, not {self.pictures.count}")
        for value in self.values:
            self.view(value).check(limits)

    def view(self, value: float) -> View:
        """The view at that value."""
        return replace(View(), **{self.knob: value})

    def records(self, networks: Networks) -> Iterator[Turn]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.pictures.pixels).to(networks.device)
        for value in self.values:
            found = opinions(classifier, seen_through(self.view(value).chain, x))
            wanted = found[:, self.target].tolist()
            yield Turn(value, tuple(wanted), tuple((found.argmax(1) == self.target).tolist()))
