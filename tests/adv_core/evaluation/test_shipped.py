"""The verdicts beside the shipped weights: they belong to these weights and these digits."""

import json

import pytest

from adv_core import Linf
from adv_core.evaluation import evaluate
from adv_core.evaluation.examples import examples_of
from adv_core.evaluation.networks import network_of
from adv_core.networks.digit_network import CHECKPOINTS, names

JUDGED = CHECKPOINTS / "judged"


def test_every_shipped_network_is_judged() -> None:
    assert sorted(file.stem for file in JUDGED.glob("*.json")) == names()


@pytest.mark.parametrize("name", names())
def test_a_verdict_belongs_to_the_weights(name: str) -> None:
    told = json.loads((JUDGED / f"{name}.json").read_text(encoding="utf-8"))
    assert told["network"] == f"digits/{name}" and told["finished"]
    limit = f"--limit {told['examples']} " if told["examples"] < 10_000 else ""
    command = f"python -m adv_core.evaluate digits/{name} --eps {told['eps']:g} {limit}--brief --device cpu"
    assert told["command"] == command
    network = network_of(f"digits/{name}", device="cpu")
    examples = examples_of("mnist", network, limit=told["examples"])
    assert examples.y is not None
    first = next(evaluate(network.classifier, examples.x, examples.y, Linf(told["eps"]), curve=100))
    assert first.settings == told["settings"] and first.clean_accuracy == told["clean_accuracy"]
    standing = told["clean_accuracy"]
    for attack in told["attacks"][:4]:
        standing -= attack["broke"] / told["examples"]
        assert attack["accuracy"] == pytest.approx(standing)
    assert told["robust_accuracy"] == told["attacks"][-1]["accuracy"]


def test_it_is_the_worst_case_that_pgd_alone_does_not_find() -> None:
    """On the network for ε = 0.3, the cascade breaks many more than PGD with 100 steps and ten restarts."""
    told = json.loads((JUDGED / "robust_03.json").read_text(encoding="utf-8"))
    figures = json.loads((CHECKPOINTS / "robust_03.json").read_text(encoding="utf-8"))
    attacked = next(judge["attacked"] for judge in figures["judged"] if judge["eps"] == told["eps"])
    assert 1 - told["robust_accuracy"] > 1.25 * attacked
