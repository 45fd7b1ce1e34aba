"""The REST door of titles that models make: a coroutine, for it waits for a model."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase

from apps.conversations.generations import titles
from apps.conversations.models import Conversation
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations as queries
from apps.conversations.rest import bodies, examples
from apps.conversations.rest.serializers import OpenConversationSerializer
from apps.conversations.rest.shapes import CALL_REFUSALS, KEY
from apps.core import json
from apps.core.asgi import replays
from apps.core.asgi.door import Door, door
from apps.core.asgi.pool import in_pool
from apps.core.asgi.presence import while_present
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import Operation, describe
from apps.core.rest.fields import FlagField
from apps.core.rest.serializers import BodySerializer

TITLE = Operation(
    "Have the model find a title",
    {
        "allOf": [{"$ref": "#/components/schemas/OpenConversation"}],
        "example": examples.OPEN,
    },
    tag="conversations",
    body={
        "type": "object",
        "properties": {
            "force": {"type": "boolean", "description": "Also in place of one that a person gave."}
        },
        "additionalProperties": False,
        "example": {"force": True},
    },
    description=(
        "A call of yours like any other. A title given by hand stays, and then no model is asked. Answers the conversation."
    ),
    parameters=(KEY,),
    refusals=CALL_REFUSALS,
)


class TitleBody(BodySerializer):
    force = FlagField(required=False)


@describe(POST=TITLE)
@door(POST=Door(ConversationsPermission.CREATE, limit="chat"))
async def title(request: GateRequest, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return await _title(request, id)
    return await replays.run_once(request, key, lambda: _title(request, id))


async def _title(request: GateRequest, conversation_id: str) -> HttpResponse:
    body = bodies.read(request, TitleBody, may_be_empty=True)
    assert request.actor is not None
    made = titles.make_title(
        request.actor,
        conversation_id=conversation_id,
        force=body.get("force", False),
        is_counted=True,
    )
    shown = await in_pool(_shown, await while_present(request, made))
    return HttpResponse(json.dumps(shown), content_type="application/json")


def _shown(conversation: Conversation) -> dict[str, Any]:
    return OpenConversationSerializer().to_representation(queries.view_of(conversation))
