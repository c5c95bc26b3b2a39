"""Evolution of pictures by the network's answers alone."""

from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.images import to_png
from pages.lessons.fooling_images.charts import breed_chart
from pages.lessons.fooling_images.settings import ENCODED, MOST_QUERIES, SECOND, SURE, latest, named, page
from pages.lessons.fooling_images.tasks import GALLERY, Bred, Evolution
from pages.widgets.ask import look
from pages.widgets.lesson import vega_chart
from pages.widgets.live import drop_jobs, follow, job_for
from pages.widgets.stage import NOTHING, PictureRow, percent, save_button


def evolution() -> Evolution:
    settings = page.value
    return Evolution(settings.target, settings.encoding, settings.queries, settings.brood)


def bred(_: object) -> Iterator[None]:
    st.subheader("4 · Without a gradient: breed them", anchor="evolution")
    st.markdown(
        "Perhaps it is the gradient that plays this trick? No: an attacker who may only *ask* the network finds such "
        "pictures, too. A picture is grown from a few numbers (its genome), the network says how sure it is, the "
        "surest live and have children with small mutations. As in the paper, every class keeps its own champion, and "
        "a child of any of them may become the champion of another class."
    )
    page.choice("encoding", "A genome describes", ENCODED)
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
    st.caption(
        "**Patterns**: a CPPN, a small network of sines, bells and folds that is asked for the colour at every place; "
        "its pictures are regular. **Tiles**: every one of 28 × 28 tiles has a colour of its own."
    )
    if not page.value.bred:
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        champion = PictureRow("stage_bred", {"champion": ""}, NOTHING, evolution(), alt="Room for the {name}")
    with right, st.container(key="room_bred"):
        chart, note = st.empty(), st.empty()
    st.markdown("**By-catch: the other classes' surest champions**")
    places = dict.fromkeys("12345678", "")
    others = PictureRow("fooling_images_catch", places, NOTHING, evolution(), alt="Room for picture {name}", width=4)
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
        alt = f"The best {target} after {last.queries} pictures: the network gives it {percent(last.wanted)}"
        pixels = records[place].picture if place > drawn else None
        champion.show("champion", pixels, target, percent(last.wanted), alt)
        drawn = place
        vega_chart(
            breed_chart([(record.queries, record.wanted) for record in records], work.queries),
            270,
            f"The probability of {target} after {last.queries} pictures: {percent(last.wanted)}",
            chart,
        )
        note.caption(
            f"{last.queries} of {work.queries} pictures shown. More than 50 % sure of {last.sure} of 1000 classes so "
            "far. The axis is logarithmic."
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
        alt = f"The champion of {name}: the network gives it {percent(certainty)}"
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
    save_button(
        "This picture (PNG)",
        to_png(last.picture),
        f"bred-{target.replace(' ', '-').replace('/', '-')}.png",
        key="bred_png",
    )
