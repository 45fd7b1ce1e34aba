from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

from apps.conversations.adapters.frames import FrameBridge

pytestmark = pytest.mark.unit


class DeafClient:
    """A Redis client that swallows the cancellation which meets the end of its own wait, as redis-py may."""

    def __init__(self) -> None:
        self.swallowed = 0

    def pubsub(self, **_: Any) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def subscribe(self, *_: str) -> None:
        return None

    async def get_message(self, timeout: float) -> None:  # noqa: ASYNC109 - the client's own word
        try:
            await asyncio.sleep(timeout)
        except asyncio.CancelledError:
            self.swallowed += 1

    async def aclose(self) -> None:
        return None


def test_a_cancellation_that_redis_swallows_ends_the_bridge_all_the_same() -> None:
    async def work() -> int:
        bridge = FrameBridge(
            "redis://127.0.0.1:1", on_frame=lambda *_: None, on_bell=lambda *_: None
        )
        bridge._client = client = DeafClient()  # type: ignore[assignment]
        await asyncio.sleep(0.02)
        async with asyncio.timeout(2):
            await bridge.close()
        return client.swallowed

    assert asyncio.run(work()) == 1
