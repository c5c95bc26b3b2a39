"""The computation of a page as a program to take home: shown on the page, and saved as a script or as a notebook.

A page describes its program once, as a `Program` of parts; the script and the notebook are two forms of it.

    def program(settings: Settings) -> Program:
        return Program(title_of(page.name), (network_and_photograph(settings.image), Part("The attack.", "...")))

    in_python = section(page, program)  # one of the sections of the lesson
"""

import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import streamlit as st

from adv_core.classifiers import DEFAULT
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN
from pages.widgets.stage import save_button

S = TypeVar("S")
WIDTH = 100  # of a comment in a script

INSTALL = (
    "The program needs the library `adv-core`. Install it with `pip install .` in the project's folder, or from "
    'elsewhere with `pip install "adv-core @ file:///the/folder/of/the/project"`.'
)
REPEATS = (
    "It repeats what this page computes with its present settings. Another processor, or another number of threads, "
    "rounds differently, and the last digits may differ."
)


class Part(NamedTuple):
    """A part of a program: a cell of its notebook, a paragraph of its script.

    Attributes:
        text: tells what the code does, in a sentence or two of plain text; may be empty.
        code: lines of Python. They see the names of the parts before.
        imports: the import statements that they need, one a line. A program has all of them at its beginning.
    """

    text: str
    code: str
    imports: Sequence[str] = ()


@dataclass(frozen=True)
class Program:
    """A program in parts.

    Attributes:
        title: of the page whose computation it repeats.
        parts: in the order in which they run.
        link: the address of the state that it repeats; empty where there is none.
    """

    title: str
    parts: tuple[Part, ...]
    link: str = ""

    @property
    def cells(self) -> list[tuple[str, str]]:
        """The (text, code) of each cell, the imports first."""
        needed = imports(line for part in self.parts for line in part.imports)
        return [("", needed), *((part.text, part.code.strip("\n")) for part in self.parts)]

    def script(self) -> str:
        """The program as one file of Python; the texts are its comments."""
        head = "\n#\n".join(_comment(text) for text in (self.title, self.link, INSTALL) if text)
        return "\n\n".join([head, *(f"{_comment(text)}\n{code}".lstrip("\n") for text, code in self.cells)]) + "\n"

    def notebook(self) -> bytes:
        """The program as a Jupyter notebook; the texts are cells of markdown."""
        import nbformat.v4 as form  # only here: the import takes a second, and nobody but who saves a notebook needs it
        from nbformat import writes

        opening = f"# {self.title}" + (f"\n\nIt repeats [this state of the page]({self.link})." if self.link else "")
        cells = [form.new_markdown_cell(opening), form.new_markdown_cell(INSTALL)]
        for text, code in self.cells:
            cells += [*([form.new_markdown_cell(text)] if text else []), form.new_code_cell(code)]
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"  # nbformat draws a random one: equal programs make equal files
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = form.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
        return f"{writes(notebook)}\n".encode()


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


def imports(lines: Iterable[str]) -> str:
    """Merge import statements into one block: the standard library first, each module once.

    Args:
        lines: ``import a`` or ``from a import b, c`` each.
    """
    whole: set[str] = set()
    names: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith("import "):
            whole.add(line)
        else:
            module, _, found = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, set()).update(found.split(", "))
    froms = [f"from {module} import {', '.join(sorted(names[module], key=str.lower))}" for module in sorted(names)]
    ordered = [*sorted(whole), *froms]
    standard = [line for line in ordered if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = [line for line in ordered if line not in standard]
    return "\n\n".join("\n".join(group) for group in (standard, others) if group)


# --------------------------------------------------------------------------------------- parts that several pages share


def photograph(name: str) -> Part:
    """The expression that opens a sample photograph; for `OWN`, a file of the reader's own, named as an example."""
    if name != OWN:
        return Part("", f'photograph("{name}")', ("from adv_core.datasets import photograph",))
    needs = ("from pathlib import Path", "from adv_core import open_image")
    return Part("", 'open_image(Path("my_photo.png").read_bytes())', needs)


def network_and_photograph(name: str, classifier: str = DEFAULT) -> Part:
    """Set ``clf``, the photograph ``x`` as it sees it, and ``y``, its answer."""
    opened = photograph(name)
    return Part(
        "A trained network, a photograph as the network sees it, and the network's answer.",
        f'clf = load_classifier("{classifier}", device="cpu")\n'
        f"x = clf.prepare({opened.code})\n"
        "y = int(clf(x).argmax())\n"
        'print("untouched:", clf.predict(x, top=1))',
        (*opened.imports, "from adv_core import load_classifier"),
    )


def side_by_side(*pictures: str, text: str) -> Part:
    """Save pictures of one size in one file, and show it in a notebook.

    Args:
        pictures: an expression each, of a picture (H, W, 3) uint8.
        text: tells what is seen.
    """
    used = [name for name in ("amplify", "to_pixels") if any(f"{name}(" in each for each in pictures)]
    return Part(
        f"{text} A notebook shows the value of the last line.",
        f'sheet = Image.fromarray(np.hstack([{", ".join(pictures)}]))\nsheet.save("side-by-side.png")\nsheet',
        (
            "import numpy as np",
            "from PIL import Image",
            *([f"from adv_core.images import {', '.join(used)}"] if used else []),
        ),
    )


def three_pictures(factor: int = 10) -> Part:
    """Show the original ``x``, the amplified perturbation, and the adversarial picture of ``result``.

    Args:
        factor: of the amplification.
    """
    return side_by_side(
        "to_pixels(x)",
        f"amplify(result.delta, {factor})",
        "to_pixels(result.adversarial)",
        text=f"The original, {factor} times the perturbation around grey, and the result.",
    )


# ---------------------------------------------------------------------------------------------------------- on the page


def show_program(program: Program, page: Controls[Any], caption: str = REPEATS) -> None:
    """Draw the program with a caption and the buttons that save it."""
    program = replace(program, link=page.link())
    with st.expander("The same in Python", icon=":material/code:"):
        st.code(program.script(), language="python")
        st.caption(caption)
        name = f"adversarial-lab-{page.name}"
        with st.container(horizontal=True):
            save_button("Program (.py)", program.script(), f"{name}.py")
            save_button("Notebook (.ipynb)", program.notebook, f"{name}.ipynb")


def section(page: Controls[S], program: Callable[[S], Program], caption: str = REPEATS) -> Callable[[object], None]:
    """Make the section of a lesson that shows its program, given the function from the settings to the program."""

    def in_python(_: object) -> None:
        show_program(program(page.value), page, caption)

    return in_python
