"""Anthropic's doors, as its official clients use them."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase

from apps.core import json
from apps.core.asgi.door import Door, door
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import describe
from apps.providers.domain.tokens import estimate_prompt
from apps.providers.enums import ProvidersPermission
from apps.providers.gateway import table
from apps.providers.views import bodies, shapes
from apps.providers.views.serving import CALLING, JSON, serve

COUNTING = Door(ProvidersPermission.CALL)


@describe(POST=shapes.MESSAGES)
@door(POST=CALLING)
async def messages(request: GateRequest) -> HttpResponseBase:
    return await serve(request, bodies.MESSAGES)


@describe(POST=shapes.COUNT)
@door(POST=COUNTING)
async def count_tokens(request: GateRequest) -> HttpResponse:
    """Our own estimate: nothing goes upstream for it."""
    call = bodies.read(request, bodies.COUNT)
    assert request.actor is not None
    identity = request.actor.identity
    table.route_of(await table.known.find(identity), identity, call.model)
    tokens = estimate_prompt(call.body)
    return HttpResponse(json.dumps({"input_tokens": tokens}), content_type=JSON)
