"""Conversations with the fake's models by GraphQL: over HTTP, and over its socket."""

from __future__ import annotations

from typing import Any

from tests.conversations.generations.talk import Talk as Base
from tests.factories.doors import Socket
from tests.factories.tenants import actor_of


class Talk(Base):
    @property
    def name(self) -> str:
        return self.conversation.public_id

    def ask(self, query: str, *, key: str = "", **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        return self.house.client.post("/graphql", body, key=key or self.key).json()

    def done(self, query: str, **variables: Any) -> Any:
        body = self.ask(query, **variables)
        assert "errors" not in body, body
        (value,) = body["data"].values()
        return value

    def key_of(self, membership: Any) -> str:
        key = f"token-{membership.pk}"
        self.house.place.tokens.identities[key] = actor_of(membership).identity
        return key


class Wire(Socket):
    """A socket of GraphQL's that has introduced itself."""

    def __init__(self, key: str) -> None:
        super().__init__("/graphql", key=key, protocol="graphql-transport-ws")

    async def __aenter__(self) -> Any:
        await super().__aenter__()
        await self.say({"type": "connection_init"})
        assert (await self.hear())["type"] == "connection_ack"
        return self

    async def begin(self, query: str, name: str = "1", **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.say({"type": "subscribe", "id": name, "payload": payload})

    async def told(self) -> list[Any]:
        """All events of the one subscription until it ends."""
        events = []
        while (frame := await self.hear())["type"] == "next":
            events.append(frame["payload"]["data"]["answerTokens"])
        assert frame["type"] == "complete", frame
        return events
