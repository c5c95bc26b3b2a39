"""Visit a page through Streamlit's AppTest, from the entry script, and look at what is on it."""

import ast
import base64
import contextlib
import importlib
import io
import json
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, make_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.util import calc_hash

from adv_core.serving import memory
from adv_core.serving.engine.queue import Job
from pages.contents import PAGES
from pages.widgets import controls, lesson, live, photograph
from pages.widgets.quiz import Choice, Question
from tests.paths import ROOT

# Seconds for one run of a page. A page that hangs ends there; how long a page takes is no test's business.
GUARD = 600
ADDRESSES = {entry.file: entry.address for entries in PAGES.values() for entry in entries}
SCRIPTS = ("page.py", "switchboard.py", "host.py", "room.py")  # run by Streamlit, and never imported
# Each AppTest looks for components in all packages that are installed, which takes as long as a page. Once will do.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
lesson.PAINTING = 0.0  # no browser paints
# A visitor's page looks at a run now and then, and sleeps between. A test's page ends with the run, and its clock is
# slow: it draws the first record and the whole run, and little in between.
live.time = SimpleNamespace(monotonic=lambda: time.monotonic() / 10, sleep=lambda _: None)  # type: ignore[assignment]


def ended(runner: local_script_runner.LocalScriptRunner, timeout: float) -> None:
    """Wait for the end of a script. Streamlit looks a thousand times a second, and takes Python's lock each time."""
    assert runner._script_thread is not None
    runner._script_thread.join(timeout)
    assert runner.script_stopped(), f"a page that takes longer than {timeout} s"


local_script_runner.require_widgets_deltas = ended


def visit(page: str = "", /, **query: str) -> AppTest:
    """The page of that file, opened by a link with that query; without a file, the one that the app opens with."""
    at = AppTest.from_file(str(ROOT / "pages" / "switchboard.py"), default_timeout=GUARD)
    at.query_params.update(query)
    if page:
        # As a link does: by its address. `switch_page` knows the addresses after a first run only, of another page.
        at._page_hash = calc_hash(ADDRESSES[page])
    with pytest.MonkeyPatch.context() as patch:  # at a page's first run, the app goes through all objects there are
        patch.setattr(memory, "freeze_live_objects", lambda: None)
        at.run()
    assert not at.exception
    return at


@contextlib.contextmanager
def smaller(
    page: str,
    photographs: Collection[str] = (),
    tasks: Mapping[type, Mapping[str, object]] | None = None,
    /,
    **constants: object,
) -> Iterator[None]:
    """Let the page of that file compute less than visitors get: a smaller run shows the same.

    Args:
        photographs: the samples that there are; all of them if empty.
        tasks: other defaults for fields of tasks, for what the page does not set.
        constants: other values for constants of the page's settings. What the settings derive from them follows.
    """
    package = ".".join(Path("pages", page).with_suffix("").parts[:-1])
    settings = importlib.import_module(f"{package}.settings")
    assert settings.__file__ is not None
    for file in Path(settings.__file__).parent.glob("*.py"):  # one that is first imported later would keep less
        if file.name not in SCRIPTS:
            importlib.import_module(f"{package}.{file.stem}")
    changed = with_constants(settings, constants)
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            for constant in changed if name.startswith(f"{package}.") else ():
                if hasattr(module, constant):
                    patch.setattr(module, constant, changed[constant])
        if photographs:
            patch.setattr(photograph, "PHOTOS", {name: photograph.PHOTOS[name] for name in photographs})
        for kind, defaults in (tasks or {}).items():
            changed_fields = [(name, type(value), field(default=value)) for name, value in defaults.items()]
            less = make_dataclass(kind.__name__, changed_fields, bases=(kind,), frozen=True)
            for name, module in list(sys.modules.items()):  # where it is defined, and wherever it is imported
                if name == kind.__module__ or (name.startswith("pages.") and vars(module).get(kind.__name__) is kind):
                    patch.setattr(module, kind.__name__, less)
        st.cache_data.clear()
        yield
    st.cache_data.clear()


@cache
def import_sections() -> None:
    """Import the modules that compute. One that is first imported while others stand in would keep those."""
    for file in (ROOT / "pages").rglob("*.py"):
        words = file.read_text(encoding="utf-8")
        if ("follow(" in words or "begin(" in words) and file.name not in SCRIPTS:
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


@contextlib.contextmanager
def nothing_computed() -> Iterator[None]:
    """The pages as they are while everything that they ask for waits: their controls, their texts, their address."""
    import_sections()
    with pytest.MonkeyPatch.context() as patch:
        for module in [live, *(each for name, each in sys.modules.items() if name.startswith("pages."))]:
            if hasattr(module, "follow"):
                patch.setattr(module, "follow", lambda *_, **__: None)
            if hasattr(module, "begin"):
                patch.setattr(module, "begin", lambda *_, **__: lambda seconds: False)
        # No page keeps such a job, so that it asks anew afterwards.
        patch.setattr(live, "_job", lambda slot, request: Job(request, _waiting(), lambda run: (0, 0.0)))
        yield


def _waiting() -> Any:
    """A run that no engine has: it never begins."""
    return SimpleNamespace(frames=[], done=False, started=False, error=None, news=threading.Condition())


def with_constants(settings: ModuleType, constants: dict[str, object]) -> dict[str, Any]:
    """Those constants of a module, and whatever it derives from them at its top level, with their new values."""
    assert settings.__file__ is not None
    tree, left = ast.parse(Path(settings.__file__).read_text(encoding="utf-8")), dict(constants)
    for place, statement in reversed(list(enumerate(tree.body))):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names = {node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)}
        for name in names & left.keys():
            (instead,) = ast.parse(f"{name} = {left.pop(name)!r}").body
            tree.body.insert(place + 1, instead)
    assert not left, f"{settings.__name__} has no constants {list(left)}"
    derived = {"__name__": settings.__name__, "__file__": settings.__file__}
    exec(compile(tree, settings.__file__, "exec", dont_inherit=True), derived)
    return {name: value for name, value in derived.items() if name.isupper() and value != getattr(settings, name)}


def button(at: AppTest, label: str) -> AppTest:
    """The page after a press on the first button of that label."""
    pressed = next(b for b in at.button if b.label == label).click().run()
    assert not pressed.exception
    return pressed


def started(at: AppTest, *keys: str) -> AppTest:
    """The page after presses on the buttons with these keys, which start long computations."""
    for key in keys:
        at.button(key=key).click().run()
        assert not at.exception and key not in [each.key for each in at.button]
    return at


def answered(at: AppTest, key: str, value: float) -> AppTest:
    """The page after that answer to a question: a number, or an index of the answers in the source."""
    field: Any = next(each for each in (*at.radio, *at.number_input) if each.key == key)
    field.set_value(value)
    assert not at.button(key=f"{key}_check").click().run().exception
    return at


def questions_of(package: str, **settings: object) -> Sequence[Question]:
    """The questions of the lesson in that folder, with those settings."""
    page = importlib.import_module(f"pages.lessons.{package}.settings").page
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controls, "state", {page.name: page.kind(**settings)})
        asked: Sequence[Question] = importlib.import_module(f"pages.lessons.{package}.texts").TEXTS.questions()
        return asked


def every_question_is_made_good(at: AppTest, package: str) -> None:
    """Answer the first question of a lesson rightly, and all others wrongly at first; then their second ones rightly.

    No answer of the page may have been given before, and nothing else on it may be drawn as right or wrong.
    """
    for place, question in enumerate(questions_of(package)):
        key, first, second = f"{package}_answer_{question.letter}", question.first, question.second
        if place == 0:
            answered(at, key, 0 if isinstance(first, Choice) else first.answer)
        else:
            answered(at, key, 1 if isinstance(first, Choice) else -1e6)
            assert len(at.error) == place and question.letter not in link(at)["done"]
            answered(at, f"{key}_again", 0 if isinstance(second, Choice) else second.answer)
        assert len(at.success) == place + 1 and question.letter in link(at)["done"]
        assert all(not (each.key or "").startswith(key) for each in (*at.radio, *at.number_input))  # it is closed


def words(at: AppTest) -> str:
    """All text between the controls, by kind."""
    return "\n".join(e.value for e in (*at.markdown, *at.warning, *at.info, *at.caption, *at.success, *at.error))


def link(at: AppTest) -> dict[str, str]:
    """The query of the address."""
    return {name: value if isinstance(value, str) else value[0] for name, value in dict(at.query_params).items()}


def row(at: AppTest, start: str) -> list[str]:
    """The cells of the first line of a table that starts so."""
    lines = [line for m in at.markdown for line in m.value.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def pictures(at: AppTest) -> dict[str, np.ndarray]:
    """Pixels by text alternative, in the order of the page."""
    shown = [e.proto.imgs[0] for e in at.get("image")]
    return {
        each.alt: np.asarray(Image.open(io.BytesIO(base64.b64decode(each.url.split(",", 1)[1]))))
        for each in shown
        if each.url.startswith("data:")
    }


def picture(at: AppTest, start: str) -> np.ndarray:
    """The first picture whose text alternative starts so."""
    return next(pixels for alt, pixels in pictures(at).items() if alt.startswith(start))


def sent(at: AppTest, holding: str) -> dict:
    """What a component was given: the one whose data has that key."""
    given = [json.loads(e.proto.json) for e in at.get("bidi_component") if e.proto.json]
    return next(each for each in given if holding in each)
