"""A file of rows scored by a worker: read, scored and written a few hundred rows at a time, whatever its size.

One version scores all of it, the one that was meant when the job began. A row that cannot be read or scored has its
error in the result; a file that cannot be read further ends the job, saying where.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from apps.core import envelopes
from apps.core.actor import Actor
from apps.core.errors import AppError, Invalid, NotFound, PermissionDenied, TimedOut, Unavailable
from apps.core.files import files
from apps.core.http_client.loop import Abandoned, call_while
from apps.core.models import StoredFile
from apps.core.permissions import require
from apps.jobs.domain.kinds import Cancelled, Context, Refused
from apps.keys.queries.working import actor_of
from apps.models.adapters.tabular.opening import open_rows
from apps.models.domain import answers
from apps.models.domain.asking import LONGEST_CUSTOMER, BatchAsk, BatchRow
from apps.models.domain.results import JSONL_TYPE, SUFFIXES, TYPES, Document, writer_of
from apps.models.domain.tables import VersionView
from apps.models.domain.tabular import HEAD, FileFormat, FileRow, Rows, sniff_rows
from apps.models.enums import Source
from apps.models.errors import BrokenFile, ParquetMissing, RefusedArtifact
from apps.models.permissions import ModelsPermission
from apps.models.queries import batches as queries
from apps.models.services.batches import BatchPayload
from apps.models.serving import engine
from apps.models.serving.background import told
from apps.models.serving.tables import find_version

T = TypeVar("T")

ROWS_AT_ONCE = 500
TEXT_AT_ONCE = 4 * 1024 * 1024
"""Of long rows fewer are taken: as values they are thirty times as large."""
TRIES: Final = 4
PAUSE_SECONDS = 1.0
"""Before a chunk is tried again, where the model is away for a moment; doubled each time."""
FINAL = (Invalid, NotFound, PermissionDenied, RefusedArtifact, BrokenFile, ParquetMissing)


@dataclass(slots=True)
class Tally:
    rows: int = 0
    failed: int = 0


def score_file(context: Context, payload: BatchPayload) -> Any:
    """The description of the result's file, with how many rows it has. Raises what the job is to be told."""
    actor = actor_of(context)
    require(actor, ModelsPermission.PREDICT)
    try:
        return _score_file(context, actor, payload)
    except FINAL as error:
        raise Refused(error.code, told(error)) from error


def _score_file(context: Context, actor: Actor, payload: BatchPayload) -> dict[str, Any]:
    stored = queries.uploaded_file(actor=actor, file_id=payload.file)
    _, version = _wait(context, find_version(actor.identity, payload.model, payload.version))
    tally = Tally()
    kind, rows = _open(stored, version, payload.id_column)
    try:
        documents = _documents(context, actor, version, rows, tally)
        kept = context.keep_result(
            writer_of(kind)(documents),
            name=f"{context.job_id}.{SUFFIXES.get(kind, 'jsonl')}",
            content_type=TYPES.get(kind, JSONL_TYPE),
        )
    finally:
        rows.close()
    return {
        **kept,
        "rows": tally.rows,
        "failed": tally.failed,
        "model": version.model,
        "model_version": version.label,
    }


def _open(stored: StoredFile, version: VersionView, id_column: str) -> tuple[FileFormat, Rows]:
    file = files.open(stored)
    try:
        kind = sniff_rows(file.read(HEAD))
        return kind, open_rows(file, kind, stored.size, version.blueprint.schema, id_column)
    except BaseException:
        file.close()
        raise


def _documents(
    context: Context, actor: Actor, version: VersionView, rows: Rows, tally: Tally
) -> Iterator[Sequence[Document]]:
    for chunk in _chunks(rows):
        documents = _score(context, actor, version, chunk)
        tally.rows += len(documents)
        tally.failed += sum("error" in each for each in documents)
        percent = 100 * rows.done / max(rows.total, 1)
        context.progress(percent, f"{tally.rows} rows, {tally.failed} failed")
        yield documents


def _chunks(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    chunk: list[FileRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row.size
        if len(chunk) >= ROWS_AT_ONCE or size >= TEXT_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _score(
    context: Context, actor: Actor, version: VersionView, chunk: Sequence[FileRow]
) -> list[Document]:
    readable = [row for row in chunk if row.error is None]
    asked = tuple(BatchRow(row.features, _customer(row.customer)) for row in readable)
    answered = _ask(context, actor, version, asked) if asked else None
    scored = iter(zip(answered.scored, answered.ids, strict=True)) if answered else iter(())
    return [
        _document(row, row.error, "") if row.error is not None else _document(row, *next(scored))
        for row in chunk
    ]


def _ask(
    context: Context, actor: Actor, version: VersionView, rows: tuple[BatchRow, ...]
) -> engine.BatchAnswered:
    ask = BatchAsk(version.model, rows, version.public_id, Source.FILE)
    for attempt in range(TRIES):
        try:
            return _wait(context, engine.predict_rows(actor, ask))
        except (Unavailable, TimedOut):
            if attempt == TRIES - 1:
                raise
            context.wait(PAUSE_SECONDS * 2**attempt)
    raise AssertionError("unreachable")


def _wait(context: Context, call: Coroutine[Any, Any, T]) -> T:
    try:
        return call_while(call, lambda: not context.is_cancelled())
    except Abandoned:
        raise Cancelled from None


def _document(row: FileRow, one: Any, prediction_id: str) -> Document:
    if isinstance(one, AppError):
        error = envelopes.brief(one)
        return {"row": row.number, "customer_id": row.customer, "error": error}
    return {"row": row.number, **answers.row_document(row.customer, one, prediction_id)}


def _customer(value: Any) -> str:
    """As the log keeps it. What is no id stays without."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:LONGEST_CUSTOMER]
