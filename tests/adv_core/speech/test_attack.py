"""Sounds as points of [0, 1], and the attack on what a 16-bit file holds."""

import re

import numpy as np
import pytest
import torch

from adv_core.objectives import Targeted
from adv_core.perturbation_sets import Linf
from adv_core.serving.limits import Limits
from adv_core.speech.attack import (
    GRAIN,
    Listener,
    Spoken,
    as_input,
    as_samples,
    heard_as,
    hide,
    quietest,
    rooms,
    with_noise,
)
from adv_core.speech.recogniser import CHECKPOINT, recogniser
from adv_core.speech.sound import FULL, distortion, open_sound
from pages.lessons.speech.tasks import Clip, Disturb, Hide, Listen, melody, refused, rushing

CLIPS = sorted((CHECKPOINT / "clips").glob("*.flac"))
SYNTHESISED = [file for file in CLIPS if file.stem in ("weather", "music", "numbers", "dog")]


def test_every_level_of_16_bits_comes_back() -> None:
    levels = np.arange(-FULL, FULL, dtype=np.int16)
    x = as_input(levels)
    assert float(x.min()) == 0 and float(x.max()) < 1
    assert np.array_equal(as_samples(x), levels)


def test_what_is_heard_is_the_rounded_file() -> None:
    network = recogniser().network
    x = as_input(rushing(0.5)) + 0.3 * GRAIN
    assert torch.equal(Listener(network)(x)[:, 0], network((torch.from_numpy(rushing(0.5)) / FULL)[None].float()))


@pytest.mark.parametrize("file", CLIPS, ids=lambda file: file.stem)
def test_the_shipped_clips_can_be_made_to_say_something_else(file) -> None:
    """Within 60 steps, and 25 dB below the clip."""
    network, clip, aim = recogniser().network, open_sound(file.read_bytes()).samples, Spoken("open the door")
    assert heard_as(network, [clip])[0] != aim.text
    for step in hide(network, clip, aim.text, steps=60):
        changed = as_samples(step.adversarial)
        if bool(aim.reached(step.logits)) and distortion(clip, changed) < -25:
            break
    assert heard_as(network, [changed])[0] == aim.text and distortion(clip, changed) < -25
    assert np.abs(changed.astype(int) - clip).max() == round(float(step.delta.abs().max()) / GRAIN)


def test_the_quietest_success_is_kept() -> None:
    """Two classes, one value: the second wins from x = 0.625 on, and the level of a 6-bit file that does is known."""
    grain = 1 / 64

    def f(x: torch.Tensor) -> torch.Tensor:
        seen = x + ((x / grain).round() * grain - x).detach()
        return torch.stack([torch.zeros(len(x)), seen[:, 0] - 0.624], 1)

    x = torch.tensor([[0.5], [0.75]])
    steps = list(quietest(f, x, Linf(torch.tensor([0.25, 0.25])), Targeted(1), grain=grain, steps=60))
    assert torch.equal(steps[-1].adversarial, torch.tensor([[0.625], [0.75]]))
    missed = list(quietest(f, x[:1], Linf(4 * grain), Targeted(1), grain=grain, steps=20))[-1]
    assert float(missed.delta) == pytest.approx(4 * grain)


def test_views_are_averaged_and_the_file_itself_is_the_first() -> None:
    network, clip = recogniser().network, rushing(0.4)
    plain, noisy = Listener(network), Listener(network, rooms(3), seed=1)
    logits = noisy(as_input(clip))
    assert logits.shape[1] == 4 and torch.allclose(logits[:, :1], plain(as_input(clip)), atol=1e-4)
    aim = Spoken("a")
    each = torch.stack([aim(logits[:, [view]]) for view in range(4)])
    assert torch.allclose(aim(logits), each.mean(0))


@pytest.mark.parametrize("file", SYNTHESISED, ids=lambda file: file.stem)
def test_the_synthesised_clips_are_understood_in_noise(file) -> None:
    network, clip = recogniser().network, open_sound(file.read_bytes()).samples
    said = heard_as(network, [clip])[0]
    for snr in (40.0, 30.0, 20.0):
        assert heard_as(network, [with_noise(clip, snr, draw) for draw in range(10)]).count(said) >= 8


def test_noise_has_the_loudness_that_is_asked_for() -> None:
    clip = melody(1.0)
    noise = with_noise(clip, 20, 0).astype(float) - clip
    assert 10 * np.log10(np.square(clip.astype(float)).sum() / np.square(noise).sum()) == pytest.approx(20, abs=0.2)
    assert np.array_equal(with_noise(clip, 20, 0), with_noise(clip, 20, 0))


class Here:
    device = torch.device("cpu")


def test_tasks() -> None:
    clip = Clip.of(rushing(0.4))
    (heard,) = Listen(clip).records(Here())
    assert heard.text == " ".join("".join(m.letter for m in heard.moments).split())
    tries = list(Hide(clip, "yes", steps=40).records(Here()))
    found = [t for t in tries if t.found]
    assert len(tries) == 40 and found and all(t.text == "yes" for t in found)
    levels = [t.level for t in found]
    assert levels == sorted(levels, reverse=True)
    assert np.abs(found[-1].found.samples.astype(int) - clip.samples).max() == levels[-1]
    rows = list(Disturb((clip,), (heard.text,), snrs=(60.0,), draws=2).records(Here()))
    assert [r.of for r in rows] == [1, 2] and rows[0].kept <= rows[1].kept


def test_what_cannot_be_said_is_refused_with_a_sentence() -> None:
    clip = Clip.of(rushing(0.5))
    assert "does not fit" in (refused(clip, "a" * 14) or "")  # 27 moments, of 25
    assert "'4'" in (refused(clip, "route 4") or "") and refused(clip, "") and refused(clip, "yes") is None
    with pytest.raises(ValueError, match="does not fit"):
        Hide(clip, "open the secret door please now").check()
    with pytest.raises(ValueError, match=re.escape("1 ... 7")):
        Hide(clip, "yes", steps=8).check(Limits(max_sound_steps=7))
    with pytest.raises(ValueError, match="at most 10 seconds"):
        Listen(Clip(b"")).check()
