import pytest
from streamlit.testing.v1 import AppTest

from adv_core.serving.engine.queue import EngineUnavailable
from pages.widgets import live
from tests.pages.visit import GUARD


def lesson() -> None:
    from pages.widgets.live import follow, job_for
    from tests.adv_core.serving.engine.slow_work import Slow

    follow(job_for("main", Slow("/dev/null", count=1)))


def test_without_machines_to_compute_on_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise EngineUnavailable("The cluster at 192.0.2.1:6379 does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(live, "default_engine", away)
        page = AppTest.from_function(lesson, default_timeout=GUARD).run()
    assert "do not answer" in page.error[0].value and "192.0.2.1" not in page.error[0].value
    page.button[0].click().run()  # "Try again", when they are back
    assert not page.error and not page.exception


def begun() -> None:
    import streamlit as st

    from pages.widgets.live import begin, follow, job_for
    from tests.adv_core.serving.engine.slow_work import Slow

    done = begin("main", Slow("/dev/null", count=1))
    st.markdown(f"at once: {done(0.0)}, later: {done(60.0)}")
    before = st.session_state.jobs.get("main") if "jobs" in st.session_state else None
    job = job_for("main", Slow("/dev/null", count=1))
    st.markdown(f"the same: {job is before}")
    follow(job)


def test_a_job_that_has_begun_is_the_job_of_its_slot() -> None:
    page = AppTest.from_function(begun, default_timeout=GUARD).run()
    assert page.markdown[0].value.endswith("later: True") and not page.error and not page.exception
    assert page.markdown[1].value == "the same: True"


def test_a_job_that_the_engine_refuses_has_not_begun_and_the_page_says_so_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> None:
        raise EngineUnavailable("The cluster does not answer")

    monkeypatch.setattr(live, "default_engine", away)
    page = AppTest.from_function(begun, default_timeout=GUARD).run()
    assert page.markdown[0].value == "at once: False, later: False" and "do not answer" in page.error[0].value


def streamed() -> None:
    import streamlit as st

    from pages.widgets.live import begin, drop_jobs
    from tests.adv_core.serving.engine.slow_work import Slow

    known = begin("main", Slow("/dev/null", gate="/nowhere/at/all", count=5), records=1)
    st.markdown(f"{known(60.0)}")
    drop_jobs("main")


def test_a_job_is_known_from_its_first_records() -> None:
    assert AppTest.from_function(streamed, default_timeout=GUARD).run().markdown[0].value == "True"


def failing() -> None:
    import streamlit as st

    from pages.widgets.live import begin
    from tests.adv_core.serving.engine.slow_work import Slow

    st.markdown(f"{begin('main', Slow('/nowhere/at/all', count=1))(60.0)}")


def test_a_job_that_fails_has_no_result() -> None:
    assert AppTest.from_function(failing, default_timeout=GUARD).run().markdown[0].value == "False"
