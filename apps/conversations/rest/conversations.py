"""The REST door of conversations."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.response import Response

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations as queries
from apps.conversations.rest import examples, serializers
from apps.conversations.services import conversations
from apps.core.asgi.door import Door
from apps.core.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, read_integer
from apps.core.rest.viewsets import HouseViewSet

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
ONE = OpenApiExample("A conversation", examples.OPEN, response_only=True)
LISTED = OpenApiExample("A conversation", examples.CONVERSATION, response_only=True)
ASKED = OpenApiExample("With a system prompt", examples.ASKED, request_only=True)
CHANGED = OpenApiExample("Put away", {"archived": True, "tags": ["done"]}, request_only=True)
STATS = OpenApiExample("An owner", examples.STATS, response_only=True)
FILTERS = ("archived", "tag", "model", "visibility")


class ConversationViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "create": Door(CREATE),
        "retrieve": Door(VIEW),
        "update": Door(CREATE),
        "partial_update": Door(CREATE),
        "destroy": Door(CREATE),
    }
    refusals: ClassVar = {"destroy": (412,)}
    serializer_class = serializers.ConversationSerializer
    filterset_class = serializers.ConversationFilter
    ordering_fields = ("updated_at", "created_at", "title", "message_count")

    @extend_schema(
        summary="Your conversations, and those shown to the organisation",
        description="Last used first; archived ones stay away unless asked for. Texts are not among it.",
        examples=[LISTED],
    )
    def list(self, request: Any) -> Response:
        query = request.query_params
        return self.page(
            queries.list_conversations(
                actor=self.actor,
                mine={"true": True, "false": False}.get(query.get("mine")),
                **{name: query.get(name) for name in FILTERS},
            ),
            serializers.ConversationSerializer,
            filterset=serializers.ConversationFilter,
            ordering=self.ordering_fields,
        )

    @extend_schema(
        summary="Begin a conversation",
        description="Private to you unless its `visibility` says otherwise.",
        request=serializers.ConversationBody,
        responses={201: serializers.OpenConversationSerializer},
        examples=[ASKED, ONE],
    )
    def create(self, request: Any) -> Response:
        made = conversations.create_conversation(
            actor=self.actor, **self.read(serializers.ConversationBody)
        )
        return self._one(made, status=201)

    @extend_schema(
        summary="One conversation",
        responses=serializers.OpenConversationSerializer,
        examples=[ONE],
    )
    def retrieve(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        return self.present(
            queries.open_conversation(actor=self.actor, conversation_id=id),
            serializers.OpenConversationSerializer,
        )

    @extend_schema(
        summary="Replace a conversation's settings",
        description="What is not named becomes what it is by default. Its messages stay.",
        request=serializers.ConversationBody,
        responses=serializers.OpenConversationSerializer,
        examples=[ASKED, ONE],
    )
    def update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = conversations.replace_conversation(
            actor=self.actor,
            conversation_id=id,
            expected_revision=self.expected_revision(),
            **self.read(serializers.ConversationBody),
        )
        return self._one(changed)

    @extend_schema(
        summary="Change a conversation's settings, archive it, bring it back",
        request=serializers.ConversationChangeBody,
        responses=serializers.OpenConversationSerializer,
        examples=[CHANGED, ONE],
    )
    def partial_update(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        changed = conversations.update_conversation(
            actor=self.actor,
            conversation_id=id,
            expected_revision=self.expected_revision(),
            **self.read(serializers.ConversationChangeBody),
        )
        return self._one(changed)

    @extend_schema(
        summary="Remove a conversation with all its messages",
        description="An answer that is being written there ends.",
        responses={204: None},
    )
    def destroy(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        conversations.remove_conversation(
            actor=self.actor, conversation_id=id, expected_revision=self.expected_revision()
        )
        return self.nothing()

    def _one(self, conversation: Any, status: int = 200) -> Response:
        view = queries.view_of(conversation)
        return self.present(view, serializers.OpenConversationSerializer, status=status)


class StatsViewSet(HouseViewSet):
    doors: ClassVar = {"list": Door(ConversationsPermission.STATS)}
    serializer_class = serializers.OwnerStatsSerializer

    @extend_schema(
        summary="How many conversations each owner has, and what they cost",
        description="For administrators: counts and costs, never texts.",
        examples=[STATS],
    )
    def list(self, request: Any) -> Response:
        query = request.query_params
        page = queries.stats_page(
            actor=self.actor,
            page=read_integer(query.get("page"), "page", default=1, maximum=MAX_PAGE),
            limit=read_integer(
                query.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT
            ),
        )
        return self._list(page, serializers.OwnerStatsSerializer)
