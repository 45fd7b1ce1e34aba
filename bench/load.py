"""The load: `wrk` where it is installed, an own generator otherwise. Either runs alone on its core."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import cores as cpu

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Call:
    """One request, asked again and again."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    per_second: float
    p99_ms: float
    failures: int
    """Answers other than 2xx and broken connections: a row with any is no measurement."""
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    """These two of our own generator alone."""


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def name_of_generator() -> str:
    if has_wrk():
        return "wrk"
    return "our own generator (bench/generator.py), for want of wrk: apt-get install wrk"


def measure(call: Call, *, seconds: float, connections: int, cores: set[int]) -> Reading:
    """Ask for `seconds` over `connections` that stay open."""
    if has_wrk():
        return _by_wrk(call, seconds, connections, cores)
    return measure_closely(call, seconds=seconds, connections=connections, cores=cores)


def measure_closely(call: Call, *, seconds: float, connections: int, cores: set[int]) -> Reading:
    """The same by our own generator, which knows every percentile."""
    asked = {
        "url": call.url,
        "method": call.method,
        "headers": dict(call.headers),
        "body": call.body,
        "seconds": seconds,
        "connections": connections,
    }
    # By its input: a batch is longer than an argument may be.
    command = [sys.executable, "-m", "bench.generator"]
    text = _run(command, seconds, cores, json.dumps(asked))
    return Reading(**json.loads(text))


def _by_wrk(call: Call, seconds: float, connections: int, cores: set[int]) -> Reading:
    # wrk knows whole seconds, and other methods than GET by script alone.
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--latency",
        "--timeout",
        "20s",
    ]
    command += ["-s", str(ROOT / "bench" / "call.lua"), call.url, "--", call.method, call.body]
    command += [f"{name}: {value}" for name, value in call.headers.items()]
    return _read_wrk(_run(command, seconds, cores))


def _read_wrk(text: str) -> Reading:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    if rate is None or p99 is None:
        raise RuntimeError(f"wrk said something else:\n{text}")
    milliseconds = float(p99[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]]
    failures = int(bad[1]) if bad else 0
    failures += sum(map(int, broken.groups())) if broken else 0
    return Reading(float(rate[1]), milliseconds, failures)


def _run(command: list[str], seconds: float, cores: set[int], given: str = "") -> str:
    with cpu.on(cores):
        done = subprocess.run(
            command,
            cwd=ROOT,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 30,
        )
    if done.returncode:
        raise RuntimeError(f"the load generator failed:\n{done.stdout}{done.stderr}")
    return done.stdout
