"""The folder of the data that comes with the library: MNIST, photographs, trained networks and spoken phrases.

In a checkout it is `assets/`, beside the package. In an installation the wheel's build has put it into the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSIDE = _PACKAGE / "_assets"

ASSETS = _INSIDE if _INSIDE.is_dir() else _PACKAGE.parent / "assets"
