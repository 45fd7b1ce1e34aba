"""The kinds this app has of its own: something to try things with, and the end of old jobs."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apps.jobs.domain.kinds import Context, Kind, Refused, declare, handles
from apps.jobs.domain.schedule import periodic
from apps.jobs.permissions import JobPermission
from apps.jobs.services import groups, upkeep

MOMENT = 0.05


class SleepPayload(BaseModel):
    """`fail` ends it as failed, `crash` kills the process that runs it, each time; `result_bytes` makes the result large."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seconds: float = Field(default=1.0, ge=0, le=3600, allow_inf_nan=False)
    steps: int = Field(default=1, ge=1, le=100)
    fail: bool = False
    crash: bool = False
    result_bytes: int = Field(default=0, ge=0, le=4_000_000)


DEMO_SLEEP = declare(
    Kind(
        "demo.sleep",
        SleepPayload,
        permission=JobPermission.CREATE,
        time_limit=3700.0,
        retry_pause=0.5,
    )
)
DEMO_COMPUTE = declare(
    Kind(
        "demo.compute",
        SleepPayload,
        permission=JobPermission.CREATE,
        time_limit=3700.0,
        retry_pause=0.5,
        is_heavy=True,
    )
)


@handles(DEMO_SLEEP)
def sleep_a_while(context: Context, payload: SleepPayload) -> dict[str, Any]:
    """Sleep in steps, saying how far it is."""
    return _result(_sleep_through(context, payload), payload)


def _result(slept: float, payload: SleepPayload) -> dict[str, Any]:
    filling = {"filling": "z" * payload.result_bytes} if payload.result_bytes else {}
    return {"slept": slept, "steps": payload.steps, **filling}


def _sleep_through(context: Context, payload: SleepPayload) -> float:
    for number in range(1, payload.steps + 1):
        if payload.steps > 1:
            context.step(f"Step {number} of {payload.steps}")
        _sleep_one_step(context, payload, number)
    if payload.crash:
        os.kill(os.getpid(), signal.SIGKILL)
    if payload.fail:
        raise Refused("demo_failure", "It was asked to fail.")
    return payload.seconds


def _sleep_one_step(context: Context, payload: SleepPayload, number: int) -> None:
    left = length = payload.seconds / payload.steps
    while left > 0:
        context.wait(min(MOMENT, left))
        left -= MOMENT
        done = (number - max(left, 0.0) / length) / payload.steps
        context.progress(100 * done)


@handles(DEMO_COMPUTE)
def compute_a_while(context: Context, payload: SleepPayload) -> dict[str, Any]:
    """The same in a process of its own."""
    return _result(_sleep_through(context, payload), payload)


@handles(groups.GROUP)
def hold_together(context: Context, payload: groups.GroupPayload) -> None:
    """Never run: a group only waits for its children."""
    raise Refused("not_run", "A group has nothing to run.")


@periodic("jobs.retention", every=timedelta(minutes=1))
def forget_old_jobs(due: datetime) -> None:
    """A batch a minute: half a million jobs a day."""
    upkeep.forget_old_jobs()
