"""The section on faces: glasses before a face recogniser."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.faces.detector import Face
from adv_core.faces.gallery import PEOPLE, portrait
from adv_core.faces.recogniser import SAME
from adv_core.images import Pixels, shrink, to_png
from adv_core.serving.engine.look import Pictures
from pages.lessons.patches.charts import distance_chart
from pages.lessons.patches.face_tasks import (
    Dressed,
    FaceInViews,
    FindFaces,
    WearOnFace,
    distances,
    head,
    nearest,
    with_dark_glasses,
)
from pages.lessons.patches.settings import FACE_STEPS, FACE_VIEWS, NOBODY, page
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, vega_chart
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import OWN
from pages.widgets.printing import for_printing
from pages.widgets.stage import NOTHING, PictureRow, percent, playground, save_button
from pages.widgets.verdict import fooled, held, note

MOST_PIXELS = 512 * 600  # of the wearer's photograph
YOU = "you"
EYES_APART = 63  # millimetres between the pupils of an adult, on average
TITLES = {"x": "x, the photograph", "worn": "the glasses", "now": "= x + δ"}
GLASSES = "The painted glasses alone"
state = st.session_state


@dataclass(frozen=True)
class Wearer:
    """The photograph of the wearer, with its face, and everybody whom the recogniser knows.

    Attributes:
        names: of the people; the wearer's index is ``y``.
    """

    pixels: Pixels
    face: Face
    names: Sequence[str]
    people: tuple[bytes, ...]
    y: int

    @property
    def eyes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The pupils, in parts of the width and the height."""
        height, width = self.pixels.shape[:2]
        (ax, ay), (bx, by) = self.face.eyes()
        return (ax / width, ay / height), (bx / width, by / height)


def on_a_face(_: object) -> Iterator[None]:
    st.subheader("1 · Glasses before a face recogniser", anchor="face")
    prose(
        "A face recogniser turns a face into 128 numbers. Two photographs show the same person if their numbers are "
        f"nearer than {SAME:g}. Painted glasses move them: the wearer is taken for somebody else. Only pixels of the "
        "glasses change."
    )
    pixels = worn_by()
    with playground("face"):
        pictures, told = st.columns([2, 1], gap="medium", vertical_alignment="center")
        with pictures:
            row = PictureRow("stage_face", TITLES, NOTHING, asked(pixels), grey=TITLES)
        verdict = told.container(key="patches_face_verdict").empty()
        show_controls()
    chart = st.container(key="patches_face_chart").empty()
    views = st.container(key="patches_face_views").empty()
    st.caption(
        " ".join(f"{person.about} Portrait: {person.credit}." for person in PEOPLE.values())
        + " They are shown because their portraits are free to use; they have nothing to do with this attack. Your own "
        "photograph stays in memory and goes with the session. The recogniser is dlib's network of 2017; this is not a "
        "test of any product."
    )
    skeleton(chart, 190, "The distances come with the glasses")
    yield
    wearer = find_wearer(pixels, verdict)
    if wearer is not None:
        follow_glasses(wearer, row, verdict, chart, views)


def worn_by() -> Pixels | None:
    """The photograph of the wearer; None for a visitor's own one that is not in this session."""
    if page.value.wearer != OWN:
        return portrait(page.value.wearer)
    if "own_image" not in state:
        return None
    image, pixels = state.get("face own", (None, None))
    if image is not state.own_image:  # shrunk once, not in every run of the page
        pixels = np.asarray(shrink(state.own_image, MOST_PIXELS))
        state["face own"] = state.own_image, pixels
    return pixels


def asked(pixels: Pixels | None) -> tuple[object, ...]:
    """The settings that the pictures belong to."""
    settings = page.value
    own = hash(pixels.tobytes()) if pixels is not None and settings.wearer == OWN else None
    return settings.wearer, settings.become, settings.frame, settings.wearable, own


def show_controls() -> None:
    left, middle = st.columns(2, gap="medium")
    known = {key: person.name for key, person in PEOPLE.items()}
    with left:
        wearers = known | ({OWN: YOU} if "own_image" in state or page.value.wearer == OWN else {})
        page.choice("wearer", "Who wears the glasses", wearers)
        if OWN not in wearers:
            st.caption("Upload a photograph of yourself, or take one (see the settings of the page), to wear them.")
    with middle:
        others = {key: name for key, name in known.items() if key != page.value.wearer}
        if page.value.become == page.value.wearer:
            page.set(become=next(iter(others)))
        page.choice("become", "To be taken for", others | {NOBODY: "nobody known"})
    left, middle = st.columns(2, gap="medium", vertical_alignment="center")
    with left:
        page.control("frame", st.slider, "Size of the glasses, in %", 80, 160)
    with middle:
        page.control("wearable", st.toggle, "wearable: smooth, in colours that inks can print")


def find_wearer(pixels: Pixels | None, verdict: DeltaGenerator) -> Wearer | None:
    """Find the faces of the wearer and of the known people. Where there is none, tell why, and return None."""
    if pixels is None:
        note(verdict, "Your photograph is not in this session. Upload it again, or choose another wearer.")
        return None
    found = follow(job_for("face wearer", FindFaces(Pictures.of(pixels[None]))), end=False)
    known = [follow(job_for(f"face {key}", FindFaces(Pictures.of(portrait(key)[None]))), end=False) for key in PEOPLE]
    if found is None or any(each is None for each in known):
        return None
    (seen,) = found
    if not seen.faces:
        note(
            verdict,
            "No face was found in this photograph. The detector needs a face from the front, upright and well lit, at "
            "least a tenth of the photograph wide. Choose another photograph in the settings of the page.",
        )
        return None
    if len(seen.faces) > 1:
        st.caption(f"{len(seen.faces)} faces were found. The glasses are for the largest.")
    people = tuple(each[0].descriptor for each in known if each)
    names = [person.name for person in PEOPLE.values()]
    if page.value.wearer == OWN:
        return Wearer(pixels, seen.faces[0], [*names, YOU], (*people, seen.descriptor), len(people))
    return Wearer(pixels, seen.faces[0], names, people, list(PEOPLE).index(page.value.wearer))


def follow_glasses(
    wearer: Wearer, row: PictureRow, verdict: DeltaGenerator, chart: DeltaGenerator, views: DeltaGenerator
) -> None:
    """Show the attack, and then its judgement anew."""
    settings = page.value
    target = None if settings.become == NOBODY else list(PEOPLE).index(settings.become)
    picture = Pictures.of(wearer.pixels[None])
    work = WearOnFace(
        picture,
        wearer.face,
        *wearer.eyes,
        settings.frame / 100,
        wearer.people,
        wearer.y,
        target,
        settings.wearable,
        FACE_STEPS,
    )
    mask = work.mask
    part = percent(float(mask.sum() / wearer.face.area))
    clean = distances(wearer.people[wearer.y], wearer.people)
    told = f"distance {clean[wearer.y]:.2f} to the known portrait"
    row.show("x", head(wearer.pixels, wearer.face), nearest(clean, wearer.names), told)

    def draw(steps: list[Dressed]) -> None:
        last = steps[-1]
        alone = np.dstack([last.pixels, 255 * mask.astype(np.uint8)])
        row.show("worn", head(alone, wearer.face), f"{part} of the face", f"step {last.index} of {FACE_STEPS}", GLASSES)
        show_now(row, wearer, last.pixels, last.distances)

    steps = follow(job_for("face glasses", work), draw, verdict.info)
    if steps is None:
        return
    painted = steps[-1].pixels
    rows, judged = {"no glasses": clean}, {"dark": with_dark_glasses(wearer.pixels, mask), "painted": painted}
    for glasses, pixels in judged.items():
        found = follow(job_for(f"face {glasses}", FindFaces(Pictures.of(pixels[None]), wearer.face)), end=False)
        if found is None:
            return
        if found[0].descriptor:
            rows[f"{glasses} glasses"] = distances(found[0].descriptor, wearer.people)
    show_distances(rows, wearer.names, chart)
    after = rows.get("painted glasses")
    if after is not None:
        show_now(row, wearer, painted, after)
    show_verdict(verdict, wearer, after, target, painted, mask)
    follow_views(wearer, painted, target, views)


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
                f"**Half way:** {own} is no longer recognised, and is not taken for {aim}. {away} Try larger glasses.",
            )
        else:
            held(None, f"**It holds.** The recogniser sees **{said}**. {away} Try larger glasses.")
        with st.container(horizontal=True):
            save_button("Save the photograph", to_png(painted), "glasses.png", key="patches_face_save")
            sheet = partial(printed, wearer, painted, mask)
            save_button("Glasses to print (HTML)", sheet, "glasses.html", key="patches_face_print")


def printed(wearer: Wearer, painted: np.ndarray, mask: np.ndarray) -> bytes:
    """Return the glasses alone on a sheet of paper, as large as for eyes that are `EYES_APART` apart."""
    (left, _), (right, _) = wearer.face.eyes()
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    alone = np.dstack([painted, 255 * mask.astype(np.uint8)])[part]
    width = EYES_APART * alone.shape[1] / (right - left)
    text = f"For {wearer.names[wearer.y]}. Cut out the frame; print at 100 %, without fitting to the page."
    return for_printing([(alone, text)], "Adversarial Lab: glasses made for one photograph and one recogniser", width)


def follow_views(wearer: Wearer, painted: np.ndarray, target: int | None, slot: DeltaGenerator) -> None:
    """Count the views in which the glasses work."""

    def succeeds(away: tuple[float, ...]) -> bool:
        if target is None:
            return not away or away[wearer.y] > SAME
        return bool(away) and away[target] < SAME

    def draw(seen: list[tuple[float, ...]]) -> None:
        what = "is not recognised" if target is None else f"is taken for {wearer.names[target]}"
        lost = sum(not each for each in seen)
        slot.markdown(
            f"**In random views** (turned, nearer, moved, darker; the face is found anew in each), the wearer {what} "
            f"in **{sum(map(succeeds, seen))} of {len(seen)}**"
            + (f". In {lost} of them no face was found." if lost else ".")
            + ("" if len(seen) == FACE_VIEWS else f" {len(seen)} of {FACE_VIEWS} views are judged.")
        )

    work = FaceInViews(Pictures.of(painted[None]), wearer.face, wearer.people, FACE_VIEWS, seed=1)
    follow(job_for("face views", work), draw, slot.info)
