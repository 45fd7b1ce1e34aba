"""`python -m bench.events`: idle sockets and what they weigh, one event to all of them, beside a bare hub.

The sockets are split between processes of their own (a process may hold 20,000 files here). An event of ours is a job
queued by the API for an hour hence: authentication, the job's row, the audit row, the outbox, its number, then all
sockets. The third row is the same while clients keep calling, as fast as they are answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic, sleep

from bench import cores as cpu
from bench.load import ROOT, Call
from bench.load import measure as ask
from bench.ours import House
from bench.servers import Server, free_port, resident_megabytes
from bench.table import format_table

QUIET_SECONDS = 0.3
PATIENCE = 60.0
HEADER = ("server", "sockets", "KB a socket", "event to all: p50 ms", "p95 ms", "last ms", "lost")
EVENT = json.dumps({"type": "event", "topic": "job.progress", "data": {"filler": "x" * 600}})


@dataclass(frozen=True, slots=True)
class Result:
    kilobytes: float | None
    waits: list[float]
    lost: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.events", description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--events", type=int, default=10, help="sent to all, one by one")
    parser.add_argument("--singles", type=int, default=50, help="sent to one socket, one by one")
    parser.add_argument("--processes", type=int, default=2, help="that hold the clients' sockets")
    parser.add_argument("--clients", type=int, default=8, help="that call in the third row")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="signalbox-bench-") as folder, ExitStack() as stack:
        house = House(Path(folder))
        house.lay_out()
        ours = house.start(cores=cpu.SERVER)
        stack.callback(ours.stop)
        hub = start_hub(Path(folder))
        stack.callback(hub.stop)
        publish_ours, publish_hub = job_maker(ours, house.key), publisher(hub)
        call = Call(f"{ours.url}/api/v1/auth/me", headers={"Authorization": f"Bearer {house.key}"})
        beside = f"Signalbox, {options.clients} clients calling"
        rows = []
        for name, server, path, publish, load in (
            ("Signalbox", ours, "/ws", publish_ours, None),
            ("bare hub", hub, "/", publish_hub, None),
            (beside, ours, "/ws", publish_ours, call),
        ):
            found = measure(server, path, house.key, publish, options, load)
            rows.append((name, f"{options.sockets:,}", *figures(found)))
        print(format_table([HEADER, *rows]))
        one = measure_singles(ours, house.key, publish_ours, options.singles)
        print(f"\nCall to one socket's frame, {options.singles} times: p50 {one:.1f} ms.")
    print("Goals: 40 KB a socket, p95 of one event to 10,000 within 1 s, p50 to one within 50 ms.")


def start_hub(folder: Path) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "bench.hub", str(port)]
    return Server("hub", command, port=port, cores=cpu.SERVER, folder=folder)


def job_maker(server: Server, key: str) -> Callable[[], None]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = json.dumps({"kind": "demo.sleep", "run_at": later})
    return _poster(server, "/api/v1/jobs", body, headers)


def publisher(server: Server) -> Callable[[], None]:
    return _poster(server, "/publish", EVENT, {})


def _poster(server: Server, path: str, body: str, headers: dict[str, str]) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)

    def post() -> None:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()  # the server would, while the sockets open
        if answer.status not in (http.HTTPStatus.CREATED, http.HTTPStatus.ACCEPTED):
            raise RuntimeError(f"{path} answered {answer.status}")

    return post


def measure(
    server: Server,
    path: str,
    key: str,
    publish: Callable[[], None],
    options: argparse.Namespace,
    load: Call | None,
) -> Result:
    publish()  # warm
    before = resident_megabytes(server.process.pid)
    share = options.sockets // options.processes
    with listeners(server, path, key, share, options.processes) as crowd:
        sleep(QUIET_SECONDS)
        size = resident_megabytes(server.process.pid) - before
        waits, lost = [], 0
        with asking(load, options.clients, options.events):
            for _ in range(options.events):
                found = send_one(crowd, publish, share * options.processes)
                waits += found
                lost += share * options.processes - len(found)
    # What the last crowd left behind is used again: only the first on a server shows what sockets weigh.
    weight = None if load else size * 1024 / (share * options.processes)
    return Result(weight, waits, lost)


@contextmanager
def asking(call: Call | None, clients: int, seconds: float) -> Iterator[None]:
    """Calls beside what happens in here, a second for each event."""
    if call is None:
        yield
        return
    given = {"seconds": seconds, "connections": clients, "cores": cpu.LOAD}
    thread = Thread(target=ask, args=(call,), kwargs=given)
    thread.start()
    sleep(QUIET_SECONDS)
    yield
    thread.join()


def measure_singles(server: Server, key: str, publish: Callable[[], None], count: int) -> float:
    with listeners(server, "/ws", key, 1, 1) as crowd:
        waits = [wait for _ in range(count) for wait in send_one(crowd, publish, 1)]
    return median(waits) * 1000


def send_one(
    crowd: list[subprocess.Popen[str]], publish: Callable[[], None], sockets: int
) -> list[float]:
    """The seconds from the call to each socket's frame."""
    started = monotonic()
    publish()
    arrivals: list[float] = []
    while len(arrivals) < sockets and monotonic() - started < PATIENCE:
        sleep(0.02)
        for process in crowd:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            arrivals += json.loads(process.stdout.readline())
    return [at - started for at in arrivals]


@contextmanager
def listeners(
    server: Server, path: str, key: str, share: int, processes: int
) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "bench.listeners"]
    given = [str(server.port), path, str(share), key or "none"]
    with cpu.on(cpu.LOAD):
        crowd = [
            subprocess.Popen(
                [*command, *given],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
    try:
        for process in crowd:
            assert process.stdout is not None
            if process.stdout.readline() != "open\n":
                raise RuntimeError("the sockets did not open")
        yield crowd
    finally:
        for process in crowd:
            process.kill()
            process.wait(10)


def figures(found: Result) -> tuple[str, ...]:
    waits = [wait * 1000 for wait in found.waits] or [0.0, 0.0]
    p95 = quantiles(waits, n=20)[-1]
    return (
        "" if found.kilobytes is None else f"{found.kilobytes:.1f}",
        f"{median(waits):.0f}",
        f"{p95:.0f}",
        f"{max(waits):.0f}",
        str(found.lost),
    )


if __name__ == "__main__":
    main()
