"""The promises of the documents: links, commands, addresses of lessons, and the table of environment variables."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from PIL import Image

from adv_core.serving.classroom.database import database_url
from adv_core.serving.limits import Limits
from docs.make_pictures import CARD_BYTES, CARD_OF, CARD_SIZE, CARDS, FILM_BYTES, FILM_WIDTH, GRID, PICTURES
from pages.contents import LAB as LAB_ENTRY
from pages.contents import LESSONS, PAGES
from pages.widgets.controls import Controls
from pages.widgets.query import from_query
from tests.paths import ROOT

DOCUMENTS = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "deploy", ROOT / "bench", ROOT / "assets")
    for path in folder.glob("*.md")
)
LAB = "/"
# The names of pages, and those that the server has itself.
PATHS = {f"/{entry.address}" for entries in PAGES.values() for entry in entries} | {LAB}
OF_THE_SERVER = {"/metrics", "/ready", "/lab"}  # the last one: where an app may live
VARIABLE = re.compile(r"\bADV_[A-Z]+(?:_[A-Z]+)*\b")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def everything() -> str:
    return "\n".join(text_of(path) for path in DOCUMENTS)


def anchors(document: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    titles = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", document, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links() -> Iterator[tuple[Path, str]]:
    """Relative links and pictures of all documents."""
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
            if "://" not in target:
                yield path, target


def codes() -> set[str]:
    """Whatever stands in backquotes."""
    return set(re.findall(r"`([^`\n]+)`", everything()))


def addresses() -> set[str]:
    """The addresses of pages in backquotes, with their settings, such as ``/patches?present=1``."""
    return {code for code in codes() if re.fullmatch(r"/(?:[a-z-]+)?(?:\?\S*)?", code)}


def settings_of(path: str) -> type[Any]:
    """The settings of the page with that path."""
    if path == LAB:
        return import_module("pages.lab.settings").Settings
    (entry,) = (entry for entries in PAGES.values() for entry in entries if f"/{entry.address}" == path)
    module = "pages." + entry.file.removesuffix(".py").replace("/", ".")
    if find_spec(settings := module.removesuffix(".page") + ".settings"):
        return import_module(settings).Settings
    tree = ast.parse(text_of(ROOT / "pages" / entry.file))
    assert any(isinstance(node, ast.ClassDef) and node.name == "Settings" for node in tree.body)
    return import_module(module).Settings


def test_the_readme_is_short_and_names_every_document() -> None:
    readme = text_of(ROOT / "README.md")
    assert len(readme.splitlines()) <= 150
    linked = {target.partition("#")[0] for path, target in links() if path.name == "README.md" and path.parent == ROOT}
    assert {name_of(path) for path in DOCUMENTS} - {"README.md"} <= linked


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    for place, target in links():
        if place == path:
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), target
            assert not anchor or anchor in anchors(text_of(there)), target


def test_addresses_are_those_of_pages() -> None:
    named = {address.partition("?")[0] for address in addresses()}
    assert named - PATHS - OF_THE_SERVER == set()


def test_lessons_are_told_by_their_titles_in_their_order() -> None:
    told = text_of(ROOT / "docs" / "lessons.md").replace("\n  ", " ")
    described = [each for each in LESSONS if f"(`/{each.address}`):" in told]
    assert len(described) > 10  # a new lesson may come before its description
    assert [each.title for each in described if f"- **{each.title}** (`/{each.address}`):" not in told] == []
    order = [told.index(f"(`/{each.address}`)") for each in described]
    assert order == sorted(order)
    assert [group for group in PAGES if group not in ("Start", "Classroom") and f"\n### {group}\n" not in told] == []


def test_links_with_settings_are_understood() -> None:
    asked = [address for address in addresses() if "?" in address]
    assert len(asked) > 4
    for address in asked:
        path, _, query = address.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        kind = settings_of(path)
        settings, notes = from_query(kind, given)
        assert notes == [], address
        assert given.keys() <= {each.name for each in fields(settings)}, address
        shown = {name: getattr(settings, name) for name in given}
        assert "" not in shown.values(), address


def test_commands_exist() -> None:
    targets = set(re.findall(r"^([\w./-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    commands = {line.strip() for line in everything().splitlines() if line.startswith("    ")} | codes()
    made = {word for line in commands for word in re.findall(r"(?:^|[;&(] ?)make ([a-z][\w-]*)", line)}
    assert {"run", "test", "check"} <= made <= targets
    modules = set(re.findall(r"python3? -m ([\w.]+)", everything()))
    assert len(modules) > 10
    assert [name for name in modules if find_spec(name) is None] == []
    files = {
        code for code in codes() if re.fullmatch(r"(?:adv_core|assets|bench|deploy|docs|pages|tests)/[\w./-]+", code)
    }
    assert len(files) > 10
    # `my_topic` and the like are names for the reader to choose, and a pattern stands for files.
    assert [
        name for name in files if "/my_" not in name and "my_" not in Path(name).name and not (ROOT / name).exists()
    ] == []


def literals() -> dict[str, str]:
    """The variables that the source reads by their name, each with its default there."""
    found: dict[str, str] = {}
    sources = [
        ROOT / "app.py",
        ROOT / "startup.py",
        *(ROOT / "adv_core").rglob("*.py"),
        *(ROOT / "pages").rglob("*.py"),
    ]
    for path in sources:
        for node in ast.walk(ast.parse(text_of(path))):
            match node:
                case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *rest]) if (
                    VARIABLE.fullmatch(name)
                ):
                    default = rest[0].value if rest and isinstance(rest[0], ast.Constant) else ""
                    found[name] = str(default)
                case ast.Constant(value=str(name)) if VARIABLE.fullmatch(name):
                    found.setdefault(name, "")
    return found


def defaults_of_the_cluster() -> dict[str, Any]:
    """The fields of `Cluster`, read from the source: the module needs Ray."""
    tree = ast.parse(text_of(ROOT / "adv_core" / "serving" / "engine" / "cluster.py"))
    (cluster,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Cluster")
    return {
        each.target.id: ast.literal_eval(each.value)
        for each in cluster.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.value is not None
    }


def documented() -> dict[str, str]:
    """The table of `docs/configuration.md`: variable and default."""
    rows = re.findall(r"^\| `(ADV_\w+)` \| (.*?) ?\| .+ \|$", text_of(ROOT / "docs" / "configuration.md"), re.MULTILINE)
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def test_the_table_of_variables_is_what_the_program_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADV_STATE", raising=False)
    monkeypatch.delenv("ADV_DATABASE_URL", raising=False)
    table = documented()
    limits = {f"ADV_{each.name.upper()}": each.default for each in fields(Limits)}
    cluster = {f"ADV_RAY_{name.upper()}": default for name, default in defaults_of_the_cluster().items()}
    numbers = {name: value for name, value in {**limits, **cluster}.items() if not isinstance(value, str)}
    texts = literals() | {name: value for name, value in cluster.items() if isinstance(value, str)}
    assert table.keys() == texts.keys() | numbers.keys()
    assert {name: float(table[name]) for name in numbers} == numbers
    state = table.pop("ADV_STATE")
    assert str(Path(state).expanduser()) == str(Path(str(database_url().database)).parent)
    assert {name: table[name] for name in texts if name in table} == {n: v for n, v in texts.items() if n in table}


def test_no_document_names_another_variable() -> None:
    assert set(VARIABLE.findall(everything())) - documented().keys() == set()


def test_the_table_in_the_source_agrees() -> None:
    """`adv_core/serving/limits.py` has the table of the limits, for those who read the source."""
    source = text_of(ROOT / "adv_core" / "serving" / "limits.py")
    rows = dict(re.findall(r"^\| `(ADV_\w+)` \| (\w+) \|", source, re.MULTILINE))
    assert rows.keys() == {f"ADV_{each.name.upper()}" for each in fields(Limits)}
    assert rows.items() <= documented().items()


def test_the_pictures_of_the_course() -> None:
    assert CARD_OF.keys() <= {lesson.address for lesson in LESSONS} | {LAB_ENTRY.address}
    assert {path.name for path in CARDS.iterdir()} == {f"{address}.webp" for address in CARD_OF}
    for path in CARDS.iterdir():
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("WEBP", CARD_SIZE)
        assert path.stat().st_size <= CARD_BYTES, path.name


def test_the_pictures_of_the_readme() -> None:
    readme = text_of(ROOT / "README.md")
    shown = dict((file, alt) for alt, file in re.findall(r"^!\[(.+)\]\((.+)\)$", readme, re.MULTILINE))
    assert {ROOT / file for file in shown} == {PICTURES / "lab.webp", PICTURES / "lessons.webp"}
    with Image.open(PICTURES / "lab.webp") as film:
        assert film.is_animated and film.width == FILM_WIDTH  # type: ignore[attr-defined]
    assert (PICTURES / "lab.webp").stat().st_size <= FILM_BYTES
    labels = {each.address: each.label for each in LESSONS}
    assert all(labels[address].lower() in shown["docs/pictures/lessons.webp"].lower() for address in GRID)


def test_every_lesson_tells_its_address() -> None:
    """A link that a page shows is the address that the documents give."""
    for lesson in LESSONS:
        module = import_module("pages." + lesson.file.removesuffix("/page.py").replace("/", ".") + ".settings")
        assert isinstance(module.page, Controls) and module.page.name == lesson.address
