"""The start screen: the question, its answer, and the ways into the app."""

from functools import partial

import numpy as np

from adv_core.images import from_pixels
from pages.start.settings import SIDES
from tests.networks import loaded
from tests.pages.visit import button, link, nothing_computed, picture, pictures, visit, words

start = partial(visit, "start/page.py")


def said(pixels: np.ndarray) -> str:
    return str(loaded().predict(from_pixels(pixels))[0][1])


def test_the_question_and_both_answers() -> None:
    orders = {}
    for seed in ("5", "6", "7", "8"):
        at = start(seed=seed)
        assert "Which of the two is the airliner" in at.title[0].value
        assert list(pictures(at)) == ["The left picture: a koala", "The right picture: a koala"]
        shown = {side: said(picture(at, f"The {side} picture")) for side in SIDES}
        assert sorted(shown.values()) == ["airliner", "koala"] and not at.get("page_link")
        orders.setdefault(shown["left"], seed)
    assert set(orders) == {"airliner", "koala"}

    for picked in SIDES:
        at = button(start(seed=orders["airliner"]), f"The {picked} one")
        assert link(at) == {"seed": orders["airliner"], "picked": picked}
        (told,) = at.success if picked == "left" else at.error
        assert "For the **left** picture, the network predicts **airliner**" in told.value
        assert "by more than 2 of 255 levels" in told.value and len(at.success) + len(at.error) == 1
        perturbed, original = picture(at, "The left picture, classified as airliner"), picture(at, "The right picture")
        assert said(original) == "koala" and np.abs(perturbed.astype(int) - original).max() == 2
        drawn = np.clip(128 + 10 * (perturbed.astype(int) - original), 0, 255)
        assert np.abs(picture(at, "δ, drawn 10 times stronger") - drawn).max() <= 1
        ways = [each.proto for each in at.get("page_link")]
        assert [each.label for each in ways] == ["Lab", "Course", "Class"]
        assert "target=404" in ways[0].query_string and "image=koala" in ways[0].query_string
    button(at, "Ask again")
    assert "picked" not in link(at) and not at.get("page_link")


def test_the_order_is_drawn_once_for_a_visitor() -> None:
    with nothing_computed():
        at = start()
        drawn = link(at)["seed"]
        assert 1 <= int(drawn) <= 9999 and link(at.run()) == {"seed": drawn}
        assert len({link(start())["seed"] for _ in range(5)}) > 1
        assert [each.proto.label for each in at.get("page_link")] == ["Lab", "Course", "Class"]  # also without a result


def test_a_link_with_nonsense() -> None:
    with nothing_computed():
        at = start(seed="7", picked="middle")
    assert "unknown value of picked" in words(at) and link(at) == {"seed": "7"}
