"""What a conversation is called until somebody says otherwise."""

from __future__ import annotations

import unicodedata

from apps.core.text import is_misleading

LONGEST_MADE = 80
"""Characters of a title that nobody gave."""


def title_from(text: str) -> str:
    """The first line that says something, cut at a word; empty when none does."""
    for line in text.splitlines():
        words = unicodedata.normalize("NFC", " ".join(line.split()))
        kept = "".join(char for char in words if not is_misleading(char)).strip("#>*- ")
        if kept:
            return _cut(kept)
    return ""


def _cut(line: str) -> str:
    if len(line) <= LONGEST_MADE:
        return line
    short = line[: LONGEST_MADE - 1]
    if not line[LONGEST_MADE - 1].isspace():
        head, _, _ = short.rpartition(" ")
        short = head or short  # one word longer than any title is cut within
    return f"{short.rstrip()}…"
