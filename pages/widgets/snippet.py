"""The current settings as a Python program that gives the same δ."""

from pages.widgets.settings import OWN, Settings


def snippet(settings: Settings, label: int, device: str = "cpu", threads: int = 2) -> str:
    """A runnable program. On the same device, with the same number of threads, it reproduces δ bit for bit."""
    photo = "my_photo.png" if settings.image == OWN else f"assets/photos/{settings.image}.jpg"
    ball = f"Linf({settings.eps} / 255)" if settings.norm == "linf" else f"L2({settings.eps2!r})"
    objective = "Untargeted(y)"
    if settings.attack == "targeted":
        objective = f"Targeted({settings.target})"
        # As on the page: L(y) - L(y) would be nothing to climb.
        if settings.loss == "difference" and settings.target != label:
            objective = f"TargetedDifference(y, {settings.target})"
    solver = f"fgsm(clf, x, {ball}, {objective})"
    if settings.attack != "fgsm":
        options = [f"steps={settings.steps}"]
        if settings.step_size is not None:
            factor = settings.rule == "gradient"
            options.append(f"step_size={settings.alpha!r}" if factor else f"step_size={settings.alpha!r} / 255")
        if settings.rule != "steepest":
            options.append(f'step="{settings.rule}"')
        if settings.random:
            options.append(f"random_start=True, seed={settings.seed}")
        solver = f"pgd(clf, x, {ball}, {objective}, {', '.join(options)})"
    return f'''# Run it in the project's folder, with its environment: .venv/bin/python program.py
from pathlib import Path

import adv_core  # before torch: it sets how torch's threads wait
import torch
from adv_core import L2, Linf, Targeted, TargetedDifference, Untargeted, fgsm, load_classifier, open_image, pgd, run
from adv_core.images import to_pixels, to_png

torch.set_num_threads({threads})
clf = load_classifier("{settings.model}", device="{device}")
x = clf.prepare(open_image(Path("{photo}").read_bytes()))
y = {label}  # what the network says of the untouched picture

result = run({solver})

print(clf.predict(x, top=1), "->", clf.predict(result.adversarial, top=1))
Path("adversarial.png").write_bytes(to_png(to_pixels(result.adversarial)))
'''
