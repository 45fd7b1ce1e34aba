"""`python -m bench predict`: predictions by us and by MLflow's model server, the same model, on the same core.

We authenticate, hold the limit, check the row against its schema and write the prediction down; MLflow checks its signature.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import cores
from bench.load import Call, Reading, measure_closely
from bench.ours import House
from bench.predict_house import (
    BOOSTED,
    NEW_NUMBERS,
    NEW_ROW,
    SAME_ROW,
    UNLOGGED,
    batch_call,
    caller,
    predict_call,
    publish_boosted,
    publish_churn,
)
from bench.predict_peers import CARD, LOGISTIC, ask_mlflow, make_models, start_mlflow
from bench.promotions import CALLERS, promote_under_load
from bench.rounds import Runner, cpu_seconds, run_rounds
from bench.servers import Server
from bench.table import HEADER, Line, format_table, group_lines

TIMES_MLFLOW, CACHED_SHARE = 22.0, 0.6
SINGLE_MS, EXPLAINED_MS, ROWS_PER_SECOND = 1.5, 10.0, 100_000
HOT = "hot GET"
BATCH, BATCH_CALLERS = 1000, 4


@dataclass(frozen=True, slots=True)
class Asked:
    """Our server with a caller's key and an administrator's, and the peers by name."""

    ours: Server
    key: str
    admin: str
    peers: dict[str, Server]
    has_trees: bool


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench predict", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="without MLflow, and without ONNX")
    parser.add_argument("--no-log", action="store_true", help="to see what the log costs")
    parser.add_argument("--only", choices=PARTS, help="one of the tables")
    options = parser.parse_args()
    from bench.__main__ import circumstances  # it imports us

    print(circumstances(options.rounds, options.seconds), flush=True)
    with TemporaryDirectory(prefix="signalbox-bench-") as name, ExitStack() as stack:
        _compare(Path(name), stack, options)


def _compare(folder: Path, stack: ExitStack, options: argparse.Namespace) -> None:
    house = House(folder, {"LOG_PREDICTIONS": "false"} if options.no_log else {})
    house.lay_out()
    ours = house.start(cores=cores.SERVER)
    stack.callback(ours.stop)
    publish_churn(ours, house.key)
    models = None if options.alone else _try_models(folder)
    peers = {}
    if models is not None and options.only not in ALONE:
        peers = _start_peers(folder, models, stack)
    if models is not None:
        publish_boosted(ours, house.key, models / "boosted.onnx")
    asked = Asked(ours, caller(ours, house.key), house.key, peers, models is not None)
    for name, measure in PARTS.items():
        if options.only in (None, name):
            measure(asked, options)


def _try_models(folder: Path) -> Path | None:
    try:
        return make_models(folder)
    except (OSError, RuntimeError) as error:
        print(f"MLflow is left out: {error}", flush=True)
        return None


def _start_peers(folder: Path, models: Path, stack: ExitStack) -> dict[str, Server]:
    peers = {}
    for name in (CARD, LOGISTIC):
        peers[name] = start_mlflow(name, folder, models, cores.SERVER)
        stack.callback(peers[name].stop)
    return peers


def _rates(asked: Asked, options: argparse.Namespace) -> None:
    ours, key = asked.ours, asked.key
    new = Runner("ours, a new row each time", ours, predict_call(ours, key, NEW_ROW))
    same = Runner("ours, the same row", ours, predict_call(ours, key, SAME_ROW))
    hot = Runner(HOT, ours, _hot(ours, key))
    others = [Runner(name, peer, ask_mlflow(peer, [NEW_ROW])) for name, peer in asked.peers.items()]
    run_rounds([new, same, hot, *others], rounds=options.rounds, seconds=options.seconds)
    lines: list[Line] = [HEADER, *group_lines("prediction", new, others, {CARD: TIMES_MLFLOW})]
    lines += group_lines("cached", same, [hot], {HOT: CACHED_SHARE})
    print(format_table(lines), flush=True)


def _latencies(asked: Asked, options: argparse.Namespace) -> None:
    ours, key = asked.ours, asked.key
    calls = {
        "ours, a new row each time": predict_call(ours, key, NEW_ROW),
        "ours, the same row": predict_call(ours, key, SAME_ROW),
        HOT: _hot(ours, key),
        **{name: ask_mlflow(peer, [NEW_ROW]) for name, peer in asked.peers.items()},
    }
    readings = _closely(calls, options, connections=1)
    lines: list[Line] = [("one connection", "p50 ms", "p95 ms", "p99 ms", "target p50")]
    for name, found in readings.items():
        target = f"≤ {SINGLE_MS:g}" if name == next(iter(calls)) else ""
        lines.append((name, *_percentiles(found, "p50_ms", "p95_ms", "p99_ms"), target))
    print(f"\n{format_table(lines)}", flush=True)


def _batches(asked: Asked, options: argparse.Namespace) -> None:
    ours, key = asked.ours, asked.key
    calls = {
        "ours": (ours, batch_call(ours, key, BATCH)),
        "ours, not logged": (ours, batch_call(ours, key, BATCH, model=UNLOGGED)),
        **{n: (peer, ask_mlflow(peer, [SAME_ROW] * BATCH)) for n, peer in asked.peers.items()},
    }
    readings: dict[str, list[Reading]] = {name: [] for name in calls}
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, (server, call) in calls.items():
            before = cpu_seconds(server)
            reading = _one(name, call, options, connections=BATCH_CALLERS)
            readings[name].append(reading)
            batches = max(1.0, reading.per_second * options.seconds)
            spent[name].append((cpu_seconds(server) - before) / batches * 1000)
    lines: list[Line] = [
        (f"batches of {BATCH:,}", "rows/s", "p50 ms", "p95 ms", "CPU ms a batch", "target")
    ]
    for name, found in readings.items():
        rows = median(each.per_second for each in found) * BATCH
        target = f"≥ {ROWS_PER_SECOND:,}" if name.startswith("ours") else ""
        times = _percentiles(found, "p50_ms", "p95_ms")
        lines.append((name, f"{rows:,.0f}", *times, f"{median(spent[name]):.1f}", target))
    print(f"\n{format_table(lines)}\n{BATCH_CALLERS} callers.", flush=True)


def _explanations(asked: Asked, options: argparse.Namespace) -> None:
    ours, key, explain = asked.ours, asked.key, "?explain=true"
    calls = {"scorecard": predict_call(ours, key, NEW_ROW, query=explain)}
    if asked.has_trees:
        boosted = {"model": BOOSTED}
        calls["boosted trees (ONNX), without one"] = predict_call(ours, key, NEW_NUMBERS, **boosted)
        calls["boosted trees (ONNX)"] = predict_call(ours, key, NEW_NUMBERS, query=explain, **boosted)  # fmt: skip
    readings = _closely(calls, options, connections=1)
    lines: list[Line] = [("explained, one connection", "p50 ms", "p95 ms", "p99 ms", "target p50")]
    for name, found in readings.items():
        target = "" if "without" in name else f"≤ {EXPLAINED_MS:g}"
        lines.append((name, *_percentiles(found, "p50_ms", "p95_ms", "p99_ms"), target))
    print(f"\n{format_table(lines)}", flush=True)


def _promotions(asked: Asked, options: argparse.Namespace) -> None:
    call = predict_call(asked.ours, asked.key, SAME_ROW)
    told = promote_under_load(
        call, asked.ours.url, asked.admin, seconds=options.rounds * options.seconds
    )
    waits = sorted(told.waits)
    print(
        f"\n{told.promotions} promotions under {CALLERS} callers: {sum(told.answers.values()):,} answers "
        f"({', '.join(f'{count:,} by {label}' for label, count in sorted(told.answers.items()))}), "
        f"{told.mixed} mixed, {told.failed} failed, {told.late} by the former version though asked after the "
        f"promotion was answered; p99 {waits[int(len(waits) * 0.99)] * 1000:.1f} ms. Target: 0, 0, 0."
    )


def _closely(
    calls: dict[str, Call], options: argparse.Namespace, *, connections: int
) -> dict[str, list[Reading]]:
    """Interleaved, by the generator that knows every percentile."""
    readings: dict[str, list[Reading]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            readings[name].append(_one(name, call, options, connections=connections))
    return readings


def _one(name: str, call: Call, options: argparse.Namespace, *, connections: int) -> Reading:
    reading = measure_closely(
        call, seconds=options.seconds, connections=connections, cores=cores.LOAD
    )
    if reading.failures:
        raise RuntimeError(f"{name}: {reading.failures} failures")
    return reading


def _percentiles(readings: list[Reading], *names: str) -> list[str]:
    return [f"{median(getattr(each, name) for each in readings):.2f}" for name in names]


def _hot(ours: Server, key: str) -> Call:
    return Call(f"{ours.url}/api/v1/auth/me", headers={"Authorization": f"Bearer {key}"})


PARTS = {
    "rates": _rates,
    "latencies": _latencies,
    "batches": _batches,
    "explanations": _explanations,
    "promotions": _promotions,
}
ALONE = frozenset({"explanations", "promotions"})
"""Nothing of the peers is asked there."""


if __name__ == "__main__":
    main()
