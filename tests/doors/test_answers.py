"""REST: what begins an answer, goes on with one, or stops one."""

from __future__ import annotations

from typing import Any

from apps.conversations.enums import MessageRole, MessageStatus
from apps.conversations.permissions import ConversationsPermission
from tests.doors.messages import OfMessage
from tests.doors.place import Place
from tests.doors.rest import Call, RestDoor
from tests.doors.test_conversations import give_route
from tests.factories.conversations import make_conversation, make_message

CREATE = ConversationsPermission.CREATE
WRONG: dict[str, list[Any]] = {"content": ["", "  ", "a" * 200_001], "model": ["", "nobody"]}


class TestWriting(RestDoor):
    """`{id}` is a conversation's."""

    calls = (
        Call(
            "POST",
            "/api/v1/conversations/{id}/messages",
            CREATE,
            body={"content": "Hello", "model": "chat", "stream": False, "attachments": []},
            status=201,
            wrong=WRONG,
        ),
    )

    def make(self, place: Place) -> str:
        give_route(place)
        return make_conversation(place.actor, model="chat").public_id


class TestChat(RestDoor):
    calls = (
        Call(
            "POST",
            "/api/v1/chat",
            CREATE,
            body={"message": "Hello", "model": "chat", "stream": False},
            status=201,
            wrong={"model": WRONG["model"]},
        ),
    )

    def body_for(self, call: Call, place: Place) -> dict[str, Any] | None:
        give_route(place)
        return call.body


class OfAnswer(OfMessage):
    def make(self, place: Place) -> str:
        give_route(place)
        conversation = make_conversation(place.actor, model="chat")
        asked = make_message(conversation)
        told = make_message(
            conversation, asked, model="chat", status=MessageStatus.STOPPED, content="It is"
        )
        message = told if self.role == MessageRole.ASSISTANT else asked
        return f"{conversation.public_id}|{message.public_id}"


class TestAnswers(OfAnswer, RestDoor):
    calls = (
        Call(
            "POST",
            "/api/v1/conversations/{id}/messages/{message_id}/regenerate",
            CREATE,
            body={"model": "chat", "stream": False},
            status=201,
            wrong={"model": WRONG["model"]},
        ),
        Call(
            "POST",
            "/api/v1/conversations/{id}/messages/{message_id}/continue",
            CREATE,
            body={"stream": False},
            status=201,
        ),
        Call("POST", "/api/v1/conversations/{id}/messages/{message_id}/stop", CREATE),
    )


class TestEditing(OfAnswer, RestDoor):
    role = MessageRole.USER
    calls = (
        Call(
            "PATCH",
            "/api/v1/conversations/{id}/messages/{message_id}",
            CREATE,
            body={"content": "Hello", "model": "chat", "stream": False, "attachments": []},
            status=201,
            wrong=WRONG,
        ),
    )
