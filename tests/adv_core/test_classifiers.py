import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adv_core import Classifier, ClassifierError, Untargeted, input_gradient, list_classifiers, load_classifier
from adv_core import classifiers as module
from adv_core.classifiers import EVERYDAY, Weights, categories, fetch, info_of, main, torchvision_info
from adv_core.images import is_8bit
from adv_core.networks.device import pick_device
from adv_core.networks.torchvision_compat import ensure_torchvision_imports


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_packaged_classifiers_know_the_photographs(name: str) -> None:
    from tests.paths import ROOT

    clf = load_classifier(name, device="cpu")
    image = module_image(ROOT / "assets" / "photos" / "giant_panda.jpg")
    x = clf.prepare(image)
    size = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}[name]
    assert x.shape == (1, 3, size, size) and x.dtype == torch.float32 and is_8bit(x)
    index, title, probability = clf.predict(x, top=1)[0]
    assert (index, title) == (388, "giant panda") and probability > 0.5
    assert clf.info.parameters == sum(p.numel() for p in clf.info.load().parameters())
    assert not clf.training and not any(p.requires_grad for p in clf.parameters())


def module_image(path: Path):  # type: ignore[no-untyped-def]
    from adv_core import open_image

    return open_image(path.read_bytes())


def test_normalisation_lives_inside(classifier: Classifier) -> None:
    x = torch.rand(1, 3, 224, 224)
    expected = classifier.network((255 * x - 127) / 128)
    torch.testing.assert_close(classifier(x), expected, rtol=1e-4, atol=1e-4)


def test_other_sizes_are_resized_differentiably(classifier: Classifier) -> None:
    x = torch.rand(1, 3, 300, 280)
    assert classifier(x).shape == (1, 1000)
    assert bool(input_gradient(classifier, x, Untargeted(1)).gradient.abs().sum() > 0)


def test_loaded_in_inference_mode() -> None:
    with torch.inference_mode():
        clf = load_classifier(device="cpu")
        assert clf.predict(torch.rand(1, 3, 224, 224), top=1)
    assert bool(input_gradient(clf, torch.rand(1, 3, 224, 224), Untargeted(1)).gradient.abs().sum() > 0)


def test_predict(classifier: Classifier) -> None:
    best = classifier.predict(torch.rand(1, 3, 224, 224), top=3)
    assert len(best) == 3 and best[0][2] >= best[1][2] >= best[2][2]
    assert all(classifier.categories[i] == name for i, name, _ in best)


def test_everyday_names_stand_in_brackets() -> None:
    names = categories()
    assert names[296] == "ice bear (polar bear)" and names[404] == "airliner"
    assert len(set(names)) == 1000 and all(names[label].endswith(f" ({name})") for label, name in EVERYDAY.items())
    plain = {name.split(" (")[0].lower() for name in names}
    assert not plain & {name.lower() for name in EVERYDAY.values()}  # none is the name of another class


def test_registry() -> None:
    names = [info.name for info in list_classifiers()]
    assert names[0] == "efficientnet_lite0" and {"alexnet", "googlenet", "resnet50", "convnext_tiny"} <= set(names)
    assert len(names) == 17


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu" and pick_device("auto").type in {"cpu", "cuda", "mps"}


def test_unknown_name() -> None:
    with pytest.raises(ClassifierError, match="no classifier"):
        load_classifier("nonsense")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its address on this machine."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def small(web: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """torchvision's SqueezeNet with random weights on a web server of our own; its real loading code."""
    ensure_torchvision_imports()
    from torchvision import models

    folder, address = web
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1(weights=None).state_dict(), folder / "small.pth")
    digest = hashlib.sha256((folder / "small.pth").read_bytes()).hexdigest()
    name = f"small-{digest[:8]}.pth"
    (folder / "small.pth").rename(folder / name)
    weights = models.SqueezeNet1_1_Weights.DEFAULT
    patched = replace(weights.value, url=f"{address}/{name}")
    monkeypatch.setattr(weights, "_value_", patched)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    info = torchvision_info("squeezenet1_1", "Small", 2016, "a paper")
    assert isinstance(info.checkpoint, Weights) and info.checkpoint.file_name == name
    monkeypatch.setitem(module.REGISTRY, "small", info)
    return "small"


def test_download_on_first_use(small: str) -> None:
    assert not info_of(small).is_here
    clf = load_classifier(small, device="cpu")
    assert info_of(small).is_here and clf(torch.rand(1, 3, 224, 224)).shape == (1, 1000)
    torch.manual_seed(0)
    from torchvision import models

    expected = models.squeezenet1_1(weights=None).eval()
    x = torch.rand(1, 3, 224, 224)
    torch.testing.assert_close(clf(x), expected((x - clf.mean) / clf.std))


def test_download_reports_progress(small: str) -> None:
    seen = list(fetch(small))
    assert seen[-1][0] == seen[-1][1] > 1e6 and [d for d, _ in seen] == sorted(d for d, _ in seen)
    assert list(fetch(small)) == []


def test_no_network_names_file_and_folder(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(module.urllib.request, "urlopen", refuse)
    with pytest.raises(ClassifierError) as caught:
        load_classifier(small)
    weights = info_of(small).checkpoint
    assert isinstance(weights, Weights)
    assert weights.file_name in str(caught.value) and str(weights.folder) in str(caught.value)


def test_a_damaged_download_is_not_kept(small: str, web: tuple[Path, str]) -> None:
    served = next(web[0].glob("*.pth"))
    served.write_bytes(served.read_bytes()[:-100])
    with pytest.raises(ClassifierError):
        list(fetch(small))
    assert list(info_of(small).path.parent.iterdir()) == []


def test_a_download_that_stops_leaves_nothing(small: str) -> None:
    download = fetch(small)
    next(download)
    download.close()  # type: ignore[attr-defined]
    assert list(info_of(small).path.parent.iterdir()) == []


def test_a_damaged_file_says_what_to_do(small: str) -> None:
    list(fetch(small))
    info_of(small).path.write_bytes(b"rubbish")
    with pytest.raises(ClassifierError, match="delete"):
        load_classifier(small)


class Program:
    """What a pickle can bring with it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_no_file_brings_a_program_with_it(small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one whose checksum is right, and torchvision's own loading would run it."""
    list(fetch(small))
    info = info_of(small)
    torch.save({"classifier.1.bias": Program(tmp_path / "trace")}, info.path)
    monkeypatch.setitem(module.REGISTRY, small, replace(info, sha256=""))
    with pytest.raises(ClassifierError, match="damaged"):
        load_classifier(small)
    assert not (tmp_path / "trace").exists()


def test_a_file_with_another_checksum_is_not_opened(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    list(fetch(small))
    load_classifier(small)
    torch.save({}, info_of(small).path)
    opened: list[object] = []
    monkeypatch.setattr(torch, "load", lambda file, **_: opened.append(file))
    with pytest.raises(ClassifierError, match="damaged"):
        load_classifier(small)
    assert opened == []


def test_the_packaged_weights_are_those_that_were_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.REGISTRY, "other", replace(info_of("efficientnet_lite1"), sha256="0" * 64))
    with pytest.raises(ClassifierError, match="damaged"):
        load_classifier("other")


def test_without_download(small: str) -> None:
    with pytest.raises(ClassifierError, match="Small"):
        load_classifier(small, download=False)


def test_command_line(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", small]) == 0 and info_of(small).is_here
    assert main(["list"]) == 0 and "needs a download" in capsys.readouterr().out
    assert main(["fetch", "nonsense"]) == 1
