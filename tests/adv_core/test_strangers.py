"""Networks that need a download, with real weights: from torch's cache to the lab and the transfer matrix."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from adv_core.classifiers import DEFAULT, info_of, load_classifier
from adv_core.datasets import photograph
from adv_core.images import fit
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.networks import DeviceNetworks
from bench.strangers import FOLDER, strangers_here
from pages.lessons.black_box.tasks import Transfer, passed
from pages.widgets.photograph import TRUE_CLASSES
from tests.pages.visit import visit, words

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no pretrained networks for tests in {FOLDER}"),
]


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    with strangers_here(tmp_path_factory.mktemp("hub") / "hub") as names:
        yield names


def test_they_know_the_photographs(strangers: list[str]) -> None:
    """SqueezeNet takes the pig for a dog, as it does in its own format."""
    for name, least in zip(strangers, (14, 15), strict=True):
        network = load_classifier(name, "cpu", download=False)
        right = [
            network.predict(network.prepare(photograph(picture)), 1)[0][0] == label
            for picture, label in TRUE_CLASSES.items()
        ]
        assert sum(right) >= least and info_of(name).is_here


def test_the_lab_attacks_one(strangers: list[str]) -> None:
    at = visit(model=strangers[0], hide="noise,curve,save")
    told = words(at)
    assert "on this machine. Iandola et al., 2016" in told
    assert any("Fooled" in box.value for box in at.warning)


def test_a_stranger_is_fooled_less_often_than_the_network_itself(strangers: list[str]) -> None:
    names = ("koala", "german_shepherd", "macaw", "castle")
    pictures = Pictures.of(np.stack([np.asarray(fit(photograph(name), 224, 224)) for name in names]))
    asked = (DEFAULT, *strangers)
    own, *others, count = passed(list(Transfer(pictures, (DEFAULT,), asked, 8 / 255).records(DeviceNetworks("cpu"))))
    assert own == count == 4 and max(others) < 4


def test_outside_nothing_has_changed(tmp_path: Path) -> None:
    before = torch.hub.get_dir(), info_of("mobilenet_v2")
    with strangers_here(tmp_path / "hub"):
        assert info_of("mobilenet_v2") != before[1]
    assert (torch.hub.get_dir(), info_of("mobilenet_v2")) == before
