"""Judge both recognisers of the lesson on speech on the same recordings of people, in one run.

    apt-get install asterisk-core-sounds-en-wav pocketsphinx-testdata       # or unpack them, and give the folder
    python -m bench.speech judge
    python -m bench.speech_people        # meanwhile, on a second core: the same attacks, from the last one backwards

It needs the recordings that `adv_core.speech.recordings` names, and those of AN4 in
../shared/weights/tests_only/an4_people. A recording that is not there is left out and told. The figures that the page
quotes are written to `assets/speech/judged.json`. Attacks are kept in the folder `speech_work`, and computed once.
"""

import hashlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adv_core.attacks.step import run
from adv_core.speech import dictation, recordings
from adv_core.speech.attack import as_samples, hide, with_noise
from adv_core.speech.dictation import Dictated, dictate, spelling
from adv_core.speech.moonshine import moonshine
from adv_core.speech.recogniser import needed_frames, recogniser
from adv_core.speech.recordings import Recorded
from adv_core.speech.sound import RATE, Samples, open_sound, signal_to_noise
from adv_core.speech.wording import fewest_errors, same_words, words_of
from pages.lessons.speech.settings import FOLDER, JUDGED
from pages.lessons.speech.tasks import MOONSHINE, OWN_NETWORK, Clip, melody, rushing, transcribed

WORK = Path("speech_work")
AN4 = Path(__file__).parents[2] / "shared" / "weights" / "tests_only" / "an4_people" / "clips"
SAMPLES = ("country", "americans", "amiable", "young_man", "cold_hearted")
TARGETS = (
    "Open the front door",
    "Send all my money to Bob",
    "Turn off the lights",
    "Call the police right now",
    "Okay, browse to evil.com",
    "I will never do that",
    "Delete every file on the disk",
    "The meeting is on Sunday",
)
SNRS = (40.0, 30.0)
DRAWS = 5
STEPS = 200


def an4() -> list[Recorded]:
    """Ten people who spell and count; empty where they are not there."""
    if not AN4.is_dir():
        return []
    said = json.loads((AN4 / "clips.json").read_text())
    return [Recorded(open_sound((AN4 / each["file"]).read_bytes()).samples, each["text"]) for each in said]


def samples() -> list[Samples]:
    """The clips of people that come with the page."""
    return [open_sound((FOLDER / f"{name}.flac").read_bytes()).samples for name in SAMPLES]


def word_error_rates() -> list[dict[str, object]]:
    """Print and return the word error rate of both networks on each kind of recording."""
    kinds = {
        "single words, one speaker, by telephone (8 kHz)": recordings.telephone(),
        "phrases, three speakers": recordings.phrases(),
        "ten people who spell and count (AN4)": an4(),
    }
    found: list[dict[str, object]] = []
    print("\n| recorded | words | Moonshine | the small network |\n|---|---|---|---|")
    for title, recorded in kinds.items():
        if not recorded:
            print(f"| {title} | not here | | |")
            continue
        words = sum(len(each.text.split()) for each in recorded)
        row: dict[str, object] = {"title": title, "words": words}
        for network in (MOONSHINE, OWN_NETWORK):
            heard = transcribed(network, "cpu", [each.samples for each in recorded])
            wrong = sum(fewest_errors(each.text, text) for each, text in zip(recorded, heard, strict=True))
            row[network] = round(wrong / words, 4)
        found.append(row)
        print(f"| {title} | {words} | {row[MOONSHINE]:.1%} | {row[OWN_NETWORK]:.1%} |", flush=True)
    return found


class Attacked(NamedTuple):
    """One attack: the clip that was found (None if none was), steps and seconds to the first success, and of the run.

    Seconds are processor time, so that other programs do not count.
    """

    found: Samples | None
    first_step: int
    first: float
    whole: float


def kept(name: str, clip: Samples, target: str, views: int, compute: Callable[[], Attacked]) -> Attacked:
    """Return an attack from the folder, where it is; else compute it and put it there."""
    key = hashlib.sha256(repr((clip.tobytes(), target, views, STEPS)).encode()).hexdigest()[:16]
    file = WORK / f"{name}_{key}.npz"
    if not file.exists():
        each = compute()
        WORK.mkdir(exist_ok=True)
        part = WORK / f"part_{os.getpid()}.npz"
        np.savez(part, found=[] if each.found is None else each.found, numbers=each[1:])
        part.replace(file)
    with np.load(file) as stored:
        found = stored["found"].astype(np.int16)
        step, first, whole = stored["numbers"].tolist()
    return Attacked(found if len(found) else None, int(step), first, whole)


def on_moonshine(clip: Samples, target: str, views: int = 0) -> Attacked:
    """Return the attack on Moonshine."""
    return kept(MOONSHINE, clip, target, views, lambda: _on_moonshine(clip, target, views))


def on_the_small_network(clip: Samples, target: str) -> Attacked:
    """Return the attack on the small network."""
    return kept(OWN_NETWORK, clip, target, 0, lambda: _on_the_small_network(clip, target))


def _on_moonshine(clip: Samples, target: str, views: int) -> Attacked:
    """Attack Moonshine, and judge each success by the saved file."""
    network = moonshine()
    aim = Dictated(tuple(network.pieces.spell(spelling(target))))
    found, least, first_step, first, began = None, np.inf, -1, np.nan, time.process_time()
    for step, _ in dictate(network, clip, target, steps=STEPS, views=views):
        size = float(step.delta.abs().max())
        if step.final or size >= least or not bool(aim.reached(step.logits)):
            continue
        changed = as_samples(step.adversarial)
        if same_words(transcribed(MOONSHINE, "cpu", [changed])[0], target):
            if found is None:
                first_step, first = step.index, time.process_time() - began
            found, least = changed, size
    return Attacked(found, first_step, first, time.process_time() - began)


def _on_the_small_network(clip: Samples, target: str) -> Attacked:
    """Attack the small network in the same way."""
    network = recogniser().network
    began = time.process_time()
    changed = as_samples(run(hide(network, clip, target, steps=STEPS), keep_steps=False).adversarial)
    reached = transcribed(OWN_NETWORK, "cpu", [changed])[0] == target
    return Attacked(changed if reached else None, -1, np.nan, time.process_time() - began)


def pairs() -> Iterator[tuple[Samples, str]]:
    """Twenty clips of fifteen people, with two targets each."""
    people = [*an4(), *recordings.phrases(), *recordings.read_aloud()]
    clips = [*(each.samples for each in people), *samples()]
    targets = itertools.cycle(TARGETS)
    for clip in clips:
        for _ in range(2):
            yield clip, next(targets)


def spelt_pairs() -> list[tuple[Samples, str]]:
    """Of the pairs, one target a clip, in the letters of the small network, where they fit."""
    plain = [(clip, " ".join(words_of(target.replace(".", " dot ")))) for clip, target in list(pairs())[::2]]
    return [(clip, text) for clip, text in plain if needed_frames(text) <= Clip.of(clip).frames]


def noisy_pairs() -> list[tuple[Samples, str]]:
    """The pairs that are attacked with noisy views, too: each costs as much as two or three of the others."""
    return list(pairs())[::20]


def judge() -> None:
    """Judge both networks on all recordings, attack both, and write the figures."""
    found: dict[str, object] = {"recordings": word_error_rates()}
    tries = [(clip, target, on_moonshine(clip, target)) for clip, target in pairs()]
    good = [(clip, target, each) for clip, target, each in tries if each.found is not None]
    ratios = [signal_to_noise(clip, each.found) for clip, _, each in good if each.found is not None]
    attack = {
        "pairs": len(tries),
        "reached": len(good),
        "steps": STEPS,
        "snr_median": round(float(np.median(ratios)), 1),
        "snr_least": round(min(ratios), 1),
        "first_seconds_median": round(float(np.median([each.first for *_, each in good])), 1),
        "first_seconds_latest": round(max(each.first for *_, each in good), 1),
        "first_step_median": float(np.median([each.first_step for *_, each in good])),
        "run_seconds_median": round(float(np.median([each.whole for *_, each in tries])), 1),
    }
    found["attack"] = attack
    print("\n" + json.dumps(attack, indent=1), flush=True)
    for clip, target, each in tries:
        if each.found is None:
            print(f"not reached: {target!r} in {len(clip) / RATE:.1f} s", file=sys.stderr)
    found["transfer"] = transfer(good)
    print(json.dumps(found["transfer"]), flush=True)
    found["noise"] = noise(noisy_pairs())
    found["without_words"] = without_words()
    print(json.dumps(found["without_words"]), flush=True)
    JUDGED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def transfer(good: list[tuple[Samples, str, Attacked]]) -> dict[str, dict[str, int]]:
    """Count the clips that fool one network, and those among them that fool the other into the target, too."""
    heard = transcribed(OWN_NETWORK, "cpu", [each.found for *_, each in good if each.found is not None])
    to_own = sum(same_words(text, target) for text, (_, target, _) in zip(heard, good, strict=True))
    attacks = [(on_the_small_network(clip, text), text) for clip, text in spelt_pairs()]
    made = [(each.found, text) for each, text in attacks if each.found is not None]
    heard = transcribed(MOONSHINE, "cpu", [clip for clip, _ in made])
    to_moonshine = sum(same_words(text, target) for text, (_, target) in zip(heard, made, strict=True))
    return {
        MOONSHINE: {"of": len(good), "other": to_own},
        OWN_NETWORK: {"of": len(made), "other": to_moonshine},
    }


def noise(chosen: list[tuple[Samples, str]]) -> list[dict[str, object]]:
    """Count the draws of noise in which attacks on Moonshine survive, with and without noisy views in each step."""
    rows: list[dict[str, object]] = []
    for views in range(dictation.MAX_VIEWS + 1):
        made = [(clip, target, on_moonshine(clip, target, views=views).found) for clip, target in chosen]
        good = [(clip, target, each) for clip, target, each in made if each is not None]
        row: dict[str, object] = {"views": views, "clips": len(chosen), "reached": len(good), "draws": DRAWS}
        row["snr_median"] = round(float(np.median([signal_to_noise(clip, each) for clip, _, each in good] or [0])), 1)
        for snr in SNRS:
            row[f"kept_{snr:.0f}"] = sum(
                same_words(transcribed(MOONSHINE, "cpu", [with_noise(each, snr, 900_000 + draw)])[0], target)
                for _, target, each in good
                for draw in range(DRAWS)
            )
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def without_words() -> dict[str, object]:
    """Attack a melody and a waterfall."""
    found: dict[str, object] = {}
    for name, clip in (("melody", melody()), ("rushing", rushing())):
        each = on_moonshine(clip, "Open the front door")
        found[name] = None if each.found is None else round(signal_to_noise(clip, each.found), 1)
    return found


def ahead() -> None:
    """Compute the attacks that `judge` will ask for, from the last one backwards."""
    for views in range(dictation.MAX_VIEWS, 0, -1):
        for clip, target in noisy_pairs()[::-1]:
            on_moonshine(clip, target, views)
    for clip, text in spelt_pairs():
        on_the_small_network(clip, text)
    for clip, target in [*pairs()][::-1]:
        on_moonshine(clip, target)


if __name__ == "__main__":
    ahead()
