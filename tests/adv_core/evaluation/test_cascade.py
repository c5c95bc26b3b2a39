"""The verdict: closed forms, certificates, budgets, batches, stopping and going on."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from adv_core import L0, L1, L2, Box, Linf, Untargeted, apgd, run
from adv_core.datasets import Digits, mnist
from adv_core.defences.intervals import verified
from adv_core.evaluation import MEMBERS, Budget, Evaluation, Member, evaluate, judged
from adv_core.evaluation.record import STANDS
from adv_core.linear import LinearClassifier, worst_margin
from adv_core.networks.digit_network import checkpoint

SMALL = Budget(steps=12, targets=2, queries=40)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return mnist("test", range(10))[:30]


def network(name: str = "standard") -> nn.Module:
    return checkpoint(name).network


def quick(digits: Digits, *, attacks: str | list[str | Member] = "standard", eps: float = 0.1) -> Evaluation:
    return judged(evaluate(network(), digits.images, digits.labels, Linf(eps), attacks, budget=SMALL, diagnose=0))


def test_the_verdict_is_the_pointwise_worst_case(digits: Digits) -> None:
    records = list(evaluate(network(), digits.images, digits.labels, Linf(0.1), budget=SMALL, curve=10))
    now = records[-1]
    assert now.finished and now.share == 1 and not any(record.finished for record in records[:-2])
    assert [attack.name for attack in now.attacks] == ["apgd-ce", "apgd-t", "fab-t", "square", "fmn"]
    shares = [attack.accuracy for attack in now.attacks if attack.accuracy is not None]
    assert shares == sorted(shares, reverse=True) and now.accuracy == shares[-1] < now.clean_accuracy
    # Nothing is tried twice, but by the attack that measures the curve.
    for row in range(now.count):
        by = int(now.broken_by[row])
        if by != STANDS:
            assert bool(now.broke[by, row]) and not bool(now.broke[:by, row].any())
            assert by == 4 or not bool(now.tried[by + 1 : 4, row].any())
    # Each δ that was found is in the ball, and fools.
    broken = now.broken_by != STANDS
    point = digits.images + now.deltas
    assert bool((network()(point).argmax(1) != digits.labels)[broken].all())
    torch.testing.assert_close(Linf(1).norm(now.deltas).double()[broken], now.sizes[broken])
    assert float(now.sizes[broken].max()) <= 0.1 + 1e-6 and float(point.min()) >= 0 and float(point.max()) <= 1 + 1e-6
    assert bool((network()(point).argmax(1) == now.becomes)[broken].all())
    assert now.curve([0.0, 0.1, 10.0]) == sorted(now.curve([0.0, 0.1, 10.0]), reverse=True)


@pytest.mark.parametrize("eps", [0.01, 0.03, 0.08])
def test_on_a_linear_classifier_it_is_the_exact_robust_accuracy(eps: float) -> None:
    generator = torch.Generator().manual_seed(0)
    model = LinearClassifier(torch.randn(1 * 8 * 8, generator=generator) / 4)
    x = torch.rand(60, 1, 8, 8, generator=generator)
    y = (model.score(x) > 0).long()
    y[:3] = 1 - y[:3]  # some are wrong without an attack
    exact = worst_margin(model.theta, model.bias, x, y, eps, box=True) > 0
    now = judged(evaluate(model, x, y, Linf(eps), budget=replace(SMALL, steps=30)))
    # At the very edge of the ball, rounding decides.
    certain = (worst_margin(model.theta, model.bias, x, y, eps, box=True).abs()) > 1e-4
    assert torch.equal(now.stands[certain], exact[certain]) and 0 < int(exact.sum()) < 57
    assert now.warnings == []


def test_a_certificate_is_never_contradicted(digits: Digits) -> None:
    certified = verified(network("interval_01"), digits.images, digits.labels, 0.1)
    now = judged(evaluate(network("interval_01"), digits.images, digits.labels, Linf(0.1), budget=SMALL, curve=30))
    assert bool(now.stands[certified].all()) and int(certified.sum()) > 10
    assert float(now.sizes[certified].min()) > 0.1


@pytest.mark.parametrize("ball", [L2(1.0), L1(8.0)], ids=["l2", "l1"])
def test_it_knows_other_norms(ball: L2 | L1, digits: Digits) -> None:
    now = judged(evaluate(network(), digits.images, digits.labels, ball, budget=SMALL, diagnose=0))
    assert 0 <= now.accuracy < now.clean_accuracy
    assert ("square" in [attack.name for attack in now.attacks]) == (type(ball) is L2)
    assert float(now.sizes[now.broken_by != STANDS].max()) <= float(ball.radius) * (1 + 1e-5)


def test_batches_make_no_difference_to_the_gradient_attacks(digits: Digits) -> None:
    precise = copy.deepcopy(network()).double()
    twice = [
        judged(
            evaluate(
                precise,
                digits.images.double(),
                digits.labels,
                Linf(0.06),
                ["apgd-ce", "apgd-t", "fab-t"],
                budget=SMALL,
                batch=batch,
                diagnose=0,
            )
        )
        for batch in (7, 30)
    ]
    assert torch.equal(twice[0].broken_by, twice[1].broken_by)
    torch.testing.assert_close(twice[0].sizes, twice[1].sizes)


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_it_goes_on_where_it_was_stopped(stop: int, digits: Digits) -> None:
    def start(resume: Evaluation | None = None) -> list[Evaluation]:
        options = {"budget": SMALL, "batch": 8, "resume": resume, "curve": 5}
        return list(evaluate(network(), digits.images, digits.labels, Linf(0.08), **options))  # type: ignore[arg-type]

    whole = start()
    at_batches = [record for record in whole if sum(attack.tried for attack in record.attacks)]
    stopped = Evaluation.from_bytes(at_batches[stop * len(at_batches) // 8].to_bytes())
    end = start(stopped)[-1]
    assert torch.equal(end.broken_by, whole[-1].broken_by) and torch.equal(end.tried, whole[-1].tried)
    torch.testing.assert_close(end.sizes, whole[-1].sizes)
    torch.testing.assert_close(end.deltas, whole[-1].deltas)
    assert end.seconds >= stopped.seconds and end.findings == whole[-1].findings


def test_it_refuses_to_go_on_with_something_else(digits: Digits) -> None:
    now = quick(digits, attacks=["apgd-ce"])
    for changed in (
        {"perturbation_set": Linf(0.2)},
        {"budget": Budget(steps=3)},
        {"x": digits.images * 0.5},
        {"classifier": lambda x: network()(x).roll(1, 1)},
    ):
        given = {"classifier": network(), "x": digits.images, "y": digits.labels, "perturbation_set": Linf(0.1)}
        options = {"attacks": ["apgd-ce"], "budget": SMALL, "resume": now}
        with pytest.raises(ValueError, match="another evaluation"):
            judged(evaluate(**(given | options | changed)))  # type: ignore[arg-type]


def test_passes_are_counted(digits: Digits) -> None:
    shown = {"forward": 0}

    def counting(x: Tensor) -> Tensor:
        shown["forward"] += len(x)
        logits: Tensor = network()(x)
        return logits

    given = (digits.images, digits.labels, Linf(0.1), ["apgd-ce", "square"])
    now = judged(evaluate(counting, *given, budget=SMALL, diagnose=0))
    before = 30 + 30 * 5 + 1  # the answers, and those that tell whether they are drawn at random
    assert now.forward == shown["forward"] - before
    assert 0 < now.attacks[0].backward <= 30 * SMALL.steps and now.attacks[1].backward == 0
    # An example that is broken costs no more.
    assert now.attacks[0].forward < 30 * (SMALL.steps + 4)


def test_without_the_cascade_each_attack_gets_all(digits: Digits) -> None:
    now = judged(
        evaluate(
            network(),
            digits.images,
            digits.labels,
            Linf(0.1),
            ["noise", "fgsm", "apgd-ce"],
            cascade=False,
            budget=SMALL,
        )
    )
    assert [attack.tried for attack in now.attacks] == [int(now.right.sum())] * 3
    alone = [attack.broke for attack in now.attacks]
    assert alone[0] < alone[1] < alone[2] == now.count - int(now.stands.sum())


def test_any_attack_of_the_catalogue_and_ones_own(digits: Digits) -> None:
    now = quick(digits, attacks=["pgd", "smallest", "hop_skip_jump"])
    assert [attack.title for attack in now.attacks] == ["PGD", "Smallest ε", "HopSkipJump"]
    own = Member(
        "own",
        "my attack",
        lambda budget, classes: [
            lambda case: apgd(case.classifier, case.x, case.ball, Untargeted(case.y), steps=5, quantize=False)
        ],
        lambda budget, classes: 15,
    )
    assert quick(digits, attacks=[own]).attacks[0].broke > 0


def test_a_row_that_is_fooled_leaves_the_batch(digits: Digits) -> None:
    given = (network(), digits.images, Linf(0.1), Untargeted(digits.labels))
    until = run(apgd(*given, steps=20, quantize=False, until=Untargeted(digits.labels)))
    to_the_end = run(apgd(*given, steps=20, quantize=False))
    fooled = until.logits.argmax(1) != digits.labels
    assert bool(fooled[to_the_end.logits.argmax(1) != digits.labels].all()) and int(fooled.sum()) > 15
    # The others climb as before.
    torch.testing.assert_close(until.delta[~fooled], to_the_end.delta[~fooled], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="Objective"):
        run(apgd(network(), digits.images, Linf(0.1), lambda z: z[:, 0], until=Untargeted(0)))


def test_table_and_json(digits: Digits) -> None:
    now = quick(digits)
    table = now.table()
    assert "APGD, cross-entropy" in table and f"{100 * now.accuracy:.1f} %" in table.splitlines()[-1]
    told = json.loads(json.dumps(now.to_json()))
    assert now.to_json(rows=False).items() <= now.to_json().items() and "labels" not in now.to_json(rows=False)
    assert told["robust_accuracy"] == now.accuracy and len(told["broken_by"]) == 30
    assert sum(name == "apgd-ce" for name in told["broken_by"]) == now.attacks[0].broke
    low, high = now.interval
    assert 0 <= low < now.accuracy < high <= 1
    with pytest.raises(ValueError, match="state of an evaluation"):
        Evaluation.from_bytes(b"nothing")


def test_all_that_is_wrong_already(digits: Digits) -> None:
    now = judged(evaluate(network(), digits.images, (digits.labels + 1) % 10, Linf(0.1), budget=SMALL))
    assert now.accuracy == now.clean_accuracy == 0 and now.finished and now.forward == 0


def test_errors_are_sentences(digits: Digits) -> None:
    x, y = digits.images, digits.labels
    for changed, words in (
        ({"perturbation_set": Linf(torch.full((30,), 0.1))}, "one finite ε"),
        ({"perturbation_set": Box()}, "a ball with one ε"),
        ({"perturbation_set": L0(5)}, "name the attacks"),
        ({"attacks": ["nothing"]}, "no attack 'nothing'"),
        ({"attacks": []}, "needs an attack"),
        ({"attacks": ["apgd-ce", "apgd-ce"]}, "twice"),
        ({"attacks": ["square"], "perturbation_set": L1(3)}, "does not know the L1"),
        ({"x": x[:0]}, "needs an example"),
        ({"y": y[:3]}, "3 labels for 30"),
    ):
        given = {"classifier": network(), "x": x, "y": y, "perturbation_set": Linf(0.1)}
        with pytest.raises(ValueError, match=words):
            judged(evaluate(**(given | changed)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="steps"):
        Budget(steps=0)
    assert set(MEMBERS) >= {"apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square", "fmn"}
