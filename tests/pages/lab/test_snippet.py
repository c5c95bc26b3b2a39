"""The program that the page offers is run, and has to give the very pixels that the engine gave."""

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import adv_core
from adv_core import Classifier, open_image
from adv_core.attacks.catalogue import ATTACKS
from adv_core.classifiers import categories
from adv_core.images import to_pixels
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.local import LocalEngine
from adv_core.serving.engine.look import Pictures
from pages.lab.snippet import snippet
from pages.widgets.photograph import OWN
from tests.networks import loaded
from tests.paths import ROOT

BLACK = Pictures.of(np.zeros((1, 1, 3), np.uint8))
BASE = Attack(BLACK, "efficientnet_lite0", eps=(2 / 255,), label=341, steps=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"attack": "targeted", "target": 106, "steps": 3},
        {"attack": "fgsm", "eps": (8 / 255,), "steps": 40, "target": 106},
        {"norm": "l2", "eps": (1.5,), "random_start": True, "restarts": 2, "seed": 3},
        {"attack": "targeted", "target": 9, "objective": "difference", "step": "gradient", "step_size": 12.5},
        {"step_size": 0.7 / 255, "objective": "dlr"},
        {"attack": "apgd", "norm": "l1", "eps": (30.0,), "objective": "margin", "target": 9},
        {"attack": "r_fgsm", "norm": "l0", "eps": (100.0,), "seed": 4, "steps": 40},
        {"attack": "carlini_wagner", "norm": "l2", "eps": (0.0,)},
        {"attack": "smallest", "eps": (0.0,)},
        {"attack": "deepfool", "eps": (0.0,)},
        {"attack": "square", "queries": 4, "steps": 40},
        {"attack": "targeted", "target": 106, "steps": 2, "views": 2, "seed": 7},
        {"whole": True},
        {},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_it_reproduces_the_run_bit_for_bit(
    changes: dict[str, object], classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bool(changes.pop("whole", False))
    image = open_image((ROOT / "assets" / "photos" / "pig.jpg").read_bytes())
    x = classifier.prepare_whole(image) if whole else classifier.prepare(image)
    request = replace(BASE.with_pixels(to_pixels(x)), **changes)  # type: ignore[arg-type]
    expected = LocalEngine("cpu").compute(request)[-1].pixels

    program = snippet(request, "pig", whole=whole, threads=torch.get_num_threads()).script()
    if changes or whole:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(adv_core, "load_classifier", loaded)
        exec(compile(program, "snippet", "exec"), {"__name__": "__main__"})
    else:  # once as its reader runs it
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    saved = np.asarray(Image.open(io.BytesIO((tmp_path / "adversarial.png").read_bytes())))
    assert expected is not None and np.array_equal(saved, expected[0])


# Runs a notebook's cells one after the other in one namespace, as a kernel does.
KERNEL = """
import json, sys
names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), "cell", "exec"), names)
"""


@pytest.mark.slow
def test_its_notebook_runs_from_top_to_bottom(photo: Callable[[str], Tensor], tmp_path: Path) -> None:
    pig_to_wombat = replace(BASE, attack="targeted", target=106, steps=10)
    request = pig_to_wombat.with_pixels(to_pixels(photo("pig")))
    frame = LocalEngine("cpu").compute(request)[-1]
    notebook = snippet(request, "pig", threads=torch.get_num_threads(), amp=20).notebook()
    nbformat.validate(nbformat.reads(notebook.decode(), as_version=4))

    (tmp_path / "lab.ipynb").write_bytes(notebook)
    call = [sys.executable, "-c", KERNEL, "lab.ipynb"]
    env = {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(call, cwd=tmp_path, env=env, check=True, capture_output=True, text=True)
    before, after = ran.stdout.strip().split(" -> ")
    assert categories()[341] in before and categories()[106] in after
    assert int(frame.logits.argmax()) == 106 and frame.pixels is not None
    saved = np.asarray(Image.open(tmp_path / "adversarial.png"))
    assert np.array_equal(saved, frame.pixels[0])
    original, delta, result = np.split(np.asarray(Image.open(tmp_path / "side-by-side.png")), 3, axis=1)
    assert np.array_equal(original, request.pixels) and np.array_equal(result, saved)
    # 127.5 + 20 levels lies between two levels, and float32 decides which of them is drawn.
    assert np.abs(delta - np.clip(127.5 + 20 * (saved.astype(float) - original), 0, 255)).max() < 0.51


@pytest.mark.parametrize("attack", ATTACKS)
def test_its_imports_exist_for_every_attack(attack: str) -> None:
    program = snippet(replace(BASE, attack=attack), "pig").script()
    imports = [line for line in program.splitlines() if line.startswith(("import ", "from "))]
    exec("\n".join(imports), names := {})  # type: ignore[var-annotated]
    assert names[ATTACKS[attack].solver.__name__] is ATTACKS[attack].solver


def test_numbers_read_as_people_write_them() -> None:
    program = snippet(replace(BASE, attack="targeted", target=404, eps=(4 / 255,), steps=40), "pig").script()
    assert "run(pgd(clf, x, Linf(4 / 255), Targeted(404)))" in program
    one_step = snippet(replace(BASE, attack="fgsm", target=404, eps=(4 / 255,), steps=40), "pig").script()
    assert "run(fgsm(clf, x, Linf(4 / 255), Targeted(404)))" in one_step
    assert "step_size=0.7 / 255" in snippet(replace(BASE, step_size=0.7 / 255), "pig").script()
    assert "L2(1.5)" in snippet(replace(BASE, norm="l2", eps=(1.5,)), "pig").script()


def test_own_pictures_have_a_placeholder() -> None:
    assert "my_photo.png" in snippet(BASE, OWN).script()
