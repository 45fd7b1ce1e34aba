"""Answers as server-sent events: each with the offset it leads to as its id, comments where nothing is said.

A viewer who leaves ends nothing. The stream stands in the sockets' registry, so that a lost right ends it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from django.http import StreamingHttpResponse

from apps.conversations.generations.viewing import Told, Viewer
from apps.conversations.permissions import ConversationsPermission
from apps.core import json
from apps.core.actor import Actor, Identity
from apps.core.asgi.request import GateRequest
from apps.core.authentication import check_presence
from apps.core.errors import AppError
from apps.core.permissions import require
from apps.core.ws.auth import Proof
from apps.core.ws.codes import Close
from apps.core.ws.registry import registry
from apps.core.ws.sse import REASONS, proof_of

KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE_TOKENS = 10
KEEP_ALIVE = b": keep-alive\n\n"
RETRY = b"retry: 1000\n\n"


def stream_of(
    request: GateRequest, viewer: Viewer, more: Mapping[str, Any] | None = None
) -> StreamingHttpResponse:
    """The answer that carries an answer. `more` goes into its `start`."""
    response = StreamingHttpResponse(
        Lines(request, viewer, more or {}), content_type="text/event-stream; charset=utf-8"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


class Lines:
    """The bytes of a stream; an iterator and no generator, so that one nobody ever read is let go of as well."""

    def __init__(self, request: GateRequest, viewer: Viewer, more: Mapping[str, Any]) -> None:
        assert request.actor is not None
        self.loop = asyncio.get_running_loop()
        self.proof: Proof | None = proof_of(request)
        self.organization: str | None = request.actor.identity.organization
        self._viewer = viewer
        self._more = more
        self._address, self._request_id = request.address, request.request_id
        self._waiting: deque[bytes] = deque([RETRY])
        self._tokens = 0
        self._ended_by = ""
        self._expiry: asyncio.TimerHandle | None = None
        self._watch_expiry(request.actor.identity)
        registry.add(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._waiting:
            return self._waiting.popleft()
        if self._ended_by:
            raise StopAsyncIteration
        told = await self._viewer.next(KEEP_ALIVE_SECONDS)
        if told is not None:
            return self._line(told)
        if self._viewer.is_left:
            return self._ended()
        if self._viewer.is_over:
            raise StopAsyncIteration
        return KEEP_ALIVE

    async def aclose(self) -> None:
        self._viewer.close()
        registry.remove(self)
        if self._expiry is not None:
            self._expiry.cancel()

    def renew(self, identity: Identity) -> None:
        try:
            check_presence(identity, self._address)
            require(Actor(identity), ConversationsPermission.VIEW)
        except AppError as error:
            self._end(error.code)
        else:
            self._watch_expiry(identity)

    def finish(self, code: Close, reason: str = "") -> None:
        # A server that drains lets its answers come to their ends, and tells those that do not.
        if code is not Close.RESTART:
            self._end(REASONS.get(code, "error"))

    def _line(self, told: Told) -> bytes:
        data = told.data
        if told.name == "start":
            data = {**data, **self._more}
        line = frame(told, data)
        if told.name == "token":
            self._tokens += 1
            if self._tokens % KEEP_ALIVE_TOKENS == 0:
                return line + KEEP_ALIVE
        return line

    def _end(self, reason: str) -> None:
        self._ended_by = self._ended_by or reason
        self._viewer.leave()

    def _ended(self) -> bytes:
        """Why the stream ends though the answer goes on; no part of its story, so without an id."""
        told = {"reason": self._ended_by, "request_id": self._request_id}
        return b"event: end\ndata: %s\n\n" % json.dumps(told)

    def _watch_expiry(self, identity: Identity) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        if identity.expires_at is not None:
            left = max(0.0, (identity.expires_at - datetime.now(UTC)).total_seconds())
            self._expiry = self.loop.call_later(left, self.finish, Close.UNAUTHENTICATED)


def frame(told: Told, data: Mapping[str, Any]) -> bytes:
    head = f"id: {told.position}\nevent: {told.name}\ndata: ".encode()
    return head + json.dumps(data) + b"\n\n"
