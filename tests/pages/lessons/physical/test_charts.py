"""Charts and the printed page of the lesson on physical attacks, and the chart of the lesson on defences."""

import io

import numpy as np
from PIL import Image

from pages.lessons.defences.charts import contest_chart
from pages.lessons.physical.charts import enlarged, view_chart
from pages.widgets.printing import for_printing


def test_the_curve_is_drawn_from_left_to_right_whatever_came_first() -> None:
    spec = view_chart(
        [("one", "#000", [(0, 0.5), (-3, 0.1), (3, 0.9)])],
        title="angle",
        wanted="wombat",
        span=(-3, 3),
        trained=(-1, 1),
        mark=2,
    )
    band, curve, mark = spec["layer"]
    assert [point["at"] for point in curve["data"]["values"]] == [-3, 0, 3]
    assert band["data"]["values"] == [{"from": -1, "to": 1}] and mark["encoding"]["x"]["datum"] == 2
    assert len(view_chart([], title="", wanted="", span=(0, 1), trained=(0, 1), mark=None)["layer"]) == 2


def test_what_is_not_known_yet_has_no_bar() -> None:
    spec = contest_chart([("JPEG", "none", 16), ("JPEG", "aware", None)], 16)
    assert [value["right"] for value in spec["data"]["values"]] == [16]


def test_the_page_to_print_is_whole_and_harmless() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    page = for_printing([(pixels, "a <b> & 'c'"), (pixels, "two")], "<footer>").decode()
    assert page.count("<section>") == 2 and "<b>" not in page and "&lt;footer&gt;" in page
    assert "http" not in page  # it needs nothing from anywhere
    large = np.asarray(Image.open(io.BytesIO(enlarged(pixels, 3))))
    assert large.shape == (24, 24, 3) and np.array_equal(large[1::3, 1::3], pixels)
