"""x for a recogniser: phrases, spoken by two free synthesisers, as somebody far away in a noisy room might hear them.

Every clip is a function of a seed and a number: which words, which voice, how fast, how high. The programs espeak-ng
(GPL-3; what it says is free) and flite (BSD-like) do the speaking; Debian has both. Nothing of this is needed to use the
recogniser, only to train it anew.
"""

import io
import random
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from adv_core.sound import RATE, Samples, to_pcm

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
).split()
VERBS = (
    "open close turn play stop go start pause call send delete show find tell read write buy sell pay order cancel "
    "lock unlock record copy move set save search browse download print share take bring give help wake run drive walk "
    "answer wait repeat remember forget transfer switch visit erase book"
).split()
THINGS = (
    "door window light lights music radio phone camera alarm money file files message email password account house "
    "garage car kitchen bedroom office school street city bank hospital police doctor mother father brother sister "
    "friend teacher dog cat bird water coffee tea bread pizza weather news time map page picture video song movie game "
    "computer robot network machine garden center metres meters dollars euros minutes hours days evil secret safe"
).split()
SMALL = (
    "yes no please thanks hello goodbye ok okay not never always now today tomorrow tonight the a to and of on off in "
    "my your all me it is up down left right forward back front rear side dot com at for with good bad morning evening "
    "night happy red green blue black white big small new old hot cold one more loud quiet first last"
).split()
WORDS = tuple(dict.fromkeys(NUMBERS + VERBS + THINGS + SMALL))
"""Everything that is ever said: 250 words or so."""

TEMPLATES = (
    "open the {t}",
    "close the {t}",
    "turn on the {t}",
    "turn off the {t}",
    "{v} the {t} please",
    "{v} my {t}",
    "{v} all {t}",
    "{v} {n} {t}",
    "call {n} {n} {n}",
    "send {n} {t}",
    "go {s} {n} meters",
    "set alarm at {n} {n}",
    "browse to evil dot com",
    "{s} {t}",
    "{t} and {t}",
    "{v} the {t} now",
    "ok robot {v} the {t}",
    "hello {t}",
    "{n} {n} {n} {n}",
    "good {s} {t}",
)

ESPEAK_ACCENTS = ("en-gb", "en-us", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
ESPEAK_VARIANTS = (
    "m1 m2 m3 m5 m6 m7 m8 f1 f2 f3 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Hugo Jacky Lee Mario Michael Mike "
    "adam anika announcer antonio belinda benjamin boris caleb david ed edward grandma grandpa iven iven3 john linda "
    "marcelo max michel miguel norbert pablo pedro quincy robert sandro shelby steph travis victor zac klatt klatt2 "
    "klatt4"
).split()
FLITE_VOICES = ("kal16", "awb", "slt")
# Speakers that are never trained on; half of the time in an accent that is not either.
UNSEEN_ACCENTS = ("en-gb-scotland", "en-gb-x-gbcwmd", "en-us", "en-gb")
UNSEEN_VARIANTS = ("m4", "f4", "Henrique", "Marco", "aunty", "paul", "rob", "gustave", "klatt3", "steph3")
UNSEEN_FLITE = "rms"

Part = Literal["train", "espeak", "flite"]
PARTS: tuple[Part, ...] = ("train", "espeak", "flite")
"""What is trained on; voices of espeak-ng that are not; a voice of flite that is not."""


@dataclass(frozen=True)
class Line:
    """What is said, and how.

    Attributes:
        text: words of `WORDS`, with single spaces.
        program: "espeak-ng" or "flite".
        voice: as the program names it.
        speed: words a minute; pitch: 0 ... 99, of which 50 is usual. For flite both are relative to the voice's own.
    """

    text: str
    program: Literal["espeak-ng", "flite"]
    voice: str
    speed: int
    pitch: int


def phrase(chance: random.Random) -> str:
    """One to five words; a third of them follow a template, so that some make sense."""
    if chance.random() < 0.35:
        made = chance.choice(TEMPLATES)
        while "{" in made:
            for place, words in (("{t}", THINGS), ("{v}", VERBS), ("{n}", NUMBERS), ("{s}", SMALL)):
                made = made.replace(place, chance.choice(words), 1)
        return " ".join(made.split()[:5])
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 5)))


def line(number: int, part: Part = "train", seed: int = 0) -> Line:
    """What is said in the clip of that number."""
    chance = random.Random(f"{seed} {part} {number}")
    text = phrase(chance)
    speed, pitch = chance.randint(125, 205), chance.randint(25, 75)
    if part == "flite":
        return Line(text, "flite", UNSEEN_FLITE, speed, pitch)
    if part == "espeak":
        voice = f"{chance.choice(UNSEEN_ACCENTS)}+{chance.choice(UNSEEN_VARIANTS)}"
        return Line(text, "espeak-ng", voice, speed, pitch)
    if chance.random() < 0.4:
        return Line(text, "flite", chance.choice(FLITE_VOICES), speed, pitch)
    return Line(
        text, "espeak-ng", f"{chance.choice(ESPEAK_ACCENTS)}+{chance.choice(ESPEAK_VARIANTS)}", speed, pitch
    )


def can_speak() -> bool:
    """Whether both programs are there."""
    return all(shutil.which(program) for program in ("espeak-ng", "flite"))


def say(said: Line) -> Samples:
    """The line, spoken: 16-bit samples at `RATE`, the silence at both ends cut off.

    Raises:
        RuntimeError: the program is missing, or said nothing.
    """
    if shutil.which(said.program) is None:
        raise RuntimeError(f"{said.program} is not installed (apt-get install espeak-ng flite)")
    if said.program == "espeak-ng":
        command = ["espeak-ng", "-v", said.voice, "-s", str(said.speed), "-p", str(said.pitch), "--stdout", said.text]
        spoken = subprocess.run(command, capture_output=True, check=True).stdout
    else:
        # flite writes to files only; its usual voices speak about 165 words a minute, at about 110 Hz (slt: 180).
        usual = 180 if said.voice == "slt" else 110
        settings = {
            "duration_stretch": f"{165 / said.speed:.3f}",
            "int_f0_target_mean": f"{usual * 2 ** ((said.pitch - 50) / 60):.1f}",
        }
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "said.wav"
            command = ["flite", "-voice", said.voice, "-t", said.text, "-o", str(target)]
            for name, value in settings.items():
                command += ["--setf", f"{name}={value}"]
            subprocess.run(command, capture_output=True, check=True)
            spoken = target.read_bytes()
    with wave.open(io.BytesIO(spoken)) as file:
        # A program that writes into a pipe does not know the length beforehand: read what is there.
        rate, heard = file.getframerate(), np.frombuffer(file.readframes(2**28), "<i2").astype(np.float64) / 32768
    if rate != RATE:
        common = gcd(rate, RATE)
        heard = resample_poly(heard, RATE // common, rate // common)
    loud = np.flatnonzero(np.abs(heard) > 0.01 * np.abs(heard).max(initial=1e-9))
    if not len(loud):
        raise RuntimeError(f"{said.program} said nothing")
    heard = heard[max(loud[0] - RATE // 50, 0) : loud[-1] + RATE // 25]
    return to_pcm(0.5 * heard / np.abs(heard).max())


# ------------------------------------------------------------------------------------------------- the way to the ear


@dataclass(frozen=True)
class Way:
    """How probable each trouble is on the way from a mouth to a microphone."""

    tempo: float = 0.5  # a voice of another size: resampled by up to 15 %
    room: float = 0.2
    noise: float = 0.5
    filtered: float = 0.35
    coded: float = 0.1


def heard(clips: Sequence[Samples], seconds: float, generator: torch.Generator, way: Way | None = None) -> Tensor:
    """The clips as a microphone may hear them, each somewhere in that many seconds: (N, T) in [-1, 1].

    Args:
        generator: of all that is random; on the CPU.
    """
    way = way or Way()
    length, out = round(seconds * RATE), torch.zeros(len(clips), round(seconds * RATE))

    def chance() -> float:
        return float(torch.rand((), generator=generator))

    for row, clip in enumerate(clips):
        sound = torch.from_numpy(np.asarray(clip, np.float32) / 32768)
        if chance() < way.tempo:
            size = int(len(sound) * (0.87 + 0.3 * chance()))
            sound = torch.nn.functional.interpolate(sound[None, None], size, mode="linear")[0, 0]
        sound = sound[:length]
        first = int(chance() * (length - len(sound) + 1))
        out[row, first : first + len(sound)] = sound
    size = 2 * length
    spectrum = torch.fft.rfft(out, size)
    for row in range(len(out)):
        if chance() < way.room:
            spectrum[row] *= torch.fft.rfft(_room(chance(), chance(), generator), size)
        if chance() < way.filtered:
            spectrum[row] *= _filter(spectrum.shape[1], chance(), chance(), chance())
    out = torch.fft.irfft(spectrum, size)[:, :length]
    babble = out.roll(1, 0) + out.roll(2, 0)
    for row in range(len(out)):
        if chance() < way.noise:
            kind, snr = chance(), 8 + 32 * chance()
            noise = babble[row] if kind < 0.2 and len(out) > 2 else _noise(length, kind * 2, generator)
            power = out[row].square().mean() / noise.square().mean().clamp_min(1e-12)
            out[row] = out[row] + noise * (power * 10 ** (-snr / 10)).sqrt()
        if chance() < way.coded:  # µ-law, 8 bits, as on a telephone
            peak = out[row].abs().max().clamp_min(1e-6)
            law = (out[row] / peak).sign() * torch.log1p(255 * (out[row] / peak).abs()) / np.log(256)
            law = (law * 127).round() / 127
            out[row] = peak * law.sign() * (256 ** law.abs() - 1) / 255
    return out / out.abs().amax(1, keepdim=True).clamp_min(1e-6) * 0.7


def _room(size: float, wet: float, generator: torch.Generator) -> Tensor:
    """An echo that dies away: the direct sound, then noise that falls by 60 dB in 0.1 to 0.6 s."""
    seconds = 0.1 + 0.5 * size
    time = torch.arange(int(seconds * RATE)) / RATE
    tail = torch.randn(len(time), generator=generator) * 10 ** (-3 * time / seconds)
    tail[: RATE // 200] = 0
    tail = tail / tail.norm().clamp_min(1e-9) * (0.2 + 0.7 * wet)
    tail[0] = 1
    return tail


def _filter(bins: int, low: float, high: float, slope: float) -> Tensor:
    """A cheap microphone or line: nothing below 50 to 350 Hz or above 2.8 to 8 kHz, tilted by up to 6 dB an octave."""
    hertz = torch.linspace(0, RATE / 2, bins).clamp_min(1)
    bottom, top = 50 + 300 * low, 2800 + 5200 * high
    band = 1 / (1 + (bottom / hertz) ** 4) / (1 + (hertz / top) ** 8)
    return band * (hertz / 1000) ** (slope - 0.5)


def _noise(length: int, colour: float, generator: torch.Generator) -> Tensor:
    """White for colour 0, pink for 1, brown for 2."""
    white = torch.randn(length, generator=generator)
    spectrum = torch.fft.rfft(white)
    hertz = torch.arange(len(spectrum)).clamp_min(20).float()
    return torch.fft.irfft(spectrum / hertz ** (colour / 2), length)
