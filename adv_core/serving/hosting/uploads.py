"""Uploaded files: they stay in memory and are counted."""

from collections.abc import Mapping
from typing import Protocol

from starlette.formparsers import MultiPartParser

LEAST = 2**16  # bytes that a file counts as at least: an empty one has a name, too, and takes time to count


class File(Protocol):
    data: bytes


def kept(files: Mapping[str, Mapping[str, File]], session: str) -> tuple[int, int]:
    """The bytes of this session's files, and of all files. Other threads may add and remove files meanwhile."""
    sizes = {name: sum(max(len(file.data), LEAST) for file in list(own.values())) for name, own in list(files.items())}
    return sizes.get(session, 0), sum(sizes.values())


def keep_in_memory(megabytes: int) -> None:
    """Keep uploads of up to so many megabytes off the disk: Starlette writes uploads above one megabyte into a file."""
    MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, (megabytes + 1) * 2**20)
