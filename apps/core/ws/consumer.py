"""`/ws`: live topics. `subscribe`, `unsubscribe`, `ping`, and `auth` for those who could not say it in a header."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings

from apps.core.actor import Actor
from apps.core.asgi.pool import in_pool
from apps.core.errors import AppError, Conflict, Invalid, Unauthenticated
from apps.core.live import PAGE, Gap, LiveEvent, stream
from apps.core.ws.auth import Proof
from apps.core.ws.base import HouseConsumer
from apps.core.ws.codes import Close
from apps.core.ws.frames import error_frame, read_frame, write_frame

MAX_TOPICS = 100
"""Names in one frame, and topics a socket follows."""


STALLED_SECONDS = 30.0
"""How long a reader may be behind without a break before it is cut off."""


class LiveConsumer(HouseConsumer):
    """One socket of `/ws`.

    A topic subscribed with `after` is read back from the database by a task that ends once the topic is caught up;
    until then its live events are let go, since they will be read there. A reader who does not keep up is told of the
    gap, and may subscribe again with `after` to close it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._topics: frozenset[str] = frozenset()
        self._behind: dict[str, int] = {}
        """Topics being read back, with the newest number that was let go meanwhile."""
        self._last: dict[str, int] = {}
        """The last number told of topics that were or are read back."""
        self._missed: dict[str, tuple[int, int]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def take_frame(self, text: str) -> None:
        frame = read_frame(text)
        match frame["type"]:
            case "ping":
                self._answer({"type": "pong"})
            case "auth":
                await self._take_token(frame)
            case "subscribe":
                self._subscribe(frame)
            case "unsubscribe":
                self._unsubscribe(frame)
            case other:
                known = "auth, subscribe, unsubscribe, ping"
                raise Invalid.field("type", f"{other[:40]!r} is none of: {known}", "choice")

    def take(self, event: LiveEvent) -> None:
        """An event of the live stream."""
        topic = event.topic
        if topic not in self._topics:
            return  # unsubscribed while the event was on its way
        if self._behind and topic in self._behind:
            self._behind[topic] = event.seq
        elif self._last and event.seq <= self._last.get(topic, 0):
            return  # it was read back already
        elif self._missed or not self.has_room:
            self._miss(topic, event.seq, event.seq)
        else:
            self.say(event.frame)

    def miss(self, gap: Gap) -> None:
        """Events that the server could not hand out in time."""
        topic = gap.topic
        first = max(gap.first, self._last.get(topic, 0) + 1)
        if topic in self._behind:
            self._behind[topic] = gap.last
        elif topic in self._topics and first <= gap.last:
            self._miss(topic, first, gap.last)
            if self.is_quiet:
                self.caught_up()

    def caught_up(self) -> None:
        if self._missed:
            self._stop_timer("stalled")
            missed, self._missed = self._missed, {}
            for topic, (first, last) in missed.items():
                self.say(Gap(topic, first, last).frame)

    def is_following(self) -> bool:
        return bool(self._topics)

    def complain(self, error: AppError) -> None:
        self._answer(error_frame(error, self.request_id))

    async def leave(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self.actor is not None and self._topics:
            stream().unsubscribe(self.actor, self._topics, self)

    async def _take_token(self, frame: dict[str, Any]) -> None:
        if self.proof is not None:
            raise Conflict("This socket is authenticated already.", code="already_authenticated")
        token = frame.get("token")
        if not isinstance(token, str) or not token:
            raise Unauthenticated
        await self.authenticate(Proof(token=token))

    def _subscribe(self, frame: dict[str, Any]) -> None:
        actor = self._somebody()
        patterns = _names(frame)
        after = _after(frame)
        topics = stream().permitted_topics(actor, patterns)
        if len(self._topics | topics) > MAX_TOPICS:
            raise Invalid.field("topics", f"a socket follows at most {MAX_TOPICS}", "too_many")
        # The answer goes out before the first event can.
        self._answer({"type": "subscribed", "topics": patterns})
        for topic in topics & after.keys():
            self._last[topic], self._behind[topic] = after[topic], 0
            self._forget_missed(topic)
        stream().subscribe(actor, topics - self._topics, self)
        self._topics |= topics
        if self._behind and self._reader is None:
            self._reader = self.loop.create_task(self._read_back(actor))

    def _unsubscribe(self, frame: dict[str, Any]) -> None:
        actor = self._somebody()
        patterns = _names(frame)
        topics = stream().permitted_topics(actor, patterns) & self._topics
        stream().unsubscribe(actor, topics, self)
        self._topics -= topics
        for topic in topics:
            self._behind.pop(topic, None)
            self._last.pop(topic, None)
            self._forget_missed(topic)
        self._answer({"type": "unsubscribed", "topics": patterns})

    async def _read_back(self, actor: Actor) -> None:
        """Tell of the past of each topic that is behind, a page at a time, as the reader takes it."""
        try:
            while self._behind:
                await self.room()
                topic = next(iter(self._behind), "")
                if topic:
                    await self._read_page(actor, topic)
        except Exception as error:  # noqa: BLE001 - whoever comes back with `after` loses nothing
            self.complain(self.known(error))
            self.finish(Close.TRY_LATER, "the past could not be read")
        finally:
            self._reader = None

    async def _read_page(self, actor: Actor, topic: str) -> None:
        after = self._last[topic]
        limit = max(1, min(PAGE, settings.SIGNALBOX_SOCKET_CAPACITY // 2))
        page = await in_pool(stream().history, actor, topic, after, limit)
        if self._last.get(topic) != after or topic not in self._behind:
            return  # unsubscribed, or asked for anew from elsewhere
        if page.gap is not None:
            self.say(page.gap.frame)
        for event in page.events:
            self.say(event.frame)
        self._last[topic] = page.end(after)
        # What is published from here on is told as it comes: nothing can come between.
        if page.is_whole and self._behind[topic] <= self._last[topic]:
            del self._behind[topic]

    def _miss(self, topic: str, first: int, last: int) -> None:
        if not self._missed:
            self._start_timer("stalled", STALLED_SECONDS, Close.TRY_LATER)
        known, _ = self._missed.get(topic, (first, last))
        self._missed[topic] = (known, last)

    def _forget_missed(self, topic: str) -> None:
        if self._missed.pop(topic, None) and not self._missed:
            self._stop_timer("stalled")

    def _somebody(self) -> Actor:
        if self.actor is None:
            raise Unauthenticated
        return self.actor

    def _answer(self, frame: dict[str, Any]) -> None:
        self.say(write_frame(frame))


def _names(frame: dict[str, Any]) -> list[str]:
    names = frame.get("topics")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Invalid.field("topics", "must be a list of names", "type")
    if not 1 <= len(names) <= MAX_TOPICS:
        raise Invalid.field("topics", f"holds 1 to {MAX_TOPICS} names", "range")
    return names


def _after(frame: dict[str, Any]) -> dict[str, int]:
    """The last numbers the client knows, by topic."""
    after = frame.get("after", {})
    is_numbers = isinstance(after, dict) and all(
        type(seq) is int and seq >= 0 for seq in after.values()
    )
    if not is_numbers:
        raise Invalid.field("after", "must map topics to sequence numbers", "type")
    return after  # type: ignore[no-any-return]  # just looked at
