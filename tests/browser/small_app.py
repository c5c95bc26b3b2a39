"""The app, whose lessons compute less than visitors get: what a browser shows does not depend on how much that is.

    python -m tests.browser.small_app --server.port 8501

`tests.pages` tests the figures of a lesson; the journeys in this folder test what happens in a browser.
"""

import startup

startup.prepare()  # before anything imports torch

import contextlib
import sys
import time
from dataclasses import replace

from adv_core.defences import masking
from adv_core.defences.masking import SERIES
from adv_core.norms import NORMS
from adv_core.serving.engine.digits import ErrorCurve
from pages.lessons.adversarial_training import tasks as training_tasks
from pages.lessons.adversarial_training import training
from pages.lessons.black_box import tasks as black_box
from pages.lessons.evaluation import tasks as evaluation
from pages.lessons.unrestricted.tasks import RUNGS
from pages.widgets import live
from tests.pages.visit import smaller
from tests.paths import ROOT

# Those that the journeys name. What a lesson does with all samples, it does with these.
PHOTOGRAPHS = ("pig", "german_shepherd", "koala", "giant_panda", "tabby_cat", "polar_bear", "stop_sign_composite")
ANGLES = (0.0, 30.0, -30.0)


def main() -> None:
    from streamlit.web.cli import main as streamlit

    live.time = time  # a visitor's own: `tests.pages.visit` has given it a slow clock
    digits = {
        ErrorCurve: {"images": 20},
        evaluation.CertifiedDigits: {"images": 5},
        evaluation.ProofAndAttack: {"images": 20},
    }
    for key, norm in NORMS.items():  # a curve of two values
        NORMS[key] = replace(norm, sweep=norm.sweep[:1])
    masking.SERIES = evaluation.SERIES = tuple(each for each in SERIES if each.key != "more")
    masking.QUERIES = black_box.JUDGED = training_tasks.HELD_OUT = training.HELD_OUT = 100
    RUNGS["turn"] = 18
    three = (0.0, 0.1, 0.3)
    with contextlib.ExitStack() as lessons:
        for smaller_lesson in (
            smaller("lessons/adversarial_training/page.py", PHOTOGRAPHS, digits, IMAGES=2000, EPS=three, CURVE=three),
            smaller("lessons/black_box/page.py", ROUNDS=2, MOST=2),
            smaller("lessons/defences/page.py", DIGITS=20, DETECTOR_STEPS=20),
            smaller("lessons/evaluation/page.py", IMAGES=20, L2_CURVE=(0.0, 2.0), ANGLES=ANGLES, PROOF=(0.0, 0.1)),
            smaller("lessons/fooling_images/page.py", EIGHT=2, WALL_STEPS=30),
            smaller("lessons/linear_models/page.py", SEEDS=(0,), SAMPLE=20, FITTED=500, QUERIES=50),
            smaller("lessons/patches/page.py", STEPS=40, PLACES=1, FACE_STEPS=3, FACE_VIEWS=2),
            smaller("lessons/physical/page.py", STEPS=20, NEW_VIEWS=8),
            smaller("lessons/poisoning/page.py", IMAGES=2000, EPOCHS=2, SEARCH=10),
            smaller("lessons/signs/page.py", STEPS=10, POSTER_STEPS=4, VIEWS=2, FRAMES=8, DRIVES=1),
            smaller("lessons/threat_models/page.py", SIDE=5, DRAWS=20, STEPS=5),
            smaller("lessons/unrestricted/page.py", QUERIES=32, TRIALS=16, ANGLES=ANGLES),
        ):
            lessons.enter_context(smaller_lesson)
        sys.argv = ["streamlit", "run", str(ROOT / "app.py"), *sys.argv[1:]]
        streamlit()


if __name__ == "__main__":
    main()
