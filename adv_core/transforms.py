"""f seen from many sides: the expectation over transformations that a camera, a printer or a web site applies.

    δ*  =  argmax over δ in Δ of E over t of L(y, f(t(x + δ)))

Athalye, Engstrom, Ilyas & Kwok, "Synthesizing Robust Adversarial Examples", ICML 2018, arXiv:1707.07397. An ordinary
adversarial picture stops fooling once it is turned by a few degrees. One that was made for the average over random
turns, zooms and light keeps fooling. Nothing about a solver changes: `Transformed` is one more classifier.

    turned = Transformed(classifier, [Rotation(30), Scale(0.8, 1.2)], samples=8)
    result = run(pgd(turned, x, Linf(8 / 255), ExpectedTargeted(106), steps=40))
    turned.expected_probabilities(result.adversarial, samples=100)      # over views that the attack has not seen

A `Transform` is a small value: it draws its own parameters (``sample``), and shows a picture with chosen ones (``at``).

    Rotation().at(x, 15.0)                                 # every row by 15°
    Rotation().at(x, torch.linspace(-90, 90, 37))          # one picture, 37 angles: (37, 3, H, W), for a curve

Everything is differentiable in x. Where a transform rounds, the gradient passes as if it did not (straight-through).
What lies outside the picture is the picture, mirrored at its edge: no black corner that a class could be read from.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from adv_core.objectives import Targeted, Untargeted, as_labels

Parameter = float | Tensor  # one for all rows, or one a row, (N,)
Draws = tuple[Tensor, ...]


class Transform(ABC):
    """A random change of a picture. Compared and hashed by its fields, as every frozen dataclass is."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Draws:
        """What ``at`` wants beside x, for n rows: CPU tensors (n,). ``generator`` lives on the CPU, too."""

    @abstractmethod
    def at(self, x: Tensor, *parameters: Any, **named: Any) -> Tensor:
        """x with these parameters: pixels (N, 3, H, W) in [0, 1] to the same. A parameter is a number, or one a row,
        (N,); a single picture is repeated for every parameter.

        Raises:
            ValueError: x is no batch of pictures, a parameter is out of range, or there is not one a row.
        """

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """x, every row with its own random parameters."""
        return self.at(x, *self.sample(len(x), generator))


# ------------------------------------------------------------------------------------------------- where things are


@dataclass(frozen=True)
class Rotation(Transform):
    """By an angle in ±``degrees``, 0 ... 180, about the middle of the picture; bilinear."""

    degrees: float = 22.5

    def __post_init__(self) -> None:
        _check_range("the angle", 0, self.degrees, 0, 180)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, -self.degrees, self.degrees, generator),)

    def at(self, x: Tensor, degrees: Parameter) -> Tensor:
        """Turned counter-clockwise by that many degrees."""
        x, angle = _rows(x, _parameter("the angle", degrees))
        # In double precision on the CPU, and about the middle: 0° gives x back to the bit, 90° to the last bits.
        # F.grid_sample counts from the corner in float32, which is 1e-5 off (and lacks mirroring on some devices).
        height, width = x.shape[-2:]
        down = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
        right = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
        cos, sin = angle.deg2rad().cos()[:, None, None], angle.deg2rad().sin()[:, None, None]
        return bilinear(x, cos * down + sin * right + (height - 1) / 2, cos * right - sin * down + (width - 1) / 2)


@dataclass(frozen=True)
class Scale(Transform):
    """Larger or smaller about the middle, by a factor in ``low`` ... ``high``; 2 shows everything twice as large."""

    low: float = 0.9
    high: float = 1.4

    def __post_init__(self) -> None:
        _check_range("the scale", self.low, self.high, *_SCALES)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, scale: Parameter) -> Tensor:
        """Everything ``scale`` times as large, cut to the same frame. Making smaller averages (antialiased)."""
        x, scale = _rows(x, _parameter("the scale", scale, *_SCALES))
        return _window(x, 1 / scale, (1 - 1 / scale) / 2, (1 - 1 / scale) / 2)


@dataclass(frozen=True)
class Crop(Transform):
    """A random window, resized back: its sides are ``fraction`` ... 1 of the picture's, 0 < fraction ≤ 1."""

    fraction: float = 0.8

    def __post_init__(self) -> None:
        _check_range("the fraction", self.fraction, 1, *_FRACTIONS)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        fraction = _uniform(n, self.fraction, 1, generator)
        return fraction, _uniform(n, 0, 1, generator), _uniform(n, 0, 1, generator)

    def at(self, x: Tensor, fraction: Parameter, down: Parameter = 0.5, right: Parameter = 0.5) -> Tensor:
        """A window with ``fraction`` of the height and width. ``down`` and ``right``, in 0 ... 1, say where it lies:
        0 at the upper or left edge, 1 at the lower or right one."""
        where = _parameter("down", down, 0, 1), _parameter("right", right, 0, 1)
        x, side, down, right = _rows(x, _parameter("the fraction", fraction, *_FRACTIONS), *where)
        return _window(x, side, down * (1 - side), right * (1 - side))


@dataclass(frozen=True)
class Translation(Transform):
    """Moved by up to ±``fraction``, 0 ... 1, of the height and of the width."""

    fraction: float = 0.1

    def __post_init__(self) -> None:
        _check_range("the fraction", 0, self.fraction, 0, 1)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        f = self.fraction
        return _uniform(n, -f, f, generator), _uniform(n, -f, f, generator)

    def at(self, x: Tensor, down: Parameter, right: Parameter = 0.0) -> Tensor:
        """Moved ``down`` by that fraction of the height, and ``right`` by that of the width, each in -1 ... 1."""
        x, down, right = _rows(x, _parameter("down", down, -1, 1), _parameter("right", right, -1, 1))
        return _window(x, torch.ones_like(down), -down, -right)


@dataclass(frozen=True)
class Resize(Transform):
    """Made smaller, and back to its old size: what fits into fewer pixels stays. The sides of the small picture are a
    fraction in ``low`` ... ``high`` of the picture's, above 0 and up to 1."""

    low: float = 0.5
    high: float = 1.0

    def __post_init__(self) -> None:
        _check_range("the fraction", self.low, self.high, *_FRACTIONS)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, fraction: Parameter) -> Tensor:
        """Through a picture whose sides are that fraction of x's, in whole pixels. Bilinear; making smaller averages
        (antialiased)."""
        x, fraction = _rows(x, _parameter("the fraction", fraction, *_FRACTIONS))
        size = list(x.shape[-2:])

        def through(rows: Tensor, part: float) -> Tensor:
            small = [max(round(side * part), 1) for side in size]
            if small == size:
                return rows
            thumbnail = F.interpolate(rows, small, mode="bilinear", antialias=True, align_corners=False)
            return F.interpolate(thumbnail, size, mode="bilinear", align_corners=False)

        parts = fraction.tolist()
        if len(set(parts)) == 1:  # one call for the whole batch
            seen = through(x, parts[0])
        else:
            seen = torch.cat([through(row, part) for row, part in zip(x.split(1), parts, strict=True)])
        return _pass_through(seen, seen.clamp(0, 1))


# --------------------------------------------------------------------------------------------- what light and lens do


@dataclass(frozen=True)
class Brightness(Transform):
    """Lighter or darker: up to ±``amount``, 0 ... 1, is added to every value."""

    amount: float = 0.05

    def __post_init__(self) -> None:
        _check_range("the amount", 0, self.amount, 0, 1)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, -self.amount, self.amount, generator),)

    def at(self, x: Tensor, amount: Parameter) -> Tensor:
        """x + ``amount``, which is in -1 ... 1."""
        x, amount = _rows(x, _parameter("the amount", amount, -1, 1))
        return (x + _pixelwise(amount, x)).clamp(0, 1)


@dataclass(frozen=True)
class Contrast(Transform):
    """More or less contrast: the distance to mid-grey times a factor in ``low`` ... ``high``, 0 or more."""

    low: float = 0.8
    high: float = 1.25

    def __post_init__(self) -> None:
        _check_range("the factor", self.low, self.high, 0, math.inf)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, factor: Parameter) -> Tensor:
        """½ + ``factor``·(x - ½); 0 leaves grey, 1 leaves x."""
        x, factor = _rows(x, _parameter("the factor", factor, 0))
        factor = _pixelwise(factor, x)
        return (factor * x + (1 - factor) / 2).clamp(0, 1)  # in this order a factor of 1 gives x to the bit


@dataclass(frozen=True)
class Hue(Transform):
    """Every colour turned on the colour wheel by an angle in ±``degrees``, 0 ... 180; brightness stays, nothing moves.

    Hosseini & Poovendran, "Semantic Adversarial Examples", CVPR Workshops 2018, arXiv:1804.00499, turn the hue too.
    """

    degrees: float = 30.0

    def __post_init__(self) -> None:
        _check_range("the angle", 0, self.degrees, 0, 180)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, -self.degrees, self.degrees, generator),)

    def at(self, x: Tensor, degrees: Parameter) -> Tensor:
        """Turned by that many degrees in the plane of JPEG's two colour differences; 0 leaves x to the bit."""
        x, angle = _rows(x, _parameter("the angle", degrees))
        if x.shape[1] != 3:
            raise ValueError(f"hue needs three colours: x has {x.shape[1]} channels")
        to_ycc = torch.tensor(_TO_YCC, dtype=torch.float64)
        change = torch.zeros(len(x), 3, 3, dtype=torch.float64)
        change[:, 1, 1] = change[:, 2, 2] = angle.deg2rad().cos() - 1
        change[:, 2, 1] = angle.deg2rad().sin()
        change[:, 1, 2] = -change[:, 2, 1]
        change = to_ycc.inverse() @ change @ to_ycc
        return (x + torch.einsum("nkc,nchw->nkhw", change.to(x), x)).clamp(0, 1)


@dataclass(frozen=True)
class Blur(Transform):
    """Out of focus: a Gaussian of σ in ``low`` ... ``high`` pixels (of the picture as it is given), 0 or more."""

    low: float = 0.0
    high: float = 1.5

    def __post_init__(self) -> None:
        _check_range("σ", self.low, self.high, 0, math.inf)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (_uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, sigma: Parameter) -> Tensor:
        """Blurred with that σ, in pixels."""
        x, sigma = _rows(x, _parameter("σ", sigma, 0))
        sigma = sigma.clamp_min(1e-3)  # at σ = 0 the neighbours' weights are exactly zero, too

        def weights(size: int) -> Tensor:
            places = torch.arange(size, dtype=torch.float64).expand(len(sigma), -1)
            return _weights(places, lambda distance: (-(distance / sigma[:, None, None]).square() / 2).exp())

        return _separable(x, weights(x.shape[-2]), weights(x.shape[-1]))


@dataclass(frozen=True)
class GaussianNoise(Transform):
    """A sensor's noise, another one for every view; its standard deviation is in ``low`` ... ``high``, 0 or more."""

    low: float = 0.0
    high: float = 0.1

    def __post_init__(self) -> None:
        _check_range("the standard deviation", self.low, self.high, 0, math.inf)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        # The noise itself is as large as the picture; a seed a row stands for it.
        return _uniform(n, self.low, self.high, generator), torch.randint(2**31, (n,), generator=generator)

    def at(self, x: Tensor, std: Parameter, seed: Parameter = 0) -> Tensor:
        """x plus normal noise of that standard deviation, in units of [0, 1]. Rows with the same whole number as
        ``seed``, 0 ... 2³¹ - 1, get the same pattern."""
        x, std, seed = _rows(x, _parameter("the standard deviation", std, 0), _parameter("a seed", seed, 0, 2**31 - 1))
        noise = [torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(int(s))) for s in seed]
        return (x + _pixelwise(std, x) * torch.stack(noise).to(x)).clamp(0, 1)


# --------------------------------------------------------------------------------------------- what saving a file does


@dataclass(frozen=True)
class BitDepth(Transform):
    """Rounded to 2^``bits`` levels, 1 ... 16 bits; 8 is what a PNG keeps. Straight-through. Nothing here is random."""

    bits: int = 8

    def __post_init__(self) -> None:
        _check_range("the number of bits", self.bits, self.bits, *_BITS)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (torch.full((n,), self.bits),)

    def at(self, x: Tensor, bits: Parameter) -> Tensor:
        """Rounded to 2^``bits`` levels, 0 and 1 among them."""
        x, bits = _rows(x, _parameter("the number of bits", bits, *_BITS))
        return _to_levels(x, 2 ** bits.round() - 1)


@dataclass(frozen=True)
class Jpeg(Transform):
    """Saved as JPEG and opened again: a quality of ``low`` ... ``high``, whole numbers in 1 ... 100, as libjpeg and
    Pillow count.

    The whole way there and back: YCbCr, colour at half the resolution (4:2:0), the cosine transform of 8 x 8 blocks,
    division by the standard's tables, rounding. Only the entropy coding is left out, which loses nothing. Every
    rounding is straight-through: the gradient is that of the same way without rounding.

    Args:
        subsampling: "4:2:0" as cameras and Pillow do, "4:4:4" for colour at full resolution.
    """

    low: int = 50
    high: int = 95
    subsampling: Literal["4:2:0", "4:4:4"] = "4:2:0"

    def __post_init__(self) -> None:
        _check_range("the quality", self.low, self.high, *_QUALITIES)
        if self.subsampling not in ("4:2:0", "4:4:4"):
            raise ValueError(f"the subsampling is '4:2:0' or '4:4:4', not {self.subsampling!r}")

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (torch.randint(int(self.low), int(self.high) + 1, (n,), generator=generator),)

    def at(self, x: Tensor, quality: Parameter) -> Tensor:
        """As a JPEG of that quality (rounded to a whole number)."""
        x, quality = _rows(x, _parameter("the quality", quality, *_QUALITIES))
        if x.shape[1] != 3:
            raise ValueError(f"JPEG needs three colours: x has {x.shape[1]} channels")
        luminance, chrominance = (t[:, None, None, None].to(x) for t in quantization_tables(quality))
        height, width = x.shape[-2:]
        halve = self.subsampling == "4:2:0"
        unit = 16 if halve else 8
        whole = F.pad(x * 255, (0, -width % unit, 0, -height % unit), mode="replicate")
        to_ycc = torch.tensor(_TO_YCC, dtype=torch.float64)
        ycc = _round(torch.einsum("kc,nchw->nkhw", to_ycc.to(x), whole))
        y, colour = ycc[:, :1] - 128, ycc[:, 1:]
        if halve:
            colour = F.avg_pool2d(colour, 2)
        y = _through_blocks(y, luminance)[..., :height, :width]
        colour = _through_blocks(colour, chrominance)
        if halve:
            # Nothing that only fills up the last block may be mixed into the picture.
            colour = colour[..., : (height + 1) // 2, : (width + 1) // 2]
            colour = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
        ycc = torch.cat([y + 128, colour[..., :height, :width]], 1)
        rgb = torch.einsum("ck,nkhw->nchw", to_ycc.inverse().to(x), ycc)
        return _to_levels((rgb / 255).clamp(0, 1), torch.full_like(quality, 255))


def quantization_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """What libjpeg divides the coefficients of brightness and of colour by, (N, 8, 8) each, at those qualities (N,)."""
    q = quality.double().round()
    scale = torch.where(q < 50, (5000 / q).floor(), 200 - 2 * q)[:, None, None]
    base = (torch.tensor(table, dtype=torch.float64) for table in (_LUMINANCE, _CHROMINANCE))
    luminance, chrominance = (((table * scale + 50) / 100).floor().clamp(1, 255) for table in base)
    return luminance, chrominance


# ------------------------------------------------------------------------------------------------- the expectation


class Transformed(nn.Module):
    """A classifier that looks at ``samples`` random views of every picture: pixels (N, 3, H, W) -> (N, K).

    It returns q = E[log softmax f(t(x))], the mean over the views of the log-probabilities. -q_y is the expected
    cross-entropy of Athalye et al. to the letter: see `ExpectedUntargeted` and `ExpectedTargeted`. q_t - q_y is the
    expected difference of logits, so `TargetedDifference` is exact as well. `Untargeted` and `Targeted` work about as
    well, but they normalise q once more: that is the cross-entropy of the mean logits, which no longer knows how sure
    each single view is. (The logarithm of the mean probability would be another choice. There the views that succeed
    already have all the say and those that fail hardly a gradient, which is felt where ε is scarce.)

    exp(q) does not add up to 1, and is no answer to "how often?". `expected_probabilities` is.

    Args:
        classifier: pixels in [0, 1] to logits (N, K). It is used as it is: its mode and its weights are not touched.
        transforms: applied one after the other, in this order.
        samples: views of every picture in every forward pass, ≥ 1.
        seed: of the draws. The global generator is not touched.
        fresh: True draws anew in every forward pass, for every picture apart: what an ascent wants. False draws once:
            every pass shows every picture the same ``samples`` views, and the answer is a function of the picture
            alone. Solvers that compare losses (Auto-PGD, smallest perturbations, Square Attack) need that.
        chunk: at most so many views at a time go through the classifier, to bound memory. Where there are more and a
            gradient is asked for, each chunk is computed a second time on the way back (a third more work).

    Raises:
        ValueError: no sample at all, an empty chunk.
    """

    def __init__(
        self,
        classifier: Callable[[Tensor], Tensor],
        transforms: Sequence[Transform],
        samples: int = 8,
        seed: int = 0,
        *,
        fresh: bool = True,
        chunk: int = 32,
    ) -> None:
        super().__init__()
        if samples < 1 or chunk < 1:
            raise ValueError(f"at least one sample and one row a chunk are needed, not {samples} and {chunk}")
        self.classifier = classifier
        self.transforms = tuple(transforms)
        self.samples, self.seed, self.fresh, self.chunk = samples, seed, fresh, chunk
        self.training = getattr(classifier, "training", False)
        self.reset()

    def reset(self) -> None:
        """Begin the sequence of draws again."""
        self._generator = torch.Generator().manual_seed(self.seed)

    def forward(self, x: Tensor) -> Tensor:
        draws = self._draw_fresh(len(x)) if self.fresh else self._draw_common(len(x), self.samples, self.seed)
        return self._through(x, draws, self.samples, self._log_probabilities).mean(0)

    # The reports below have draws of their own: looking at an attack while it runs does not change it.

    @torch.no_grad()
    def expected_probabilities(self, x: Tensor, samples: int | None = None, seed: int | None = None) -> Tensor:
        """E[softmax f(t(x))], (N, K): how likely each class is in a random view. The honest figure for a report.

        Args:
            x: pixels (N, 3, H, W) in [0, 1].
            samples: number of views; None: as many as a forward pass. Every picture gets the same ones, so that two
                pictures can be compared.
            seed: of the draws. None: views that the attack has not seen. ``self.seed``: with ``fresh=False``, the
                very views that it saw.
        """
        return self.probabilities(x, samples, seed).mean(0)

    @torch.no_grad()
    def probabilities(self, x: Tensor, samples: int | None = None, seed: int | None = None) -> Tensor:
        """softmax f(t(x)) of every view, (samples, N, K); arguments as for `expected_probabilities`."""
        return self._report(x, samples, seed, lambda view: self._log_probabilities(view).exp())

    @torch.no_grad()
    def views(self, x: Tensor, samples: int | None = None, seed: int | None = None) -> Tensor:
        """The views themselves, (samples, N, 3, H, W), to be shown; arguments as for `expected_probabilities`."""
        return self._report(x, samples, seed, lambda view: view)

    def _report(self, x: Tensor, samples: int | None, seed: int | None, what: Callable[[Tensor], Tensor]) -> Tensor:
        samples = self.samples if samples is None else samples
        if samples < 1:
            raise ValueError("at least one sample is needed")
        # torch's CPU generator uses 32 bits of a seed; the complement is far from every seed that people choose.
        draws = self._draw_common(len(x), samples, ~self.seed if seed is None else seed)
        return self._through(x, draws, samples, what)

    def _log_probabilities(self, view: Tensor) -> Tensor:
        return self.classifier(view).log_softmax(1)

    def _draw_fresh(self, n: int) -> list[Draws]:
        return [transform.sample(self.samples * n, self._generator) for transform in self.transforms]

    def _draw_common(self, n: int, samples: int, seed: int) -> list[Draws]:
        generator = torch.Generator().manual_seed(seed)
        draws = [transform.sample(samples, generator) for transform in self.transforms]
        return [tuple(parameter.repeat_interleave(n) for parameter in drawn) for drawn in draws]

    def _through(self, x: Tensor, draws: list[Draws], samples: int, what: Callable[[Tensor], Tensor]) -> Tensor:
        """``what`` of every view, (samples, N, ...). View s of picture i is row s·N + i of the draws."""
        if not len(x):
            return what(x)[None].expand(samples, *[-1] * what(x).ndim)

        def part(x: Tensor, index: Tensor) -> Tensor:
            rows = x[(index % len(x)).to(x.device)]
            for transform, drawn in zip(self.transforms, draws, strict=True):
                rows = transform.at(rows, *(parameter[index] for parameter in drawn))
            return what(rows)

        chunks = torch.arange(samples * len(x)).split(self.chunk)
        # Kept activations, not the pictures, are what fills the memory; a chunk that is recomputed keeps none.
        recompute = len(chunks) > 1 and torch.is_grad_enabled()
        seen = [checkpoint(part, x, index, use_reentrant=False) if recompute else part(x, index) for index in chunks]
        return torch.cat(seen).unflatten(0, (samples, len(x)))


@dataclass(frozen=True, eq=False)
class ExpectedUntargeted(Untargeted):
    """E[L(y)] over the views, for the log-probabilities that `Transformed` returns (and for nothing else)."""

    def __call__(self, logits: Tensor) -> Tensor:
        return -_pick(logits, as_labels(self.y, logits))


@dataclass(frozen=True, eq=False)
class ExpectedTargeted(Targeted):
    """-E[L(target)] over the views, what Athalye et al. maximise; for the log-probabilities of `Transformed` alone.

    A view that sees the target already has hardly a gradient left: those that do not see it yet get the say.
    """

    def __call__(self, logits: Tensor) -> Tensor:
        return _pick(logits, as_labels(self.target, logits))


def _pick(values: Tensor, labels: Tensor) -> Tensor:
    return values.gather(1, labels[:, None]).squeeze(1)


# ---------------------------------------------------------------------------------------------- numbers and their rows

_SCALES = (0.01, 100.0)
_FRACTIONS = (0.01, 1.0)
_QUALITIES = (1.0, 100.0)
_BITS = (1.0, 16.0)


def _check_range(what: str, low: float, high: float, least: float, most: float) -> None:
    if not (least <= low <= high <= most) or math.isinf(high):
        raise ValueError(f"{what} has to lie in {least:g} ... {most:g}, the lower end first: not {low} ... {high}")


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator, dtype=torch.float64)


def _parameter(what: str, value: Parameter, least: float = -math.inf, most: float = math.inf) -> Tensor:
    """As (n,) in double precision on the CPU, where every device's results begin."""
    values = torch.as_tensor(value).detach().cpu().double().reshape(-1)
    if not bool((values.isfinite() & (values >= least) & (values <= most)).all()):
        raise ValueError(f"{what} has to be a number in {least:g} ... {most:g}")
    return values


def _rows(x: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
    """x and its parameters, all with the same number of rows."""
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(f"x has to be a batch of pictures (N, 3, H, W) of floats, not {tuple(x.shape)} of {x.dtype}")
    n = len(x) if len(x) != 1 else max(1, *(len(p) for p in parameters))
    if any(len(p) not in (1, n) for p in parameters):
        raise ValueError(f"one parameter a row is needed: {[len(p) for p in parameters]} for {len(x)} rows")
    return x.expand(n, -1, -1, -1), *(p.expand(n) for p in parameters)


def _pixelwise(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype).to(like.device)[:, None, None, None]


def _pass_through(x: Tensor, value: Tensor) -> Tensor:
    """``value``, to the bit, with the gradient of x: the straight-through estimator."""
    return value.detach() + (x - x.detach())


def _round(x: Tensor) -> Tensor:
    return _pass_through(x, x.round())


def _to_levels(x: Tensor, levels: Tensor) -> Tensor:
    """The nearest k / levels. A tensor divides, since a GPU divides by a number inexactly."""
    levels = _pixelwise(levels, x)
    return _pass_through(x, (x * levels).round() / levels)


# ------------------------------------------------------------------------------------------------------- interpolation


def bilinear(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """x at those places, in pixels from the middle of the first one: (N, C, H', W') for places (N, H', W')."""
    height, width = x.shape[-2:]
    top, left = down.floor(), right.floor()
    index_shape = down.shape[1:]
    flat, seen = x.flatten(2), torch.zeros((), dtype=x.dtype, device=x.device)
    for row, row_weight in ((top, top + 1 - down), (top + 1, down - top)):
        for column, column_weight in ((left, left + 1 - right), (left + 1, right - left)):
            index = (_mirrored(row, height) * width + _mirrored(column, width)).long().flatten(1)[:, None]
            corner = flat.gather(2, index.to(x.device).expand(-1, x.shape[1], -1)).unflatten(2, index_shape)
            seen = seen + corner * (row_weight * column_weight)[:, None].to(x.dtype).to(x.device)
    return _pass_through(seen, seen.clamp(0, 1))


def _mirrored(place: Tensor, size: int) -> Tensor:
    """Where the mirrored picture takes its pixel from: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ..."""
    folded = (place + 0.5) % (2 * size)
    return torch.minimum(folded, 2 * size - folded) - 0.5


def _window(x: Tensor, side: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """The part of x that is ``side`` times as high and wide and begins at (top, left), shown at full size. All are
    fractions of x's height and width, (N,); the part may reach beyond the picture."""

    def weights(start: Tensor, size: int) -> Tensor:
        places = start[:, None] * size + (torch.arange(size) + 0.5) * side[:, None] - 0.5
        # Bilinear; a wider triangle where several pixels fall into one, or fine patterns would turn into coarse ones.
        width = side.clamp_min(1)[:, None, None]
        return _weights(places, lambda distance: (1 - distance.abs() / width).clamp_min(0))

    return _separable(x, weights(top, x.shape[-2]), weights(left, x.shape[-1]))


def _weights(places: Tensor, kernel: Callable[[Tensor], Tensor]) -> Tensor:
    """What pixel j counts at each place, (N, places, pixels). Mirrored at the edge: j also lies at -1-j and 2n-1-j."""
    size = places.shape[1]
    j = torch.arange(size, dtype=torch.float64)
    place = _mirrored(places, size)[..., None]
    weights = kernel(place - j) + kernel(place + 1 + j) + kernel(place + 1 + j - 2 * size)
    return weights / weights.sum(-1, keepdim=True)


def _separable(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """The same weights in every column, and others in every row: down · x · rightᵀ."""
    down, right = (weights[:, None].to(x.dtype).to(x.device) for weights in (down, right))
    seen = down @ x @ right.mT
    # A mean of pixels leaves [0, 1] by a rounding error at most: no reason to lose the gradient of white areas.
    return _pass_through(seen, seen.clamp(0, 1))


# ---------------------------------------------------------------------------------------------------------------- JPEG

# ITU-T T.81, annex K; T.871 for the colours.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)
_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772),
    (0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402),
)


def _through_blocks(plane: Tensor, table: Tensor) -> Tensor:
    """Planes (N, C, H, W), sides multiples of 8, to cosine coefficients, to whole multiples of the table, and back
    to whole samples."""
    k = torch.arange(8, dtype=torch.float64)
    cosine = (math.pi / 8 * k[:, None] * (k + 0.5)).cos() / 2
    cosine[0] /= math.sqrt(2)
    cosine = cosine.to(plane)
    blocks = plane.unfold(2, 8, 8).unfold(3, 8, 8)  # (N, C, H/8, W/8, 8, 8)
    coefficients = _round(cosine @ blocks @ cosine.T / table) * table
    samples = _round(cosine.T @ coefficients @ cosine)
    return samples.transpose(3, 4).flatten(4, 5).flatten(2, 3)


# What happens to a picture between a printer or a screen and a camera, all of it at once and a little of each.
CAMERA: tuple[Transform, ...] = (
    Rotation(15),
    Scale(0.9, 1.1),
    Crop(0.9),
    Brightness(0.1),
    Blur(0, 0.7),
    Jpeg(60, 95),
)
