"""`python -m bench.soak`: mixed traffic for long, with memory, files, threads and tails read as it goes.

A leak shows as a line that climbs. Nothing here fails on a slow machine; what must hold whatever the speed (no 5xx,
no lost audit row) is said in the last lines.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter

import aiohttp
import psutil

from bench import cores
from bench.ours import House
from bench.servers import Server

READING_SECONDS = 5.0
CALLERS = 16
FOLLOWERS = 50


@dataclass
class Seen:
    """What the traffic met since the last reading, and in all."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    events: int = 0
    keys_made: int = 0


async def call_on(session: aiohttp.ClientSession, seen: Seen, until: float) -> None:
    """One caller: who am I, the list, and now and then a key's whole life."""
    turn = 0
    while monotonic() < until:
        turn += 1
        if turn % 20 == 0:
            await _live_a_key(session, seen)
        path = "/api/v1/keys?limit=20" if turn % 5 == 0 else "/api/v1/auth/me"
        await _timed(session, "GET", path, seen)


async def _live_a_key(session: aiohttp.ClientSession, seen: Seen) -> None:
    body = {"name": "soak", "role": "viewer"}
    async with session.post("/api/v1/keys", json=body) as answer:
        seen.statuses[answer.status] += 1
        made = await answer.json()
    if "id" in made:
        seen.keys_made += 1
        await _timed(session, "DELETE", f"/api/v1/keys/{made['id']}", seen)


async def _timed(session: aiohttp.ClientSession, method: str, path: str, seen: Seen) -> None:
    started = perf_counter()
    async with session.request(method, path) as answer:
        await answer.read()
    seen.latencies.append(perf_counter() - started)
    seen.statuses[answer.status] += 1


async def follow(session: aiohttp.ClientSession, seen: Seen, until: float) -> None:
    """One socket on the audit trail; it is opened anew every few seconds, as browsers do."""
    while monotonic() < until:
        async with session.ws_connect("/ws") as socket:
            await socket.send_json({"type": "subscribe", "topics": ["audit.events"]})
            leave = min(until, monotonic() + 10)
            with suppress(TimeoutError):
                async with asyncio.timeout(leave - monotonic()):
                    async for _ in socket:
                        seen.events += 1


async def read_out(server: Server, seen: Seen, until: float) -> list[float]:
    """Print a line every few seconds; answers the memory readings in MB."""
    process = psutil.Process(server.process.pid)
    memory = []
    print(
        f"{'seconds':>8} {'MB':>7} {'files':>6} {'threads':>8} {'calls':>8} {'p99 ms':>8} {'events':>8}"
    )
    started = monotonic()
    while monotonic() < until:
        await asyncio.sleep(READING_SECONDS)
        memory.append(process.memory_info().rss / 1e6)
        recent, seen.latencies = seen.latencies, []
        p99 = statistics.quantiles(recent, n=100)[98] * 1000 if len(recent) > 100 else 0.0
        print(
            f"{monotonic() - started:8.0f} {memory[-1]:7.1f} {process.num_fds():6d} {process.num_threads():8d} "
            f"{len(recent):8d} {p99:8.1f} {seen.events:8d}",
            flush=True,
        )
    return memory


async def soak(house: House, server: Server, seconds: float) -> None:
    seen = Seen()
    until = monotonic() + seconds
    headers = {"Authorization": f"Bearer {house.key}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, headers=headers, connector=connector) as session:
        work = [call_on(session, seen, until) for _ in range(CALLERS)]
        work += [follow(session, seen, until) for _ in range(FOLLOWERS)]
        memory, *_ = await asyncio.gather(read_out(server, seen, until), *work)
    half = len(memory) // 2
    grown = statistics.mean(memory[half:]) - statistics.mean(memory[:half]) if half else 0.0
    failures = sum(count for status, count in seen.statuses.items() if status >= 500)
    print(f"\nanswers by status: {dict(sorted(seen.statuses.items()))}; 5xx: {failures}")
    print(
        f"memory, second half over first: {grown:+.1f} MB; keys made and revoked: {seen.keys_made}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="signalbox-soak-") as folder:
        house = House(Path(folder))
        house.lay_out()
        server = house.start(cores=cores.SERVER)
        try:
            asyncio.run(soak(house, server, options.seconds))
        finally:
            server.stop()
        print(house.manage("verify_audit").strip().splitlines()[-1])


if __name__ == "__main__":
    main()
