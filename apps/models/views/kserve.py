"""KServe's open inference protocol for clients that speak it: what is there, whether it is ready, and `infer`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse

from apps.core import json
from apps.core.asgi.door import Door, door
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.core.errors import AppError, NotFound
from apps.core.openapi.describe import describe
from apps.models.domain import kserve
from apps.models.domain.asking import BatchAsk, BatchRow
from apps.models.domain.tables import VersionView
from apps.models.enums import ModelsPermission, Source
from apps.models.serving import engine
from apps.models.serving.tables import find_model, find_version
from apps.models.views import kserve_shapes as shapes
from apps.models.views.bodies import beside, read_json

VIEW, PREDICT = ModelsPermission.VIEW, ModelsPermission.PREDICT
PUBLIC = Door(public="says that this server speaks the protocol, and nothing of anybody's", limit=None)  # fmt: skip
JSON = "application/json"


@describe(GET=shapes.SERVER)
@door(GET=PUBLIC)
async def v2_server(request: GateRequest) -> HttpResponse:
    return _said({"name": "signalbox", "version": settings.SIGNALBOX_VERSION, "extensions": []})


@describe(GET=shapes.LIVE)
@door(GET=PUBLIC)
async def v2_live(request: GateRequest) -> HttpResponse:
    return _said({"live": True})


@describe(GET=shapes.READY)
@door(GET=PUBLIC)
async def v2_ready(request: GateRequest) -> HttpResponse:
    return _said({"ready": True})


@describe(GET=shapes.MODEL)
@door(GET=Door(VIEW))
async def v2_model(request: GateRequest, model: str, version: str | None = None) -> HttpResponse:
    assert request.actor is not None
    found = await find_model(request.actor.identity, model)
    try:
        _, view = await find_version(request.actor.identity, model, version)
    except NotFound:
        if version is not None:
            raise
        view = None  # it is there, and has nothing in production
    return _said(kserve.metadata(found.name, view, found.labels))


@describe(GET=shapes.MODEL_READY)
@door(GET=Door(VIEW))
async def v2_model_ready(
    request: GateRequest, model: str, version: str | None = None
) -> HttpResponse:
    assert request.actor is not None
    found, _ = await find_version(request.actor.identity, model, version)
    return _said({"name": found.name, "ready": True})


@describe(POST=shapes.INFER)
@door(POST=Door(PREDICT))
async def v2_infer(request: GateRequest, model: str, version: str | None = None) -> HttpResponse:
    assert request.actor is not None
    question = await beside(request, _question, request)
    found, view = await find_version(request.actor.identity, model, version)
    rows = await beside(request, _rows, question, view)
    ask = BatchAsk(found.name, rows, view.public_id, Source.V2)
    answered = await while_present(request, engine.predict_rows(request.actor, ask))
    body = await beside(request, _body, question, view, answered)
    return HttpResponse(body, content_type=JSON)


def _question(request: GateRequest) -> kserve.Question:
    return kserve.read_question(read_json(request), settings.SIGNALBOX_PREDICTION_BATCH)


def _rows(question: kserve.Question, view: VersionView) -> tuple[BatchRow, ...]:
    return tuple(map(BatchRow, kserve.features_of(question, view.checker.names)))


def _body(question: kserve.Question, view: VersionView, answered: engine.BatchAnswered) -> bytes:
    scored = []
    for one in answered.scored:
        if isinstance(one, AppError):
            raise one  # the protocol knows no answer in parts
        scored.append(one)
    return json.dumps(kserve.answer(question, view, scored))


def _said(value: Any) -> HttpResponse:
    return HttpResponse(json.dumps(value), content_type=JSON)
