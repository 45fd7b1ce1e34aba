"""The REST door of comparisons. What begins answers is a coroutine, since they are written on this loop; their streams
are followed at their conversations.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.conversations.enums import MessageStatus
from apps.conversations.generations import hub
from apps.conversations.models import Comparison
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import comparisons as queries
from apps.conversations.queries.comparisons import TIE, ComparisonView, Side
from apps.conversations.queries.shown import Rollup
from apps.conversations.rest import bodies
from apps.conversations.rest.serializers import LONGEST_MODEL, TextField, used
from apps.conversations.rest.shapes import CALL_REFUSALS, KEY
from apps.conversations.services import comparisons
from apps.conversations.services.comparisons import FEWEST, MOST, Compared
from apps.core import json
from apps.core.actor import Actor
from apps.core.asgi import replays
from apps.core.asgi.aside import surely
from apps.core.asgi.door import Door, door
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import GateRequest
from apps.core.openapi.describe import Operation, describe
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.core.rest.viewsets import HouseViewSet

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
COMPARISON: dict[str, Any] = {
    "id": "cmp_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
    "prompt": "Explain a distant signal in a sentence.",
    "status": "complete",
    "chosen": None,
    "chosen_at": None,
    "created_at": "2026-01-15T10:30:00Z",
    "contenders": [
        {
            "model": model,
            "conversation_id": f"conv_{digit * 32}",
            "message_id": f"msg_{digit * 32}",
            "status": "complete",
            "content": "It announces the next home signal.",
            "usage": {"prompt": 12, "completion": 8, "total": 20, "cost": 0.0},
            "error": None,
        }
        for model, digit in (("chat", "1"), ("chat-large", "2"))
    ],
}
LISTED = OpenApiExample(
    "A comparison",
    {
        "id": COMPARISON["id"],
        "prompt": COMPARISON["prompt"],
        "models": ["chat", "chat-large"],
        "chosen": "chat",
        "chosen_at": "2026-01-15T10:31:00Z",
        "created_at": COMPARISON["created_at"],
    },
    response_only=True,
)
ONE = OpenApiExample("A comparison", COMPARISON, response_only=True)
CHOSEN = OpenApiExample("The first was better", {"model": "chat"}, request_only=True)
BODY: dict[str, Any] = {
    "type": "object",
    "required": ["prompt", "models"],
    "properties": {
        "prompt": {"type": "string"},
        "models": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": FEWEST,
            "maxItems": MOST,
            "description": "Names of routes, each once.",
        },
        "system_prompt": {"type": "string"},
    },
    "additionalProperties": False,
    "example": {"prompt": COMPARISON["prompt"], "models": ["chat", "chat-large"]},
}
BEGIN = Operation(
    "Ask several models the same",
    {"type": "object", "example": {**COMPARISON, "status": "generating"}},
    tag="comparisons",
    body=BODY,
    status=201,
    description=(
        "Each answers in a conversation of its own; follow them at `GET /api/v1/conversations/{id}/messages` as streams, "
        "or ask for the comparison until its `status` is `complete`."
    ),
    parameters=(KEY,),
    refusals=CALL_REFUSALS,
)


class ComparisonBody(BodySerializer):
    prompt = TextField()
    models = serializers.ListField(child=CleanCharField(max_length=LONGEST_MODEL), max_length=MOST)
    system_prompt = TextField(required=False)


class ChoiceBody(BodySerializer):
    model = CleanCharField(
        max_length=LONGEST_MODEL, help_text=f"The better one, or `{TIE}` where none was."
    )


class ChatComparisonSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    prompt = serializers.CharField(
        source="short_prompt", help_text=f"Its first {queries.SHORT} characters."
    )
    models = serializers.ListField(child=serializers.CharField())
    chosen = serializers.CharField(allow_null=True)
    chosen_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    @staticmethod
    def get_models(comparison: Comparison) -> list[str]:
        return [contender.model for contender in comparison.contenders.all()]

    @staticmethod
    def get_chosen(comparison: Comparison) -> str | None:
        return comparison.chosen or None


class ContenderSerializer(ReadSerializer):
    model = serializers.CharField()
    conversation_id = serializers.CharField(source="conversation")
    message_id = serializers.CharField(source="message.public_id")
    status = serializers.ChoiceField(choices=[str(each) for each in MessageStatus])
    content = serializers.CharField(source="standing.content")
    usage = serializers.DictField(allow_null=True)
    error = serializers.DictField(allow_null=True)

    @staticmethod
    def get_status(side: Side) -> str:
        ending = side.standing.ending
        return str(ending.status if ending is not None else MessageStatus.GENERATING)

    @staticmethod
    def get_usage(side: Side) -> dict[str, Any] | None:
        ending = side.standing.ending
        if ending is None or ending.completion_tokens is None:
            return None
        return used(
            Rollup(ending.prompt_tokens or 0, ending.completion_tokens, ending.cost_nano or 0)
        )

    @staticmethod
    def get_error(side: Side) -> dict[str, Any] | None:
        ending = side.standing.ending
        if ending is None or not ending.error_code:
            return None
        return {"code": ending.error_code, "message": ending.error_message}


class OpenChatComparisonSerializer(ReadSerializer):
    id = serializers.CharField(source="comparison.public_id")
    prompt = serializers.CharField(source="comparison.prompt")
    status = serializers.ChoiceField(choices=["generating", "complete"])
    chosen = serializers.CharField(allow_null=True)
    chosen_at = serializers.DateTimeField(source="comparison.chosen_at", allow_null=True)
    created_at = serializers.DateTimeField(source="comparison.created_at")
    contenders = ContenderSerializer(many=True)

    @staticmethod
    def get_status(view: ComparisonView) -> str:
        return "complete" if view.is_complete else "generating"

    @staticmethod
    def get_chosen(view: ComparisonView) -> str | None:
        return view.comparison.chosen or None

    @staticmethod
    def get_contenders(view: ComparisonView) -> list[dict[str, Any]]:
        represent = ContenderSerializer().to_representation
        return [represent(side) for side in view.sides]


class ComparisonViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(VIEW), "retrieve": Door(VIEW), "choose": Door(CREATE)}
    serializer_class = ChatComparisonSerializer

    @extend_schema(summary="Your comparisons, newest first", examples=[LISTED])
    def list(self, request: Any) -> Response:
        found = queries.comparisons(actor=self.actor)
        return self.page(found, ChatComparisonSerializer, ordering=("created_at", "chosen_at"))

    @extend_schema(
        summary="One comparison with its answers as they stand",
        responses=OpenChatComparisonSerializer,
        examples=[ONE],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = queries.comparison_of(actor=self.actor, comparison_id=id)
        return self.present(found, OpenChatComparisonSerializer)

    @extend_schema(
        summary="Say whose answer was the better one",
        description="Once all have ended. For a day another may be said.",
        request=ChoiceBody,
        responses=OpenChatComparisonSerializer,
        examples=[CHOSEN, ONE],
    )
    def choose(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        body = self.read(ChoiceBody)
        chosen = comparisons.choose(actor=self.actor, comparison_id=id, **body)
        return self.present(chosen, OpenChatComparisonSerializer)


_list = ComparisonViewSet.as_view({"get": "list"})


@describe(POST=BEGIN)
@door(GET=Door(VIEW), POST=Door(CREATE, limit="chat"))
async def comparisons_door(request: GateRequest) -> HttpResponseBase:
    if request.method != "POST":
        return await in_pool(_rendered, request)
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return await _begin(request)
    return await replays.run_once(request, key, lambda: _begin(request))


async def _begin(request: GateRequest) -> HttpResponse:
    body = bodies.read(request, ComparisonBody, may_be_empty=False)
    assert request.actor is not None
    compared, shown = await surely(_compare(request.actor, body))
    headers = {"Location": f"/api/v1/comparisons/{compared.comparison.public_id}"}
    return HttpResponse(
        json.dumps(shown), status=201, content_type="application/json", headers=headers
    )


async def _compare(actor: Actor, body: dict[str, Any]) -> tuple[Compared, dict[str, Any]]:
    compared, shown = await in_pool(_kept, actor, body)
    for index, begun in enumerate(compared.begun):
        # The door has counted one call; the others count as they are made.
        hub.start(actor, begun, is_counted=index == 0)
    return compared, shown


def _kept(actor: Actor, body: dict[str, Any]) -> tuple[Compared, dict[str, Any]]:
    compared = comparisons.begin_comparison(actor=actor, **body)
    view = queries.view_of(compared.comparison)
    return compared, OpenChatComparisonSerializer().to_representation(view)


def _rendered(request: GateRequest) -> HttpResponse:
    response: HttpResponse = _list(request)
    if callable(getattr(response, "render", None)):
        response.render()  # type: ignore[attr-defined]  # just looked
    return response
