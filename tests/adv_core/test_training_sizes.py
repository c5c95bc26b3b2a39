"""Trainings on few digits and on many: the figures, and the script that measures them."""

from pathlib import Path
from statistics import mean

import pytest

from adv_core.training_sizes import EPOCHS, SEEDS, figures, main


def test_with_more_digits_the_gap_is_narrower() -> None:
    trainings = figures()["trainings"]
    assert len(trainings) == 2 * len(EPOCHS) * len(SEEDS)
    robust = [each for each in trainings if each["inner"] == "pgd"]
    gaps = [mean(e["clean"] - e["robust"] for e in robust if e["digits"] == count) for count in sorted(EPOCHS)]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < gaps[0] / 2


def test_the_script_measures_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, less in (("EPOCHS", {20: 1, 40: 2}), ("JUDGED", 20), ("SEEDS", (0,))):
        monkeypatch.setattr(f"adv_core.training_sizes.{name}", less)
    main(["--file", str(tmp_path / "sizes.json")])
    told = figures(tmp_path / "sizes.json")
    assert [(each["inner"], each["digits"]) for each in told["trainings"]] == [
        ("none", 20), ("none", 40), ("pgd", 20), ("pgd", 40)
    ]  # fmt: skip
    assert all(0 <= each["robust"] <= each["clean"] <= 1 for each in told["trainings"])
