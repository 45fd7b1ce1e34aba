"""`/ws`: live topics. `subscribe`, `unsubscribe`, `ping`, and `auth` for those who could not say it in a header."""

from __future__ import annotations

from typing import Any

from apps.core.actor import Actor
from apps.core.errors import AppError, Conflict, Invalid, Unauthenticated
from apps.core.live import LiveEvent, stream
from apps.core.ws.auth import Proof
from apps.core.ws.base import HouseConsumer
from apps.core.ws.frames import error_frame, read_frame, write_frame

MAX_TOPICS = 100
"""Names in one frame, and topics a socket follows."""


class LiveConsumer(HouseConsumer):
    def __init__(self) -> None:
        super().__init__()
        self._topics: frozenset[str] = frozenset()

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
        self.say(event.frame)

    def is_following(self) -> bool:
        return bool(self._topics)

    def complain(self, error: AppError) -> None:
        self._answer(error_frame(error, self.request_id))

    async def leave(self) -> None:
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
        _check_after(frame)
        topics = stream().permitted_topics(actor, patterns) - self._topics
        if len(self._topics) + len(topics) > MAX_TOPICS:
            raise Invalid.field("topics", f"a socket follows at most {MAX_TOPICS}", "too_many")
        # The answer goes out before the first event can.
        self._answer({"type": "subscribed", "topics": patterns})
        stream().subscribe(actor, topics, self)
        self._topics |= topics

    def _unsubscribe(self, frame: dict[str, Any]) -> None:
        actor = self._somebody()
        patterns = _names(frame)
        topics = stream().permitted_topics(actor, patterns) & self._topics
        stream().unsubscribe(actor, topics, self)
        self._topics -= topics
        self._answer({"type": "unsubscribed", "topics": patterns})

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


def _check_after(frame: dict[str, Any]) -> None:
    """Where to go on from: read already, used once topics are numbered."""
    after = frame.get("after", {})
    is_numbers = isinstance(after, dict) and all(
        type(seq) is int and seq >= 0 for seq in after.values()
    )
    if not is_numbers:
        raise Invalid.field("after", "must map topics to sequence numbers", "type")
