"""Charts of the lesson on adversarial glasses and patches."""

from pages.lessons.patches.charts import GRID, click_chart, training_chart
from pages.widgets.charts import rates_chart


def test_every_spot_of_the_picture_can_be_clicked() -> None:
    spec = click_chart("data:image/png;base64,", [(0.2, 0.3), (0.8, 0.3)], 300)
    image, marks, grid = spec["layer"]
    assert image["encoding"]["url"]["value"].startswith("data:") and len(grid["data"]["values"]) == GRID**2
    assert [value["u"] for value in marks["data"]["values"]] == [0.2, 0.8]
    assert grid["params"][0]["select"]["nearest"] is True


def test_numbers_arrive_as_they_are() -> None:
    assert training_chart([(0, 0.1), (1, 0.2)], 60, "monarch")["data"]["values"][1] == {"step": 1, "p": 0.2}
    values = rates_chart([("never seen", "monarch", 31, 32), ("never seen", "grey", 0, 0)], "places")["data"]["values"]
    assert values[0]["told"] == "31 of 32" and values[0]["share"] == 31 / 32 and values[1]["share"] == 0
