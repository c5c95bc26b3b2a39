"""Attack a network that knows twelve commands, as Alzantot, Balaji & Srivastava did (2018, arXiv:1801.00554).

    python -m bench.speech commands

The network is DS-CNN M (Zhang et al. 2017, arXiv:1711.07128), from ../shared/weights/tests_only/kws_dscnn. There are
no free recordings of its commands here: six seconds are cut from the page's clips of people. The network hears a
command or an unknown word in each, and each is made into another command.
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from adv_core.attacks.step import run
from adv_core.objectives import Targeted
from adv_core.perturbation_sets import Linf
from adv_core.speech.attack import GRAIN, Listener, as_input, as_samples, first_radius, quietest
from adv_core.speech.recogniser import CHECKPOINT
from adv_core.speech.sound import RATE, Samples, open_sound, signal_to_noise

FOLDER = Path(__file__).parents[2] / "shared" / "weights" / "tests_only" / "kws_dscnn"
# The clip, the second at which the cut begins, the command that it has to become.
CUTS = (
    ("country", 0.0, "yes"),
    ("country", 1.4, "on"),
    ("americans", 0.5, "stop"),
    ("amiable", 0.3, "go"),
    ("young_man", 1.0, "left"),
    ("cold_hearted", 2.0, "right"),
)
STEPS = 100


class Flip(NamedTuple):
    """The commands heard in the cut and in the changed file, the target, and the signal-to-noise ratio."""

    before: str
    after: str
    target: str
    snr: float


def spotter() -> tuple[nn.Module, tuple[str, ...]] | None:
    """The network and its commands; None where it is not there."""
    if not (FOLDER / "dscnn.py").is_file():
        return None
    spec = importlib.util.spec_from_file_location("dscnn", FOLDER / "dscnn.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.KeywordSpotter(str(FOLDER / "dscnn_m.npz")).eval().requires_grad_(False), module.LABELS


class Rounded(nn.Module):
    """x (N, T) in [0, 1] -> logits (N, 12) of the samples of the 16-bit file."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.listener = Listener(network)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.listener(x)[:, 0]
        return logits


def cut(name: str, start: float) -> Samples:
    """One second of a clip that comes with the page."""
    samples = open_sound((CHECKPOINT / "clips" / f"{name}.flac").read_bytes()).samples
    return samples[round(start * RATE) :][:RATE]


def flips() -> list[Flip]:
    """Attack the six cuts; empty where the network is not there."""
    found = spotter()
    if found is None:
        return []
    classifier, commands = Rounded(found[0]), found[1]

    def hears(samples: Samples) -> str:
        with torch.no_grad():
            return commands[int(classifier(as_input(samples)).argmax())]

    rows = []
    for name, start, target in CUTS:
        samples = cut(name, start)
        ball, aim = Linf(first_radius(samples, 0.03)), Targeted(commands.index(target))
        steps = quietest(classifier, as_input(samples), ball, aim, grain=GRAIN, steps=STEPS)
        changed = as_samples(run(steps, keep_steps=False).adversarial)
        rows.append(Flip(hears(samples), hears(changed), target, signal_to_noise(samples, changed)))
    return rows


def commands() -> None:
    """Print the six flips."""
    rows = flips()
    print("\n| heard before | target | heard after | SNR |\n|---|---|---|---|")
    for each in rows:
        print(f"| {each.before} | {each.target} | {each.after} | {each.snr:.0f} dB |")
    if not rows:
        print("| the network is not here | | | |")
