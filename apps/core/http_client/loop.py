"""The way to call out from threads: one loop of our own per process, so that its connections are shared."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.2
END_SECONDS = 5.0
"""How long work that is given up may take to let go of what it holds."""

_loop: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


def call_from_thread(call: Coroutine[Any, Any, T], *, seconds: float | None = None) -> T:
    """Run a coroutine on the process's I/O loop and wait for it. Never call it on an event loop: it would stand still."""
    future = asyncio.run_coroutine_threadsafe(call, io_loop())
    try:
        return future.result(seconds)
    except TimeoutError:
        future.cancel()
        raise


class Abandoned(Exception):
    """Nobody wants it any more, so it was given up."""


def call_while(call: Coroutine[Any, Any, T], is_wanted: Callable[[], bool]) -> T:
    """The same for as long as it is wanted, which is asked now and then. Raises `Abandoned`."""
    ended = threading.Event()

    async def run() -> T:
        try:
            return await call
        finally:
            ended.set()

    future = asyncio.run_coroutine_threadsafe(run(), io_loop())
    try:
        while True:
            try:
                return future.result(LOOK_SECONDS)
            except NotYet:
                if future.done():
                    return future.result()  # its own timeout, or what it came to in this moment
                if not is_wanted():
                    raise Abandoned from None
    finally:
        if not future.done():  # also where the question whether it is wanted failed
            future.cancel()
            ended.wait(END_SECONDS)


def io_loop() -> asyncio.AbstractEventLoop:
    """The loop, started in a thread of its own with the first call."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="io_loop", daemon=True).start()
        return _loop


def _forget_parent() -> None:
    global _loop, _lock
    _loop, _lock = None, threading.Lock()  # the thread did not come along


os.register_at_fork(after_in_child=_forget_parent)
