"""Synthesised speech to train a recogniser: phrases spoken by three free programs, changed as in a noisy, distant room.

Every clip is a function of a seed and a number, which give its words, voice, speed and pitch. The programs are
espeak-ng (GPL-3; its output is free), flite and festival (both BSD-like); Debian has them all. Training needs them,
using the recogniser does not.
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

from adv_core.speech.sound import RATE, Samples, to_pcm

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
).split()
VERBS = (
    "open close turn play stop go start pause call send delete show find tell buy sell pay order cancel lock unlock "
    "record copy move set save search browse download print share take bring give help wake run drive walk answer "
    "wait repeat remember forget transfer switch visit erase book"
).split()
THINGS = (
    "door window light lights music radio phone camera alarm money file files message email password account house "
    "garage car kitchen bedroom office school street city bank hospital police doctor mother father brother sister "
    "friend teacher dog cat bird water coffee tea bread pizza weather news time map page picture video song movie "
    "game computer robot network machine garden center meters dollars euros minutes hours days evil secret safe"
).split()
SMALL = (
    "yes no please thanks hello goodbye ok not never always now today tomorrow tonight the a and of on off in my your "
    "all me it is up down left right forward back front rear side dot com at with good bad morning evening night "
    "happy red green blue black white big small new old hot cold one more loud quiet first last"
).split()
WORDS = tuple(dict.fromkeys(NUMBERS + VERBS + THINGS + SMALL))
"""The vocabulary. No two words sound alike: "two" is there, so "to" is not."""

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
    "browse evil dot com",
    "{s} {t}",
    "{t} and {t}",
    "{v} the {t} now",
    "ok robot {v} the {t}",
    "hello {t}",
    "{n} {n} {n} {n}",
    "good {s} {t}",
)

ESPEAK_ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-gb-x-gbclan", "en-029")
ESPEAK_VARIANTS = (
    "m1 m2 m3 m5 m6 m7 m8 f1 f2 f3 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Hugo Jacky Lee Mario Michael "
    "Mike adam anika announcer antonio belinda benjamin boris caleb david ed edward grandma grandpa iven iven3 john "
    "linda marcelo max michel miguel norbert pablo pedro quincy robert sandro shelby steph travis victor zac klatt "
    "klatt2 klatt4"
).split()
FLITE_VOICES = ("kal16", "awb", "slt")
FESTIVAL_VOICE = "ked_diphone"
# Named by their files: espeak-ng understands "en-gb" too, but then silently ignores the variant.
# The last ones are speakers and accents that are kept out of the training.
UNSEEN_ACCENTS = ("en-gb-scotland", "en-gb-x-gbcwmd")
UNSEEN_VARIANTS = ("m4", "f4", "Henrique", "Marco", "aunty", "paul", "rob", "gustave", "klatt3", "steph3")
UNSEEN_FLITE = "rms"

BRED = 200
"""The number of training voices of espeak-ng with parameters drawn at random; see `bred`."""

Part = Literal["train", "again", "accents", "strangers", "espeak", "abroad", "flite"]
"""The parts of the speech.

"train", "again", "accents" and "strangers" are trained on, one after the other. The other three judge: "espeak" has
new speakers of espeak-ng, "abroad" has new speakers in new accents, and "flite" has a new speaker of flite.
"""


@dataclass(frozen=True)
class Mix:
    """The shares of the synthesisers in a part of the training; espeak-ng speaks the rest.

    Attributes:
        festival, flite: shares of all clips; voices: the voices of flite to draw from.
        bred: share of espeak-ng's clips that are spoken by a voice of `bred`.
    """

    festival: float
    flite: float
    voices: tuple[str, ...]
    bred: float = 0.5


# Vocoded voices are the hardest to recognise and the most like people, so they are drawn twice as often.
_MORE_VOCODED = (*FLITE_VOICES, "awb", "slt")
MIXES: dict[Part, Mix] = {
    "train": Mix(0.08, 0.32, FLITE_VOICES),
    "again": Mix(0.06, 0.48, _MORE_VOCODED),
    "accents": Mix(0.04, 0.31, _MORE_VOCODED, 0.75),
    "strangers": Mix(0.04, 0.36, _MORE_VOCODED, 0.75),
}


@dataclass(frozen=True)
class Line:
    """A text, and the voice that speaks it.

    Attributes:
        text: words of `WORDS`, with single spaces.
        program: the synthesiser.
        voice: the program's name for the voice.
        speed: words per minute; pitch: 0 ... 99, of which 50 is usual. Except for espeak-ng, both are relative to the
            voice's own.
    """

    text: str
    program: Literal["espeak-ng", "flite", "festival"]
    voice: str
    speed: int
    pitch: int


def phrase(chance: random.Random) -> str:
    """Draw one to five words; a third of the phrases follow a template, so that some make sense."""
    if chance.random() < 0.35:
        made = chance.choice(TEMPLATES)
        while "{" in made:
            for place, words in (("{t}", THINGS), ("{v}", VERBS), ("{n}", NUMBERS), ("{s}", SMALL)):
                made = made.replace(place, chance.choice(words), 1)
        return " ".join(made.split()[:5])
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 5)))


def line(number: int, part: Part = "train", seed: int = 0) -> Line:
    """The text and the voice of the clip of that number."""
    chance = random.Random(f"{seed} {part} {number}")
    text = phrase(chance)
    speed, pitch = chance.randint(125, 205), chance.randint(25, 75)
    if part == "flite":
        return Line(text, "flite", UNSEEN_FLITE, speed, pitch)
    if part in ("espeak", "abroad"):
        accent = chance.choice(ESPEAK_ACCENTS if part == "espeak" else UNSEEN_ACCENTS)
        voice = f"{accent}+{chance.choice(UNSEEN_VARIANTS)}"
        return Line(text, "espeak-ng", voice, speed, pitch)
    program, mix = chance.random(), MIXES[part]
    if program < mix.festival:
        return Line(text, "festival", FESTIVAL_VOICE, speed, pitch)
    if program < mix.festival + mix.flite:
        return Line(text, "flite", chance.choice(mix.voices), speed, pitch)
    own = chance.random() < mix.bred
    variant = f"{_NAMES[part]}{chance.randrange(BRED)}" if own else chance.choice(ESPEAK_VARIANTS)
    return Line(text, "espeak-ng", f"{chance.choice(ESPEAK_ACCENTS)}+{variant}", speed, pitch)


_NAMES: dict[Part, str] = {"train": "bred", "again": "wide", "accents": "broad", "strangers": "odd"}

# Shifts of English sounds between accents (Wells, "Accents of English", 1982), in the letters of espeak-ng: each sound
# and the sounds that may replace it.
_SHIFTS = {
    "V": ("U", "@", "a"),
    "U": ("u:", "V"),
    "u:": ("U", "oU"),
    "I": ("i", "@", "E"),
    "i": ("I", "eI"),
    "i:": ("I", "eI"),
    "E": ("I", "a", "eI"),
    "a": ("E", "aa", "A:"),
    "aa": ("a", "A:"),
    "O:": ("0", "oU"),
    "3:": ("E", "@", "V"),
    "@": ("V", "I", "E"),
    "eI": ("E", "aI", "i:"),
    "aI": ("OI", "A:", "eI"),
    "oU": ("O:", "aU", "u:"),
    "aU": ("oU", "a", "A:"),
    "OI": ("aI",),
    "o@": ("O:", "oU"),
    "e@": ("E", "eI"),
    "h": ("NULL",),
    "T": ("f", "t"),
    "D": ("d", "v"),
    "w": ("v",),
    "t": ("d",),
}


def bred(number: int, part: Part = "train") -> str:
    """A voice variant in the language of espeak-ng: a throat, a stress pattern and a loudspeaker, all drawn at random.

    The variants after the first part vary as widely as espeak-ng's own: a resonance may nearly vanish, or move far;
    syllables may be drawn out; the tone may be cut. Those of "accents" and "strangers" also have an accent of their
    own; the vowels of "strangers" are farther from those of real accents.
    """
    far = part != "train"
    chance = random.Random(f"voice {number} {part}" if far else f"voice {number}")
    size = chance.uniform(82, 132)  # of the throat's resonances, in per cent
    spreads = (0.1, 0.2, 0.3, 0.35) if part == "strangers" else (0.05, 0.1, 0.15, 0.25)
    spread = chance.choice(spreads)  # the deviation of each resonance by itself
    low = chance.uniform(70, 190)
    lines = [
        "language variant",
        f"name {_NAMES[part]}{number}",
        f"pitch {low:.0f} {low * chance.uniform(1.1, 1.9):.0f}",
    ]
    for formant in range(9):
        high, loud, wide = size * (1 + spread * chance.uniform(-1, 1)), chance.uniform(60, 180), chance.uniform(70, 160)
        if far and formant >= 3 and chance.random() < 0.25:
            high, loud, wide = chance.uniform(10, 200), chance.uniform(0, 60), chance.uniform(20, 150)
        lines.append(f"formant {formant} {high:.0f} {loud:.0f} {wide:.0f}")
    if chance.random() < 0.3:
        lines.append(f"echo {chance.uniform(20, 130):.0f} {chance.uniform(10, 60):.0f}")
    if chance.random() < 0.5:
        lines.append(f"flutter {chance.uniform(0, 12):.0f}")
    if chance.random() < 0.3:
        lines.append(f"roughness {chance.randint(0, 3)}")
    if chance.random() < 0.5:
        lines.append(f"voicing {chance.uniform(20 if far else 35, 250 if far else 130):.0f}")
    if chance.random() < 0.5:
        most = (180, 200) if far else (130, 140)
        lines.append(f"consonants {chance.uniform(50, most[0]):.0f} {chance.uniform(30, most[1]):.0f}")
    if chance.random() < 0.5:
        louder = [chance.uniform(12, 38) for _ in range(8)]
        lines.append("stressAmp " + " ".join(f"{one:.0f}" for one in louder))
    if chance.random() < 0.4:
        longer = [chance.uniform(-30 if far else -20, 200 if far else 150) for _ in range(8)]
        lines.append("stressAdd " + " ".join(f"{one:.0f}" for one in longer))
    if far and chance.random() < 0.3:
        lines.append(f"intonation {chance.randint(1, 4)}")
    if chance.random() < 0.4:
        quiet = 25 if far else 50
        curve = zip((100, 600, 1200, 3000, 4500), (chance.uniform(quiet, 250) for _ in range(5)), strict=True)
        lines.append("tone " + " ".join(f"{hertz} {loud:.0f}" for hertz, loud in curve))
    if part in ("accents", "strangers"):
        moved = chance.sample(sorted(_SHIFTS), chance.randint(2, 8))
        lines += [f"replace 00 {sound} {chance.choice(_SHIFTS[sound])}" for sound in moved]
    return "\n".join(lines) + "\n"


def breed(folder: Path, part: Part = "train") -> Path:
    """Copy the voices of espeak-ng to ``folder`` and add the `bred` ones. Return the path for espeak-ng's --path.

    Raises:
        RuntimeError: espeak-ng or its voices cannot be found.
    """
    told = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True).stdout
    source = Path(told.rpartition("Data at:")[2].strip())
    if not (source / "voices" / "!v").is_dir():
        raise RuntimeError("the voices of espeak-ng cannot be found")
    target = folder / "espeak-ng-data"
    if not target.exists():
        shutil.copytree(source, target)
        # espeak-ng reads 350 voices at most. With more it finds none, and uses its default voice.
        for file in [*(target / "lang").rglob("*"), *(target / "voices" / "mb").rglob("*")]:
            if file.is_file() and not file.name.startswith("en"):
                file.unlink()
    for number in range(BRED):
        (target / "voices" / "!v" / f"{_NAMES[part]}{number}").write_text(bred(number, part), encoding="ascii")
    return folder


def say(said: Line, voices: Path | None = None) -> Samples:
    """Speak the line: 16-bit samples at `RATE`, the silence at both ends cut off.

    Args:
        voices: the folder of `breed`, for voices that espeak-ng does not have by itself.

    Raises:
        RuntimeError: the program is missing, or gave no sound.
    """
    program = {"festival": "text2wave"}.get(said.program, said.program)
    if shutil.which(program) is None:
        raise RuntimeError(f"{program} is not installed (apt-get install espeak-ng flite festival festvox-kdlpc16k)")
    if said.program == "espeak-ng":
        where = [] if voices is None else [f"--path={voices}"]
        settings = ["-v", said.voice, "-s", str(said.speed), "-p", str(said.pitch)]
        done = subprocess.run([program, *where, *settings, "--stdout", said.text], capture_output=True)
        if (
            done.returncode or done.stderr
        ):  # espeak-ng silently uses another voice where it does not find the requested one
            raise RuntimeError(f"espeak-ng: {done.stderr.decode(errors='replace').strip()[:200]}")
        spoken = done.stdout
    else:
        # The usual voices speak about 165 words per minute, at about 110 Hz (slt: 180).
        stretch = f"{165 / said.speed:.3f}"
        tone = f"{(180 if said.voice == 'slt' else 110) * 2 ** ((said.pitch - 50) / 60):.1f}"
        with tempfile.TemporaryDirectory() as folder:  # these two programs write to files only
            target = Path(folder) / "said.wav"
            if said.program == "flite":
                command = ["flite", "-voice", said.voice, "-t", said.text, "-o", str(target)]
                command += ["--setf", f"duration_stretch={stretch}", "--setf", f"int_f0_target_mean={tone}"]
            else:
                melody = f"(target_f0_mean {tone}) (target_f0_std 14) (model_f0_mean 170) (model_f0_std 34)"
                manner = f"(Parameter.set 'Duration_Stretch {stretch}) (set! int_lr_params '({melody}))"
                command = ["text2wave", "-eval", f"(begin (voice_{said.voice}) {manner})", "-o", str(target)]
            subprocess.run(command, input=said.text.encode(), capture_output=True, check=True)
            spoken = target.read_bytes()
    with wave.open(io.BytesIO(spoken)) as file:
        # A program that writes into a pipe does not know the length beforehand: read until the end.
        rate = file.getframerate()
        heard = np.frombuffer(file.readframes(2**28), "<i2").astype(np.float64) / 32768
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
    """The probability of each disturbance between a mouth and a microphone."""

    tempo: float = 0.7  # a voice of another size: resampled by up to 17 %
    room: float = 0.1
    noise: float = 0.35
    filtered: float = 0.2
    coded: float = 0.05


USUAL = Way()


def heard(clips: Sequence[Samples], seconds: float, generator: torch.Generator, way: Way = USUAL) -> Tensor:
    """Disturb the clips as on the way to a microphone: (N, T) in [-1, 1], each clip at a random place in ``seconds``.

    Args:
        generator: of all that is random; on the CPU.
    """
    length, out = round(seconds * RATE), torch.zeros(len(clips), round(seconds * RATE))

    def chance() -> float:
        return float(torch.rand((), generator=generator))

    for row, clip in enumerate(clips):
        sound = torch.from_numpy(np.asarray(clip, np.float32) / 32768)
        if chance() < way.tempo:
            size = min(int(len(sound) * (0.85 + 0.32 * chance())), length)
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
            kind, snr = chance(), 10 + 30 * chance()
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
    """A cheap microphone or line: nothing below 50 to 350 Hz or above 2.8 to 8 kHz, tilted by up to 6 dB per octave."""
    hertz = torch.linspace(0, RATE / 2, bins).clamp_min(1)
    bottom, top = 50 + 300 * low, 2800 + 5200 * high
    band = 1 / (1 + (bottom / hertz) ** 4) / (1 + (hertz / top) ** 8)
    return band * (hertz / 1000) ** (slope - 0.5)


def _noise(length: int, colour: float, generator: torch.Generator) -> Tensor:
    """Noise: white for colour 0, pink for 1, brown for 2."""
    white = torch.randn(length, generator=generator)
    spectrum = torch.fft.rfft(white)
    hertz = torch.arange(len(spectrum)).clamp_min(20).float()
    return torch.fft.irfft(spectrum / hertz ** (colour / 2), length)
