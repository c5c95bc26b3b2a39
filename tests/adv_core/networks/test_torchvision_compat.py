import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


def python(code: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(path)}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


BARE = (
    "import importlib.util, sys; sys.path[:0] = [{extra!r}]\n"
    "spec = importlib.util.spec_from_file_location('compat', {module!r})\n"
    "compat = importlib.util.module_from_spec(spec); spec.loader.exec_module(compat)\n"
)


def prelude(extra: Path | str = "") -> str:
    return BARE.format(extra=str(extra), module=str(ROOT / "adv_core" / "networks" / "torchvision_compat.py"))


@pytest.fixture
def broken_torchvision(tmp_path: Path) -> Path:
    """A torchvision whose compiled library cannot be loaded, and that needs `nms`, as the real one does."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("import torch\ntorch.ops.torchvision.nms\n")
    (package / "_C.so").write_bytes(b"not a library")
    return tmp_path


def test_stand_ins_where_the_library_does_not_load(broken_torchvision: Path) -> None:
    code = prelude(broken_torchvision) + (
        "try:\n"
        "    import torchvision\n"
        "except Exception: print('it dies')\n"
        "print(compat.ensure_torchvision_imports()); import torchvision; print(compat.ensure_torchvision_imports())"
    )
    assert python(code, ROOT).split("\n") == ["it dies", "True", "False"]


def test_nothing_is_defined_where_the_operators_are_there() -> None:
    code = prelude() + (
        "import torch\n"
        "torch.library.define('torchvision::nms', '(Tensor d, Tensor s, float t) -> Tensor')\n"
        "print(compat.ensure_torchvision_imports(), hasattr(torch.ops.torchvision, 'qnms'))"
    )
    assert python(code, ROOT) == "False False"
