"""Door tests of one message: two ids in a path, `{id}` the conversation's and `{message_id}` the message's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from apps.conversations.enums import MessageRole
from tests.client import Answer, GateClient
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.factories.conversations import make_conversation, make_message


class OfMessage(RestDoor):
    """Stands before `RestDoor` among the bases. What is tried as a strange id is tried as both."""

    role = MessageRole.ASSISTANT

    def make(self, place: Place) -> str:
        conversation = make_conversation(place.actor)
        asked = make_message(conversation)
        told = make_message(conversation, asked)
        message = told if self.role == MessageRole.ASSISTANT else asked
        return f"{conversation.public_id}|{message.public_id}"

    def send(
        self,
        client: GateClient,
        call: Call,
        place: Place,
        *,
        key: str | None = None,
        at: str | None = None,
        **changes: Any,
    ) -> Answer:
        at = at if at is not None else self.make_in(place)
        conversation, _, message = at.partition("|")
        there = replace(call, path=call.path.replace("{message_id}", message or at))
        return super().send(client, there, place, key=key, at=conversation, **changes)
