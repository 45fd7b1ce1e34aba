"""Names that the outside sees: a prefix and 128 random bits. Inside, rows keep their integer keys."""

from __future__ import annotations

import os
import re
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from django.db import models

from apps.core.errors import NotFound

if TYPE_CHECKING:
    UUIDField = models.UUIDField[str, str]
else:
    UUIDField = models.UUIDField  # generic in the stubs alone


_DIGITS = re.compile(r"[0-9a-f]{32}").fullmatch
DIGITS = 32
TOGETHER = 256
_stock: list[str] = []


def new_id(prefix: str) -> str:
    return f"{prefix}_{random_digits()}"


def random_digits() -> str:
    """128 random bits. The system is asked for those of many at once: each asking is a call of its own, in which other
    threads take their turn.
    """
    try:
        return _stock.pop()
    except IndexError:
        whole = secrets.token_hex(DIGITS // 2 * TOGETHER)
        _stock.extend(whole[at : at + DIGITS] for at in range(0, len(whole), DIGITS))
        return _stock.pop()


# A forked child must not hand out what its parent does.
os.register_at_fork(after_in_child=_stock.clear)


def is_id(text: str, prefix: str) -> bool:
    """Whether it is spelt as an id of that kind."""
    before, _, digits = text.rpartition("_")
    return before == prefix and _DIGITS(digits) is not None


class PublicIdField(UUIDField):
    """A unique UUID column that reads as `prefix_<32 hex>`.

    A malformed id raises `NotFound` when it is looked up: to a stranger it is one more thing that is not there.
    """

    def __init__(self, *, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("unique", True)
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "prefix": self.prefix}

    def get_default(self) -> str:
        return new_id(self.prefix)

    def has_default(self) -> bool:
        return True

    def from_db_value(self, value: Any, *_: Any) -> str | None:
        if value is None:
            return None
        return f"{self.prefix}_{value.hex if isinstance(value, uuid.UUID) else value}"

    def to_python(self, value: Any) -> Any:
        return None if value is None else f"{self.prefix}_{self._parse(value).hex}"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        return super().get_db_prep_value(self._parse(value), connection, prepared)

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else self._parse(value)

    def _parse(self, value: Any) -> uuid.UUID:
        if isinstance(value, uuid.UUID):
            return value
        # One spelling an id: UUID() alone would also take signs, blanks, capitals and other alphabets' digits.
        prefix, _, digits = str(value).rpartition("_")
        if prefix != self.prefix or not _DIGITS(digits):
            raise NotFound
        return uuid.UUID(hex=digits)
