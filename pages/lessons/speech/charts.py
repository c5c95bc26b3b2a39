"""Pictures and charts of sound: samples and letters in, pixels or Vega-Lite specifications out."""

from collections.abc import Sequence

import numpy as np

from adv_core.speech.recogniser import Moment
from adv_core.speech.sound import FULL, Samples
from pages.widgets import vega
from pages.widgets.charts import PALETTE

# A few points of viridis, from dark to light, which are distinct without colour, too.
_SCALE = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float)


def wave_picture(samples: Samples, width: int = 420, height: int = 90) -> np.ndarray:
    """The wave form as (height, width, 4) uint8: in each column the range of its samples, full scale top to bottom.

    Only the wave is opaque.
    """
    edges = np.linspace(0, len(samples), width + 1).astype(int)
    starts = np.minimum(edges[:-1], max(len(samples) - 1, 0))
    top, bottom = np.maximum.reduceat(samples, starts) / FULL, np.minimum.reduceat(samples, starts) / FULL
    rows = 1 - 2 * (np.arange(height) + 0.5)[:, None] / height
    inside = (rows <= top + 1 / height) & (rows >= bottom - 1 / height)
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[inside] = *(int(PALETTE[0][i : i + 2], 16) for i in (1, 3, 5)), 255
    return pixels


def spectrogram_picture(samples: Samples, width: int = 420, height: int = 120, floor: float = -80.0) -> np.ndarray:
    """The loudness of each frequency at each moment, (height, width, 3) uint8; low ones below, to 8 kHz, 80 dB in all.

    The scale begins at full loudness, the same for every picture, so a quiet clip looks dark.
    """
    size, x = 512, samples.astype(float) / FULL
    x = np.pad(x, (size // 2, size // 2))
    starts = np.linspace(0, max(len(x) - size, 0), width).astype(int)
    parts = x[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(parts)) ** 2 / (size / 4) ** 2
    db = 10 * np.log10(power + 1e-12)
    rows = np.linspace(db.shape[1] - 1, 0, height).astype(int)
    place = np.clip((db.T[rows] - floor) / -floor, 0, 1) * (len(_SCALE) - 1)
    low = np.minimum(place.astype(int), len(_SCALE) - 2)
    part = (place - low)[..., None]
    return np.round(_SCALE[low] * (1 - part) + _SCALE[low + 1] * part).astype(np.uint8)


def alignment_chart(lines: Sequence[tuple[str, Sequence[Moment]]], seconds: float) -> vega.Spec:
    """The letters of each clip over its seconds, a row a clip; a silent clip has an empty row."""
    values = [
        {"clip": name, "at": (m.start + m.end) / 2, "letter": m.letter if m.letter != " " else "␣", "sure": m.sure}
        for name, moments in lines
        for m in moments
    ]
    names = [name for name, _ in lines]
    return vega.layer(
        values,
        {"type": "text", "fontSize": 19, "fontWeight": "bold"},  # large text, whose colours need less contrast
        x=vega.numbers("at", "seconds", (-0.1, seconds + 0.1), nice=False),
        y={"field": "clip", "type": "nominal", "title": None, "scale": {"domain": names}},
        text={"field": "letter"},
        color=vega.colours("clip", zip(names, PALETTE, strict=False)) | {"legend": None},
        tooltip=[
            {"field": "letter"},
            {"field": "at", "title": "second", "format": ".2f"},
            {"field": "sure", "title": "probability", "format": ".0%"},
        ],
    )


def noise_chart(rows: Sequence[tuple[str, float, int, int]]) -> vega.Spec:
    """The number of draws in which each clip is still transcribed right, as grouped bars: (clip, SNR, kept, of)."""
    names = list(dict.fromkeys(name for name, *_ in rows))
    axis = {"labelAngle": 0}
    return vega.layer(
        [{"clip": n, "snr": f"{snr:.0f} dB", "kept": kept / of} for n, snr, kept, of in rows],
        {"type": "bar", "tooltip": True},
        x={"field": "snr", "type": "nominal", "title": "signal-to-noise ratio", "sort": None, "axis": axis},
        xOffset={"field": "clip", "sort": names},
        y=vega.share("kept", "right transcripts"),
        color=vega.colours("clip", zip(names, PALETTE, strict=False)) | {"sort": names},
    )
