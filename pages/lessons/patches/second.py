"""Judging glasses: in random views, and on a second photograph of the wearer, which they are put on."""

from streamlit.delta_generator import DeltaGenerator

from adv_core.faces.recogniser import SAME
from adv_core.images import Pixels
from adv_core.serving.engine.look import Pictures
from pages.lessons.patches.face_tasks import (
    FaceInViews,
    FindFaces,
    Photograph,
    WearOnFace,
    distances,
    nearest,
    with_glasses_of,
    works,
)
from pages.lessons.patches.settings import FACE_VIEWS, page
from pages.lessons.patches.wearer import Wearer, eyes_of, head, why_no_face
from pages.widgets.live import follow, job_for
from pages.widgets.stage import PictureRow
from pages.widgets.verdict import note

SECOND = {"second": "your second photograph", "second worn": "with the same glasses"}


def find_second(pixels: Pixels | None, slot: DeltaGenerator) -> Photograph | None:
    """Find the largest face of the second photograph; tell where there is none."""
    if pixels is None:
        return None
    found = follow(job_for("face second", FindFaces(Pictures.of(pixels[None]))), end=False)
    if found is None:
        return None
    if not found[0].faces:
        note(slot, f"In your second photograph: {why_no_face(found[0], pixels.shape[0], pixels.shape[1])}")
        return None
    face = found[0].faces[0]
    return Photograph(Pictures.of(pixels[None]), face, *eyes_of(pixels, face))


def follow_second(
    wearer: Wearer, photograph: Photograph, work: WearOnFace, painted: Pixels, row: PictureRow, slot: DeltaGenerator
) -> None:
    """Put the same glasses on the second photograph, and judge it."""
    before = photograph.picture.pixels[0]
    worn, _ = with_glasses_of(work, painted, photograph)
    seen = {}
    for key, pixels in (("second", before), ("second worn", worn)):
        found = follow(job_for(f"face {key}", FindFaces(Pictures.of(pixels[None]), photograph.face)), end=False)
        if found is None:
            return
        away = distances(found[0].descriptor, wearer.people) if found[0].descriptor else None
        lines = () if away is None else tuple(zip(wearer.names, away, strict=True))
        headline = "no face found" if away is None else nearest(away, wearer.names)
        row.show(key, head(pixels, photograph.face), headline, "\n".join(f"{name}: {each:.2f}" for name, each in lines))
        seen[key] = away
    text, views = slot.empty(), slot.empty()
    clean = seen["second"]
    if clean is None or clean[wearer.y] >= SAME:
        text.markdown(
            "**The recogniser does not know you in your second photograph**, without any glasses. It tells nothing "
            "about the glasses then. Take it from the front, in good light."
        )
        return
    text.markdown(
        "The attack has seen this photograph, too."
        if page.value.both
        else "**The attack has not seen this photograph.** The glasses were made for the first one, and are moved, "
        "turned and resized to these eyes."
    )
    in_views = FaceInViews(Pictures.of(worn[None]), photograph.face, wearer.people, FACE_VIEWS, seed=2)
    follow_views(wearer, "face second views", in_views, work.target, views)


def follow_views(wearer: Wearer, name: str, work: FaceInViews, target: int | None, slot: DeltaGenerator) -> None:
    """Count the views in which the glasses work, in the job's slot of that name."""

    def draw(seen: list[tuple[float, ...]]) -> None:
        what = "is not recognised" if target is None else f"is taken for {wearer.names[target]}"
        lost = sum(not each for each in seen)
        slot.markdown(
            f"**In random views** (turned, nearer, moved, darker; the face is found anew in each), the wearer {what} "
            f"in **{sum(works(each, wearer.y, target) for each in seen)} of {len(seen)}**"
            + (f". In {lost} of them no face was found." if lost else ".")
            + ("" if len(seen) == FACE_VIEWS else f" {len(seen)} of {FACE_VIEWS} views are judged.")
        )

    follow(job_for(name, work), draw, slot.info)
