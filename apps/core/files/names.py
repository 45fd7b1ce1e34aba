"""What callers call their files, made harmless: it is only ever told back to them, never used as a path."""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 255
UNKNOWN = "application/octet-stream"
_MEDIA_TYPE = re.compile(
    r"[a-z0-9.+-]{1,50}/[a-z0-9.+-]{1,50}(; ?charset=[a-z0-9-]{1,20})?"
).fullmatch


def clean_name(name: str) -> str:
    """The last part of a path of any system, without what cannot be seen or turns text around; perhaps nothing."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    return seen.strip().lstrip(".")[:MOST_CHARACTERS].strip()


def clean_media_type(text: str) -> str:
    """The type as it was said when it reads as one."""
    lowered = text.strip().lower()
    return lowered if _MEDIA_TYPE(lowered) else UNKNOWN
