"""A network stolen by questions."""

import torch
from torch import Tensor

from adv_core.attacks.substitute import Substitute, steal
from adv_core.datasets import mnist
from adv_core.images import is_8bit
from adv_core.networks.digit_network import checkpoint


def test_first_weights_follow_the_seed_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    one, two, other = Substitute(3), Substitute(3), Substitute(4)
    assert torch.equal(torch.random.get_rng_state(), before)
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(one(x), two(x)) and not torch.equal(one(x), other(x))


def test_every_question_is_asked_once_is_a_picture_and_is_counted() -> None:
    asked: list[Tensor] = []

    def oracle(x: Tensor) -> Tensor:
        asked.append(x)
        return (x.mean((1, 2, 3)) > 0.5).long()

    seeds = (torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 255).round() / 255
    rounds = list(steal(oracle, Substitute(), seeds, rounds=3, epochs=2))
    assert [len(x) for x in asked] == [6, 6, 12] and torch.equal(asked[0], seeds)
    assert [r.queries for r in rounds] == [6, 6, 12, 12, 24, 24] and [r.final for r in rounds] == [False, True] * 3
    for x in asked:
        assert is_8bit(x) and bool(((x >= 0) & (x <= 1)).all())
    assert torch.equal(rounds[-1].shown, asked[-1]) and len(rounds[-1].answers) == 12


def test_more_questions_make_a_better_copy() -> None:
    test = mnist("test", range(10))
    victim = checkpoint("standard").network
    judged = test[:200].images

    def ask(x: Tensor) -> Tensor:
        with torch.no_grad():
            return victim(x).argmax(1)

    agreement = []
    copy = Substitute()
    for each in steal(ask, copy, test[5000:5100].images, rounds=3):
        if each.final:
            agreement.append(float((copy(judged).argmax(1) == ask(judged)).float().mean()))
    assert agreement[-1] > agreement[0] and agreement[-1] > 0.6
