import numpy as np

from pages.lessons.linear_models.charts import training_chart
from pages.widgets.charts import PALETTE
from pages.widgets.digits import ink, sheet, signed


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_ink_is_exact_and_cut_off_outside() -> None:
    pixels = ink(np.array([[0.0, 100 / 255], [1.3, -0.2]]), zoom=2)
    assert pixels.shape == (4, 4, 3) and pixels[::2, ::2, 0].tolist() == [[0, 100], [255, 0]]
    assert (pixels[:2, 2:] == 100).all()


def test_signed_numbers_have_the_palettes_ends() -> None:
    pixels = signed(np.array([[0.0, 2.0, -5.0]]), limit=2.0, zoom=1)
    assert pixels[0, 1:].tolist() == [[*rgb(PALETTE[1]), 255], [*rgb(PALETTE[0]), 255]]
    assert pixels[0, 0, 3] == 0 and (signed(np.zeros((2, 2)), 0.0)[..., 3] == 0).all()
    assert signed(np.array([[1.0]]), limit=2.0)[0, 0, 3] == 128


def test_the_sheet_frames_what_is_wrong() -> None:
    page = sheet(np.ones((3, 4, 4)), [False, True, False], columns=2, zoom=2, frame=3)
    assert page.shape == (2 * 14, 2 * 14, 3)
    assert page[0, 0].tolist() == [128] * 3 and page[0, 14].tolist() == rgb(PALETTE[1])
    assert page[20, 20].tolist() == [255] * 3 and (page[3:11, 3:11] == 255).all()


def test_the_training_chart_stands_still() -> None:
    few, many = (training_chart(losses, 10, (0.01, 1), "#000000") for losses in ([0.5], [0.5, 0.1]))
    assert few["encoding"] == many["encoding"]
    assert many["data"]["values"] == [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.1}]
