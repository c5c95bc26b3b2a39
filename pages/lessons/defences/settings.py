"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.classifiers import DEFAULT, info_of
from adv_core.defences.detectors import STEPS
from adv_core.defences.detectors import Kind as Detector
from adv_core.defences.filters import Defence, Kind
from pages.lessons.defences.detection_tasks import Detect, Sort
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import PageSettings, number, solved, word

SIZE = info_of(DEFAULT).input_size
KINDS: dict[Kind, str] = {
    "jpeg": "JPEG",
    "blur": "blur",
    "bits": "fewer bits",
    "resize": "smaller and back",
    "crop": "random crop",
}
AFTER: dict[Kind, str] = {
    "jpeg": "JPEG",
    "blur": "the blur",
    "bits": "rounding",
    "resize": "resizing",
    "crop": "the crop",
}
STORY: dict[Kind, str] = {
    "jpeg": "Save the picture as JPEG and open it again. This removes details that nobody misses, and perhaps δ.",
    "blur": "A Gaussian blur. δ is finer than the picture, so the blur removes more of it.",
    "bits": "Round each value to a few levels. A small δ does not reach the next level.",
    "resize": "Make the picture smaller, then large again. This averages neighbouring pixels.",
    "crop": "Cut out a window at a random place and enlarge it. Nobody can foresee where δ will be.",
}
DIGITS = 100  # test digits of the section on detection
DETECTOR_STEPS = STEPS  # of each attack there
DETECTORS: dict[Detector, str] = {
    "network": "a network",
    "noise": "a network that has seen noise",
    "squeezing": "feature squeezing",
}
IDEAS: dict[Detector, str] = {
    "network": "A small network, trained to tell 5000 attacked digits from the same digits untouched.",
    "noise": "The same small network. Its training also had digits with random noise, which count as not attacked.",
    "squeezing": "Ask the classifier again after rounding to fewer bits and after a median filter of 2 × 2 pixels. The "
    "score is how far the probabilities move (L1 distance, the larger of the two).",
}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page: ε (eps, level) in levels of 255, the small picture's side in pixels, the window's and
    the allowed false alarms in per cent; squeeze is the number of bits of the squeezing."""

    image: str = word("koala", {*PHOTOS, OWN})
    defence: Kind = word("jpeg", KINDS)
    eps: int = number(2, 0, 16)
    steps: int = number(10, 1, 40)
    quality: int = number(50, 5, 100)
    sigma: float = number(1.0, 0.2, 4.0)
    bits: int = number(3, 1, 8)
    side: int = number(112, 24, SIZE)
    window: int = number(80, 40, 100)
    seed: int = number(0, 0, 999)
    detector: Detector = word("network", DETECTORS)
    level: int = number(77, 0, 128)
    weight: float = number(3.0, 0, 30)
    alarm: int = number(5, 0, 50)
    squeeze: int = number(1, 1, 8)
    digit: int = number(0, 0, 99)
    done: str = solved("abcdef")

    def defended(self, kind: Kind) -> Defence:
        """The defence of that kind, with the strength of its slider."""
        strengths = {
            "none": 0.0,
            "jpeg": float(self.quality),
            "blur": self.sigma,
            "bits": float(self.bits),
            "resize": self.side / SIZE,
            "crop": self.window / 100,
        }
        return Defence(kind, strengths[kind])

    def named(self, kind: Kind) -> str:
        """The short name of a defence with its strength, for a chart's axis."""
        return {
            "none": "no defence",
            "jpeg": f"JPEG, quality {self.quality}",
            "blur": f"blur, σ {self.sigma:g}",
            "bits": f"{self.bits} bits",
            "resize": f"{self.side} pixels",
            "crop": f"random crop {self.window} %",
        }[kind]

    def detection(self, sort: Sort) -> Detect:
        """The task that makes digits of that sort, without the settings on which these do not depend."""
        bits = self.squeeze if self.detector == "squeezing" else Detect.bits
        if sort == "untouched":
            return Detect(sort, self.detector, bits, images=DIGITS)
        weight = self.weight if sort == "aware" else Detect.weight
        seed = self.seed if sort == "noise" else Detect.seed
        return Detect(sort, self.detector, bits, self.level / 255, weight, DIGITS, DETECTOR_STEPS, seed)


page = Controls("defences", Settings)


def titles(kind: Kind) -> dict[str, str]:
    """The title of each picture of section 1."""
    return {
        "x": "untouched",
        "plain": "attacked without the defence",
        "defended": f"the same picture after {AFTER[kind]}",
        "aware": f"adaptive attack, after {AFTER[kind]}",
    }
