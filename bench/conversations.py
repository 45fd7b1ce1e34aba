"""`python -m bench conversations`: the first token of an answer beside the gateway's own, two hundred answers at once,
and the opening of a long conversation.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from urllib.parse import urlsplit

from bench import cores
from bench.gateway import make
from bench.gateways import chat_call, start_upstream
from bench.generator import compose
from bench.load import Call, measure_closely
from bench.ours import RATE, House
from bench.servers import Server, resident_megabytes
from bench.streams import END, TOKEN, TOKEN_TIGHT, crowd

FIRST_MS, HEALTH_MS, OPEN_MS = 5.0, 50.0, 300.0
STREAMS = 200
TALKS = 40
LONG = 10_000
MODELS = {"quick": "ok", "slow": "ok?tokens=400&gap=0.25"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench conversations", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=STREAMS)
    options = parser.parse_args()
    from bench.__main__ import circumstances  # it imports us

    print(circumstances(options.rounds, 3), flush=True)
    with TemporaryDirectory(prefix="signalbox-bench-") as name, ExitStack() as stack:
        server, key = _start(Path(name), stack)
        _first_tokens(server, key, options.rounds)
        _crowd(server, key, options.streams)
        _long(server, key)


def _start(folder: Path, stack: ExitStack) -> tuple[Server, str]:
    upstream = start_upstream(folder, cores.LOAD)
    stack.callback(upstream.stop)
    house = House(folder, {"SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{upstream.port}"})
    house.lay_out()
    server = house.start(cores=cores.SERVER)
    stack.callback(server.stop)
    place = {"name": "up", "kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": "sk-x"}
    make(server, house.key, "providers", place)
    for name, model in MODELS.items():
        make(server, house.key, "deployments", {"name": name, "provider": "up", "model": model})
        make(server, house.key, "routes", {"name": name, "targets": [{"deployment": name}]})
    terms = {"name": "caller", "role": "user", "limits": {"all": RATE}}
    return server, str(make(server, house.key, "keys", terms)["key"])


def _first_tokens(server: Server, key: str, rounds: int) -> None:
    """By the gateway's own door and as an answer of a conversation, by turns."""
    headers = {"Authorization": f"Bearer {key}"}
    gateway = chat_call(f"{server.url}/v1/chat/completions", "quick", is_stream=True, **headers)
    answers = [_saying(server, key, "quick") for _ in range(TALKS)]
    apart = [(median(_waits([gateway])), median(_waits(answers))) for _ in range(rounds)]
    theirs, ours = (median(pair[side] for pair in apart) * 1000 for side in (0, 1))
    print(
        f"First token: gateway {theirs:.2f} ms, answer of a conversation {ours:.2f} ms, added {ours - theirs:.2f} ms "
        f"(target ≤ {FIRST_MS:g}), medians of {TALKS * 2} in {rounds} rounds.",
        flush=True,
    )


def _saying(server: Server, key: str, model: str) -> Call:
    made = make(server, key, "conversations", {"model": model})
    return Call(
        f"{server.url}/api/v1/conversations/{made['id']}/messages",
        method="POST",
        headers=(("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")),
        body=json.dumps({"content": "Hello", "stream": True}),
    )


def _waits(calls: list[Call]) -> Iterator[float]:
    """Seconds to the first token, one stream after the other on one connection, read to their ends."""
    parts = urlsplit(calls[0].url)
    found = []
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for call, _ in zip(cycle(calls), range(TALKS * 2), strict=False):
            asked = {"url": call.url, "method": call.method, "headers": dict(call.headers)}
            request = compose({**asked, "body": call.body})
            began = perf_counter()
            sock.sendall(request)
            got = b""
            while TOKEN not in got and TOKEN_TIGHT not in got:
                got += _some(sock)
            found.append(perf_counter() - began)
            while not got.endswith(END):
                got = got[-len(END) :] + _some(sock)
    return iter(found)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise RuntimeError("a stream ended before its time")
    return data


def _crowd(server: Server, key: str, count: int) -> None:
    """Many answers at once, each of a conversation of its own, and whether anybody else notices."""
    before = resident_megabytes(server.process.pid)
    call = Call(
        f"{server.url}/api/v1/chat",
        method="POST",
        headers=(("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")),
        body=json.dumps({"message": "Hello", "model": "slow", "stream": True}),
    )
    with crowd(call, count, cores.LOAD):
        sleep(2)
        health = measure_closely(
            Call(f"{server.url}/health"), seconds=5, connections=4, cores=cores.LOAD
        )
        during = resident_megabytes(server.process.pid)
    each = (during - before) * 1024 / count
    print(
        f"{count} answers at once in one process, four tokens a second each: {each:.1f} kB each, /health p50 "
        f"{health.p50_ms:.1f} ms, p95 {health.p95_ms:.1f} ms meanwhile (target < {HEALTH_MS:g}).",
        flush=True,
    )


def _long(server: Server, key: str) -> None:
    """The last page of a conversation of ten thousand messages."""
    messages = [
        {
            "id": str(number),
            "parent_id": str(number - 1) if number else None,
            "role": ("user", "assistant")[number % 2],
            "status": "complete",
            "content": f"Message {number}. " * 10,
            "created_at": "2026-01-15T10:30:00Z",
        }
        for number in range(LONG)
    ]
    document = {
        "format": "signalbox.conversation",
        "version": 1,
        "conversation": {"title": "Long", "model": "quick"},
        "head": str(LONG - 1),
        "messages": messages,
    }
    try:
        make(server, key, "conversations/import", document)
    except RuntimeError as error:
        print(f"A conversation of {LONG} messages could not be imported: {str(error)[:300]}")
        return
    name = _newest(server, key)
    path = f"/api/v1/conversations/{name}/messages?before=end&limit=50"
    waits = []
    for _ in range(10):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        began = perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        waits.append(perf_counter() - began)
        connection.close()
    print(
        f"A conversation of {LONG} messages opens at its end in {median(waits) * 1000:.0f} ms "
        f"(target ≤ {OPEN_MS:g}), status {answer.status}."
    )


def _newest(server: Server, key: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    path = "/api/v1/conversations?limit=1&ordering=-message_count"
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return str(answer["data"][0]["id"])


if __name__ == "__main__":
    main()
