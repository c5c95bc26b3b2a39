"""The section on faces: its settings, its verdict, its tasks, and photographs without a face."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from adv_core.datasets import photograph
from adv_core.faces import PEOPLE, Face, portrait
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.networks import DeviceNetworks
from pages.lessons.patches.face import printed
from pages.lessons.patches.face_tasks import (
    FaceInViews,
    Faces,
    FindFaces,
    Photograph,
    WearOnFace,
    distances,
    nearest,
    with_dark_glasses,
    with_glasses_of,
    works,
)
from pages.lessons.patches.wearer import Wearer, eyes_of, remarks
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


def test_glasses_are_made_for_two_photographs(wearer: Wearer) -> None:
    """The second one is darker, mirrored and smaller. The glasses move its distances, and change nothing else."""
    other = (0.8 * wearer.pixels[::2, ::-2]).astype(np.uint8)
    (found,) = FindFaces(Pictures.of(other[None])).records(HERE)
    again = Photograph(Pictures.of(other[None]), found.faces[0], *eyes_of(other, found.faces[0]))
    work = WearOnFace(
        Pictures.of(wearer.pixels[None]),
        wearer.face,
        *wearer.eyes,
        1.2,
        wearer.people,
        0,
        1,
        steps=4,
        alpha=24,
        again=again,
    )
    work.check()
    first, *_, last = work.records(HERE)
    assert last.distances[1] < first.distances[1]
    worn, mask = with_glasses_of(work, last.pixels, again)
    assert (worn == other)[~mask].all() and (worn != other)[mask].any()
    (judged,) = FindFaces(Pictures.of(worn[None]), again.face).records(HERE)
    before, after = (distances(each.descriptor, wearer.people) for each in (found, judged))
    assert after[1] < before[1] and after[0] > before[0]


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


@pytest.mark.parametrize(
    ("away", "target", "expected"),
    [
        ((0.7, 0.5), 1, True),
        ((0.4, 0.5), 1, False),  # nearer to the wearer
        ((0.7, 0.65), 1, False),
        ((), 1, False),
        ((0.7, 0.5), None, True),
        ((0.5, 0.7), None, False),
        ((), None, True),
    ],
)
def test_glasses_work_where_the_target_is_nearest(away: tuple[float, ...], target: int | None, expected: bool) -> None:
    assert works(away, 0, target) is expected


def test_the_page_shows_what_the_settings_say() -> None:
    at = lesson(wearer="hopper", become="nobody", frame="100")
    told = words(at)
    assert "Distance to Grace Hopper" in told and "of 2**" in told
    assert picture(at, "The painted glasses alone").shape[2] == 4
    assert all(person.credit in told for person in PEOPLE.values())


def test_one_cannot_become_oneself() -> None:
    at = lesson(wearer="hopper", become="hopper")
    assert link(at)["become"] == "collins"


def test_a_visitor_enrols_with_one_photograph_and_with_two() -> None:
    """Without a photograph, with one, with two, and with one that shows somebody else."""
    at = lesson(wearer="own")
    assert any("Take a photograph of yourself" in note.value for note in at.info)
    assert [each.key for each in at.get("file_uploader") if each.key.startswith("face_")] == ["face_first_file"]
    at.session_state["face first"] = np.ascontiguousarray(portrait("collins")[:, ::-1])
    at.run()
    assert "Distance to you" in words(at) and "stay in memory" in words(at)
    at.session_state["face second"] = portrait("collins")
    at.run()
    assert picture(at, "with the same glasses").shape == picture(at, "your second photograph").shape
    told = words(at)
    assert "The attack has not seen this photograph" in told and told.count("In random views") == 2
    at.toggle(key="patches_both").set_value(True).run()
    assert "The attack has seen this photograph, too" in words(at) and link(at)["both"] == "1"
    at.session_state["face second"] = portrait("hopper")
    assert "does not know you in your second photograph" in words(at.run())
    at.button(key="face_first_x").click().run()
    assert "face first" not in at.session_state and "face second" not in at.session_state
    assert not at.exception


def drawing() -> np.ndarray:
    """A face of circles and lines."""
    image = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(image)
    pen.ellipse((80, 60, 320, 340), fill="yellow", outline="black", width=6)
    for left in (140, 230):
        pen.ellipse((left, 150, left + 30, 175), fill="black")
    pen.arc((140, 200, 260, 290), 20, 160, fill="black", width=8)
    return np.asarray(image)


@pytest.mark.parametrize("pixels", [np.asarray(photograph("castle")), drawing()], ids=["castle", "drawing"])
def test_what_shows_no_face_is_told_with_a_way_on(pixels: np.ndarray) -> None:
    at = lesson(wearer="own")
    at.session_state["face first"] = pixels
    (told,) = [note.value for note in at.run().info if "No face was found" in note.value]
    assert picture(at, "x, the photograph: no face found").shape == pixels.shape
    assert (
        "detector" in told and "A drawing or an animal is no face" in told and "Take a photograph of a person" in told
    )
    at.session_state["face first"], at.session_state["face second"] = portrait("collins"), pixels
    assert any(note.value.startswith("In your second photograph: **No face") for note in at.run().info)


def test_two_faces_and_a_face_at_the_edge_are_told() -> None:
    at = lesson(wearer="own")
    hopper, collins = portrait("hopper"), portrait("collins")
    at.session_state["face first"] = np.concatenate([collins, hopper[: len(collins)]], 1)
    assert "2 faces were found. The glasses are for the largest. Crop" in words(at.run())
    at.session_state["face first"] = np.ascontiguousarray(hopper[:, 165:])
    assert "The face is cut off by the edge" in words(at.run())
    at.session_state["face first"] = np.ascontiguousarray(hopper[:, 190:])
    assert any("No face" in note.value and "leave some room" in note.value for note in at.run().info)


def test_remarks_tell_how_much_is_cut_off_and_what_is_far_from_everybody() -> None:
    near, far = np.array([0.7, 0.8]), np.array([1.1, 1.2])
    assert remarks(Faces((Face(10, 10, 90, 90),), b""), 100, 100, near) == []
    (cut,) = remarks(Faces((Face(-25, 0, 75, 100),), b""), 100, 100, near)
    assert "25 % of its box" in cut and "Leave some room" in cut
    (drawn,) = remarks(Faces((Face(10, 10, 90, 90),), b""), 100, 100, far)
    assert "drawing or a mask" in drawn


def test_a_file_that_is_no_photograph_is_told_and_nothing_is_lost() -> None:
    at = lesson(wearer="own")
    at.session_state["face first"] = portrait("collins")
    at.get("file_uploader")[-1]
    uploader = next(each for each in at.get("file_uploader") if each.key == "face_first_file")
    uploader.upload("me.txt", b"not a picture", "text/plain").run()
    assert not at.exception and at.error and "Distance to you" in words(at)


def test_eyes_are_mended_by_clicks_and_kept_in_the_link(wearer: Wearer) -> None:
    moved = Wearer(wearer.pixels, wearer.face, wearer.names, wearer.people, 0, (10, 0, 0, -5))
    width = (wearer.face.right - wearer.face.left) / wearer.pixels.shape[1]
    assert moved.eyes[0][0] == pytest.approx(wearer.eyes[0][0] + 0.1 * width)
    assert moved.eyes[1][1] < wearer.eyes[1][1] and moved.eyes[1][0] == wearer.eyes[1][0]
    as_detected, mended = lesson(), lesson(left_x="-8", right_x="8")
    assert not np.array_equal(picture(as_detected, "The painted glasses"), picture(mended, "The painted glasses"))
    assert link(mended)["left_x"] == "-8"
    assert "left_x" not in link(button_group(mended, "hopper"))


def button_group(at: AppTest, wearer: str) -> AppTest:
    """The page after another choice of the wearer."""
    group = next(each for each in at.get("button_group") if each.key == "patches_wearer")
    return group.set_value(wearer).run()
