"""The limit store of a worker beside a server: the server's own, asked over its socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from apps.core.limits.domain import Verdict
from apps.core.limits.errors import LimitStoreUnavailable
from apps.core.limits.rates import Rate
from apps.core.limits.store import Check, LimitStore
from apps.core.rpc import server
from apps.core.rpc.client import Away, Client, Refused
from apps.core.rpc.server import Session


class RemoteLimitStore:
    """Raises `LimitStoreUnavailable` while the server is away."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def hit(self, checks: Sequence[Check]) -> list[Verdict]:
        return _verdicts(await self._ask("limits.hit", write_checks(checks)))

    def hit_now(self, checks: Sequence[Check]) -> list[Verdict]:
        return _verdicts(self._call("limits.hit", write_checks(checks)))

    async def peek(self, checks: Sequence[Check]) -> list[Verdict]:
        return _verdicts(await self._ask("limits.peek", write_checks(checks)))

    def peek_now(self, checks: Sequence[Check]) -> list[Verdict]:
        return _verdicts(self._call("limits.peek", write_checks(checks)))

    async def reset(self, key: str) -> None:
        await self._ask("limits.reset", key)

    def reset_now(self, key: str) -> None:
        self._call("limits.reset", key)

    async def close(self) -> None:
        """Keep the connection: it belongs to no loop."""

    async def _ask(self, method: str, params: Any) -> Any:
        try:
            self._client.connect()
            return await self._client.ask(method, params)
        except (Away, Refused) as error:
            raise LimitStoreUnavailable(f"The server did not answer: {error}") from error

    def _call(self, method: str, params: Any) -> Any:
        try:
            self._client.connect()
            return self._client.call(method, params)
        except (Away, Refused) as error:
            raise LimitStoreUnavailable(f"The server did not answer: {error}") from error


def write_checks(checks: Sequence[Check]) -> list[list[Any]]:
    return [[key, rate.limit, rate.window_seconds, cost] for key, rate, cost in checks]


def read_checks(written: Sequence[Sequence[Any]]) -> list[Check]:
    return [Check(key, Rate(limit, window), cost) for key, limit, window, cost in written]


def serve_limits(store: Callable[[], LimitStore]) -> None:
    """Answer a worker's questions about limits in this process."""

    async def hit(_: Session, checks: Any) -> Any:
        return [list(verdict) for verdict in await store().hit(read_checks(checks))]

    async def peek(_: Session, checks: Any) -> Any:
        return [list(verdict) for verdict in await store().peek(read_checks(checks))]

    async def reset(_: Session, key: str) -> None:
        await store().reset(key)

    server.answers("limits.hit", hit)
    server.answers("limits.peek", peek)
    server.answers("limits.reset", reset)


def _verdicts(written: Sequence[Sequence[Any]]) -> list[Verdict]:
    return [Verdict(*verdict) for verdict in written]
