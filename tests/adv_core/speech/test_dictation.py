"""The attack on Moonshine: its loss, its views, and what the saved file is written down as."""

import numpy as np
import pytest
import torch

from adv_core.speech.attack import GRAIN, Listener, as_input, as_samples
from adv_core.speech.dictation import SHIFT, Dictated, Forced, dictate, dictated, spelling, written
from adv_core.speech.moonshine import Moonshine, moonshine
from adv_core.speech.recogniser import CHECKPOINT
from adv_core.speech.sound import Samples, open_sound, signal_to_noise
from adv_core.speech.wording import same_words
from pages.lessons.speech.tasks import Clip, Disturb, Hide, Listen, rushing
from tests.networks import Here

TARGET = "Open the front door"


@pytest.fixture(scope="module")
def network() -> Moonshine:
    return moonshine()


@pytest.fixture(scope="module")
def clip() -> Samples:
    return open_sound((CHECKPOINT / "clips" / "country.flac").read_bytes()).samples


@pytest.mark.parametrize(
    ("text", "spelt"),
    [("open the door", "Open the door."), ("  Is it?  ", "Is it?"), ("it’s evil.com", "It's evil.com."), ("a", "A.")],
)
def test_a_target_is_spelt_as_a_sentence(text: str, spelt: str) -> None:
    assert spelling(text) == spelt


def test_the_objective_is_minus_the_loss_of_the_network(network: Moonshine, clip: Samples) -> None:
    numbers = network.pieces.spell(spelling(TARGET))
    logits = Listener(Forced(network, numbers))(as_input(clip))
    wave_form = torch.from_numpy(clip.astype(np.float32) / 32768)[None]
    expected = -float(network.loss(wave_form, spelling(TARGET)))
    assert float(Dictated(tuple(numbers))(logits)[0]) == pytest.approx(expected, rel=1e-3)
    assert not bool(Dictated(tuple(numbers)).reached(logits))


def test_what_is_reached_is_written(network: Moonshine, clip: Samples) -> None:
    said = dictated(network, [clip])[0]
    aim = Dictated(tuple(network.pieces.spell(said)))
    forced = Forced(network, aim.numbers)
    assert bool(aim.reached(Listener(forced)(as_input(clip))))
    assert written(network, forced.frames, len(clip)) == said


def test_views_are_noisy_and_shifted(network: Moonshine, clip: Samples) -> None:
    heard: list[torch.Tensor] = []

    def hear(rows: torch.Tensor) -> torch.Tensor:
        heard.append(rows)
        return rows[:, :1]

    Listener(hear, (30.0, 40.0), SHIFT, seed=1)(as_input(clip))  # type: ignore[arg-type]
    (rows,) = heard
    sound = rows[0]
    for row, snr in zip(rows[1:], (30.0, 40.0), strict=True):
        gaps = {}
        for shift in range(-SHIFT, SHIFT + 1):
            moved = torch.nn.functional.pad(sound, (shift, -shift))
            gaps[shift] = float((row - moved).square().mean())
        assert 10 * np.log10(float(sound.square().mean()) / min(gaps.values())) == pytest.approx(snr, abs=0.3)


def test_a_person_is_written_down_as_something_else(network: Moonshine, clip: Samples) -> None:
    """Within 60 steps, 30 dB below the clip, in the file that is saved."""
    steps = [step for step, _ in dictate(network, clip, TARGET, steps=60)]
    changed = as_samples(steps[-1].adversarial)
    assert same_words(dictated(network, [changed])[0], TARGET)
    assert signal_to_noise(clip, changed) > 30
    assert np.abs(changed.astype(int) - clip).max() == round(float(steps[-1].delta.abs().max()) / GRAIN)


def test_tasks(clip: Samples) -> None:
    (heard,) = Listen(Clip.of(clip), "moonshine").records(Here())
    assert "".join(piece for piece, _ in heard.pieces).replace("\u2581", " ").strip() == heard.text
    assert 0.5 < heard.sure <= 1 and all(0 <= sure <= 1 for _, sure in heard.pieces) and not heard.moments
    tries = list(Hide(Clip.of(clip), TARGET, steps=25, network="moonshine").records(Here()))
    assert len(tries) == 25 and tries[0].text == heard.text
    found = [each for each in tries if each.found]
    assert found and all(same_words(each.text, TARGET) for each in found)
    rows = list(Disturb((Clip.of(clip),), (heard.text,), (40.0,), draws=2, network="moonshine").records(Here()))
    assert [row.kept for row in rows] == [1, 2]


def test_a_waterfall_says_a_sentence(network: Moonshine) -> None:
    tries = Hide(Clip.of(rushing(2.0)), "Yes", steps=60, network="moonshine").records(Here())
    assert any(each.found for each in tries)
