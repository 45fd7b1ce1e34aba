"""Fifty callers ask without a pause while production moves to and fro: is every answer wholly one version's?"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import aiohttp

from apps.models.domain.schema import compile_schema
from apps.models.domain.scorecards import bind, read_scorecard
from bench import cores as cpu
from bench.load import Call
from config.churn.customers import SCHEMA, make_customers
from config.churn.written import CHALLENGER, CHAMPION, NAME, read_written

CALLERS = 50
ROWS = 200
PAUSE = 0.25
CLOSE = 1e-9
LABELS = (CHALLENGER, CHAMPION)


@dataclass
class Told:
    answers: Counter[str] = field(default_factory=Counter)
    """By the version that answered."""
    mixed: int = 0
    """One version's name, and not its probability."""
    failed: int = 0
    late: int = 0
    """Asked after a promotion was answered, and still the former's."""
    waits: list[float] = field(default_factory=list)
    promotions: int = 0


def promote_under_load(call: Call, url: str, key: str, *, seconds: float) -> Told:
    """`call` is a prediction; its body is replaced by rows whose answers are known."""
    with cpu.on(cpu.LOAD):
        return asyncio.run(_run(call, url, key, seconds))


async def _run(call: Call, url: str, key: str, seconds: float) -> Told:
    rows, expected = _rows()
    told = Told()
    state = {"is_over": False, "now": CHAMPION}
    connector = aiohttp.TCPConnector(limit=CALLERS + 1)
    async with aiohttp.ClientSession(connector=connector, headers=dict(call.headers)) as session:

        async def ask(number: int) -> None:
            while not state["is_over"]:
                at = number % ROWS
                number += 1
                settled, began = state["now"], perf_counter()
                async with session.post(call.url, data=rows[at]) as answer:
                    said = await answer.json(content_type=None)
                told.waits.append(perf_counter() - began)
                label = said.get("model_version")
                if answer.status != 200 or label not in expected:
                    told.failed += 1
                    continue
                told.answers[label] += 1
                told.mixed += abs(expected[label][at] - said["probability"]) > CLOSE
                told.late += settled == state["now"] != label and bool(settled)

        async def promote() -> None:
            ends = perf_counter() + seconds
            while perf_counter() < ends:
                await asyncio.sleep(PAUSE)
                label = LABELS[told.promotions % 2]
                state["now"] = ""
                path = f"{url}/api/v1/models/{NAME}/versions/{label}/stage"
                headers = {"X-API-Key": key, "Content-Type": "application/json"}
                body = json.dumps({"stage": "Production"})
                async with session.post(path, data=body, headers=headers) as answer:
                    answer.raise_for_status()
                state["now"] = label
                told.promotions += 1
            state["is_over"] = True

        await asyncio.gather(promote(), *(ask(number * 7) for number in range(CALLERS)))
    return told


def _rows() -> tuple[list[bytes], dict[str, list[float]]]:
    """Bodies, and the probability of each by either version."""
    check = compile_schema(SCHEMA).check
    customers: list[dict[str, Any]] = [dict(each.features) for each in make_customers(ROWS, 7)]
    scorers = {label: bind(read_scorecard(read_written(label)["card"]), SCHEMA) for label in LABELS}
    expected = {
        label: [scorer.score(check(each)).probability or 0.0 for each in customers]
        for label, scorer in scorers.items()
    }
    return [json.dumps({"features": each}).encode() for each in customers], expected
