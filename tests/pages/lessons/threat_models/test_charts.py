from pages.lessons.threat_models.charts import decision_map, draws_chart, magnification, passes_chart, staircase_chart


def test_the_histogram_counts_every_draw() -> None:
    chart = draws_chart([0.0, 0.51, 0.52, 1.0], 100, 0.9, None)
    bars = chart["layer"][0]["data"]["values"]
    assert sum(bar["count"] for bar in bars) == 4 and next(b for b in bars if b["from"] == 0.5)["count"] == 2
    assert [mark["what"] for mark in chart["layer"][1]["data"]["values"]] == ["untouched"]
    assert draws_chart([], 100, 0.9, 0.1)["layer"][1]["data"]["values"][1] == {"p": 0.1, "what": "adversarial δ"}


def test_the_staircase_shows_every_trial_and_who_is_known() -> None:
    chart = staircase_chart([16, 16, 11], "110", 12.5, None)
    assert [t["eps"] for t in chart["layer"][0]["data"]["values"]] == [16, 16, 11]
    assert [t["answer"] for t in chart["layer"][0]["data"]["values"]] == ["right", "right", "wrong"]
    assert chart["layer"][2]["data"]["values"] == [{"eps": 12.5, "who": "you"}]


def test_the_map_covers_its_plane_without_gaps() -> None:
    places = [-2.0, 0.0, 2.0]
    lines = [(b, ["cat", "cat", "dog"], [0.9, 0.8, 0.7]) for b in places]
    chart = decision_map(places, lines, {"cat": "blue", "dog": "red"}, [("L∞", [1, 0], [0, 1], (1, 0))])
    cells = chart["layer"][0]["data"]["values"]
    assert len(cells) == 9 and min(c["a"] for c in cells) == -3 and max(c["a2"] for c in cells) == 3
    assert sum((c["a2"] - c["a"]) * (c["b2"] - c["b"]) for c in cells) == 36
    assert [c["class"] for c in cells[:3]] == ["cat", "cat", "dog"]
    assert chart["layer"][1]["data"]["values"][1] == {"a": 0, "b": 1, "ball": "L∞", "order": 1}
    scales = [chart["layer"][0]["encoding"][axis]["scale"]["domain"] for axis in "xy"]
    assert chart["width"] == chart["height"] and scales[0] == scales[1]  # a square is a square


def test_a_tiny_ball_is_drawn_larger_and_stays_on_the_map() -> None:
    for size in (0.001, 0.01, 0.14, 0.5):
        assert 0.02 * 16 < magnification(size, 16) * size < 0.5 * 16
    assert magnification(8.0, 16) == magnification(0.0, 16) == 1


def test_the_passes_are_counted_on_whole_photographs() -> None:
    chart = passes_chart([(0, 0), (4, 7)], 8, 32)
    assert chart["data"]["values"][1] == {"at": 4, "fooled": 7}
    assert chart["encoding"]["y"]["scale"]["domain"] == [0, 8] and chart["encoding"]["x"]["scale"]["domain"] == [0, 32]
