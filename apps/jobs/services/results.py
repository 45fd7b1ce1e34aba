"""Results too large for a row: kept as a file, of which the job's result is a description.

A file is found by its job and by the description together, so that one which a worker kept after it had lost its lease
is never given out; it expires with the others, shortly after its job is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings

from apps.core.files import files
from apps.core.files.files import Readable
from apps.core.models import StoredFile
from apps.jobs.domain.results import PURPOSE, address_of
from apps.jobs.models import Job

MOST_BYTES = 1024 * 1024
"""A larger one is no longer kept in the row."""
MOST_FILE_BYTES = 1024 * 1024 * 1024
OUTLIVES_JOB = timedelta(days=1)
JSON = "application/json"


def keep_result(
    job: Job, stream: Readable | Iterable[bytes], *, name: str = "", content_type: str = ""
) -> dict[str, Any]:
    """Keep a job's result as a file; answers its description. Raises `TooLarge`, `NoRoom`."""
    file = files.store(
        stream,
        organization_id=job.organization_id,
        purpose=PURPOSE,
        subject=job.public_id,
        limit=MOST_FILE_BYTES,
        name=name,
        content_type=content_type,
        keep=settings.SIGNALBOX_JOB_RETENTION + OUTLIVES_JOB,
    )
    return describe(job, file)


def keep_json(job: Job, written: bytes) -> dict[str, Any]:
    return keep_result(job, [written], name=f"{job.public_id}.json", content_type=JSON)


def describe(job: Job, file: StoredFile) -> dict[str, Any]:
    return {
        "file": file.public_id,
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "digest": f"sha256:{file.digest}",
        "url": address_of(job.public_id),
    }
