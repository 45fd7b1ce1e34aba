"""`python -m bench.jobs`: how much work one worker process gets through, how soon it begins, and what callers wait.

On SQLite, and with `--postgres` on a PostgreSQL of its own, whose durability is on. Server, worker, database and load
share the machine's cores, as on the small machine they are meant for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.jobs_doors import measure_doors
from bench.load import ROOT
from bench.table import format_table

QUEUE_LIMIT = {"SIGNALBOX_JOB_QUEUE_LIMIT": "1000000"}
DURABLE = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
WORKER = (
    "database",
    "jobs/s of one worker",
    "claimed after: p50 ms",
    "p95",
    "begun: p50 ms",
    "p95",
)
DOORS = ("database", "50 callers", "calls/s", "p50 ms", "p95 ms", "p99 ms", "failures", "goal p95")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each door")
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f} before we began.\n",
        flush=True,
    )
    names = ["SQLite", "PostgreSQL"] if options.postgres else ["SQLite"]
    rows = [(name, *worker_row(name, options.jobs, options.threads)) for name in names]
    print(format_table([WORKER, *rows]), flush=True)
    print("Goals: 500 jobs/s on SQLite, 1,000 on PostgreSQL; begun within 100 ms (p50).\n")
    doors = [(name, *row) for name in names for row in door_rows(name, options.seconds)]
    print(format_table([DOORS, *doors]))


def worker_row(name: str, jobs: int, threads: int) -> list[str]:
    with database(name) as (folder, url):
        command = [sys.executable, "-m", "bench.jobs_worker", str(jobs), str(threads)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                **QUEUE_LIMIT,
                "DATABASE_URL": url or f"sqlite:///{folder / 'bench.sqlite3'}",
                "SIGNALBOX_DATA_DIR": str(folder),
                "DJANGO_SETTINGS_MODULE": "config.settings.development",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return done.stdout.split()


def door_rows(name: str, seconds: float) -> list[tuple[str, ...]]:
    with database(name) as (folder, url):
        return measure_doors(folder, QUEUE_LIMIT | ({"DATABASE_URL": url} if url else {}), seconds)


@contextmanager
def database(name: str) -> Iterator[tuple[Path, str]]:
    """A folder to live in, and the address of a PostgreSQL of its own."""
    with TemporaryDirectory(prefix="signalbox-bench-") as folder:
        if name == "SQLite":
            yield Path(folder), ""
            return
        from tests.rig import postgres

        postgres.SETTINGS.update(DURABLE)
        server = postgres.Postgres(Path(folder) / "postgres", durable=True)
        try:
            yield Path(folder), server.url("postgres")
        finally:
            server.close()


if __name__ == "__main__":
    main()
