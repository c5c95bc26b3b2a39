import pytest
import torch

from adv_core.objectives import Targeted, TargetedDifference, Untargeted

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])


def test_values() -> None:
    log_p = LOGITS.log_softmax(1)
    torch.testing.assert_close(Untargeted([0, 1])(LOGITS), -log_p[[0, 1], [0, 1]])
    torch.testing.assert_close(Targeted(2)(LOGITS), log_p[:, 2])
    torch.testing.assert_close(TargetedDifference([0, 1], [1, 2])(LOGITS), torch.tensor([-1.0, -2.0]))


def test_the_difference_is_the_difference_of_the_losses() -> None:
    expected = Untargeted([0, 1])(LOGITS) + Targeted([1, 2])(LOGITS)
    torch.testing.assert_close(TargetedDifference([0, 1], [1, 2])(LOGITS), expected)


def test_reached() -> None:
    assert Untargeted([0, 0]).reached(LOGITS).tolist() == [False, True]
    assert Targeted(1).reached(LOGITS).tolist() == [False, True]
    assert TargetedDifference(0, 1).reached(LOGITS).tolist() == [False, True]


@pytest.mark.parametrize("labels", [3, -1, [0, 1, 2], 0.5, torch.tensor([True, False])])
def test_bad_labels(labels: object) -> None:
    with pytest.raises(ValueError, match="label"):
        Untargeted(labels)(LOGITS)  # type: ignore[arg-type]


def test_the_target_is_another_class() -> None:
    with pytest.raises(ValueError, match="present class"):
        TargetedDifference([0, 1], [2, 1])(LOGITS)
