"""Conversations before a live server: asked, followed, stopped, as callers without a library do it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.faults.gateway import LiveGateway
from tests.rig.servers import ServerProcess

STREAM = {"Accept": "text/event-stream"}


@dataclass
class Event:
    id: str
    name: str
    data: dict[str, Any]
    at: float


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a stream as they come, and when."""
    rest = b""
    async for piece in answer.content.iter_any():
        rest += piece
        *blocks, rest = rest.split(b"\n\n")
        for block in blocks:
            lines = dict(
                line.split(": ", 1)
                for line in block.decode().split("\n")
                if line and not line.startswith(":") and ": " in line
            )
            if "event" in lines:
                data = json.loads(lines["data"])
                yield Event(lines.get("id", ""), lines["event"], data, time.monotonic())


class Chat:
    """One conversation, spoken with through any server of its site."""

    def __init__(self, gateway: LiveGateway, model: str) -> None:
        made = gateway.make("conversations", {"model": model}, key=gateway.patient)
        self.id = str(made["id"])
        self.path = f"/api/v1/conversations/{self.id}/messages"
        self.key = gateway.patient

    def session(self, server: ServerProcess) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            server.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=aiohttp.ClientTimeout(total=60),
        )

    async def say(self, server: ServerProcess, content: str = "Hi") -> str:
        """Begin an answer and hang up; the id of its message."""
        async with (
            self.session(server) as session,
            session.post(self.path, json={"content": content, "stream": True}) as answer,
        ):
            assert answer.status == 200, await answer.text()
            async for event in events(answer):
                return str(event.data["messageId"])
        raise AssertionError("the stream said nothing")

    async def follow(
        self,
        server: ServerProcess,
        *,
        after: str = "",
        most: int | None = None,
        into: list[Event] | None = None,
    ) -> list[Event]:
        """What a viewer hears who leaves after so many tokens, or stays to the end."""
        found: list[Event] = [] if into is None else into
        headers = {**STREAM, **({"Last-Event-ID": after} if after else {})}
        tokens = 0
        async with (
            self.session(server) as session,
            session.get(self.path, headers=headers) as answer,
        ):
            if answer.status == 204:
                return found
            assert answer.status == 200, await answer.text()
            async for event in events(answer):
                found.append(event)
                tokens += event.name == "token"
                if most is not None and tokens >= most:
                    break
        return found

    async def message(self, server: ServerProcess, name: str) -> dict[str, Any]:
        async with (
            self.session(server) as session,
            session.get(f"{self.path}/{name}") as answer,
        ):
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def until(
        self, server: ServerProcess, name: str, status: str, seconds: float = 15
    ) -> dict[str, Any]:
        ends = time.monotonic() + seconds
        while (found := await self.message(server, name))["status"] != status:
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.1)
        return found

    async def post(self, server: ServerProcess, *rest: str, **body: Any) -> tuple[int, Any]:
        path = "/".join((self.path, *rest))
        async with self.session(server) as session, session.post(path, json=body) as answer:
            return answer.status, await answer.json()


def text(told: list[Event]) -> str:
    return "".join(event.data["content"] for event in told if event.name == "token")
