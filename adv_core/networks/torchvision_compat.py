"""Let ``import torchvision`` succeed beside a torch that its compiled operators were not built for.

PyPI's torchvision is built for CUDA. Beside a CPU build of torch its library ``_C`` cannot be loaded, the operators
``nms`` and ``qnms`` are then never defined, and the import dies with "operator torchvision::nms does not exist".
Classifiers use none of these operators, so it is enough that their names exist.
"""

import importlib.util
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure_torchvision_imports() -> bool:
    """Make ``import torchvision`` work; call it before that import. It is cheap, and safe to call again.

    Returns:
        True when stand-ins had to be defined, False when the compiled operators load (or torchvision is not installed).
    """
    if hasattr(torch.ops.torchvision, "nms") or _compiled_operators_load():
        return False
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", _SCHEMA)
    return True


def _compiled_operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")  # finds the package without running it
    if spec is None or spec.origin is None:
        return True  # nothing to repair: the import itself reports that torchvision is missing
    folder = Path(spec.origin).parent
    for library in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        try:
            torch.ops.load_library(str(library))
        except (OSError, RuntimeError):
            return False
        return True
    return False
