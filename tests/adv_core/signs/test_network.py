"""The network: its shapes and sizes, its files, and its opinion of real photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from adv_core.datasets import photograph
from adv_core.signs import CLASSES, INDEX, SIDE, SignNetwork, sign_network
from adv_core.signs.backgrounds import UNSEEN
from adv_core.signs.network import CHECKPOINT, checkpoint, edges, load, save
from adv_core.signs.training import nothing_seen
from tests.paths import ROOT

REAL = ROOT.parent / "shared" / "weights" / "tests_only" / "lisa_cnn_stop_sign"


def seen(pictures: list[Image.Image]) -> Tensor:
    """The pictures, shrunk or enlarged to what the network takes."""
    small = [picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for picture in pictures]
    return torch.from_numpy(np.stack([np.asarray(each) for each in small])).permute(0, 3, 1, 2).float() / 255


def test_the_network_is_small() -> None:
    network = sign_network()
    assert sum(weights.numel() for weights in network.parameters()) <= 500_000
    assert CHECKPOINT.with_suffix(".npz").stat().st_size <= 1_000_000
    assert network is sign_network() and not network.training
    assert all(not w.requires_grad and w.dtype == torch.float32 for w in network.parameters())


def test_pixels_become_logits() -> None:
    x = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0), requires_grad=True)
    logits = sign_network()(x)
    logits.sum().backward()
    assert logits.shape == (2, len(CLASSES)) and x.grad is not None and x.grad.abs().sum() > 0
    with pytest.raises(ValueError, match=r"shape \(2, 3, 32, 32\): give pixels \(N, 3, 48, 48\)"):
        sign_network()(x[..., :32, :32])


def test_edges_are_the_same_in_the_shadow_and_in_the_sun() -> None:
    x = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(edges(0.4 * x + 0.3), edges(x), atol=0.2)
    assert edges(torch.full_like(x, 0.7)).abs().max() < 1e-4
    swapped = x[:, [1, 0, 2]] * torch.tensor([0.587 / 0.299, 0.299 / 0.587, 1])[None, :, None, None]
    assert torch.allclose(edges(swapped), edges(x), atol=1e-3)  # colours of equal luminance


def test_a_saved_network_is_read_again(tmp_path: Path) -> None:
    network = SignNetwork().half().float()
    save(network, {"command": "none"}, tmp_path / "some")
    again = load(tmp_path / "some")
    assert again.figures == {"command": "none"}
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.network.parameters(), strict=True))
    (tmp_path / "some.npz").write_bytes(b"damaged")
    for name in ("some", "absent"):
        with pytest.raises(ValueError, match="is damaged"):
            load(tmp_path / name)


def test_the_sign_of_the_sample_photograph_is_seen() -> None:
    composite = photograph("stop_sign_composite")
    pictures = [composite, composite.crop((120, 75, 395, 355))]
    assert sign_network()(seen(pictures)).argmax(1).tolist() == [INDEX["stop"]] * 2


def test_the_other_photographs_show_no_sign() -> None:
    whole = {name: bool(nothing_seen(sign_network(), name)[0]) for name in UNSEEN}
    assert all(whole.values()), whole


@pytest.mark.parametrize("folder", ["signs_256", "signs_32"])
def test_real_stop_signs_are_recognised(folder: str) -> None:
    files = sorted((REAL / folder).glob("*.png"))
    if not files:
        pytest.skip("the photographs of Eykholt et al. are not there; they are no part of this repository")
    right = sign_network()(seen([Image.open(file) for file in files])).argmax(1) == INDEX["stop"]
    assert len(files) == 20 and int(right.sum()) >= 18


def test_the_figures_tell_how_it_was_made() -> None:
    figures = checkpoint().figures
    assert figures["command"] == "python -m adv_core.signs.training" and figures["judged"]["right"] >= 0.98
