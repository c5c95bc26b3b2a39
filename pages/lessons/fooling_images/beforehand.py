"""The patterns that are shipped: fooling images that evolution has bred beforehand, and how it has bred them.

python -m pages.lessons.fooling_images.beforehand      # breeds the patterns in assets/fooling anew, in a few minutes
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from adv_core.assets import ASSETS
from adv_core.attacks.evolution import Cppn, Generation, evolve, grown
from adv_core.classifiers import DEFAULT, Classifier, categories, load_classifier
from adv_core.decoding import open_image
from adv_core.images import Pixels
from pages.lessons.fooling_images.tasks import pixels_of

FOLDER = ASSETS / "fooling"
COMMAND = "python -m pages.lessons.fooling_images.beforehand"
# The classes of the regular patterns in figure 1 of the paper: king penguin, starfish, baseball, electric guitar,
# freight car, remote control, peacock, African grey.
FIGURE = (145, 327, 429, 546, 565, 761, 84, 87)
COUNT = 8  # patterns that are shipped
WIDE, DEEP, CHILDREN, SEED = 1200, 960, 24, 0  # queries of the first search, and of the search for each class at most
PROMISING = 0.3  # a class of the figure is bred further if the first search gives it that probability
ENOUGH = 0.996  # a pattern with this probability, the least of the paper's figure, is not bred further


@dataclass(frozen=True, eq=False)
class Shipped:
    """The patterns, the class that each was bred for, and the JSON file that tells how.

    Attributes:
        labels: one for each pattern; pixels: (N, S, S, 3) uint8.
        about: command, classifier, queries and generations of the search, and of each pattern.
    """

    labels: tuple[int, ...]
    pixels: Pixels
    about: dict[str, Any]

    @property
    def queries(self) -> int:
        """The queries of the whole search."""
        return int(self.about["queries"]) + sum(each["queries"] for each in self.about["patterns"])


@cache
def shipped() -> Shipped:
    """The patterns in assets/fooling."""
    about = json.loads((FOLDER / "patterns.json").read_text(encoding="utf-8"))
    pixels = [np.asarray(open_image((FOLDER / each["file"]).read_bytes())) for each in about["patterns"]]
    return Shipped(tuple(each["class"] for each in about["patterns"]), np.stack(pixels), about)


def chosen(scores: Sequence[float], champions: Sequence[object]) -> list[int]:
    """The classes that are bred further: the promising ones of the figure, then those with the highest probability.

    No two of them have the same champion.

    Args:
        scores: the probability of each class for its champion.
    """
    best = sorted(range(len(scores)), key=lambda label: -scores[label])
    labels: list[int] = []
    for label in [*(each for each in FIGURE if scores[each] >= PROMISING), *best]:
        if len(labels) < COUNT and all(champions[label] is not champions[other] for other in labels):
            labels.append(label)
    return labels


def bred(classifier: Classifier, label: int, parent: Cppn) -> Generation[Cppn]:
    """The last generation of a search for one class that begins with a pattern, and ends when it is good enough."""
    for generation in evolve(
        classifier,
        Cppn.newborn,
        side=classifier.info.input_size,
        wanted=label,
        focus=1.0,
        queries=DEEP,
        children=CHILDREN,
        strangers=0.0,
        seed=SEED,
        parents=[parent],
    ):
        if float(generation.scores[label].exp()) >= ENOUGH:
            break
    return generation


def main() -> None:
    classifier = load_classifier(DEFAULT, device="cpu")
    side = classifier.info.input_size
    *_, wide = evolve(classifier, Cppn.newborn, side=side, queries=WIDE, children=CHILDREN, strangers=0.1, seed=SEED)
    patterns = []
    FOLDER.mkdir(exist_ok=True)
    for label in chosen(wide.scores.exp().tolist(), wide.champions):
        last = bred(classifier, label, wide.champions[label])
        file = f"{label}.png"
        Image.fromarray(pixels_of(grown([last.champions[label]], side))[0]).save(FOLDER / file, optimize=True)
        patterns.append(
            {
                "class": label,
                "name": categories()[label],
                "file": file,
                "probability_before": round(float(wide.scores[label].exp()), 6),
                "probability": round(float(last.scores[label].exp()), 6),
                "queries": last.queries,
                "generations": -(-(last.queries - 1) // CHILDREN),
            }
        )
        print(patterns[-1], flush=True)
    about = {
        "command": COMMAND,
        "classifier": DEFAULT,
        "encoding": "CPPN, see adv_core/attacks/evolution.py",
        "seed": SEED,
        "children": CHILDREN,
        "queries": wide.queries,
        "generations": -(-wide.queries // CHILDREN),
        "patterns": patterns,
    }
    (FOLDER / "patterns.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
