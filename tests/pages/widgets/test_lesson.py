"""The frame of a lesson under Streamlit's interruptions, driven through AppTest."""

import time
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.widgets import controls
from pages.widgets import lesson as frame
from tests.pages.visit import GUARD, answered, link, words


@pytest.fixture(autouse=True)
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """No links to other pages: the trial is the only one. Its jobs never wait, so the page may be patient."""
    monkeypatch.setattr(st, "page_link", lambda *_, **__: None)
    monkeypatch.setattr(frame, "PATIENCE", 3600.0)


def lesson(ending: str) -> None:
    """Two sections with a slider and a result each, and one without a result; ``ending`` says how the first ends."""
    from collections.abc import Iterator
    from dataclasses import dataclass

    import streamlit as st

    from pages.widgets.controls import Controls
    from pages.widgets.lesson import Done, Lesson, Texts, page_stands
    from pages.widgets.query import PageSettings, number, solved
    from pages.widgets.quiz import Choice, Question

    @dataclass(frozen=True)
    class Settings(PageSettings):
        eps: int = number(4, 0, 32)
        done: str = solved("a")

    @dataclass
    class Run:
        found: int | None = None

    page = Controls("trial", Settings)
    log = st.session_state.setdefault("log", [])

    def prepare() -> Run:
        log.clear()
        return Run()

    def done(seconds: float) -> bool:
        if ending == "queued":
            log.append(f"patience: {seconds > 0}")
        return ending in ("known", "early", "first") or (ending == "soon" and "second stands" in log)

    def first(run: Run) -> Iterator[Done | None]:
        page.control("eps", st.slider, "ε", 0, 32)
        slot = st.empty()
        log.append("first stands")
        if ending == "inside":
            with st.container():
                yield
        else:
            yield done if ending in ("known", "soon", "queued", "early", "first") else None
        log.append(f"first computes at {dict(st.query_params)}")
        if ending == "stop":
            st.stop()
        if ending == "rerun" and "again" not in st.session_state:
            st.session_state.again = True
            st.rerun()
        if ending == "missing":
            return
        if ending in ("twice", "early"):
            yield
            log.append("first goes on")
        if ending == "first":
            yield page_stands
            log.append("first goes on")
        run.found = page.value.eps**2
        slot.markdown(f"ε² = {run.found}")

    def second(run: Run) -> Iterator[None]:
        slot = st.empty()
        log.append("second stands")
        try:
            yield
            log.append("second computes")
            if run.found is not None:
                slot.markdown(f"ε² + 1 = {run.found + 1}")
        finally:
            log.append("second ends")

    def third(run: Run) -> None:
        st.latex(r"\varepsilon^2")
        log.append("third stands")

    def questions() -> list[Question]:
        log.append("questions")
        choice = Choice("Is it?", (("yes", "It is."), ("no", "It is.")))
        return [Question("a", choice, choice)]

    texts = Texts("It leads on.", questions, "1. Open it.", "- Nothing.", [("A paper", "https://a.example")])
    Lesson(page, texts, (first, second, third), prepare, questions_late=ending == "late").show()


PRINTED = ["Questions to print (HTML)", "Questions with answers (HTML)"]
STANDS = ["first stands", "second stands", "third stands", "questions"]


def opened(ending: str = "", **query: str) -> AppTest:
    at = AppTest.from_function(lesson, default_timeout=GUARD, args=(ending,))
    at.query_params.update(query)
    return at.run()


def test_the_page_stands_before_anything_is_computed() -> None:
    at = opened(eps="5")
    assert at.session_state.log == [*STANDS, "first computes at {'eps': '5'}", "second computes", "second ends"]
    assert [each.proto.label for each in at.get("download_button")] == PRINTED
    assert at.title[0].value == "trial" and "ε² = 25" in words(at) and "ε² + 1 = 26" in words(at)
    at.slider[0].set_value(6).run()
    assert link(at) == {"eps": "6"} and "ε² + 1 = 37" in words(at)
    assert "first computes at {'eps': '6'}" in at.session_state.log


def test_back_returns_to_the_settings_of_the_address() -> None:
    at = opened(eps="5")
    at.slider[0].set_value(6).run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controls, "is_history_step", lambda: True)
        for address, eps in ({"eps": "5"}, 5), ({}, 4), ({"eps": "99"}, 32):  # back, to the plain link, to a wrong one
            at.query_params.clear()
            at.query_params.update(address)
            at.run()
            assert at.slider[0].value == eps and f"ε² = {eps**2}" in words(at) and link(at) == address
    at.slider[0].set_value(7).run()
    assert link(at) == {"eps": "7"}


def test_the_results_stand_in_their_sections() -> None:
    texts = [e.value for e in opened().main.markdown]
    places = [next(i for i, text in enumerate(texts) if start in text) for start in ("ε² = 16", "ε² + 1", "Is it?")]
    assert places == sorted(places)


def test_questions_may_wait_for_the_results() -> None:
    at = opened("late")
    assert at.session_state.log[-3:] == ["second computes", "second ends", "questions"]
    assert [each.proto.label for each in at.get("download_button")] == PRINTED
    answered(at, "trial_answer_a", 0)
    assert link(at) == {"done": "a"}


def test_a_section_that_stops_the_page_ends_those_after_it() -> None:
    at = opened("stop")
    assert not at.exception and at.session_state.log == [*STANDS, "first computes at {}", "second ends"]
    assert at.radio and at.expander


def test_a_section_that_asks_for_another_run_gets_it() -> None:
    at = opened("rerun")
    assert at.session_state.log == [*STANDS, "first computes at {}", "second computes", "second ends"]
    assert "ε² + 1 = 17" in words(at)


def test_a_section_that_misses_something_ends_alone() -> None:
    at = opened("missing")
    assert at.session_state.log[-2:] == ["second computes", "second ends"] and "ε²" not in words(at)


def test_a_yield_inside_a_container_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    at = opened("inside")
    assert at.exception and at.session_state.log == ["first stands"]
    assert "section first yields inside a `with`" in caplog.text


def test_a_section_that_yields_again_lets_the_others_go_first() -> None:
    log = opened("twice").session_state.log
    assert log == [*STANDS, "first computes at {}", "second computes", "second ends", "first goes on"]


@pytest.mark.parametrize(("ending", "before"), [("known", 1), ("soon", 2)])
def test_a_section_whose_job_is_done_goes_on_while_the_page_is_drawn(ending: str, before: int) -> None:
    at = opened(ending)
    log = at.session_state.log
    assert log == [*STANDS[:before], "first computes at {}", *STANDS[before:], "second computes", "second ends"]
    assert "ε² + 1 = 17" in words(at)


def test_the_page_waits_for_the_job_of_its_first_section_once_and_then_stands() -> None:
    log = opened("queued").session_state.log
    assert log.count("patience: True") == 1 and log[:2] == ["first stands", "patience: True"]
    told = [each for each in log if not each.startswith("patience")]
    assert told == [*STANDS, "first computes at {}", "second computes", "second ends"]


def test_a_section_that_went_on_early_may_still_let_the_others_go_first() -> None:
    log = opened("early").session_state.log
    begun = ["first stands", "first computes at {}", *STANDS[1:]]
    assert log == [*begun, "second computes", "second ends", "first goes on"]


@pytest.mark.parametrize(("ending", "pauses"), [("known", 1), ("first", 1), ("queued", 0), ("", 0)])
def test_the_browser_may_paint_the_first_result_once(ending: str, pauses: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float] = []
    monkeypatch.setattr(frame, "PAINTING", 0.25)
    monkeypatch.setattr(frame, "time", SimpleNamespace(monotonic=time.monotonic, sleep=seconds.append))
    at = opened(ending)
    assert seconds == [0.25] * pauses
    at.slider[0].set_value(6).run()
    assert seconds == [0.25] * pauses  # the page stands already


def test_a_section_that_went_on_early_may_wait_for_the_page() -> None:
    at = opened("first")
    begun = ["first stands", "first computes at {}", *STANDS[1:]]
    assert at.session_state.log == [*begun, "first goes on", "second computes", "second ends"]
    assert "ε² + 1 = 17" in words(at)
