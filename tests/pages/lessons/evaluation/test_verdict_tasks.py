"""Tests of the tasks behind the leaderboard, the security curves and the diagnosis."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adv_core.evaluation import evaluate, judged
from adv_core.networks.digit_network import checkpoint
from adv_core.perturbation_sets import L2, Linf
from adv_core.serving.engine.digits import digits
from adv_core.serving.engine.work import Task
from pages.lessons.evaluation.verdict_tasks import Diagnose, Effort, Leaderboard, Scored, SecurityCurve
from tests.pages.lessons.evaluation.test_tasks import records

SHORT = Effort(steps=20, targets=1, queries=60)


@pytest.fixture(scope="module")
def board() -> list[Scored]:
    work = Leaderboard("standard", "linf", 0.1, ("fgsm", "apgd-ce", "fab", "square"), images=12, effort=SHORT)
    return [record for record in records(work) if record.done == 1]


def test_each_attack_gets_all_digits(board: list[Scored]) -> None:
    assert [score.key for score in board] == ["clean", "fgsm", "apgd-ce", "fab", "square"]
    network, data = checkpoint("standard").network, digits("test")[:12]
    verdict = judged(
        evaluate(network, data.images, data.labels, Linf(0.1), ["fab"], budget=SHORT.budget, cascade=False, diagnose=0)
    )
    assert (
        verdict.broke[0].tolist() == board[3].broke.tolist() and board[3].passes == verdict.forward + verdict.backward
    )
    standing = ~np.any([score.broke for score in board], axis=0)
    assert standing.sum() <= min((~score.broke).sum() for score in board)


def test_a_saved_picture_is_judged_as_it_is_saved(board: list[Scored]) -> None:
    network, data = checkpoint("standard").network, digits("test")[:12]
    untouched = (data.images[:, 0] * 255).round().numpy()
    for score in board:
        x = torch.from_numpy(score.pixels[:, None].astype(np.float32) / 255)
        assert network(x).argmax(1).tolist() == score.says.tolist()
        moved = np.abs(score.pixels - untouched).reshape(12, -1).max(1)
        assert (moved <= 25).all() and (moved / 255 == pytest.approx(score.sizes, abs=1e-6))  # 0.1 is 25.5 levels
        assert (score.saved == (score.broke & (score.says != data.labels.numpy()))).all()
        assert (moved[~score.broke] == 0).all()
    assert board[2].saved.sum() >= 8  # APGD has room: hardly a digit is lost to the rounding


def test_a_board_in_l2_stays_in_its_ball() -> None:
    *_, last = records(Leaderboard("standard", "l2", 1.5, ("ddn",), images=6, effort=SHORT))
    moved = torch.from_numpy(last.pixels[:, None].astype(np.float32) / 255) - digits("test")[:6].images
    assert (L2(1.5).norm(moved) <= 1.5 + 1e-6).all() and last.saved.any()


def test_curves_fall_and_one_that_follows_no_gradient_does_not() -> None:
    eps = (0.0, 0.1, 1.0)
    for defence, attack, falls in (("saturated", "pgd", False), ("saturated", "fmn", True), ("none", "square", True)):
        found = records(SecurityCurve("standard", defence, attack, eps, images=6, effort=SHORT))
        curve = {record.eps: sum(record.stands) for record in found if record.stands is not None}
        assert list(curve) == list(eps) and curve[0.0] == 6
        assert list(curve.values()) == sorted(curve.values(), reverse=True) and (curve[1.0] < 6) is falls


def test_a_point_of_a_curve_is_what_an_evaluation_finds() -> None:
    data = digits("test")[:6]
    found = records(SecurityCurve("standard", "none", "apgd-ce", (0.08,), images=6, effort=SHORT))[-1]
    verdict = judged(
        evaluate(
            checkpoint("standard").network,
            data.images,
            data.labels,
            Linf(0.08),
            ["apgd-ce"],
            budget=SHORT.budget,
            cascade=False,
            diagnose=0,
        )
    )
    assert list(found.stands or ()) == verdict.stands.tolist()


def test_the_diagnosis_warns_of_a_hidden_gradient_alone() -> None:
    hidden, honest = (
        records(Diagnose("standard", defence, attacks=("fgsm", "square"), images=10, effort=SHORT))[-1]
        for defence in ("saturated", "none")
    )
    assert "zero_gradient" in [finding.key for finding in hidden.findings] and not honest.findings
    assert hidden.done == 1 and [title for title, _ in hidden.alone] == ["FGSM", "Square Attack"]
    assert hidden.alone[0][1] >= 0.9 > honest.alone[0][1] and hidden.accuracy <= hidden.alone[1][1]


@pytest.mark.parametrize(
    "task",
    [
        Leaderboard("standard", attacks=("ddn",)),  # it knows L2 alone
        Leaderboard("standard", attacks=("fab", "fab")),
        Leaderboard("standard", attacks=("x",)),
        Leaderboard("standard", attacks=()),
        Leaderboard("standard", images=51),
        Leaderboard("standard", effort=replace(SHORT, queries=10**6)),
        SecurityCurve("standard", "none", "ddn", (0.1,)),
        SecurityCurve("standard", "none", "fgsm", (0.2, 0.1)),
        SecurityCurve("standard", "x", "fgsm", (0.1,)),
        Diagnose("standard", "none", attacks=("fgsm", "x")),
        Diagnose("standard", "none", other="x"),
    ],
)
def test_what_makes_no_sense_is_refused(task: Task) -> None:
    with pytest.raises(ValueError):
        task.check()
