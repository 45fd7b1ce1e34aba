"""What fifty callers in a closed loop wait for: submitting a job, asking where one stands. The worker runs meanwhile."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from time import sleep

from bench import cores as cpu
from bench.load import Call, measure_closely
from bench.ours import House
from bench.servers import Server

CALLERS = 50
WARM_SECONDS = 1.0
TRIVIAL = json.dumps({"kind": "demo.sleep", "payload": {"seconds": 0}})
LONG = json.dumps({"kind": "demo.sleep", "payload": {"seconds": 60, "steps": 100}})


def measure_doors(
    folder: Path, environment: Mapping[str, str], seconds: float
) -> list[tuple[str, ...]]:
    house = House(folder, dict(environment))
    house.lay_out()
    server = house.start(cores=cpu.BOTH)
    try:
        sleep(2.0)  # the worker beside it starts too
        headers = {"Authorization": f"Bearer {house.key}", "Content-Type": "application/json"}
        submit = Call(f"{server.url}/api/v1/jobs", "POST", headers, TRIVIAL)
        made = _row("submit", submit, seconds, "100 ms")
        watched = _submit_one(server, headers)
        sleep(2.0)
        status = Call(f"{server.url}/api/v1/job/{watched}/status", headers=headers)
        return [made, _row("status of a running job", status, seconds, "50 ms")]
    finally:
        server.stop()


def _row(name: str, call: Call, seconds: float, goal: str) -> tuple[str, ...]:
    measure_closely(call, seconds=WARM_SECONDS, connections=CALLERS, cores=cpu.BOTH)
    found = measure_closely(call, seconds=seconds, connections=CALLERS, cores=cpu.BOTH)
    return (
        name,
        f"{found.per_second:,.0f}",
        f"{found.p50_ms:.1f}",
        f"{found.p95_ms:.1f}",
        f"{found.p99_ms:.1f}",
        str(found.failures),
        goal,
    )


def _submit_one(server: Server, headers: Mapping[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/api/v1/jobs", LONG, dict(headers))
    answer = connection.getresponse()
    job_id: str = json.loads(answer.read())["job_id"]
    connection.close()
    return job_id
