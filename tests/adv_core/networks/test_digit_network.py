"""The small network for digits: its file, its bytes, and what is said of a damaged one."""

from pathlib import Path

import pytest
import torch

from adv_core.networks.digit_network import DigitNetwork, checkpoint, names, pack, read, save, unpack


def test_pixels_in_logits_out() -> None:
    network = DigitNetwork()
    assert network(torch.rand(3, 1, 28, 28)).shape == (3, 10)
    assert sum(p.numel() for p in network.parameters()) == 166_406


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, same, other = DigitNetwork(1), DigitNetwork(1), DigitNetwork(2)
    assert torch.equal(torch.rand(2), expected)
    assert pack(one) == pack(same) != pack(other)


def test_packed_and_unpacked_it_answers_nearly_the_same() -> None:
    network, x = DigitNetwork(5), torch.rand(4, 1, 28, 28)
    again = unpack(pack(network))
    assert torch.allclose(again(x), network(x), atol=1e-3)
    assert pack(again) == pack(network)
    assert not again.training and not any(p.requires_grad for p in again.parameters())


@pytest.mark.parametrize("weights", [b"", b"abc", bytes(2 * 166_406 + 2), bytes(2 * 166_404)])
def test_other_bytes_are_refused(weights: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(weights)


def test_saved_and_read_again(tmp_path: Path) -> None:
    network = DigitNetwork(4)
    save(network, {"error": 0.5}, "four", tmp_path)
    again, figures = read("four", folder=tmp_path)
    assert names(tmp_path) == ["four"] and figures == {"error": 0.5} and pack(again) == pack(network)


def test_what_is_missing_or_damaged_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkpoint 'none'"):
        read("none", folder=tmp_path)
    save(DigitNetwork(), {}, "broken", tmp_path)
    file = tmp_path / "broken.npz"
    for content in (b"", b"rubbish", file.read_bytes()[:5000]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            read("broken", folder=tmp_path)


def test_another_file_of_the_right_shape_is_damage_too(tmp_path: Path) -> None:
    save(DigitNetwork(1), {}, "one", tmp_path)
    save(DigitNetwork(2), {}, "two", tmp_path)
    (tmp_path / "two.npz").replace(tmp_path / "one.npz")
    with pytest.raises(ValueError, match="damaged"):
        read("one", folder=tmp_path)


@pytest.mark.parametrize("name", names())
def test_the_shipped_ones_are_whole(name: str) -> None:
    assert "sha256" not in read(name).figures


def test_a_checkpoint_is_loaded_once() -> None:
    assert checkpoint("standard").network is checkpoint("standard").network
