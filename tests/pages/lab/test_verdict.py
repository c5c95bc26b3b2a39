import itertools

import numpy as np
import pytest

from adv_core.serving.engine.attack import Frame
from pages.lab.nearness import GROUPS, common_group
from pages.lab.settings import Settings
from pages.lab.verdict import at_step, judge
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
        (Settings(), 404, 9, 1.0, "fooled", "Fooled"),
        (Settings(attack="pgd"), 7, 9, 1.0, "fooled", "Fooled"),
        (Settings(target=235), 235, 9, 1.0, "note", "already"),
        (Settings(eps=0), 235, 0, 1.0, "note", "ε = 0"),
        (Settings(), 235, 9, 1.0, "held", "too small"),
        (Settings(loss="difference"), 7, 9, 1.0, "held", "third class"),
        (Settings(attack="pgd"), 235, 9, 1.0, "held", "Raise ε"),
        (Settings(attack="fgsm"), 235, 9, 1.0, "held", "try PGD"),
        (Settings(attack="fgsm", aim=True), 235, 9, 1.0, "held", "Try *Targeted PGD*"),
        (Settings(attack="smallest"), 7, 9, 1.0, "fooled", "ε = 2/255"),
        (Settings(attack="smallest", eps=0), 7, 9, 1.0, "fooled", "smallest"),
        (Settings(attack="deepfool"), 235, 9, 1.0, "held", "more steps"),
        (Settings(attack="hop_skip_jump"), 235, 9, 1.0, "held", "more queries"),
        (Settings(attack="square"), 7, 9, 1.0, "fooled", "2 queries"),
        (Settings(attack="square"), 235, 9, 1.0, "held", "Allow more queries"),
        (Settings(attack="apgd", aim=True), 7, 9, 1.0, "held", "too small"),
        (Settings(attack="pgd"), 235, 0, 0.0, "note", "vanished"),
        (Settings(attack="pgd", rule="gradient"), 235, 0, 1.0, "note", "step size"),
        (Settings(attack="pgd", norm="l2", eps2=0.001), 235, 0, 1.0, "note", "larger ε"),
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


def test_a_change_of_what_the_network_was_unsure_of_is_no_success() -> None:
    unsure = judge(Settings(), 235, run_ending_at(404), 9, clean=0.077)
    assert unsure.kind == "note" and "7.7" in unsure.text and "unsure before" in unsure.text
    assert judge(Settings(), 235, run_ending_at(404), 9, clean=0.5).kind == "fooled"
    assert (
        "ImageNet has no class" in judge(Settings(image="portrait_astronaut"), 452, run_ending_at(404), 9, 1, 0.2).text
    )


def test_a_near_class_is_named_as_such() -> None:
    near, far = (judge(Settings(attack="pgd"), 235, run_ending_at(end), 9).text for end in (225, 404))
    assert "Both are dogs" in near and "Both" not in far
    assert common_group(1, 391) == "fish" and common_group(235, 281) is None and common_group(404, 895) is None
    spans = sorted(span for group in GROUPS.values() for span in group)
    assert all(low <= high for low, high in spans)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))


def test_a_step_on_the_way_has_its_own_sentence() -> None:
    start, end = run_ending_at(235)[0].probabilities[0], run_ending_at(404)[1].probabilities[0]
    assert at_step(Settings(), 235, 0, start).kind == "held" and "At step 0" in at_step(Settings(), 235, 0, start).text
    assert at_step(Settings(), 235, 3, end).kind == "fooled"
    assert at_step(Settings(target=7), 235, 3, end).kind == "held"


def test_percent_never_claims_certainty() -> None:
    shown = [percent(p).replace("\u00a0", " ") for p in (0, 0.0004, 0.5, 0.9994, 1)]
    assert shown == ["< 0.1 %", "< 0.1 %", "50.0 %", "99.9 %", "> 99.9 %"]
