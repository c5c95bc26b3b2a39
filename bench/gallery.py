"""What the gallery's lessons say about themselves, measured.

python -m bench.gallery fooling
"""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from adv_core.classifiers import Classifier, load_classifier
from adv_core.fooling_tasks import Climb, Evolution, Look, Wall, some_classes

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
    here, classes = Here(), some_classes(100)
    fooling_ascent(here, classes)
    fooling_together(here, classes[:40])
    fooling_breeding(here, classes[:10])


def fooling_ascent(here: Here, classes: tuple[int, ...]) -> None:
    """40 steps for all, more for those that need them; the other networks look at what 40 steps have made."""
    print("\n| start | ≥ 99 % within 40 steps | within 200 | median | most | Lite1 agrees | Lite2 | seconds a class |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for start in ("noise", "grey", "stripes"):
        began, first, agree = time.perf_counter(), np.empty(0, int), np.zeros(2, int)
        for part in _parts(classes, 10):
            records = list(Climb(part, start, steps=40).records(here))
            first = np.append(first, _first_sure(records))
            agree += [_agreeing(here, records[-1].pixels, part, name) for name in (LITE1, LITE2)]
        seconds, soon = (time.perf_counter() - began) / len(classes), int((first >= 0).sum())
        late = np.flatnonzero(first < 0)
        for rows in np.array_split(late, -(-len(late) // 10)) if len(late) else ():
            part = tuple(classes[row] for row in rows)
            first[rows] = _first_sure(list(Climb(part, start, steps=200).records(here)))
        reached = first[first >= 0]
        print(
            f"| {start} | {soon} of {len(classes)} | {len(reached)} | {np.median(reached):.0f} | {reached.max()} | "
            f"{agree[0]} | {agree[1]} | {seconds:.1f} |",
            flush=True,
        )


def fooling_together(here: Here, classes: tuple[int, ...]) -> None:
    """Lite0 and Lite1 climbed together, 40 steps, and what Lite2 says of it."""
    print("\n| start | both ≥ 99 % | Lite0 and Lite1 both say so | Lite2 agrees |\n|---|---|---|---|", flush=True)
    for start in ("noise", "grey"):
        sure = said = agree = 0
        for part in _parts(classes, 8):
            *_, last = Climb(part, start, classifiers=(LITE0, LITE1)).records(here)
            sure += int((last.wanted.min(0) >= 0.99).sum())
            said += int((last.seen == np.array(part)).all(0).sum())
            agree += _agreeing(here, last.pixels, part, LITE2)
        print(f"| {start} | {sure} of {len(classes)} | {said} | {agree} |", flush=True)


def fooling_breeding(here: Here, classes: tuple[int, ...]) -> None:
    print("\n| genome | questions | median p | ≥ 50 % | ≥ 99 % | by-catch > 50 % | of it, Lite1 agrees |")
    print("|---|---|---|---|---|---|---|")
    for encoding, queries in (("pattern", 1000), ("pattern", 2000), ("tiles", 2000)):
        ends, caught, shown, agree = [], [], 0, 0
        for seed, target in enumerate(classes):
            *_, last = Evolution(target, encoding, queries, seed).records(here)
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


def _parts(classes: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    return [classes[first : first + size] for first in range(0, len(classes), size)]


def _first_sure(records: Sequence[Wall]) -> np.ndarray:
    """The first step at which each row has 99 %, as an 8-bit picture; -1 where there is none."""
    sure = np.stack([record.wanted[0] >= 0.99 for record in records])
    return np.where(sure.any(0), sure.argmax(0), -1)


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
