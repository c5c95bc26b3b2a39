"""What is uploaded stays in memory."""

from starlette.formparsers import MultiPartParser


def keep_in_memory(megabytes: int) -> None:
    """Let no upload of up to so many megabytes touch the disk: Starlette would put what is above one into a file."""
    MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, (megabytes + 1) * 2**20)
