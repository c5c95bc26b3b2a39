"""A network of twelve commands, attacked as in Alzantot et al. 2018: six seconds of people become other commands."""

import pytest

from bench.speech_commands import FOLDER, flips


def test_six_cuts_become_other_commands() -> None:
    rows = flips()
    if not rows:
        pytest.skip(f"no DS-CNN in {FOLDER}")
    assert len(rows) == 6
    for each in rows:
        assert each.before != each.target and each.after == each.target and each.snr >= 36
