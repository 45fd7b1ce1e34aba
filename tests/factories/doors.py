"""An authenticator that knows the tokens a test names, and a way to drive sockets within the test's transaction."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from channels.testing import WebsocketCommunicator

from apps.core import authentication
from apps.core.actor import Identity
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.errors import Unauthenticated
from apps.core.tenancy import _current
from config.sockets import sockets

T = TypeVar("T")


class KnownTokens:
    """Implements `core.authentication.Authenticator`."""

    def __init__(self) -> None:
        self.identities: dict[str, Identity] = {}
        self.sessions: dict[str, Identity] = {}
        self.asked = 0

    def recall(self, token: str) -> Identity | None:
        return None

    def identify(self, token: str) -> Identity:
        self.asked += 1
        try:
            return self.identities[token]
        except KeyError:
            raise Unauthenticated from None

    def identify_session(self, session_key: str) -> Identity:
        try:
            return self.sessions[session_key]
        except KeyError:
            raise Unauthenticated from None


@contextmanager
def known_tokens() -> Iterator[KnownTokens]:
    before = authentication._authenticator
    known = KnownTokens()
    authentication.register_authenticator(known)
    try:
        yield known
    finally:
        authentication._authenticator = before


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a socket's conversation in this thread, hops to the ORM included."""
    before = use_pool(InlinePool())
    outer = _current.set(None)
    try:
        return asyncio.run(coroutine)
    finally:
        _current.reset(outer)
        use_pool(before)


class Socket(WebsocketCommunicator):
    """`async with Socket("/ws", key="…") as socket:`; `say` and `hear` carry JSON."""

    def __init__(
        self,
        path: str,
        *,
        key: str = "",
        protocol: str = "",
        address: str = "192.0.2.1",
        **headers: str,
    ):
        sent = {
            "host": "testserver",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if key:
            sent["authorization"] = f"Bearer {key}"
        super().__init__(
            sockets,
            path,
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            subprotocols=[protocol] if protocol else None,
        )
        self.scope["client"] = (address, 50000)
        self.scope["scheme"] = "ws"
        self.accepted: bool | None = None
        self.answered: Any = None

    async def __aenter__(self) -> Self:
        self.accepted, self.answered = await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    async def say(self, frame: Any) -> None:
        await self.send_to(text_data=frame if isinstance(frame, str) else json.dumps(frame))

    async def hear(self) -> Any:
        """The next frame; for a close, its code."""
        message = await self.receive_output(2.0)
        if message["type"] == "websocket.close":
            return message.get("code")
        return json.loads(message["text"])

    async def is_silent(self) -> bool:
        return bool(await self.receive_nothing(0.05))
