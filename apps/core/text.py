"""Lines of text from people, names and titles, that can be kept and safely shown."""

from __future__ import annotations

import unicodedata

from apps.core.errors import Invalid

_DIRECTIONS = {chr(point) for point in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def clean_line(text: str, *, field: str = "name", longest: int = 255) -> str:
    """Trimmed and in NFC; `Invalid` when empty, too long, or able to mislead whoever reads it."""
    line = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(line) <= longest:
        raise Invalid.field(field, f"must have 1 to {longest} characters", "length")
    if is_misleading(line):
        raise Invalid.field(field, "must not hold control characters", "control")
    return line


def is_misleading(text: str) -> bool:
    """Whether it holds control characters, half a surrogate pair, or marks that turn its direction."""
    return any(unicodedata.category(char) in ("Cc", "Cs") or char in _DIRECTIONS for char in text)
