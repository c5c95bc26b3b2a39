"""Charts of the lesson on black-box attacks."""

from pages.lessons.black_box.charts import budget_chart, matrix_chart, query_chart, theft_chart


def test_both_classes_have_their_line() -> None:
    spec = query_chart([(1, 0.9, 0.05), (2, 0.4, 0.5)], 100, "hog")
    assert [(v["at"], v["class"], v["p"]) for v in spec["data"]["values"][:2]] == [
        (1, "hog", 0.9),
        (1, "likeliest other class", 0.05),
    ]


def test_the_matrix_knows_its_diagonal_and_its_numbers() -> None:
    spec = matrix_chart([("A", "A", 16), ("A", "B", 3)], ["A", "B"], ["A", "B"], 16)
    assert [(v["fooled"], v["white"]) for v in spec["data"]["values"]] == [(16, True), (3, False)]
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["A", "B"]


def test_the_substitute_has_three_lines() -> None:
    spec = theft_chart([(100, 0.7, 0.4), (200, 0.8, 0.5)], 0.04, 3200, 100)
    assert len(spec["data"]["values"]) == 6
    assert {v["share"] for v in spec["data"]["values"] if v["what"].startswith("noise")} == {0.04}


def test_a_single_count_is_a_level_line_and_every_line_ends_at_the_budget() -> None:
    spec = budget_chart({"none": [(0, 0.4)], "many": [(1, 0.0), (20, 1.0)], "late": []}, ["none", "many"], 0.1, 200)
    values = [(v["attack"], v["at"], v["share"]) for v in spec["layer"][0]["data"]["values"]]
    assert values[:2] == [("none", 1, 0.4), ("none", 200, 0.4)] and values[-1] == ("many", 200, 1.0)
    assert spec["layer"][1]["encoding"]["y"]["datum"] == 0.1
    assert len(budget_chart({}, ["none"], None, 200)["layer"]) == 1
