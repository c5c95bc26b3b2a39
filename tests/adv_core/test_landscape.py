from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core import L1, L2, Classifier, Linf, Untargeted
from adv_core.landscape import decision_slice, line_order, orthogonal_signs, outline

SIDE, REACH = 5, 8 / 255
BALLS = {"linf": Linf, "l2": L2, "l1": L1}


def test_lines_go_from_the_middle_outwards() -> None:
    assert line_order(5) == [2, 3, 1, 4, 0]
    assert sorted(line_order(26)) == list(range(26))


def test_random_signs_are_orthogonal() -> None:
    u = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).sign()
    v = orthogonal_signs(u, 1)
    assert set(v.unique().tolist()) == {-1.0, 1.0} and float((u * v).sum()) == 0
    assert not torch.equal(v, orthogonal_signs(u, 2)) and torch.equal(v, orthogonal_signs(u, 1))
    assert set(orthogonal_signs(torch.zeros(1, 3, 4, 4)).unique().tolist()) == {-1.0, 1.0}


def test_a_slice_is_a_plane_through_the_picture(classifier: Classifier, photo: Callable[[str], Tensor]) -> None:
    x = photo("pig")
    y = int(classifier(x).argmax())
    steps = list(decision_slice(classifier, x.expand(SIDE, -1, -1, -1), Untargeted([y] * SIDE), reach=REACH, seed=3))
    assert [step.index for step in steps] == list(range(SIDE))
    middle = steps[0]
    assert torch.equal(middle.adversarial[SIDE // 2], x[0]) and int(middle.logits[SIDE // 2].argmax()) == y
    # where the box does not bind, the plane is flat, and u is orthogonal to v
    free = ((x > REACH * 2 + 0.01) & (x < 1 - REACH * 2 - 0.01))[0]
    up = next(step for step in steps if line_order(SIDE)[step.index] == SIDE - 1)
    u, v = middle.delta[-1][free] / REACH, up.delta[SIDE // 2][free] / REACH
    torch.testing.assert_close(up.delta[-1][free], REACH * (u + v), atol=1e-6, rtol=0)
    assert abs(float((u * v).mean())) < 0.02
    # to the right the loss grows, as it does for FGSM; and all of it are pictures
    assert float(middle.loss[-1]) > float(middle.loss[SIDE // 2])
    assert all(float(s.adversarial.min()) >= 0 and float(s.adversarial.max()) <= 1 for s in steps)


@pytest.mark.parametrize("norm", BALLS)
def test_the_outline_of_a_ball_is_its_sphere(norm: str) -> None:
    u = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).sign()
    v = orthogonal_signs(u)
    a, b = outline(norm, 0.7, u.numel())  # type: ignore[arg-type]
    assert a[0] == a[-1] and b[0] == pytest.approx(b[-1])
    for place in zip(a, b, strict=True):
        delta = float(place[0]) * u.double() + float(place[1]) * v.double()
        assert float(BALLS[norm](1.0).norm(delta)) == pytest.approx(0.7, rel=1e-6)
    between = ((a[:-1] + a[1:]) / 2, (b[:-1] + b[1:]) / 2)  # and its edges are straight, where they have to be
    delta = float(between[0][0]) * u.double() + float(between[1][0]) * v.double()
    assert float(BALLS[norm](1.0).norm(delta)) == pytest.approx(0.7, rel=0.01 if norm == "l2" else 1e-6)
    assert np.isfinite(a).all()
