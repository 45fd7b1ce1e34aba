"""When keys were last used: remembered in memory at each call, written in one go every few seconds.

A process that is killed loses at most the last interval; the answer to a call never waits for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from time import time

from django.db import transaction
from django.db.models import Case, Value, When

from apps.core.tenancy import unscoped
from apps.keys.models import ApiKey

INTERVAL_SECONDS = 10.0
ROWS = 500

_used: dict[str, float] = {}
_writing = Lock()


def note_use(key_id: str) -> None:
    """Remember that a key was used now. Called on the loop: a dictionary entry and no more."""
    _used[key_id] = time()


def write_uses() -> None:
    """Write what was remembered since the last time; what cannot be written stays for the next."""
    with _writing:
        noted = list(_used.copy().items())
        for start in range(0, len(noted), ROWS):
            part = noted[start : start + ROWS]
            _write(part)
            for key_id, at in part:
                if _used.get(key_id) == at:  # not used again meanwhile
                    del _used[key_id]


def _write(part: list[tuple[str, float]]) -> None:
    moments = [
        When(public_id=key_id, then=Value(datetime.fromtimestamp(at, UTC))) for key_id, at in part
    ]
    with unscoped(reason="one write for the keys of every organisation"), transaction.atomic():
        keys = ApiKey.objects.filter(public_id__in=[key_id for key_id, _ in part])
        # Locked in one order, because every process writes the same rows.
        pks = list(keys.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        ApiKey.objects.filter(pk__in=pks).update(last_used_at=Case(*moments))
