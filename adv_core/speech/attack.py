"""Attacks on sound: x is the samples of a 16-bit file, f a recogniser, and L depends on the text that f has to write.

A wave form is treated like a picture: x = (k + 32768) / 65536 for the file's level k, which float32 holds exactly. So
x lies in [0, 1], one level is `GRAIN`, and the sets Δ and solvers of pictures work on sounds (N, T) as they are.

Carlini & Wagner, "Audio Adversarial Examples: Targeted Attacks on Speech-to-Text", 2018, arXiv:1801.01944.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.ascent import Rule, ascend
from adv_core.attacks.step import InputGradient, Logits, Step, where_rows
from adv_core.objectives import Objective
from adv_core.perturbation_sets import Linf, PerturbationSet, per_row
from adv_core.speech.recogniser import SpeechNetwork, spell, transcripts
from adv_core.speech.sound import FULL, Samples, to_pcm


class QuietestAdam(Rule):
    """Adam inside an L∞ ball that shrinks to 0.8 of the change whenever the aim is reached (Carlini & Wagner 2018).

    It keeps the smallest change that was *seen* to reach the aim.

    Args:
        delta_set: the ball to begin with, ε a whole number of ``grain``.
        reached: tells which logits reach the aim, (N,).
        pace: twice the step of a usual sample, as a part of the present ε.
        grain: one level of the file; ε stays a whole number of them, so that rounding cannot leave the ball.
    """

    def __init__(
        self,
        delta_set: PerturbationSet,
        reached: Callable[[Tensor], Tensor],
        pace: float,
        grain: float,
    ) -> None:
        self.delta_set, self.reached, self.pace, self.grain = delta_set, reached, pace, grain
        self.index = 0

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        if self.index == 0:
            self.radius = torch.as_tensor(self.delta_set.radius).to(x).expand(len(x)).clone()
            self.best, self.smallest = delta, torch.full_like(self.radius, torch.inf)
            self.mean, self.square = torch.zeros_like(delta), torch.zeros_like(delta)
        self.keep(delta, self.reached(here.logits))
        self.index += 1
        # Gradients of sound differ by orders of magnitude from clip to clip; Adam rescales them. It forgets faster than
        # usual (0.9 and 0.99): the letters that are still wrong change within a few steps.
        self.mean = 0.5 * self.mean + 0.5 * here.gradient
        self.square = 0.8 * self.square + 0.2 * here.gradient.square()
        mean, square = self.mean / (1 - 0.5**self.index), self.square / (1 - 0.8**self.index)
        # Halfway to a plain gradient: a sample with a small gradient moves less. If all samples move alike, those of
        # letters that are right already disturb letters that are nearly right.
        usual = per_row(square.flatten(1).mean(1), x)
        moved = delta + per_row(self.pace * self.radius, x) * mean / (square.sqrt() + usual.sqrt() + 1e-12)
        return self.delta_set.with_radius(self.radius).project(moved, x)

    def keep(self, delta: Tensor, won: Tensor) -> None:
        """Keep the rows that reach the aim, and shrink their balls."""
        size = (self.delta_set.norm(delta) / self.grain).round()  # the file's levels
        better = won & (size * self.grain < self.smallest)
        self.best = where_rows(better, delta, self.best)
        self.smallest = torch.where(better, size * self.grain, self.smallest)
        less = torch.floor(0.8 * size).clamp_min(1) * self.grain
        self.radius = torch.where(won, torch.minimum(self.radius, less), self.radius)

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        return delta if self.index == 0 else where_rows(self.smallest.isfinite(), self.best, delta)


def quietest(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    grain: float,
    steps: int = 400,
    pace: float = 0.2,
) -> Iterator[Step]:
    """The attack of Carlini & Wagner on speech (2018, arXiv:1801.01944): reach the aim in smaller and smaller balls.

    Args:
        classifier: from x (N, ...) in [0, 1] to logits, looking at x + δ rounded to its grid.
        x: on the grid; perturbation_set: the first ball, ε a whole number of ``grain``.
        objective: any; each time it is reached, ε becomes 0.8 of the change.
        grain: one level of the grid.
        steps, pace: updates, and twice Adam's usual step as a part of the present ε.

    Yields:
        ``steps + 1`` steps. The last is the smallest change that reached the aim, rounded to the grid; where no change
        reached it, the last one tried.
    """
    for step in ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: QuietestAdam(perturbation_set, objective.reached, pace, grain),
        steps=steps,
        quantize=False,
    ):
        if step.final:
            step.delta = (step.delta / grain).round() * grain
        yield step


GRAIN = 1 / (2 * FULL)
"""One level of 16 bits, in x."""

START = 0.3  # the first ε, as a part of the clip's loudest sample: -10 dB
STEPS = 600  # enough to reach nearly every phrase, and then to become quieter


def as_input(samples: Samples) -> Tensor:
    """(T,) int16 -> x (1, T) in [0, 1], exact."""
    return (torch.from_numpy(samples.astype(np.float32))[None] + FULL) * GRAIN


def as_samples(x: Tensor) -> Samples:
    """x (1, T) -> the nearest 16-bit samples (T,)."""
    levels = (x.detach()[0].cpu() / GRAIN).round() - FULL
    return levels.clamp(-FULL, FULL - 1).numpy().astype(np.int16)


class Listener(nn.Module):
    """A recogniser on the samples of a 16-bit file: x (N, T) -> logits (N, views, frames, letters).

    The first view is the file itself. The others add white noise, drawn anew each time, so that a gradient is the mean
    over noisy rooms (expectation over transformation: Athalye et al., ICML 2018, arXiv:1707.07397). Rounding is
    straight-through: the gradient passes as if nothing had been rounded.

    Args:
        network: from a wave form (N, T) in [-1, 1] to logits; in eval mode.
        snrs: of each noisy view beside the file itself, in decibels below the clip.
        shift: the noisy views begin up to so many samples earlier or later.
        seed: of the noise and the shifts.
    """

    def __init__(self, network: nn.Module, snrs: Sequence[float] = (), shift: int = 0, seed: int = 0) -> None:
        super().__init__()
        self.network, self.snrs, self.shift = network, snrs, shift
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, x: Tensor) -> Tensor:
        levels = x / GRAIN
        heard = (levels + (levels.round() - levels).detach() - FULL) / FULL
        rows = [heard]
        for snr in self.snrs:
            rows.append(self._moved(heard) + _noise(heard.detach(), snr, self.generator))
        logits: Tensor = self.network(torch.cat(rows))
        return logits.unflatten(0, (len(rows), len(x))).transpose(0, 1)

    def _moved(self, heard: Tensor) -> Tensor:
        if not self.shift:
            return heard
        later = int(torch.randint(-self.shift, self.shift + 1, (), generator=self.generator))
        return F.pad(heard, (later, -later))


def _noise(wave_form: Tensor, snr: float, generator: torch.Generator) -> Tensor:
    """White noise, that many decibels below each row."""
    white = torch.randn(wave_form.shape, generator=generator).to(wave_form)
    return white * wave_form.square().mean(1, keepdim=True).sqrt() * 10 ** (-snr / 20)


def with_noise(samples: Samples, snr: float, seed: int) -> Samples:
    """The clip in a noisy room: white noise that many decibels below it, as a 16-bit file."""
    generator = torch.Generator().manual_seed(seed)
    wave_form = torch.from_numpy(samples.astype(np.float32) / FULL)[None]
    return to_pcm((wave_form + _noise(wave_form, snr, generator))[0].numpy())


@dataclass(frozen=True, eq=False)
class Spoken(Objective):
    """−CTC: the log-probability of the text, the mean over all views.

    Attributes:
        text: the text that the network has to write down, in its letters.
    """

    text: str

    def __call__(self, logits: Tensor) -> Tensor:
        rows, views, frames = logits.shape[:3]
        letters = torch.tensor(spell(self.text), device=logits.device).expand(rows * views, -1)
        lengths = torch.full((rows * views,), letters.shape[1])
        chances = logits.flatten(0, 1).log_softmax(2).transpose(0, 1)
        loss = F.ctc_loss(chances, letters, torch.full_like(lengths, frames), lengths, reduction="none")
        return -loss.view(rows, views).mean(1)

    def reached(self, logits: Tensor) -> Tensor:
        """Tell for which rows the network writes down the text of the file and of every noisy view, (N,)."""
        right = [all(text == self.text for text in transcripts(row)) for row in logits]
        return torch.tensor(right, device=logits.device)


def rooms(views: int) -> list[float]:
    """The noise of so many views, for `Listener`. The last of several views has less noise, since a δ made for loud
    noise alone can fail in soft noise."""
    return [20.0] * views if views < 2 else [*[20.0] * (views - 1), 30.0]


def hide(
    network: SpeechNetwork, samples: Samples, text: str, *, steps: int = STEPS, views: int = 0, seed: int = 0
) -> Iterator[Step]:
    """Change the clip so that the network writes down the text; make the change as quiet as the steps allow.

    Args:
        views: noisy views in each step; 0 is the attack of the paper.

    Raises:
        ValueError: a letter that the network cannot write, or a text too long for the clip.
    """
    x = as_input(samples).to(network.device)
    ball = Linf(first_radius(samples, START))
    yield from quietest(Listener(network, rooms(views), seed=seed), x, ball, Spoken(text), grain=GRAIN, steps=steps)


def first_radius(samples: Samples, part: float) -> float:
    """ε to begin with: that part of the clip's loudest sample, in whole levels and at least 8."""
    peak = int(np.abs(samples.astype(int)).max(initial=1))
    return max(round(part * peak), 8) * GRAIN


def heard_as(network: SpeechNetwork, clips: Sequence[Samples]) -> list[str]:
    """The text that the network writes down for each clip, heard by itself."""
    with torch.no_grad():
        return [transcripts(Listener(network)(as_input(clip).to(network.device))[:, 0])[0] for clip in clips]
