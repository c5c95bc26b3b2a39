"""The tasks of the lesson on fooling images."""

import numpy as np
import pytest
import torch

from adv_core.images import from_pixels
from adv_core.objectives import Targeted
from adv_core.serving.engine.look import Look, Pictures
from adv_core.serving.engine.work import Task
from pages.lessons.fooling_images import tasks
from pages.lessons.fooling_images.tasks import (
    CHILDREN,
    STARTS,
    Bred,
    Climb,
    Evolution,
    Wall,
    some_classes,
    start_picture,
)
from tests.networks import Here

LITE0, LITE1 = "efficientnet_lite0", "efficientnet_lite1"


def records(task: Task) -> list:
    task.check()
    found = list(task.records(Here()))
    assert len(found) <= task.length + 1
    return found


def says(pixels: np.ndarray, name: str = LITE0) -> np.ndarray:
    with torch.no_grad():
        return Here().classifier(name)(from_pixels(pixels)).softmax(1).numpy()


@pytest.fixture(scope="module")
def bus() -> list[Wall]:
    return records(Climb((779,), "noise", steps=30))


def test_noise_becomes_a_school_bus_at_99_per_cent(bus: list[Wall]) -> None:
    wanted = [float(record.wanted[0, 0]) for record in bus]
    assert wanted[0] < 0.01 and wanted[-1] >= 0.99
    assert [record.index for record in bus] == list(range(31))


def test_what_it_says_is_what_the_network_says_of_the_saved_pixels(bus: list[Wall]) -> None:
    shown = [record for record in bus if record.pixels.size]
    assert len(shown) > 5 and shown[-1] is bus[-1]
    for record in shown[:: len(shown) // 3]:
        p = says(record.pixels)
        np.testing.assert_allclose(record.wanted[0], p[:, 779], atol=2e-3)
        assert int(record.seen[0, 0]) == int(p.argmax())
        np.testing.assert_allclose(record.sure[0, 0], p.max(), atol=2e-3)


def test_no_value_moves_further_than_the_steps_allow() -> None:
    start = start_picture("grey", 224).astype(int)
    for alpha in (1, 3):
        last = records(Climb((1, 2), "grey", steps=4, alpha=alpha))[-1]
        moved = np.abs(last.pixels.astype(int) - start)
        assert last.pixels.shape == (2, 224, 224, 3) and 0 < moved.max() <= 4 * alpha
        assert (last.pixels[0] != last.pixels[1]).any()


@pytest.mark.slow
def test_two_networks_are_climbed_together() -> None:
    alone = records(Climb((779, 1), "noise", steps=6))[-1]
    both = records(Climb((779, 1), "noise", steps=6, classifiers=(LITE0, LITE1)))[-1]
    assert alone.wanted.shape == (1, 2) and both.wanted.shape == both.seen.shape == (2, 2)
    for name, wanted in zip((LITE0, LITE1), both.wanted, strict=True):
        p = says(both.pixels, name)
        np.testing.assert_allclose(wanted, p[[0, 1], [779, 1]], rtol=0.02, atol=1e-5)
    assert (both.wanted[1] > says(alone.pixels, LITE1)[[0, 1], [779, 1]]).all()


def test_together_means_the_sum_of_the_log_probabilities() -> None:
    logits = torch.randn(2, 2000, generator=torch.Generator().manual_seed(0))
    climb = Climb((5, 7), classifiers=(LITE0, LITE1))
    aim = Targeted(torch.tensor([5, 7]))
    torch.testing.assert_close(climb.certainty(logits), aim(logits[:, :1000]) + aim(logits[:, 1000:]))


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["pattern", "tiles"])
def test_evolution_tells_the_truth_about_its_champions(encoding: str) -> None:
    found: list[Bred] = records(Evolution(971, encoding, queries=5 * CHILDREN, seed=1))
    wanted = [record.wanted for record in found[:-1]]
    assert wanted == sorted(wanted) and [record.queries for record in found] == [8, 16, 24, 32, 40, 40]
    assert found[0].picture.size
    last = found[-1]
    assert last.wanted == pytest.approx(wanted[-1], rel=0.05)
    np.testing.assert_allclose(says(last.picture[None])[0, 971], last.wanted, rtol=1e-3)
    assert len(set(last.others)) == 8 and 971 not in last.others
    p = says(last.pictures)[range(8), list(last.others)]
    np.testing.assert_allclose(p, last.certainty, rtol=1e-3)


def test_evolution_shows_champions_of_other_classes_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "GALLERY_EVERY", 2)
    found: list[Bred] = records(Evolution(1, "tiles", queries=3 * CHILDREN))
    shown = [record for record in found if record.others]
    assert [record.queries for record in shown] == [16, 24]
    assert shown[0].pictures.shape == (8, 112, 112, 3) and shown[1].pictures.shape == (8, 224, 224, 3)


def test_a_look_is_what_the_network_says() -> None:
    pixels = np.stack([start_picture(start, 224) for start in STARTS])
    for name in (LITE0, LITE1):
        (opinion,) = records(Look(Pictures.of(pixels), name))
        np.testing.assert_allclose(opinion.probabilities, says(pixels, name), atol=1e-5)


def test_looks_are_equal_by_content() -> None:
    grey, noise = (Pictures.of(start_picture(start, 32)) for start in ("grey", "noise"))
    assert Look(grey, LITE0).key() == Look(Pictures.of(grey.pixels), LITE0).key()
    assert Look(grey, LITE0).key() != Look(noise, LITE0).key()
    assert Look(grey, LITE0).key() != Look(grey, LITE1).key()


def test_starts_show_nothing() -> None:
    for start in STARTS:
        picture = start_picture(start, 224, seed=3)
        assert picture.shape == (224, 224, 3) and picture.dtype == np.uint8
        assert np.array_equal(picture, start_picture(start, 224, seed=3))
    assert np.unique(start_picture("colour", 8, 3).reshape(-1, 3), axis=0).shape == (1, 3)
    assert not np.array_equal(start_picture("noise", 8, 1), start_picture("noise", 8, 2))
    stripes = start_picture("stripes", 32)[0, :, 0]
    assert stripes.tolist() == [0, 0, 255, 255] * 8
    assert start_picture("shade", 224)[0, [0, -1], 0].tolist() == [0, 255]
    with pytest.raises(ValueError, match="unknown start"):
        start_picture("nothing", 8)  # type: ignore[arg-type]


def test_classes_are_different() -> None:
    assert len(set(some_classes(100))) == 100
    assert some_classes(8, 1) == some_classes(8, 1) != some_classes(8, 2)


@pytest.mark.parametrize(
    "task",
    [
        Climb(()),
        Climb((1000,)),
        Climb((-1,)),
        Climb(tuple(range(17))),
        Climb(tuple(range(9)), classifiers=(LITE0, LITE1)),
        Climb((1,), classifiers=()),
        Climb((1,), "nothing"),  # type: ignore[arg-type]
        Climb((1,), seed=-1),
        Climb((1,), steps=201),
        Climb((1,), alpha=0),
        Evolution(1000),
        Evolution(1, "dreams"),
        Evolution(1, queries=2001),
        Evolution(1, queries=1),
        Look(Pictures(bytes(33 * 8 * 8 * 3), 8, 8), LITE0),
        Look(Pictures(b"12345", 224, 224), LITE0),
    ],
)
def test_mad_tasks_are_refused(task: Task) -> None:
    with pytest.raises(ValueError):
        task.check()


def test_unknown_networks_are_refused() -> None:
    for task in (Climb((1,), classifiers=("x",)), Evolution(1, classifier="x")):
        with pytest.raises(ValueError, match="has to be one of efficientnet_lite0"):
            task.check()
