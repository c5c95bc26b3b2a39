"""Breeding: pictures that evolve by the network's answers alone."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import to_png
from pages.lessons.fooling_images.charts import breed_chart
from pages.lessons.fooling_images.settings import ENCODED, MOST_QUERIES, SECOND, SURE, latest, named, page
from pages.lessons.fooling_images.tasks import GALLERY, Bred, Evolution
from pages.widgets.ask import opinions
from pages.widgets.live import drop_jobs, follow, job_for
from pages.widgets.stage import NOTHING, Tiles, percent, picture_uri
from pages.widgets.stage import caption as write_caption


def evolution() -> Evolution:
    settings = page.value
    return Evolution(settings.target, settings.encoding, settings.queries, settings.brood)


def show_evolution() -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator, DeltaGenerator, Tiles] | None:
    st.subheader("4 · Without a gradient: breed them", anchor=False)
    st.markdown(
        "Perhaps it is the gradient that plays this trick? No: who may only *ask* the network finds such pictures, "
        "too. A picture is grown from a few numbers (its genome), the network says how sure it is, the surest live and "
        "have children with small mutations. As in the paper, every class keeps its own champion, and a child of any "
        "of them may become the champion of another class."
    )
    page.control(
        "encoding",
        st.segmented_control,
        "A genome describes",
        list(ENCODED),
        format_func=ENCODED.get,
        required=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        low = min(200, MOST_QUERIES)
        page.control("queries", st.slider, "Pictures it may show to the network", low, MOST_QUERIES, step=8, width=300)
        if page.value.bred:
            other = {"brood": (page.value.brood + 1) % 10000}
            st.button("Again, other seed", on_click=page.set, kwargs=other, key="breed")
            st.button("Stop", on_click=_stop_breeding, key="stop_breeding", type="tertiary")
        else:
            label = f"Breed: {named(page.value.target)}"
            st.button(label, on_click=page.set, kwargs={"bred": True}, key="breed", type="primary")
    page.into_address()
    st.caption(
        "**Patterns**: a CPPN, a small network of sines, bells and folds that is asked for the colour at every place; "
        "its pictures are regular. **Tiles**: every one of 28 × 28 tiles has a colour of its own."
    )
    if not page.value.bred:
        return None
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="stage_bred"):
        picture, caption = st.empty(), st.empty()
        picture.image(picture_uri(NOTHING), width="stretch", alt="Room for the champion")
        write_caption(caption, "…")
    with right, st.container(key="room_bred"):
        chart, note = st.empty(), st.empty()
    st.markdown("**By-catch: the other classes' surest champions**")
    return picture, caption, chart, note, Tiles("fooling_images_catch")


def _stop_breeding() -> None:
    page.set(bred=False)
    drop_jobs("evolution")


def follow_evolution(slots: tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator, DeltaGenerator, Tiles]) -> None:
    picture, caption, chart, note, tiles = slots
    work, target = evolution(), named(page.value.target)
    drawn = shown = -1

    def draw(records: list[Bred]) -> None:
        nonlocal drawn, shown
        last = records[-1]
        place = latest(record.picture.size for record in records)
        if place > drawn:
            picture.image(
                picture_uri(records[place].picture),
                width="stretch",
                alt=f"The best {target} after {last.queries} pictures: the network gives it {percent(last.wanted)}",
            )
            drawn = place
        write_caption(caption, target, percent(last.wanted))
        chart.vega_lite_chart(
            breed_chart([(record.queries, record.wanted) for record in records], work.queries),
            width="stretch",
            height=270,
            alt=f"The probability of {target} after {last.queries} pictures: {percent(last.wanted)}",
        )
        note.caption(
            f"{last.queries} of {work.queries} pictures shown. More than 50 % sure of {last.sure} of 1000 classes so "
            "far. The axis is logarithmic."
        )
        gallery = latest(len(record.others) for record in records)
        if gallery > shown:
            show_gallery(tiles, records[gallery])
            shown = gallery

    records = follow(job_for("evolution", work), draw, note.info, interval=0.3)
    if records is not None:
        with note.container():
            show_bred(records[-1], work, tiles)


def show_gallery(tiles: Tiles, record: Bred, seconds: Sequence[str] = ("",) * GALLERY) -> None:
    found = zip(record.others, record.certainty, record.pictures, seconds, strict=True)
    for place, (label, certainty, pixels, second) in enumerate(found):
        name = named(label)
        tiles.picture(place, pixels, f"The champion of {name}: the network gives it {percent(certainty)}")
        tiles.caption(place, name, f"Lite0: {percent(certainty)}", *([second] if second else []))


def show_bred(last: Bred, work: Evolution, tiles: Tiles) -> None:
    target = named(work.target)
    second = opinions("bred second", last.pictures.tobytes(), SECOND)
    own = opinions("bred own", last.picture.tobytes(), SECOND)
    if second is None or own is None:
        return
    said = second.probabilities
    seen = [int(each) for each in said.argmax(1)]
    lines = [
        f"Lite1: {'✓ ' if label == wanted else ''}{named(label)} {percent(float(row[label]))}"
        for label, wanted, row in zip(seen, last.others, said, strict=True)
    ]
    show_gallery(tiles, last, lines)
    agree = sum(label == wanted for label, wanted in zip(seen, last.others, strict=True))
    icon = ":material/genetics:"
    if last.wanted >= SURE:
        st.success(f"**{target}**, {percent(last.wanted)}, and not one gradient.", icon=icon)
    elif last.wanted > 0.5:
        st.success(f"**{target}**, {percent(last.wanted)}: believed, and not one gradient.", icon=icon)
    else:
        st.info(
            f"**{target}**: {percent(last.wanted)} after {last.queries} pictures. Some classes are easy to breed, most "
            "are not; gradient ascent did it in a few dozen steps. Ask more, take another seed, or another class.",
            icon=icon,
        )
    st.caption(
        f"{last.queries} questions; more than 50 % sure of {last.sure} of 1000 classes. Lite1 gives this {target} "
        f"{percent(float(own.probabilities[0, work.target]))}, and sees the same class in {agree} of the {GALLERY} "
        "below."
    )
    st.download_button(
        "This picture (PNG)",
        to_png(last.picture),
        f"bred-{target.replace(' ', '-').replace('/', '-')}.png",
        "image/png",
        on_click="ignore",
        key="bred_png",
    )
