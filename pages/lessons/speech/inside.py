"""Section 2: which letter is heard when, or which piece of word is how likely."""

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.speech.sound import RATE
from pages.lessons.speech.charts import alignment_chart
from pages.lessons.speech.settings import NOTHING, page
from pages.lessons.speech.sounds import Run
from pages.lessons.speech.tasks import MOONSHINE, OWN_NETWORK, Clip, Heard, Listen
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, table, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.stage import percent


def letters(run: Run) -> Iterator[None]:
    """Draw the section."""
    is_moonshine = page.value.network == MOONSHINE
    title = "2 · Piece after piece: how sure it is" if is_moonshine else "2 · Alignment: which letter, and when"
    st.subheader(title, anchor="letters")
    if is_moonshine:
        prose(
            "Moonshine has no letters at moments. It listens to the whole clip, and then writes piece after piece of "
            "words; each piece depends on the clip and on the pieces before it. The table has the probability of each "
            "piece (␣ is a space before it)."
        )
        st.button(
            "Look into the small network, which hears a letter every 20 ms",
            on_click=page.set,
            kwargs={"network": OWN_NETWORK},
            key="speech_look_inside",
            type="tertiary",
        )
    else:
        prose(
            "Every 20 ms, the network predicts a letter or none (the blank of CTC). The chart shows the letters at "
            "their times; ␣ is a space."
        )
        # On a phone, or for a long clip, the letters would overlap: the chart is wider then, and scrolls.
        wide = max(38, round(13 * len(run.clip.samples) / RATE))
        st.html(f"<style>.st-key-speech_letters [data-testid=stVegaLiteChart] {{min-width: {wide}rem}}</style>")
    slot = st.container(key="speech_letters").empty()
    skeleton(slot, 150, "The network listens …")
    yield
    if run.heard is None:
        slot.empty()
        return
    show(run.clip, run.heard, None, slot)
    yield  # the attack of section 1
    if run.found is not None:
        listened = follow(job_for("audio letters", Listen(run.found, page.value.network)))
        if listened is not None:
            show(run.clip, run.heard, listened[-1], slot)


def show(clip: Clip, heard: Heard, changed: Heard | None, slot: DeltaGenerator) -> None:
    """Show the pieces, or the letters, of the original and of the changed clip."""
    if page.value.network == MOONSHINE:
        rows = [("original", heard), *([("changed", changed)] if changed else [])]
        table(("", "pieces, and the probability of each"), [(name, pieces_of(each)) for name, each in rows], slot)
        return
    lines = [("original", heard.moments), ("changed", changed.moments if changed else ())]
    told = f"Changed: {changed.text or NOTHING}." if changed else "Nothing has been changed yet."
    vega_chart(
        alignment_chart(lines, len(clip.samples) / RATE),
        150,
        f"The letters and their times. Original: {heard.text or NOTHING}. {told}",
        slot,
    )


def pieces_of(heard: Heard) -> str:
    """The pieces with their probabilities, in markdown."""
    return " · ".join(f"**{piece.replace(chr(0x2581), '␣')}** {percent(sure)}" for piece, sure in heard.pieces)
