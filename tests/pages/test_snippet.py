"""The program that the page offers is run, and has to give the very pixels that the page shows."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adv_core import L2, Classifier, Linf, Targeted, TargetedDifference, Untargeted, fgsm, open_image, pgd, run
from adv_core.images import to_pixels
from pages.widgets.settings import OWN, Settings
from pages.widgets.snippet import snippet
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "settings",
    [
        Settings(image="pig", target=106, eps=2, steps=3),
        Settings(image="pig", attack="fgsm", eps=8),
        Settings(image="pig", attack="pgd", norm="l2", eps2=1.5, steps=2, random=True, seed=3),
        Settings(image="pig", target=9, loss="difference", rule="gradient", alpha=12.5, steps=2),
        Settings(image="pig", attack="pgd", alpha=0.7, steps=2),
    ],
    ids=["targeted", "fgsm", "l2", "gradient", "alpha"],
)
def test_it_reproduces_delta_bit_for_bit(settings: Settings, classifier: Classifier, tmp_path: Path) -> None:
    x = classifier.prepare(open_image((ROOT / "assets" / "photos" / "pig.jpg").read_bytes()))
    y = classifier.predict(x, top=1)[0][0]
    ball = Linf(settings.radius) if settings.norm == "linf" else L2(settings.radius)
    objective = Untargeted(y)
    if settings.attack == "targeted":
        difference = settings.loss == "difference"
        objective = TargetedDifference(y, settings.target) if difference else Targeted(settings.target)
    if settings.attack == "fgsm":
        steps = fgsm(classifier, x, ball, objective)
    else:
        steps = pgd(
            classifier,
            x,
            ball,
            objective,
            steps=settings.steps,
            step_size=settings.step_size,
            step=settings.rule,
            random_start=settings.random,
            seed=settings.seed,
        )
    expected = run(steps)

    program = snippet(settings, y, threads=torch.get_num_threads())
    program += "\ntorch.save(result.delta, 'delta.pt')\n"
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert torch.equal(torch.load(tmp_path / "delta.pt"), expected.delta)
    saved = np.asarray(Image.open(io.BytesIO((tmp_path / "adversarial.png").read_bytes())))
    assert np.array_equal(saved, to_pixels(expected.adversarial))


def test_a_target_that_is_the_present_class_runs_as_on_the_page() -> None:
    program = snippet(Settings(target=341, loss="difference"), 341)
    assert "fgsm" in program and "run(pgd(clf, x, Linf(4 / 255), Targeted(341), steps=40))" in program


def test_own_pictures_have_a_placeholder() -> None:
    assert "my_photo.png" in snippet(Settings(image=OWN), 1)
