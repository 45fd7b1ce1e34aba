"""A prediction from its question to its record, top-down. Touches neither database nor thread when warm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from django.conf import settings

from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError, TimedOut
from apps.core.ids import new_id
from apps.core.permissions import require
from apps.models.domain.answers import Answered
from apps.models.domain.asking import Ask, BatchAsk, BatchRow
from apps.models.domain.log import Line
from apps.models.domain.schema import Row
from apps.models.domain.scoring import Explanation, Scored
from apps.models.domain.tables import ModelView, VersionView
from apps.models.enums import ModelsPermission, Source
from apps.models.errors import ScoringFailed
from apps.models.serving.cache import key_of
from apps.models.serving.loaded import Loaded
from apps.models.serving.recording import is_logged, record, share_logged
from apps.models.serving.rooms import Room, room
from apps.models.serving.tables import find_version

P = ParamSpec("P")
T = TypeVar("T")
LONG_CELLS = 20_000
"""Values of a batch up to which the loop itself looks at them."""


@dataclass(frozen=True, slots=True)
class BatchAnswered:
    """`scored` and `ids` stand in the order of the rows; a row that could not be scored has its error there."""

    id: str
    version: VersionView
    scored: Sequence[Scored | AppError]
    ids: Sequence[str]
    seconds: float


async def predict(actor: Actor, ask: Ask) -> Answered:
    """Raises `UnknownModel`, `NotFound`, `Invalid` naming features, and what loading and scoring raise."""
    require(actor, ModelsPermission.PREDICT)
    started = perf_counter()
    model, version = await find_version(actor.identity, ask.model, ask.tag)
    row = version.checker.check(ask.features)
    at = datetime.now(UTC)
    try:
        scored, explanation, is_cached = await _answer(actor, version, row, ask.is_explained)
    except AppError:
        _note_failure(actor, model, version, ask.source, at, started)
        raise
    answered = Answered(new_id("pred"), at, version, row, scored, explanation, is_cached)
    record(
        actor,
        model,
        version,
        source=ask.source,
        at=at,
        seconds=perf_counter() - started,
        lines=(_line(answered, ask.customer),) if is_logged(share_logged(model)) else (),
        cached=int(is_cached),
    )
    return answered


async def check_ask(actor: Actor, ask: Ask) -> str:
    """The name of the model, when the version that would answer now takes the row. Raises what `predict` would."""
    require(actor, ModelsPermission.PREDICT)
    model, version = await find_version(actor.identity, ask.model, ask.tag)
    version.checker.check(ask.features)
    return model.name


async def predict_rows(actor: Actor, ask: BatchAsk) -> BatchAnswered:
    """Each row has its answer or its error; only what concerns all of them is raised."""
    require(actor, ModelsPermission.PREDICT)
    started = perf_counter()
    model, version = await find_version(actor.identity, ask.model, ask.tag)
    at = datetime.now(UTC)
    is_long = len(ask.rows) * len(version.checker.names) > LONG_CELLS
    features = [row.features for row in ask.rows]
    checked = await _beside(is_long, version.columns.check, features)
    rows = [each for each in checked if not isinstance(each, AppError)]
    try:
        loaded = await room().shelf.get(actor.organization_id, version)
        async with loaded.held():
            scored = await _in_time(loaded, _score_each(loaded, rows))
    except AppError:
        _note_failure(actor, model, version, ask.source, at, started)
        raise
    answers = iter(scored)
    merged = [each if isinstance(each, AppError) else next(answers) for each in checked]
    batch = new_id("batch")
    ids = [new_id("pred") for _ in merged]
    failed = sum(isinstance(each, AppError) for each in merged)
    seconds = perf_counter() - started

    def note() -> None:
        record(
            actor,
            model,
            version,
            source=ask.source,
            at=at,
            seconds=seconds,
            lines=_lines(model, version, ask.rows, checked, merged, ids),
            predictions=len(merged) - failed,
            errors=failed,
            batch=batch,
        )

    await _beside(is_long, note)
    return BatchAnswered(batch, version, merged, ids, seconds)


async def explain(actor: Actor, version: VersionView, row: Row) -> Explanation:
    """Of a row that was predicted before; counted and logged as nothing."""
    _, explanation, _ = await _answer(actor, version, row, is_explained=True)
    assert explanation is not None
    return explanation


async def _answer(
    actor: Actor, version: VersionView, row: Row, is_explained: bool
) -> tuple[Scored, Explanation | None, bool]:
    here = room()
    key = "" if here.cache is None else key_of(actor.identity.organization, version, row)
    known = None if here.cache is None else here.cache.get(key)
    if known is not None and (not is_explained or known.explanation is not None):
        return known.scored, known.explanation if is_explained else None, True
    loaded = here.shelf.recall(version.key) or await here.shelf.get(actor.organization_id, version)
    if loaded.executor.is_instant:
        scored = await loaded.score_row(row)
        explanation = await loaded.explain(row) if is_explained else None
    elif is_explained:
        async with loaded.held():
            scored = (
                known.scored if known else await _in_time(loaded, _score(here, loaded, key, row))
            )
            explanation = await _in_time(loaded, loaded.explain(row))
    else:
        scored = await _in_time(loaded, _score(here, loaded, key, row))
        explanation = None
    if here.cache is not None:
        here.cache.put(key, scored, explanation)
    return scored, explanation, False


async def _score(here: Room, loaded: Loaded, key: str, row: Row) -> Scored:
    """Of those who ask the same at once, one asks the model."""
    if not key:
        return await loaded.score_row(row)
    if not here.flights.begin(key):
        scored = await here.flights.join(key)
        return scored or await loaded.score_row(row)
    scored = None
    try:
        scored = await loaded.score_row(row)
    finally:
        here.flights.end(key, scored)
    return scored


async def _score_each(loaded: Loaded, rows: Sequence[Row]) -> list[Scored | AppError]:
    """All at once; where the model fails, by halves, until the rows it fails at stand alone."""
    if not rows:
        return []
    try:
        return list(await loaded.score_rows(rows))
    except ScoringFailed as error:
        if len(rows) == 1:
            return [error]
    middle = len(rows) // 2
    first = await _score_each(loaded, rows[:middle])
    return first + await _score_each(loaded, rows[middle:])


async def _beside(is_long: bool, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Others are not to wait for as long as a million values take."""
    return await in_pool(work, *args, **kwargs) if is_long else work(*args, **kwargs)


async def _in_time(loaded: Loaded, work: Coroutine[Any, Any, T]) -> T:
    if loaded.executor.is_instant:
        return await work
    try:
        async with asyncio.timeout(settings.SIGNALBOX_PREDICTION_TIMEOUT):
            return await work
    except TimeoutError:
        raise TimedOut("The model took too long.", code="prediction_timeout") from None


def _note_failure(
    actor: Actor,
    model: ModelView,
    version: VersionView,
    source: Source,
    at: datetime,
    started: float,
) -> None:
    seconds = perf_counter() - started
    record(actor, model, version, source=source, at=at, seconds=seconds, predictions=0, errors=1)


def _line(answered: Answered, customer: str) -> Line:
    scored = answered.scored
    features = answered.version.checker.document(answered.row)
    return Line(answered.id, customer, features, scored.prediction, scored.probability)


def _lines(
    model: ModelView,
    version: VersionView,
    rows: Sequence[BatchRow],
    checked: Sequence[Row | AppError],
    scored: Sequence[Scored | AppError],
    ids: Sequence[str],
) -> list[Line]:
    document, share = version.checker.document, share_logged(model)
    return [
        Line(name, row.customer, document(features), one.prediction, one.probability)
        for name, row, features, one in zip(ids, rows, checked, scored, strict=True)
        if not isinstance(one, AppError) and not isinstance(features, AppError) and is_logged(share)
    ]
