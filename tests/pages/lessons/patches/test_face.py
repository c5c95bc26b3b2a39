"""The section on faces: its settings, its verdict, its tasks, and photographs without a face."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from PIL import Image

from adv_core.datasets import photograph
from adv_core.faces import PEOPLE, portrait
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.networks import DeviceNetworks
from pages.lessons.patches.face import Wearer, printed
from pages.lessons.patches.face_tasks import (
    FaceInViews,
    FindFaces,
    WearOnFace,
    distances,
    nearest,
    with_dark_glasses,
)
from tests.pages.visit import link, picture, smaller, visit, words

lesson = partial(visit, "lessons/patches/page.py")
HERE = DeviceNetworks("cpu")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    with smaller("lessons/patches/page.py", STEPS=2, PLACES=1, FACE_STEPS=3, FACE_VIEWS=2):
        yield


@pytest.fixture(scope="module")
def wearer() -> Wearer:
    found = [next(FindFaces(Pictures.of(portrait(key)[None])).records(HERE)) for key in PEOPLE]
    people = tuple(each.descriptor for each in found)
    return Wearer(portrait("collins"), found[0].faces[0], [person.name for person in PEOPLE.values()], people, 0)


def test_glasses_change_nothing_else_and_move_the_distances(wearer: Wearer) -> None:
    work = WearOnFace(
        Pictures.of(wearer.pixels[None]), wearer.face, *wearer.eyes, 1.2, wearer.people, 0, 1, steps=4, alpha=24
    )
    first, *_, last = work.records(HERE)
    assert np.array_equal(first.pixels, wearer.pixels)
    assert (last.pixels == wearer.pixels)[~work.mask].all() and (last.pixels != wearer.pixels)[work.mask].any()
    assert last.distances[1] < first.distances[1] and last.distances[0] > first.distances[0]


def test_dodging_has_no_target(wearer: Wearer) -> None:
    work = WearOnFace(Pictures.of(wearer.pixels[None]), wearer.face, *wearer.eyes, 1.2, wearer.people, 0, steps=2)
    first, *_, last = work.records(HERE)
    assert last.distances[0] > first.distances[0]


def test_plain_glasses_cover_and_fool_nobody(wearer: Wearer) -> None:
    work = WearOnFace(Pictures.of(wearer.pixels[None]), wearer.face, *wearer.eyes, 1.2, wearer.people, 0)
    dark = with_dark_glasses(wearer.pixels, work.mask)
    seen = next(FindFaces(Pictures.of(dark[None])).records(HERE))
    assert nearest(distances(seen.descriptor, wearer.people), wearer.names) == "Eileen Collins"


def test_a_view_has_a_distance_to_each_person(wearer: Wearer) -> None:
    views = list(FaceInViews(Pictures.of(wearer.pixels[None]), wearer.face, wearer.people, 3).records(HERE))
    assert len(views) == 3 and len({*views}) == 3
    assert all(len(away) == 2 and away[0] < 0.6 < away[1] for away in views)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"target": 0}, "two of 2 people"), ({"y": 5}, "two of 2 people"), ({"people": (b"abc", b"")}, "128 finite")],
)
def test_people_that_are_none_are_refused(wearer: Wearer, change: dict, told: str) -> None:
    given = {"people": wearer.people, "y": 0} | change
    with pytest.raises(ValueError, match=told):
        WearOnFace(Pictures.of(wearer.pixels[None]), wearer.face, *wearer.eyes, 1.2, **given).check()


def test_the_printed_glasses_have_their_true_size(wearer: Wearer) -> None:
    """Two squares of ten pixels, whose outer edges are two distances of the eyes apart: 126 mm."""
    mask = np.zeros(wearer.pixels.shape[:2], bool)
    (left, down), (right, _) = wearer.face.eyes()
    half, top = (right - left) / 2, round(down)
    mask[top : top + 10, round(left - half) : round(left - half) + 10] = True
    mask[top : top + 10, round(right + half) - 10 : round(right + half)] = True
    page = printed(wearer, wearer.pixels, mask).decode()
    width = float(page.split("img{width:")[1].split("mm")[0])
    assert width == pytest.approx(126, abs=3) and "For Eileen Collins" in page


def test_nobody_is_nearer_than_the_threshold() -> None:
    assert nearest(np.array([0.61, 0.7]), ("a", "b")) == "nobody known"
    assert nearest(np.array([0.59, 0.3]), ("a", "b")) == "b"


def test_the_page_shows_what_the_settings_say() -> None:
    at = lesson(wearer="hopper", become="nobody", frame="100")
    told = words(at)
    assert "Distance to Grace Hopper" in told and "of 2**" in told
    assert picture(at, "The painted glasses alone").shape[2] == 4
    assert all(person.credit in told for person in PEOPLE.values())


def test_one_cannot_become_oneself() -> None:
    at = lesson(wearer="hopper", become="hopper")
    assert link(at)["become"] == "collins"


def test_a_photograph_of_ones_own() -> None:
    """Without a photograph, without a face, and with one."""
    at = lesson(wearer="own")
    assert any("not in this session" in note.value for note in at.info)
    at.session_state["own_image"] = photograph("castle")
    assert any("No face was found" in note.value for note in at.run().info)
    at.session_state["own_image"] = Image.fromarray(portrait("collins")[:, ::-1])
    assert "Distance to you" in words(at.run())
