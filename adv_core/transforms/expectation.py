"""Expectation over transformations (Athalye et al., ICML 2018, arXiv:1707.07397)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from adv_core.networks.any_model import as_classifier
from adv_core.transforms.geometry import Crop, Rotation, Scale
from adv_core.transforms.jpeg import Jpeg
from adv_core.transforms.light import Blur, Brightness
from adv_core.transforms.transform import Draws, Transform


class Transformed(nn.Module):
    """A classifier that averages over ``samples`` random views of each picture: pixels (N, 3, H, W) -> (N, K).

    It returns q = E[log softmax f(t(x))], the mean over the views of the log-probabilities. -q_y is exactly the
    expected cross-entropy of Athalye et al.: see `ExpectedUntargeted` and `ExpectedTargeted`. q_t - q_y is the expected
    difference of logits, so `TargetedDifference` is exact as well. `Untargeted` and `Targeted` work about as well, but
    they normalise q once more: the result is the cross-entropy of the mean logits, which no longer depends on the
    confidence of each single view. (The logarithm of the mean probability is another choice. There the views that
    already succeed dominate the gradient and those that fail have hardly any, which weakens the attack at a small ε.)

    exp(q) does not add up to 1 and does not tell how often a view is fooled. `expected_probabilities` does.

    Args:
        classifier: pixels in [0, 1] to logits (N, K). It is used as it is: its mode and its weights are not touched.
        transforms: applied one after the other, in this order.
        samples: views of every picture in every forward pass, ≥ 1.
        seed: of the draws. The global generator is not touched.
        fresh: True draws anew in every forward pass, for each picture separately, which suits an ascent. False draws
            once: every pass takes the same ``samples`` views of every picture, and the answer is a function of the
            picture alone. Solvers that compare losses (Auto-PGD, smallest perturbations, Square Attack) need that.
        chunk: the most views that go through the classifier at a time, to bound memory. Where there are more and a
            gradient is needed, the backward pass computes each chunk a second time (a third more work).

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
            raise ValueError(f"at least one sample and one row per chunk are needed, not {samples} and {chunk}")
        self.classifier, self._logits = classifier, as_classifier(classifier)
        self.transforms = tuple(transforms)
        self.samples, self.seed, self.fresh, self.chunk = samples, seed, fresh, chunk
        self.training = getattr(classifier, "training", False)
        self.reset()

    def reset(self) -> None:
        """Restart the sequence of draws."""
        self._generator = torch.Generator().manual_seed(self.seed)

    def forward(self, x: Tensor) -> Tensor:
        draws = self._draw_fresh(len(x)) if self.fresh else self._draw_common(len(x), self.samples, self.seed)
        return self._through(x, draws, self.samples, self.score).mean(0)

    # The reports below draw separately, so that a report during an attack does not change the attack.

    @torch.no_grad()
    def expected_probabilities(self, x: Tensor, samples: int | None = None, seed: int | None = None) -> Tensor:
        """E[softmax f(t(x))], (N, K): the probability of each class in a random view. Report this figure.

        Args:
            x: pixels (N, 3, H, W) in [0, 1].
            samples: number of views; None: as many as a forward pass. Every picture gets the same ones, so that two
                pictures can be compared.
            seed: of the draws. None: views that the attack has not seen. ``self.seed``: with ``fresh=False``, the very
                views that the attack saw.
        """
        return self.probabilities(x, samples, seed).mean(0)

    @torch.no_grad()
    def probabilities(self, x: Tensor, samples: int | None = None, seed: int | None = None) -> Tensor:
        """softmax f(t(x)) of every view, (samples, N, K); arguments as for `expected_probabilities`."""
        return self._report(x, samples, seed, lambda view: self.score(view).exp())

    @torch.no_grad()
    def views(self, x: Tensor, samples: int | None = None, seed: int | None = None) -> Tensor:
        """The views themselves, (samples, N, 3, H, W), to be shown; arguments as for `expected_probabilities`."""
        return self._report(x, samples, seed, lambda view: view)

    def _report(self, x: Tensor, samples: int | None, seed: int | None, what: Callable[[Tensor], Tensor]) -> Tensor:
        samples = self.samples if samples is None else samples
        if samples < 1:
            raise ValueError("at least one sample is needed")
        # torch's CPU generator uses 32 bits of a seed; the complement is not a seed that people choose.
        draws = self._draw_common(len(x), samples, ~self.seed if seed is None else seed)
        return self._through(x, draws, samples, what)

    def score(self, view: Tensor) -> Tensor:
        """Return the values that are averaged over the views, (N, K): log softmax f(view)."""
        return self._logits(view).log_softmax(1)

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
        # Kept activations fill the memory, not the pictures; a chunk that is recomputed keeps none.
        recompute = len(chunks) > 1 and torch.is_grad_enabled()
        seen = [checkpoint(part, x, index, use_reentrant=False) if recompute else part(x, index) for index in chunks]
        return torch.cat(seen).unflatten(0, (samples, len(x)))


# The changes to a picture between a printer or a screen and a camera: all of them at once, each of them small.
CAMERA: tuple[Transform, ...] = (
    Rotation(15),
    Scale(0.9, 1.1),
    Crop(0.9),
    Brightness(0.1),
    Blur(0, 0.7),
    Jpeg(60, 95),
)
