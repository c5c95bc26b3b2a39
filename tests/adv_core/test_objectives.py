import pytest
import torch
import torch.nn.functional as F

from adv_core.objectives import (
    Custom,
    Divergence,
    Dodging,
    Impersonation,
    LogitsRatio,
    Margin,
    Objective,
    Targeted,
    TargetedDifference,
    Untargeted,
)

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])


def test_values() -> None:
    log_p = LOGITS.log_softmax(1)
    torch.testing.assert_close(Untargeted([0, 1])(LOGITS), -log_p[[0, 1], [0, 1]])
    torch.testing.assert_close(Targeted(2)(LOGITS), log_p[:, 2])
    torch.testing.assert_close(TargetedDifference([0, 1], [1, 2])(LOGITS), torch.tensor([-1.0, -2.0]))


def test_the_difference_is_the_difference_of_the_losses() -> None:
    expected = Untargeted([0, 1])(LOGITS) + Targeted([1, 2])(LOGITS)
    torch.testing.assert_close(TargetedDifference([0, 1], [1, 2])(LOGITS), expected)


def test_the_divergence_is_that_of_kullback_and_leibler() -> None:
    untouched, moved = LOGITS.double(), (LOGITS.flip(0) + torch.tensor([0.3, -0.2, 0.0])).double().requires_grad_()
    direct = F.kl_div(moved.log_softmax(1), untouched.softmax(1), reduction="none").sum(1)
    value = Divergence(untouched)(moved)
    torch.testing.assert_close(value, direct)
    (slope,) = torch.autograd.grad(value.sum(), moved)
    torch.testing.assert_close(slope, (moved.softmax(1) - untouched.softmax(1)).detach())  # its closed form
    assert float(Divergence(untouched)(untouched).abs().max()) == 0
    assert Divergence(untouched).reached(moved).tolist() == [True, True]
    torch.testing.assert_close(Divergence(untouched).rows(torch.tensor([1]))(moved[1:]), value[1:])


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


def test_margin() -> None:
    torch.testing.assert_close(Margin([0, 0])(LOGITS), torch.tensor([-1.0, 3.0]))
    torch.testing.assert_close(Margin(target=[1, 1])(LOGITS), torch.tensor([-1.0, 2.0]))
    assert Margin([0, 0], kappa=0.5)(LOGITS).tolist() == [-1.0, 0.5]  # no more is asked for than κ
    with pytest.raises(ValueError, match="either"):
        Margin()
    with pytest.raises(ValueError, match="either"):
        Margin(y=0, target=1)


@pytest.mark.parametrize("objective", [LogitsRatio([0, 1]), LogitsRatio([0, 1], [3, 2])])
def test_the_logits_ratio_does_not_care_for_scale_or_shift(objective: Objective) -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5], [0.0, 3.0, 1.0, 2.0, -2.0]])
    torch.testing.assert_close(objective(7 * logits + 3), objective(logits))


def test_the_logits_ratio_by_hand() -> None:
    logits = torch.tensor([[5.0, 3.0, 2.0, 1.0]])
    torch.testing.assert_close(LogitsRatio(0)(logits), torch.tensor([(3.0 - 5) / (5 - 2)]))
    torch.testing.assert_close(LogitsRatio(0, 2)(logits), torch.tensor([(2.0 - 5) / (5 - 1.5)]))
    with pytest.raises(ValueError, match="at least 3 classes"):
        LogitsRatio(0)(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="present class"):
        LogitsRatio(0, 0)(logits)


@pytest.mark.parametrize(
    "objective",
    [
        Untargeted([0, 0]),
        Margin([0, 0]),
        LogitsRatio([0, 0]),
        Targeted(1),
        Margin(target=1),
        Custom(lambda z: z[:, 1], lambda z: z.argmax(1) == 1),
    ],
    ids=lambda o: type(o).__name__,
)
def test_the_aim_and_its_rows(objective: Objective) -> None:
    assert objective.reached(LOGITS).tolist() == [False, True]
    second = objective.rows(torch.tensor([1]))
    assert second.reached(LOGITS[1:]).tolist() == [True]
    torch.testing.assert_close(second(LOGITS[1:]), objective(LOGITS)[1:])


def test_a_custom_objective_without_an_aim() -> None:
    with pytest.raises(ValueError, match="give Custom an aim"):
        Custom(lambda z: z[:, 0]).reached(LOGITS)


def test_distances_of_faces() -> None:
    """Logits are minus the distances: the first face is near person 0, the second one near person 1."""
    near = -torch.tensor([[0.2, 0.8], [0.75, 0.4], [0.65, 0.7]])
    torch.testing.assert_close(Dodging(0)(near), torch.tensor([0.2, 0.75, 0.65]))
    assert Dodging(0).reached(near).tolist() == [False, True, True]
    torch.testing.assert_close(Impersonation(0, 1)(near), torch.tensor([0.2 - 0.8, 0.7 - 0.4, 0.65 - 0.7]))
    assert Impersonation(0, 1).reached(near).tolist() == [False, True, False]
