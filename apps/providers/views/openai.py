"""OpenAI's doors, as its official clients use them: chat, completions, embeddings, images, models."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase

from apps.core import json
from apps.core.asgi.door import Door, door
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import Operation, describe
from apps.providers.domain.tables import RouteView
from apps.providers.enums import ProvidersPermission
from apps.providers.gateway import table
from apps.providers.views import bodies, shapes
from apps.providers.views.serving import ASKING, CALLING, JSON, serve

READING = Door(ProvidersPermission.VIEW)


@describe(POST=shapes.CHAT)
@door(POST=CALLING)
async def chat_completions(request: GateRequest) -> HttpResponseBase:
    return await serve(request, bodies.CHAT)


@describe(POST=shapes.COMPLETION)
@door(POST=ASKING)
async def completions(request: GateRequest) -> HttpResponseBase:
    return await serve(request, bodies.COMPLETION)


@describe(POST=shapes.EMBEDDINGS)
@door(POST=ASKING)
async def embeddings(request: GateRequest) -> HttpResponseBase:
    return await serve(request, bodies.EMBEDDINGS)


@describe(POST=shapes.IMAGES)
@door(POST=ASKING)
async def images(request: GateRequest) -> HttpResponseBase:
    return await serve(request, bodies.IMAGES)


@describe(GET=Operation("List the models you may call", shapes.MODELS, tag="models"))
@door(GET=READING)
async def models(request: GateRequest) -> HttpResponse:
    assert request.actor is not None
    identity = request.actor.identity
    known = await table.known.find(identity)
    rows = [_model(route) for name, route in known.routes.items() if table.may_use(identity, name)]
    return HttpResponse(json.dumps({"object": "list", "data": rows}), content_type=JSON)


@describe(GET=Operation("Read one model", shapes.MODEL, tag="models"))
@door(GET=READING)
async def model(request: GateRequest, model: str) -> HttpResponse:
    assert request.actor is not None
    identity = request.actor.identity
    route = table.route_of(await table.known.find(identity), identity, model)
    return HttpResponse(json.dumps(_model(route)), content_type=JSON)


def _model(route: RouteView) -> dict[str, Any]:
    owners = dict.fromkeys(target.deployment.provider.name for target in route.targets)
    return {
        "id": route.name,
        "object": "model",
        "created": route.created,
        "owned_by": ", ".join(owners) or "nobody",
    }
