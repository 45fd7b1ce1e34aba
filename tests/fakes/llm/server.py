"""The fake's socket: a small HTTP/1.1 server on bare asyncio, so that it can break an answer at any byte."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote

import httptools

from tests.fakes.llm import words
from tests.fakes.llm.modes import Mode, read_mode
from tests.fakes.llm.words import Asked, Name

REASONS = {
    200: b"OK",
    302: b"Found",
    400: b"Bad Request",
    404: b"Not Found",
    429: b"Too Many Requests",
}
PATHS: dict[str, Name] = {
    "/v1/chat/completions": "chat",
    "/chat/completions": "chat",
    "/v1/completions": "completion",
    "/completions": "completion",
    "/v1/embeddings": "embeddings",
    "/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/messages": "messages",
    "/api/chat": "ollama",
    "/api/generate": "ollama_text",
    "/api/embed": "ollama_embed",
    "/generate": "tgi",
    "/generate_stream": "tgi",
}
LISTS = ("/v1/models", "/models", "/api/tags", "/v1beta/models", "/info", "/openai/models")


@dataclass
class Seen:
    """One request as it came, and how its connection fared."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float
    pieces: int = 0
    is_answered: bool = False
    left_after: float | None = None
    """Seconds until the other side hung up, when it did before the answer was whole."""


@dataclass
class State:
    seen: list[Seen] = field(default_factory=list)
    scripts: dict[str, list[str]] = field(default_factory=dict)
    keeps: bool = True
    """Whether requests are written down; a benchmark would fill the memory."""
    open: set[asyncio.Transport] = field(default_factory=set)

    def hang_up(self) -> None:
        for transport in list(self.open):
            transport.abort()

    def mode_of(self, model: str) -> Mode:
        script = self.scripts.get(model)
        if not script:
            return read_mode(model)
        return read_mode(script.pop(0) if len(script) > 1 else script[0])


class Connection(asyncio.Protocol):
    def __init__(self, state: State) -> None:
        self._state = state
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._seen: Seen | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._begin()

    def _begin(self) -> None:
        self._url, self._headers, self._parts = b"", {}, []  # type: ignore[var-annotated]

    # what the parser calls

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        path = unquote(self._url.decode("latin-1").partition("?")[0])
        body = b"".join(self._parts)
        headers = self._headers
        self._begin()
        self._answer(method, path, headers, body)

    # what the loop calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._state.open.add(transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._out.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._state.open.discard(self._out)
        if self._task is not None:
            self._task.cancel()
        seen = self._seen
        if seen is not None and not seen.is_answered:
            seen.left_after = time.monotonic() - seen.at

    # answering

    @property
    def _out(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if path.startswith("/_fake/"):
            self._whole(200, self._command(path, body))
            return
        if method == "GET":
            is_list = path.startswith(LISTS)
            self._note(method, path, headers, None)
            self._whole(200 if is_list else 404, words.models(path) if is_list else b"{}")
            return
        value = json.loads(body or b"{}")
        seen = self._note(method, path, headers, value)
        asked = _read(path, value, self._state)
        if asked is None:
            self._whole(404, b'{"error": {"message": "no such path"}}')
            return
        if asked.mode.name in ("ok", "tools", "length") and not asked.mode.options.keys() & {
            "ttft",
            "gap",
        }:
            self._good_at_once(asked)
            return
        self._task = asyncio.ensure_future(self._slowly(asked, seen, headers))

    def _note(self, method: str, path: str, headers: dict[str, str], body: Any) -> Seen:
        seen = self._seen = Seen(method, path, headers, body, time.monotonic())
        if self._state.keeps:
            self._state.seen.append(seen)
        return seen

    def _command(self, path: str, body: bytes) -> bytes:
        state = self._state
        if path == "/_fake/script":
            value = json.loads(body)
            state.scripts[value["model"]] = list(value["modes"])
        elif path == "/_fake/reset":
            state.seen.clear()
            state.scripts.clear()
        elif path == "/_fake/calls":
            return json.dumps([vars(seen) for seen in state.seen]).encode()
        return b"{}"

    def _good_at_once(self, asked: Asked) -> None:
        if not asked.is_stream:
            self._whole(200, words.whole(asked))
            return
        self._head(200, words.content_type(asked))
        for piece in words.pieces(asked):
            self._chunk(piece)
        self._end()

    async def _slowly(self, asked: Asked, seen: Seen, headers: dict[str, str]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await _BEHAVIOURS[asked.mode.name](self, asked, headers)
            seen.is_answered = True

    def _whole(
        self, status: int, body: bytes, *more: bytes, kind: str = "application/json"
    ) -> None:
        reason = REASONS.get(status, b"Status")
        head = (
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\nx-request-id: up_1\r\n"
            % (status, reason, kind.encode(), len(body))
        )
        self._out.write(head + b"".join(line + b"\r\n" for line in more) + b"\r\n" + body)
        self._done()

    def _head(self, status: int, kind: str, *more: bytes) -> None:
        self._out.write(
            b"HTTP/1.1 %d OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n%b\r\n"
            % (status, kind.encode(), b"".join(line + b"\r\n" for line in more))
        )

    def _chunk(self, data: bytes) -> None:
        if self._out.is_closing():
            raise asyncio.CancelledError
        self._out.write(b"%x\r\n%b\r\n" % (len(data), data))
        if self._seen is not None:
            self._seen.pieces += 1

    def _end(self) -> None:
        self._out.write(b"0\r\n\r\n")
        self._done()

    def _done(self) -> None:
        if self._seen is not None:
            self._seen.is_answered = True

    def _reset(self) -> None:
        sock = self._out.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._out.abort()

    # how it misbehaves

    async def good(self, asked: Asked, _: dict[str, str]) -> None:
        await asyncio.sleep(asked.mode.number("ttft"))
        if not asked.is_stream:
            self._whole(200, words.whole(asked))
            return
        self._head(200, words.content_type(asked))
        gap = asked.mode.number("gap")
        for piece in words.pieces(asked):
            self._chunk(piece)
            if gap:
                await asyncio.sleep(gap)
        self._end()

    async def status(self, asked: Asked, headers: dict[str, str]) -> None:
        status = asked.mode.count("code", 500)
        message = asked.mode.text("message", "The fake was told to fail.")
        if asked.mode.text("echo"):
            given = (
                headers.get("authorization")
                or headers.get("x-api-key")
                or headers.get("api-key", "")
            )
            message += f" You sent {given}."
        body = words.error_body(asked.name, status, message, asked.mode.text("error"))
        more = [
            b"retry-after: " + wait.encode() for wait in [asked.mode.text("retry_after")] if wait
        ]
        self._whole(status, body, *more)

    async def overflow(self, asked: Asked, _: dict[str, str]) -> None:
        name = asked.name if asked.name in words.OVERFLOW else "chat"
        status, message, code = words.OVERFLOW[name]
        self._whole(status, words.error_body(asked.name, status, message, code))

    async def hang(self, asked: Asked, _: dict[str, str]) -> None:
        if asked.mode.text("head"):
            self._head(200, words.content_type(asked))
        await asyncio.sleep(3600)

    async def reset(self, asked: Asked, _: dict[str, str]) -> None:
        await self._some(asked)
        self._reset()

    async def half(self, asked: Asked, _: dict[str, str]) -> None:
        if asked.is_stream:
            await self._some(asked)
            self._end()
            return
        body = words.whole(asked)
        self._whole(200, body[: len(body) // 2])

    async def stall(self, asked: Asked, _: dict[str, str]) -> None:
        await self._some(asked)
        await asyncio.sleep(3600)

    async def error(self, asked: Asked, _: dict[str, str]) -> None:
        await self._some(asked)
        self._chunk(words.error_piece(asked.name, "The fake broke."))
        self._end()

    async def _some(self, asked: Asked) -> None:
        after = asked.mode.count("after")
        if not after:
            return
        self._head(200, words.content_type(asked))
        for _, piece in zip(range(after), words.pieces(asked), strict=False):
            self._chunk(piece)
            await asyncio.sleep(asked.mode.number("gap"))

    async def garbage(self, asked: Asked, _: dict[str, str]) -> None:
        kind = asked.mode.text("kind", "html")
        body = {
            "html": b"<html><body>502 Bad Gateway</body></html>",
            "json": b'{"id": "x", "choices": [',
            "utf8": b'{"id": "\xff\xfe"}',
            "types": b'{"choices": "many", "usage": [], "content": 5, "candidates": 7, "message": 3}',
            "missing": b'{"id": "x", "object": "chat.completion"}',
            "empty": b"",
        }[kind]
        if not asked.is_stream:
            self._whole(200, body, kind="text/html" if kind == "html" else "application/json")
            return
        self._head(200, "text/html" if kind == "html" else words.content_type(asked))
        if body:
            is_bare = kind == "html" or asked.name.startswith("ollama")
            self._chunk(body + b"\n" if is_bare else b"data: " + body + b"\n\n")
        self._end()

    async def drip(self, asked: Asked, _: dict[str, str]) -> None:
        self._head(200, words.content_type(asked))
        body = b"".join(words.pieces(asked)) if asked.is_stream else words.whole(asked)
        for index in range(len(body)):
            self._chunk(body[index : index + 1])
            await asyncio.sleep(asked.mode.number("gap", 0.2))
        self._end()

    async def huge(self, asked: Asked, _: dict[str, str]) -> None:
        is_bomb = bool(asked.mode.text("bomb"))
        self._head(
            200, words.content_type(asked), *([b"content-encoding: gzip"] if is_bomb else [])
        )
        for piece in _endless(is_bomb=is_bomb):
            self._chunk(piece)
            await asyncio.sleep(0)
            await self._writable.wait()

    async def redirect(self, asked: Asked, _: dict[str, str]) -> None:
        self._whole(302, b"", b"location: " + asked.mode.text("to", "http://127.0.0.1:1/").encode())


def _endless(*, is_bomb: bool) -> Iterator[bytes]:
    if not is_bomb:
        while True:
            yield b" " * 65536
    while True:
        yield _bomb()


@cache
def _bomb() -> bytes:
    """64 MB in 64 kB."""
    return gzip.compress(b" " * (64 << 20), 9)


_BEHAVIOURS = {
    "ok": Connection.good,
    "tools": Connection.good,
    "length": Connection.good,
    "status": Connection.status,
    "overflow": Connection.overflow,
    "hang": Connection.hang,
    "reset": Connection.reset,
    "half": Connection.half,
    "stall": Connection.stall,
    "error": Connection.error,
    "garbage": Connection.garbage,
    "drip": Connection.drip,
    "huge": Connection.huge,
    "redirect": Connection.redirect,
}


def _read(path: str, body: dict[str, Any], state: State) -> Asked | None:
    model = str(body.get("model", ""))
    is_stream = bool(body.get("stream"))
    name = PATHS.get(path)
    if path.startswith("/openai/deployments/"):
        model, _, rest = path.removeprefix("/openai/deployments/").partition("/")
        name = PATHS.get(f"/v1/{rest}")
    elif path.startswith("/v1beta/models/"):
        model, _, verb = path.removeprefix("/v1beta/models/").rpartition(":")
        name = "gemini_embed" if "mbed" in verb else "gemini"
        is_stream = verb == "streamGenerateContent"
    elif name in ("ollama", "ollama_text"):
        is_stream = body.get("stream", True)
    elif name == "tgi":
        model, is_stream = body.get("model", "ok"), path == "/generate_stream"
    if name is None:
        return None
    mode = state.mode_of(model)
    if mode.name not in _BEHAVIOURS:
        mode = Mode("ok", mode.options)
    return Asked(name, model, mode, body, is_stream)


async def serve(port: int = 0, *, state: State | None = None) -> tuple[asyncio.Server, State]:
    """Listen on loopback; the port stands in the server's socket."""
    state = state or State()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=2048)
    return server, state
