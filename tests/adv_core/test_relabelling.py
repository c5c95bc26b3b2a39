"""Relabelled training sets, what a network learns from them, and the figures of the search."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest
import torch

from adv_core import L2, Linf
from adv_core.datasets import Digits, mnist
from adv_core.images import is_8bit
from adv_core.networks.digit_network import DigitNetwork, checkpoint
from adv_core.relabelling import SEARCH, Relabelled, Trial, figures, main, new_labels, relabelled
from adv_core.training import Recipe, train, wrong_at


@pytest.fixture(scope="module")
def data() -> Digits:
    return mnist("train", range(10))[:1200]


def test_no_new_label_is_the_true_one() -> None:
    true = torch.arange(10).repeat(200)
    other = new_labels(true, seed=1)
    assert not bool((other == true).any()) and torch.equal(other, new_labels(true, seed=1))
    counted = torch.bincount(other[true == 3], minlength=10)
    assert counted[3] == 0 and int(counted.sum()) == 200 and int(counted[counted > 0].min()) > 5  # all nine
    assert not torch.equal(other, new_labels(true, seed=2))
    assert torch.equal(new_labels(true, "next")[:10], torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 0]))
    with pytest.raises(ValueError, match="other, next"):
        new_labels(true, "any")  # type: ignore[arg-type]


@pytest.mark.parametrize("delta_set", [Linf(0.1), L2(2.0)])
@pytest.mark.parametrize("noise", [False, True])
def test_the_digits_move_within_the_ball_to_8_bit_values(data: Digits, delta_set: Linf | L2, noise: bool) -> None:
    x, labels = data[:300].images, new_labels(data.labels[:300])
    parts = list(relabelled(checkpoint("standard").network, x, labels, delta_set, steps=5, noise=noise))
    assert [len(part.x) for part in parts] == [250, 300] == [len(part.reached) for part in parts]
    made = parts[-1]
    assert is_8bit(made.x) and torch.equal(made.labels, labels)
    sizes = delta_set.norm(made.x - x)
    assert float(sizes.max()) <= delta_set.radius * (1 + 1e-5) and float(sizes.min()) > 0.5 * delta_set.radius
    reached = checkpoint("standard").network(made.x).argmax(1) == labels
    assert torch.equal(made.reached, reached) and bool(reached.float().mean() > 0.2) is not noise


def test_wrong_labels_teach_to_read_where_the_perturbation_explains_them(data: Digits) -> None:
    source, labels, test = checkpoint("standard").network, new_labels(data.labels), mnist("test", range(10))[:500]

    def read(made: Relabelled) -> float:
        network = DigitNetwork(1)
        for _ in train(network, made.x, made.labels, Recipe("none", epochs=10)):
            pass
        return 1 - float(wrong_at(network, test.images, test.labels).float().mean())

    *_, moved = relabelled(source, data.images, labels, L2(3.0), steps=7)
    *_, control = relabelled(source, data.images, labels, L2(3.0), noise=True)
    assert read(moved) > 0.3 and read(control) < 0.06
    kept = ~wrong_at(checkpoint("robust_03").network, moved.x, data.labels)
    assert float(kept.float().mean()) > 0.95  # a person's labels are still the old ones


def test_the_figures_are_those_of_the_search() -> None:
    told, names = figures(), [each.name for each in fields(Trial)]
    assert [{name: each[name] for name in names} for each in told] == [asdict(trial) for trial in SEARCH]
    ordinary = [each for each in told if each["source"] == "standard" and each["rule"] == "other"]
    assert max(each["accuracy"] for each in ordinary) > 0.6 and all(each["control"] < 0.02 for each in told)
    assert all(each["old label kept"] > 0.95 for each in told)


def test_the_search_writes_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adv_core.relabelling.SEARCH", (Trial(images=100, epochs=1, rule="next"),))
    main(["--file", str(tmp_path / "figures.json")])
    assert [each["rule"] for each in figures(tmp_path / "figures.json")] == ["next"]
