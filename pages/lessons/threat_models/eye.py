"""Measure a threshold of perception by an adaptive staircase (Levitt, J. Acoust. Soc. Am. 1971)."""

import random
from dataclasses import dataclass
from functools import cached_property
from math import exp, log
from typing import Literal

import numpy as np

LEVELS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)  # ε in 1/255: each about √2 times the one before
START = LEVELS.index(16)
TURNS, COUNTED, LONGEST = 7, 4, 30


@dataclass(frozen=True)
class Staircase:
    """An adaptive test: two right answers in a row make it harder, one wrong answer makes it easier.

    It converges to the level at which the chance of two right answers is one half, so 71 % of the answers are right.

    Args:
        answers: the answers so far, "1" for right and "0" for wrong, oldest first.
    """

    answers: str = ""

    @cached_property
    def _walk(self) -> tuple[list[int], list[int]]:
        """The indices into LEVELS of every trial and of the next one; the indices at which the walk turned."""
        places, turns, right, heading = [START], [], 0, 0
        for answer in self.answers:
            here = places[-1]
            right = right + 1 if answer == "1" else 0
            move = -1 if right == 2 else 1 if answer != "1" else 0
            if move:
                right = 0
                if heading and move != heading:
                    turns.append(here)
                heading = move
            places.append(min(max(here + move, 0), len(LEVELS) - 1))
        return places, turns

    @property
    def levels(self) -> list[int]:
        """ε of every trial that was answered, in 1/255."""
        return [LEVELS[place] for place in self._walk[0][:-1]]

    @property
    def level(self) -> int:
        """ε of the next trial."""
        return LEVELS[self._walk[0][-1]]

    @property
    def done(self) -> bool:
        """True after seven turns, or thirty trials."""
        return len(self._walk[1]) >= TURNS or len(self.answers) >= LONGEST

    @property
    def progress(self) -> float:
        """The progress, in [0, 1]."""
        return min(max(len(self._walk[1]) / TURNS, len(self.answers) / LONGEST), 1.0)

    @property
    def threshold(self) -> float | None:
        """The geometric mean of ε at the last four turns; None before the end.

        A viewer who reached an end of the scale has too few turns there; then it is the mean of the last four trials.
        """
        if not self.done:
            return None
        turns = [LEVELS[place] for place in self._walk[1]]
        last = turns[-COUNTED:] if len(turns) >= COUNTED else self.levels[-COUNTED:]
        return exp(sum(map(log, last)) / len(last))

    def side(self, seed: int) -> Literal["left", "right"]:
        """The side of the changed picture in the next trial."""
        coin = random.Random(f"{seed} {len(self.answers)}").random()
        return "left" if coin < 0.5 else "right"


_BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722])  # the weights of red, green and blue (ITU-R BT.709)


def visibility(before: np.ndarray, after: np.ndarray, spot: int = 15) -> float:
    """The strongest change of brightness within any spot, as a root mean square, in levels of 255.

    An eye does not sum over a picture; it finds the most conspicuous place. Ten levels in one spot are visible, a tenth
    of a level everywhere is not, although the sum may be the same. The measure ignores colour. It also ignores that a
    busy texture hides more than a plain sky (Chou & Li, IEEE Trans. Circuits Syst. Video Technol. 1995).

    Args:
        before, after: the pictures, (H, W, 3) uint8.
        spot: side of a spot in pixels; at arm's length, one glance covers about that much.
    """
    change = ((after.astype(np.float64) - before.astype(np.float64)) @ _BRIGHTNESS) ** 2
    height, width = (min(spot, side) for side in change.shape)
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    spots = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return float(np.sqrt(max(spots.max() / (height * width), 0.0)))
