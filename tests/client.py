"""A client that drives our own ASGI gate in this thread, so a test's transaction covers what the request does.

The pool is replaced by one that runs inline; everything else (admission, limits, bodies, errors, headers) is the
real way in. For threads, signals and sockets use a real server (`tests/rig`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from apps.core.asgi.gate import handle_http
from apps.core.asgi.pool import InlinePool, use_pool
from apps.core.changes import poll_changes
from apps.core.tenancy import _current


@dataclass(frozen=True, slots=True)
class Answer:
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

    def __init__(self, *, host: str = "testserver", address: str = "127.0.0.1") -> None:
        self.host = host
        self.address = address

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
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> Answer:
        content = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        sent = {"host": self.host, "content-length": str(len(content))}
        if body is not None or raw is not None:
            sent["content-type"] = "application/json"
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        if cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        scope = self._scope(method, path, query, sent)
        return asyncio.run(_exchange(scope, content))

    def _scope(
        self, method: str, path: str, query: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        parts = urlsplit(path)
        question = urlencode(query) if query else parts.query
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": quote(parts.path).encode(),
            "query_string": question.encode("latin-1"),
            "root_path": "",
            "headers": [
                (name.encode(), value.encode("latin-1")) for name, value in headers.items()
            ],
            "client": (self.address, 50000),
            "server": (self.host, 80),
        }


async def _exchange(scope: dict[str, Any], content: bytes) -> Answer:
    messages: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    before = use_pool(InlinePool())
    outer = _current.set(
        None
    )  # a request starts outside any organisation, whatever the test has entered
    try:
        await InlinePool().run(poll_changes)
        await handle_http(scope, receive, send)
    finally:
        _current.reset(outer)
        use_pool(before)
    return _answer(messages)


def _answer(messages: list[dict[str, Any]]) -> Answer:
    start, *parts = messages
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    cookies = tuple(
        value.decode("latin-1") for name, value in start["headers"] if name == b"set-cookie"
    )
    return Answer(
        start["status"], headers, cookies, b"".join(part.get("body", b"") for part in parts)
    )
