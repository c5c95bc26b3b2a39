"""The recogniser: its front end's gradient, CTC, letters and moments."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from adv_core.speech.recogniser import (
    ALPHABET,
    CHECKPOINT,
    FRAME,
    LETTERS,
    LogMel,
    SpeechNetwork,
    collapse,
    load,
    needed_frames,
    recogniser,
    save,
    spell,
    transcripts,
    word_errors,
)
from adv_core.speech.sound import RATE
from adv_core.speech.training import loss_of


def test_the_front_end_has_the_slope_of_finite_differences() -> None:
    front = LogMel().double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 2000, generator=generator, dtype=torch.float64) * 0.1
    weights = torch.randn(front(x).shape, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    (front(x) * weights).sum().backward()
    assert x.grad is not None
    for place in (0, 7, 999, 1999):
        step = torch.zeros_like(x)
        step[0, place] = 1e-6
        with torch.no_grad():
            slope = ((front(x + step) - front(x - step)) * weights).sum() / 2e-6
        assert float(x.grad[0, place]) == pytest.approx(float(slope), rel=1e-4, abs=1e-5)


def test_louder_is_the_same_and_silence_is_finite() -> None:
    front, x = LogMel(), torch.randn(1, 3000, generator=torch.Generator().manual_seed(1)) * 0.05
    assert torch.allclose(front(x), front(4 * x), atol=1e-4)
    silent = torch.zeros(1, 3000, requires_grad=True)
    front(silent).sum().backward()
    assert silent.grad is not None and bool(silent.grad.isfinite().all())


@pytest.mark.parametrize("text", ["a", "ab", "aa"])
def test_ctc_is_the_sum_over_all_paths(text: str) -> None:
    frames, target = 4, spell(text)
    logits = torch.randn(1, frames, 4, generator=torch.Generator().manual_seed(2))  # blank, space, a, b
    chances = logits[0].softmax(1)
    total = sum(
        math.prod(float(chances[frame, one]) for frame, one in enumerate(path))
        for path in itertools.product(range(4), repeat=frames)
        if collapse(path) == target
    )
    assert float(loss_of(logits, [text])[0]) == pytest.approx(-math.log(total), rel=1e-5)


def test_letters() -> None:
    assert needed_frames("door") == 5 and needed_frames("") == 0
    assert collapse([0, 2, 2, 0, 2, 3, 3]) == (2, 2, 3)
    with pytest.raises(ValueError, match="'é'"):
        spell("café")
    logits = torch.full((1, 6, LETTERS), 0.0)
    for frame, one in enumerate([1, *spell("a  b"), 0]):
        logits[0, frame, one] = 9.0
    assert transcripts(logits) == ["a b"]
    assert len(ALPHABET) + 1 == LETTERS


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [("a b c", "a b c", 0), ("a b c", "a c", 1), ("a", "a b c", 2), ("a b", "c d", 2), ("", "x", 1)],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert word_errors(said, heard) == errors


def test_the_shipped_network_is_small_and_whole() -> None:
    network = recogniser().network
    assert sum(p.numel() for p in network.parameters()) <= 1_500_000
    assert (CHECKPOINT / "recogniser.npz").stat().st_size <= 3 * 2**20
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_damaged_or_exchanged_weights_are_not_loaded(tmp_path: Path) -> None:
    save(SpeechNetwork(16, (3,)), {"width": 16, "kernels": [3]}, tmp_path)
    assert load(tmp_path).network.device.type == "cpu"
    weights = tmp_path / "recogniser.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    for told in (None, "{}", "nothing"):
        if told is not None:
            (tmp_path / "recogniser.json").write_text(told)
        with pytest.raises(ValueError, match="missing or damaged"):
            load(tmp_path)


def test_frames_last_twenty_milliseconds() -> None:
    network = SpeechNetwork(16, (3,)).eval()
    one, two = (network(torch.randn(1, n)).shape[1] for n in (RATE, 2 * RATE))
    assert two - one == round(1 / FRAME)
    assert np.isclose(FRAME, 0.02)
