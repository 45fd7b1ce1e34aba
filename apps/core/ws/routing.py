"""From a socket's path to its consumer. A path nobody answers is accepted and closed 4404, so that clients can tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
SocketApp = Callable[[Scope, Receive, Send], Awaitable[Any]]

NOT_FOUND = 4404


class SocketRouter:
    """The ASGI application for `websocket` scopes."""

    def __init__(self, routes: Mapping[str, SocketApp]) -> None:
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._routes.get(scope["path"].rstrip("/") or "/")
        if app is None or not settings.SIGNALBOX_ENABLE_WEBSOCKET:
            await _refuse(receive, send)
            return
        await app(scope, receive, send)


async def _refuse(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": NOT_FOUND})
