"""`python -m bench`: the house beside its peers. `scale`: two processes beside one.

`gateway`, `predict`, `conversations`, `jobs` and `events` (`python -m bench gateway --help`): model calls, predictions,
answers that the server writes, the worker and its doors, live topics.
"""

from __future__ import annotations

import argparse
import platform
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import conversations, cores, events, gateway, jobs, predict
from bench.beside import compare
from bench.load import name_of_generator
from bench.scale import compare_sizes

OTHERS = {
    "gateway": gateway.main,
    "predict": predict.main,
    "conversations": conversations.main,
    "jobs": jobs.main,
    "events": events.main,
}


def main() -> None:
    if sys.argv[1:] and sys.argv[1] in OTHERS:
        OTHERS[sys.argv.pop(1)]()
        return
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("peers", "scale"), default="peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--only", help="part of the name of a call: health, GET, list or login")
    options = parser.parse_args()
    print(circumstances(options.rounds, options.seconds), flush=True)
    with TemporaryDirectory(prefix="signalbox-bench-") as folder, ExitStack() as stack:
        if options.what == "scale":
            compare_sizes(Path(folder), stack, options.rounds, options.seconds)
        else:
            compare(Path(folder), stack, options.rounds, options.seconds, options.only)


def circumstances(rounds: int, seconds: int) -> str:
    """What a reader must know to believe the table."""
    now = datetime.now(UTC)
    load = getloadavg()[0]
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {len(cores.ALL)} cores, load {load:.1f} "
        f"before we began. Server on core {min(cores.SERVER)}, load generator on core {min(cores.LOAD)}: "
        f"{name_of_generator()}. {rounds} interleaved rounds of {seconds} s, 32 connections, medians.\n"
    )


if __name__ == "__main__":
    main()
