"""What the gallery's lessons say about themselves, measured.

python -m bench.gallery fooling
"""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from adv_core.classifiers import Classifier, load_classifier
from adv_core.fooling_tasks import STARTS, Climb, Evolution, Look, Wall, some_classes

LITE0, LITE1, LITE2 = (f"efficientnet_lite{level}" for level in range(3))


class Here:
    """What a task finds where it is computed: networks on the CPU, loaded once."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self._loaded: dict[str, Classifier] = {}

    def classifier(self, name: str) -> Classifier:
        if name not in self._loaded:
            self._loaded[name] = load_classifier(name, "cpu")
        return self._loaded[name]


def fooling() -> None:
    """How many of 100 random classes gradient ascent reaches, who agrees, and how far breeding gets."""
    print(f"{torch.get_num_threads()} threads")
    here, classes = Here(), some_classes(100)
    fooling_ascent(here, classes)
    fooling_agreement(here, classes)
    fooling_breeding(here, classes[:10])


def fooling_ascent(here: Here, classes: tuple[int, ...]) -> None:
    print("\n| start | ≥ 99 % within 200 steps | median steps | most steps | seconds a class |\n|---|---|---|---|---|")
    for start in STARTS:
        began, first = time.perf_counter(), np.concatenate([_first_sure(here, part, start) for part in _tens(classes)])
        seconds, reached = (time.perf_counter() - began) / len(classes), first[first >= 0]
        print(
            f"| {start} | {len(reached)} of {len(classes)} | {np.median(reached):.0f} | {reached.max()} | "
            f"{seconds:.1f} |",
            flush=True,
        )


def fooling_agreement(here: Here, classes: tuple[int, ...]) -> None:
    print("\n| start | climbed, 40 steps | ≥ 99 % in each | Lite0 agrees | Lite1 | Lite2 |\n|---|---|---|---|---|---|")
    for start in STARTS[:2]:
        for networks in ((LITE0,), (LITE0, LITE1)):
            sure, agree = 0, np.zeros(3, int)
            for part in _tens(classes):
                for half in (part[:5], part[5:]):
                    *_, last = Climb(half, start, classifiers=networks).records(here)
                    sure += int((last.wanted.min(0) >= 0.99).sum())
                    agree += [_agreeing(here, last.pixels, half, name) for name in (LITE0, LITE1, LITE2)]
            names = " + ".join(name[-5:].title() for name in networks)
            print(f"| {start} | {names} | {sure} of 100 | {agree[0]} | {agree[1]} | {agree[2]} |", flush=True)


def fooling_breeding(here: Here, classes: tuple[int, ...]) -> None:
    print("\n| genome | questions | median p | ≥ 50 % | ≥ 99 % | by-catch > 50 % | of it, Lite1 agrees |")
    print("|---|---|---|---|---|---|---|")
    for encoding, queries in (("pattern", 1000), ("pattern", 2000), ("tiles", 2000)):
        ends, caught, shown, agree = [], [], 0, 0
        for target in classes:
            *_, last = Evolution(target, encoding, queries).records(here)
            ends.append(last.wanted)
            caught.append(last.sure)
            rows = [row for row, p in enumerate(last.certainty) if p > 0.5]
            shown += len(rows)
            if rows:
                agree += _agreeing(here, last.pictures[rows], [last.others[row] for row in rows], LITE1)
        half, all_ = (sum(p >= bound for p in ends) for bound in (0.5, 0.99))
        print(
            f"| {encoding} | {queries} | {100 * np.median(ends):.2g} % | {half} of {len(ends)} | {all_} | "
            f"{np.mean(caught):.1f} classes | {agree} of {shown} |",
            flush=True,
        )


def _tens(classes: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [classes[first : first + 10] for first in range(0, len(classes), 10)]


def _first_sure(here: Here, classes: tuple[int, ...], start: str) -> np.ndarray:
    """The first step at which each class has 99 %, as an 8-bit picture; -1 where 200 steps are not enough."""
    first = np.full(len(classes), -1)
    for record in Climb(classes, start, steps=200).records(here):  # type: ignore[arg-type]
        assert isinstance(record, Wall)
        first[(first < 0) & (record.wanted[0] >= 0.99)] = record.index
        if (first >= 0).all():
            break
    return first


def _agreeing(here: Here, pixels: np.ndarray, classes: Sequence[int], name: str) -> int:
    """Of how many pictures that network sees the class."""
    (opinion,) = Look(pixels.tobytes(), pixels.shape[1], name).records(here)
    return int((opinion.logits.argmax(1) == np.array(classes)).sum())


TOPICS: dict[str, Callable[[], None]] = {"fooling": fooling}


def main() -> None:
    for topic in sys.argv[1:] or TOPICS:
        TOPICS[topic]()


if __name__ == "__main__":
    main()
