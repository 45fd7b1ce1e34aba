"""Which answers may be given twice: the caller's wishes, and what makes two calls the same. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from time import time

import orjson

from apps.providers.domain.calls import Call
from apps.providers.domain.tables import RouteView

_LEFT_OUT = frozenset({"stream", "stream_options", "user", "metadata", "store", "model"})
"""They change nothing of what is said: who asks, how it is sent, and the model, which the route stands for."""
_MAX_AGE = re.compile(r"max-age=(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller's `Cache-Control` says."""

    may_read: bool = True
    may_store: bool = True
    oldest_seconds: int | None = None

    def suits(self, at: float) -> bool:
        """Whether an answer of that moment is young enough."""
        return self.oldest_seconds is None or time() - at <= self.oldest_seconds


def read_wishes(header: str) -> Wishes:
    if not header:
        return Wishes()
    words = {word.strip().lower() for word in header.split(",")}
    oldest = _MAX_AGE.search(header.lower())
    may_store = "no-store" not in words
    return Wishes(
        may_read=may_store and "no-cache" not in words,
        may_store=may_store,
        oldest_seconds=int(oldest[1]) if oldest else None,
    )


def key_of(organization: int, route: RouteView, call: Call) -> str:
    """The same for two calls of one organization that ask for the same of the same version of a route."""
    said = {name: value for name, value in call.body.items() if name not in _LEFT_OUT}
    # A deployment that changes answers otherwise, though its route stays as it was.
    by = [
        (t.deployment.id, t.deployment.revision, t.deployment.provider.revision)
        for t in route.targets
    ]
    wants = [organization, route.id or route.name, route.revision, by]
    wants += [call.provider, call.operation, call.dialect, call.is_stream]
    text = orjson.dumps([*wants, said], option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=24).hexdigest()
