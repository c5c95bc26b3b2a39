"""The tasks of the lesson on threat models."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core.landscape import line_order
from adv_core.serving.engine import networks
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures
from pages.lessons.threat_models.tasks import Slice

GREY = Pictures.of(np.full((4, 4, 3), 128, np.uint8))
SLICE = Slice(GREY, "any", 0, reach=0.1, side=5)


def brightness(x: Tensor) -> Tensor:
    """Two classes: bright and dark."""
    return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)


brightness.device = torch.device("cpu")  # type: ignore[attr-defined]


def test_a_slice_comes_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "load_classifier", lambda *_, **__: brightness)
    lines = LocalEngine("cpu").compute(SLICE)
    assert [line.index for line in lines] == list(range(SLICE.length + 1))
    assert all(line.logits.shape == line.probabilities.shape == (5, 2) for line in lines)
    middle = lines[line_order(5).index(2)].logits[:, 0]
    assert middle[2] == pytest.approx(128 / 255)
    np.testing.assert_allclose(np.diff(middle), -0.05, atol=1e-6)  # away from the class, a fifth of the plane a point


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"side": 2}, "side has to lie in 3 ... 41, not 2"),
        ({"side": 10**6}, "side has to lie in 3 ... 41, not 1000000"),
        ({"picture": Pictures(bytes(96), 4, 4)}, "picture has to hold one picture, not 2"),
        (
            {"picture": Pictures(bytes(3 * 800 * 800), 800, 800)},
            "3 ... 4 for a picture of this size",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        replace(SLICE, **changes).check()  # type: ignore[arg-type]
