import numpy as np
import pytest

from adv_core.serving.engine.attack import Frame
from pages.lab.settings import Settings
from pages.lab.verdict import judge
from pages.widgets.photograph import OWN
from pages.widgets.stage import percent


def run_ending_at(label: int, gradient: float = 1.0) -> list[Frame]:
    logits = np.zeros((1, 1000), np.float32)
    logits[0, label] = 10
    norm = np.array([gradient])
    size, norms = np.array([2 / 255]), np.zeros((1, 2))
    return [
        Frame(0, None, logits, np.zeros(1), norm, size, norms),
        Frame(1, None, logits, np.zeros(1), None, size, norms),
    ]


@pytest.mark.parametrize(
    ("settings", "end", "changed", "gradient", "kind", "words"),
    [
        (Settings(), 404, 9, 1.0, "success", "Fooled"),
        (Settings(attack="pgd"), 7, 9, 1.0, "success", "Fooled"),
        (Settings(target=235), 235, 9, 1.0, "warning", "already"),
        (Settings(eps=0), 235, 0, 1.0, "info", "ε = 0"),
        (Settings(), 235, 9, 1.0, "info", "too small"),
        (Settings(loss="difference"), 7, 9, 1.0, "info", "third class"),
        (Settings(attack="pgd"), 235, 9, 1.0, "info", "Raise ε"),
        (Settings(attack="fgsm"), 235, 9, 1.0, "info", "try PGD"),
        (Settings(attack="smallest"), 7, 9, 1.0, "success", "ε = 2/255"),
        (Settings(attack="smallest", eps=0), 7, 9, 1.0, "success", "smallest"),
        (Settings(attack="deepfool"), 235, 9, 1.0, "info", "more steps"),
        (Settings(attack="hop_skip_jump"), 235, 9, 1.0, "info", "more queries"),
        (Settings(attack="square"), 7, 9, 1.0, "success", "2 queries"),
        (Settings(attack="square"), 235, 9, 1.0, "info", "Allow more queries"),
        (Settings(attack="apgd", aim=True), 7, 9, 1.0, "info", "too small"),
        (Settings(attack="pgd"), 235, 0, 0.0, "warning", "vanished"),
        (Settings(attack="pgd", rule="gradient"), 235, 0, 1.0, "warning", "step size"),
        (Settings(attack="pgd", norm="l2", eps2=0.001), 235, 0, 1.0, "warning", "larger ε"),
    ],
)
def test_every_end_has_its_reason(
    settings: Settings, end: int, changed: int, gradient: float, kind: str, words: str
) -> None:
    verdict = judge(settings, 235, run_ending_at(end, gradient), changed)
    assert verdict.kind == kind and words in verdict.text


def test_short_steps_are_named() -> None:
    settings = Settings(attack="pgd", rule="gradient")
    assert "10 % of ε" in judge(settings, 235, run_ending_at(235), 9, used=0.1).text
    assert "Raise ε" in judge(settings, 235, run_ending_at(235), 9, used=0.9).text


def test_a_picture_that_was_misclassified_to_start_with() -> None:
    fooled = run_ending_at(404)
    assert "wrong before" not in judge(Settings(), 235, fooled, 9).text
    assert "wrong before" in judge(Settings(), 234, fooled, 9).text
    assert "wrong before" not in judge(Settings(image=OWN), 234, fooled, 9).text


def test_percent_never_claims_certainty() -> None:
    shown = [percent(p).replace("\u00a0", " ") for p in (0, 0.0004, 0.5, 0.9994, 1)]
    assert shown == ["< 0.1 %", "< 0.1 %", "50.0 %", "99.9 %", "> 99.9 %"]
