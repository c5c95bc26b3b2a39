"""Attacks on Moonshine: a recording of a person is written down as a sentence of the attacker's choice.

x, Δ and the solver are those of `adv_core.speech.attack`: 16-bit samples, the L∞ ball, Adam in a ball that shrinks
after each success. L is another one, since Moonshine writes piece after piece and has no frames to align: the
cross-entropy of every piece of the target, each given the right ones before it (teacher forcing).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.step import Step
from adv_core.objectives import Objective
from adv_core.perturbation_sets import Linf
from adv_core.speech.attack import GRAIN, Listener, as_input, first_radius, quietest
from adv_core.speech.moonshine import Moonshine, most_pieces
from adv_core.speech.pieces import END
from adv_core.speech.sound import RATE, Samples

START = 0.03  # the first ε, as a part of the clip's loudest sample: -30 dB
STEPS = 200
PACE = 0.4  # of `quietest`
ROOMS = (30.0, 40.0)  # decibels of the noise below the clip, of each noisy view
MAX_VIEWS = len(ROOMS)
SHIFT = RATE // 200  # samples: a noisy view begins up to 5 ms earlier or later, and hears other windows


class Forced(nn.Module):
    """Wave form (N, T) -> logits (N, L + 1, 32768) of the target's pieces and the end, each given those before it.

    Attributes:
        frames: what the encoder heard in the first row, the last time.
    """

    frames: Tensor

    def __init__(self, network: Moonshine, numbers: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.numbers = torch.tensor(numbers, device=network.device)

    def forward(self, wave_form: Tensor) -> Tensor:
        frames = self.network.encode(wave_form)
        self.frames = frames[:1].detach()
        return self.network.forced(frames, self.numbers)


@dataclass(frozen=True, eq=False)
class Dictated(Objective):
    """The log-probability of the target's pieces, the mean over all views.

    Attributes:
        numbers: of the target's pieces, without the end.
    """

    numbers: tuple[int, ...]

    def _wanted(self, logits: Tensor) -> Tensor:
        return torch.tensor([*self.numbers, END], device=logits.device)

    def __call__(self, logits: Tensor) -> Tensor:
        rows, views = logits.shape[:2]
        wanted = self._wanted(logits).repeat(rows * views)
        loss = F.cross_entropy(logits.flatten(0, 2), wanted, reduction="none")
        return -loss.view(rows, views, -1).sum(2).mean(1)

    def reached(self, logits: Tensor) -> Tensor:
        """Tell for which rows each piece is the likeliest in every view: the network then writes the target."""
        return (logits.argmax(3) == self._wanted(logits)).flatten(1).all(1)


def spelling(text: str) -> str:
    """The text as the network spells a sentence: a capital, and a full stop. Such a target needs a smaller change."""
    plain = " ".join(text.replace("’", "'").split())
    return plain[:1].upper() + plain[1:] + ("" if plain[-1:] in ".?!" else ".")


def dictate(
    network: Moonshine,
    samples: Samples,
    text: str,
    *,
    steps: int = STEPS,
    views: int = 0,
    seed: int = 0,
    start: float = START,
    pace: float = PACE,
) -> Iterator[tuple[Step, Tensor]]:
    """Change the clip so that the network writes the text; make the change as quiet as the steps allow.

    Args:
        views: noisy, shifted views in each step, beside the file itself; at most `MAX_VIEWS`.

    Yields:
        The steps, each with what the encoder heard in x + δ, (1, frames, 288). `written` makes a text of it.
    """
    x = as_input(samples).to(network.device)
    numbers = network.pieces.spell(spelling(text))
    forced = Forced(network, numbers)
    listener = Listener(forced, ROOMS[:views], SHIFT, seed)
    ball = Linf(first_radius(samples, start))
    for step in quietest(listener, x, ball, Dictated(tuple(numbers)), grain=GRAIN, steps=steps, pace=pace):
        yield step, forced.frames


def written(network: Moonshine, frames: Tensor, samples: int) -> str:
    """The text of a clip of so many samples, from what the encoder heard."""
    return network.pieces.text(network.write_heard(frames, 1, most_pieces(samples)))


def dictated(network: Moonshine, clips: Sequence[Samples]) -> list[str]:
    """The text that the network writes of each clip, which it hears by itself."""
    with torch.no_grad():
        return [network.write((as_input(clip).to(network.device) - 0.5) * 2) for clip in clips]
