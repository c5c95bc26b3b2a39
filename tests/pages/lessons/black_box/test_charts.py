"""Charts of the lesson on black-box attacks."""

from pages.lessons.black_box.charts import matrix_chart, query_chart, theft_chart


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
