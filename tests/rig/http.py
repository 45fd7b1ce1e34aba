"""A client for the server under test: the same calls for plain tests and for coroutines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=60)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    """One whole HTTP answer. Headers are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Calls to one address, with one key or none."""

    url: str
    key: str = ""

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> Answer:
        return run(self.arequest(method, path, **options))

    async def arequest(self, method: str, path: str, **options: Any) -> Answer:
        """`options` are aiohttp's: json, data, params, headers, allow_redirects, timeout."""
        async with self.session() as session, session.request(method, path, **options) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncGenerator[aiohttp.ClientSession]:
        """For streams and sockets: `session.get(path)`, `session.ws_connect(path)`."""
        headers = {"X-API-Key": self.key} if self.key else {}
        settings = {"timeout": TIMEOUT, "headers": headers, **options}
        async with aiohttp.ClientSession(self.url, **settings) as session:
            yield session


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run it on a loop and a thread of its own: the test's thread may hold a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
