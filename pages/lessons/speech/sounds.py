"""Section 1: the original, the perturbation and their sum, and the attack that finds it."""

from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.speech.attack import GRAIN
from adv_core.speech.sound import RATE, distortion, signal_to_noise, to_wav
from pages.lessons.speech.charts import spectrogram_picture, wave_picture
from pages.lessons.speech.recording import recorder
from pages.lessons.speech.settings import (
    IDEAS,
    NOTHING,
    OWN_NETWORK,
    RECOGNISERS,
    SLIDE,
    SLIDE_HEARD,
    TITLES,
    UNSURE,
    WITHOUT_WORDS,
    page,
)
from pages.lessons.speech.tasks import MOONSHINE, Clip, Heard, Hide, Listen, SpeechStep, change_alone, refused, same
from pages.widgets.lesson import slots, table
from pages.widgets.live import follow, job_for
from pages.widgets.stage import show_picture
from pages.widgets.verdict import fooled
from pages.widgets.verdict import note as note_box


@dataclass
class Run:
    """The clip; and, as soon as they are known, its transcript, the quietest clip that the attack has found, and the
    transcript of that clip."""

    clip: Clip
    heard: Heard | None = None
    found: Clip | None = None


@dataclass
class Place:
    """One of the three columns of clips."""

    key: str
    player: DeltaGenerator
    wave: DeltaGenerator
    spectrum: DeltaGenerator
    caption: DeltaGenerator

    def show(self, clip: Clip, caption: str) -> None:
        samples, title = clip.samples, TITLES[self.key]
        self.player.audio(to_wav(samples), format="audio/wav", alt=f"Sound: {title}.")
        show_picture(wave_picture(samples), f"Wave form: {title}.", self.wave)
        show_picture(spectrogram_picture(samples), f"Spectrogram, 0 to 8 kHz: {title}. {caption}", self.spectrum)
        self.caption.caption(caption)


def three_sounds(run: Run) -> Iterator[None]:
    """Draw the section."""
    st.subheader("1 · Three sounds: original, perturbation, both", anchor="three-sounds")
    page.choice("network", "Recogniser", RECOGNISERS)
    recorder()
    page.control("text", st.text_input, "Target text: what the network should write", max_chars=200)
    with st.container(horizontal=True, gap="small"):
        for idea in IDEAS[page.value.network]:
            st.button(idea, key=f"speech_idea_{idea}", on_click=page.set, kwargs={"text": idea}, type="tertiary")
    before, line, verdict = slots("speech_heard", 3)
    places = {}
    with st.container(key="speech_row"):
        for (key, title), column in zip(TITLES.items(), st.columns(3, gap="medium"), strict=True):
            column.markdown(f"**{title}**")
            places[key] = Place(key, column.empty(), column.empty(), column.empty(), column.empty())
            places[key].show(run.clip if key != "delta" else Clip.of(run.clip.samples * 0), "…" if key != "x" else "")
    figure = st.container(key="speech_figure").empty()
    yield
    settings = page.value
    listened = follow(job_for("audio listen", Listen(run.clip, settings.network)))
    if listened is None:
        return
    run.heard = listened[-1]
    before.markdown(said_line("Transcript of the original", run.heard.text, doubts(run.heard)))
    places["x"].show(run.clip, f"{len(run.clip.samples) / RATE:.1f} s")
    why = refused(run.clip, settings.target, settings.network)
    if same(settings.network, settings.target, run.heard.text) and not why:
        why = "The network already writes this text without any change. Choose other words."
    if why:
        note_box(verdict, why)
        return
    yield  # the letters of the original clip come before the attack
    run.found = follow_attack(run.clip, run.heard, places, line, verdict)
    with figure.container():
        show_figure(run.clip, run.heard, run.found)


def doubts(heard: Heard) -> str:
    """A sentence where Moonshine hears nothing, or is unsure; else empty."""
    if not heard.pieces:
        return ""
    plain = heard.text.strip(".!")
    if plain.lower() in WITHOUT_WORDS:
        return (
            f"Moonshine writes “{plain}” where it hears no words: it has never learnt to write nothing. If you did "
            "speak, try again, louder."
        )
    if heard.sure < UNSURE:
        return (
            f"This is a guess: on average, a piece of it has a probability of {heard.sure:.0%}. Moonshine knows "
            "English only. Music, noise and other languages become English words all the same."
        )
    return ""


def show_figure(clip: Clip, heard: Heard, found: Clip | None) -> None:
    """Compare the result with the figure of the paper."""
    settings = page.value
    rate = len(settings.target) * RATE / len(clip.samples)
    ours = {MOONSHINE: "Moonshine tiny (2024)", OWN_NETWORK: "a small recogniser of our own"}[settings.network]
    loss = {MOONSHINE: "cross-entropy of the pieces", OWN_NETWORK: "CTC"}[settings.network]
    st.markdown("**The figure of Carlini and Wagner, and this page**")
    table(
        ("", "Carlini & Wagner 2018", "this page"),
        (
            ("network", "DeepSpeech (Mozilla)", f"{ours}, see *The networks* below"),
            ("loss", "CTC", loss),
            ("it was heard as", f"“{SLIDE_HEARD}”", f"“{heard.text or NOTHING}”"),
            ("target text", f"“{SLIDE['text']}”", f"“{settings.target}”"),
            (
                "loudness of δ beside x",
                "−31 dB on average; 95 % of the clips between −15 and −45 dB",
                f"**{decibels(clip, found)}** in {settings.steps} steps" if found else "–",
            ),
            ("letters", "up to 50 a second", f"{rate:.0f} a second"),
            ("reached", "100 % of the clips that were tried", "yes" if found else f"**not in {settings.steps} steps**"),
        ),
    )
    st.button("As on the slide: their text, our melody", on_click=page.set, kwargs=SLIDE, key="speech_slide")
    st.caption(
        "Our spoken clips are short: their text would need 20 letters a second and more, so the button takes the "
        "melody. Theirs is a mean over many recordings; ours is one clip and another network, so the numbers of "
        "decibels are not a ranking. Both attacks minimise a loss of the target text and then lower the loudness. The "
        "figure is by N. Carlini and D. Wagner, 2018, [arXiv:1801.01944](https://arxiv.org/abs/1801.01944)."
    )


def said_line(title: str, text: str, note: str = "") -> str:
    """A transcript for people; an empty one is named as such."""
    return f"{title}: **{text or NOTHING}**" + (f"  \n:gray[{note}]" if note else "")


def quoted(text: str) -> str:
    """The text in quotation marks, at the end of a sentence."""
    return f"“{text}”" + ("" if text[-1:] in (".", "?", "!") else ".")


def measured(original: Clip, changed: Clip) -> str:
    """The loudness of the perturbation, in the paper's measure and in the usual one."""
    snr = signal_to_noise(original.samples, changed.samples)
    return f"{decibels(original, changed)} relative to the clip's loudest moment; signal-to-noise ratio {snr:.0f} dB"


def decibels(original: Clip, changed: Clip) -> str:
    """The loudness of the perturbation beside the clip's loudest moment, in decibels."""
    return f"{distortion(original.samples, changed.samples):.1f} dB".replace("-", "−")


def attack(clip: Clip, views: int) -> Hide:
    """The attack that the page's controls set, with so many noisy views."""
    settings = page.value
    return Hide(clip, settings.target, settings.steps, views, settings.seed, settings.network)


def quietest(tries: list[SpeechStep]) -> SpeechStep | None:
    """The last step that found a clip; None where none did."""
    return next((t for t in reversed(tries) if t.found), None)


def follow_attack(
    clip: Clip, heard: Heard, places: dict[str, Place], line: DeltaGenerator, verdict: DeltaGenerator
) -> Clip | None:
    """Run the attack live. Return the quietest clip that it found."""
    settings = page.value
    shown: list[Clip] = []

    def show(found: Clip, level: int) -> None:
        change, factor = change_alone(clip, found)
        places["delta"].show(change, f"at most {level} of {round(1 / GRAIN)} levels; played {factor:.0f} times as loud")
        places["adversarial"].show(found, measured(clip, found))
        shown.append(found)

    def draw(tries: list[SpeechStep]) -> None:
        verdict.empty()  # removes the place in the queue, if it was shown
        last = tries[-1]
        best = quietest(tries)
        note = f"step {last.index + 1} of {settings.steps} · loss {last.loss:.1f} · largest change {last.level} levels"
        if best and best.found and not shown:  # the first success at once; later ones would interrupt the player
            show(best.found, best.level)
        if best:
            note += f" · quietest success so far: {best.level} levels"
        line.markdown(said_line("Transcript after the attack", last.text, note))

    tries = follow(job_for("audio hide", attack(clip, settings.views)), draw, verdict.info)
    if tries is None:
        return None
    best = quietest(tries)
    first = next((t for t in tries if t.found), None)
    if best is None or best.found is None or first is None:
        line.markdown(said_line("Transcript after the attack", tries[-1].text))
        note_box(
            verdict,
            f"The attack did not reach “{settings.target}” within {settings.steps} steps and the loudest change that "
            "is allowed here. Allow more steps, use fewer letters, or choose a longer clip.",
        )
        return None
    show(best.found, best.level)
    line.markdown(said_line("Transcript after the attack", best.text, f"first reached at step {first.index}"))
    fooled(
        verdict,
        f"**Fooled.** The network hears {quoted(best.text)} In the original, it hears {quoted(heard.text or NOTHING)} "
        f"The perturbation: {measured(clip, best.found)}. The player and the network get the same 16-bit file.",
    )
    return best.found
