import io

import numpy as np
import pytest
from PIL import Image

from pages.widgets.charts import curve, loss_chart, short, side_by_side


def test_curve_holds_what_it_was_given() -> None:
    figure = curve([("dog", [0, 1], [0.9, 0.1], "#0072B2")], x_title="ε", y_title="p", y_range=(0, 1), mark=1)
    assert list(figure.data[0].y) == [0.9, 0.1] and figure.layout.xaxis.title.text == "ε"
    assert figure.layout.shapes[0].x0 == 1 and tuple(figure.layout.yaxis.range) == (0, 1)


def test_loss_chart() -> None:
    chart = loss_chart([(0, 1.0), (5, 2.0)], 10, mark=5)
    assert chart["data"]["values"] == [{"step": 0, "loss": 1.0}, {"step": 5, "loss": 2.0}]
    assert len(chart["layer"]) == 2 and len(loss_chart([(0, 1.0)], 10)["layer"]) == 1


def test_side_by_side_shows_the_very_pixels() -> None:
    pixels = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    sheet = np.asarray(Image.open(io.BytesIO(side_by_side([(pixels, "a", "b")] * 3, "footer", side=8))))
    assert np.array_equal(sheet[24:32:2, 24:32:2], pixels)
    assert (sheet[34:80] < 128).any()  # there is text below


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1.23456, "1.23"), (-0.0444, "−0.0444"), (1570.4, "1570"), (-4.44e-5, "−4.4·10⁻⁵"), (1e12, "10¹²"),
     (-1e-4, "−10⁻⁴"), (23456, "2.3·10⁴")],
)  # fmt: skip
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
