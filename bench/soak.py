"""`python -m bench.soak`: the server under load for long, with an eye on what must not grow.

Calls take turns; after each turn the server's memory, files and threads are read. At the end 300 subscribers hear a
burst, which none may miss unknowingly. Printed, never judged by exit status.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import psutil

from bench import burst, cores
from bench.load import Call, Reading, measure, name_of_generator
from bench.ours import House
from bench.rounds import CONNECTIONS
from bench.servers import Server
from bench.table import Line, format_table

ROWS = 25
PATHS = (
    "/api/v1/auth/me",
    "/api/v1/keys?limit=20",
    "/health",
    "/api/v1/audit?limit=20",
    "/nowhere",
)
HEADER: Line = ("minute", "call", "req/s", "p99 ms", "failures", "MB", "files", "threads")


@dataclass(frozen=True, slots=True)
class Turn:
    minute: float
    path: str
    reading: Reading
    megabytes: float
    files: int
    threads: int

    def as_line(self) -> Line:
        return (
            f"{self.minute:.1f}",
            self.path,
            f"{self.reading.per_second:,.0f}",
            f"{self.reading.p99_ms:.1f}",
            "expected" if self.path == "/nowhere" else str(self.reading.failures),
            f"{self.megabytes:.0f}",
            str(self.files),
            str(self.threads),
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--turn", type=int, default=10, help="seconds of each call's turn")
    parser.add_argument("--subscribers", type=int, default=300, help="of the burst at the end")
    parser.add_argument("--events", type=int, default=6000, help="of the burst at the end")
    options = parser.parse_args()
    print(f"{options.minutes:g} minutes, {CONNECTIONS} connections, {name_of_generator()}.\n")
    with TemporaryDirectory(prefix="signalbox-soak-") as folder:
        house = House(Path(folder))
        house.lay_out()
        server = house.start(cores=cores.SERVER)
        try:
            house.fill(server, ROWS)
            turns = soak(house, server, options.minutes * 60, options.turn)
            print(format_table([HEADER, *(turn.as_line() for turn in turns)]))
            print(f"\n{growth(turns)}\n", flush=True)
            print(burst.report(server, house.key, options.subscribers, options.events))
        finally:
            server.stop()


def soak(house: House, server: Server, seconds: float, turn_seconds: int) -> list[Turn]:
    turns = []
    started = monotonic()
    for path in cycle(PATHS):
        headers = {} if path == "/health" else {"Authorization": f"Bearer {house.key}"}
        call = Call(server.url + path, headers=headers)
        reading = measure(call, seconds=turn_seconds, connections=CONNECTIONS, cores=cores.LOAD)
        turns.append(_look(server, path, reading, (monotonic() - started) / 60))
        if monotonic() - started >= seconds and len(turns) >= 2 * len(PATHS):
            return turns
    return turns


def _look(server: Server, path: str, reading: Reading, minute: float) -> Turn:
    process = psutil.Process(server.process.pid)
    return Turn(
        minute=minute,
        path=path,
        reading=reading,
        megabytes=process.memory_info().rss / 1024**2,
        files=process.num_fds(),
        threads=process.num_threads(),
    )


def growth(turns: Sequence[Turn]) -> str:
    """From the end of the first round of calls, when everything is warm, to the end."""
    warm, last = turns[len(PATHS) - 1], turns[-1]
    return (
        f"Since everything was warm: {last.megabytes - warm.megabytes:+.0f} MB, "
        f"{last.files - warm.files:+d} files, {last.threads - warm.threads:+d} threads."
    )


if __name__ == "__main__":
    main()
