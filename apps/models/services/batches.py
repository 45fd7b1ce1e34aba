"""Files of rows: kept, and a job queued that scores them. The scoring stands in `serving.filing`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from apps.core.actor import Actor
from apps.core.errors import Invalid
from apps.core.files import files
from apps.core.permissions import require
from apps.jobs.domain.kinds import Kind, declare
from apps.jobs.services import submissions
from apps.models.adapters.tabular import parquet_rows
from apps.models.adapters.tabular.csv_rows import CsvRows
from apps.models.domain.schema import Schema
from apps.models.domain.tabular import HEAD, FileFormat, sniff_rows
from apps.models.errors import ParquetMissing
from apps.models.permissions import ModelsPermission
from apps.models.queries import batches as queries

if TYPE_CHECKING:
    from apps.jobs.models import Job

MOST_BYTES = 1024 * 1024 * 1024
KEPT = timedelta(days=3)
"""How long the file waits for its job, also to be tried again."""
TYPES = {
    FileFormat.CSV: "text/csv",
    FileFormat.JSONL: "application/jsonl",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
}


class BatchPayload(BaseModel):
    """`version` is any name a caller may use; it is looked up once, when the worker begins."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = Field(min_length=1, max_length=100)
    file: str = Field(max_length=80)
    version: str | None = Field(default=None, max_length=100)
    id_column: str = Field(default="", max_length=200)


BATCH = declare(
    Kind(
        "models.batch",
        BatchPayload,
        permission=ModelsPermission.PREDICT,
        time_limit=6 * 3600.0,
        max_attempts=3,
    )
)


def submit_batch(
    *,
    actor: Actor,
    name: str,
    stream: BinaryIO,
    file_name: str = "",
    tag: str | None = None,
    id_column: str = "",
    said_format: str = "",
) -> Job:
    """Keep the file and queue its scoring. What can be seen at its beginning is refused before it is kept.

    Raises `PermissionDenied`, `NotFound`, `NoProductionVersion`, `Unsupported`, `ParquetMissing`,
    `BrokenFile`, `Invalid`, `TooLarge`, `NoRoom`, `QueueFull`.
    """
    require(actor, ModelsPermission.PREDICT)
    version = queries.version_for(actor=actor, name=name, tag=tag)
    kind = _look_at(stream, said_format, version.feature_schema, id_column)
    stored = files.store(
        stream,
        organization_id=actor.organization_id,
        purpose=queries.PURPOSE,
        limit=MOST_BYTES,
        subject=actor.principal,
        name=file_name,
        content_type=TYPES[kind],
        keep=KEPT,
    )
    payload = BatchPayload(
        model=version.model.name, file=stored.public_id, version=tag, id_column=id_column
    )
    try:
        return submissions.submit(actor=actor, kind=BATCH.name, payload=payload.model_dump())
    except BaseException:
        files.delete(stored)
        raise


def _look_at(stream: BinaryIO, said: str, schema: Schema, id_column: str) -> FileFormat:
    if said and said not in set(FileFormat):
        raise Invalid.field("format", f"must be among: {', '.join(FileFormat)}", "choice")
    kind = sniff_rows(stream.read(HEAD), said)
    stream.seek(0)
    if kind is FileFormat.PARQUET and not parquet_rows.is_installed():
        raise ParquetMissing
    if kind is FileFormat.CSV:
        CsvRows(stream, 0, schema, id_column)  # whose header it reads
        stream.seek(0)
    return kind
