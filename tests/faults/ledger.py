"""What a site's database holds in the end, read in one go: what must be true whatever happened before."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from tests.rig.site import Site

FINAL = frozenset({"completed", "failed", "cancelled"})
AT_A_TIME = 60.0
"""Seconds that one command waits; the rig gives it no more than two minutes."""
READ = """
import json, time
from collections import defaultdict
from apps.core.tenancy import unscoped
from apps.events.models import OutboxEvent
from apps.jobs.models import UNFINISHED, Job
from apps.jobs.topics import JOB_CANCELLED, JOB_COMPLETED, JOB_FAILED
from apps.keys.models import ApiKey
with unscoped(reason="a test"):
    began = time.monotonic()
    while True:
        left = Job.objects.filter(state__in=UNFINISHED).count()
        unnumbered = OutboxEvent.objects.filter(sequence=None).count()
        waited = time.monotonic() - began
        if not left + unnumbered or waited > {seconds}:
            break
        time.sleep(0.1)
    ends, numbers = defaultdict(list), defaultdict(list)
    for place, topic, sequence, event, data in OutboxEvent.objects.order_by("position").values_list(
        "organization_id", "topic", "sequence", "event", "data"
    ):
        numbers[f"{{place}} {{topic}}"].append(sequence)
        if topic == "job.progress" and event in (JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED):
            ends[data["object"]["id"]].append(event)
    jobs = {{job: rest for job, *rest in Job.objects.values_list("public_id", "state", "attempts")}}
    keys = list(ApiKey.objects.values_list("name", flat=True))
print(json.dumps([left, unnumbered, waited, jobs, ends, numbers, keys]))
"""


@dataclass(frozen=True)
class Ledger:
    """`jobs`: state and attempts by id. `ends`: the events that told of each one's end. `numbers`: by channel.

    `waited`: seconds until everything had ended.
    """

    jobs: dict[str, tuple[str, int]]
    ends: dict[str, list[str]]
    numbers: dict[str, list[int]]
    keys: list[str]
    waited: float

    def lost(self, answered: set[str]) -> set[str]:
        """Jobs that were answered with 202 and are not there, or have not ended."""
        return {one for one in answered if one not in self.jobs or self.jobs[one][0] not in FINAL}

    def told_other_than_once(self) -> dict[str, list[str]]:
        ended = [one for one, (state, _) in self.jobs.items() if state in FINAL]
        return {one: self.ends.get(one, []) for one in ended if len(self.ends.get(one, [])) != 1}

    def broken_channels(self) -> dict[str, list[int]]:
        """Channels whose numbers do not run 1, 2, 3 … in the order of the log."""
        return {
            channel: numbers
            for channel, numbers in self.numbers.items()
            if numbers != list(range(1, len(numbers) + 1))
        }

    def states(self) -> dict[str, int]:
        return dict(Counter(state for state, _ in self.jobs.values()))


def read_ledger(site: Site, *, seconds: float = 30) -> Ledger:
    """Once no job is unfinished and no event without its number. Fails when that takes longer."""
    waited = 0.0
    while True:
        patience = min(seconds - waited, AT_A_TIME)
        printed = site.manage("shell", "-v", "0", "-c", READ.format(seconds=patience))
        left, unnumbered, more, jobs, ends, numbers, keys = json.loads(printed.splitlines()[-1])
        waited += more
        if not left + unnumbered or waited >= seconds:
            break
    assert (left, unnumbered) == (0, 0), "jobs unfinished, events without a number"
    found = {one: (state, attempts) for one, (state, attempts) in jobs.items()}
    return Ledger(found, ends, numbers, keys, waited)
