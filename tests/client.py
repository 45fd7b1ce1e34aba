"""A client that drives our own ASGI gate in this thread, so a test's transaction covers what the request does.

The pool is replaced by one that runs inline; everything else (admission, limits, bodies, errors, headers) is the
real way in. For threads, signals and sockets use a real server (`tests/rig`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from apps.core.asgi.gate import handle_http
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.changes import forget_polls, poll_changes
from apps.core.http_client.client import close_session
from apps.core.tenancy import _current

LEFT_AFTER = 0.5
"""Seconds that a caller with `then="left"` listens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The stable code of an error body."""
        error = self.json()["error"]
        return str(error["code"] if isinstance(error, dict) else error)


class GateClient:
    """`client.get("/api/v1/keys", key="ltb_…")`; `key` goes as Bearer, `cookies` as given."""

    def __init__(
        self, *, host: str = "testserver", address: str = "127.0.0.1", scheme: str = "http"
    ) -> None:
        self.host = host
        self.address = address
        # An earlier test's changes were rolled back, their numbers with them: the next ones would seem old.
        forget_polls()
        self.scheme = scheme

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("POST", path, body=body, **kwargs)

    def patch(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("PATCH", path, body=body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("PUT", path, body=body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Answer:
        return self.call("DELETE", path, **kwargs)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        chunks: Sequence[bytes] | None = None,
        then: str = "",
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        headers: Mapping[str, str | None] | Sequence[tuple[str, str]] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> Answer:
        """One exchange. `raw` goes as it is, `chunks` as the body arrives; `then="gone"` hangs up after them,
        `then="silence"` says nothing more, `then="left"` hangs up a while after the request was whole. A header given as None is left out; a sequence may repeat one.
        """
        parts = _body_of(body, raw, chunks)
        sent = [("host", self.host)]
        if body is not None or raw is not None:
            sent.append(("content-length", str(len(parts[0]))))
        if body is not None or raw is not None or chunks is not None:
            sent.append(("content-type", "application/json"))
        if chunks is not None:
            sent.append(("transfer-encoding", "chunked"))
        if key is not None:
            sent.append(("authorization", f"Bearer {key}"))
        if cookies:
            pairs = "; ".join(f"{name}={value}" for name, value in cookies.items())
            sent.append(("cookie", pairs))
        scope = self._scope(method, path, query, _with(sent, headers))
        return asyncio.run(_exchange(scope, _messages(parts, then)))

    def _scope(
        self, method: str, path: str, query: Mapping[str, Any] | None, headers: Any
    ) -> dict[str, Any]:
        way, _, question = path.partition("?")
        if query:
            question = urlencode(query)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": unquote(way),
            "raw_path": quote(way, safe="/%").encode(),
            "query_string": question.encode("latin-1"),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode("latin-1")) for name, value in headers
            ],
            "client": (self.address, 50000),
            "server": (self.host, 80),
        }


def _body_of(body: Any, raw: bytes | None, chunks: Sequence[bytes] | None) -> Sequence[bytes]:
    if chunks is not None:
        return chunks
    if raw is not None:
        return [raw]
    return [b"" if body is None else json.dumps(body).encode()]


def _with(sent: list[tuple[str, str]], headers: Any) -> list[tuple[str, str]]:
    given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
    names = {name.lower() for name, _ in given}
    kept = [pair for pair in sent if pair[0] not in names]
    return [*kept, *((name, value) for name, value in given if value is not None)]


def _messages(parts: Sequence[bytes], then: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    if then == "gone":
        messages.append({"type": "http.disconnect"})
    elif then != "silence":
        messages[-1]["more_body"] = False
        if then == "left":
            messages.append({"type": "http.disconnect", "after": LEFT_AFTER})
    return messages


async def _exchange(scope: dict[str, Any], incoming: list[dict[str, Any]]) -> Answer:
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            message = incoming.pop(0)
            if message["type"] == "http.disconnect":
                # Long enough for what was under way.
                await asyncio.sleep(message.get("after", 0.02))
            return message
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    before = use_pool(InlinePool())
    # A request starts outside any organisation, whatever the test has entered.
    outer = _current.set(None)
    try:
        await InlinePool().run(poll_changes)
        await handle_http(scope, receive, send)
    finally:
        await close_session()  # calls upstream were made on this loop
        _current.reset(outer)
        use_pool(before)
    return _answer(messages) if messages else Answer(0, {}, (), b"")


def _answer(messages: list[dict[str, Any]]) -> Answer:
    start, *parts = messages
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    cookies = tuple(
        value.decode("latin-1") for name, value in start["headers"] if name == b"set-cookie"
    )
    return Answer(
        start["status"], headers, cookies, b"".join(part.get("body", b"") for part in parts)
    )
