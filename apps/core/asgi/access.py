"""The access record: one JSON line a request, written with one `write` so that lines of processes never mix."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import orjson
from django.conf import settings

from apps.core.asgi.request import GateRequest
from apps.core.masking import mask_text

OK = 200
_descriptor: int | None = None


def record_access(request: GateRequest, status: int, size: int) -> None:
    """Append the record of one exchange. Never raises: an answer does not fail for want of a log line."""
    actor = request.actor
    record = {
        "at": datetime.now(UTC),
        "request_id": request.request_id,
        "method": request.method,
        # Somebody pastes a key where an id belongs; that path is never one that is found.
        "path": request.path if status == OK else mask_text(request.path),
        "status": status,
        "bytes": size,
        "ms": round((perf_counter() - request.started) * 1000, 2),
        "address": request.address,
        "organization": actor.identity.organization if actor else None,
        "credential": actor.credential.id if actor else None,
    }
    try:
        os.write(_open(), orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
    except OSError:
        return


def _open() -> int:
    global _descriptor
    if _descriptor is None:
        path: str = settings.SIGNALBOX_ACCESS_LOG
        if path == "-":
            _descriptor = 1
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            _descriptor = os.open(
                path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640
            )
    return _descriptor
