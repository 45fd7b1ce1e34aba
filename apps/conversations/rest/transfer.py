"""The REST door of documents: conversations taken away and brought in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.conversations.domain import documents
from apps.conversations.models import Conversation
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import exports
from apps.conversations.services import transfer
from apps.core import json as strict_json
from apps.core.asgi.door import Door
from apps.core.errors import Invalid
from apps.core.rest.serializers import ReadSerializer
from apps.core.rest.viewsets import HouseViewSet

IMPORT_BODY = 20 * 1024 * 1024
FORMATS = ("json", "markdown")
DOCUMENT: dict[str, Any] = {
    "format": "signalbox.conversation",
    "version": 1,
    "conversation": {
        "title": "Signal boxes",
        "model": "chat",
        "created_at": "2026-01-15T10:30:00Z",
    },
    "head": "2",
    "messages": [
        {
            "id": "1",
            "parent_id": None,
            "role": "user",
            "content": "What is a distant signal?",
            "created_at": "2026-01-15T10:30:00Z",
        },
        {
            "id": "2",
            "parent_id": "1",
            "role": "assistant",
            "content": "It announces the next home signal.",
            "created_at": "2026-01-15T10:30:02Z",
        },
    ],
}
SENT = OpenApiExample("A document", DOCUMENT, request_only=True)
GIVEN = OpenApiExample("A document", DOCUMENT, response_only=True, media_type="application/json")
MADE = OpenApiExample(
    "What was made",
    {
        "data": [
            {
                "id": "conv_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
                "title": "Signal boxes",
                "model": "chat",
                "message_count": 2,
                "created_at": "2026-01-15T10:30:00Z",
            }
        ]
    },
    response_only=True,
)


class ImportedSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    title = serializers.CharField()
    model = serializers.CharField()
    message_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class ImportAnswerSerializer(ReadSerializer):
    data = ImportedSerializer(many=True)  # type: ignore[assignment]  # the word of our lists

    @staticmethod
    def get_data(made: list[Conversation]) -> list[dict[str, Any]]:
        represent = ImportedSerializer().to_representation
        return [represent(conversation) for conversation in made]


class TransferViewSet(HouseViewSet):
    doors: ClassVar = {
        "export": Door(ConversationsPermission.VIEW),
        "bring": Door(ConversationsPermission.CREATE, body_limit=IMPORT_BODY),
    }
    refusals: ClassVar = {"export": (422,)}
    serializer_class = ImportAnswerSerializer

    @extend_schema(
        operation_id="conversations_export",
        summary="A conversation as a document",
        description=(
            "`json`: every branch, to be imported again. `markdown`: the active branch, to be read. An attachment, named "
            "after the title."
        ),
        parameters=[
            OpenApiParameter("format", str, enum=list(FORMATS), description="`json` by default.")
        ],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/markdown"): OpenApiTypes.STR,
        },
        examples=[GIVEN],
    )
    def export(self, request: Any, id: str) -> HttpResponseBase:  # noqa: A002 - the URL's word
        asked = request.query_params.get("format", FORMATS[0])
        if asked == "json":
            whole, messages = exports.whole_conversation(actor=self.actor, conversation_id=id)
            document = documents.to_document(whole, messages, now=timezone.now())
            return _attached(
                strict_json.dumps(document),
                "application/json",
                documents.file_name(whole.title, "json"),
            )
        if asked == "markdown":
            conversation, branch = exports.active_branch(actor=self.actor, conversation_id=id)
            return _attached(
                documents.to_markdown(conversation, branch).encode(),
                "text/markdown; charset=utf-8",
                documents.file_name(conversation.title, "md"),
            )
        raise Invalid.field("format", f"must be one of {', '.join(FORMATS)}", "choice")

    @extend_schema(
        operation_id="conversations_import",
        summary="Make conversations of a document",
        description=(
            "What `export` answered, or the `conversations.json` of ChatGPT's export, one conversation of it or all. All "
            "of it is made, or nothing. They are yours and private."
        ),
        parameters=[
            OpenApiParameter(
                "model", str, description="For conversations whose own model is not to be had here."
            )
        ],
        request={"application/json": {"type": "object"}},
        responses={201: ImportAnswerSerializer},
        examples=[SENT, MADE],
    )
    def bring(self, request: Any) -> Response:
        made = transfer.import_conversations(
            actor=self.actor, document=request.data, model=request.query_params.get("model")
        )
        return self.present(made, ImportAnswerSerializer, status=201)


def _attached(body: bytes, content_type: str, name: str) -> HttpResponse:
    headers = {
        "Content-Disposition": content_disposition_header(True, name) or "",
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(body, content_type=content_type, headers=headers)
