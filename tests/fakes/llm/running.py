"""The fake in a thread of the test process, and what a test asks of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fakes.llm.server import Seen, State, serve


class FakeLLM:
    """Listens while a test runs. `address` is for the operator's list of allowed private hosts."""

    def __init__(self, port: int, state: State) -> None:
        self.port = port
        self._state = state

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base as OpenAI's clients write it."""
        return f"http://{self.address}/v1"

    @property
    def root(self) -> str:
        return f"http://{self.address}"

    @property
    def calls(self) -> list[Seen]:
        return list(self._state.seen)

    def script(self, model: str, *modes: str) -> None:
        """Let a model behave differently at each call; the last mode stays."""
        self._state.scripts[model] = list(modes)

    def forget(self) -> None:
        self._state.seen.clear()
        self._state.scripts.clear()

    def wait_for(self, is_so: Callable[[list[Seen]], bool], seconds: float = 5.0) -> list[Seen]:
        """The calls as soon as they are so; fails when that does not happen in time."""
        ends = time.monotonic() + seconds
        while not is_so(self.calls):
            if time.monotonic() > ends:
                raise AssertionError(f"not so within {seconds} s: {self.calls}")
            time.sleep(0.01)
        return self.calls


@contextmanager
def fake_llm() -> Iterator[FakeLLM]:
    loop = asyncio.new_event_loop()
    started = threading.Event()
    found: list[tuple[asyncio.Server, State]] = []

    def run() -> None:
        server, state = loop.run_until_complete(serve())
        found.append((server, state))
        started.set()
        loop.run_forever()
        server.close()
        state.hang_up()
        loop.run_until_complete(asyncio.sleep(0.01))  # what was cut off ends
        loop.close()

    thread = threading.Thread(target=run, name="fake_llm", daemon=True)
    thread.start()
    assert started.wait(10)
    server, state = found[0]
    try:
        yield FakeLLM(server.sockets[0].getsockname()[1], state)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
