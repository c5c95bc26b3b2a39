"""The lesson on traffic signs, driven through Streamlit's AppTest, from the entry script."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from adv_core.signs.driving import SignBox
from pages.lessons.signs.charts import Reading, strip
from pages.lessons.signs.paper import sheets
from pages.lessons.signs.run import Run
from tests.pages.visit import (
    every_question_is_made_good,
    link,
    nothing_computed,
    picture,
    pictures,
    row,
    smaller,
    visit,
    words,
)

lesson = partial(visit, "lessons/signs/page.py")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    constants = {"STEPS": 3, "POSTER_STEPS": 2, "VIEWS": 2, "FRAMES": 4, "DRIVES": 1}
    with smaller("lessons/signs/page.py", **constants):
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson()


def test_it_opens_with_the_sample_its_stickers_and_a_drive(opened: AppTest) -> None:
    before, after = picture(opened, "x, the sign"), picture(opened, "= x + δ")
    changed = (before != after).any(2)
    assert 0.01 < changed.mean() < 0.04 and set(np.unique(after[changed])) <= {0, 255}
    alone = picture(opened, "The stickers alone")
    there = (alone != 128).any(2)
    assert not (changed & ~there).any() and np.array_equal(alone[there], after[there])
    frames = [each.value if hasattr(each, "value") else each.proto.body for each in opened.get("html")]
    strips = [each for each in frames if "class='frames'" in each]
    assert len(strips) == 4 and all(each.count("<figure") == 4 for each in strips)
    assert "from 40 metres" in strips[0] and "from 5 metres: Stop" in strips[0]


def test_the_box_of_the_sample_stays_folded(opened: AppTest) -> None:
    assert not opened.session_state["signs_open"]


def test_the_counts_are_those_of_the_frames(opened: AppTest) -> None:
    untouched = row(opened, "the untouched sign")
    assert untouched[1].startswith("**0**") and untouched[2].startswith("4 ")
    assert any("frames" in box.value for box in (*opened.warning, *opened.info))


def test_a_photograph_without_a_sign_gets_a_sentence_and_a_way_on() -> None:
    at = lesson(image="hens")
    assert "finds no sign" in words(at) and "drag a box" in words(at)
    assert not [each for each in pictures(at) if each.startswith("The stickers alone")]
    assert at.session_state["signs_open"]
    at.session_state["signs_open"] = False
    assert not at.run().session_state["signs_open"]  # whoever closes it leaves it closed
    at = lesson(image="hens", large="20.0", across="10.0", down="10.0")
    assert "In this box, the network reads no sign" in words(at)


def test_a_tiny_photograph_gets_a_sentence() -> None:
    at = lesson()
    at.session_state["own_image"] = Image.new("RGB", (5, 3))
    at.run()
    next(each for each in at.button if each.label == "Back to your own picture").click().run()
    assert "5 × 3 pixels" in words(at) and "at least 16 × 16" in words(at)


def test_a_target_that_is_read_already_is_told() -> None:
    assert "without any sticker: choose another sign" in words(lesson(target="stop"))


def test_a_box_can_be_moved_by_sliders_and_is_in_the_link(opened: AppTest) -> None:
    at = lesson(across="50.0", down="42.0", large="52.0")
    at.session_state["signs_open"] = True
    at.run()
    sliders = {each.label: each for each in at.slider}
    assert sliders["Its side, in % of the photograph's width"].value == 52.0
    sliders["Its middle, from the top in %"].set_value(42.5).run()
    assert link(at)["down"] == "42.5"
    next(each for each in at.button if each.key == "signs_propose").click().run()
    assert "large" not in link(at)


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"target": "tank", "across": "nan", "large": "1e9", "where": "moon", "part": "99", "eps": "-1", "wide": "5"}
    with nothing_computed():
        assert len(lesson(**query).info) == len(query)


@pytest.mark.parametrize(("wide", "count"), [(640, 3), (160, 2)])
def test_the_sheets_are_as_large_as_the_sign_needs_them(wide: int, count: int) -> None:
    run = Run(np.zeros((64, 64, 3), np.uint8))
    run.stuck, run.box, run.squares = run.original, SignBox(8, 8, 56, 56), np.full((32, 32), 128, np.uint8)
    run.squares[3, 4], run.squares[25, 28] = 0, 255
    text = sheets(run, wide, "Yield").decode()
    columns = min(int(180 / (wide / 32)), 32)
    assert text.count("<section>") == count
    assert f"width:{columns * wide / 32:.1f}mm" in text and "never for a road" in text


def test_a_strip_tells_every_frame_in_words() -> None:
    frames = [Reading("data:,", 40.0, "45 mph", "99 %", "fooled"), Reading("data:,", 5.0, "<b>", "1 %", "other")]
    html = strip(frames, "the 'stickers'")
    assert "from 40 metres: 45 mph, 99 %" in html and "<b>⚡ 45 mph</b>" in html and "&lt;b&gt;" in html


def test_every_question_knows_right_from_wrong() -> None:
    with nothing_computed():
        every_question_is_made_good(lesson(), "signs")
