"""Sections 3 and 4: what survives noise, and what fools the other network."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.lessons.speech.charts import noise_chart
from pages.lessons.speech.settings import DRAWS, JUDGED, MOST_VIEWS, NOTHING, TITLE, page
from pages.lessons.speech.sounds import Run, attack, quietest
from pages.lessons.speech.tasks import MOONSHINE, OWN_NETWORK, Clip, Disturb, Disturbed, Heard, Listen, same
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, slots, table, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.verdict import fooled, held


def noise(run: Run) -> Iterator[None]:
    """Draw the section."""
    st.subheader("3 · Robustness to white noise", anchor="noise")
    prose(
        f"We add white noise to the clips, {DRAWS[page.value.network]} times at each level, and count how often the "
        "transcript stays right. Then you can let the attack average over noise, too: a few new draws in every step "
        "(expectation over transformation). For Moonshine, the clip of each draw also begins a few milliseconds "
        "earlier or later. Each view makes a step that much longer."
    )
    most = MOST_VIEWS[page.value.network]
    page.control("views", st.slider, "Noisy views in each step of the attack", 0, most)
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
        latest = {(r.place, r.snr): r for r in records}
        rows[:] = [(names[r.place], r.snr, r.kept, r.of) for r in latest.values()]
        known = "; ".join(f"{name} at {snr:.0f} dB: {kept} of {of}" for name, snr, kept, of in rows)
        vega_chart(noise_chart(rows), 300, f"Draws with the right transcript. {known}.", slot)

    texts = (heard.text, *[settings.target] * (len(clips) - 1))
    draws = DRAWS[settings.network]
    work = Disturb(tuple(clips), texts, draws=draws, seed=settings.seed, network=settings.network)
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


@cache
def judged() -> dict[str, Any]:
    """The figures that `python -m bench.speech judge` wrote; those that were not measured are missing."""
    found: dict[str, Any] = json.loads(JUDGED.read_text(encoding="utf-8")) if JUDGED.is_file() else {}
    return found


def transfer(run: Run) -> Iterator[None]:
    """Draw the section."""
    other = OWN_NETWORK if page.value.network == MOONSHINE else MOONSHINE
    st.subheader("4 · Transfer: does what fools one fool the other?", anchor="transfer")
    prose(f"The changed clip goes to the other recogniser, {TITLE[other]}, which the attack has never seen.")
    if counts := judged().get("transfer"):
        prose(
            f"We counted as well: of {counts['moonshine']['of']} clips that fool Moonshine, the small network wrote "
            f"the target for **{counts['moonshine']['other']}**; of {counts['own']['of']} clips that fool the small "
            f"network, Moonshine wrote the target for **{counts['own']['other']}** (`python -m bench.speech judge`)."
        )
    told, verdict = slots("speech_transfer", 2)
    yield
    yield  # the attack of section 1
    if run.found is None or run.heard is None:
        return
    texts = []
    for name, clip in (("original", run.clip), ("changed", run.found)):
        listened = follow(job_for(f"audio other {name}", Listen(clip, other)))
        if listened is None:
            return
        texts.append(listened[-1].text)
    this = f"{TITLE[page.value.network]} (attacked)"
    with told.container():
        table(
            ("hears", "in the original", "in the changed clip"),
            ((this, run.heard.text, page.value.target), (TITLE[other], *(text or NOTHING for text in texts))),
        )
    if same(other, texts[1], page.value.letters):
        fooled(verdict, "**Both are fooled:** the change transfers.")
    else:
        held(verdict, f"The change does not transfer: {TITLE[other]} does not write the target.")
