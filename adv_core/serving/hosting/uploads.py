"""What is uploaded stays in memory, and is counted."""

from collections.abc import Mapping
from typing import Protocol

from starlette.formparsers import MultiPartParser

LEAST = 2**16  # bytes that a file counts as, be it empty: it has a name, and all are counted at each upload


class File(Protocol):
    data: bytes


def kept(files: Mapping[str, Mapping[str, File]], session: str) -> tuple[int, int]:
    """Bytes of the files of this session, and of all. Other threads may add and remove files meanwhile."""
    sizes = {name: sum(max(len(file.data), LEAST) for file in list(own.values())) for name, own in list(files.items())}
    return sizes.get(session, 0), sum(sizes.values())


def keep_in_memory(megabytes: int) -> None:
    """Let no upload of up to so many megabytes touch the disk: Starlette would put what is above one into a file."""
    MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, (megabytes + 1) * 2**20)
