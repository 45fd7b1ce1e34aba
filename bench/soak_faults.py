"""`python -m bench.soak_faults`: the faults of `tests/faults` at large counts. Exits 1 when anything was lost.

Real servers are killed, their PostgreSQL is restarted at once, their webhooks' receiver waits; in the end the database
is read and compared with what callers were answered.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.table import Line, format_table
from tests.factories.receiver import Receiver
from tests.faults.crowd import Call, Crowd
from tests.faults.hooks import make_events_under_kills, slowly, wait_for_all
from tests.faults.killing import SUBMISSIONS, Rampage
from tests.faults.ledger import Ledger, read_ledger
from tests.rig.postgres import Postgres
from tests.rig.site import Site, make_first_site

HEADER: Line = (
    "fault", "times", "answered", "lost", "told other than once", "channels with holes",
    "answers", "all ended after", "took",
)  # fmt: skip
ENV = {
    "RATE_LIMIT_REQUESTS": "100000",
    "SIGNALBOX_JOB_LEASE": "5",
    "SIGNALBOX_JOB_QUEUE_LIMIT": "1000000",
}
MAKE_KEY = Call("POST", "/api/v1/keys", {"name": "key {n}", "role": "viewer"})
LIST_JOBS = Call("GET", "/api/v1/jobs?limit=5")
PATIENCE = 300.0


@dataclass(frozen=True)
class Result:
    """What was found after one kind of fault."""

    fault: str
    times: int
    answered: int
    lost: int
    told_wrongly: int
    holes: int
    statuses: dict[int, int]
    waited: float
    took: float

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.told_wrongly or self.holes)

    def as_line(self) -> Line:
        statuses = ", ".join(
            f"{count:,} × {status or 'none'}" for status, count in sorted(self.statuses.items())
        )
        return (
            self.fault, f"{self.times:,}", f"{self.answered:,}", f"{self.lost:,}",
            f"{self.told_wrongly:,}", f"{self.holes:,}", statuses, f"{self.waited:.1f} s",
            f"{self.took:.0f} s",
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak_faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=10_000, help="answered while the kills go on")
    parser.add_argument("--restarts", type=int, default=10, help="of PostgreSQL, at once")
    parser.add_argument("--events", type=int, default=200, help="of webhooks, over ten kills")
    parser.add_argument("--only", default="", help="part of a fault's name, as in the table")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    luck = random.Random(options.seed)
    rounds: dict[str, Callable[[Site, Postgres | None], Result]] = {
        "kill -9, SQLite": lambda site, _: kills(site, luck, options.kills, options.jobs),
        "kill -9, PostgreSQL": lambda site, _: kills(site, luck, options.kills, options.jobs),
        "kill -9, webhooks": lambda site, _: webhooks(site, options.events),
        "restarted, PostgreSQL": lambda site, postgres: restarts(
            site, postgres, luck, options.restarts
        ),
    }
    results = []
    for name, call in rounds.items():
        if options.only in name:
            with a_site("sqlite" if "SQLite" in name else "postgres") as (site, postgres):
                results.append(call(site, postgres))
            print(results[-1], flush=True)
    print(format_table([HEADER, *(result.as_line() for result in results)]))
    sys.exit(not all(result.is_sound for result in results))


def kills(site: Site, luck: random.Random, count: int, jobs: int) -> Result:
    began = time.monotonic()
    rampage = Rampage(site, luck, callers=12)
    ledger = rampage.run(count, jobs=jobs, seconds=PATIENCE)
    stack = "PostgreSQL" if site.database_url.startswith("postgres") else "SQLite"
    return judge(
        f"kill -9, {stack}", len(rampage.kills), rampage.answered, ledger, rampage.statuses, began
    )


def restarts(site: Site, postgres: Postgres | None, luck: random.Random, count: int) -> Result:
    assert postgres is not None
    began = time.monotonic()
    server = site.start()
    crowd = Crowd(server.url, site.key, [MAKE_KEY, *SUBMISSIONS, LIST_JOBS], callers=8)
    with crowd.calling():
        for _ in range(count):
            time.sleep(luck.uniform(1.0, 4.0))
            postgres.stop_at_once()
            time.sleep(luck.uniform(0.0, 2.0))
            postgres.start()
        time.sleep(3.0)
    ledger = read_ledger(site, seconds=PATIENCE)
    taken = {body["job_id"] for call in {*SUBMISSIONS} for body in crowd.answered(call, 202)}
    keys = {body["name"] for body in crowd.answered(MAKE_KEY, 201)}
    result = judge("restarted, PostgreSQL", count, taken, ledger, crowd.statuses(), began)
    lost_keys = len(keys - set(ledger.keys))
    wrong = sum(n for status, n in crowd.statuses().items() if status not in {200, 201, 202, 503})
    print(f"{len(keys):,} keys answered, {lost_keys} lost, {wrong} answers that were no 503")
    return result


def webhooks(site: Site, events: int) -> Result:
    began, count = time.monotonic(), 10
    with Receiver() as receiver:
        receiver.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # callers are killed on purpose
        receiver.answers["/hook"] = [slowly]
        site.env["SIGNALBOX_ALLOWED_PRIVATE_HOSTS"] = f"127.0.0.1:{receiver.port}"
        made = make_events_under_kills(site, receiver, events, count)
        heard = wait_for_all(receiver, made, seconds=PATIENCE)
        attempts = len(receiver.at("/hook"))
    several = sum(len(ids) != 1 for ids in heard.values())
    lost = len(set(made) - set(heard))
    waited = time.monotonic() - began
    statuses = {200: attempts}
    return Result("kill -9, webhooks", count, len(made), lost, several, 0, statuses, waited, waited)


def judge(
    fault: str,
    times: int,
    answered: set[str],
    ledger: Ledger,
    statuses: dict[int, int],
    began: float,
) -> Result:
    return Result(
        fault,
        times,
        len(answered),
        len(ledger.lost(answered)),
        len(ledger.told_other_than_once()),
        len(ledger.broken_channels()),
        statuses,
        ledger.waited,
        time.monotonic() - began,
    )


@contextmanager
def a_site(stack: str) -> Iterator[tuple[Site, Postgres | None]]:
    with TemporaryDirectory(prefix="signalbox-faults-") as folder:
        postgres = Postgres(Path(folder), durable=True) if stack == "postgres" else None
        os.environ["DATABASE_URL"] = postgres.url() if postgres else "sqlite:///"
        site = make_first_site(Path(folder) / "site", "soak")
        site.settings = "tests.faults.settings"
        site.env |= ENV
        try:
            yield site, postgres
        finally:
            site.close()
            if postgres is not None:
                postgres.close()


if __name__ == "__main__":
    main()
