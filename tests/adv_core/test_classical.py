import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core import Linf, Margin, run, square_attack
from adv_core.classical import DecisionTree, Standing, compare, linear_svm, nearest_neighbours
from adv_core.datasets import mnist
from adv_core.linear import error, train

Pair = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def seen() -> Pair:
    data = mnist("train")
    return data[:600].images, data.labels[:600]


@pytest.fixture(scope="module")
def asked() -> Pair:
    data = mnist("test")
    return data[:40].images, data.labels[:40]


def test_the_wrapped_models_say_what_the_models_say(seen: Pair, asked: Pair) -> None:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    noisy = (asked[0] + 0.8 * torch.rand(asked[0].shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    flat = noisy.flatten(1).numpy()
    x, y = seen[0].flatten(1).numpy(), seen[1].numpy()
    pairs = [
        (linear_svm(*seen), LinearSVC(random_state=0)),
        (DecisionTree(*seen), DecisionTreeClassifier(random_state=0)),
        (nearest_neighbours(*seen, k=1), KNeighborsClassifier(1)),
        (nearest_neighbours(*seen, k=5), KNeighborsClassifier(5)),
    ]
    for ours, theirs in pairs:
        assert np.array_equal(ours(noisy).argmax(1).numpy(), theirs.fit(x, y).predict(flat))
    with pytest.raises(ValueError, match="even"):
        nearest_neighbours(*seen, k=2)


@pytest.mark.parametrize("eps", [0.05, 0.2, 0.35])
def test_nobody_beats_the_trees_worst_case(eps: float, seen: Pair, asked: Pair) -> None:
    tree = DecisionTree(*seen)
    x, y = asked
    possible = tree.can_be_wrong(x, y, eps)
    generator = torch.Generator().manual_seed(0)
    fooled = torch.zeros(len(x), dtype=torch.bool)
    for _ in range(300):
        delta = eps * (torch.randint(0, 2, x.shape, generator=generator) * 2.0 - 1)
        fooled |= tree((x + delta).clamp(0, 1)).argmax(1) != y
    attack = square_attack(tree, x, Linf(eps), Margin(y), queries=100, quantize=False)
    fooled |= run(attack, keep_steps=False).logits.argmax(1) != y
    assert not bool((fooled & ~possible).any())
    assert torch.equal(tree.can_be_wrong(x, y, 0.0), tree(x).argmax(1) != y)


def test_the_trees_worst_case_is_reached_on_a_grid() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(60, 2, generator=generator)
    y = ((x[:, 0] - 0.5) * (x[:, 1] - 0.5) > 0).long()
    tree, eps = DecisionTree(x, y), 0.11
    moves = torch.cartesian_prod(torch.linspace(-eps, eps, 401), torch.linspace(-eps, eps, 401))
    for point, label in zip(x[:20], y[:20], strict=True):
        found = bool((tree((point + moves).clamp(0, 1)).argmax(1) != label).any())
        assert found == bool(tree.can_be_wrong(point[None], label[None], eps))


def test_compare_tells_the_truth_and_only_gets_worse(seen: Pair, asked: Pair) -> None:
    lender = list(train(*seen, epochs=3))[-1].model
    last: dict[str, Standing] = {}
    for standing in compare(seen, asked, lender, 0.2, queries=60):
        before = last.get(standing.model)
        if before is not None:
            assert standing.queries > before.queries and standing.asked >= before.asked  # type: ignore[operator]
        last[standing.model] = standing
    assert list(last) == ["linear SVM", "decision tree", "3 nearest neighbours"]
    for each in last.values():
        assert each.untouched <= 0.05 and each.asked is not None and each.queries <= 60
        assert each.worst is None or max(each.untouched, each.noise, each.borrowed, each.asked) <= each.worst
    svm = linear_svm(*seen)
    assert last["linear SVM"].worst == error(svm, *asked, 0.2, box=True) > last["linear SVM"].noise
