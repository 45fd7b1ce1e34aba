"""The way in as it is deployed: real server processes, real sockets, real signals."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from tests.rig.http import Answer, Client
from tests.rig.servers import ServerProcess
from tests.rig.site import Site
from tests.rig.sites import MakeSite

pytestmark = [pytest.mark.integration, pytest.mark.no_jobs]
MEGABYTE = 2**20


def connect(server: ServerProcess, timeout: float = 20) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def head(server: ServerProcess, method: str, path: str, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body of the next answer on a connection."""
    reader = connection.makefile("rb")
    status = int(reader.readline().split()[1])
    headers = {}
    while line := reader.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, json.loads(reader.read(int(headers["content-length"])) or b"null")


def memory_of(server: ServerProcess) -> int:
    return int(psutil.Process(server.pid).memory_info().rss)


# ------------------------------------------------------------------ both servers, one application


@pytest.fixture(params=["serve", "runserver"])
def either(request: pytest.FixtureRequest) -> ServerProcess:
    """uvicorn, shared by all who only look, and daphne."""
    if request.param == "serve":
        server: ServerProcess = request.getfixturevalue("shared_server")
        return server
    return request.getfixturevalue("daphne")  # type: ignore[no-any-return]  # a fixture's value


@pytest.fixture(scope="session")
def daphne(shared_site: Site) -> ServerProcess:
    return shared_site.start("runserver")


def body_of(answer: Answer, *left_out: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    return {name: value for name, value in body.items() if name not in left_out}


def test_the_same_answers_come_from_either(either: ServerProcess) -> None:
    health = either.anonymous.get("/health")
    absent = either.anonymous.get("/nowhere")
    keys = either.client.get("/api/v1/keys")
    me = either.client.get("/api/v1/auth/me")
    page = either.anonymous.get("/console/login")
    styled = either.anonymous.get("/static/css/base.css")

    assert (health.status, health.json()["status"]) == (200, "healthy")
    assert (absent.status, body_of(absent, "timestamp")) == (
        404,
        {
            "error": "not_found",
            "message": "There is nothing here by that name.",
            "details": [],
            "path": "/nowhere",
            "request_id": absent.headers["X-Request-ID"],
        },
    )
    assert (keys.status, "rig" in [key["name"] for key in keys.json()["data"]]) == (200, True)
    assert (me.status, me.json()["role"]) == (200, "admin")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (styled.status, styled.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert "Server" not in health.headers or either.kind == "runserver"


def test_a_chunked_body_is_read_by_either(either: ServerProcess) -> None:
    request = head(
        either,
        "POST",
        "/api/v1/keys",
        X_API_Key=either.client.key,
        Content_Type="application/json",
        Transfer_Encoding="chunked",
    )
    with connect(either) as connection:
        connection.sendall(request + b'8\r\n{"name":\r\n5\r\n "x"}\r\n0\r\n\r\n')
        status, _, body = read_answer(connection)

    assert (status, body["invalid_fields"]) == (422, ["role"])


# ------------------------------------------------------------------ bodies


def test_a_gigabyte_is_refused_before_it_is_sent(shared_server: ServerProcess) -> None:
    before = memory_of(shared_server)
    request = head(
        shared_server,
        "POST",
        "/api/v1/keys",
        X_API_Key=shared_server.client.key,
        Content_Type="application/json",
        Content_Length=str(1024 * MEGABYTE),
    )
    with connect(shared_server) as connection:
        connection.sendall(request)
        status, headers, body = read_answer(connection)

    assert (status, body["error"], headers["connection"]) == (413, "too_large", "close")
    assert memory_of(shared_server) - before < 5 * MEGABYTE


@pytest.mark.parametrize("has_key", [True, False], ids=["with a key", "without"])
def test_an_endless_body_is_cut_off(shared_server: ServerProcess, has_key: bool) -> None:
    before = memory_of(shared_server)
    credentials = {"X_API_Key": shared_server.client.key} if has_key else {}
    request = head(
        shared_server,
        "POST",
        "/api/v1/keys",
        Content_Type="application/json",
        Transfer_Encoding="chunked",
        **credentials,
    )
    chunk = b"%x\r\n%b\r\n" % (MEGABYTE, b"x" * MEGABYTE)
    with connect(shared_server) as connection:
        connection.sendall(request)
        sent = 0
        try:
            while sent < 200:
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass  # closed on us

    assert sent < (60 if has_key else 201)
    assert memory_of(shared_server) - before < 40 * MEGABYTE
    assert shared_server.anonymous.get("/health").status == 200


# ------------------------------------------------------------------ connections


def test_one_connection_serves_many_requests(shared_server: ServerProcess) -> None:
    request = head(shared_server, "GET", "/api/v1/auth/me", X_API_Key=shared_server.client.key)
    with connect(shared_server) as connection:
        statuses = []
        for _ in range(5):
            connection.sendall(request)
            statuses.append(read_answer(connection)[0])

    assert statuses == [200] * 5


def test_a_hundred_slow_clients_hurt_nobody_else(shared_server: ServerProcess) -> None:
    slow = [connect(shared_server) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        started = time.monotonic()
        status = shared_server.anonymous.get("/health").status
        took = time.monotonic() - started
    finally:
        for connection in slow:
            connection.close()

    assert (status, took < 2) == (200, True)


def test_callers_at_once_are_told_apart(shared_server: ServerProcess) -> None:
    """Half of them have a key; nobody without one is let in by a neighbour's."""

    def call(client: Client) -> int:
        return client.get("/api/v1/keys").status

    with ThreadPoolExecutor(16) as threads:
        known = [threads.submit(call, shared_server.client) for _ in range(16)]
        unknown = [threads.submit(call, shared_server.anonymous) for _ in range(16)]

    assert {waiting.result() for waiting in known} == {200}
    assert {waiting.result() for waiting in unknown} == {401}


# ------------------------------------------------------------------ starting and stopping


def open_slow_request(server: ServerProcess) -> tuple[socket.socket, Callable[[], Any]]:
    """A request whose body is half sent, and how to finish it."""
    body = b'{"name": "made while stopping", "role": "viewer"}'
    connection = connect(server)
    connection.sendall(
        head(
            server,
            "POST",
            "/api/v1/keys",
            X_API_Key=server.client.key,
            Content_Type="application/json",
            Content_Length=str(len(body)),
        )
        + body[:10]
    )

    def finish() -> Any:
        connection.sendall(body[10:])
        return read_answer(connection)

    return connection, finish


def test_sigterm_finishes_what_is_open_and_takes_nothing_new(site: Site) -> None:
    server = site.start()
    connection, finish = open_slow_request(server)
    with connection:
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, either says that nobody listens
            connect(server).recv(1)
        status, _, body = finish()
    started = time.monotonic()
    code = server.terminate()

    assert (status, body["name"]) == (201, "made while stopping")
    assert code in (0, 128 + signal.SIGTERM)
    assert time.monotonic() - started < 5


def test_sigterm_waits_no_longer_than_its_grace(site: Site) -> None:
    server = site.start(env={"SIGNALBOX_SHUTDOWN_GRACE": "1"})
    connection, _ = open_slow_request(server)
    with connection:
        time.sleep(0.3)
        started = time.monotonic()
        server.terminate()
        took = time.monotonic() - started

    assert took < 6


def test_kill_9_loses_nothing_that_was_answered(site: Site) -> None:
    first = site.start()
    made = first.post("/api/v1/keys", json={"name": "kept", "role": "viewer"})
    first.kill()

    second = site.start(port=first.port)
    me = second.as_key(made.json()["key"]).get("/api/v1/auth/me")
    actions = [entry["action"] for entry in second.get("/api/v1/audit").json()["data"]]

    assert (made.status, me.status, me.json()["role"]) == (201, 200, "viewer")
    assert actions[0] == "keys.key.created"


def test_several_workers_without_redis_are_refused(first_site: Site) -> None:
    done = first_site.try_manage("serve", "--workers", "2", env={"REDIS_URL": ""})

    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "CommandError: 2 workers need REDIS_URL: without it each process would count limits and hold live events "
        "for itself. Set REDIS_URL or serve with --workers 1."
    )


def test_a_taken_port_is_named(first_site: Site, shared_server: ServerProcess) -> None:
    done = first_site.try_manage("serve", "--port", str(shared_server.port))

    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        f"CommandError: 127.0.0.1:{shared_server.port} is taken or not ours to listen on."
    )


def test_several_workers_share_their_counts_and_stop_together(make_site: MakeSite) -> None:
    server = make_site(redis=True).start(workers=2)
    children = psutil.Process(server.pid).children(recursive=True)
    bound = server.post(
        "/api/v1/keys", json={"name": "slow", "role": "viewer", "limits": {"default": "5/m"}}
    )

    def call(_: int) -> int:
        return server.as_key(bound.json()["key"]).get("/api/v1/capabilities").status

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(call, range(20)))
    server.terminate()

    assert (bound.status, statuses) == (201, [200] * 5 + [429] * 15)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
