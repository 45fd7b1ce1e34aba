"""The tables as Markdown, so that they can be pasted into README.md as they were printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.rounds import Runner, cpu_ratio, ratio

Line = Sequence[str]


def group_lines(
    title: str, ours: Runner, peers: Sequence[Runner], targets: Mapping[str, float]
) -> list[Line]:
    """Ours first, then each peer with how many times its rate ours is."""
    lines: list[Line] = [(title, ours.name, *_figures(ours), "", "", "", _remark(ours))]
    for peer in peers:
        times, target = ratio(ours, peer), targets.get(peer.name)
        wanted = "" if target is None else f"≥ {target:g} ×"
        remark = _remark(peer) or _verdict(times, target)
        by_cpu = f"{cpu_ratio(ours, peer):.2f} ×"
        lines.append(("", peer.name, *_figures(peer), f"{times:.2f} ×", by_cpu, wanted, remark))
    return lines


HEADER: Line = (
    "call", "server", "req/s", "p99 ms", "CPU µs a request", "ours is", "by CPU", "target", "",
)  # fmt: skip


def _figures(runner: Runner) -> tuple[str, str, str]:
    return f"{runner.per_second:,.0f}", f"{runner.p99_ms:.1f}", f"{runner.cpu:,.0f}"


def _remark(runner: Runner) -> str:
    return f"{runner.failures} FAILED" if runner.failures else ""


def _verdict(times: float, target: float | None) -> str:
    if target is None:
        return ""
    return "met" if times >= target else "short"


def format_table(lines: Sequence[Line]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [_row(line, widths) for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:]])


def _row(line: Line, widths: Sequence[int]) -> str:
    return (
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
    )
