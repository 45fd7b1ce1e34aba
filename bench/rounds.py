"""Interleaved rounds: A B C A B C …, so that whatever else the machine does happens to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import psutil

from bench import cores as cpu
from bench.load import Call, Reading, measure
from bench.servers import Server

CONNECTIONS = 32
WARM_UP_SECONDS = 1


@dataclass
class Runner:
    """One server answering one call, and what came of each round."""

    name: str
    server: Server
    call: Call
    readings: list[Reading] = field(default_factory=list)
    cpu_microseconds: list[float] = field(default_factory=list)

    def run(self, seconds: float, connections: int, cores: set[int]) -> None:
        before = cpu_seconds(self.server)
        reading = measure(self.call, seconds=seconds, connections=connections, cores=cores)
        spent = cpu_seconds(self.server) - before
        self.readings.append(reading)
        self.cpu_microseconds.append(spent / max(1.0, reading.per_second * seconds) * 1e6)

    def forget(self) -> None:
        self.readings.clear()
        self.cpu_microseconds.clear()

    @property
    def per_second(self) -> float:
        return median(reading.per_second for reading in self.readings)

    @property
    def p99_ms(self) -> float:
        return median(reading.p99_ms for reading in self.readings)

    @property
    def cpu(self) -> float:
        return median(self.cpu_microseconds)

    @property
    def failures(self) -> int:
        return sum(reading.failures for reading in self.readings)


def run_rounds(
    runners: Sequence[Runner],
    *,
    rounds: int,
    seconds: float,
    connections: int = CONNECTIONS,
    cores: set[int] = cpu.LOAD,
) -> None:
    for runner in runners:
        runner.run(WARM_UP_SECONDS, connections, cores)
        runner.forget()
    for _ in range(rounds):
        for runner in runners:
            runner.run(seconds, connections, cores)


def ratio(ours: Runner, peer: Runner) -> float:
    """How many times the peer's rate ours is: the median over rounds, each against its neighbour in time."""
    pairs = zip(ours.readings, peer.readings, strict=True)
    return median(mine.per_second / max(theirs.per_second, 0.1) for mine, theirs in pairs)


def cpu_ratio(ours: Runner, peer: Runner) -> float:
    """The same by processor time a request, which neighbours on the machine disturb less."""
    pairs = zip(ours.cpu_microseconds, peer.cpu_microseconds, strict=True)
    return median(theirs / max(mine, 0.1) for mine, theirs in pairs)


def cpu_seconds(server: Server) -> float:
    """What the server and its children have used so far."""
    parent = psutil.Process(server.process.pid)
    spent = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return sum(times.user + times.system for times in spent)
