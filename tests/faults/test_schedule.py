"""Several processes tick the same schedule, and some die at it: every tick is done once."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.rig.environment import ROOT
from tests.rig.process import Process
from tests.rig.site import Site

pytestmark = pytest.mark.integration

TICKERS = 3
EVERY = timedelta(milliseconds=200)
SECONDS = 4.0
TICK = """
import time
from datetime import timedelta
from django.utils import timezone
from apps.core.tenancy import organization_scope
from apps.jobs.domain.schedule import periodic
from apps.jobs.services import queue, schedule
from apps.jobs.tasks import DEMO_SLEEP, SleepPayload
from apps.tenants.models import Organization
number = Organization.objects.get(slug="acme").pk

@periodic("tests.tick", every=timedelta(milliseconds=200))
def submit_one(due):
    with organization_scope(number):
        queue.enqueue(DEMO_SLEEP, SleepPayload(seconds=0), organization_id=number, run_at=due)

print("ticks", flush=True)
while True:
    schedule.tick(now=timezone.now())
    time.sleep(0.01)
"""
READ = """
import json
from apps.core.tenancy import unscoped
from apps.jobs.models import Job
with unscoped(reason="a test"):
    print(json.dumps([at.isoformat() for at in Job.objects.order_by("run_at").values_list("run_at", flat=True)]))
"""


def start_ticker(site: Site, number: int) -> Process:
    log = site.folder / f"ticker-{number}.log"
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", TICK]
    return Process(command, log=log, env=site.environment(), cwd=ROOT)


def wait_until_ticking(ticker: Process) -> None:
    ticker.wait_until(lambda: "ticks" in ticker.log.read_text(), timeout=40, what="ticker")


def test_schedulers_at_once_do_each_tick_once_though_one_is_killed(site: Site) -> None:
    tickers = [start_ticker(site, number) for number in range(TICKERS)]
    try:
        for ticker in tickers:
            wait_until_ticking(ticker)
        time.sleep(SECONDS / 2)
        tickers[0].kill()
        time.sleep(SECONDS / 2)
    finally:
        for ticker in tickers:
            ticker.close()
    printed = site.manage("shell", "-v", "0", "-c", READ).strip().splitlines()[-1]
    dues = [datetime.fromisoformat(text) for text in json.loads(printed)]

    assert {due: count for due, count in Counter(dues).items() if count != 1} == {}
    assert [(due - dues[0]) % EVERY for due in dues] == [timedelta(0)] * len(dues)
    possible = (dues[-1] - dues[0]) // EVERY + 1
    # A machine that is busy for longer than a tick misses it for all alike, and goes on with the next.
    assert possible * 0.7 <= len(dues) <= possible
    assert possible >= SECONDS / EVERY.total_seconds() * 0.8
