"""The challenge of a room, and the judge of the submitted pictures.

A submission is a file: a PNG of 8 bits. Its distance is a whole number, and the network sees exactly its pixels. A
perturbation by fractions of a level, which a file loses, cannot be submitted.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import numpy as np
from PIL import Image

from adv_core.classifiers import REGISTRY, categories, info_of
from adv_core.decoding import ImageError
from adv_core.exact_png import read_png
from adv_core.images import Pixels
from adv_core.serving.classroom import Refused
from adv_core.serving.engine.look import Look, Pictures, Seen
from adv_core.serving.engine.process import default_engine
from adv_core.serving.engine.queue import Engine, Job

RuleName = Literal["smallest", "pixels", "jpeg", "hidden"]
JPEG_QUALITY = 75
PATIENCE = 60.0  # seconds of waiting for the network


@dataclass(frozen=True)
class RankingRule:
    """A rule that scores pictures: the smaller score wins.

    Attributes:
        title, text: for people; the text tells the rule to students.
        unit: of the score.
    """

    title: str
    text: str
    unit: str = "/255"


RULES: dict[RuleName, RankingRule] = {
    "smallest": RankingRule(
        "smallest ε", "The smallest ε wins. ε is the largest change of any colour value, in 1/255."
    ),
    "pixels": RankingRule(
        "fewest pixels", "The fewest changed pixels win. Each pixel may change by any amount.", " changed pixels"
    ),
    "jpeg": RankingRule(
        f"survives JPEG {JPEG_QUALITY}",
        f"The picture must fool the network, and must still do so after it is saved as JPEG of quality {JPEG_QUALITY}. "
        "The smallest ε wins.",
    ),
    "hidden": RankingRule(
        "fool the hidden second network",
        "The picture must also fool a second network, whose name is shown at the end. The smallest ε wins.",
    ),
}


@dataclass(frozen=True)
class Challenge:
    """A photograph, a network, and the task.

    Attributes:
        image: 8-bit RGB of shape (height, width, 3), row by row, at the size that the network sees.
        classifier: a name from the registry.
        label: the prediction for the untouched picture, which a submission has to change.
        target: the class to reach; None for any class but ``label``.
        rule: the rule that scores pictures.
        most: the largest score that counts: ε in levels of 255, or a number of pixels. This is Δ.
        hidden: the second network of the rule "hidden"; None otherwise. Its prediction has to change, to any class.
        hidden_label: the second network's prediction for the untouched picture.
        sample: the photograph's name, if it is one of the samples; "" otherwise.
    """

    image: bytes = field(repr=False)
    height: int
    width: int
    classifier: str
    label: int
    target: int | None = None
    rule: RuleName = "smallest"
    most: int = 8
    hidden: str | None = None
    hidden_label: int | None = None
    sample: str = ""

    @property
    def pixels(self) -> Pixels:
        """The untouched picture, (H, W, 3) uint8."""
        return np.frombuffer(self.image, np.uint8).reshape(self.height, self.width, 3)

    @property
    def task(self) -> str:
        """Return the task, in two sentences for students, without the rule."""
        network, names = info_of(self.classifier).title, categories()
        says = (
            f"predicts {names[self.target]}" if self.target is not None else f"no longer predicts {names[self.label]}"
        )
        limit = f"{self.most} pixels" if self.rule == "pixels" else f"ε = {self.most}/255"
        return f"Change the picture so that {network} {says}. The budget is {limit}."

    def check(self) -> None:
        """Refuse a challenge that cannot be solved.

        Raises:
            Refused: with a sentence for the host.
        """
        if self.rule not in RULES or self.classifier not in REGISTRY:
            raise Refused("This rule or this network does not exist.")
        if len(self.image) != self.height * self.width * 3 or not self.image:
            raise Refused("The photograph has another number of bytes than its size requires.")
        if not 0 <= self.label < len(categories()) or (self.target is not None and self.target not in range(1000)):
            raise Refused(f"There are {len(categories())} classes, and the given one is none of them.")
        if self.target == self.label:
            raise Refused("The network already predicts the target class. Please choose another class.")
        highest = self.height * self.width if self.rule == "pixels" else 255
        if not 1 <= self.most <= highest:
            raise Refused(f"The budget is {self.most}, and has to be 1 to {highest}. Please choose another one.")
        if self.rule == "hidden" and (self.hidden not in REGISTRY or self.hidden == self.classifier):
            raise Refused("The second network is the first one, or does not exist. Please choose another one.")
        if self.rule == "hidden" and self.hidden_label is None:
            raise Refused("The second network's prediction for the untouched picture is missing.")

    def to_json(self) -> str:
        """The challenge as JSON, without the picture."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "image"})

    @classmethod
    def from_json(cls, text: str, pixels: Pixels) -> "Challenge":
        """The inverse of `to_json`, given the picture."""
        return cls(image=pixels.tobytes(), **json.loads(text))

    def distance(self, pixels: Pixels) -> int:
        """The distance of a picture (H, W, 3) from the untouched one: the pixels that differ, or the largest change in
        levels of 255. It is a whole number, so rounding gains nothing."""
        change = np.abs(pixels.astype(np.int16) - self.pixels.astype(np.int16))
        return int((change.max(axis=2) > 0).sum()) if self.rule == "pixels" else int(change.max())

    def score_text(self, score: int) -> str:
        """Return a score as text: "3/255", "41 changed pixels"."""
        return "1 changed pixel" if (self.rule, score) == ("pixels", 1) else f"{score}{RULES[self.rule].unit}"


@dataclass(frozen=True)
class Prediction:
    """A network's prediction: the likeliest class, and its probability in [0, 1]."""

    label: int
    probability: float

    def __str__(self) -> str:
        """Return the prediction as text, such as "koala (94.2 %)". No probability is shown as 100 %."""
        sure = "> 99.9 %" if self.probability >= 0.9995 else f"{100 * self.probability:.1f} %"
        return f"{categories()[self.label]} ({sure})"


@dataclass(frozen=True)
class Judgement:
    """The result of judging a submitted picture.

    Attributes:
        accepted: whether the picture counts.
        reason: a sentence for the student. It never has the hidden network's name or prediction.
        score: its distance; None where the file could not be read as a picture of the right kind.
        said: the network's prediction for exactly these pixels.
        second: the network's prediction for the JPEG, or the hidden network's prediction for these pixels.
        pixels: (H, W, 3) uint8, row by row, where it was accepted.
    """

    accepted: bool
    reason: str
    score: int | None = None
    said: Prediction | None = None
    second: Prediction | None = None
    pixels: bytes = field(default=b"", repr=False)

    @property
    def digest(self) -> str:
        """The hash of the pixels, not of the file: a picture that is saved anew has the same digest."""
        return hashlib.sha256(self.pixels).hexdigest()


def judge(challenge: Challenge, png: bytes, engine: Engine | None = None, session: str = "") -> Judgement:
    """Judge the bytes of a file.

    Args:
        png: the upload; it may be any bytes.
        engine: the engine that runs the network; the process's own by default.

    Raises:
        Refused: the network could not be run. The student may hand in the picture again.
    """
    try:
        pixels = read_png(png, challenge.height, challenge.width)
    except ImageError as error:
        return Judgement(False, str(error))
    score = challenge.distance(pixels)
    if score == 0:
        return Judgement(False, "This is the untouched picture. Please hand in a changed one.", score)
    if score > challenge.most:
        change, most = challenge.score_text(score), challenge.score_text(challenge.most)
        return Judgement(False, f"The change is too large: {change}, and the budget is {most}.", score)
    engine = engine or default_engine()
    try:
        asked = [_look(challenge.classifier, pixels, engine, session)]
        if challenge.rule == "jpeg":
            asked.append(_look(challenge.classifier, as_jpeg(pixels), engine, session))
        if challenge.rule == "hidden" and challenge.hidden is not None:
            asked.append(_look(challenge.hidden, pixels, engine, session))
        said, second, *_ = [*(_opinion(job) for job in asked), None]
    except (RuntimeError, TimeoutError) as error:  # the engine is full, or the computation was stopped
        raise Refused(f"{str(error).rstrip('.')}. This picture was not judged. Please hand it in again.") from error
    assert said is not None
    judgement = Judgement(False, "", score, said, second)
    problem = _problem(challenge, said, second)
    if problem:
        return replace(judgement, reason=problem)
    text = f"It counts, with {challenge.score_text(score)}: the network predicts {said}."
    return replace(judgement, accepted=True, reason=text, pixels=pixels.tobytes())


def as_jpeg(pixels: Pixels) -> Pixels:
    """Return the picture after it was saved as JPEG and opened again, (H, W, 3) uint8."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(file).convert("RGB"))


def look(classifier: str, pixels: Pixels, engine: Engine | None = None, session: str = "") -> Prediction:
    """Return a network's prediction for (H, W, 3) uint8; wait for the engine.

    Raises:
        RuntimeError, TimeoutError: the network could not be run; the message is for people.
    """
    return _opinion(_look(classifier, pixels, engine or default_engine(), session))


def _look(classifier: str, pixels: Pixels, engine: Engine, session: str) -> Job[Seen]:
    return engine.submit(Look(Pictures.of(pixels), classifier), session)


def _opinion(job: Job[Seen]) -> Prediction:
    said = job.result(PATIENCE)[-1].probabilities[0]
    return Prediction(int(said.argmax()), float(said.max()))


def _problem(challenge: Challenge, said: Prediction, second: Prediction | None) -> str:
    """Return the reason why a picture within Δ does not count; "" where it counts."""

    def fooled(opinion: Prediction) -> bool:
        return opinion.label == challenge.target if challenge.target is not None else opinion.label != challenge.label

    wanted = "" if challenge.target is None else f", and the target is {categories()[challenge.target]}"
    if not fooled(said):
        still = "still " if said.label == challenge.label else ""
        return f"The network {still}predicts {said} for this picture{wanted}."
    if challenge.rule == "jpeg" and second is not None and not fooled(second):
        return f"The picture fools the network, but not once it is saved as JPEG: then it predicts {second}{wanted}."
    if challenge.rule == "hidden" and (second is None or second.label == challenge.hidden_label):
        return f"The picture fools the network, which predicts {said}, but it does not fool the hidden second network."
    return ""
