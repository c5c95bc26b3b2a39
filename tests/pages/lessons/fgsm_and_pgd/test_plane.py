import pytest

from pages.lessons.fgsm_and_pgd.plane import received


def test_a_point_is_received_inside_the_square() -> None:
    assert received([0.25, 1]) == (0.25, 1.0)
    assert received([-3, 1.5]) == (0.0, 1.0)


@pytest.mark.parametrize(
    "rubbish", [None, 7, "0.1,0.2", [], [1], [1, 2, 3], ["a", 1], [None, 1], [float("nan"), 0], [0, float("inf")], {}]
)
def test_rubbish_is_no_point(rubbish: object) -> None:
    assert received(rubbish) is None
