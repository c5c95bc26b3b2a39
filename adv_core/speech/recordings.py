"""Recordings of people, to judge the recognisers on: clips from Debian's packages, and their texts.

    apt-get install asterisk-core-sounds-en-wav pocketsphinx-testdata

They are neither used for training nor shipped.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from adv_core.speech.sound import Samples, open_sound, to_wav
from adv_core.speech.synthesis import NUMBERS

TELEPHONE = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
SPHINX = Path("/usr/share/pocketsphinx/test/data")

_SINGLE = {
    **{f"digits/{number}": word for number, word in zip([*range(21), *range(30, 100, 10)], NUMBERS, strict=False)},
    **{f"digits/{word}": word for word in ("hundred", "thousand", "million", "today", "tomorrow", "dollars", "at")},
    **{word: word for word in ("hello", "goodbye", "is", "time", "minutes", "hours")},
    **{f"vm-{word}": word for word in ("and", "first", "last", "message", "no")},
}
_PHRASES = {
    "goforward.raw": "go forward ten meters",
    "tidigits/dhd.2934z.raw": "two nine three four zero",
    "cards/004.wav": "five five",
}
_READ = {
    "sense_and_sensibility_01_austen_64kb-0870": "and mister john dashwood had then leisure to consider how much there "
    "might be prudently in his power to do for them",
    "sense_and_sensibility_01_austen_64kb-0920": "had he married a more amiable woman he might have been made still "
    "more respectable than he was",
}


class Recorded(NamedTuple):
    """A clip and its text."""

    samples: Samples
    text: str


def telephone() -> list[Recorded]:
    """Single words by a professional speaker, 8 kHz; empty where they are not installed."""
    return _opened({TELEPHONE / f"{name}.wav": text for name, text in _SINGLE.items()})


def phrases() -> list[Recorded]:
    """Phrases by three other speakers; empty where they are not installed."""
    return _opened({SPHINX / name: text for name, text in _PHRASES.items()})


def read_aloud() -> list[Recorded]:
    """Two long sentences by a reader of LibriVox; empty where they are not installed."""
    return _opened({SPHINX / "librivox" / f"{name}.wav": text for name, text in _READ.items()})


def _opened(files: dict[Path, str]) -> list[Recorded]:
    if not all(file.exists() for file in files):
        return []
    return [Recorded(open_sound(_wav(file)).samples, text) for file, text in files.items()]


def _wav(file: Path) -> bytes:
    """The bytes of a WAV file; a raw file's samples get a header."""
    data = file.read_bytes()
    return to_wav(np.frombuffer(data, "<i2").astype(np.int16)) if file.suffix == ".raw" else data
