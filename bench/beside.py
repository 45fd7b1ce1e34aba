"""The table of `python -m bench`: four calls beside the peers, then memory and start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import sleep

from bench import cores
from bench.load import Call
from bench.ours import EMAIL, PASSWORD, House
from bench.rounds import CONNECTIONS, Runner, run_rounds
from bench.servers import Server, resident_megabytes, start_peer
from bench.table import HEADER, Line, format_table, group_lines

PEER_KEY = "ltb_6c1bd04cf0ce4a0fb37d09bf3a5d0a53c0ffee"
ROWS = 25
STARTS = 3
MEGABYTES_TARGET = 120
START_SECONDS_TARGET = 3

NAMES = {
    "bare": "bare ASGI function",
    "fastapi": "FastAPI twin",
    "fastapi-asgi": "the same, bare ASGI middleware",
    "django": "stock Django ASGI",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call, the peers that answer it too, and how many times each of them we mean to be."""

    path: str
    peers: tuple[str, ...]
    targets: Mapping[str, float]
    connections: int = CONNECTIONS
    times: int = 1
    """How many times as long as the others it runs."""


COMPARISONS: Mapping[str, Comparison] = {
    "/health": Comparison("/health", ("bare",), {"bare": 0.2}),
    "hot GET": Comparison(
        "/api/v1/auth/me", ("fastapi", "fastapi-asgi", "django"), {"fastapi": 2.5, "django": 6.0}
    ),
    "list of 20": Comparison("/api/v1/keys?limit=20", ("django",), {"django": 3.0}),
    # One argon2 hash is a tenth of a second of a core by design: more callers only stand in line.
    "login": Comparison("/api/v1/auth/login", ("django",), {}, connections=2, times=3),
}


def compare(folder: Path, stack: ExitStack, rounds: int, seconds: int, only: str | None) -> None:
    house = House(folder)
    house.lay_out()
    size = measure_size(house)
    ours = house.start(cores=cores.SERVER)
    stack.callback(ours.stop)
    house.fill(ours, ROWS)
    peers = _start_peers(folder, stack)
    lines: list[Line] = [HEADER]
    for title, comparison in COMPARISONS.items():
        if only is None or only in title:
            lines += _measure(title, comparison, house, ours, peers, rounds, seconds)
    print(format_table(lines))
    print(f"\n{size}")


def _measure(
    title: str,
    comparison: Comparison,
    house: House,
    ours: Server,
    peers: Mapping[str, Server],
    rounds: int,
    seconds: int,
) -> list[Line]:
    path = comparison.path
    runner = Runner("ours", ours, _call(ours, path, house.key))
    others = [
        Runner(NAMES[name], peers[name], _call(peers[name], path, PEER_KEY))
        for name in comparison.peers
    ]
    run_rounds(
        [runner, *others],
        rounds=rounds,
        seconds=seconds * comparison.times,
        connections=comparison.connections,
    )
    targets = {NAMES[name]: times for name, times in comparison.targets.items()}
    return group_lines(title, runner, others, targets)


def measure_size(house: House) -> str:
    """Start the embedded server a few times and let it idle."""
    starts, sizes = [], []
    for _ in range(STARTS):
        server = house.start(cores=cores.SERVER, name="start")
        starts.append(server.seconds_to_listen)
        sleep(2)
        sizes.append(resident_megabytes(server.process.pid))
        server.stop()
    return (
        f"Embedded server, idle: {median(sizes):.0f} MB resident (target ≤ {MEGABYTES_TARGET}); "
        f"from the command to the first answer {median(starts):.2f} s (target ≤ {START_SECONDS_TARGET}), "
        f"medians of {STARTS} starts."
    )


def _start_peers(folder: Path, stack: ExitStack) -> dict[str, Server]:
    peers = {}
    for name in NAMES:
        environment = {
            "BENCH_PEER_KEY": PEER_KEY,
            "BENCH_PEER_DATABASE": str(folder / f"{name}.sqlite3"),
            "BENCH_ACCESS_LOG": str(folder / f"{name}.access.jsonl"),
            "BENCH_EMAIL": EMAIL,
            "BENCH_PASSWORD": PASSWORD,
            "BENCH_ROWS": str(ROWS + 1),
        }
        peers[name] = start_peer(name, folder=folder, cores=cores.SERVER, environment=environment)
        stack.callback(peers[name].stop)
    return peers


def _call(server: Server, path: str, key: str) -> Call:
    if path.endswith("/login"):
        body = json.dumps({"email": EMAIL, "password": PASSWORD})
        return Call(server.url + path, "POST", {"Content-Type": "application/json"}, body)
    headers = {} if path == "/health" else {"Authorization": f"Bearer {key}"}
    return Call(server.url + path, headers=headers)
