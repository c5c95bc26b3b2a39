"""Charts about fooling images."""

from pages.lessons.fooling_images.charts import LEAST, accept_chart, breed_chart, climb_chart


def test_the_climb_shows_every_step_and_its_mark() -> None:
    line, rule = climb_chart([(0, 0.1), (1, 0.7)], 40, 0.99)["layer"]
    assert line["data"]["values"] == [{"step": 0, "p": 0.1}, {"step": 1, "p": 0.7}]
    assert line["encoding"]["x"]["scale"]["domain"] == [0, 40]
    assert rule["encoding"]["y"]["datum"] == 0.99


def test_nothing_falls_off_the_logarithmic_axis() -> None:
    (line,) = breed_chart([(8, 0.0), (16, 0.5)], 1000)["layer"]
    assert [value["p"] for value in line["data"]["values"]] == [LEAST, 0.5]
    assert line["encoding"]["y"]["scale"]["type"] == "log"


def test_a_stroke_for_every_picture() -> None:
    strokes, rule = accept_chart([("pig", 0.8)], [("kite", 0.99), ("bus", 1.0)], 0.9)["layer"]
    assert [value["kind"] for value in strokes["data"]["values"]] == ["photographs", "fooling images", "fooling images"]
    assert rule["encoding"]["x"]["datum"] == 0.9
