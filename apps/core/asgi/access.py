"""The access record: one line of JSON a request, spooled by one `write` and handed on in batches.

It goes to the operator's file as it stands, and to the topic `request.logs` of the organization that called. There is
no table of them: it would be the largest by far and nobody looks further back than the file and the topic reach.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings

from apps.core import live
from apps.core.asgi.request import GateRequest
from apps.core.masking import MASK, mask_text
from apps.core.spool import process as spool
from apps.core.spool.process import Record

KIND = "access"
TOPIC = "request.logs"
OK = 200


def record_access(request: GateRequest, status: int, size: int) -> None:
    """Append the record of one exchange. Never raises: an answer does not fail for want of a log line."""
    actor = request.actor
    spool.append(
        KIND,
        {
            "at": datetime.now(UTC),
            "request_id": request.request_id,
            "method": request.method,
            "path": _path_of(request.path, status),
            "status": status,
            "bytes": size,
            "ms": round((perf_counter() - request.started) * 1000, 2),
            "address": request.address,
            "organization": actor.identity.organization if actor else None,
            "organization_id": actor.organization_id if actor else None,
            "credential": actor.credential.id if actor else None,
        },
    )


def _path_of(path: str, status: int) -> str:
    """The path without what lets in: the secret of a link, or a key that was pasted where an id belongs.

    One of those is never found, so that a path which was needs no look.
    """
    at = path.find("/shared/")
    if at >= 0:
        return path[: at + len("/shared/")] + MASK
    return path if status == OK else mask_text(path)


def drain_access(records: list[Record]) -> None:
    """Hand on a batch. After a crash a line may stand in the file twice; its `request_id` says so."""
    _write_lines(records)
    followed = live.followed(TOPIC)
    if not followed:
        return  # nobody looks: the records need not be read
    for organization_id, rows in _by_organization(records).items():
        if organization_id in followed:
            live.publish_records(TOPIC, organization_id, rows)


def _write_lines(records: list[Record]) -> None:
    path: str = settings.SIGNALBOX_ACCESS_LOG
    text = b"".join(record.payload + b"\n" for record in records)
    if path == "-":
        _write_whole(1, text)
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Opened for each batch, so that the file may be rotated away under us.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o640)
    try:
        _write_whole(descriptor, text)
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def _by_organization(records: list[Record]) -> dict[int, list[dict[str, Any]]]:
    rows: dict[int, list[dict[str, Any]]] = {}
    for record in records:
        row = dict(record.value)
        organization_id = row.pop("organization_id")
        if organization_id is not None:
            rows.setdefault(organization_id, []).append(row)
    return rows
