"""Pieces of words: the alphabet in which Moonshine reads and writes text.

Byte pair encoding (Sennrich, Haddow & Birch, ACL 2016, arXiv:1508.07909): of all neighbours that form a piece, the one
that was learnt first is joined, again and again.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from pathlib import Path

START, END = 1, 2
_BYTES = range(3, 259)  # one piece for each byte, for characters that have no piece of their own
_SPACE = "\u2581"


class Pieces:
    """32 768 pieces of words, numbered in the order in which they were learnt.

    Args:
        data: the file: of each piece, its length (one byte below 128, else two) and its UTF-8 bytes; a space is U+2581.
    """

    def __init__(self, data: bytes) -> None:
        self.all: list[bytes] = []
        place = 0
        while place < len(data):
            size, place = data[place], place + 1
            if size >= 128:
                size, place = data[place] * 128 + size - 128, place + 1
            self.all.append(data[place : place + size])
            place += size
        if len(self.all) <= _BYTES[-1]:
            raise ValueError("the tokenizer is damaged: it has too few pieces")

    @classmethod
    def read(cls, file: Path) -> "Pieces":
        """Read the file. Raises OSError, or ValueError for a damaged one."""
        try:
            return cls(file.read_bytes())
        except IndexError as error:
            raise ValueError("the tokenizer is damaged") from error

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        """The number of each piece, by its bytes; the first one where two have the same."""
        return {piece: i for i, piece in reversed(list(enumerate(self.all))) if i not in _BYTES}

    def spell(self, text: str) -> list[int]:
        """The pieces of a text, without `START` and `END`."""
        row = [letter.encode() for letter in _SPACE + text.replace(" ", _SPACE)]
        while pairs := [(self.numbers[a + b], i) for i, (a, b) in enumerate(pairwise(row)) if a + b in self.numbers]:
            _, i = min(pairs)
            row[i : i + 2] = [row[i] + row[i + 1]]
        return [number for piece in row for number in self._of(piece)]

    def _of(self, piece: bytes) -> list[int]:
        return [self.numbers[piece]] if piece in self.numbers else [_BYTES[byte] for byte in piece]

    def text(self, numbers: Iterable[int]) -> str:
        """The text of these pieces; marks such as `END` have none."""
        found = b""
        for number in numbers:
            piece = self.all[number]
            if number in _BYTES:
                found += bytes([number - _BYTES[0]])
            elif not (piece.startswith(b"<") and piece.endswith(b">") and len(piece) > 2):
                found += piece
        return found.decode("utf-8", "replace").replace(_SPACE, " ").strip()
