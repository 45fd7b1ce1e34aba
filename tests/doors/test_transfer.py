"""REST: conversations taken away and brought in."""

from __future__ import annotations

from typing import Any

import pytest

from apps.conversations.permissions import ConversationsPermission
from apps.conversations.rest.transfer import DOCUMENT
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.factories.branches import make_conversation_of
from tests.factories.providers import make_route


class TestTransfer(RestDoor):
    calls = (
        Call("GET", "/api/v1/conversations/{id}/export", ConversationsPermission.VIEW),
        Call(
            "POST",
            "/api/v1/conversations/import",
            ConversationsPermission.CREATE,
            body=DOCUMENT,
            status=201,
        ),
    )

    def make(self, place: Place) -> str:
        return str(make_conversation_of(place.actor, "question", "answer").public_id)

    def send(self, client: GateClient, call: Call, place: Place, **more: Any) -> Answer:
        if call.method == "POST" and not self._has_route(place):
            make_route(place.organization, name="chat")
        return super().send(client, call, place, **more)

    def _has_route(self, place: Place) -> bool:
        known: set[int] = self.__dict__.setdefault("_routed", set())
        is_known = place.organization.pk in known
        known.add(place.organization.pk)
        return is_known

    @pytest.mark.parametrize(
        ("asked", "media", "name"),
        [
            ("", "application/json", "Caf%C3%A9%20a%20b.json"),
            ("?format=json", "application/json", "Caf%C3%A9%20a%20b.json"),
            ("?format=markdown", "text/markdown; charset=utf-8", "Caf%C3%A9%20a%20b.md"),
        ],
    )
    def test_an_export_is_an_attachment_named_after_its_title(
        self, asked: str, media: str, name: str, client: GateClient, ours: Place
    ) -> None:
        talk = make_conversation_of(ours.actor, "question", title='Café "a/b')

        answer = client.get(f"/api/v1/conversations/{talk.public_id}/export{asked}", key=ours.key)

        assert answer.status == 200
        assert answer.headers["content-type"] == media
        assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''{name}"

    def test_another_format_is_named(self, client: GateClient, ours: Place) -> None:
        talk = make_conversation_of(ours.actor)

        answer = client.get(
            f"/api/v1/conversations/{talk.public_id}/export?format=pdf", key=ours.key
        )

        assert (answer.status, answer.json()["invalid_fields"]) == (422, ["format"])
