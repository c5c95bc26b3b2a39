"""The lesson on fooling images, driven through Streamlit's AppTest, from the entry script."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from adv_core.classifiers import categories
from adv_core.images import from_pixels
from pages.lessons.fooling_images import breeding
from pages.lessons.fooling_images.tasks import CHILDREN, some_classes, start_picture
from pages.widgets.photograph import sample
from tests.networks import loaded
from tests.pages.visit import answered, button, link, nothing_computed, picture, pictures, smaller, visit, words

lesson = partial(visit, "lessons/fooling_images/page.py")
SOME = ("espresso", "hens", "pig")


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Two at once, beside three photographs, and four generations of the evolution."""
    less = smaller("lessons/fooling_images/page.py", SOME, EIGHT=2, WALL_STEPS=20)
    whole = breeding.evolution
    with less, pytest.MonkeyPatch.context() as patch:
        patch.setattr(breeding, "evolution", lambda: replace(whole(), queries=4 * CHILDREN))
        yield


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return lesson(steps="30")


def says(pixels: np.ndarray, name: str = "efficientnet_lite0") -> torch.Tensor:
    with torch.no_grad():
        return loaded(name)(from_pixels(pixels)).softmax(1)


def several(at: AppTest) -> np.ndarray:
    shown = [pixels for alt, pixels in pictures(at).items() if alt.startswith("Fooling image for")]
    return np.stack(shown)


def test_opens_with_noise_that_is_a_school_bus(opened: AppTest) -> None:
    assert "You see noise" in words(opened) and "school bus" in opened.success[0].value
    shown = picture(opened, "The picture after 30 steps")
    assert float(says(shown)[0, 779]) >= 0.99
    start = picture(opened, "The start: noise")
    assert np.array_equal(start, start_picture("noise", 224))
    moved = re.search(r"more than (\d+) of 255", words(opened))
    assert moved is not None and int(moved[1]) == np.abs(shown.astype(int) - start.astype(int)).max() <= 30


def test_several_at_once_and_the_other_networks_predictions(opened: AppTest) -> None:
    targets = list(some_classes(2))
    found = several(opened)
    said = {name: says(found, name) for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")}
    sure = int((said["efficientnet_lite0"][range(2), targets] >= 0.99).sum())
    agree = [int((said[name].argmax(1) == torch.tensor(targets)).sum()) for name in list(said)[1:]]
    assert sure == 2 and max(agree) == 0
    assert f"sure of **{sure} of 2**" in words(opened)
    assert f"**{agree[0]}** (Lite1) and **{agree[1]}** (Lite2)" in words(opened)
    for target in targets:
        assert any(categories()[target] in each.proto.body for each in opened.get("html"))


def test_no_threshold_keeps_them_out(opened: AppTest) -> None:
    best = says(several(opened)).amax(1)
    classifier = loaded()
    photos = [classifier.predict(classifier.prepare(sample(name)))[0][2] for name in SOME]
    assert max(photos) < float(best.median())
    for threshold in (90, 99):
        opened.slider(key="fooling_images_accept").set_value(threshold).run()
        assert not opened.exception
        counts = re.search(r"\*\*(\d+) of 3 photographs\*\* and \*\*(\d+) of 2", words(opened))
        assert counts is not None and int(counts[2]) == int((best >= threshold / 100).sum())
        assert int(counts[1]) == sum(p >= threshold / 100 for p in photos)
    assert link(opened) == {"steps": "30", "accept": "99"}
    opened.slider(key="fooling_images_accept").set_value(90).run()


def test_another_class_in_too_few_steps(opened: AppTest) -> None:
    opened.slider(key="fooling_images_steps").set_value(2).run()
    opened.selectbox(key="fooling_images_target").set_value(1).run()
    assert not opened.exception and not opened.success
    assert "Not yet: **goldfish**" in words(opened) and link(opened) == {"target": "1", "steps": "2"}


def test_evolution_runs_only_when_told() -> None:
    at = lesson(target="espresso", steps="1")
    assert "Found on the way" not in words(at)
    at = button(at, "Evolve: espresso")
    assert link(at) == {"target": "967", "steps": "1", "bred": "1"} and "Found on the way" in words(at)
    said = re.search(r"\*\*espresso\*\*: ([<\d.\u00a0%]+)", words(at))
    p = float(says(picture(at, "The best espresso"))[0, 967])
    assert said is not None
    assert said[1].startswith("<") if p < 0.0005 else f"{100 * p:.1f}" in said[1]
    assert sum(alt.startswith("The champion of") for alt in pictures(at)) == 8
    with nothing_computed():
        again = button(at, "Again, other seed")
    assert link(again)["brood"] == "1"
    stopped = button(again, "Stop")
    assert "bred" not in link(stopped) and "Found on the way" not in words(stopped)


def test_a_mad_link_is_repaired_and_told() -> None:
    query = {"target": "unicorn", "start": "void", "steps": "nan", "alpha": "-3"}
    query |= {"queries": "1e9", "encoding": "dna", "accept": "200", "both": "perhaps"}
    with nothing_computed():
        assert len(lesson(**query).info) >= len(query)


def test_a_class_can_be_named_in_the_link() -> None:
    with nothing_computed():
        at = lesson(target="king_penguin")
    assert at.selectbox(key="fooling_images_target").value == 145


def test_the_quiz_knows_right_from_wrong(opened: AppTest) -> None:
    answered(opened, "fooling_images_answer_c", 1)
    assert "Look at the strokes" in opened.error[0].value
    answered(opened, "fooling_images_answer_c_again", 0)
    answered(opened, "fooling_images_answer_b", 30)  # steps of one level
    assert link(opened)["done"] == "bc"


def test_presentation_mode() -> None:
    with nothing_computed():
        at = lesson(present="1")
    assert any(b.label == "Leave presentation mode" for b in at.button)
