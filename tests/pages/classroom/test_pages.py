"""The host's page and the students', driven through Streamlit's AppTest; each visit is a browser of its own."""

import csv
import io
import re
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from adv_core import Linf, Untargeted, pgd, run
from adv_core.images import from_pixels, to_pixels, to_png
from adv_core.serving.classroom import store as stores
from adv_core.serving.classroom.store import LETTERS, Store, default_store
from pages.classroom import rooms
from pages.classroom.charts import board_csv
from pages.classroom.rooms import Reach, board_of, reach
from pages.widgets.photograph import sample
from tests.networks import loaded
from tests.pages.visit import button, link, nothing_computed, picture, pictures, sent, visit, words

host = partial(visit, "classroom/host.py")
room = partial(visit, "classroom/room.py")
LESS = "noise,formula,save,curve"  # of the lab
HOME = "192.168.1.5"


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A database of this file's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADV_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setattr(stores, "_store", None)
        yield
        default_store().dispose()


@pytest.fixture(autouse=True)
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the browser comes with; AppTest has no browser."""
    jar: dict[str, str] = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: jar))
    return jar


@pytest.fixture
def store() -> Store:
    board_of.clear()
    return default_store()


@pytest.fixture(scope="module")
def fooling() -> Callable[[int], bytes]:
    """The koala, fooled within so many levels, as a PNG."""
    classifier = loaded()
    x = classifier.prepare(sample("koala"))
    label = classifier.predict(x)[0][0]

    def made(eps: int) -> bytes:
        return to_png(to_pixels(run(pgd(classifier, x, Linf(eps / 255), Untargeted(label), steps=5)).adversarial))

    return made


def opened(**query: str) -> tuple[AppTest, str]:
    """A host with an open room, and its code."""
    at = button(host(**query), "Open the room")
    return at, link(at)["code"]


def joined(code: str, nickname: str) -> AppTest:
    at = room(code=code)
    at.text_input[0].input(nickname)
    return button(at, "Join")


def handed_in(at: AppTest, png: bytes, store: Store, code: str) -> AppTest:
    with store._writing() as connection:  # as if a second had passed
        connection.exec_driver_sql("UPDATE members SET busy_until = 0")
    at.get("file_uploader")[0].upload("mine.png", png, "image/png")
    return button(at, "Hand it in")


def back(lab: AppTest) -> str:
    """The link in the lab's bar."""
    (shown,) = lab.get("page_link")
    return str(shown.proto.label)


def bodies(at: AppTest) -> str:
    return "\n".join(each.proto.body for each in at.get("html"))


def test_a_host_opens_a_room(store: Store) -> None:
    at = host(image="pig", rule="pixels", pixels="40", minutes="5", aim="1", target="wombat")
    assert "predicts **hog**" in words(
        at
    ) and "> Change the picture so that EfficientNet-Lite0 predicts wombat" in words(at)
    assert picture(at, "The photograph of the challenge").shape == (224, 224, 3)
    button(at, "Open the room")
    code = link(at)["code"]
    assert link(at) == {"code": code} and set(code) <= set(LETTERS)
    found = store.room(code)
    challenge = store.challenge(found)
    assert (challenge.rule, challenge.most, challenge.target, challenge.sample) == ("pixels", 40, 106, "pig")
    assert found.closes_at - found.opens_at == pytest.approx(300)
    assert found.closes_at - time.time() - 0.1 <= sent(at, "left")["left"] <= 300
    assert code in bodies(at) and any(alt.startswith("QR code") for alt in pictures(at))
    shown = next(each.value for each in at.code if "key=" in each.value)
    key = shown.split("key=")[1]
    assert store.is_host(code, key) and key not in str(link(at)) and key not in bodies(at) + words(at)
    assert sent(at, "seconds")["name"] == f"host_{code}" and sent(at, "seconds")["value"] == key


def test_the_secret_link_and_without_it(store: Store) -> None:
    at, code = opened()
    key = next(each.value for each in at.code if "key=" in each.value).split("key=")[1]
    again = host(code=code, key=key)
    assert any(b.label == "Stop now" for b in again.button) and link(again) == {"code": code}
    for wrong in ({}, {"key": "guess"}, {"key": key[:-1]}):
        stranger = host(code=code, **wrong)
        assert "You are not the host" in words(stranger) and not any(b.label == "Stop now" for b in stranger.button)
        assert any(b.label == "Open the room" for b in stranger.button) and "key" not in link(stranger)
    assert "no room with this code" in words(host(code="XXXXX"))


def test_a_target_that_it_says_already() -> None:
    at = host(image="koala", aim="1", target="koala")
    assert "Please choose another class" in words(at)
    assert next(b for b in at.button if b.label == "Open the room").disabled


def test_the_hidden_network_is_nowhere_before_the_reveal(store: Store, fooling: Callable[[int], bytes]) -> None:
    at, code = opened(rule="hidden", hidden="efficientnet_lite2", eps="16")
    student = joined(code, "Ada")
    for each in (at, student):
        seen = words(each) + bodies(each) + str(link(each)) + str([c.value for c in each.code])
        assert "Lite2" not in seen and "lite2" not in seen
    student = handed_in(student, fooling(1), store, code)
    assert "does not fool the hidden second network" in words(student)
    button(button(at, "Stop now"), "Reveal")
    for each in (at, room_again(student)):
        assert "The hidden second network was **EfficientNet-Lite2**" in words(each)


def room_again(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


def test_a_class(store: Store, fooling: Callable[[int], bytes]) -> None:
    at, code = opened(eps="4")
    ada, eve = joined(code, "Ada"), joined(code, "Eve")
    assert "Ada" in bodies(ada) and "None of your pictures counts yet" in words(ada)
    assert sent(ada, "seconds")["name"] == f"room_{code}"
    assert "eps=4" not in bodies(ada)
    handed_in(ada, fooling(3), store, code)
    assert "It counts, with 3/255" in words(ada) and "place **1** of 1" in words(ada)
    handed_in(eve, fooling(2), store, code)
    assert "place **1** of 2" in words(eve) and "<tr class=me><td>1</td><td>Eve</td>" in bodies(eve)
    board_of.clear()
    assert "place **2** of 2" in words(room_again(ada))
    for png, told in (
        (fooling(2), "Another student has already handed in"),
        (fooling(3), "You have already handed in this picture"),
        (fooling(9), "too large"),
        (b"GIF89a", "not a PNG"),
        (to_png(np.zeros((10, 10, 3), np.uint8)), "10 × 10 pixels"),
    ):
        assert told in words(handed_in(ada, png, store, code))
    assert re.findall(r"<td>(\d)</td><td>(\w+)</td>", bodies(room_again(at))) == [("1", "Eve"), ("2", "Ada")]

    button(at, "Stop now")
    assert "time is over" in words(room_again(ada)).lower() and not ada.get("file_uploader")
    assert not any(alt.startswith("The picture in place") for alt in pictures(ada))
    button(at, "Reveal")
    for each in (at, room_again(ada)):
        best, untouched = picture(each, "The picture in place 1"), picture(each, "The untouched picture")
        assert np.array_equal(best, np.asarray(Image.open(io.BytesIO(fooling(2)))))
        drawn = np.clip(128 + 10 * (best.astype(int) - untouched), 0, 255)
        assert np.abs(picture(each, "δ in place 1, drawn 10 × stronger") - drawn).max() <= 1
        assert "EfficientNet-Lite0 predicts **koala** for the untouched picture" in words(each)
        said = loaded("efficientnet_lite1").predict(from_pixels(best))[0][1]
        assert re.search(f"EfficientNet-Lite1, not attacked</span><b>{said}, ", bodies(each))
        assert sum(alt == "The untouched picture" for alt in pictures(each)) == 1


def test_one_picture_a_second(store: Store, fooling: Callable[[int], bytes]) -> None:
    _, code = opened()
    ada = joined(code, "Ada")
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE members SET busy_until = 9e12")
    ada.get("file_uploader")[0].upload("mine.png", fooling(2), "image/png")
    assert "one picture at a time" in words(button(ada, "Hand it in"))
    assert "Choose a PNG file first" in words(button(ada, "Hand it in"))


@pytest.mark.parametrize("nickname", ["<script>alert(1)</script>", "**bold**", ":red[x]", " ", "x\u202ey", "ADA"])
def test_nicknames_that_cannot_be(nickname: str, store: Store) -> None:
    _, code = opened()
    joined(code, "Ada")
    refused = joined(code, nickname)
    assert len(refused.error) == 1 and any(b.label == "Join" for b in refused.button)
    assert nickname.strip() not in refused.error[0].value or nickname == " "


def test_what_a_student_has_typed_is_escaped(store: Store, fooling: Callable[[int], bytes]) -> None:
    """Even if something else came into the database."""
    at, code = opened()
    ada = handed_in(joined(code, "Ada"), fooling(2), store, code)
    evil = "<img src=x>**b**"
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE members SET nickname = '<img src=x>**b**'")
    button(button(at, "Stop now"), "Reveal")
    board_of.clear()
    for each in (room_again(at), room_again(ada)):
        assert "<img" not in bodies(each) and "&lt;img src=x&gt;**b**" in bodies(each)
        assert evil not in words(each)


def test_a_reload_and_another_room(store: Store, cookies: dict[str, str]) -> None:
    _, code = opened()
    _, other = opened(image="pig")
    ada = joined(code.lower(), "Ada")
    assert link(ada) == {"code": code}
    member = store.members(store.room(code))[0]
    token = ada.session_state["student_tokens"][code]
    assert store.member(code, token) == member
    assert any(b.label == "Join" for b in room(code=code).button)
    cookies[f"room_{code}"] = token
    assert "<span class='class-name'>Ada</span>" in bodies(room(code=code))
    assert any(b.label == "Join" for b in room(code=other).button)
    cookies[f"room_{other}"] = "<script>"
    assert any(b.label == "Join" for b in room(code=other).button)
    lost = room(code="XXXXX")
    assert "no room with this code" in words(lost)
    lost.text_input[0].input(f" {other.lower()} ")
    assert link(button(lost, "Enter")) == {"code": other}
    lost = room()
    lost.text_input[0].input("nonsense")
    assert "no room with this code" in words(button(lost, "Enter"))


def test_which_is_perturbed(store: Store) -> None:
    at, code = opened()
    ada = joined(code, "Ada")
    button(at, "Ask")
    poll = store.latest_poll(store.room(code))
    assert poll is not None and poll.open and poll.kind == "which"
    ada.run()
    assert "Which of the two is perturbed?" in words(ada) and ada.radio[0].options == ["left", "right"]
    left, right = picture(ada, "The left picture"), picture(ada, "The right picture")
    assert np.abs(left.astype(int) - right).max() == 3
    ada.radio[0].set_value(0).run()
    ada.radio[0].set_value(1).run()
    seen = store.latest_poll(store.room(code))
    assert seen is not None and seen.counts == (0, 1)
    button(at, "Close and show the answer")
    told = next(each.value for each in at.success)
    assert re.match(r"The (left|right) picture is perturbed, by at most 3/255", told)
    assert told in words(room_again(ada)) and "Your answer: **right**" in words(ada) and not ada.radio


def test_what_will_it_say(store: Store) -> None:
    at, code = opened()
    at.segmented_control(key="host_kind").set_value("what").run()
    at.selectbox(key="host_about").set_value("pig").run()
    button(at, "Ask")
    ada = room_again(joined(code, "Ada"))
    options = ada.radio[0].options
    assert len(options) == 4 and "hog" in options
    shown = picture(ada, "The picture in question")
    classifier = loaded()
    said = classifier.predict(classifier.prepare(Image.fromarray(shown)))[0][1]
    button(at, "Close and show the answer")
    poll = store.latest_poll(store.room(code))
    assert poll is not None and poll.answer is not None and poll.choices[poll.answer] == said
    assert f"It predicts {said}" in words(at)


def test_the_host_keeps_order(store: Store, fooling: Callable[[int], bytes]) -> None:
    at, code = opened()
    rude = handed_in(joined(code, "Rude"), fooling(2), store, code)
    at.run()
    at.selectbox(key="host_somebody").set_value(store.members(store.room(code))[0].id).run()
    button(at, "Remove from the room")
    assert "The board is empty" in bodies(at) and any(b.label == "Join" for b in room_again(rude).button)
    before = store.room(code).closes_at
    button(at, "5 more minutes")
    assert store.room(code).closes_at == before + 300
    at.checkbox(key="host_sure").check().run()
    button(at, "Delete this room now")
    assert any(b.label == "Open the room" for b in at.button) and "no room with this code" in words(room_again(rude))


def test_the_board_as_a_file(store: Store, fooling: Callable[[int], bytes]) -> None:
    _, code = opened()
    for number, name in enumerate(("Ada", "Eve")):
        handed_in(joined(code, name), fooling(3 - number), store, code)
    found = store.room(code)
    lines = list(csv.reader(io.StringIO(board_csv(store.board(found), store.challenge(found)))))
    assert lines[0][:3] == ["rank", "nickname", "score (levels of 1/255)"]
    assert [line[:3] for line in lines[1:]] == [["1", "Eve", "2"], ["2", "Ada", "3"]]


def test_an_uploaded_photograph_becomes_the_challenge(store: Store) -> None:
    at = host()
    file = Path(__file__).parents[3] / "assets" / "photos" / "goldfish.jpg"
    at.get("file_uploader")[0].upload("x.jpg", file.read_bytes(), "image/jpeg").run()
    assert "predicts **goldfish**" in words(at)
    button(at, "Open the room")
    challenge = store.challenge(store.room(link(at)["code"]))
    assert challenge.sample == "" and challenge.label == 1
    student = joined(link(at)["code"], "Ada")
    with nothing_computed():
        button(student, "Open it in the Attack Lab")
    assert link(student)["image"] == "own"
    assert np.array_equal(np.asarray(student.session_state["own_image"]), challenge.pixels)


def test_from_the_room_into_the_lab_and_back(store: Store, cookies: dict[str, str]) -> None:
    _, code = opened(eps="4")
    ada = joined(code, "Ada")
    with nothing_computed():
        button(ada, "Open it in the Attack Lab")
    assert link(ada) == {"image": "koala", "attack": "pgd", "room": code}  # ε = 4 is the lab's own
    cookies[f"room_{code}"] = ada.session_state["student_tokens"][code]
    lab = visit(**link(ada), steps="4", hide=LESS)
    assert "<b>Ada</b>" in bodies(lab) and back(lab) == "Back to the room"
    button(lab, f"Hand in to {code}")
    assert "It counts, with 4/255: the network predicts" in words(lab)
    (entry,) = store.board(store.room(code)).entries
    assert (entry.nickname, entry.score) == ("Ada", 4)
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE members SET busy_until = 0")
    assert "You have already handed in this picture" in words(button(lab, f"Hand in to {code}"))
    lab.slider(key="lab_eps").set_value(3).run()
    assert "already handed in" not in words(lab) and any(b.label == f"Hand in to {code}" for b in lab.button)


def test_a_lab_that_cannot_hand_in_says_why(store: Store, cookies: dict[str, str]) -> None:
    at, code = opened(eps="4")
    _, token = store.join(code, "Ada")
    fast = {"attack": "fgsm", "image": "koala", "hide": LESS}

    def bar(room: str, told: str, **changed: str) -> AppTest:
        lab = visit(**fast | {"room": room} | changed)
        assert told in words(lab) and not any(b.label.startswith("Hand in") for b in lab.button)
        return lab

    assert back(bar(code, f"Join room {code} to hand in pictures")) == f"Join room {code}"
    cookies[f"room_{code}"] = token
    other = bar(code, "is another photograph", image="pig", model="efficientnet_lite1")
    button(other, "Take the room's photograph")
    assert link(other)["image"] == "koala" and "model" not in link(other)
    assert any(b.label == f"Hand in to {code}" for b in other.button)
    button(at, "Stop now")
    assert back(bar(code, "The time is over")) == "Back to the room"
    assert not bar("XXXXX", "no room with this code").get("page_link")
    assert "st-key-hand_in" not in bodies(bar("", ""))


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Reach]:
    """The reach of a page that somebody has opened at that address."""

    def opened(url: str, client: str | None = None, listens: str | None = None, found: str | None = HOME) -> Reach:
        monkeypatch.setattr(ContextProxy, "url", property(lambda _: url))
        monkeypatch.setattr(ContextProxy, "ip_address", property(lambda _: client))
        monkeypatch.setattr(rooms, "lan_address", lambda: found)
        monkeypatch.setattr(rooms.st, "get_option", {"server.address": listens}.__getitem__)
        return reach()

    return opened


def test_phones_get_an_address_that_they_can_reach(at_home: Callable[..., Reach]) -> None:
    local = "http://127.0.0.1:8501/host?code=X"
    assert at_home("https://lab.example/app/host") == Reach("https://lab.example/app/")
    for listens in (None, "0.0.0.0", HOME):
        offered = at_home(local, listens=listens)
        assert offered.base == f"http://{HOME}:8501/"
        assert "same network" in offered.remark and "--server.address" not in offered.remark
    assert "listens on 127.0.0.1 only" in at_home(local, listens="127.0.0.1").remark
    # Nobody from elsewhere is told this machine's address, whatever their browser says.
    assert at_home(local, client="198.51.100.7") == Reach("http://127.0.0.1:8501/")
    alone = at_home(local, found=None)
    assert alone.base == "http://127.0.0.1:8501/" and "on this machine only" in alone.remark


def test_this_machines_address_is_found_without_a_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rooms.lan_address()
    assert found is None or not ip_address(found).is_loopback

    def unreachable(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert rooms.lan_address() is None


def test_the_code_is_to_be_scanned_as_long_as_pictures_are_taken() -> None:
    at, _ = opened()
    assert "Scan the code" in words(at)
    for step in ("Stop now", "Reveal"):
        button(at, step)
        assert "Scan the code" not in words(at) and any(alt.startswith("QR code") for alt in pictures(at))


def test_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_store", None)
    monkeypatch.setenv("ADV_DATABASE_URL", "postgresql://somebody:password@127.0.0.1:1/none")
    for page in (host, room):
        at = page()
        assert "cannot be opened" in at.error[0].value and "password" not in at.error[0].value
