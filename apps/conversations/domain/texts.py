"""A text that grows piece by piece while several read it, each from where it has come to."""

from __future__ import annotations

import re
from bisect import bisect_right

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
FEW = 64
"""Pieces are put together beyond this many, so that a long answer is no list of ten thousand words."""


class Text:
    """Offsets count characters (code points), as databases do."""

    __slots__ = ("_ends", "_parts")

    def __init__(self, text: str = "") -> None:
        self._parts = [text] if text else []
        self._ends = [len(text)] if text else []

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __str__(self) -> str:
        self._put_together()
        return self._parts[0] if self._parts else ""

    def add(self, piece: str) -> None:
        if piece:
            self._parts.append(piece)
            self._ends.append(len(self) + len(piece))

    def add_from(self, offset: int, piece: str) -> bool:
        """Add what of this piece is not known yet; False when something before it is missing."""
        if offset > len(self):
            return False
        self.add(piece[len(self) - offset :])
        return True

    def since(self, offset: int) -> str:
        """What lies behind an offset."""
        if offset >= len(self):
            return ""
        index = bisect_right(self._ends, offset)
        start = self._ends[index - 1] if index else 0
        first = self._parts[index][offset - start :]
        if index + 1 == len(self._parts):
            return first
        return first + "".join(self._parts[index + 1 :])

    def tidy(self) -> None:
        if len(self._parts) > FEW:
            self._put_together()

    def _put_together(self) -> None:
        if len(self._parts) > 1:
            self._ends = [len(self)]
            self._parts = ["".join(self._parts)]


def storable(text: str) -> str:
    """Without what no database keeps: NUL, half of a surrogate pair."""
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)
