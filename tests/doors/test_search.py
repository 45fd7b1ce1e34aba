"""REST: search, shares and what a share's link shows."""

from __future__ import annotations

from typing import Any

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.services import sharing
from apps.core.tenancy import organization_scope
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.factories.branches import make_conversation_of

VIEW, CREATE = ConversationsPermission.VIEW, ConversationsPermission.CREATE


class TestSearch(RestDoor):
    calls = (Call("GET", "/api/v1/conversations/search", VIEW),)

    def send(self, client: GateClient, call: Call, place: Place, **more: Any) -> Answer:
        return super().send(client, call, place, query={"q": "needle"}, **more)


class TestShares(RestDoor):
    calls = (
        Call(
            "POST",
            "/api/v1/conversations/{id}/share",
            CREATE,
            body={"expires_in": 3600},
            status=201,
            secrets=("url",),
            wrong={"expires_in": [0, 59, -1, 10**9]},
        ),
        Call("GET", "/api/v1/conversations/{id}/share", VIEW),
        Call("DELETE", "/api/v1/conversations/{id}/share", CREATE, status=204),
    )

    def make(self, place: Place) -> str:
        made = make_conversation_of(place.actor, "question", "answer")
        sharing.share_conversation(actor=place.actor, conversation_id=made.public_id)
        return str(made.public_id)


class TestShared(RestDoor):
    calls = (Call("GET", "/api/v1/shared/{token}", public=True),)

    def send(self, client: GateClient, call: Call, place: Place, **more: Any) -> Answer:
        with organization_scope(place.organization.pk):
            made = make_conversation_of(place.actor, "question", "answer")
            link = sharing.share_conversation(actor=place.actor, conversation_id=made.public_id).url
        return client.get(f"/api/v1/shared/{link.rpartition('/')[2]}", **more)
