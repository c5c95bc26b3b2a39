"""A program has one source: its script and its notebook run the same code."""

import io
import json
from contextlib import redirect_stdout

import nbformat
import pytest

from pages.widgets.photograph import OWN
from pages.widgets.program import Part, Program, imports, network_and_photograph, three_pictures

PROGRAM = Program(
    "Powers",
    (
        Part("A number, and what to do with it.", "x = 3\n\n\ndef power(n):\n    return x**n\n", ["import math"]),
        Part("", "print(math.sqrt(power(2)))"),
        Part("The last line shows a value.", "power(3)", ["from math import pi, e", "from math import inf"]),
    ),
    "https://example.org/lab?eps=4",
)


def code_cells(program: Program) -> list[str]:
    """The code of a program's notebook, cell by cell."""
    cells = nbformat.reads(program.notebook().decode(), as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def test_the_notebook_is_valid_and_always_the_same() -> None:
    notebook = nbformat.reads(PROGRAM.notebook().decode(), as_version=4)
    nbformat.validate(notebook)
    assert PROGRAM.notebook() == PROGRAM.notebook()
    assert json.loads(PROGRAM.notebook())["metadata"]["kernelspec"]["name"] == "python3"


def test_the_notebook_tells_what_it_repeats_and_what_to_install() -> None:
    first, second = nbformat.reads(PROGRAM.notebook().decode(), as_version=4).cells[:2]
    assert first.source.startswith("# Powers") and PROGRAM.link in first.source
    assert "pip install ." in second.source and "adv-core @ " in second.source
    assert (first.cell_type, second.cell_type) == ("markdown", "markdown")


def test_the_script_has_the_code_of_the_notebook() -> None:
    script = PROGRAM.script()
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert lines == [line for code in code_cells(PROGRAM) for line in code.splitlines() if line]
    assert "# Powers" in script and PROGRAM.link in script and "# A number, and what to do with it." in script


def test_both_forms_run() -> None:
    said = []
    for parts in ([PROGRAM.script()], code_cells(PROGRAM)):
        names: dict[str, object] = {}
        with redirect_stdout(io.StringIO()) as out:
            for code in parts:
                exec(compile(code, "program", "exec"), names)
        said.append(out.getvalue())
    assert said == ["3.0\n", "3.0\n"]


def test_imports_are_merged_and_sorted() -> None:
    lines = ("import torch", "from adv_core import run, L2", "import math", "from adv_core import pgd, run")
    assert imports(lines) == "import math\n\nimport torch\nfrom adv_core import L2, pgd, run"


@pytest.mark.parametrize(("name", "opened"), [("pig", 'photograph("pig")'), (OWN, 'Path("my_photo.png")')])
def test_a_photograph_is_one_of_the_library_or_the_readers_own(name: str, opened: str) -> None:
    script = Program("", (network_and_photograph(name), three_pictures(5))).script()
    assert opened in script and "amplify(result.delta, 5)" in script
