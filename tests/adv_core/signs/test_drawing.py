"""The classes, and the drawings of them."""

from itertools import combinations

import numpy as np
import pytest

from adv_core.datasets import photographs
from adv_core.signs import CLASSES, INDEX, SIDE, draw_sign, scene
from adv_core.signs.backgrounds import SEEN, UNSEEN, background, blank
from adv_core.signs.drawing import DRAWINGS, make


def test_the_classes_have_keys_titles_and_drawings() -> None:
    assert len(CLASSES) >= 24 and CLASSES[-1].key == "no_sign"
    assert len({each.key for each in CLASSES}) == len({each.title for each in CLASSES}) == len(CLASSES)
    assert [CLASSES[INDEX[each.key]] for each in CLASSES] == list(CLASSES)
    assert {"stop", "yield", "no_entry", "speed_limit_20_kmh", "speed_limit_120_kmh", "speed_limit_45_mph"} <= set(
        INDEX
    )
    assert {each.kind for each in CLASSES} - {"nothing"} == set(DRAWINGS)


def test_a_drawing_is_deterministic_and_fills_its_square() -> None:
    for each in CLASSES[:-1]:
        sign = draw_sign(each.key, 64)
        assert sign.mode == "RGBA" and sign.size == (64, 64)
        assert sign.tobytes() == draw_sign(each.key, 64).tobytes()
        left, top, right, bottom = sign.getchannel("A").getbbox() or (0, 0, 0, 0)
        assert max(right - left, bottom - top) >= 54


def test_makes_differ_by_seed() -> None:
    assert draw_sign("stop", 64, 1).tobytes() == draw_sign("stop", 64, 1).tobytes()
    assert len({draw_sign("stop", 64, seed).tobytes() for seed in (None, 1, 2, 3)}) == 4


def test_no_two_signs_look_alike() -> None:
    drawn = {each.key: np.asarray(draw_sign(each.key, SIDE).convert("RGBa"), float) for each in CLASSES}
    apart = {pair: np.abs(drawn[pair[0]] - drawn[pair[1]]).mean() for pair in combinations(drawn, 2)}
    assert min(apart.values()) > 0.5, min(apart, key=lambda pair: apart[pair])


def test_bad_input_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="no sign 'halt': choose one of stop, yield"):
        draw_sign("halt", 64)
    with pytest.raises(ValueError, match="the side is 4 pixels: choose 8 to 2048"):
        draw_sign("stop", 4)
    with pytest.raises(ValueError, match="no sign 'halt'"):
        scene("halt", np.random.default_rng(0))


def test_nothing_is_empty_or_a_blank_shape() -> None:
    assert draw_sign("no_sign", 64).getbbox() is None
    draws = np.random.default_rng(0)
    boxes = [make("no_sign", 48, draws).getbbox() for _ in range(20)]
    assert None in boxes and any(boxes)
    assert blank(48, np.random.default_rng(1)).tobytes() == blank(48, np.random.default_rng(1)).tobytes()


@pytest.mark.parametrize("key", ["stop", "speed_limit_45_mph", "no_sign"])
def test_a_scene_is_deterministic(key: str) -> None:
    first, again = (scene(key, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (SIDE, SIDE, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, scene(key, np.random.default_rng(4)))


def test_each_photograph_is_seen_or_held_out() -> None:
    assert sorted([*SEEN, *UNSEEN, "stop_sign_composite"]) == photographs()
    assert background(np.random.default_rng(0), UNSEEN).shape == (SIDE, SIDE, 3)
