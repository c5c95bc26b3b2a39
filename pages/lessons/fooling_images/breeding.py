"""Section 5: evolution of pictures, by queries alone."""

from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import to_png
from pages.lessons.fooling_images.charts import breed_chart
from pages.lessons.fooling_images.settings import ENCODED, MOST_QUERIES, SECOND, latest, named, page
from pages.lessons.fooling_images.tasks import GALLERY, Bred, Evolution
from pages.widgets.ask import look
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, vega_chart
from pages.widgets.live import drop_jobs, follow, job_for
from pages.widgets.stage import NOTHING, PictureRow, percent, save_button
from pages.widgets.verdict import fooled
from pages.widgets.verdict import note as note_box


def evolution() -> Evolution:
    settings = page.value
    return Evolution(settings.target, settings.encoding, settings.queries, settings.brood)


def bred(_: object) -> Iterator[None]:
    st.subheader("5 · Evolution: fooling images without a gradient", anchor="evolution")
    prose(
        "An attacker does not need the gradient for this. Evolution finds such pictures with *queries* only; the "
        "patterns of section 1 were bred like this, in a longer search. A picture "
        "is drawn from a few numbers, its genome, and the network returns the probabilities of the classes. The "
        "pictures with the highest probabilities survive and have children with small mutations. As in the paper, "
        "every class keeps its own champion, and a child of any champion may become the champion of another class."
    )
    page.choice("encoding", "A genome describes", ENCODED)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        low = min(200, MOST_QUERIES)
        page.control("queries", st.slider, "Queries at most", low, MOST_QUERIES, step=8, width=300)
        if page.value.bred:
            other = {"brood": (page.value.brood + 1) % 10000}
            st.button("Again, other seed", on_click=page.set, kwargs=other, key="breed")
            st.button("Stop", on_click=_stop_breeding, key="stop_breeding", type="tertiary")
        else:
            label = f"Evolve: {named(page.value.target)}"
            st.button(label, on_click=page.set, kwargs={"bred": True}, key="breed", type="primary")
    st.caption(
        "**Patterns**: the genome is a CPPN (compositional pattern-producing network), a small network of sines, "
        "bells, steps and folds. It computes the colour at each position, so its pictures are regular. **Tiles**: the "
        "genome holds the colour of each of 28 × 28 tiles."
    )
    if not page.value.bred:
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        champion = PictureRow("stage_bred", {"champion": ""}, NOTHING, evolution(), alt="The {name}, not yet computed")
    with right, st.container(key="room_bred"):
        chart, note = st.empty(), st.empty()
        skeleton(chart, 270, f"0 of {page.value.queries} queries")
    st.markdown("**Found on the way: the best champions of other classes**")
    places = dict.fromkeys("12345678", "")
    others = PictureRow(
        "fooling_images_catch", places, NOTHING, evolution(), alt="Picture {name}, not yet computed", width=4
    )
    yield
    follow_evolution(champion, others, chart, note)


def _stop_breeding() -> None:
    page.set(bred=False)
    drop_jobs("evolution")


def follow_evolution(champion: PictureRow, others: PictureRow, chart: DeltaGenerator, note: DeltaGenerator) -> None:
    work, target = evolution(), named(page.value.target)
    drawn = shown = -1

    def draw(records: list[Bred]) -> None:
        nonlocal drawn, shown
        last = records[-1]
        place = latest(record.picture.size for record in records)
        alt = f"The best {target} after {last.queries} queries: probability {percent(last.wanted)}"
        pixels = records[place].picture if place > drawn else None
        champion.show("champion", pixels, target, percent(last.wanted), alt)
        drawn = place
        vega_chart(
            breed_chart([(record.queries, record.wanted) for record in records], work.queries),
            270,
            f"The probability of {target} after {last.queries} queries: {percent(last.wanted)}",
            chart,
        )
        note.caption(
            f"{last.queries} of {work.queries} queries. So far, the champions of {last.sure} of 1000 classes have more "
            "than 50 %. The axis is logarithmic."
        )
        gallery = latest(len(record.others) for record in records)
        if gallery > shown:
            show_gallery(others, records[gallery])
            shown = gallery

    records = follow(job_for("evolution", work), draw, note.info, interval=0.3)
    if records is not None:
        with note.container():
            show_bred(records[-1], work, others)


def show_gallery(others: PictureRow, record: Bred, seconds: Sequence[str] = ("",) * GALLERY) -> None:
    found = zip(record.others, record.certainty, record.pictures, seconds, strict=True)
    for number, (label, certainty, pixels, second) in enumerate(found, 1):
        name = named(label)
        alt = f"The champion of {name}: probability {percent(certainty)}"
        others.show(f"{number}", pixels, name, f"Lite0: {percent(certainty)}" + f"\n{second}" * bool(second), alt)


def show_bred(last: Bred, work: Evolution, others: PictureRow) -> None:
    target = named(work.target)
    second = look("bred second", last.pictures, SECOND)
    own = look("bred own", last.picture, SECOND)
    if second is None or own is None:
        return
    said = second.probabilities
    seen = [int(each) for each in said.argmax(1)]
    lines = [
        f"Lite1: {'✓ ' if label == wanted else ''}{named(label)} {percent(float(row[label]))}"
        for label, wanted, row in zip(seen, last.others, said, strict=True)
    ]
    show_gallery(others, last, lines)
    agree = sum(label == wanted for label, wanted in zip(seen, last.others, strict=True))
    if last.wanted > 0.5:
        fooled(None, f"**Fooled.** **{target}**: {percent(last.wanted)}, without any gradient.")
    else:
        note_box(
            None,
            f"**{target}**: {percent(last.wanted)} after {last.queries} queries. Some classes are easy to evolve, most "
            "are not; gradient ascent needs a few dozen steps. Allow more queries, or choose another seed or class.",
        )
    st.caption(
        f"{last.queries} queries; the champions of {last.sure} of 1000 classes have more than 50 %. Lite1 gives this "
        f"{target} {percent(float(own.probabilities[0, work.target]))}. It predicts the champion's class for {agree} "
        f"of the {GALLERY} pictures below."
    )
    save_button(
        "This picture (PNG)",
        to_png(last.picture),
        f"bred-{target.replace(' ', '-').replace('/', '-')}.png",
        key="bred_png",
    )
