"""A canvas to draw on with mouse, pen, finger or keyboard: a digit on black, or a mask over a photograph."""

import base64
import hashlib
from pathlib import Path

import numpy as np
import streamlit as st

HTML = """
<div class="frame">
  <div class="label" aria-hidden="true"></div>
  <div class="surface">
    <img alt="" draggable="false" hidden>
    <canvas tabindex="0" role="application" aria-describedby="keys"></canvas>
    <div class="ring" hidden></div>
  </div>
  <div class="row">
    <button type="button" class="clear">Clear</button>
    <button type="button" class="undo">Undo</button>
    <span class="keys" id="keys">Arrow keys move the brush (Shift: small steps). Space starts and ends a stroke.</span>
  </div>
  <div class="said" role="status"></div>
</div>
"""
CSS = """
.frame {font-family: var(--st-font); color: var(--st-text-color)}
.label {font-size: .875rem; margin-bottom: .25rem}
.surface {position: relative; overflow: hidden; border-radius: var(--st-base-radius);
  box-shadow: 0 0 0 1px var(--st-border-color); background: #000}
.surface:has(canvas:focus-visible) {box-shadow: 0 0 0 3px var(--st-primary-color)}
img, canvas {position: absolute; inset: 0; width: 100%; height: 100%; user-select: none; -webkit-user-select: none;
  -webkit-touch-callout: none; -webkit-tap-highlight-color: transparent}
img[hidden], .ring[hidden] {display: none}
/* A finger on the surface draws; it does not scroll the page. */
canvas {touch-action: none; cursor: crosshair; outline: none; image-rendering: pixelated}
/* White between two black lines, which can be seen on any background. */
.ring {position: absolute; box-sizing: border-box; border: 2px solid #fff; border-radius: 50%; pointer-events: none;
  transform: translate(-50%, -50%); box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000; min-width: 8px; min-height: 8px}
.ring.down {border-color: var(--st-primary-color)}
.row {display: flex; align-items: center; gap: .5rem; margin-top: .5rem; min-height: 2.5rem}
button {font: inherit; font-size: .875rem; color: inherit; background: var(--st-background-color); flex: none;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); padding: .25rem .75rem;
  min-height: 2.5rem; cursor: pointer; touch-action: manipulation}
button:hover {color: var(--st-primary-color); border-color: var(--st-primary-color)}
button:focus-visible {outline: 3px solid var(--st-primary-color); outline-offset: 1px}
button[aria-disabled=true] {opacity: .4; cursor: default; color: inherit; border-color: var(--st-border-color)}
/* The row has room for it from the first moment, so that nothing below jumps. */
.keys {font-size: .75rem; line-height: 1.2; opacity: .8; visibility: hidden}
.frame:has(canvas:focus-visible) .keys {visibility: visible}
.said {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)}
"""
_surface = st.components.v2.component(
    "drawing_canvas", html=HTML, css=CSS, js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
)


def canvas(
    key: str,
    *,
    width: int,
    height: int,
    label: str,
    brush: float,
    background: str | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray | None:
    """Show a surface to draw on. Each finished stroke, Clear and Undo sends one message, and causes one rerun.

    The drawing belongs to its sheet: the size, the background and the start. On a new sheet the surface shows the new
    start, Undo begins anew, and nothing counts as drawn. Only the latest drawing is kept: a return to the former sheet
    restores it, unless another sheet was drawn on in between. ``label`` and ``brush`` may change at any time. A canvas
    that the script leaves out for one run loses its drawing, as every widget of Streamlit does.

    Args:
        key: unique on the page.
        width, height: the grid's pixels; on the screen it is as wide as the column, but not wider than 26 rem.
        label: the text above the surface, and its name for a screen reader.
        brush: diameter of the round brush in grid pixels; its edge is one pixel soft.
        background: a picture as a data address, stretched to the grid; strokes then form a translucent mask over it.
            Without one, strokes are white on black.
        start: (height, width), in [0, 1]: the drawing before the first stroke. Pass the same one in every run: if you
            pass the result, each stroke starts a new sheet.

    Returns:
        The drawing, (height, width) float32 in [0, 1], multiples of 1/255; ``None`` if it is blank. A mask is
        ``drawn >= 0.5``.

    Raises:
        ValueError: a size or brush that is not positive, a background that is no data address of a picture, a start of
            another shape or range. A message of the browser never raises: an invalid one counts as a blank drawing.
    """
    if width < 1 or height < 1 or not brush > 0:
        raise ValueError(f"a canvas needs a positive size and brush, got {width} x {height} and {brush}")
    if background is not None and not background.startswith("data:image/"):
        raise ValueError("the background must be a picture's data address")
    first = np.zeros((height, width), np.uint8) if start is None else _bytes(start, (height, width))
    packed = pack(first)
    sheet = hashlib.sha256(f"{width} {height} {packed} {background}".encode()).hexdigest()[:16]
    before = st.session_state.get(key)
    sent = _surface(
        key=key,
        data={
            "key": key,
            "sheet": sheet,
            "width": width,
            "height": height,
            "label": label,
            "brush": brush,
            "background": background,
            "start": packed,
            # A surface that is new on the page asks whether to restore the drawing that the browser remembers.
            "drawn": isinstance(before, dict) and received(before.get("drawing"), sheet, (height, width)) is not None,
        },
        on_drawing_change=_nothing,
    ).get("drawing")
    drawing = received(sent, sheet, (height, width))
    pixels = first if drawing is None else drawing
    return pixels.astype(np.float32) / 255 if pixels.any() else None


def pack(pixels: np.ndarray) -> str:
    """Encode a uint8 array as base64 of (run length, value) pairs of bytes, row by row; a run has 255 pixels at most.

    A mask of 224 × 224 has some two thousand characters instead of 67 thousand. Streamlit's browser side sends them
    with every rerun.
    """
    flat = pixels.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    pairs: list[int] = []
    for begin, end in zip(starts, np.r_[starts[1:], flat.size], strict=True):
        for at in range(begin, end, 255):
            pairs += (min(255, end - at), int(flat[at]))
    return base64.b64encode(bytes(pairs)).decode()


def unpack(packed: object, shape: tuple[int, int]) -> np.ndarray | None:
    """Decode the result of `pack` into the uint8 array of that shape; return ``None`` for anything else.

    It decodes no more bytes than a grid of that shape can need.
    """
    size = shape[0] * shape[1]
    if not isinstance(packed, str) or len(packed) > 4 * (2 * size + 2) // 3 + 4:
        return None
    try:
        data = np.frombuffer(base64.b64decode(packed, validate=True), np.uint8)
    except ValueError:
        return None
    lengths, values = data[::2], data[1::2]
    if data.size % 2 or lengths.sum(dtype=np.int64) != size:
        return None
    return np.repeat(values, lengths).reshape(shape)


def received(sent: object, sheet: str, shape: tuple[int, int]) -> np.ndarray | None:
    """The uint8 drawing in a message of the browser; ``None`` if there is none, or if it belongs to another sheet."""
    if not isinstance(sent, dict) or sent.get("sheet") != sheet:
        return None
    return unpack(sent.get("pixels"), shape)


def _bytes(start: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if start.shape != shape or not ((start >= 0) & (start <= 1)).all():
        raise ValueError(f"the start must be a {shape} array in [0, 1], got shape {start.shape}")
    return np.round(start.astype(np.float64) * 255).astype(np.uint8)


def _nothing() -> None:
    """Do nothing; Streamlit requires a callback for each value that a component may send."""
