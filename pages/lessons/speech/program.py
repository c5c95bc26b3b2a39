"""The phrase that is hidden in a clip as a program."""

import inspect

from pages.contents import title_of
from pages.lessons.speech.settings import OWN, Settings, page
from pages.lessons.speech.tasks import OWN_NETWORK, melody, rushing
from pages.widgets.program import Part, Program, section

MADE = {"melody": melody, "rushing": rushing}


def clip(name: str) -> Part:
    """Set ``samples`` to the clip of that name; for `OWN`, to that of a file of the reader's own."""
    if name in MADE:
        return Part(
            "The clip, which is synthesised.",
            f"{inspect.getsource(MADE[name])}\n\nsamples = {name}()",
            ("import numpy as np", "from adv_core.speech.sound import RATE, Samples, to_pcm"),
        )
    file = 'Path("my_clip.wav")' if name == OWN else f'(ASSETS / "speech" / "clips" / "{name}.flac")'
    return Part(
        "The clip.",
        f"samples = open_sound({file}.read_bytes()).samples",
        (
            "from pathlib import Path" if name == OWN else "from adv_core.assets import ASSETS",
            "from adv_core.speech.sound import open_sound",
        ),
    )


def own(settings: Settings) -> tuple[Part, Part, str]:
    """The small network, the attack on it, and the name of the function that transcribes a clip."""
    return (
        Part(
            "The recogniser, and what it writes down. One thread is quicker than several on a short clip.",
            "torch.set_num_threads(1)\n"
            "network = recogniser().network\n"
            'print("the clip itself:", heard_as(network, [samples])[0])',
            (
                "import torch",
                "from adv_core.speech.attack import heard_as",
                "from adv_core.speech.recogniser import recogniser",
            ),
        ),
        Part(
            "Reach the phrase, then with ever quieter changes; the last step is the quietest that reached it.",
            f"attack = hide(network, samples, {settings.target!r}, steps={settings.steps}, views={settings.views}, "
            f"seed={settings.seed})\n"
            "found = as_samples(run(attack, keep_steps=False).adversarial)",
            ("from adv_core import run", "from adv_core.speech.attack import as_samples, hide"),
        ),
        "heard_as",
    )


def real(settings: Settings) -> tuple[Part, Part, str]:
    """Moonshine, the attack on it, and the name of the function that transcribes a clip."""
    return (
        Part(
            "The recogniser, and what it writes down. One thread is quicker than several on a short clip.",
            "torch.set_num_threads(1)\n"
            "network = moonshine()\n"
            'print("the clip itself:", dictated(network, [samples])[0])',
            (
                "import torch",
                "from adv_core.speech.dictation import dictated",
                "from adv_core.speech.moonshine import moonshine",
            ),
        ),
        Part(
            "Reach the sentence, then with ever quieter changes; the last step is the quietest that reached it.",
            f"attack = dictate(network, samples, {settings.target!r}, steps={settings.steps}, views={settings.views}, "
            f"seed={settings.seed})\n"
            "found = as_samples(run((step for step, _ in attack), keep_steps=False).adversarial)",
            (
                "from adv_core import run",
                "from adv_core.speech.attack import as_samples",
                "from adv_core.speech.dictation import dictate",
            ),
        ),
        "dictated",
    )


def program(settings: Settings) -> Program:
    """The attack of section 1."""
    network, attack, hears = (own if settings.network == OWN_NETWORK else real)(settings)
    return Program(
        title_of(page.name),
        (
            clip(settings.clip),
            network,
            attack,
            Part(
                "The changed clip as a file, what the recogniser writes down now, and how loud the change is.",
                'Path("changed.wav").write_bytes(to_wav(found))\n'
                f'print("the changed clip:", {hears}(network, [found])[0])\n'
                'print(f"the change: {distortion(samples, found):.1f} dB beside the clip\'s loudest moment")',
                ("from pathlib import Path", "from adv_core.speech.sound import distortion, to_wav"),
            ),
        ),
    )


in_python = section(page, program)
