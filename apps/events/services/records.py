"""Events that no transaction stands behind: readings, access records. Made only while somebody follows.

They wait in a bounded buffer of this process until its publisher writes them to the outbox in one statement. A topic
counts as followed when this process has a listener, or another has noted one in the topic's head.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core import json
from apps.core.masking import mask
from apps.core.tenancy import unscoped
from apps.events.hub import Channel, hub
from apps.events.models import TopicHead
from apps.events.services import outbox
from apps.events.topics import RECORDED

ROWS_PER_SECOND = 100
"""Of one organization and topic; the first to come, the others are counted in the next row's `left_out`."""
MAX_WAITING = 5_000
FLUSH_ROWS = 500
INTEREST = timedelta(seconds=20)
"""How long a listener counts after its process last said so; it says so every third of that."""
REASON = "one buffer serves every organization"


class Records:
    """The buffer of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[outbox.Event] = deque()
        self._second = 0
        self._taken: Counter[Channel] = Counter()
        self._left_out: Counter[Channel] = Counter()
        self._elsewhere: frozenset[Channel] = frozenset()

    def publish(self, topic: str, organization_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Implements `core.live.Recorder`."""
        channel = (organization_id, topic)
        if topic not in RECORDED or not self.is_followed(channel):
            return
        now = timezone.now()
        with self._lock:
            for row in rows:
                if self._has_allowance(channel):
                    data = {**mask(row), **self._said_left_out(channel)}
                    self._waiting.append(
                        outbox.Event(organization_id, topic, RECORDED[topic], json.dumps(data), now)
                    )
        outbox.bell.set()

    def is_followed(self, channel: Channel) -> bool:
        return hub.is_followed(*channel) or channel in self._elsewhere

    def followed(self, topic: str) -> list[int]:
        """The organizations in which somebody follows a topic."""
        channels = hub.channels() | self._elsewhere
        return sorted(number for number, name in channels if name == topic)

    def flush(self) -> int:
        """Write what waits to the outbox; how many rows."""
        with self._lock:
            count = min(len(self._waiting), FLUSH_ROWS)
            rows = [self._waiting.popleft() for _ in range(count)]
        if rows:
            with unscoped(reason=REASON), transaction.atomic():
                outbox.append(rows)
        return len(rows)

    def share_interest(self) -> None:
        """Note for the others what is followed here, and learn what is followed there."""
        now = timezone.now()
        mine = {channel for channel in hub.channels() if channel[1] in RECORDED}
        with unscoped(reason=REASON):
            if mine:
                heads = [TopicHead(organization_id=number, topic=topic) for number, topic in mine]
                TopicHead.objects.bulk_create(heads, ignore_conflicts=True)
            for number, topic in mine:
                head = TopicHead.objects.filter(organization_id=number, topic=topic)
                head.update(followed_until=now + INTEREST)
            wanted = TopicHead.objects.filter(topic__in=RECORDED, followed_until__gt=now)
            self._elsewhere = frozenset(wanted.values_list("organization_id", "topic"))

    def _has_allowance(self, channel: Channel) -> bool:
        second = int(monotonic())
        if second != self._second:
            self._second, self._taken = second, Counter()
        if self._taken[channel] >= ROWS_PER_SECOND or len(self._waiting) >= MAX_WAITING:
            self._left_out[channel] += 1
            return False
        self._taken[channel] += 1
        return True

    def _said_left_out(self, channel: Channel) -> dict[str, int]:
        left_out = self._left_out.pop(channel, 0)
        return {"left_out": left_out} if left_out else {}


records = Records()
