"""A live socket that keeps the numbers it heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from tests.rig.servers import ServerProcess

PATIENCE = 20.0


@dataclass
class Socket:
    """Follows one topic from the moment it is opened."""

    connection: aiohttp.ClientWebSocketResponse
    topic: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    async def open(
        cls, session: aiohttp.ClientSession, server: ServerProcess, key: str, topic: str
    ) -> Self:
        connection = await session.ws_connect(
            f"{server.websocket_url}/ws", headers={"Authorization": f"Bearer {key}"}
        )
        await connection.send_json({"type": "subscribe", "topics": [topic]})
        await connection.receive_json(timeout=PATIENCE)
        return cls(connection, topic)

    @property
    def numbers(self) -> list[int]:
        return [event["seq"] for event in self.events]

    async def receive(self) -> dict[str, Any]:
        """The next event. Anything else (a gap, an error) fails the test that did not expect it."""
        frame: dict[str, Any] = await self.connection.receive_json(timeout=PATIENCE)
        assert (frame.get("topic"), "seq" in frame) == (self.topic, True), frame
        self.events.append(frame)
        return frame

    async def hear(self, count: int) -> list[int]:
        for _ in range(count):
            await self.receive()
        return self.numbers

    async def hear_up_to(self, number: int) -> list[int]:
        while not self.events or self.events[-1]["seq"] < number:
            await self.receive()
        return self.numbers
