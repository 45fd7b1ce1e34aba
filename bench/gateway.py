"""`python -m bench gateway`: model calls through us, LiteLLM and Portkey, to the same upstream, on the same core.

We authenticate, hold the limit, reserve and settle a budget and write the usage down; the peers do none of it.
"""

from __future__ import annotations

import argparse
import http.client
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import cores
from bench.gateways import STARTERS, chat_call, start_upstream
from bench.load import Call, Reading, measure_closely
from bench.ours import RATE, House
from bench.rounds import Runner, run_rounds
from bench.servers import Server, resident_megabytes
from bench.streams import crowd, first_pieces
from bench.table import HEADER, Line, format_table, group_lines

TARGETS = {"LiteLLM proxy": 40.0, "Portkey gateway": 4.0}
ADDED_P50_MS, ADDED_P99_MS, FIRST_MS = 0.8, 5.0, 2.0
STREAMS, STREAM_KILOBYTES, HEALTH_MS = 500, 40.0, 50.0
STREAMED = 200


@dataclass
class Asked:
    """A server and the call it is asked."""

    name: str
    server: Server
    call: Call


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="without the peers")
    options = parser.parse_args()
    from bench.__main__ import circumstances  # it imports us

    print(circumstances(options.rounds, options.seconds), flush=True)
    with TemporaryDirectory(prefix="signalbox-bench-") as name, ExitStack() as stack:
        _compare(Path(name), stack, options)


def _compare(folder: Path, stack: ExitStack, options: argparse.Namespace) -> None:
    upstream = start_upstream(folder, cores.LOAD)
    stack.callback(upstream.stop)
    ours, key = _start_ours(folder, stack, upstream)
    peers = [] if options.alone else _start_peers(folder, stack, upstream)
    direct = Asked(
        "upstream itself", upstream, chat_call(f"{upstream.url}/v1/chat/completions", "ok")
    )
    house = Asked("ours", ours, _ours_call(ours, key, "quick"))

    _rates(house, peers, options)
    _latencies([direct, house, *peers], options)
    _first_tokens(direct, house, key)
    _crowd(ours, key)


def _rates(house: Asked, peers: list[Asked], options: argparse.Namespace) -> None:
    runner = Runner(house.name, house.server, house.call)
    others = [Runner(peer.name, peer.server, peer.call) for peer in peers]
    run_rounds([runner, *others], rounds=options.rounds, seconds=options.seconds)
    lines: list[Line] = [HEADER, *group_lines("chat", runner, others, TARGETS)]
    print(format_table(lines), flush=True)


def _latencies(asked: list[Asked], options: argparse.Namespace) -> None:
    """One caller, one call after the other: what each server adds to the upstream's own time."""
    readings: dict[str, list[Reading]] = {one.name: [] for one in asked}
    for _ in range(options.rounds):
        for one in asked:
            reading = measure_closely(
                one.call, seconds=options.seconds, connections=1, cores=cores.LOAD
            )
            readings[one.name].append(reading)
    base = readings[asked[0].name]
    lines: list[Line] = [("one connection", "p50 ms", "p99 ms", "added p50", "added p99", "target")]
    for one in asked:
        p50 = median(r.p50_ms for r in readings[one.name])
        p99 = median(r.p99_ms for r in readings[one.name])
        added50 = p50 - median(r.p50_ms for r in base)
        added99 = p99 - median(r.p99_ms for r in base)
        target = f"≤ {ADDED_P50_MS} and ≤ {ADDED_P99_MS}" if one.name == "ours" else ""
        lines.append(
            (one.name, f"{p50:.2f}", f"{p99:.2f}", f"{added50:.2f}", f"{added99:.2f}", target)
        )
    print(f"\n{format_table(lines)}", flush=True)


def _first_tokens(direct: Asked, house: Asked, key: str) -> None:
    there = chat_call(direct.call.url, "ok", is_stream=True)
    here = _ours_call(house.server, key, "quick", is_stream=True)
    apart = [
        (median(first_pieces(there, STREAMED)), median(first_pieces(here, STREAMED)))
        for _ in range(3)
    ]
    upstream, ours = (median(pair[side] for pair in apart) * 1000 for side in (0, 1))
    print(
        f"\nFirst streamed token: upstream {upstream:.2f} ms, ours {ours:.2f} ms, "
        f"added {ours - upstream:.2f} ms (target ≤ {FIRST_MS:g}), medians of {STREAMED} streams in 3 rounds.",
        flush=True,
    )


def _crowd(ours: Server, key: str) -> None:
    """Many slow streams at once, and whether anybody else notices."""
    before = resident_megabytes(ours.process.pid)
    call = _ours_call(ours, key, "slow", is_stream=True)
    with crowd(call, STREAMS, cores.LOAD):
        during = resident_megabytes(ours.process.pid)
        health = measure_closely(
            Call(f"{ours.url}/health"), seconds=3, connections=4, cores=cores.LOAD
        )
    each = (during - before) * 1024 / STREAMS
    print(
        f"\n{STREAMS} slow streams in one process: {each:.1f} kB each (target ≤ {STREAM_KILOBYTES:g}), "
        f"/health p95 meanwhile {health.p95_ms:.1f} ms (target < {HEALTH_MS:g})."
    )


def _start_ours(folder: Path, stack: ExitStack, upstream: Server) -> tuple[Server, str]:
    house = House(folder, {"SIGNALBOX_ALLOWED_PRIVATE_HOSTS": f"127.0.0.1:{upstream.port}"})
    house.lay_out()
    ours = house.start(cores=cores.SERVER)
    stack.callback(ours.stop)
    provider = {"name": "up", "kind": "openai", "base_url": f"{upstream.url}/v1", "api_key": "sk-x"}
    make(ours, house.key, "providers", provider)
    for name, model in (("quick", "ok"), ("slow", "ok?tokens=400&gap=0.5")):
        prices = {"input_price": "0.15", "output_price": "0.6"}
        make(
            ours,
            house.key,
            "deployments",
            {"name": name, "provider": "up", "model": model, **prices},
        )
        targets = [{"deployment": name, "weight": 1}]
        make(ours, house.key, "routes", {"name": name, "targets": targets})
    terms = {
        "name": "caller",
        "role": "user",
        "limits": {"all": RATE},
        "budget": {"amount": 1_000_000, "period": "month"},
    }
    return ours, str(make(ours, house.key, "keys", terms)["key"])


def _start_peers(folder: Path, stack: ExitStack, upstream: Server) -> list[Asked]:
    peers = []
    for name, start in STARTERS.items():
        try:
            server, call = start(folder, f"{upstream.url}/v1", cores.SERVER)
        except (OSError, RuntimeError) as error:
            print(f"{name} is left out: {error}", flush=True)
            continue
        stack.callback(server.stop)
        peers.append(Asked(name, server, call))
    return peers


def _ours_call(server: Server, key: str, model: str, *, is_stream: bool = False) -> Call:
    url = f"{server.url}/v1/chat/completions"
    return chat_call(url, model, is_stream=is_stream, Authorization=f"Bearer {key}")


def make(server: Server, key: str, what: str, body: object) -> dict[str, object]:
    """One object through the API."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1/{what}", json.dumps(body), headers)
    answer = connection.getresponse()
    made: dict[str, object] = json.loads(answer.read())
    connection.close()
    if answer.status != http.HTTPStatus.CREATED:
        raise RuntimeError(f"POST {what}: {answer.status} {made}")
    return made


if __name__ == "__main__":
    main()
