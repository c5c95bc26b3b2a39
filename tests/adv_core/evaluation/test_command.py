"""The command, in an empty folder, with networks that are not ours."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adv_core.evaluate import Bar, main
from adv_core.evaluation import Evaluation
from adv_core.evaluation.examples import examples_of
from adv_core.evaluation.networks import network_of
from adv_core.networks.digit_network import DigitNetwork, checkpoint
from adv_core.networks.safetensors import read_safetensors

QUICK = ["--steps", "4", "--targets", "1", "--queries", "10", "--curve", "4"]

NETWORKS = """
import copy

import numpy as np
import torch
from torch import nn

from adv_core.datasets import mnist
from adv_core.networks.digit_network import checkpoint


def resnet():
    from adv_core.networks.torchvision_compat import ensure_torchvision_imports

    ensure_torchvision_imports()
    import torchvision

    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None)


def forest():
    from sklearn.tree import DecisionTreeClassifier

    digits = mnist("train", range(10))[:500]
    model = DecisionTreeClassifier(random_state=0).fit(digits.images.flatten(1).numpy(), digits.labels.numpy())
    return lambda x: torch.from_numpy(np.log(model.predict_proba(x.flatten(1).numpy()) + 1e-3)).float()


class WithDropout(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.dropout = copy.deepcopy(checkpoint("standard").network), nn.Dropout(0.5)

    def forward(self, x):
        return self.body(self.dropout(x))


def in_train_mode():
    return WithDropout().train()


def probabilities():
    return nn.Sequential(copy.deepcopy(checkpoint("standard").network), nn.Softmax(1))


model = copy.deepcopy(checkpoint("standard").network)
number = 3


def broken():
    return torch.load("absent.pt")


def with_arguments(name):
    return model


class NotANumber(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :3] * float("nan")


def one_answer(x):
    return x.mean()


def numbers_of_classes(x):
    return x.flatten(1)[:, :3].long()


def arrays(x):
    return x.flatten(1).numpy()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "networks.py").write_text(NETWORKS)
    (tmp_path / "wrong.py").write_text("\ndef build(:\n")
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            pixels = generator.integers(0, 256, (32, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path


class Reader(HTMLParser):
    """Collects the tags, and the addresses that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        self.fetched += [str(given[name]) for name in ("src", "href") if name in given]
        self.alts += [given.get("alt") or ""] if tag == "img" else []


@pytest.mark.parametrize(
    ("network", "data", "key"),
    [
        ("resnet", ["--data", "pictures", "--size", "32"], "chance"),
        ("forest", ["--data", "mnist", "--limit", "8"], "no_gradient"),
        ("in_train_mode", ["--data", "mnist", "--limit", "8"], "train_mode"),
        ("probabilities", ["--data", "mnist", "--limit", "8"], "probabilities"),
    ],
)
def test_a_network_that_is_not_ours_gets_its_warning(
    network: str, data: list[str], key: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"networks.py:{network}", *data, "--eps", "0.1", *QUICK]) == 0
    told = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    assert key in [warning["key"] for warning in told["warnings"]] and told["finished"]
    printed = capsys.readouterr()
    assert "pointwise worst case" in printed.out and "Warning: " in printed.out
    page = (folder / "evaluation" / "report.html").read_text()
    reader = Reader()
    reader.feed(page)
    assert all(address.startswith("data:image/png;base64,") for address in reader.fetched)
    assert "script" not in reader.tags and all(reader.alts) and told["warnings"][0]["text"].split("(")[0] in page
    assert sorted(path.name for path in (folder / "evaluation").iterdir()) == ["evaluation.json", "report.html"]


def test_the_report_has_pictures_and_a_curve(folder: Path) -> None:
    given = ["digits/standard", "--limit", "12", "--eps", "0.2", "--steps", "10", "--targets", "1", "--queries", "20"]
    assert main([*given, "--out", "here"]) == 0
    page = (folder / "here" / "report.html").read_text()
    reader = Reader()
    reader.feed(page)
    assert (
        reader.tags.count("img") >= 9 and "svg" in reader.tags and "python -m adv_core.evaluate digits/standard" in page
    )
    told = json.loads((folder / "here" / "evaluation.json").read_text())
    assert f"{100 * told['robust_accuracy']:.1f} % at the ε of the verdict" in page
    assert told["network"] == "digits/standard" and told["robust_accuracy"] < told["clean_accuracy"] == 1


def test_it_is_stopped_and_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["networks.py:model", "--data", "mnist", "--limit", "12", "--eps", "0.1", "--batch", "4", *QUICK]
    assert main([*given, "--out", "whole"]) == 0
    show = Bar.show

    def interrupted(bar: Bar, now: Evaluation) -> None:
        show(bar, now)
        if now.attacks[1].tried:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Bar, "show", interrupted)
        assert main([*given, "--out", "parts"]) == 130
    assert (folder / "parts" / "state.npz").is_file() and "goes on from here" in capsys.readouterr().out
    assert "stopped before its end" in (folder / "parts" / "report.html").read_text()
    assert main([*given, "--out", "parts", "--seed", "1"]) == 2  # another evaluation
    assert "another evaluation" in capsys.readouterr().err
    assert main([*given, "--out", "parts"]) == 0
    assert "Going on from" in capsys.readouterr().out and not (folder / "parts" / "state.npz").exists()
    whole, parts = (json.loads((folder / name / "evaluation.json").read_text()) for name in ("whole", "parts"))
    assert whole["broken_by"] == parts["broken_by"] and whole["smallest"] == parts["smallest"]


def test_weights_in_a_safetensors_file(folder: Path) -> None:
    write_safetensors(folder / "digits.safetensors", checkpoint("standard").network.state_dict())
    given = ["digits.safetensors", "--architecture", "digits", "--limit", "6", "--eps", "0.1", *QUICK]
    assert main(given) == 0
    told = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    assert told["clean_accuracy"] == 1 and told["network"] == "digits.safetensors"


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.numpy().tobytes()
        offsets = [len(data), len(data) + len(values)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += values
    told = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + data)


def test_safetensors_are_read_as_they_are_written_and_damage_is_told(tmp_path: Path) -> None:
    path, state = tmp_path / "a.safetensors", DigitNetwork(3).state_dict()
    write_safetensors(path, state)
    read = read_safetensors(path)
    assert read.keys() == state.keys() and all(torch.equal(read[name], state[name]) for name in state)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-4], b"\xff" * 8 + whole[8:], whole.replace(b'"F32"', b'"X99"')):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="safetensors"):
            read_safetensors(path)


def test_data_that_do_not_fit_are_told(folder: Path) -> None:
    digits, flat = network_of("digits/standard", device="cpu"), folder / "pictures" / "cat"
    lists = {
        "0.png;3\n": "lists no pictures",
        "9.png,3\n": "line 1: there is no picture .*9.png",
        "0.png,3\n1.png,dog\n": "line 2: ",
        "\x80": "UTF-8",
    }
    for text, words in lists.items():
        (flat / "labels.csv").write_text(text, "latin-1")
        with pytest.raises(ValueError, match=words):
            examples_of(str(flat), digits)
    (folder / "a.npz").write_text("x")
    with pytest.raises(ValueError, match="no npz file"):
        examples_of("a.npz", digits)
    x = np.zeros((2, 1, 8, 8), np.float32)
    wrong = (
        ({"x": x, "y": ["a", "b"]}, "has to hold numbers"),
        ({"x": x[:, 0]}, "N, C, H, W"),
        ({"x": x.astype(int) + 256}, "from 256 to 256: give 8 bits"),
    )
    for arrays, words in wrong:
        np.savez(folder / "a.npz", **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=words):
            examples_of("a.npz", digits)


def test_labels_come_from_folders_a_table_or_an_array(folder: Path) -> None:
    digits = network_of("digits/standard", device="cpu")
    named = examples_of("pictures", digits)
    assert named.classes == ["cat", "dog"] and named.y is not None and named.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert named.x.shape == (6, 3, 28, 28)
    assert examples_of("pictures", digits, grey=True, limit=4).x.shape == (4, 1, 28, 28)
    flat = folder / "pictures" / "cat"
    (flat / "labels.csv").write_text("file,label\n2.png,7\n0.png,3\n")
    listed = examples_of(str(flat), digits)
    assert listed.y is not None and listed.y.tolist() == [7, 3]
    (flat / "labels.csv").unlink()
    assert examples_of(str(flat), digits).y is None
    for kind, fifth in ((np.uint8, 51), (np.uint16, 13107), (np.int64, 51), (np.float64, 0.2)):
        np.savez(folder / "a.npz", x=np.full((5, 8, 8, 3), fifth, kind), y=np.arange(5))
        stored = examples_of("a.npz", digits)
        assert stored.x.shape == (5, 3, 8, 8) and float(stored.x.max()) == pytest.approx(0.2) and stored.y is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nothing"], "no network 'nothing'"),
        (["networks.py"], "networks.py:build"),
        (["absent.py:build"], "no file absent.py"),
        (["networks.py:absent", "--data", "mnist"], "it has .*resnet"),
        (["networks.py:absent", "--data", "mnist"], "it has (?!copy)"),
        (["networks.py:number", "--data", "mnist"], "is or returns a int"),
        (["networks.py:broken", "--data", "mnist"], r"line \d+ fails in broken\(\) with FileNotFoundError"),
        (["wrong.py:build", "--data", "mnist"], "wrong.py, line 2 fails as it is read with SyntaxError"),
        (["networks.py:with_arguments", "--data", "mnist"], "Give what it returns"),
        (["networks.py:NotANumber", "--data", "mnist"], "3 of 3 examples with NaN"),
        (["networks.py:one_answer", "--data", "mnist"], r"the shape \(\)"),
        (["networks.py:numbers_of_classes", "--data", "mnist"], "torch.int64"),
        (["networks.py:arrays", "--data", "mnist"], "torch.from_numpy"),
        (["networks.py:model", "--data", "pictures"], r"shape \(2, 3, 32, 40\).*--grey"),
        (["networks.py:model", "--data", "mnist", "--surrogate", "networks.py:resnet"], "resnet fails"),
        (["networks.py:model", "--data", "mnist", "--eot", "0"], "--eot has to be 1 or more"),
        (["networks.py:model", "--data", "mnist", "--device", "nowhere"], "no device 'nowhere'"),
        (["networks.py:model", "--data", "mnist", "--out", "networks.py"], "cannot be made a folder"),
        (["networks.py:model", "--data", "mnist", "--eps", "8"], "give --eps 8/255"),
        (["networks.py:model", "--data", "mnist", "--eps", "8/"], "8/255"),
        (["networks.py:model", "--data", "mnist", "--eps", "1e999"], "8/255"),
        (["networks.py:model"], "--data FOLDER"),
        (["networks.py:model", "--data", "nowhere"], "no nowhere"),
        (["networks.py:model", "--data", "mnist", "--eps", "much"], "8/255"),
        (["networks.py:model", "--data", "mnist", "--eps=-1"], "above zero"),
        (["networks.py:model", "--data", "mnist", "--attacks", "magic"], "no attack 'magic'"),
        (["weights.safetensors"], "--architecture"),
        (["weights.safetensors", "--architecture", "digits"], "no file weights.safetensors"),
    ],
)
def test_errors_are_sentences(given: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*given, "--limit", "3"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert re.search(words, printed)


def test_pictures_of_different_sizes_need_a_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (9, 7)).save(folder / "pictures" / "cat" / "9.png")
    assert main(["networks.py:resnet", "--data", "pictures"]) == 2
    assert "--size" in capsys.readouterr().err


def test_the_bar_tells_what_stands_and_the_time_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    init: Callable[..., None] = Bar.__init__
    monkeypatch.setattr(Bar, "__init__", lambda bar: init(bar, written.append, terminal=True))
    assert main(["networks.py:model", "--data", "mnist", "--limit", "6", "--eps", "0.1", *QUICK]) == 0
    assert any("stand" in line and "left" in line and "[#" in line for line in written)
    assert any("100%" in line for line in written) and written[-1].strip() == ""
