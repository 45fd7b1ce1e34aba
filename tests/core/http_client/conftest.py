"""A server that misbehaves as told, on loopback and allowed by its host and port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from apps.core.http_client import client
from apps.core.http_client.client import Limits, Reply
from tests.factories.receiver import Receiver


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with Receiver() as one:
        settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{one.port}"})
        yield one


Call = Callable[..., Reply]


@pytest.fixture
def call() -> Call:
    """`client.call`, run to its end on a loop of its own."""

    def run(method: str, url: str, **kwargs: Any) -> Reply:
        return asyncio.run(closing(client.call(method, url, **kwargs)))

    return run


async def closing(work: Awaitable[Reply]) -> Reply:
    try:
        return await work
    finally:
        await client.close_session()


SHORT = Limits(seconds=0.5, body=1000)
