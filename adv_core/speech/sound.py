"""Sound files: from an uploaded file to 16-bit samples, and from samples to a WAV file.

All sound here is what a file can hold: mono, 16 000 samples per second, each one of 65 536 levels (PCM). `open_sound`
turns an upload into that or raises `SoundError`, whose message can be shown to a visitor as it stands.
"""

import io
import math
import wave
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE = 16_000
"""The sample rate of all sound here, in samples per second."""

MAX_SECONDS = 10
"""The length in seconds to which a longer recording is cut."""

MIN_SECONDS = 0.3
MAX_BYTES = 10 * 2**20
"""The largest file that `open_sound` accepts, in bytes."""

FULL = 32_768  # levels on either side of silence

FORMATS = ("WAV", "FLAC", "OGG", "MP3")
"""The formats that `open_sound` opens; libsndfile knows a few more."""

_MAX_CHANNELS, _MAX_RATE = 64, 768_000
_MOST_A_SECOND = 8 * 192_000  # samples, of all channels: 100 KB of Ogg can hold so many that decoding takes minutes
_NO_SOUND_FILE = (
    f"This file is not a sound that can be opened here. Please use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
)
_DAMAGED = "This recording is damaged or incomplete. Please save it as WAV in another program and upload the new copy."


class SoundError(ValueError):
    """A file that cannot be used as a recording. The message is a plain sentence or two for a visitor."""


@dataclass(frozen=True)
class Sound:
    """A recording, converted for the recogniser.

    Attributes:
        samples: (T,) int16 at `RATE`.
        notes: the changes made by the conversion, a sentence each.
    """

    samples: Samples
    notes: tuple[str, ...] = field(default=())

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def open_sound(data: bytes) -> Sound:
    """Open an uploaded recording: its first ten seconds, as mono at 16 kHz and 16 bits.

    Args:
        data: the whole file, at most `MAX_BYTES`.

    Raises:
        SoundError: empty, too large, not a sound, damaged, silent, shorter than `MIN_SECONDS`.
    """
    if not data:
        raise SoundError("This file is empty. Please choose another recording.")
    if len(data) > MAX_BYTES:
        raise SoundError("This file is larger than 10 MB. Please shorten the recording and try again.")
    heard, rate, longer = _decode(data)
    notes = []
    if longer:
        notes.append(f"Only the first {MAX_SECONDS} seconds are used.")
    if heard.shape[1] > 1:
        notes.append(f"Its {heard.shape[1]} channels are mixed into one.")
    if not np.isfinite(heard).all():
        raise SoundError(_DAMAGED)
    mono = heard.mean(1, dtype=np.float64)
    if len(mono) < MIN_SECONDS * rate:
        raise SoundError(f"This recording is shorter than {MIN_SECONDS:g} seconds. Please use a longer one.")
    loud = np.abs(mono)
    if loud.max() * FULL < 8:  # a few levels: only the noise of the last bits
        raise SoundError("This recording is silent. Please check the microphone, or choose another one.")
    if (loud >= 1 - 2 / FULL).mean() > 0.01:
        notes.append("The recording is clipped: its loudest parts are cut off, and may be recognised badly.")
    if rate != RATE:
        notes.append(f"Its {rate:,} samples per second became {RATE:,}.".replace(",", "\u202f"))
        # Without a common divisor the filter is as long as the rate, and takes a minute. The nearest simple ratio is
        # within a thousandth of the true one; the ratio of every usual rate is simple.
        ratio = Fraction(RATE, rate).limit_denominator(1000)
        from scipy.signal import resample_poly  # imported here: it takes 60 MB, and the page's own clips do not need it

        mono = resample_poly(mono, ratio.numerator, ratio.denominator)
    return Sound(to_pcm(mono[: MAX_SECONDS * RATE]), tuple(notes))


def _decode(data: bytes) -> tuple[npt.NDArray[np.float32], int, bool]:
    """Return (T, channels) in about [-1, 1], the samples per second, and whether the file holds more than was read."""
    import soundfile  # imported here: of the library, only this function needs it, and the extra `app` brings it

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            possible = file.channels <= _MAX_CHANNELS and 1000 <= file.samplerate <= _MAX_RATE
            if not possible or file.channels * file.samplerate > _MOST_A_SECOND:
                raise SoundError(
                    f"A recording with {file.channels} channels at {file.samplerate} Hz cannot be opened here. "
                    "Please save it as WAV, mono, 16 kHz."
                )
            most = MAX_SECONDS * file.samplerate
            heard = file.read(most + 1, dtype="float32", always_2d=True)
            return heard[:most], file.samplerate, len(heard) > most
    except soundfile.LibsndfileError as error:
        message = _DAMAGED if _looks_like_sound(data) else _NO_SOUND_FILE
        raise SoundError(message) from error
    except (RuntimeError, ValueError, MemoryError, OSError) as error:
        if isinstance(error, SoundError):
            raise
        raise SoundError(_DAMAGED) from error


def _looks_like_sound(data: bytes) -> bool:
    container = data[:4] in (b"RIFF", b"FORM") and data[8:12] in (b"WAVE", b"AIFF", b"AIFC")  # pictures use them, too
    return container or data[:4] in (b"fLaC", b"OggS") or data[:3] == b"ID3"


def to_pcm(wave_form: npt.NDArray[np.floating]) -> Samples:
    """The nearest 16-bit samples of a wave form in [-1, 1]."""
    return np.clip(np.round(wave_form * FULL), -FULL, FULL - 1).astype(np.int16)


def to_wav(samples: Samples, rate: int = RATE) -> bytes:
    """The bytes of a WAV file with exactly these samples."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def loudness(samples: npt.NDArray[np.integer]) -> float:
    """dB(x) = 20·log₁₀ max |x|, in decibels above one level of 16 bits; -inf for silence."""
    peak = int(np.abs(samples.astype(np.int64)).max(initial=0))
    return 20 * math.log10(peak) if peak else -math.inf


def distortion(original: Samples, changed: Samples) -> float:
    """dB(δ) - dB(x): the change's loudness relative to the sound's, as in Carlini & Wagner (2018, arXiv:1801.01944).

    -31 dB is about the difference between a person who speaks and the hum of a quiet room.
    """
    return loudness(changed.astype(np.int64) - original.astype(np.int64)) - loudness(original)


def signal_to_noise(original: Samples, changed: Samples) -> float:
    """10·log₁₀(Σx² / Σδ²), in decibels; inf where nothing was changed."""
    x = original.astype(np.float64)
    noise = float(np.square(changed - x).sum())
    return 10 * math.log10(float(np.square(x).sum()) / noise) if noise else math.inf


def amplified(original: Samples, changed: Samples, peak: float = 0.5) -> tuple[Samples, float]:
    """The change alone, made loud enough to hear, up to ``peak`` of full scale; and the factor of amplification."""
    change = changed.astype(np.float64) - original
    most = float(np.abs(change).max(initial=0))
    factor = max(math.floor(peak * FULL / most), 1) if most else 1.0
    return to_pcm(change * factor / FULL), float(factor)
