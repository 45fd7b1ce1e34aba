"""When keys were last used: remembered in memory on each call, written in one go every few seconds.

A process that is killed loses at most the last interval; the answer to a call never waits for it.
"""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from django.db import transaction
from django.db.models import Case, Value, When
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.keys.models import ApiKey

INTERVAL_SECONDS = 10.0

_used: dict[str, datetime] = {}
_lock = Lock()


def note_use(key_id: str) -> None:
    """Remember that a key was used now. Called on the loop: a dictionary entry and no more."""
    if key_id not in _used:
        _used[key_id] = timezone.now()


def write_uses() -> None:
    """Write what was remembered since the last time."""
    with _lock:
        noted = dict(_used)
        for key_id in noted:
            _used.pop(key_id, None)
    if not noted:
        return
    moments = [When(public_id=key_id, then=Value(at)) for key_id, at in noted.items()]
    with unscoped(reason="one write for the keys of every organisation"), transaction.atomic():
        ApiKey.objects.filter(public_id__in=list(noted)).update(last_used_at=Case(*moments))
