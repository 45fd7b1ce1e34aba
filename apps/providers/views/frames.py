"""Streams on the wire: OpenAI's chunks and `[DONE]`, Anthropic's named events. What came unchanged goes on as it came."""

from __future__ import annotations

from typing import Self

from apps.core import envelopes, json
from apps.core.asgi.ending import until_the_end
from apps.core.errors import AppError
from apps.providers.domain.calls import Event
from apps.providers.enums import Dialect
from apps.providers.gateway.streams import Stream
from apps.providers.gateway.trace import plain

DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class Frames:
    """The bytes of a stream, as many events at once as came together. An answer's iterator: closed with it."""

    def __init__(self, stream: Stream, *, path: str, request_id: str) -> None:
        self._stream = stream
        self._path = path
        self._request_id = request_id
        self._write = _anthropic if stream.trace.call.dialect is Dialect.ANTHROPIC else _openai
        self._hides_usage = not stream.trace.call.wants_usage
        self._is_over = False
        self._continuations = 0
        """Those that the caller was told of."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._is_over:
            try:
                with until_the_end():
                    events = await anext(self._stream)
            except StopAsyncIteration:
                break
            except AppError as error:
                self._is_over = True
                return self._error(error)
            if data := self._write(events, self._hides_usage):
                if self._stream.trace.continuations == self._continuations:
                    return data
                return self._told() + data
        raise StopAsyncIteration

    @property
    def beat(self) -> bytes:
        """What means nothing to those who read it."""
        return PING if self._write is _anthropic else COMMENT

    @property
    def is_whole(self) -> bool:
        """Whether it has ended, and well."""
        return self._stream.is_whole

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _told(self) -> bytes:
        """A comment: clients pass it over, people who look see where the stream went on."""
        trace = self._stream.trace
        self._continuations = trace.continuations
        name = plain(trace.deployment.name) if trace.deployment else ""
        return f": continued by {name}\n\n".encode()

    def _error(self, error: AppError) -> bytes:
        """In the middle of a stream there is no status to say it by, and no word for the end after it."""
        body = json.dumps(envelopes.body_for(error, path=self._path, request_id=self._request_id))
        name = b"event: error\n" if self._write is _anthropic else b""
        return b"%sdata: %s\n\n" % (name, body)


def _openai(events: list[Event], hides_usage: bool) -> bytes:
    if len(events) == 1 and events[0].raw and events[0].usage is None:
        return b"data: %s\n\n" % events[0].raw
    parts = []
    for event in events:
        data = event.data
        if data and not (hides_usage and event.usage is not None and not data.get("choices")):
            parts.append(b"data: %s\n\n" % (event.raw or json.dumps(data)))
        if event.is_last:
            parts.append(DONE)
    return b"".join(parts)


def _anthropic(events: list[Event], hides_usage: bool) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n"
        % (str(event.data.get("type", "message")).encode(), event.raw or json.dumps(event.data))
        for event in events
        if event.data
    )
