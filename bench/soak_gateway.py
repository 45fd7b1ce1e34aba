"""`python -m bench.soak_gateway`: model calls of every kind for ten minutes, and whether the server's memory grows.

Calls, streams, errors, streams that break and go on, callers who leave: at a fixed moderate rate. Memory is read every
30 s; it must not grow by more than 5 % once everything is warm. Exits with 1 when it does, or when somebody heard what
they should not have.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory
from time import monotonic

import psutil

from bench import cores
from bench.callers import KINDS, Crowd
from bench.gateway import make
from bench.gateways import start_upstream
from bench.ours import RATE, House
from bench.servers import Server
from bench.table import Line, format_table

SECONDS = 600
EVERY = 30.0
WARM_SECONDS = 120.0
LEAST_SECONDS = 300.0
"""A shorter run sees caches fill and little else: its growth is told, and not judged."""
MOST_GROWTH = 0.05
HEADER: Line = ("minute", "calls", "surprises", "server MB", "all MB", "files", "threads", "CPU %")


@dataclass(frozen=True, slots=True)
class Look:
    seconds: float
    calls: int
    surprises: int
    megabytes: float
    with_children: float
    files: int
    threads: int
    cpu: float

    def as_line(self) -> Line:
        return (
            f"{self.seconds / 60:.1f}",
            f"{self.calls:,}",
            str(self.surprises),
            f"{self.megabytes:.1f}",
            f"{self.with_children:.1f}",
            str(self.files),
            str(self.threads),
            f"{self.cpu:.0f}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak_gateway", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=float, default=100, help="calls a second, 150 at most")
    options = parser.parse_args()
    rate = min(options.rate, 150.0)
    print(f"{options.seconds:g} s at {rate:g} calls a second, of {len(KINDS)} kinds.\n", flush=True)
    with TemporaryDirectory(prefix="signalbox-soak-") as name:
        folder = Path(name)
        upstream = start_upstream(folder, cores.LOAD)
        house = House(folder, {"SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{upstream.port}"})
        house.lay_out()
        server = house.start(cores=cores.SERVER)
        try:
            key = _furnish(server, house.key, upstream)
            crowd = Crowd(server.url, key, rate)
            with cores.on(cores.LOAD):
                looks = asyncio.run(soak(server, crowd, options.seconds))
        finally:
            server.stop()
            upstream.stop()
    sys.exit(0 if _is_well(looks, crowd, options.seconds) else 1)


def _furnish(server: Server, admin: str, upstream: Server) -> str:
    """A route for each kind of caller; the key they come with, limited and budgeted like anybody's."""
    for name, path in (("openai_compatible", "/v1"), ("anthropic", "")):
        place = {"base_url": f"{upstream.url}{path}", "api_key": "sk-x"}
        make(server, admin, "providers", {"name": name, "kind": name, **place})
    for kind in KINDS:
        if not kind.modes:
            continue
        route = kind.route
        for number, mode in enumerate(kind.modes):
            deployment = {"provider": kind.provider, "model": mode, "input_price": "0.15", "output_price": "0.6"}  # fmt: skip
            make(server, admin, "deployments", {"name": f"{route}-{number}", **deployment})
        targets = [
            {"deployment": f"{route}-{number}", "priority": number}
            for number in range(len(kind.modes))
        ]
        more = {"continues": kind.continues, "retries": len(kind.modes) - 1}
        make(server, admin, "routes", {"name": route, "targets": targets, **more})
    terms = {"limits": {"all": RATE}, "budget": {"amount": 1_000_000, "period": "month"}}
    return str(make(server, admin, "keys", {"name": "caller", "role": "user", **terms})["key"])


async def soak(server: Server, crowd: Crowd, seconds: float) -> list[Look]:
    """Looks at the server now and then while its callers come."""
    process = psutil.Process(server.process.pid)
    process.cpu_percent()
    every = min(EVERY, seconds / 20)
    began = monotonic()
    sending = asyncio.create_task(crowd.send_for(seconds))
    looks: list[Look] = []
    print(format_table([HEADER, *[tuple("" for _ in HEADER)]]).splitlines()[0], flush=True)
    while not sending.done():
        await asyncio.wait({sending}, timeout=began + every * (len(looks) + 1) - monotonic())
        looks.append(_look(process, crowd, monotonic() - began))
        print("  ".join(looks[-1].as_line()), flush=True)
    await sending
    return looks


def _look(process: psutil.Process, crowd: Crowd, seconds: float) -> Look:
    megabytes = process.memory_info().rss / 1024**2
    children = sum(child.memory_info().rss for child in process.children(recursive=True))
    return Look(
        seconds=seconds,
        calls=crowd.heard.total(),
        surprises=crowd.surprises.total(),
        megabytes=megabytes,
        with_children=megabytes + children / 1024**2,
        files=process.num_fds(),
        threads=process.num_threads(),
        cpu=process.cpu_percent(),
    )


def _is_well(looks: Sequence[Look], crowd: Crowd, seconds: float) -> bool:
    print(f"\n{format_table([HEADER, *(look.as_line() for look in looks)])}\n")
    heard = ", ".join(f"{kind.name} {crowd.heard[kind.name]:,}" for kind in KINDS)
    print(f"Heard: {heard}; not sent: {crowd.not_sent}.")
    for surprise, count in crowd.surprises.most_common(20):
        print(f"SURPRISE {count} × {surprise}")
    grown, slope = growth(looks, min(WARM_SECONDS, seconds / 5))
    is_judged, is_flat = seconds >= LEAST_SECONDS, grown <= MOST_GROWTH
    verdict = ("flat" if is_flat else "GROWING") if is_judged else "too short to say more"
    print(
        f"Since everything was warm: {slope:+.2f} MB a minute, {grown:+.1%} "
        f"(at most {MOST_GROWTH:+.0%}): {verdict}."
    )
    return (is_flat or not is_judged) and not crowd.surprises


def growth(looks: Sequence[Look], warm_seconds: float) -> tuple[float, float]:
    """How much the line through the looks since then rises to its end, as a part; and by how much a minute."""
    warm = [look for look in looks if look.seconds >= warm_seconds]
    minutes = [look.seconds / 60 for look in warm]
    slope, start = linear_regression(minutes, [look.megabytes for look in warm])
    return slope * (minutes[-1] - minutes[0]) / (start + slope * minutes[0]), slope


if __name__ == "__main__":
    main()
