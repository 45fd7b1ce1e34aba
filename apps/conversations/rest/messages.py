"""The REST door of messages that are there: to read, to choose a branch, to say what one thinks of an answer.

Doors that begin an answer or follow one are coroutines and stand in `answers`. The list here is what they hand a plain
`GET …/messages` on to: `list_messages(request, id=…)`, in the pool.
"""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.queries import conversations as conversation_queries
from apps.conversations.queries import messages as queries
from apps.conversations.queries.shown import MessageView
from apps.conversations.rest import examples, serializers
from apps.conversations.services import feedback, messages
from apps.core.asgi.door import Door
from apps.core.errors import Invalid
from apps.core.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, read_integer
from apps.core.rest.viewsets import HouseViewSet

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
ONE = OpenApiExample("An answer", examples.MESSAGE, response_only=True)
CHOSEN = OpenApiExample("The conversation", examples.OPEN, response_only=True)
ASKED = OpenApiExample("A good one", {"value": "up", "comment": "To the point."}, request_only=True)
PAGING = [
    OpenApiParameter("tree", bool, description="Every message of every branch."),
    OpenApiParameter(
        "before",
        str,
        description="A message's id, or `end`: the last `limit` of the branch before it, instead of a page.",
    ),
]


class MessageViewSet(HouseViewSet):
    doors: ClassVar = {
        "list": Door(VIEW),
        "retrieve": Door(VIEW),
        "select": Door(CREATE),
        "feedback": Door(CREATE),
    }
    serializer_class = serializers.MessageSerializer

    @extend_schema(summary="The active branch, oldest first", parameters=PAGING, examples=[ONE])
    def list(self, request: Any, id: str) -> Response:  # noqa: A002 - the URL's word
        query = request.query_params
        asked = {
            "limit": read_integer(
                query.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT
            ),
            "page": read_integer(query.get("page"), "page", default=1, maximum=MAX_PAGE),
        }
        if _is_tree(query.get("tree")):
            page = queries.tree_page(actor=self.actor, conversation_id=id, **asked)
        else:
            before = query.get("before") or None
            page = queries.branch_page(actor=self.actor, conversation_id=id, before=before, **asked)
        return self._list(page, serializers.MessageSerializer)

    @extend_schema(summary="One message", examples=[ONE])
    def retrieve(self, request: Any, id: str, message_id: str) -> Response:  # noqa: A002 - the URL's word
        view = queries.open_message(actor=self.actor, conversation_id=id, message_id=message_id)
        return self.present(view, serializers.MessageSerializer)

    @extend_schema(
        summary="Make the branch through a message the active one",
        description="It goes on to the message that was written last under it.",
        request=None,
        responses=serializers.OpenConversationSerializer,
        examples=[CHOSEN],
    )
    def select(self, request: Any, id: str, message_id: str) -> Response:  # noqa: A002 - the URL's word
        chosen = messages.select_message(
            actor=self.actor, conversation_id=id, message_id=message_id
        )
        return self.present(
            conversation_queries.view_of(chosen), serializers.OpenConversationSerializer
        )

    @extend_schema(
        summary="Say what you think of an answer",
        description="The last word counts; null takes it back.",
        request=serializers.FeedbackBody,
        responses=serializers.MessageSerializer,
        examples=[ASKED, ONE],
    )
    def feedback(self, request: Any, id: str, message_id: str) -> Response:  # noqa: A002 - the URL's word
        place = {"conversation_id": id, "message_id": message_id}
        feedback.give_feedback(actor=self.actor, **place, **self.read(serializers.FeedbackBody))
        view = queries.open_message(actor=self.actor, **place)
        return self.present(view, serializers.MessageSerializer)


list_messages = MessageViewSet.as_view({"get": "list"})


def present_message(view: MessageView) -> dict[str, Any]:
    """A message as every door of REST shows it."""
    return serializers.MessageSerializer().to_representation(view)


def _is_tree(word: str | None) -> bool:
    if word in (None, "", "true", "false"):
        return word == "true"
    raise Invalid.field("tree", "must be true or false", "choice")
