"""The ε that fools a linear classifier, against the number of pixels.

A step of ε in each pixel moves the score θᵀx by up to ε‖θ‖₁: the more weights, the more small steps add up
(Goodfellow, Shlens & Szegedy, ICLR 2015, arXiv:1412.6572). Half of the digits are fooled at

    ε₅₀ = median of y·s(x) / ‖θ‖₁

A finer picture by itself does not lower ε₅₀: a classifier of coarse digits is one of fine digits, too, with the same
‖θ‖₁ (Shafahi et al., ICLR 2019, arXiv:1809.02104). What lowers it is a contrast that falls. With the same noise in each
pixel, a picture of D pixels can be fainter by √D for the same error, since the classifier averages. ε₅₀ then falls as
1/√D, as in Simon-Gabriel et al. (ICML 2019, arXiv:1802.01421).

    python -m adv_core.dimension            # the figures for each side
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.step import run
from adv_core.datasets import mnist
from adv_core.images import round_to_8bit
from adv_core.linear import Epoch, LinearClassifier, error, flips_at, train
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import Linf

SIDES = (4, 7, 14, 28, 56)
# Contrasts at which the classifier errs on about 10 % of the digits, for that noise in each pixel.
CONTRASTS, NOISE = {4: 0.9, 7: 0.19, 14: 0.092, 28: 0.045, 56: 0.025}, 0.1
LEVELS = 64  # the largest ε of a measurement, in 1/255


@dataclass(frozen=True)
class Camera:
    """The way in which a digit becomes a picture.

    Attributes:
        side: pixels of a row and of a column; a divisor or a multiple of 28.
        contrast: the difference between ink and paper, in (0, 1]. Both lie around mid-grey.
        noise: the deviation of the noise in each pixel.
    """

    side: int = 28
    contrast: float = 0.5
    noise: float = 0.0

    def pictures(self, images: Tensor, seed: int) -> Tensor:
        """Pictures (N, 1, side, side) with 8-bit values, of digits (N, 1, 28, 28) in [0, 1]."""
        grey = 0.5 + self.contrast * (resized(images, self.side) - 0.5)
        if self.noise:
            grey = grey + self.noise * torch.randn(grey.shape, generator=torch.Generator().manual_seed(seed))
        return round_to_8bit(grey.clamp(0, 1))


def faint(side: int) -> Camera:
    """The camera with noise, whose contrast makes the digits of every side equally hard."""
    return Camera(side, CONTRASTS[side], NOISE)


def resized(images: Tensor, side: int) -> Tensor:
    """Digits (N, 1, 28, 28) as (N, 1, side, side): means of blocks of pixels, or repeated pixels.

    Raises:
        ValueError: a side that neither divides 28 nor is a multiple of it.
    """
    size = images.shape[-1]
    if side < 1 or (size % side and side % size):
        raise ValueError(f"side has to divide {size} or to be a multiple of it, not {side}")
    if side <= size:
        return F.avg_pool2d(images, size // side)
    return images.repeat_interleave(side // size, -1).repeat_interleave(side // size, -2)


def fitted(x: Tensor, labels: Tensor, epochs: int = 10, seed: int = 0) -> Iterator[Epoch]:
    """Train logistic regression on pictures (N, 1, H, W) of any size and contrast; see `adv_core.linear.train`.

    The step size is one over the mean square of a picture, up to a factor. Mid-grey, which all pictures share, is taken
    off before the training: it would make the steps too long.
    """
    around = x - 0.5
    rate = 3 / float(around.flatten(1).square().sum(1).mean())
    for epoch in train(around, labels, epochs=epochs, rate=rate, seed=seed):
        model = epoch.model
        yield replace(epoch, model=LinearClassifier(model.theta, model.bias - 0.5 * model.theta.sum()))


def predicted(model: LinearClassifier, x: Tensor, labels: Tensor) -> float:
    """The median of y·s(x) / ‖θ‖₁: the ε that fools half of the digits, told without an attack."""
    return float(flips_at(model, x, labels).median())


def attacked(model: LinearClassifier, x: Tensor, labels: Tensor, levels: int) -> Tensor:
    """x + δ with 8-bit values, for ε = levels/255, by FGSM."""
    return run(fgsm(model, x, Linf(levels / 255), Untargeted(labels)), keep_steps=False).adversarial


def errors_under(model: LinearClassifier, x: Tensor, labels: Tensor) -> Iterator[float]:
    """The error under FGSM on 8-bit pictures, for ε = 0, 1, 2, … in 1/255, up to the first error above one half."""
    for levels in range(LEVELS + 1):
        wrong = float((model(attacked(model, x, labels, levels)).argmax(1) != labels).float().mean())
        yield wrong
        if wrong > 0.5:
            return


def half_at(errors: list[float]) -> float | None:
    """The ε at which these errors for ε = 0, 1, 2, … in 1/255 cross one half; between two levels, on a straight line.

    None where they do not reach it.
    """
    if errors[-1] <= 0.5 or len(errors) < 2:
        return None
    before, after = errors[-2:]
    return (len(errors) - 2 + (0.5 - before) / (after - before)) / 255


@dataclass(frozen=True, eq=False)
class Found:
    """A classifier of digits of one side, and its measurements.

    Attributes:
        model: on pictures of that side.
        error: on untouched test digits.
        predicted, measured: ε₅₀ from the margins, and by the attack; the latter None where no ε reached it.
        errors: for ε = 0, 1, 2, … in 1/255, as long as they were measured.
    """

    model: LinearClassifier
    error: float
    predicted: float
    measured: float | None
    errors: tuple[float, ...]

    @property
    def weight(self) -> float:
        """‖θ‖₁."""
        return float(self.model.theta.abs().sum())


def measured(model: LinearClassifier, x: Tensor, labels: Tensor) -> Iterator[Found]:
    """Measure a classifier on test pictures; yield after each ε."""
    told, clean, errors = predicted(model, x, labels), error(model, x, labels), list[float]()
    for wrong in errors_under(model, x, labels):
        errors.append(wrong)
        yield Found(model, clean, told, half_at(errors), tuple(errors))


def main(arguments: list[str] | None = None) -> None:
    """The command line: print the figures of each side."""
    parser = argparse.ArgumentParser(prog="python -m adv_core.dimension", description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=4000, help="training digits")
    parser.add_argument("--tested", type=int, default=1000, help="test digits")
    asked = parser.parse_args(arguments)
    seen, held = mnist("train", (0, 1))[: asked.images], mnist("test", (0, 1))[: asked.tested]
    for name, cameras in (("faint", map(faint, SIDES)), ("plain", map(Camera, SIDES))):
        print(f"{name} digits: side, contrast, error, ‖θ‖₁, ε₅₀ predicted and measured (in 1/255)")
        for camera in cameras:
            *_, last = fitted(camera.pictures(seen.images, 0), seen.labels)
            *_, found = measured(last.model, camera.pictures(held.images, 1), held.labels)
            half = "-" if found.measured is None else f"{255 * found.measured:6.2f}"
            print(
                f"{camera.side:3} {camera.contrast:6.3f} {found.error:7.1%} {found.weight:7.1f} "
                f"{255 * found.predicted:6.2f} {half}"
            )


if __name__ == "__main__":
    main()
