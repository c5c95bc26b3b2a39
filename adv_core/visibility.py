"""How much a viewer notices of a perturbation, by a crude model of an eye."""

import numpy as np

_BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722])  # how much red, green and blue count (ITU-R BT.709)


def visibility(before: np.ndarray, after: np.ndarray, spot: int = 15) -> float:
    """The strongest change of brightness within any spot, as a root mean square, in levels of 255.

    An eye does not add up a picture: it finds the place where something is wrong. Ten levels in one spot are seen where
    a tenth of a level everywhere is not, though the sum may be the same. What this leaves out: colour, and that a busy
    texture hides more than a plain sky (Chou & Li, IEEE Trans. Circuits Syst. Video Technol. 1995).

    Args:
        before, after: the pictures, (H, W, 3) uint8.
        spot: side of a spot in pixels; about what a glance takes in at arm's length.
    """
    change = ((after.astype(np.float64) - before.astype(np.float64)) @ _BRIGHTNESS) ** 2
    height, width = (min(spot, side) for side in change.shape)
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    spots = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    return float(np.sqrt(max(spots.max() / (height * width), 0.0)))
