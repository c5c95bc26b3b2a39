"""Charts of the lesson on unrestricted attacks."""

from pages.lessons.unrestricted.charts import ladder_chart, landscape_chart, search_chart, trials_chart


def test_the_ladder_is_drawn_in_order_with_its_mark() -> None:
    spec = ladder_chart([(4, 0.2), (2, 0.9)], title="turned", wanted="koala", end=180, mark=3.5)
    curve, mark = spec["layer"]
    assert [value["at"] for value in curve["data"]["values"]] == [2, 4]
    assert mark["encoding"]["x"]["datum"] == 3.5
    assert len(ladder_chart([], title="", wanted="", end=1, mark=None)["layer"]) == 1


def test_dots_are_where_the_prediction_is_another_one() -> None:
    cells = [(0.0, 0.0, 0.9, ""), (6.0, 0.1, 0.2, "indri")]
    spec = landscape_chart(cells, angles=(0, 6), cuts=(0, 0.1), wanted="koala")
    field, dots = spec["layer"]
    assert [value["says"] for value in field["data"]["values"]] == ["koala", "indri"]
    assert [value["angle"] for value in dots["data"]["values"]] == ["6"]


def test_bars_and_steps_hold_the_numbers_that_they_got() -> None:
    rows = [("all", "one", 1), ("all", "search", 8), ("turn", "one", 0)]
    assert [value["fallen"] for value in trials_chart(rows, 16)["data"]["values"]] == [1, 8, 0]
    assert search_chart([(8, 1.0), (16, 0.7)], 32)["data"]["values"][1] == {"queries": 16, "size": 0.7}
