"""Recordings of every kind, good and bad."""

import io

import numpy as np
import pytest
import soundfile

from adv_core.speech.sound import RATE, SoundError, amplified, distortion, open_sound, signal_to_noise, to_wav


def file_of(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None) -> bytes:
    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=kind, subtype=subtype)
    return target.getvalue()


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return np.repeat(0.4 * np.sin(2 * np.pi * 440 * time)[:, None], channels, 1)


def test_16_bit_samples_come_back_to_the_bit() -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 2 * RATE).astype(np.int16)
    assert np.array_equal(open_sound(to_wav(samples)).samples, samples)
    assert np.array_equal(open_sound(file_of(samples, kind="FLAC")).samples, samples)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_formats(kind: str) -> None:
    sound = open_sound(file_of(tone(), kind=kind))
    spectrum = np.abs(np.fft.rfft(sound.samples[2000:14000].astype(float)))
    assert spectrum.argmax() * RATE / 12000 == pytest.approx(440, abs=2)


def test_what_is_changed_is_told() -> None:
    sound = open_sound(file_of(tone(12, 48000, 8), 48000))
    assert sound.seconds == 10 and len(sound.notes) == 3
    assert open_sound(file_of(tone(1, 192_000), 192_000)).seconds == pytest.approx(1, abs=0.001)
    loud = np.abs(np.fft.rfft(open_sound(file_of(tone(1, 44_101), 44_101)).samples.astype(float)))
    assert loud.argmax() == pytest.approx(440, abs=1)  # a rate without a simple ratio to ours
    clipped = np.clip(5 * tone(), -1, 1)
    assert any("clipped" in note for note in open_sound(file_of(clipped)).notes)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"no sound at all " * 99, "not a sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "not a sound"),
        (b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(99), "not a sound"),
        (file_of(tone(0.4, 192_000, 16), 192_000), "16 channels at 192000 Hz"),
        (file_of(np.zeros(RATE)), "silent"),
        (file_of(tone(0.1)), "shorter"),
        (file_of(np.zeros(0)), "shorter"),
        (file_of(tone(), kind="FLAC")[:60], "damaged"),
        (bytes(11 * 2**20), "larger than 10 MB"),
        (file_of(np.full(RATE, np.nan), subtype="FLOAT"), "damaged"),
    ],
)
def test_bad_files_get_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(SoundError, match=says):
        open_sound(data)


def test_an_odd_rate_needs_no_filter_as_long_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter for 767 999 : 16 000 takes a minute."""
    ratios = []
    monkeypatch.setattr("scipy.signal.resample_poly", lambda x, up, down: ratios.append((up, down)) or x[::48])
    assert open_sound(file_of(tone(0.4, 767_999), 767_999)).seconds == pytest.approx(0.4, abs=0.001)
    assert ratios == [(1, 48)]


def test_measures() -> None:
    x = np.full(100, 10_000, np.int16)
    changed = x + np.int16(100)
    assert distortion(x, changed) == pytest.approx(-40) and signal_to_noise(x, changed) == pytest.approx(40)
    assert distortion(x, x) == -np.inf and signal_to_noise(x, x) == np.inf
    loud, factor = amplified(x, changed)
    assert factor == 163 and loud.max() == 16_300
