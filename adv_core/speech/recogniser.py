"""The recogniser: a small network that transcribes speech, letter by letter.

It maps a wave form to letters and is differentiable from end to end: a log-mel front end, depthwise separable
convolutions in time (QuartzNet: Kriman et al., ICASSP 2020, arXiv:1910.10261), and for every 20 ms logits for each
letter and for the blank (CTC: Graves, Fernández, Gomez & Schmidhuber, ICML 2006).

`assets/speech/` holds the trained weights, beside the figures that `python -m adv_core.speech.training` printed.
"""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.assets import ASSETS
from adv_core.networks.first_weights import first_weights
from adv_core.speech.sound import RATE

CHECKPOINT = ASSETS / "speech"
ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
BLANK = 0  # "no letter here"; letter i of the alphabet is i + 1
LETTERS = len(ALPHABET) + 1
HOP = RATE // 100  # 10 ms from one column of the spectrogram to the next
STRIDE = 2  # columns of the spectrogram to one vote
FRAME = HOP * STRIDE / RATE  # seconds
LEAD = RATE // 5  # silence that the network hears before and after: 0.2 s

_WINDOW, _BANDS = 400, 64


class LogMel(nn.Module):
    """Wave form (N, T) -> log-loudness of 64 bands, less its mean over time, (N, 64, 41 + T // 160).

    A sound that is twice as loud gives the same result, and so does a microphone that favours some bands. Silence is
    added before and after, so that a clip cut close to its words has a quiet moment for comparison as well.
    """

    window: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.register_buffer("bands", mel_bands(_BANDS, 512), persistent=False)

    def forward(self, wave_form: Tensor) -> Tensor:
        level = wave_form.square().mean(1, keepdim=True).add(1e-10).sqrt()
        spectrum = torch.stft(
            F.pad(wave_form / level, (LEAD, LEAD)),
            512,
            HOP,
            _WINDOW,
            self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        power = torch.view_as_real(spectrum).square().sum(-1)  # abs() has no slope at zero
        loud = (self.bands @ power).add(1e-2).log()
        return loud - loud.mean(2, keepdim=True)


def mel_bands(bands: int, size: int) -> Tensor:
    """Triangles on the mel scale from 60 Hz to 7.6 kHz, (bands, size // 2 + 1)."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    places = torch.linspace(mel(60), mel(7600), bands + 2)
    edges = 700 * (10 ** (places / 2595) - 1)
    hertz = torch.linspace(0, RATE / 2, size // 2 + 1)
    rising = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0)


class Block(nn.Module):
    """A depthwise convolution in time, then a mix of the channels; the input is added to the result."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.along = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
        self.across = nn.Conv1d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.across(self.along(x))))


class SpeechNetwork(nn.Module):
    """Wave form (N, T) in [-1, 1], 16 000 samples per second -> logits (N, frames, 29), one frame for every 20 ms.

    The first ten frames lie before the sound, the last ten after it (`LEAD`).

    Class 0 is the blank, the others are the letters of `ALPHABET`.

    Args:
        width: channels.
        kernels: of the blocks, in columns of 20 ms.
        seed: of the first weights; the global generator is not touched.
    """

    def __init__(
        self, width: int = 208, kernels: Sequence[int] = (7, 9, 11, 11, 13, 13, 15, 15, 17, 19), seed: int = 0
    ) -> None:
        super().__init__()
        self.width, self.kernels = width, tuple(kernels)
        with first_weights(seed):
            self.front = LogMel()
            self.first = nn.Sequential(
                nn.Conv1d(_BANDS, width, 9, STRIDE, padding=4, bias=False), nn.BatchNorm1d(width), nn.ReLU()
            )
            self.blocks = nn.Sequential(*[Block(width, kernel) for kernel in kernels])
            self.vote = nn.Sequential(
                nn.Conv1d(width, width, 1), nn.ReLU(), nn.Dropout(0.1), nn.Conv1d(width, LETTERS, 1)
            )

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def hear(self, loud: Tensor) -> Tensor:
        """The network behind the front end: (N, 64, columns) -> logits (N, frames, 29)."""
        logits: Tensor = self.vote(self.blocks(self.first(loud)))
        return logits.transpose(1, 2)

    def forward(self, wave_form: Tensor) -> Tensor:
        return self.hear(self.front(wave_form))


# ------------------------------------------------------------------------------------------------------------ letters


def spell(text: str) -> tuple[int, ...]:
    """The classes of a text's letters.

    Raises:
        ValueError: a letter outside `ALPHABET`; the message is for people.
    """
    strange = sorted({letter for letter in text if letter not in ALPHABET})
    if strange:
        raise ValueError(f"The network writes the letters a to z, spaces and apostrophes only, not {strange[0]!r}.")
    return tuple(ALPHABET.index(letter) + 1 for letter in text)


def collapse(path: Iterable[int]) -> tuple[int, ...]:
    """The letters of a path of one class per frame: repetitions are one letter, blanks none."""
    return tuple(one for one, _ in groupby(path) if one != BLANK)


def read(classes: Iterable[int]) -> str:
    """The text of a row of letters' classes."""
    return "".join(ALPHABET[one - 1] for one in classes)


def transcripts(logits: Tensor) -> list[str]:
    """The likeliest letter of every frame, repetitions and blanks removed: (N, frames, 29) -> N texts.

    Double spaces and spaces at the ends are dropped.
    """
    return [" ".join(read(collapse(path)).split()) for path in logits.argmax(2).tolist()]


def needed_frames(text: str) -> int:
    """The least number of frames of a text: one per letter, and a blank between two that are equal."""
    return len(text) + sum(one == two for one, two in pairwise(text))


class Moment(NamedTuple):
    """One letter: which, from when to when, and its probability (the mean over its frames).

    Times are seconds of the sound; a letter heard at its edge may lie outside.
    """

    letter: str
    start: float
    end: float
    sure: float


def alignment(logits: Tensor) -> list[Moment]:
    """The times at which each letter is heard, from the logits (frames, 29) of one clip."""
    chances = logits.detach().log_softmax(1).cpu()
    moments, place = [], 0
    for one, group in groupby(chances.argmax(1).tolist()):
        frames = len(list(group))
        if one != BLANK:
            sure = float(chances[place : place + frames, one].exp().mean())
            start = place * FRAME - LEAD / RATE
            moments.append(Moment(ALPHABET[one - 1], start, start + frames * FRAME, sure))
        place += frames
    return moments


def word_errors(said: str, heard: str) -> int:
    """Count the words to change, insert or delete to turn one text into the other (Levenshtein)."""
    row = list(range(len(heard.split()) + 1))
    for i, word in enumerate(said.split(), 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard.split(), 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


# --------------------------------------------------------------------------------------------------------- the weights


class Checkpoint(NamedTuple):
    """The trained network, in eval mode, its parameters without gradients; and the figures that the script printed."""

    network: SpeechNetwork
    figures: Mapping[str, Any]


@cache
def recogniser(device: str = "cpu") -> Checkpoint:
    """Return the shipped network, read once."""
    return load(CHECKPOINT, device)


def load(folder: Path, device: str = "cpu") -> Checkpoint:
    """Read the network and the figures in the folder.

    Raises:
        ValueError: a file is missing or damaged.
    """
    try:
        figures = json.loads((folder / "recogniser.json").read_text(encoding="utf-8"))
        weights = (folder / "recogniser.npz").read_bytes()
        if hashlib.sha256(weights).hexdigest() != figures["sha256"]:
            raise ValueError("these are other weights")
        network = SpeechNetwork(figures["width"], figures["kernels"])
        with np.load(io.BytesIO(weights), allow_pickle=False) as stored:
            network.load_state_dict({key: torch.from_numpy(_wide(stored[key])) for key in stored.files})
    except (OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"the speech network is missing or damaged ({type(error).__name__})") from error
    return Checkpoint(network.to(device).eval().requires_grad_(False), figures)


def _wide(stored: np.ndarray) -> np.ndarray:
    return stored.astype(np.float32) if stored.dtype == np.float16 else stored


def save(network: SpeechNetwork, figures: Mapping[str, Any], folder: Path = CHECKPOINT) -> None:
    """Write weights of 16 bits, and their figures. Judge the network as it is read again."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        key: value.cpu().numpy().astype(np.float16) if value.is_floating_point() else value.cpu().numpy()
        for key, value in network.state_dict().items()
    }
    file = folder / "recogniser.npz"
    np.savez_compressed(file, **weights)
    figures = {**figures, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
    (folder / "recogniser.json").write_text(text, encoding="utf-8")
