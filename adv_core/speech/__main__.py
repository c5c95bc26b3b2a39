"""Bring the weights of Moonshine, which a wheel of the library leaves out, from a checkout or from a web address.

python -m adv_core.speech fetch ~/adversarial-lab/assets/speech/moonshine
python -m adv_core.speech fetch https://example.org/adversarial-lab/assets/speech/moonshine
"""

import argparse
import hashlib
import http.client
import sys
import urllib.request
from pathlib import Path

from adv_core.speech.moonshine import FOLDER, SHA256, is_here


def fetch(source: str, folder: Path = FOLDER) -> None:
    """Copy the weights and the tokenizer into the library's own folder. A file gets its name when its bytes are right.

    Args:
        source: a folder that holds both files, or the web address of such a folder.

    Raises:
        ValueError: a file that cannot be read, has other bytes, or cannot be stored. The message is for people.
    """
    for name, wanted in SHA256.items():
        place = f"{source.rstrip('/')}/{name}"
        try:
            if place.startswith(("https://", "http://")):
                with urllib.request.urlopen(place, timeout=30) as response:
                    data = response.read()
            else:
                data = Path(place).expanduser().read_bytes()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ValueError(
                f"{place} cannot be read ({error}). Check the internet connection, or give the folder "
                "assets/speech/moonshine of a checkout of the project."
            ) from error
        if hashlib.sha256(data).hexdigest() != wanted:
            raise ValueError(f"{place} is another file, or incomplete: its checksum is wrong. Nothing was stored.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f"{name}.part"
            part.write_bytes(data)
            part.replace(folder / name)
        except OSError as error:
            raise ValueError(f"{folder} cannot be written ({error}). Run the command as the owner of it.") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m adv_core.speech", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="fetch")
    command = commands.add_parser("fetch", help="bring the weights of Moonshine, 21 MB")
    command.add_argument("source", help="folder or web address with moonshine_tiny.npz and tokenizer.bin")
    source = parser.parse_args().source
    if is_here():
        print(f"The weights are in {FOLDER} already.")
        return 0
    try:
        fetch(source)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The weights are in {FOLDER}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
