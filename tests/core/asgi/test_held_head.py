"""The head of an answer waits for its body, never for longer than a turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from apps.core.asgi.server import HeldHead


class Wire:
    """Notes what reached the socket, one entry a system call."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.calls.append(b"".join(parts))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


async def test_write_head_then_body_is_one_call() -> None:
    wire = Wire()
    held = HeldHead(cast("asyncio.Transport", wire), asyncio.get_running_loop())

    held.write(b"head ")
    held.write(b"body")
    held.write(b" more")
    await asyncio.sleep(0)

    assert wire.calls == [b"head body", b" more"]


async def test_write_head_alone_goes_out_with_the_turn_of_the_loop() -> None:
    wire = Wire()
    held = HeldHead(cast("asyncio.Transport", wire), asyncio.get_running_loop())

    held.write(b"head")
    before = list(wire.calls)
    await asyncio.sleep(0)
    held.write(b"late")

    assert (before, wire.calls) == ([], [b"head", b"late"])


async def test_close_lets_the_head_go_first() -> None:
    wire = Wire()
    held = HeldHead(cast("asyncio.Transport", wire), asyncio.get_running_loop())

    held.write(b"head")
    held.close()

    assert (wire.calls, wire.is_closed, held.is_closing()) == ([b"head"], True, True)
