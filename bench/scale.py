"""The table of `python -m bench scale`: two server processes with Redis, beside one with and without it.

The two share both cores with the load generator and Redis, since that is the machine there is; the one has a core for
itself, as in the other table.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bench import cores as cpu
from bench.load import Call
from bench.ours import House
from bench.rounds import Runner, run_rounds
from bench.servers import start_redis
from bench.table import HEADER, format_table, group_lines

PATH = "/api/v1/auth/me"


def compare_sizes(folder: Path, stack: ExitStack, rounds: int, seconds: int) -> None:
    house = House(folder)
    house.lay_out()
    redis = start_redis(folder=folder, cores=cpu.BOTH)
    stack.callback(redis.stop)
    shared = {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
    sizes = (
        ("two processes, Redis", 2, cpu.BOTH, cpu.BOTH, shared),
        ("one process", 1, cpu.SERVER, cpu.LOAD, {}),
        ("one process, Redis", 1, cpu.SERVER, cpu.LOAD, shared),
    )
    runners = []
    for name, workers, cores, load_cores, environment in sizes:
        server = house.start(
            name=name.replace(" ", "-"), workers=workers, cores=cores, environment=environment
        )
        stack.callback(server.stop)
        call = Call(server.url + PATH, headers={"Authorization": f"Bearer {house.key}"})
        runners.append(Runner(name, server, call, load_cores))
    run_rounds(runners, rounds=rounds, seconds=seconds)
    two, *others = runners
    print(format_table([HEADER, *group_lines("hot GET", two, others, {})]))
    print("\nGoal for two processes: 10,000 requests a second.")
