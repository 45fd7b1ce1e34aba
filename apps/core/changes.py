"""Telling every process that something it may have cached has changed.

The deed bumps a counter in its own transaction; holding the counter's row until commit makes numbers visible in
order, so a poll for "greater than the last I saw" misses none. Listeners of this process hear at commit, those of
the others at their next poll, within half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from django.db import transaction
from django.db.models import F, Max

from apps.core.models import ChangeMark

POLL_SECONDS = 0.5
TRUST_SECONDS = 5.0
"""After so long without a successful poll a cache may no longer be believed."""

Listener = Callable[[str], None]
_listeners: list[tuple[str, Listener]] = []


class _Poll:
    def __init__(self) -> None:
        self.last_number: int | None = None
        self.succeeded_at = float("-inf")


_poll = _Poll()


def on_change(prefix: str, listener: Listener) -> None:
    """Call `listener(scope)` for each change of a scope that starts with `prefix`."""
    _listeners.append((prefix, listener))


def announce_change(scope: str) -> None:
    """Mark a scope as changed, in the transaction of the change. Call it last: it holds one row until commit."""
    ChangeMark.objects.get_or_create(scope="")
    ChangeMark.objects.filter(scope="").update(number=F("number") + 1)
    number = ChangeMark.objects.values_list("number", flat=True).get(scope="")
    ChangeMark.objects.update_or_create(scope=scope, defaults={"number": number})
    transaction.on_commit(lambda: _tell(scope))


def numbers_of(scopes: Iterable[str]) -> dict[str, int]:
    """The last change of each scope that has had one; for who waits for an answer in that form."""
    found = ChangeMark.objects.filter(scope__in=list(scopes))
    return dict(found.values_list("scope", "number"))


def poll_changes() -> None:
    """Hear what other processes changed since the last poll."""
    last = _poll.last_number
    # The counter's own row is among them, unless it went backwards: a backup was restored under us.
    marks = (
        [] if last is None else list(ChangeMark.objects.filter(number__gte=last).order_by("number"))
    )
    if last is None or (last > 0 and not marks):
        _poll.last_number = ChangeMark.objects.aggregate(last=Max("number"))["last"] or 0
        _tell_all()
    for mark in marks:
        if mark.scope and mark.number > (last or 0):
            _tell(mark.scope)
        _poll.last_number = mark.number
    _poll.succeeded_at = monotonic()


def forget_polls() -> None:
    """Begin as a new process does, believing nothing."""
    _poll.last_number, _poll.succeeded_at = None, float("-inf")


def are_caches_trusted() -> bool:
    """Whether news of revocations has reached this process lately enough to answer from memory."""
    return monotonic() - _poll.succeeded_at < TRUST_SECONDS


def _tell(scope: str) -> None:
    for prefix, listener in _listeners:
        if scope.startswith(prefix):
            listener(scope)


def _tell_all() -> None:
    for prefix, listener in _listeners:
        listener(prefix)
