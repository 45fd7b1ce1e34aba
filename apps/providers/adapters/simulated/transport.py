"""The way to the simulated model: no socket, but the same exchange, pace and limits as over one."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from apps.core.http_client.errors import CallFailed, CallTimedOut
from apps.providers.adapters.protocol import Exchange, UpstreamRequest
from apps.providers.adapters.simulated import bodies, model
from apps.providers.adapters.simulated.settings import OPTIONS_HEADER, Settings, read_settings

JSON = {"content-type": "application/json", "x-simulated": "true"}
STREAM = {"content-type": "text/event-stream", "x-simulated": "true"}


class SimulatedExchange:
    """A whole body, or pieces that take their time."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        parts: Iterator[tuple[bytes, bool]],
        settings: Settings,
        idle_seconds: float = 60.0,
    ) -> None:
        self.status = status
        self.headers = headers
        self._parts = parts
        self._settings = settings
        self._idle_seconds = idle_seconds
        self._is_closed = False

    async def pieces(self) -> AsyncIterator[bytes]:
        pause = self._settings.token_seconds
        tokens = 0
        for piece, is_token in self._parts:
            if self._settings.cut_after and tokens >= self._settings.cut_after:
                raise CallFailed("reset", "The server broke off.")
            if is_token and pause:
                if pause > self._idle_seconds:
                    await asyncio.sleep(self._idle_seconds)
                    raise CallTimedOut("The server fell silent.")
                await asyncio.sleep(pause)
            if self._is_closed:
                return
            yield piece
            tokens += is_token

    async def close(self) -> None:
        self._is_closed = True


class SimulatedTransport:
    def __init__(self) -> None:
        self._calls = itertools.count(1)

    async def open(
        self,
        request: UpstreamRequest,
        *,
        first_byte_seconds: float,
        idle_seconds: float,
        total_seconds: float,
        most_bytes: int,
    ) -> Exchange:
        """Answer a request. `error_rate` draws by the seed and the number of the call, so that a retry may succeed."""
        body = orjson.loads(request.body) if request.body else {}
        options = orjson.loads(request.headers.get(OPTIONS_HEADER, "{}"))
        settings = read_settings(options, body.pop("simulated", None))
        path = urlsplit(request.url).path
        if path.endswith("/models"):
            return _whole(bodies.models(), settings)
        allowed = min(first_byte_seconds, total_seconds)
        is_stream = bool(body.get("stream"))
        spoken = None if path.endswith("/embeddings") else model.answer(body, settings)
        await _think(_seconds(spoken, settings, is_stream=is_stream), allowed)
        if status := self._fails(settings):
            return _refusal(status, settings)
        if spoken is None:
            return _whole(bodies.embeddings(body, settings), settings)
        is_chat = path.endswith("/chat/completions")
        if not is_stream:
            return _whole(bodies.whole(spoken, is_chat=is_chat), settings)
        stream_options: Any = body.get("stream_options") or {}
        parts = bodies.pieces(
            spoken, is_chat=is_chat, tells_usage=bool(stream_options.get("include_usage"))
        )
        return SimulatedExchange(200, STREAM, parts, settings, idle_seconds)

    def _fails(self, settings: Settings) -> int:
        if settings.status:
            return settings.status
        number = next(self._calls)
        if not settings.error_rate:
            return 0
        lot = random.Random(f"{settings.seed}:{number}")  # noqa: S311  # made up on purpose
        return 500 if lot.random() < settings.error_rate else 0


def _seconds(spoken: model.Spoken | None, settings: Settings, *, is_stream: bool) -> float:
    """How long until the first byte: a whole answer is there when its last token is."""
    tokens = 0 if is_stream or spoken is None else spoken.completion_tokens
    return settings.first_token_ms / 1000 + tokens * settings.token_seconds


async def _think(seconds: float, allowed: float) -> None:
    if seconds:
        await asyncio.sleep(min(seconds, allowed))
    if seconds > allowed:
        raise CallTimedOut(f"No answer began within {allowed:g} s.")


def _whole(body: bytes, settings: Settings, status: int = 200) -> SimulatedExchange:
    return SimulatedExchange(status, JSON, iter([(body, False)]), settings)


def _refusal(status: int, settings: Settings) -> SimulatedExchange:
    exchange = _whole(
        bodies.error(status, "The simulated provider fails, as it was told to."), settings, status
    )
    if settings.retry_after:
        exchange.headers = {**JSON, "retry-after": f"{settings.retry_after:g}"}
    return exchange


TRANSPORT = SimulatedTransport()
