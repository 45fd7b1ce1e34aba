"""kill -9 of a server, its worker and their children at random instants, under callers who submit jobs."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tests.faults.crowd import Call, Crowd
from tests.faults.ledger import Ledger, read_ledger
from tests.rig.process import free_port
from tests.rig.servers import ServerProcess
from tests.rig.site import Site

SHORT = Call("POST", "/api/v1/jobs", {"kind": "demo.sleep", "payload": {"seconds": 0.05}})
LONGER = Call(
    "POST", "/api/v1/jobs", {"kind": "demo.sleep", "payload": {"seconds": 0.4, "steps": 2}}
)
HEAVY = Call("POST", "/api/v1/jobs", {"kind": "demo.compute", "payload": {"seconds": 0.2}})
SUBMISSIONS = (SHORT, SHORT, SHORT, LONGER, HEAVY)
VICTIMS = ("everybody", "server", "worker", "children")


@dataclass
class Rampage:
    """`run(kills)` on a site; `answered` are the jobs whose submission was answered with 202."""

    site: Site
    luck: random.Random
    callers: int = 4
    kills: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    statuses: dict[int, int] = field(default_factory=dict)

    def run(self, kills: int, *, jobs: int = 0, seconds: float = 60) -> Ledger:
        """Kill that often, spread over so many answered jobs; what the database holds when all have ended."""
        port = free_port()
        server = self.site.start(port=port)
        with self._calling(server) as crowd:
            for number in range(kills):
                while crowd.count(202) < number * jobs / kills:
                    time.sleep(0.05)
                server = self._kill_one(server, port)
            while crowd.count(202) < jobs:
                time.sleep(0.05)
        return read_ledger(self.site, seconds=seconds)

    @contextmanager
    def _calling(self, server: ServerProcess) -> Iterator[Crowd]:
        crowd = Crowd(server.url, self.site.key, SUBMISSIONS, callers=self.callers)
        try:
            with crowd.calling():
                yield crowd
        finally:
            self.statuses = crowd.statuses()
            for call in {*SUBMISSIONS}:
                self.answered |= {body["job_id"] for body in crowd.answered(call, 202)}

    def _kill_one(self, server: ServerProcess, port: int) -> ServerProcess:
        time.sleep(self.luck.uniform(0.2, 1.2))
        victim = self.luck.choice(VICTIMS)
        self.kills.append(victim)
        kill(server, victim)
        if server.is_running():
            time.sleep(self.luck.uniform(0.2, 1.0))
            return server
        return self.site.start(port=port)


def kill(server: ServerProcess, victim: str) -> None:
    """No order is kept: who is named dies before anybody else of the family could notice."""
    first = psutil.Process(server.pid)
    family = first.children(recursive=True)
    workers = [each for each in first.children() if _is_worker(each)]
    doomed = {
        "everybody": [first, *family],
        "server": [first],
        "worker": workers,
        "children": [each for each in family if each not in workers],
    }[victim]
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if first in doomed:
        server.kill()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "worker" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
