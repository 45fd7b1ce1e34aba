"""The REST door of search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.conversations.domain.search import Piece
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import search as queries
from apps.core.asgi.door import Door
from apps.core.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, read_integer
from apps.core.rest.serializers import ReadSerializer
from apps.core.rest.viewsets import HouseViewSet

PIECES: list[dict[str, Any]] = [
    {"text": "A ", "is_match": False},
    {"text": "distant", "is_match": True},
    {"text": " signal", "is_match": False},
]
HIT = OpenApiExample(
    "A conversation that matches",
    {
        "id": "conv_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
        "title": [{"text": "Signal boxes", "is_match": False}],
        "model": "chat",
        "updated_at": "2026-01-15T10:30:00Z",
        "archived": False,
        "matches": 1,
        "message": {
            "id": "msg_0b6f3a52c1d84f0e9f3c0d1e2f3a4b5c",
            "role": "assistant",
            "created_at": "2026-01-15T10:30:00Z",
            "snippet": PIECES,
        },
    },
    response_only=True,
)
Q = OpenApiParameter(
    "q",
    str,
    required=True,
    description='Words, all to be found; `"…"` holds a phrase together, the last word may be a beginning.',
)


class PieceSerializer(ReadSerializer):
    text = serializers.CharField(help_text="Plain text, to be escaped.")
    is_match = serializers.BooleanField()


class FoundMessageSerializer(ReadSerializer):
    id = serializers.CharField()
    role = serializers.CharField()
    created_at = serializers.DateTimeField()
    snippet = PieceSerializer(many=True)


class HitSerializer(ReadSerializer):
    id = serializers.CharField(source="conversation.public_id")
    title = PieceSerializer(many=True)
    model = serializers.CharField(source="conversation.model")
    updated_at = serializers.DateTimeField(source="conversation.updated_at")
    archived = serializers.BooleanField()
    matches = serializers.IntegerField(help_text="Messages that match.")
    message = FoundMessageSerializer(
        allow_null=True, help_text="The best match; null when the title alone matches."
    )

    @staticmethod
    def get_title(hit: queries.Hit) -> list[dict[str, Any]]:
        return _pieces(hit.title)

    @staticmethod
    def get_archived(hit: queries.Hit) -> bool:
        return hit.conversation.archived_at is not None

    @staticmethod
    def get_message(hit: queries.Hit) -> dict[str, Any] | None:
        if hit.message is None:
            return None
        return {
            "id": hit.message.public_id,
            "role": hit.message.role,
            "created_at": hit.message.created_at,
            "snippet": _pieces(hit.snippet),
        }


class SearchViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(ConversationsPermission.VIEW)}
    serializer_class = HitSerializer

    @extend_schema(
        operation_id="conversations_search",
        summary="Search titles and messages",
        description=(
            "One row a conversation, titles first, then the best match. Capitals and accents do not matter. No query "
            "is an error but one that is missing or longer than 300 characters."
        ),
        parameters=[Q],
        examples=[HIT],
    )
    def list(self, request: Any) -> Response:
        query = request.query_params
        page = queries.search_conversations(
            actor=self.actor,
            text=query.get("q"),
            page=read_integer(query.get("page"), "page", default=1, maximum=MAX_PAGE),
            limit=read_integer(
                query.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT
            ),
        )
        return self._list(page, HitSerializer)


def _pieces(pieces: Iterable[Piece]) -> list[dict[str, Any]]:
    return [asdict(piece) for piece in pieces]
