"""Streams as a caller sees them: when the first token is there, and many slow ones held open."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from urllib.parse import urlsplit

from bench import cores as cpu
from bench.generator import compose
from bench.load import ROOT, Call

TOKEN = b'"content": "word0'
TOKEN_TIGHT = b'"content":"word0'
END = b"0\r\n\r\n"


def first_pieces(call: Call, count: int) -> list[float]:
    """Seconds from the request to the first token, for one stream after the other on one connection."""
    parts = urlsplit(call.url)
    request = compose(_asked(call))
    waits = []
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            began = perf_counter()
            sock.sendall(request)
            got = b""
            while TOKEN not in got and TOKEN_TIGHT not in got:
                got += _some(sock)
            waits.append(perf_counter() - began)
            while not got.endswith(END):
                got = got[-len(END) :] + _some(sock)
    return waits


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise RuntimeError("a stream ended before its time")
    return data


@contextmanager
def crowd(call: Call, count: int, cores: set[int]) -> Iterator[None]:
    """So many streams, each past its first token, for as long as the block runs."""
    command = [sys.executable, "-m", "bench.streams", json.dumps(_asked(call)), str(count)]
    with cpu.on(cores):
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        if process.stdout.readline().strip() != "open":
            raise RuntimeError("the streams did not open")
        yield
    finally:
        process.stdin.close()
        process.wait(30)


def _asked(call: Call) -> dict[str, object]:
    return {
        "url": call.url,
        "method": call.method,
        "headers": dict(call.headers),
        "body": call.body,
    }


def hold(asked: dict[str, object], count: int) -> None:
    """Open them, say so, and hold them until our input ends."""
    parts = urlsplit(str(asked["url"]))
    request = compose(asked)
    held = []
    for _ in range(count):
        sock = socket.create_connection((parts.hostname, parts.port), timeout=60)
        sock.sendall(request)
        held.append(sock)
    for sock in held:
        got = b""
        while b"data: " not in got:
            got += _some(sock)
    print("open", flush=True)
    sys.stdin.read()
    for sock in held:
        sock.close()


if __name__ == "__main__":
    hold(json.loads(sys.argv[1]), int(sys.argv[2]))
