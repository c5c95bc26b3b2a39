import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from adv_core.plane import two_moons
from pages.lessons.fgsm_and_pgd.charts import (
    arrow,
    confidence_chart,
    dots,
    line,
    mark,
    panel,
    scene,
    surface_chart,
    terrain,
    terrain_png,
)
from pages.lessons.fgsm_and_pgd.world import Landscape, Path, ball, outline, path, train, window_around


def slope() -> Landscape:
    """A loss that grows upwards: from nearly nothing to 20."""
    xs = ys = np.linspace(0, 1, 101)
    return Landscape(xs, ys, np.repeat(np.logspace(-6, np.log10(20), 101)[:, None], 101, 1), 0)


def test_terrain_is_orange_where_the_loss_is_high_and_clear_where_it_is_low() -> None:
    picture = terrain(slope())
    assert picture.shape == (101, 101, 4) and picture.dtype == np.uint8
    top, middle = picture[0, 50], picture[50, 50]  # the first row is the largest x₂
    assert top[0] > 190 and top[2] < 40 and top[3] > 190
    assert picture[2:-2, 50, 3].min() == 0 and middle[3] < 140
    boundary = 100 - int(np.argmin(np.abs(slope().loss[:, 0] - np.log(2))))
    red, _, blue, opacity = picture[boundary, 50].astype(int)
    assert opacity > 180 and abs(red - blue) < 40  # grey, and nearly opaque
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(terrain_png(slope())))), picture)


def test_a_line_for_each_factor_of_ten() -> None:
    column = terrain(slope())[:, 50, 3].astype(int)
    low = column[40:]  # losses well below the boundary, where only the thin lines are opaque
    peaks = ((low[1:-1] > low[:-2]) & (low[1:-1] >= low[2:]) & (low[1:-1] > 40)).sum()
    tens = np.log10(slope().loss[: 101 - 40, 0])
    assert abs(peaks - (np.floor(tens[-1]) - np.ceil(tens[0]))) <= 1


def run(projected: str = "each", raw: bool = False) -> Path:
    x = torch.tensor([0.38, 0.73], dtype=torch.float64)
    return path(
        train(two_moons()), x, ball("linf", 0.15), 0, steps=5, step_size=1e12 if raw else 0.06,
        step="gradient" if raw else "steepest", projected=projected,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("projected", ["each", "last"])
def test_a_panel_has_three_phases_a_step_and_says_what_happens(projected: str) -> None:
    way = run(projected)
    x = torch.from_numpy(way.points[0])
    window = window_around(x, 0.3)
    made = panel("title", way, window, "data:,", outline("linf", x, 0.15), "α·sign(∇L)")
    json.dumps(made, allow_nan=False)
    assert len(made["texts"]) == 1 + 3 * 5 and len(made["points"]) == 6 and len(made["moved"]) == 5
    assert "= (−0.06, −0.06), turned by 20° from ∇L" in made["texts"][2]
    assert ("No projection yet" in made["texts"][3]) == (projected == "last")
    backs = [text for text in made["texts"] if "back to its nearest point" in text]
    assert len(backs) == sum(made["projects"]) >= 1
    np.testing.assert_allclose(made["points"], way.points, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(made["gradients"], axis=1), 1, atol=1e-4)


def test_a_step_that_goes_very_far_keeps_its_direction_in_the_picture() -> None:
    way = run(raw=True)
    x = torch.from_numpy(way.points[0])
    made = panel("title", way, window_around(x, 0.3), "data:,", outline("linf", x, 0.15), "α·∇L")
    shown, true = np.array(made["moved"][0]) - way.points[0], way.moved[0] - way.points[0]
    assert np.abs(true).max() > 1e6 > np.abs(shown).max() * 1e5 > 0
    np.testing.assert_allclose(shown / np.linalg.norm(shown), true / np.linalg.norm(true), atol=1e-4)


def test_a_scene_can_be_sent() -> None:
    data = two_moons(20)
    points = np.array([[0.1, 0.2], [0.3, 0.4]])
    shapes = [
        *dots(data.x.numpy(), data.y.numpy()),
        line(points, "#000", name="way", follows=True),
        arrow(points[0], points[1], "#000"),
        mark(points[0], "star", "#000", "end"),
    ]
    sent = json.loads(json.dumps(scene((0, 1, 0, 1), "data:,", points[0], shapes, "words"), allow_nan=False))
    assert [each["kind"] for each in sent["shapes"]] == ["dots", "dots", "line", "arrow", "mark"]
    assert sent["window"] == [0, 1, 0, 1] and sent["point"] == [0.1, 0.2] and sent["alt"] == "words"
    assert sum(len(each["points"]) for each in sent["shapes"][:2]) == 20


def test_confidence_chart_leaves_out_what_a_logarithm_cannot_show() -> None:
    chart = confidence_chart(np.array([0.1, 0.0, 1e-9]), np.array([1.0, 1.0, 1e-8]), (0.5, 2.0))
    assert len(chart["layer"][0]["data"]["values"]) == 2
    assert chart["layer"][1]["data"]["values"] == [{"doubt": 0.5, "norm": 2.0}]
    json.dumps(chart, allow_nan=False)


def test_surface_chart() -> None:
    way = run()
    figure = surface_chart(slope(), way.points, way.losses, [(way.points, way.losses, "#0072B2", "PGD")])
    surface, edge, walk = figure.data
    assert surface.z.max() == 20 and len(edge.x) == 6 and walk.name == "PGD"
    assert (np.array(walk.z) > way.losses).all()  # lies on the surface, not in it
