"""From a socket's path to its consumer. A path nobody answers is accepted and closed 4404, so that clients can tell.

A part of a route in braces stands for anything without a slash; the consumer finds it where Channels' own router
would have put it, in `scope["url_route"]["kwargs"]`.
"""

from __future__ import annotations

import re
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
        self._routes = {path: app for path, app in routes.items() if "{" not in path}
        self._patterns = [(_pattern(path), app) for path, app in routes.items() if "{" in path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, kwargs = self._find(scope["path"].rstrip("/") or "/")
        if app is None or not settings.SIGNALBOX_ENABLE_WEBSOCKET:
            await _refuse(receive, send)
            return
        await app({**scope, "url_route": {"args": (), "kwargs": kwargs}}, receive, send)

    def _find(self, path: str) -> tuple[SocketApp | None, dict[str, str]]:
        app = self._routes.get(path)
        if app is not None:
            return app, {}
        for pattern, answering in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return answering, match.groupdict()
        return None, {}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


async def _refuse(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": NOT_FOUND})
