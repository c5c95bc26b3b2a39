"""The imports between modules, and the first words of docstrings, read from the source without running it."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.paths import ROOT

SCREEN = ("streamlit", "plotly")
RIDDLES = ("What", "Whether", "Who", "Whose", "Where", "How", "Why", "Between")
"""Words that leave the thing unnamed at the beginning of a docstring."""


def module_of(path: Path) -> str:
    """The dotted name of a file of the project."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def sources() -> list[Path]:
    """The files of the project that are no tests."""
    folders = (ROOT / part for part in ("adv_core", "pages", "bench"))
    return [ROOT / "app.py", ROOT / "startup.py", *(file for folder in folders for file in folder.rglob("*.py"))]


@cache
def imports() -> dict[str, frozenset[str]]:
    """The imports of each module of the project, anywhere in its file: modules of the project, and other packages."""
    modules = {module_of(file): file for file in sources()}
    found = {}
    for name, file in modules.items():
        seen: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                seen.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(modules)
                seen.update(inner or {node.module})
        found[name] = frozenset(seen - {name})
    return found


def inside(name: str, *packages: str) -> bool:
    """Tell whether the module is one of those packages, or lies in it."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def arrows(origin: tuple[str, ...], goal: tuple[str, ...], but: tuple[str, ...] = ()) -> list[str]:
    """Imports that lead from one place to another."""
    return [
        f"{name} imports {other}"
        for name, others in sorted(imports().items())
        if inside(name, *origin) and not inside(name, *but)
        for other in sorted(others)
        if inside(other, *goal)
    ]


def test_the_library_knows_no_screen() -> None:
    assert arrows(("adv_core",), ("pages", *SCREEN)) == []


def test_the_mathematics_knows_no_server() -> None:
    assert arrows(("adv_core",), ("adv_core.serving",), but=("adv_core.serving",)) == []


def test_an_attack_needs_a_callable_and_no_registry() -> None:
    assert arrows(("adv_core.attacks",), ("adv_core.classifiers",)) == []


def test_the_engine_knows_no_attack() -> None:
    """A task brings its own solver."""
    engine = tuple(
        f"adv_core.serving.engine.{part}"
        for part in ("queue", "local", "cluster", "replica", "process", "networks", "work")
    )
    assert set(engine) <= set(imports())
    attacks = ("adv_core.attacks", "adv_core.objectives", "adv_core.serving.engine.attack")
    assert arrows(engine, attacks) == []


def test_nothing_needs_a_benchmark() -> None:
    assert arrows(("app", "adv_core", "pages"), ("bench",)) == []


def test_a_lesson_stands_alone() -> None:
    lessons = {".".join(name.split(".")[:3]) for name in imports() if inside(name, "pages.lessons")}
    assert len(lessons) > 10
    strays = [arrow for lesson in lessons for arrow in arrows((lesson,), tuple(lessons - {lesson}))]
    assert strays == [] and arrows(("pages.lessons",), ("pages.lab",)) == []
    assert arrows(("pages.widgets",), ("pages.lessons", "pages.lab", "pages.classroom")) == []


@pytest.mark.parametrize("part", ["tasks", "charts"])
def test_what_is_computed_and_what_is_drawn_know_no_streamlit(part: str) -> None:
    parts = [name for name in imports() if inside(name, "pages") and name.endswith(part)]
    assert len(parts) > 8
    assert [arrow for name in parts for arrow in arrows((name,), ("streamlit",))] == []


def test_there_is_no_circle() -> None:
    """Modules that import each other, directly or over others, are reported as one group."""
    graph = {name: {other for other in others if other in imports()} for name, others in imports().items()}
    reach = {name: set(others) for name, others in graph.items()}
    for middle in graph:
        for name in graph:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    circles = {tuple(sorted(o for o in reach[n] if n in reach[o])) for n in graph if n in reach[n]}
    assert circles == set()


def test_a_docstring_begins_with_a_verb_or_a_noun() -> None:
    """Docstrings are all strings that stand alone: those of modules, classes, functions, and of constants."""
    found = []
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    first = text.split()[0]
                    if first in RIDDLES:
                        found.append(f"{module_of(file)}, line {node.lineno}: {first}")
    assert found == []
