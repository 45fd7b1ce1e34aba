"""The ASGI application: HTTP to the gate, sockets to Channels, lifespan to the lifecycle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from apps.core.asgi.gate import handle_http
from apps.core.asgi.lifecycle import lifecycle

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[Any]]


class Application:
    """Takes the socket application from outside, since routing topics to consumers is `config`'s to know."""

    def __init__(self, sockets: App) -> None:
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await lifecycle.ensure_started()
                await handle_http(scope, receive, send)
            case "websocket":
                await lifecycle.ensure_started()
                await self._sockets(scope, receive, send)
            case "lifespan":
                await _live(receive, send)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await lifecycle.ensure_started()
            await send({"type": "lifespan.startup.complete"})
        else:
            await lifecycle.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
