"""REST: conversations and their messages."""

from __future__ import annotations

from typing import Any

from apps.conversations.permissions import ConversationsPermission
from apps.core.tenancy import organization_scope
from apps.providers.models import Route
from tests.doors.messages import OfMessage
from tests.doors.place import Place
from tests.doors.rest import Call, Listing, RestDoor
from tests.factories.conversations import make_conversation, make_message
from tests.factories.providers import make_route

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE
BODY: dict[str, Any] = {
    "title": "Signal boxes",
    "model": "chat",
    "system_prompt": "Be brief.",
    "parameters": {"temperature": 0.2},
    "trimming": "oldest",
    "context_tokens": 4096,
    "visibility": "private",
    "tags": ["railways"],
    "archived": False,
}
WRONG: dict[str, list[Any]] = {
    "title": ["a" * 256, "a\u202eb"],
    "model": ["", "nobody", "a" * 51],
    "system_prompt": ["a" * 100_001],
    "parameters": [{"temperature": 3}, {"messages": []}, {"top_p": "1"}, {"stop": ["a" * 201]}],
    "trimming": ["", "newest"],
    "context_tokens": [0, 255, 10_000_001],
    "visibility": ["", "public"],
    "tags": [["a"] * 21, ["a" * 51], [""], [7]],
}


class TestConversations(RestDoor):
    calls = (
        Listing("GET", "/api/v1/conversations", VIEW),
        Call("POST", "/api/v1/conversations", CREATE, body=BODY, status=201, wrong=WRONG),
        Call("GET", "/api/v1/conversations/{id}", VIEW),
        Call(
            "PUT",
            "/api/v1/conversations/{id}",
            CREATE,
            body=BODY,
            has_revision=True,
            wrong=WRONG,
        ),
        Call(
            "PATCH",
            "/api/v1/conversations/{id}",
            CREATE,
            body=BODY,
            has_revision=True,
            wrong=WRONG,
        ),
        Call("DELETE", "/api/v1/conversations/{id}", CREATE, status=204),
    )

    def make(self, place: Place) -> str:
        return make_conversation(place.actor).public_id

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        if call.body is not None:
            give_route(place)
        return call.body


class TestStats(RestDoor):
    calls = (Call("GET", "/api/v1/conversations/stats", ConversationsPermission.STATS),)


class TestMessages(RestDoor):
    """`{id}` is a conversation's."""

    calls = (Call("GET", "/api/v1/conversations/{id}/messages", VIEW),)

    def make(self, place: Place) -> str:
        conversation = make_conversation(place.actor)
        make_message(conversation)
        return conversation.public_id


class TestOneMessage(OfMessage, RestDoor):
    calls = (
        Call("GET", "/api/v1/conversations/{id}/messages/{message_id}", VIEW),
        Call("POST", "/api/v1/conversations/{id}/messages/{message_id}/select", CREATE),
        Call(
            "POST",
            "/api/v1/conversations/{id}/messages/{message_id}/feedback",
            CREATE,
            body={"value": "up", "comment": "To the point."},
            wrong={"value": ["", "sideways"], "comment": ["a" * 2001]},
        ),
    )


def give_route(place: Place, name: str = "chat") -> None:
    with organization_scope(place.organization.pk):
        if not Route.objects.filter(name=name).exists():
            make_route(place.organization, name=name)
