"""The voices are those that were asked for. espeak-ng goes on in another one where it does not find them."""

import itertools
import shutil
from pathlib import Path

import pytest

from adv_core.speech.synthesis import (
    BRED,
    ESPEAK_ACCENTS,
    ESPEAK_VARIANTS,
    MIXES,
    UNSEEN_ACCENTS,
    UNSEEN_FLITE,
    UNSEEN_VARIANTS,
    WORDS,
    Line,
    breed,
    line,
    say,
)

speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is needed to train only")


def test_lines_are_a_function_of_their_number() -> None:
    lines = [line(number) for number in range(300)]
    assert lines == [line(number) for number in range(300)] and lines != [line(number, seed=1) for number in range(300)]
    assert {word for each in lines for word in each.text.split()} <= set(WORDS) and len(WORDS) >= 150
    assert all(1 <= len(each.text.split()) <= 5 for each in lines)


def test_nobody_is_trained_on_whom_the_judge_listens_to() -> None:
    trained = {line(number, part).voice for number in range(2000) for part in MIXES}
    assert {voice.partition("+")[0] for voice in trained}.isdisjoint(UNSEEN_ACCENTS)
    assert not any(voice.partition("+")[2] in UNSEEN_VARIANTS or voice == UNSEEN_FLITE for voice in trained)
    assert not set(UNSEEN_VARIANTS) & set(ESPEAK_VARIANTS)
    for number in range(100):
        assert line(number, "flite").voice == UNSEEN_FLITE
        (accent, _, speaker), (foreign, _, stranger) = (
            line(number, part).voice.partition("+") for part in ("espeak", "abroad")
        )
        assert {speaker, stranger} <= set(UNSEEN_VARIANTS) and accent in ESPEAK_ACCENTS and foreign in UNSEEN_ACCENTS


@speaks
def test_every_voice_sounds_different(tmp_path: Path) -> None:
    voices = breed(tmp_path)
    variants = [*ESPEAK_VARIANTS[:8], *UNSEEN_VARIANTS[:4], *(f"bred{i}" for i in range(0, BRED, 50))]
    asked = [f"{accent}+{one}" for accent, one in itertools.product(("en", "en-us"), variants)]
    asked += [f"{accent}+f4" for accent in {*ESPEAK_ACCENTS, *UNSEEN_ACCENTS} - {"en", "en-us"}]
    said = {voice: say(Line("tell me the weather", "espeak-ng", voice, 150, 50), voices).tobytes() for voice in asked}
    assert len(set(said.values())) == len(said)


@speaks
def test_a_bred_accent_is_spoken(tmp_path: Path) -> None:
    """A rule that espeak-ng does not know would be an accent that nobody hears."""
    voices = breed(tmp_path, "accents")
    for number in range(6):
        name = f"broad{number}"
        file = voices / "espeak-ng-data" / "voices" / "!v" / name
        own = say(Line("the hot house over the bird is all mine", "espeak-ng", f"en+{name}", 150, 50), voices)
        assert "replace" in file.read_text()
        file.write_text("".join(row for row in file.read_text().splitlines(True) if not row.startswith("replace")))
        plain = say(Line("the hot house over the bird is all mine", "espeak-ng", f"en+{name}", 150, 50), voices)
        assert own.tobytes() != plain.tobytes()


@speaks
def test_a_voice_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        say(Line("yes", "espeak-ng", "nobody", 150, 50))
