"""The clip of the page: a recording by microphone, an upload, or a sample; and the sidebar with the settings."""

import math
from functools import cache

import streamlit as st

from adv_core.speech.sound import FULL, MAX_SECONDS, Samples, SoundError, loudness, open_sound
from pages.lessons.speech.settings import CLIPS, FOLDER, MAX_STEPS, OWN, QUIET, Settings, page
from pages.lessons.speech.tasks import Clip, melody, rushing
from pages.widgets.secure import is_secure

INSTEAD = "Record with another app that saves WAV, FLAC, OGG or MP3, and upload the file."
state = st.session_state


@cache
def sample_clip(name: str) -> Clip:
    """One of the clips that come with the page."""
    if name == "melody":
        return Clip.of(melody())
    if name == "rushing":
        return Clip.of(rushing())
    return Clip.of(open_sound((FOLDER / f"{name}.flac").read_bytes()).samples)


def chosen() -> Clip:
    """The clip that the settings name."""
    return state["audio own"] if page.value.clip == OWN else sample_clip(page.value.clip)


def take(key: str) -> None:
    """Take an uploaded or recorded clip; explain a bad file, and keep the previous clip."""
    file = state.get(key)
    state["audio error"] = None
    if file is None:
        return
    try:
        sound = open_sound(file.getvalue())
    except SoundError as error:
        state["audio error"] = f"{error} The page keeps the clip before it."
        return
    state["audio own"], state["audio notes of own"] = Clip.of(sound.samples), sound.notes
    page.set(clip=OWN)


def again() -> None:
    """Forget the recording, and show an empty recorder."""
    state["audio takes"] = state.get("audio takes", 0) + 1
    state["audio error"] = None


def level_of(samples: Samples) -> tuple[float, str]:
    """The loudest moment in decibels below full scale, and a sentence about it."""
    peak = loudness(samples) - 20 * math.log10(FULL)
    if peak < QUIET:
        return peak, "This is quiet: speak louder, or closer to the microphone."
    if (abs(samples.astype(int)) >= FULL - 2).mean() > 0.001:
        return peak, "This is clipped: speak more softly, or farther away from the microphone."
    return peak, "This is a good level."


def recorder() -> None:
    """Draw the recorder; below it, the level of the recording, and the way to try again."""
    if not is_secure():
        st.caption(f":material/no_encryption: Microphone: browsers allow this over https only. {INSTEAD}")
        return
    key = f"speech_recording_{state.get('audio takes', 0)}"
    st.audio_input(f"Record a sentence in English, at most {MAX_SECONDS} seconds", key=key, on_change=take, args=(key,))
    if state.get(key) is None:
        return
    if state.get("audio error"):
        st.error(state["audio error"], icon=":material/volume_off:")
    elif page.value.clip == OWN:
        peak, sentence = level_of(chosen().samples)
        told = f"Level: loudest moment {peak:.0f} dB of full scale. {sentence}".replace("-", "−")
        st.progress(min(max(1 + peak / 60, 0.0), 1.0), text=told)
    st.button("Try again", key="speech_again", on_click=again, icon=":material/replay:", type="tertiary")


def sidebar() -> None:
    """Draw the clips and the settings of the attack."""
    if page.value.clip == OWN and "audio own" not in state:
        page.set(clip=Settings.clip)
        page.tell("The link was made with a recording, which a link cannot carry. The page uses a sample clip instead.")
    st.header("Clip", divider="gray")
    known = [*CLIPS, *([OWN] if "audio own" in state else [])]
    names = {**CLIPS, OWN: "your own recording"}
    page.control("clip", st.radio, "Clip", known, format_func=names.get)
    told = st.empty()
    st.file_uploader("Or upload one", key="speech_upload", on_change=take, args=("speech_upload",))
    st.caption(f"The first {MAX_SECONDS} seconds are used. Your recording stays in memory and is never stored.")
    if state.get("audio error"):
        told.error(state["audio error"], icon=":material/volume_off:")
    if page.value.clip == OWN:
        for note in state.get("audio notes of own", ()):
            st.caption(note)
    st.header("Attack", divider="gray")
    page.control("steps", st.slider, "Steps", 1, MAX_STEPS)
    page.control("seed", st.number_input, "Seed of the noise", 0, 999, step=1)
