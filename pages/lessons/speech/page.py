"""Lesson on attacks on a speech recogniser. It transcribes a clip as chosen words; the ear hears no difference."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.speech.attack import GRAIN
from adv_core.speech.recogniser import ALPHABET, recogniser
from adv_core.speech.sound import MAX_SECONDS, RATE, SoundError, distortion, open_sound, signal_to_noise, to_wav
from pages.lessons.speech.charts import alignment_chart, noise_chart, spectrogram_picture, wave_picture
from pages.lessons.speech.program import in_python
from pages.lessons.speech.settings import (
    CLIPS,
    FOLDER,
    IDEAS,
    MAX_STEPS,
    NOTHING,
    OWN,
    SLIDE,
    SLIDE_HEARD,
    TITLES,
    Settings,
    page,
)
from pages.lessons.speech.tasks import (
    MAX_VIEWS,
    Clip,
    Disturb,
    Disturbed,
    Heard,
    Hide,
    Listen,
    SpeechStep,
    change_alone,
    melody,
    refused,
    rushing,
)
from pages.lessons.speech.texts import TEXTS
from pages.widgets.glossary import prose
from pages.widgets.lesson import Lesson, skeleton, slots, table, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.secure import secure_toggle
from pages.widgets.stage import percent, share, show_picture
from pages.widgets.verdict import fooled
from pages.widgets.verdict import note as note_box

STYLE = """<style>
.st-key-speech_row [data-testid=stColumn] {min-height: 20rem}
.st-key-speech_row img {width: 100%; border-radius: .4rem}
.st-key-speech_heard {min-height: 12rem}
.st-key-speech_heard p.said {font-size: 1.35rem; line-height: 1.4; margin: 0}
.st-key-speech_letters {min-height: 12rem; overflow-x: auto}
.st-key-speech_noise {min-height: 25rem}
@media (max-width: 640px) {
    .st-key-speech_heard {min-height: 20rem}
    .st-key-speech_row [data-testid=stColumn] {min-height: 19rem}
}
</style>"""
state = st.session_state


@cache
def sample_clip(name: str) -> Clip:
    """One of the clips that come with the page."""
    if name == "melody":
        return Clip.of(melody())
    if name == "rushing":
        return Clip.of(rushing())
    return Clip.of(open_sound((FOLDER / f"{name}.flac").read_bytes()).samples)


def take(key: str) -> None:
    """Take an uploaded or recorded clip; explain a bad file, and keep the previous clip."""
    file = state.get(key)
    state["audio error"] = None
    if file is None:
        return
    try:
        sound = open_sound(file.getvalue())
    except SoundError as error:
        state["audio error"] = str(error)
        return
    state["audio own"], state["audio notes of own"] = Clip.of(sound.samples), sound.notes
    page.set(clip=OWN)


def sidebar() -> None:
    if page.value.clip == OWN and "audio own" not in state:
        page.set(clip=Settings.clip)
        page.tell("The link was made with a recording, which a link cannot carry. The page uses a sample clip instead.")
    st.header("Clip", divider="gray")
    known = [*CLIPS, *([OWN] if "audio own" in state else [])]
    names = {**CLIPS, OWN: "your own recording"}
    page.control("clip", st.radio, "Clip", known, format_func=names.get)
    told = st.empty()
    st.file_uploader(
        "Or upload one",
        key="speech_upload",
        on_change=take,
        args=("speech_upload",),
    )
    st.caption(f"The first {MAX_SECONDS} seconds are used. Your recording stays in memory and is never stored.")
    instead = "Record with another app that saves WAV, FLAC, OGG or MP3, and upload the file."
    if secure_toggle("Use the microphone", "speech_microphone_on", instead):
        st.audio_input("Say something", key="speech_recording", on_change=take, args=("speech_recording",))
    if state.get("audio error"):
        told.error(state["audio error"], icon=":material/volume_off:")
    if page.value.clip == OWN:
        for note in state.get("audio notes of own", ()):
            st.caption(note)
    st.header("Attack", divider="gray")
    page.control("steps", st.slider, "Steps", 1, MAX_STEPS)
    page.control("seed", st.number_input, "Seed of the noise", 0, 999, step=1)


@dataclass
class Run:
    """The clip; and, as soon as they are known, its transcript, the quietest clip that the attack has found, and the
    transcript of that clip."""

    clip: Clip
    heard: Heard | None = None
    found: Clip | None = None


def prepare() -> Run:
    return Run(state["audio own"] if page.value.clip == OWN else sample_clip(page.value.clip))


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
    st.subheader("1 · Three sounds: original, perturbation, both", anchor="three-sounds")
    page.control("text", st.text_input, "Target text: what the network should write", max_chars=200)
    with st.container(horizontal=True, gap="small"):
        for idea in IDEAS:
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
    listened = follow(job_for("audio listen", Listen(run.clip)))
    if listened is None:
        return
    run.heard = listened[-1]
    before.markdown(said_line("Transcript of the original", run.heard.text))
    places["x"].show(run.clip, f"{len(run.clip.samples) / RATE:.1f} s")
    why = refused(run.clip, page.value.target)
    if page.value.target == run.heard.text and not why:
        why = "The network already writes this text without any change. Choose other words."
    if why:
        note_box(verdict, why)
        return
    yield  # the letters of the original clip come before the attack
    run.found = follow_attack(run.clip, run.heard, places, line, verdict)
    with figure.container():
        show_figure(run.clip, run.heard, run.found)


def show_figure(clip: Clip, heard: Heard, found: Clip | None) -> None:
    """Compare the result with the figure of the paper."""
    settings = page.value
    rate = len(settings.target) * RATE / len(clip.samples)
    st.markdown("**The figure of Carlini and Wagner, and this page**")
    table(
        ("", "Carlini & Wagner 2018", "this page"),
        (
            ("network", "DeepSpeech (Mozilla)", "a small recogniser of our own, see *The network* below"),
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
        "Our spoken clips are short: their text would need 30 letters a second and more, so the button takes the "
        "melody, which is longer. Theirs is a mean over many real recordings; ours is one synthetic clip and another "
        "network, so the numbers of decibels are not a ranking. Both attacks minimise the CTC loss of the target text "
        "and then lower the loudness. The figure is by N. Carlini and D. Wagner, 2018, "
        "[arXiv:1801.01944](https://arxiv.org/abs/1801.01944)."
    )


def said_line(title: str, text: str, note: str = "") -> str:
    """A transcript for people; an empty one is named as such."""
    return f"{title}: **{text or NOTHING}**" + (f"  \n:gray[{note}]" if note else "")


def measured(original: Clip, changed: Clip) -> str:
    """The loudness of the perturbation, in the paper's measure and in the usual one."""
    snr = signal_to_noise(original.samples, changed.samples)
    return f"{decibels(original, changed)} relative to the clip's loudest moment; signal-to-noise ratio {snr:.0f} dB"


def decibels(original: Clip, changed: Clip) -> str:
    """The loudness of the perturbation beside the clip's loudest moment, in decibels."""
    return f"{distortion(original.samples, changed.samples):.1f} dB".replace("-", "−")


def attack(clip: Clip, views: int) -> Hide:
    """The attack that the page's controls set, with so many noisy views."""
    return Hide(clip, page.value.target, page.value.steps, views, page.value.seed)


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
        note = (
            f"step {last.index + 1} of {settings.steps} · CTC loss {last.loss:.1f} · largest change {last.level} levels"
        )
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
        f"**Fooled.** The network hears “{best.text}”; in the original, it hears “{heard.text or NOTHING}”. The "
        f"perturbation: {measured(clip, best.found)}. The player and the network get the same 16-bit file.",
    )
    return best.found


def letters(run: Run) -> Iterator[None]:
    st.subheader("2 · Alignment: which letter, and when", anchor="letters")
    prose(
        "Every 20 ms, the network predicts a letter or none (the blank of CTC). The chart shows the letters at their "
        "times; ␣ is a space."
    )
    # On a phone, or for a long clip, the letters would overlap: the chart is wider then, and scrolls.
    wide = max(38, round(13 * len(run.clip.samples) / RATE))
    st.html(f"<style>.st-key-speech_letters [data-testid=stVegaLiteChart] {{min-width: {wide}rem}}</style>")
    slot = st.container(key="speech_letters").empty()
    skeleton(slot, 150, "The network listens …")
    yield
    if run.heard is None:
        return
    show_letters(run.clip, run.heard, None, slot)
    yield  # the attack of section 1
    if run.found is not None:
        listened = follow(job_for("audio letters", Listen(run.found)))
        if listened is not None:
            show_letters(run.clip, run.heard, listened[-1], slot)


def show_letters(clip: Clip, heard: Heard, changed: Heard | None, slot: DeltaGenerator) -> None:
    lines = [("original", heard.moments), ("changed", changed.moments if changed else ())]
    told = f"Changed: {changed.text or NOTHING}." if changed else "Nothing has been changed yet."
    vega_chart(
        alignment_chart(lines, len(clip.samples) / RATE),
        150,
        f"The letters and their times. Original: {heard.text or NOTHING}. {told}",
        slot,
    )


def noise(run: Run) -> Iterator[None]:
    st.subheader("3 · Robustness to white noise", anchor="noise")
    prose(
        "We add white noise to the clips, ten times at each level, and count how often the transcript stays right. "
        "Then you can let the attack average over noise, too: a few new draws in every step (expectation over "
        "transformation)."
    )
    page.control("views", st.slider, "Noisy views in each step of the attack", 0, MAX_VIEWS)
    slot, told = slots("speech_noise", 2)
    skeleton(slot, 300, "The chart appears as soon as the attack of section 1 has finished")
    yield
    yield  # the attack of section 1
    if run.heard is not None and run.found is not None:
        follow_noise(run.clip, run.heard, run.found, slot, told)


def follow_noise(clip: Clip, heard: Heard, found: Clip, slot: DeltaGenerator, told: DeltaGenerator) -> None:
    """Show which clips are still transcribed right in noise, and compare attacks with and without noisy views."""
    settings = page.value
    clips, names = [clip, found], ["original", "hidden words"]
    if settings.views:
        names[1] = "with noisy views"
        deaf = quietest(follow(job_for("audio deaf", attack(clip, views=0))) or [])
        if deaf is not None and deaf.found is not None:
            clips.insert(1, deaf.found)
            names.insert(1, "without noisy views")
    rows: list[tuple[str, float, int, int]] = []

    def draw(records: list[Disturbed]) -> None:
        rows[:] = [(names[r.place], r.snr, r.kept, r.of) for r in records]
        known = "; ".join(f"{name} at {snr:.0f} dB: {kept} of {of}" for name, snr, kept, of in rows)
        vega_chart(noise_chart(rows), 300, f"Draws with the right transcript. {known}.", slot)

    texts = (heard.text, *[settings.target] * (len(clips) - 1))
    work = Disturb(tuple(clips), texts, seed=settings.seed)
    records = follow(job_for("audio noise", work), draw)
    if records is None:
        return
    example = next((r for r in reversed(records) if r.place > 0 and r.kept < r.of), None)
    kept = {(r.place, r.snr): f"{r.kept} of {r.of}" for r in records}
    rows_told = [(f"{snr:.0f} dB", *(f"**{kept[place, snr]}**" for place in range(len(clips)))) for snr in work.snrs]
    with told.container():
        table(("right transcripts in new noise", *names), rows_told)
        if example:
            st.caption(f"At {example.snr:.0f} dB, one draw was transcribed as “{example.example or NOTHING}”.")


def formula(_: Run) -> None:
    st.subheader("4 · The formula that just ran", anchor="formula")
    inside = r"\mathbb{E}_n\, " if page.value.views else ""
    noise = " + n" if page.value.views else ""
    wanted = f"Here $y_\\text{{target}}$ is “{page.value.target}”." if set(page.value.target) <= set(ALPHABET) else ""
    st.latex(r"\min\ \|\delta\|_\infty \quad\text{with}\quad \hat f(x+\delta \mid \theta) = y_\text{target}")
    st.latex(
        rf"g^{{[t]}} = \nabla_{{\!\delta}}\, {inside}L_\text{{CTC}}\big(y_\text{{target}},\ "
        rf"\hat f(x+\delta^{{[t]}}{noise} \mid \theta)\big)"
    )
    st.latex(r"\delta^{[t+1]} = \mathcal{P}\big(\delta^{[t]} - \text{Adam}(g^{[t]})\big)")
    st.latex(r"\mathcal{P}(z) = \text{clip}(z, [-\varepsilon, \varepsilon])")
    st.latex(r"\varepsilon \leftarrow 0.8\,\|\delta\|_\infty \text{ after each success}")
    if wanted:
        st.markdown(wanted)
    prose(
        "The perturbation set is the L∞ ball, as for pictures, but on 16-bit samples instead of 8-bit pixels. Its "
        "radius ε begins at 0.3 of the clip's loudest moment (−10 dB) and shrinks after each success."
    )


def number_of(count: int) -> str:
    """The number with a narrow space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def the_network(_: Run) -> None:
    figures = recogniser().figures
    # A later cycle may use the first phrases of a part again.
    parts = {part for cycle in figures["cycles"] for part in cycle["clips"]}
    phrases = sum(max(cycle["clips"].get(part, 0) for cycle in figures["cycles"]) for part in parts)
    rates = figures["word_error_rate"]
    people = figures.get("recordings", {})
    with st.expander("The network", icon=":material/graphic_eq:"):
        st.markdown(
            "A small network that we trained ourselves: 64 mel bands, depthwise separable convolutions in time, CTC. "
            f"It knows {figures['words']} words and was trained on {number_of(phrases)} synthesised phrases. Word "
            f"error rate on new phrases by voices that it was not trained on: **{percent(rates['espeak'])}** for "
            f"espeak-ng in the accents of the training, **{percent(rates['abroad'])}** for espeak-ng in two other "
            f"accents, **{percent(rates['flite'])}** for another synthesiser (flite, *rms*). (`python -m "
            "adv_core.speech.training --judge`)"
        )
        if {"telephone", "phrases"} <= set(people):
            st.markdown(
                "It was never trained on human voices, and that shows. Word error rate on real recordings: "
                f"**{share(people['phrases'])}** for phrases by three speakers, **{share(people['telephone'])}** for "
                "single words by one more speaker, over a telephone. (An added word counts as an error, so the rate "
                "can exceed 100 %.) Expect it to misunderstand you. The attack works all the same: it needs the "
                "network, not the right transcript."
            )


Lesson(page, TEXTS, (three_sounds, letters, noise, formula, in_python, the_network), prepare, sidebar, STYLE).show()
