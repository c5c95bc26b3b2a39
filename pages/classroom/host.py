"""The host's page: open a room for a class, watch the board, ask questions, reveal the results."""

from dataclasses import dataclass, replace

import numpy as np
import segno
import streamlit as st

from adv_core.classifiers import DEFAULT, REGISTRY, categories, info_of, list_classifiers
from adv_core.images import Pixels, fit
from adv_core.serving.classroom import Refused
from adv_core.serving.classroom.challenges import RULES, Challenge, Prediction, RuleName
from adv_core.serving.classroom.questions import what_will_it_say, which_is_perturbed
from adv_core.serving.classroom.records import Draft, Room
from adv_core.serving.classroom.store import CODE_LENGTH, LETTERS, MAX_MINUTES, Store
from adv_core.serving.engine.attack import Attack
from adv_core.serving.engine.look import Pictures, Seen
from adv_core.serving.limits import LIMITS
from pages.classroom.charts import board_csv, board_picture
from pages.classroom.cookie import remember, remembered
from pages.classroom.countdown import countdown
from pages.classroom.rooms import (
    STYLE,
    base,
    board_of,
    draw_board,
    draw_question,
    draw_reveal,
    draw_votes,
    left,
    reach,
    tell_of_no_cookie,
    the_store,
)
from pages.widgets.ask import look
from pages.widgets.controls import Controls
from pages.widgets.glossary import prose
from pages.widgets.lesson import opening, presenting
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import (
    OWN,
    PHOTOS,
    class_control,
    class_named,
    gallery,
    needs_own,
    own_picture,
    photograph,
    sample,
)
from pages.widgets.query import PageSettings, number, sequence, word
from pages.widgets.stage import percent, save_button, show_picture

EVERY = 2.0  # seconds between two updates of the board
QUESTIONS = {"which": "Which of the two is perturbed?", "what": "What will the network predict?"}
state = st.session_state


@dataclass(frozen=True)
class Settings(PageSettings):
    """The challenge of a new room, and the room's code. ``eps`` is in levels of 255.

    The room's secret is not a setting, since settings appear in the address, which others see on the projector.
    """

    image: str = word("koala", {*PHOTOS, OWN})
    model: str = word(DEFAULT, REGISTRY)
    aim: bool = False
    target: int = number(404, 0, 999, named=class_named)
    rule: RuleName = word("smallest", RULES)
    eps: int = number(8, 1, 32)
    pixels: int = number(500, 1, 2000)
    hidden: str = word("efficientnet_lite1", REGISTRY)
    minutes: int = number(10, 1, MAX_MINUTES)
    code: str = sequence(LETTERS, CODE_LENGTH)


page = Controls("host", Settings)


# ------------------------------------------------------------------------------------------------------ before a room


def here() -> list[str]:
    """Return the networks on this machine, since a room cannot wait for a download."""
    return [info.name for info in list_classifiers() if info.is_here]


def opinion(slot: str, classifier: str, pixels: Pixels) -> tuple[Prediction, Seen] | None:
    """Return a network's prediction for a picture; on failure None, with the reason on the page."""
    looked = look(slot, pixels, classifier)
    if looked is None:
        return None
    said = looked.probabilities[0]
    return Prediction(int(said.argmax()), float(said.max())), looked


def set_up(store: Store) -> None:
    """Show the challenge, and the button that opens a room with it."""
    names = here()
    for name in ("model", "hidden"):
        if getattr(page.value, name) not in names:
            page.set(**{name: DEFAULT if name == "model" else names[-1]})
    picture, controls = st.columns([2, 3], gap="large")
    with controls:
        challenge_controls(names)
    settings = page.value
    page.into_address()
    side = info_of(settings.model).input_size
    pixels = np.asarray(fit(photograph(settings.image), side, side))
    with picture:
        with st.container(key="class_photo", width=320):
            show_picture(pixels, "The photograph of the challenge")
        says = st.empty()
        says.caption("Classifying the photograph …")
        gallery(page)
        own_picture(
            page,
            Settings.image,
            f"If you open a room with it, the server keeps it with the room for {LIMITS.room_hours} hours.",
        )
    found = opinion("look", settings.model, pixels)
    if found is None:
        return
    said, _ = found
    says.markdown(f"The network predicts **{categories()[said.label]}**, {percent(said.probability)}.")
    challenge = Challenge(
        pixels.tobytes(),
        side,
        side,
        settings.model,
        said.label,
        target=settings.target if settings.aim else None,
        rule=settings.rule,
        most=settings.pixels if settings.rule == "pixels" else settings.eps,
        sample="" if settings.image == OWN else settings.image,
    )
    if settings.rule == "hidden":
        second = opinion("second look", settings.hidden, pixels)
        if second is None:
            return
        challenge = replace(challenge, hidden=settings.hidden, hidden_label=second[0].label)
    with controls:
        offer(store, challenge)


def challenge_controls(names: list[str]) -> None:
    def title(name: str) -> str:
        return info_of(name).title

    page.control("model", st.selectbox, "Network", names, format_func=title)
    page.control("aim", st.toggle, "Targeted: it must predict a class of your choice")
    class_control(page, "target", "Target class", disabled=not page.value.aim)
    page.control("rule", st.selectbox, "Rule", list(RULES), format_func=lambda name: RULES[name].title)
    st.caption(RULES[page.value.rule].text)
    if page.value.rule == "hidden":
        others = [name for name in names if name != page.value.model]
        if page.value.hidden not in others:
            page.set(hidden=others[0])
        page.control("hidden", st.selectbox, "The second network, hidden until the reveal", others, format_func=title)
    if page.value.rule == "pixels":
        page.control("pixels", st.slider, "Largest number of pixels that may change", 1, 2000)
    else:
        page.control("eps", st.slider, "Largest ε, in 1/255", 1, 32)
    page.control("minutes", st.number_input, "Minutes", 1, MAX_MINUTES, step=1)


def offer(store: Store, challenge: Challenge) -> None:
    try:
        challenge.check()
        problem = ""
    except Refused as refusal:
        problem = str(refusal)
    st.markdown(f"> {challenge.task}" if not problem else "")
    if problem:
        st.warning(problem)
    st.button(
        "Open the room",
        type="primary",
        icon=":material/meeting_room:",
        disabled=bool(problem),
        on_click=open_room,
        args=(store, challenge),
        key="host_open",
    )
    if state.get("host_problem"):
        st.error(state.pop("host_problem"))


def open_room(store: Store, challenge: Challenge) -> None:
    try:
        room, secret = store.open_room(challenge, page.value.minutes)
    except Refused as refusal:
        state.host_problem = str(refusal)
        return
    secrets_of()[room.code] = secret
    page.reset("present")  # the address is visible on the projector and must not name the hidden network
    page.set(code=room.code)


# ---------------------------------------------------------------------------------------------------- who is the host


def secrets_of() -> dict[str, str]:
    """The secrets of the rooms that this session opened, or entered by their secret link."""
    secrets: dict[str, str] = state.setdefault("host_secrets", {})
    return secrets


def take_key() -> None:
    """Keep the secret of an opened secret link, and remove it from the address."""
    query = st.query_params.to_dict()
    code, key = query.get("code", ""), query.get("key", "")
    if code and key:
        secrets_of()[code] = key
        del st.query_params["key"]


def secret_of(code: str) -> str:
    """The secret of that room in this session or browser; "" for none."""
    return secrets_of().get(code) or remembered(f"host_{code}")


def leave() -> None:
    page.set(code="")


def act(action: str, *arguments: object) -> None:
    """Carry out an action of the host; show a refusal on the page."""
    code = page.value.code
    try:
        getattr(the_store(), action)(code, secret_of(code), *arguments)
        board_of.clear(code)
        if action == "delete":
            leave()
    except Refused as refusal:
        state.host_problem = str(refusal)


# ------------------------------------------------------------------------------------------------------------ a room


def show_room(store: Store, room: Room) -> None:
    challenge = store.challenge(room)
    presenter(store, room, challenge)
    if state.get("host_problem"):
        st.error(state.pop("host_problem"), icon=":material/error:")
    if room.revealed:
        with draw_reveal(store, room, challenge, store.board(room)):
            invite(room, small=True)
        live_board(store, room, challenge)
    else:
        open_now = left(room) > 0
        invitation, progress = st.columns([2, 3] if open_now else [1, 4], gap="large")
        with invitation:
            invite(room, small=not open_now)
        with progress:
            countdown("host_clock", left(room))
            prose(f"{challenge.task} {RULES[challenge.rule].text}")
            live_board(store, room, challenge)
    ask_the_class(store, room)


def lead_of(room: Room) -> str:
    """Return the line below the title of a room."""
    if room.revealed:
        return "The best pictures, what the networks predict for them, and the board."
    if left(room) <= 0:
        return "The time is over. The results come next."
    return "Scan the code or open the link, choose a nickname, and hand in pictures."


def invite(room: Room, small: bool) -> None:
    """Draw the QR code of the room's page; small, as a badge, when the room takes no more pictures."""
    there = reach()
    link = f"{there.base}room?code={room.code}"
    with st.container(key="class_badge" if small else "class_photo_qr", width=110 if small else 300):
        code = segno.make(link, error="m").png_data_uri(scale=8, border=3)
        st.image(code, width="stretch", alt=f"QR code that leads to room {room.code}")
    st.html(f"<div class='class-code{' small' if small else ''}' aria-label='Code of the room'>{room.code}</div>")
    if small:
        return
    st.code(link, language=None, wrap_lines=True)
    if there.remark:
        st.info(there.remark, icon=":material/wifi:")
        if there.base != base():
            st.markdown("On this machine:")
            st.code(f"{base()}room?code={room.code}", language=None, wrap_lines=True)


def presenter(store: Store, room: Room, challenge: Challenge) -> None:
    """Draw the controls of the presenter behind a button: the class looks at the same page on the projector."""
    with (
        st.container(key="class_presenter", horizontal=True, horizontal_alignment="right"),
        st.popover("Presenter", icon=":material/tune:"),
    ):
        if not room.revealed:
            # "Reveal" replaces "Stop now", so that a press on the wrong button does not reveal the results too early.
            if left(room) <= 0:
                st.button("Reveal", on_click=act, args=("reveal",), type="primary", key="host_reveal", width="stretch")
            else:
                st.button("Stop now", on_click=act, args=("close",), key="host_close", width="stretch")
            st.button("5 more minutes", on_click=act, args=("prolong", 5), key="host_more", width="stretch")
        save_button(
            "Board (CSV)",
            lambda: board_csv(store.board(room), challenge).encode("utf-8-sig"),
            f"board-{room.code}.csv",
            key="host_csv",
            width="stretch",
        )
        save_button(
            "Board (PNG)",
            lambda: board_picture(store.board(room), challenge),
            f"board-{room.code}.png",
            key="host_png",
            width="stretch",
        )
        keep_order(store, room)


@st.fragment(run_every=EVERY)
def live_board(store: Store, room: Room, challenge: Challenge) -> None:
    """Show the board, updated regularly. When the time is over, draw the whole page anew, once."""
    try:
        draw_board(board_of(room.code), challenge)
    except Refused as refusal:
        st.warning(str(refusal))
        return
    open_now = left(room) > 0
    if state.get("host_was_open") and not open_now:
        state.host_was_open = False
        st.rerun()
    state.host_was_open = open_now


# ------------------------------------------------------------------------------------------------------------- polls


def ask_the_class(store: Store, room: Room) -> None:
    st.subheader("Ask the class", anchor=False)
    live_poll(store, room)
    with st.expander("A new question", expanded=store.latest_poll(room) is None, icon=":material/help:"):
        kind = st.segmented_control(
            "Question",
            list(QUESTIONS),
            format_func=QUESTIONS.__getitem__,
            default="which",
            required=True,
            key="host_kind",
        )
        chosen = st.selectbox("About", list(PHOTOS), format_func=PHOTOS.__getitem__, key="host_about")
        eps = st.slider("ε of the perturbation, in 1/255", 0 if kind == "what" else 1, 16, 3, key=f"host_eps_{kind}")
        st.caption(
            "The perturbation is made by ten steps of PGD on the room's network. With ε = 0 the picture stays "
            "unchanged."
            if kind == "what"
            else "The perturbation is made by ten steps of PGD on the room's network. The perturbed picture is left or "
            "right at random; nobody can see which before you close the question."
        )
        if st.button("Ask", type="primary", key="host_ask"):
            draft = drafted(store.challenge(room).classifier, str(kind), str(chosen), int(eps))
            if draft is not None:
                act("ask", draft)
                st.rerun()


def drafted(classifier: str, kind: str, name: str, eps: int) -> Draft | None:
    """Make a question about that photograph on the engine; on failure None, with the reason on the page."""
    side = info_of(classifier).input_size
    original = np.asarray(fit(sample(name), side, side))
    looked = opinion("poll look", classifier, original)
    if looked is None:
        return None
    untouched, seen = looked
    said, shown = untouched, original
    if eps > 0:
        attack = Attack(Pictures.of(original), classifier, eps=(eps / 255,), label=untouched.label, steps=10)
        frames = follow(job_for("poll attack", attack), end=False)
        if frames is None or frames[-1].pixels is None:
            return None
        p, shown = frames[-1].probabilities[0], frames[-1].pixels[0]
        said = Prediction(int(p.argmax()), float(p.max()))
    if kind == "which":
        return which_is_perturbed(original, shown, said)
    likely = [int(label) for label in np.argsort(-seen.probabilities[0])[:6]]
    return what_will_it_say(shown, said, untouched, likely)


@st.fragment(run_every=EVERY)
def live_poll(store: Store, room: Room) -> None:
    """Show the newest question, and its votes so far."""
    poll = store.latest_poll(room)
    if poll is None:
        st.caption("A new question appears on the pages of all students at once.")
        return
    asked, voted = st.columns(2, gap="large")
    with asked:
        draw_question(store, poll)
    with voted:
        draw_votes(poll)
        if poll.open:
            close = ("close_poll", poll.id)
            st.button("Close and show the answer", key=f"host_tell_{poll.id}", type="primary", on_click=act, args=close)


# ------------------------------------------------------------------------------------------------------------- order


def keep_order(store: Store, room: Room) -> None:
    with st.expander("For the host only", icon=":material/key:"):
        st.markdown(
            "**Your secret link.** Everybody who opens it becomes a host of this room. Bookmark it: you need it on "
            "another machine, or in another browser."
        )
        st.code(f"{base()}host?code={room.code}&key={secret_of(room.code)}", language=None, wrap_lines=True)
        people = {member.id: member.nickname for member in store.members(room)}
        if people:
            somebody = st.selectbox(
                "Remove a student",
                list(people),
                format_func=people.__getitem__,
                index=None,
                placeholder="Choose a nickname",
                key="host_somebody",
            )
            st.button(
                "Remove from the room",
                on_click=act,
                args=("remove_member", somebody),
                disabled=somebody is None,
                key="host_remove",
            )
        st.markdown(f"The server deletes this room with everything in it {LIMITS.room_hours} hours after its opening.")
        st.button("Open another room", on_click=leave, key="host_leave")
        sure = st.checkbox("Delete everything in this room, for all students", key="host_sure")
        st.button("Delete this room now", on_click=act, args=("delete",), disabled=not sure, key="host_delete")


def main() -> None:
    take_key()
    page.start()
    needs_own(page, Settings.image)
    store = the_store()
    st.html(STYLE)
    code = page.value.code
    room = None
    if code:
        try:
            room = store.room(code)
            if not store.is_host(code, secret_of(code)):
                raise Refused("You are not the host of this room. Open its secret link, or open a new room.")
        except Refused as refusal:
            room = None
            page.set(code="")
            page.tell(str(refusal))
    opening(
        page,
        "Host a room for your class" if room is None else f"Room {room.code}",
        "Choose a photograph, a network and a rule. Your students join by a link and hand in adversarial pictures. The "
        "network judges the pictures, and a board ranks them."
        if room is None
        else lead_of(room),
    )
    with st.sidebar:
        presenting(page)
    if room is None:
        set_up(store)
        return
    page.into_address()
    if not remember(f"host_{room.code}", secret_of(room.code), LIMITS.room_hours):
        tell_of_no_cookie("Keep your secret link: *Presenter*, *For the host only*.")
    show_room(store, room)


main()
