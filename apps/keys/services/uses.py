"""When keys were last used: remembered in memory at each call, written in one go every few seconds.

Exact to the interval. A process that is killed loses at most the last interval; no call ever waits for the writing.
"""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from django.db import Error, transaction
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.keys.models import ApiKey

INTERVAL_SECONDS = 10.0
BATCH = 500

_used: dict[str, datetime] = {}
_lock = Lock()


def note_use(key_id: str) -> None:
    """Remember that a key was used now. Called on the loop: a dictionary entry and no more."""
    if key_id not in _used:
        _used[key_id] = timezone.now()


def write_uses() -> None:
    """Write what was remembered since the last time; what could not be written is kept for the next."""
    with _lock:
        noted = {key_id: _used.pop(key_id) for key_id in list(_used)}
    waiting = sorted(noted)
    try:
        while waiting:
            _write({key_id: noted[key_id] for key_id in waiting[:BATCH]})
            del waiting[:BATCH]
    except Error:
        for key_id in waiting:
            _used.setdefault(key_id, noted[key_id])
        raise


def _write(moments: dict[str, datetime]) -> None:
    with unscoped(reason="one write for the keys of every organisation"), transaction.atomic():
        # Locked in one order, so that two processes that write the same keys never wait for each other.
        rows = ApiKey.objects.filter(public_id__in=list(moments)).order_by("pk")
        later = []
        for key in rows.select_for_update(no_key=True).only("public_id", "last_used_at"):
            at = moments[key.public_id]
            if key.last_used_at is None or key.last_used_at < at:
                key.last_used_at = at
                later.append(key)
        ApiKey.objects.bulk_update(later, ["last_used_at"])
