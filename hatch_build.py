"""The requirements of the wheel, read from the files with the pins, so that each of them stands in one place.

The app and its tests are installed with exactly these versions. A library that pins exactly could hardly be installed
beside another one, so the wheel asks for the tested version or a newer one.
"""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

CORE = "requirements-core.txt"
EXTRAS = {
    "app": "requirements.txt",  # also for adv_core.serving, adv_core.classical, and to open sound files
    "cluster": "requirements-cluster.txt",
    "peers": "tests/requirements-peers.txt",  # not beside "app": torchattacks needs an older release of requests
}


class Requirements(MetadataHookInterface):
    """The hook that hatchling calls for the fields that `pyproject.toml` names as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        metadata["dependencies"] = at_least(root / CORE)
        metadata["optional-dependencies"] = {extra: at_least(root / file) for extra, file in EXTRAS.items()}


def at_least(file: Path) -> list[str]:
    """The requirements that the file itself names (not those of a file that it includes), as lower bounds."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.replace("==", ">=") for line in lines if line and not line.startswith(("#", "-"))]
