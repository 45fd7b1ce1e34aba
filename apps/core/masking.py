"""Taking secrets out of what is about to be written down: by the name of a field, and by the look of a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from django.conf import settings

MASK = "***"

_ANYWHERE = frozenset(
    {"password", "passwords", "passphrase", "secret", "secrets", "pepper", "authorization"}
)
_AT_THE_END = frozenset({"key", "apikey", "token", "cookie", "credentials"})
"""`api_key` is a secret, `key_id` is not; `token` is, `token_type` and `max_tokens` are not."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def mask(value: Any, name: str = "") -> Any:
    """A plain copy (JSON types alone) of a value, without what looks secret."""
    if name and value not in (None, "") and not isinstance(value, bool) and is_secret_name(name):
        return MASK
    if isinstance(value, Mapping):
        return {str(key): mask(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(mask(str(item)) for item in value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return mask_text(str(value))


def mask_text(text: str) -> str:
    """The text with every key and token that stands in it masked."""
    return _secrets().sub(MASK, text)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and (words[-1] in _AT_THE_END or not _ANYWHERE.isdisjoint(words))


@cache
def _secrets() -> re.Pattern[str]:
    prefixes = "|".join(sorted({*map(re.escape, settings.SIGNALBOX_KEY_PREFIXES), "whsec_", "sk-"}))
    return re.compile(
        rf"(?<![A-Za-z0-9])(?:{prefixes})[A-Za-z0-9_\-/+=]{{16,}}|eyJ[\w-]{{5,}}\.[\w-]{{5,}}\.[\w-]*"
    )
