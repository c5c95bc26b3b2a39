"""Measurements behind the figures in the texts of the lesson on speech.

They need espeak-ng, flite and festival for synthesised speech, and for `recordings` the packages that
`adv_core.speech.recordings` names.

python -m bench.speech                       # all of it: hours
python -m bench.speech judge                 # both networks on people, see bench/speech_people.py
python -m bench.speech commands              # a network of twelve commands, see bench/speech_commands.py
python -m bench.speech words recordings attack noise                        # the small network
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from adv_core.attacks.step import run
from adv_core.speech.attack import STEPS, as_samples, heard_as, hide, with_noise
from adv_core.speech.recogniser import needed_frames, recogniser, word_errors
from adv_core.speech.recordings import Recorded, phrases, telephone
from adv_core.speech.sound import Samples, distortion, signal_to_noise
from adv_core.speech.synthesis import phrase
from adv_core.speech.training import judge, synthesised
from bench.speech_commands import commands
from bench.speech_people import judge as judge_both
from pages.lessons.speech.tasks import Clip

WORK = Path("speech_work")
PAIRS = 100


def words() -> None:
    """Print word error rates on voices that were never trained on."""
    found = judge(recogniser().network, WORK)
    print("\n| 500 new phrases, spoken by | wrong words |\n|---|---|")
    print(f"| ten voices of espeak-ng, accents that it knows | {found['espeak']:.1%} |")
    print(f"| the same ten, accents that it does not know | {found['abroad']:.1%} |")
    print(f"| rms of flite | {found['flite']:.1%} |")


def recordings() -> None:
    """Print word error rates on people: one on the telephone, and three recordings of others."""
    print("\n| recorded | words | wrong |\n|---|---|---|")
    _count("single words, one speaker, by telephone (8 kHz)", telephone())
    _count("phrases, three speakers", phrases())


def _count(title: str, recorded: list[Recorded]) -> None:
    if not recorded:
        print(f"| {title} | not installed | |")
        return
    said = heard_as(recogniser().network, [each.samples for each in recorded])
    for each, heard in zip(recorded, said, strict=True):
        if heard != each.text:
            print(f"{each.text}: {heard}", file=sys.stderr)
    wrong = sum(word_errors(each.text, heard) for each, heard in zip(recorded, said, strict=True))
    total = sum(len(each.text.split()) for each in recorded)
    print(f"| {title} | {total} | {wrong} ({wrong / total:.0%}) |", flush=True)


def pairs() -> list[tuple[Samples, str, str]]:
    """(clip, its text, the target text): clips and targets that no setting was tuned on."""
    half = PAIRS // 2
    found, chance = [], Random("targets")
    for part in ("espeak", "flite"):
        corpus = synthesised(part, half, WORK, 2)
        for index in range(half):
            clip, text = np.asarray(corpus.clip(index)), corpus.texts[index]
            target = phrase(chance)
            while target == text or needed_frames(target) > Clip.of(clip).frames:
                target = phrase(chance)
            found.append((clip, text, target))
    return found


def attack() -> None:
    """Attack a hundred clips, each with another phrase as the target."""
    decibels, ratios, firsts, wholes = [], [], [], []
    for clip, _, target in pairs():
        began, first, last = time.perf_counter(), None, None
        for step in hide(recogniser().network, clip, target, steps=STEPS):
            last = step
            if first is None and heard_as(recogniser().network, [as_samples(step.adversarial)])[0] == target:
                first = time.perf_counter() - began
        assert last is not None
        wholes.append(time.perf_counter() - began)
        changed = as_samples(last.adversarial)
        if first is not None and heard_as(recogniser().network, [changed])[0] == target:
            firsts.append(first)
            decibels.append(distortion(clip, changed))
            ratios.append(signal_to_noise(clip, changed))
    quarters = np.percentile(decibels, [25, 50, 75])
    print("\n| pairs | reached | dB: quarter, median, three quarters | SNR | first success: median, latest | run |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {PAIRS} | {len(decibels)} | {quarters[0]:.1f}, **{quarters[1]:.1f}**, {quarters[2]:.1f} | "
        f"{np.median(ratios):.0f} dB | {np.median(firsts):.1f} s, {max(firsts):.1f} s | {np.median(wholes):.1f} s |"
    )


def noise() -> None:
    """Test white noise on the clip, on hidden words, and on words hidden with noisy views. Ten pairs, ten draws."""
    network = recogniser().network
    understood = [each for each in pairs() if heard_as(network, [each[0]])[0] == each[1]][:10]
    lines: dict[str, list[tuple[Samples, str]]] = {"the clip itself": [(clip, text) for clip, text, _ in understood]}
    for views in (0, 2, 4):
        made = []
        for clip, _, target in understood:
            made.append((as_samples(run(hide(network, clip, target, steps=STEPS, views=views)).adversarial), target))
        loud = np.median([distortion(clip, changed) for (clip, *_), (changed, _) in zip(understood, made, strict=True)])
        lines[f"hidden words, {views} noisy views ({loud:.0f} dB)"] = made
    print("\n| of 100 | no noise | 40 dB | 30 dB | 20 dB |\n|---|---|---|---|---|")
    for name, clips in lines.items():
        kept = [sum(heard_as(network, [clip])[0] == text for clip, text in clips) * 10]
        for snr in (40.0, 30.0, 20.0):
            kept.append(
                sum(
                    heard_as(network, [with_noise(clip, snr, 900_000 + draw)])[0] == text
                    for clip, text in clips
                    for draw in range(10)
                )
            )
        print(f"| {name} | " + " | ".join(map(str, kept)) + " |", flush=True)


TOPICS: dict[str, Callable[[], None]] = {
    "judge": judge_both,
    "commands": commands,
    "words": words,
    "recordings": recordings,
    "attack": attack,
    "noise": noise,
}

if __name__ == "__main__":
    for topic in sys.argv[1:] or TOPICS:
        TOPICS[topic]()
