"""Each lesson shows its program, with the page's settings and its link, and offers both of its forms."""

import pytest

from pages.contents import LESSONS
from tests.pages.visit import link, nothing_computed, visit
from tests.paths import ROOT

# A setting of each lesson, and what it is in the program.
CHANGED = {
    "threat-models": ("eps", "3", "eps = 3 / 255"),
    "fgsm-and-pgd": ("eps", "0.07", "Linf(0.07)"),
    "linear-models": ("eps", "0.3", "eps = 0.3"),
    "adversarial-training": ("epochs", "3", "epochs=3"),
    "evaluation": ("eps", "0.24", "Linf(0.24)"),
    "fooling-images": ("target", "7", "target = 7"),
    "patches": ("target", "7", "Targeted(7)"),
    "signs": ("target", "yield", 'INDEX["yield"]'),
    "physical": ("views", "3", "samples=3"),
    "black-box": ("queries", "150", "queries=150"),
    "unrestricted": ("turn", "12", "turn=12"),
    "defences": ("quality", "33", 'Defence("jpeg", 33)'),
    "why": ("target", "5", "torch.tensor([5])"),
    "poisoning": ("target", "3", "trigger, 3, share"),
    "speech": ("steps", "77", "steps=77"),
}


@pytest.mark.parametrize(
    ("file", "address"),
    [(each.file, each.address) for each in LESSONS if (ROOT / "pages" / each.file).with_name("program.py").exists()],
)
def test_the_page_shows_its_program(file: str, address: str) -> None:
    setting, value, code = CHANGED[address]
    with nothing_computed():
        at = visit(file, **{setting: value})
    assert link(at)[setting] == value
    (program,) = [each.value for each in at.code if each.language == "python"]
    assert code in program and f"{setting}={value}" in program.split("import")[0]
    labels = [each.proto.label for each in at.get("download_button")]
    assert {"Program (.py)", "Notebook (.ipynb)"} <= set(labels)
