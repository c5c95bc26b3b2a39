"""The section on faces: glasses before a face recogniser."""

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.faces.gallery import PEOPLE, portrait
from adv_core.faces.recogniser import SAME
from adv_core.images import Pixels, to_png
from adv_core.serving.engine.look import Pictures
from pages.lessons.patches.charts import distance_chart
from pages.lessons.patches.enrol import enrol, own
from pages.lessons.patches.eyes import mend_eyes
from pages.lessons.patches.face_tasks import (
    Dressed,
    FaceInViews,
    FindFaces,
    Photograph,
    WearOnFace,
    distances,
    nearest,
    with_dark_glasses,
)
from pages.lessons.patches.second import SECOND, find_second, follow_second, follow_views
from pages.lessons.patches.settings import AS_DETECTED, FACE_STEPS, FACE_VIEWS, NOBODY, page
from pages.lessons.patches.wearer import Wearer, head, remarks, why_no_face
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN
from pages.widgets.printing import for_printing
from pages.widgets.stage import NOTHING, PictureRow, percent, playground, save_button
from pages.widgets.verdict import fooled, held, note

YOU = "you"
EYES_APART = 63  # millimetres between the pupils of an adult, on average
TITLES = {"x": "x, the photograph", "worn": "the glasses", "now": "= x + δ"}
GLASSES = "The painted glasses alone"
ETHICS = (
    "Make such glasses for yourself, or for somebody who has agreed; to pass for another person before a real system "
    "is deceit, and in many places a crime. The attack shows why a face alone must not open a door."
)
ANOTHER = (
    "**Another recogniser** need not be fooled. We measured (`python -m bench.faces second`; glasses of 150 % on "
    "Eileen Collins, towards Grace Hopper): glasses made on this recogniser do not fool an unrelated one, a "
    "MobileNet that says “the same person” below 0.88: 0.74 to Collins, 1.03 to Hopper. Made on that one, they do "
    "not fool this one: 0.50 and 0.60. Made on **both**, they fool both: 0.64 and 0.50 here, 0.87 and 0.83 there."
)


def on_a_face(_: object) -> Iterator[None]:
    st.subheader("1 · Glasses before a face recogniser", anchor="face")
    prose(
        "A face recogniser turns a face into 128 numbers. Two photographs show the same person if their numbers are "
        f"nearer than {SAME:g}. Painted glasses move them: the wearer is taken for somebody else. Only pixels of the "
        "glasses change."
    )
    with playground("face"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        row_place, verdict = pictures.container(), told.container(key="patches_face_verdict").empty()
        show_controls()
    pixels, second = worn_by(), second_photograph()
    with row_place:
        row = PictureRow("stage_face", TITLES, NOTHING, asked(pixels), grey=TITLES)
    eyes = st.container(key="patches_face_eyes")
    chart = st.container(key="patches_face_chart").empty()
    views = st.container(key="patches_face_views").empty()
    again, judged = None, st.container()
    if second is not None:
        with judged:
            again = PictureRow(
                "stage_face_second", SECOND, NOTHING, (*asked(pixels), hash(second.tobytes())), grey=SECOND
            )
    st.caption(
        " ".join(f"{person.about} Portrait: {person.credit}." for person in PEOPLE.values())
        + " They are shown because their portraits are free to use; they have nothing to do with this attack. The "
        "recogniser is dlib's network of 2017; this is not a test of any product."
    )
    prose(ANOTHER)
    prose(ETHICS)
    skeleton(chart, 190, "The distances come with the glasses")
    yield
    wearer = find_wearer(pixels, row, verdict)
    if wearer is None:
        return
    with eyes:
        mend_eyes(wearer)
    photograph = find_second(second, judged) if again else None
    painted = follow_glasses(wearer, photograph, row, verdict, chart, views)
    if painted and photograph and again:
        follow_second(wearer, photograph, *painted, again, judged)


def worn_by() -> Pixels | None:
    """The photograph of the wearer; None for a visitor's own one that is not in this session."""
    return own("first") if page.value.wearer == OWN else portrait(page.value.wearer)


def second_photograph() -> Pixels | None:
    """The visitor's second photograph, where the visitor wears the glasses."""
    return own("second") if page.value.wearer == OWN and own("first") is not None else None


def asked(pixels: Pixels | None) -> tuple[object, ...]:
    """The settings that the pictures belong to."""
    settings = page.value
    mine = hash(pixels.tobytes()) if pixels is not None and settings.wearer == OWN else None
    return settings.wearer, settings.become, settings.frame, settings.wearable, settings.mended, settings.both, mine


def show_controls() -> None:
    left, middle = st.columns(2, gap="medium")
    known = {key: person.name for key, person in PEOPLE.items()}
    with left:
        page.choice("wearer", "Who wears the glasses", known | {OWN: YOU}, on_change=page.set, kwargs=AS_DETECTED)
    with middle:
        others = {key: name for key, name in known.items() if key != page.value.wearer}
        if page.value.become == page.value.wearer:
            page.set(become=next(iter(others)))
        page.choice("become", "To be taken for", others | {NOBODY: "nobody known"})
    if page.value.wearer == OWN:
        enrol()
    left, middle = st.columns(2, gap="medium", vertical_alignment="center")
    with left:
        page.control("frame", st.slider, "Size of the glasses, in %", 80, 160)
    with middle:
        page.control("wearable", st.toggle, "wearable: smooth, in colours that inks can print")


def find_wearer(pixels: Pixels | None, row: PictureRow, verdict: DeltaGenerator) -> Wearer | None:
    """Find the faces of the wearer and of the known people. Where there is none, tell why, and return None."""
    if pixels is None:
        note(verdict, "Take a photograph of yourself with the camera, or upload one, below. A link does not hold it.")
        return None
    found = follow(job_for("face wearer", FindFaces(Pictures.of(pixels[None]))), end=False)
    known = [follow(job_for(f"face {key}", FindFaces(Pictures.of(portrait(key)[None]))), end=False) for key in PEOPLE]
    if found is None or any(each is None for each in known):
        return None
    (seen,) = found
    if not seen.faces:
        row.show("x", pixels, "no face found")
        note(verdict, why_no_face(seen, pixels.shape[0], pixels.shape[1]))
        return None
    people = tuple(each[0].descriptor for each in known if each)
    names, settings = [person.name for person in PEOPLE.values()], page.value
    if settings.wearer != OWN:
        y = list(PEOPLE).index(settings.wearer)
        return Wearer(pixels, seen.faces[0], names, people, y, settings.mended)
    for remark in remarks(seen, pixels.shape[0], pixels.shape[1], distances(seen.descriptor, people)):
        st.caption(remark)
    return Wearer(pixels, seen.faces[0], [*names, YOU], (*people, seen.descriptor), len(people), settings.mended)


def follow_glasses(
    wearer: Wearer,
    photograph: Photograph | None,
    row: PictureRow,
    verdict: DeltaGenerator,
    chart: DeltaGenerator,
    views: DeltaGenerator,
) -> tuple[WearOnFace, Pixels] | None:
    """Show the attack, and then its judgement anew. Return the attack and the photograph with glasses."""
    settings = page.value
    target = None if settings.become == NOBODY else list(PEOPLE).index(settings.become)
    work = WearOnFace(
        Pictures.of(wearer.pixels[None]),
        wearer.face,
        *wearer.eyes,
        settings.frame / 100,
        wearer.people,
        wearer.y,
        target,
        settings.wearable,
        FACE_STEPS,
        again=photograph if settings.both else None,
    )
    mask = work.mask
    part = percent(float(mask.sum() / wearer.face.area))
    clean = distances(wearer.people[wearer.y], wearer.people)
    known = "known portrait" if settings.wearer != OWN else "enrolled photograph, this one"
    told = f"distance {clean[wearer.y]:.2f} to the {known}"
    row.show("x", head(wearer.pixels, wearer.face), nearest(clean, wearer.names), told)

    def draw(steps: list[Dressed]) -> None:
        last = steps[-1]
        alone = np.dstack([last.pixels, 255 * mask.astype(np.uint8)])
        row.show("worn", head(alone, wearer.face), f"{part} of the face", f"step {last.index} of {FACE_STEPS}", GLASSES)
        show_now(row, wearer, last.pixels, last.distances)

    steps = follow(job_for("face glasses", work), draw, verdict.info)
    if steps is None:
        return None
    painted = steps[-1].pixels
    rows, judged = {"no glasses": clean}, {"dark": with_dark_glasses(wearer.pixels, mask), "painted": painted}
    for glasses, pixels in judged.items():
        found = follow(job_for(f"face {glasses}", FindFaces(Pictures.of(pixels[None]), wearer.face)), end=False)
        if found is None:
            return None
        if found[0].descriptor:
            rows[f"{glasses} glasses"] = distances(found[0].descriptor, wearer.people)
    show_distances(rows, wearer.names, chart)
    after = rows.get("painted glasses")
    if after is not None:
        show_now(row, wearer, painted, after)
    show_verdict(verdict, wearer, after, target, painted, mask)
    work_in_views = FaceInViews(Pictures.of(painted[None]), wearer.face, wearer.people, FACE_VIEWS, seed=1)
    follow_views(wearer, "face views", work_in_views, target, views)
    return work, painted


def show_now(row: PictureRow, wearer: Wearer, pixels: np.ndarray, away: np.ndarray) -> None:
    """Show the face with its glasses, its distance to each person, and whom it is taken for."""
    said = nearest(away, wearer.names)
    line = "\n".join(f"{name}: {each:.2f}" for name, each in zip(wearer.names, away, strict=True))
    row.show("now", head(pixels, wearer.face), said, line, f"The face with painted glasses, taken for {said}")


def show_distances(rows: dict[str, np.ndarray], names: Sequence[str], chart: DeltaGenerator) -> None:
    """Draw everybody's distance on one axis, a line for each picture."""
    alt = "; ".join(
        f"{row}: " + ", ".join(f"{each:.2f} to {name}" for name, each in zip(names, away, strict=True))
        for row, away in rows.items()
    )
    vega_chart(distance_chart(rows, names, SAME), 190, f"Distances. {alt}", chart)


def show_verdict(
    slot: DeltaGenerator,
    wearer: Wearer,
    after: np.ndarray | None,
    target: int | None,
    painted: np.ndarray,
    mask: np.ndarray,
) -> None:
    """Tell whom the recogniser sees in the saved photograph, detected and cropped anew."""
    own = wearer.names[wearer.y]
    if after is None:
        note(slot, "The detector finds no face in the result. That hides the wearer, but impersonates nobody.")
        return
    said = nearest(after, wearer.names)
    away = f"Distance to {own}: **{after[wearer.y]:.2f}**"
    if target is not None:
        away += f", to {wearer.names[target]}: **{after[target]:.2f}**"
    away += f". Below {SAME:g} it is the same person."
    aim = wearer.names[target] if target is not None else "nobody known"
    with slot.container():
        if said == aim or (target is None and said != own):
            fooled(None, f"**Fooled.** The recogniser sees **{said}**. {away}")
        elif said != own:
            note(
                None,
                f"**Half way:** the recogniser no longer sees {own}. It sees **{said}**, and not {aim}. {away} Try "
                "larger glasses.",
            )
        else:
            held(None, f"**It holds.** The recogniser sees **{said}**. {away} Try larger glasses.")
        with st.container(horizontal=True):
            save_button("Save the photograph", to_png(painted), "glasses.png", key="patches_face_save")
            sheet = partial(printed, wearer, painted, mask)
            save_button("Glasses to print (HTML)", sheet, "glasses.html", key="patches_face_print")


def printed(wearer: Wearer, painted: np.ndarray, mask: np.ndarray) -> bytes:
    """Return the glasses alone on a sheet of paper, as large as for eyes that are `EYES_APART` apart."""
    (left, left_down), (right, right_down) = wearer.eyes
    height, across = wearer.pixels.shape[:2]
    apart = math.hypot((right - left) * across, (right_down - left_down) * height)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    alone = np.dstack([painted, 255 * mask.astype(np.uint8)])[part]
    width = EYES_APART * alone.shape[1] / apart
    text = f"For {wearer.names[wearer.y]}. Cut out the frame; print at 100 %, without fitting to the page."
    return for_printing([(alone, text)], "Adversarial Lab: glasses made for one photograph and one recogniser", width)
