"""The REST door of links to conversations, and what a link shows, as JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.conversations.domain import shares as rules
from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import shares as queries
from apps.conversations.services import sharing
from apps.core.asgi.door import Door
from apps.core.rest.fields import WholeNumberField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.viewsets import HouseViewSet

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
LINK = {
    "url": "https://signalbox.example/shared/0fQ3vY…",
    "expires_at": "2026-01-16T10:30:00Z",
    "created_at": "2026-01-15T10:30:00Z",
}
ASKED = OpenApiExample("For a day", {"expires_in": 86400}, request_only=True)
MADE = OpenApiExample("A link", LINK, response_only=True)
STANDS = OpenApiExample("A link, without its secret", {**LINK, "url": None}, response_only=True)
SHOWN = OpenApiExample(
    "What it shows",
    {
        "title": "Signal boxes",
        "model": "chat",
        "shared_at": "2026-01-15T10:30:00Z",
        "expires_at": None,
        "messages": [
            {
                "role": "user",
                "content": "What is a distant signal?",
                "model": "",
                "files": [],
                "created_at": "2026-01-15T10:29:00Z",
            }
        ],
    },
    response_only=True,
)


class ShareBody(BodySerializer):
    expires_in = WholeNumberField(
        required=False,
        allow_null=True,
        help_text=(
            f"Seconds, {rules.LEAST_SECONDS} to {rules.MOST_SECONDS}; until it is ended when left out."
        ),
    )


class ShareSerializer(ReadSerializer):
    url = serializers.CharField(allow_null=True, help_text="Shown once, when it is made.")
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    @staticmethod
    def get_url(share: Any) -> None:
        return None


class SharedMessageSerializer(ReadSerializer):
    role = serializers.CharField()
    content = serializers.CharField()
    model = serializers.CharField()
    files = serializers.ListField(
        child=serializers.DictField(), help_text="Names and sizes; the bytes are not shared."
    )
    created_at = serializers.DateTimeField()


class SharedSerializer(ReadSerializer):
    title = serializers.CharField()
    model = serializers.CharField()
    shared_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    messages = SharedMessageSerializer(many=True)

    @staticmethod
    def get_messages(shared: queries.SharedConversation) -> list[dict[str, Any]]:
        represent = SharedMessageSerializer().to_representation
        return [represent(message) for message in shared.messages]


class ShareViewSet(HouseViewSet):
    doors: ClassVar = {
        "create": Door(CREATE, secret_fields=("url",)),
        "retrieve": Door(VIEW),
        "destroy": Door(CREATE),
    }
    serializer_class = ShareSerializer

    @extend_schema(
        operation_id="conversations_share_create",
        summary="Show a conversation to whoever has a link",
        description=(
            "The active branch as it is now; what is said later is not shown. The link is told once; making another "
            "ends it."
        ),
        request=ShareBody,
        responses={201: ShareSerializer},
        examples=[ASKED, MADE],
    )
    def create(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        body = self.read(ShareBody)
        made = sharing.share_conversation(actor=self.actor, conversation_id=id, **body)
        return self.present(made.share, ShareSerializer, status=201, url=made.url)

    @extend_schema(
        operation_id="conversations_share_retrieve",
        summary="Whether there is a link, and until when",
        examples=[STANDS],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        found = queries.share_of(actor=self.actor, conversation_id=id)
        return self.present(found, ShareSerializer)

    @extend_schema(
        operation_id="conversations_share_destroy",
        summary="End the link",
        responses={204: None},
    )
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        sharing.end_share(actor=self.actor, conversation_id=id)
        return self.nothing()


class SharedViewSet(HouseViewSet):
    doors: ClassVar = {
        "retrieve": Door(public="the link's secret is the credential", asks_who=False)
    }
    serializer_class = SharedSerializer

    @extend_schema(summary="What a link shows", examples=[SHOWN])
    def retrieve(self, request: Any, token: str) -> Response:
        response = self.present(queries.shared_by(token), SharedSerializer)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response
