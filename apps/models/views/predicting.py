"""The doors of predictions: one row, many rows, one row later."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse

from apps.core import envelopes, json
from apps.core.asgi import replays
from apps.core.asgi.door import Door, door
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.core.errors import AppError
from apps.core.openapi.describe import describe
from apps.models.domain import answers
from apps.models.domain.asking import BatchAsk, BatchRow, read_batch
from apps.models.enums import ModelsPermission, Source
from apps.models.serving import engine
from apps.models.views import shapes
from apps.models.views.bodies import beside, read_ask, read_json, read_options

PREDICT = ModelsPermission.PREDICT
JSON = "application/json"


@describe(POST=shapes.PREDICT)
@door(POST=Door(PREDICT))
async def predict(request: GateRequest, model: str) -> HttpResponse:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return await _predict(request, model)
    return await replays.run_once(request, key, lambda: _predict(request, model))


async def _predict(request: GateRequest, model: str) -> HttpResponse:
    assert request.actor is not None
    ask = await beside(request, read_ask, request, model)
    answered = await while_present(request, engine.predict(request.actor, ask))
    cache = "hit" if answered.is_cached else "miss"
    request.answer_headers.append(("x-signalbox-cache", cache))
    return HttpResponse(json.dumps(answered.document()), content_type=JSON)


@describe(POST=shapes.BATCH)
@door(POST=Door(PREDICT, limit="batch"))
async def predict_batch(request: GateRequest, model: str) -> HttpResponse:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return await _predict_batch(request, model)
    return await replays.run_once(request, key, lambda: _predict_batch(request, model))


async def _predict_batch(request: GateRequest, model: str) -> HttpResponse:
    assert request.actor is not None
    ask = await beside(request, _read_batch, request, model)
    answered = await while_present(request, engine.predict_rows(request.actor, ask))
    body = await beside(request, _batch_body, ask.rows, answered)
    return HttpResponse(body, content_type=JSON)


def _read_batch(request: GateRequest, model: str) -> BatchAsk:
    rows = read_batch(read_json(request), settings.SIGNALBOX_PREDICTION_BATCH)
    tag, _ = read_options(request)
    return BatchAsk(model, rows, tag, Source.BATCH)


def _batch_body(rows: tuple[BatchRow, ...], answered: engine.BatchAnswered) -> bytes:
    said: list[dict[str, Any]] = []
    failed = 0
    for index, (row, one, name) in enumerate(zip(rows, answered.scored, answered.ids, strict=True)):
        if isinstance(one, AppError):
            failed += 1
            said.append(answers.failed_row(row.said_customer, index, envelopes.brief(one)))
        else:
            said.append(answers.row_document(row.said_customer, one, name))
    return json.dumps(
        answers.batch_document(
            rows=said,
            failed=failed,
            batch=answered.id,
            version=answered.version.label,
            seconds=answered.seconds,
        )
    )
