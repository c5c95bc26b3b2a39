import base64

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.widgets.canvas import canvas, pack, received, unpack
from tests.pages.visit import GUARD


def packed(*pairs: int) -> str:
    return base64.b64encode(bytes(pairs)).decode()


def soft_mask(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.clip(255 * (size / 3 - np.hypot(y - size / 2, x - size / 2)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((28, 28), np.uint8),
        np.full((20, 30), 255, np.uint8),
        np.array([[7]], np.uint8),
        np.random.default_rng(0).integers(0, 256, (13, 17), np.uint8),
        soft_mask(64),
    ],
)
def test_round_trip(pixels: np.ndarray) -> None:
    again = unpack(pack(pixels), pixels.shape)
    assert again is not None and again.dtype == np.uint8
    np.testing.assert_array_equal(again, pixels)


def test_long_runs_are_cut_at_255() -> None:
    assert pack(np.full((1, 600), 9, np.uint8)) == packed(255, 9, 255, 9, 90, 9)


def test_a_mask_is_small() -> None:
    assert len(pack(soft_mask(224))) < 4_000


@pytest.mark.parametrize(
    "rubbish",
    [
        None,
        7,
        float("nan"),
        True,
        b"BAA=",
        [4, 0],
        {"pixels": packed(4, 0)},
        "",
        "not base64!",
        "é",
        "BAA",  # padding missing
        packed(4),  # half a pair
        packed(3, 0),  # too few pixels
        packed(5, 0),  # too many
        packed(4, 0, 255, 0),
        packed(4, 0) * 1_000,
        "A" * 10_000_000,
    ],
)
def test_rubbish_is_no_grid(rubbish: object) -> None:
    assert unpack(rubbish, (2, 2)) is None
    assert received({"sheet": "s", "pixels": rubbish}, "s", (2, 2)) is None


def test_many_long_runs_are_not_decoded() -> None:
    """The worst that the length lets through asks for 255 times the grid: it is refused before it is allocated."""
    assert unpack(packed(*[255, 1] * 2500), (50, 50)) is None


@pytest.mark.parametrize("message", [None, 3, "text", [], {}, {"sheet": "s"}, {"pixels": packed(4, 0)}, {"sheet": []}])
def test_rubbish_is_no_message(message: object) -> None:
    assert received(message, "s", (2, 2)) is None


def test_a_drawing_belongs_to_its_sheet() -> None:
    message = {"sheet": "s", "pixels": packed(3, 0, 1, 200), "more": object()}
    drawing = received(message, "s", (2, 2))
    assert drawing is not None and drawing.tolist() == [[0, 0], [0, 200]]
    assert received(message, "t", (2, 2)) is None
    assert received(message, "s", (2, 3)) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"height": -1},
        {"brush": 0.0},
        {"brush": float("nan")},
        {"background": "https://example.org/cat.png"},
        {"start": np.zeros((4, 3))},
        {"start": np.full((3, 4), 1.5)},
        {"start": np.full((3, 4), np.nan)},
    ],
)
def test_wrong_arguments(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"width": 4, "height": 3, "brush": 1.0, "label": "Draw"}
    with pytest.raises(ValueError):
        canvas("c", **{**right, **wrong})  # type: ignore[arg-type]


def page() -> None:
    import numpy as np
    import streamlit as st

    from pages.widgets.canvas import canvas

    st.write(str(canvas("blank", width=3, height=2, label="Draw", brush=1)))
    start = np.eye(2, 3) / 2
    drawn = canvas("started", width=3, height=2, label="Draw", brush=1, start=start)
    st.write("none" if drawn is None else f"{drawn.dtype} {(drawn * 255).tolist()}")


def test_untouched_surface_has_its_start() -> None:
    at = AppTest.from_function(page, default_timeout=GUARD).run()
    assert not at.exception
    assert [block.value for block in at.markdown] == ["None", "float32 [[128.0, 0.0, 0.0], [0.0, 128.0, 0.0]]"]
