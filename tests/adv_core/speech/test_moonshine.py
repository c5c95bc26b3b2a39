"""Moonshine: its arithmetic against ONNX Runtime, its tokenizer, its text on people, and its one copy in memory."""

import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from adv_core.serving.engine.networks import DeviceNetworks
from adv_core.speech.__main__ import fetch
from adv_core.speech.moonshine import (
    FOLDER,
    SHA256,
    TOKENIZER,
    WEIGHTS,
    Moonshine,
    forget_unused,
    is_here,
    load,
    moonshine,
)
from adv_core.speech.pieces import END, START, Pieces
from adv_core.speech.recogniser import CHECKPOINT, word_errors
from adv_core.speech.sound import open_sound
from adv_core.speech.wording import fewest_errors, readings, same_words
from tests.paths import ROOT

AN4 = ROOT.parent / "shared" / "weights" / "tests_only" / "an4_people" / "clips"


@pytest.fixture(scope="module")
def network() -> Moonshine:
    return moonshine()


def clip(file: Path) -> Tensor:
    return torch.from_numpy(open_sound(file.read_bytes()).samples.astype(np.float32) / 32768)[None]


def letter_errors(said: str, heard: str) -> int:
    """The letters to change, insert or delete, without spaces: letters that are spelt one by one run together."""
    return word_errors(*(" ".join(text.replace(" ", "")) for text in (said, heard)))


def sample(name: str) -> Tensor:
    return clip(CHECKPOINT / "clips" / f"{name}.flac")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("country", "ask what you can do for your country"),
        ("americans", "and so my fellow americans"),
        ("amiable", "he might even have been made amiable himself"),
        ("cold_hearted", "unless to be rather cold hearted and rather selfish is to be ill disposed"),
    ],
)
def test_people_are_understood(network: Moonshine, name: str, said: str) -> None:
    for beams in (1, 3):
        assert same_words(network.write(sample(name), beams), said)


def test_people_of_an4_are_understood(network: Moonshine) -> None:
    if not AN4.is_dir():
        pytest.skip(f"no recordings of AN4 in {AN4}")
    said = json.loads((AN4 / "clips.json").read_text())
    wrote = {each["text"]: network.write(clip(AN4 / each["file"])) for each in said}
    wrong = sum(fewest_errors(text, heard) for text, heard in wrote.items())
    letters = sum(min(letter_errors(text, each) for each in readings(heard)) for text, heard in wrote.items())
    assert wrong <= 9 and letters <= 5  # of 54 words and 164 letters


def test_the_encoder_is_that_of_the_published_file(network: Moonshine) -> None:
    """pip install --no-deps onnxruntime==1.32.0 moonshine-voice==0.0.44"""
    runtime = pytest.importorskip("onnxruntime")
    package = importlib.util.find_spec("moonshine_voice")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package moonshine-voice is not installed")
    file = Path(package.submodule_search_locations[0]) / "assets" / "tiny-en" / "encoder_model.ort"
    heard = sample("amiable").numpy()
    inputs = {"input_values": heard, "attention_mask": np.ones(heard.shape, np.int64)}
    (theirs,) = runtime.InferenceSession(str(file)).run(["last_hidden_state"], inputs)
    ours = network.encode(torch.from_numpy(heard)).numpy()
    assert (theirs * ours).sum() / np.linalg.norm(theirs) / np.linalg.norm(ours) >= 0.999


def test_piece_after_piece_has_the_logits_of_all_at_once(network: Moonshine) -> None:
    numbers = network.pieces.spell("Open the front door.")
    frames = network.encode(sample("americans"))
    at_once = network.forced(frames, torch.tensor(numbers))
    heard, seen = network.heard(frames), None
    for place, number in enumerate([START, *numbers]):
        logits, seen = network.decode(heard, torch.tensor([[number]]), seen)
        assert torch.allclose(logits[0, 0], at_once[0, place], atol=1e-3)


def test_the_loss_is_that_of_the_pieces_and_of_the_end(network: Moonshine) -> None:
    heard, text = sample("americans"), "And so my fellow Americans."
    chances = network.forced(network.encode(heard), torch.tensor(network.pieces.spell(text))).log_softmax(2)[0]
    wanted = [*network.pieces.spell(text), END]
    sum_ = -sum(float(chances[i, number]) for i, number in enumerate(wanted))
    assert float(network.loss(heard, text)) == pytest.approx(sum_, abs=1e-2)
    assert float(network.loss(heard, "Open the door.")) > sum_


def test_the_gradient_is_the_slope(network: Moonshine) -> None:
    heard = sample("americans")[:, :8000].requires_grad_()
    network.loss(heard, "Yes.").sum().backward()
    assert heard.grad is not None and bool(heard.grad.isfinite().all())
    direction = heard.grad / heard.grad.norm()
    with torch.no_grad():
        up, down = (float(network.loss(heard + step * direction, "Yes.")) for step in (1e-3, -1e-3))
    assert (up - down) / 2e-3 == pytest.approx(float(heard.grad.norm()), rel=0.05)


def test_rows_do_not_see_each_other(network: Moonshine) -> None:
    heard = sample("americans")[:, :16000]
    both = network.loss(torch.cat((heard, heard / 2)), "Yes.")
    assert float(both[1]) == pytest.approx(float(network.loss(heard / 2, "Yes.")), rel=1e-3)


def test_silence_is_heard_as_a_word(network: Moonshine) -> None:
    """The network has never learnt to write nothing; the page tells it."""
    assert network.write(torch.zeros(1, 32000)) == "You"


@pytest.mark.parametrize("text", ["Open the front door.", "Okay, browse to evil.com", "café 東京 🎧", "655-8740", "a"])
def test_the_tokenizer_comes_back(network: Moonshine, text: str) -> None:
    numbers = network.pieces.spell(text)
    assert network.pieces.text(numbers) == text and len(numbers) <= 20
    assert network.pieces.text([START, *numbers, END]) == text


def test_a_common_word_is_one_piece(network: Moonshine) -> None:
    assert len(network.pieces.all) == 32_768
    assert len(network.pieces.spell("Open the front door.")) == 5


def test_there_is_one_copy_until_nobody_has_used_it() -> None:
    began = time.monotonic()
    one = moonshine()
    assert moonshine() is one and not any(p.requires_grad for p in one.parameters()) and not one.training
    assert not forget_unused(began) and moonshine() is one
    assert forget_unused(time.monotonic()) and not forget_unused(time.monotonic())
    assert moonshine() is not one
    assert DeviceNetworks("cpu").forget_unused(time.monotonic())  # as the engine does when nothing is computed


def test_missing_and_damaged_files_are_told(tmp_path: Path) -> None:
    assert not is_here(tmp_path)
    with pytest.raises(ValueError, match="fetch"):
        load(tmp_path)
    for name in SHA256:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path)
    with pytest.raises(ValueError, match="damaged"):
        Pieces(b"\x01a")


def test_fetching_copies_what_has_the_right_checksum(tmp_path: Path) -> None:
    fetch(str(FOLDER), tmp_path / "new")
    assert {file.name for file in (tmp_path / "new").iterdir()} == {WEIGHTS, TOKENIZER}
    for source, said in ((str(tmp_path), "cannot be read"), ("http://localhost:1", "internet connection")):
        with pytest.raises(ValueError, match=said):
            fetch(source, tmp_path / "other")
    (tmp_path / WEIGHTS).write_bytes(b"x")
    with pytest.raises(ValueError, match="checksum"):
        fetch(str(tmp_path), tmp_path / "other")
    assert not (tmp_path / "other").exists()
