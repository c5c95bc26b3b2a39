"""The wheel of the library, installed into an environment that has the packages it asks for, and no others.

Nothing is downloaded: these packages are links to the ones that the tests run with.
"""

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.paths import ROOT

pytestmark = pytest.mark.slow

PINS = (*ROOT.glob("requirements*.txt"), ROOT / "tests" / "requirements-peers.txt")
"""The files with the versions that an environment for the tests has."""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site-packages of the environment."""
    folder = tmp_path_factory.mktemp("installation")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheels, environment = folder / "wheels", folder / "environment"
    build = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", wheels, ROOT]
    subprocess.run(build, cwd=folder, check=True)
    venv.create(environment, symlinks=True)
    (wheel,) = wheels.iterdir()
    subprocess.run([*pip, f"--python={environment}", "install", "--no-deps", "--no-index", wheel], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    for each in needed(library(packages).requires or []):
        link(each, packages)
    return packages


def library(site: Path) -> Distribution:
    """The metadata of the installed library."""
    (information,) = site.glob("adv_core-*.dist-info")
    return PathDistribution(information)


def needed(requirements: Iterable[str]) -> set[str]:
    """The packages that these requirements ask for, and those that these ask for, without extras."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        asked = Requirement(waiting.pop())
        name = canonicalize_name(asked.name)
        if name not in found and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += distribution(name).requires or []
    return found


def link(name: str, site: Path) -> None:
    """Put links to the files of a package of this environment into another environment."""
    package = distribution(name)
    for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
        target = site / top
        if not target.exists():
            target.symlink_to(Path(str(package.locate_file(top))).resolve())


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Run the environment's Python in an empty folder, and return what it prints."""
    python = site.parents[2] / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def output(*arguments: str) -> str:
        return subprocess.run([python, *arguments], cwd=tmp_path, env=clean, check=True, text=True, stdout=-1).stdout

    return output


def test_the_example_of_the_readme_runs_in_any_folder(run: Run) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"^## As a library$.*?^```python\n(.+?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert example is not None
    (promised,) = re.findall(r"^print\(.*\)  # (.+)$", example[1], re.MULTILINE)
    assert promised in run("-c", example[1])


def test_every_module_needs_the_core_alone_but_those_of_the_server(run: Run, site: Path) -> None:
    files = [file.relative_to(ROOT).with_suffix("") for file in (ROOT / "adv_core").rglob("*.py")]
    modules = sorted(".".join(file.parts).removesuffix(".__init__") for file in files if "serving" not in file.parts)
    program = f"""
import importlib, importlib.util, json, os
before = dict(os.environ)
import adv_core
assert dict(os.environ) == before
for module in {modules}:
    importlib.import_module(module)
others = ("streamlit", "plotly", "sklearn", "soundfile", "sqlalchemy", "prometheus_client", "pages", "pytest")
print(json.dumps([adv_core.__file__, [name for name in others if importlib.util.find_spec(name)]]))
"""
    assert len(modules) > 50
    assert json.loads(run("-c", program)) == [str(site / "adv_core" / "__init__.py"), []]


def test_the_data_come_along(run: Run, site: Path) -> None:
    inside, beside = site / "adv_core" / "_assets", ROOT / "assets"
    installed = {file.relative_to(inside): file for file in inside.rglob("*") if file.is_file()}
    ours = {file.relative_to(beside) for file in beside.rglob("*") if file.is_file()}
    only_for_the_app = {file for file in ours if file.parts[0] in ("course", "fooling", "lecture", "patches")}
    only_for_the_app.add(Path("speech", "judged.json"))
    fetched = {file for file in ours if file.parts[:2] == ("speech", "moonshine")}  # `python -m adv_core.speech fetch`
    assert only_for_the_app and fetched and ours - only_for_the_app - fetched == set(installed)
    assert all(file.read_bytes() == (beside / name).read_bytes() for name, file in installed.items())
    program = """
from adv_core.datasets import mnist, photograph, photographs
from adv_core.networks.digit_network import checkpoint, names
from adv_core.signs import draw_sign, sign_network
from adv_core.speech.recogniser import recogniser
print(len(mnist("test", range(10))), len([photograph(name) for name in photographs()]))
print(*[name for name in names() if checkpoint(name)], recogniser().network is not None)
print(draw_sign("stop", 64).getbbox() is not None, sign_network() is not None)
"""
    assert run("-c", program).split() == [
        "10000",
        "16",
        *sorted(file.stem for file in (beside / "digits").glob("*.npz")),
        *["True"] * 3,
    ]


def test_a_command_is_there(run: Run) -> None:
    assert "efficientnet_lite0" in run("-m", "adv_core.classifiers", "list")


def named(file: Path) -> list[Requirement]:
    """The requirements of one file, without those of a file that it includes."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def test_a_package_is_pinned_once() -> None:
    names = [canonicalize_name(each.name) for file in PINS for each in named(file)]
    assert len(names) > 20 and sorted(names) == sorted(set(names))
    assert all(str(each.specifier).startswith("==") for file in PINS for each in named(file))


def test_the_wheel_asks_for_the_tested_versions_or_newer_ones(site: Path) -> None:
    wanted = {
        (extra, canonicalize_name(each.name), frozenset(each.extras), str(each.specifier).replace("==", ">="))
        for extra, file in {
            None: "requirements-core.txt",
            "app": "requirements.txt",
            "cluster": "requirements-cluster.txt",
            "peers": "tests/requirements-peers.txt",
        }.items()
        for each in named(ROOT / file)
    }
    asked = set()
    for line in library(site).requires or []:
        each = Requirement(line)
        extra = re.fullmatch(r'extra == "(\w+)"', str(each.marker)) if each.marker else None
        assert each.marker is None or extra
        asked.add((extra and extra[1], canonicalize_name(each.name), frozenset(each.extras), str(each.specifier)))
    assert asked == wanted
