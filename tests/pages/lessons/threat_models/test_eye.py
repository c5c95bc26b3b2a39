import random

import pytest

from pages.lessons.threat_models.eye import LEVELS, LONGEST, START, Staircase


def test_two_right_make_it_harder_and_one_wrong_makes_it_easier() -> None:
    assert Staircase().level == LEVELS[START] == 16
    assert Staircase("1").level == 16
    assert Staircase("11").level == 11
    assert Staircase("111").level == 11
    assert Staircase("110").level == 16
    assert Staircase("110110").levels == [16, 16, 11, 16, 16, 11]


def test_it_ends_after_seven_turns_with_their_mean() -> None:
    answers = "110" * 4  # down, up, down, up, ...: from the second move on, every move is a turn
    test = Staircase(answers)
    assert test.done and not Staircase(answers[:-1]).done and Staircase(answers[:-1]).threshold is None
    assert test.threshold == pytest.approx((16 * 11) ** 0.5)


@pytest.mark.parametrize(("answer", "end"), [("1", LEVELS[0]), ("0", LEVELS[-1])])
def test_the_ends_of_the_scale(answer: str, end: int) -> None:
    test = Staircase(answer * LONGEST)
    assert test.done and test.level == end and test.threshold == pytest.approx(end)
    assert test.progress == 1


def test_it_finds_the_threshold_of_a_viewer_who_has_one() -> None:
    coin = random.Random(0)
    found = []
    for _ in range(100):  # sees whatever is at least 8, and guesses below
        test = Staircase()
        while not test.done:
            right = test.level >= 8 or coin.random() < 0.5
            test = Staircase(test.answers + "01"[right])
        found.append(test.threshold or 0)
    assert 5 < sum(found) / len(found) < 9


def test_the_sides_are_a_coin_that_the_seed_decides() -> None:
    sides = [Staircase("1" * n).side(0) for n in range(LONGEST)]
    assert 8 < sides.count("left") < 22
    assert sides == [Staircase("0" * n).side(0) for n in range(LONGEST)]
    assert sides != [Staircase("1" * n).side(1) for n in range(LONGEST)]
