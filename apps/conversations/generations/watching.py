"""Answers that other processes write, as viewers of this one follow them: by their rows, and by Redis in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from apps.conversations.domain.answers import Ending, Standing
from apps.conversations.enums import MessageStatus
from apps.conversations.generations.transcripts import Transcript, transcript_of
from apps.conversations.queries import standings
from apps.core.asgi.pool import in_pool

if TYPE_CHECKING:
    from apps.conversations.adapters.frames import Frame, FrameBridge

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.3
LISTEN_SECONDS = 4.0
"""After which an owner is told again that somebody listens here."""
GONE = Ending(
    MessageStatus.FAILED, error_code="not_found", error_message="The conversation was removed."
)


@dataclass(slots=True)
class Shadow:
    """One answer, for all its viewers here."""

    pk: int
    transcript: Transcript
    viewers: int = 0
    told_at: float = 0.0


class Watch:
    """Looks at the rows of all shadows at once while there are any."""

    def __init__(self, bridge: Callable[[], FrameBridge | None]) -> None:
        self._bridge = bridge
        self._shadows: dict[str, Shadow] = {}
        self._look_now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self, standing: Standing) -> tuple[Transcript, Callable[[], None]]:
        """Its transcript, and what a viewer calls who leaves."""
        shadow = self._shadows.get(standing.message)
        if shadow is None or shadow.transcript.ending is not None:
            shadow = Shadow(standing.pk, transcript_of(standing))
            self._shadows[standing.message] = shadow
            if (bridge := self._bridge()) is not None:
                bridge.listen(standing.message)
        shadow.viewers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="generations watch")
        return shadow.transcript, lambda: self._leave(shadow)

    def hear(self, message: str, frame: Frame) -> None:
        """A frame of the owner's."""
        shadow = self._shadows.get(message)
        if shadow is None:
            return
        transcript = shadow.transcript
        is_whole = transcript.reasoning.add_from(frame["reasoning_from"], frame["reasoning"])
        is_whole &= transcript.content.add_from(frame["content_from"], frame["content"])
        if not is_whole:
            shadow.told_at = 0.0
        if frame["is_end"] or not is_whole:
            self._look_now.set()
        transcript.changed()

    def _leave(self, shadow: Shadow) -> None:
        shadow.viewers -= 1
        if shadow.viewers <= 0:
            self._forget(shadow)

    def _forget(self, shadow: Shadow) -> None:
        message = shadow.transcript.message
        if self._shadows.get(message) is shadow:
            del self._shadows[message]
            if (bridge := self._bridge()) is not None:
                bridge.forget(message)

    async def _run(self) -> None:
        is_failing = False
        try:
            while self._shadows:
                self._announce()
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._look_now.wait()
                except TimeoutError:
                    pass
                self._look_now.clear()
                try:
                    await self._look()
                    is_failing = False
                except Exception as error:  # noqa: BLE001 - the next look may do better
                    if not is_failing:
                        log.warning("answers_not_read", error=repr(error))
                    is_failing = True
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._task = None

    async def _look(self) -> None:
        shadows = {shadow.pk: shadow for shadow in self._shadows.values()}
        known = {
            pk: (len(one.transcript.content), len(one.transcript.reasoning))
            for pk, one in shadows.items()
        }
        changed = await in_pool(standings.changed_since, known)
        if not changed:
            return
        rows = await in_pool(standings.standings_of, sorted(changed))
        for pk in changed:
            self._take(shadows[pk], rows.get(pk))

    def _take(self, shadow: Shadow, standing: Standing | None) -> None:
        transcript = shadow.transcript
        if standing is None:
            transcript.end(GONE)
        else:
            transcript.reasoning.add_from(0, standing.reasoning)
            transcript.content.add_from(0, standing.content)
            transcript.context = transcript.context or standing.context or None
            transcript.changed()
            if standing.ending is not None:
                transcript.end(standing.ending)
        if transcript.ending is not None:
            self._forget(shadow)

    def _announce(self) -> None:
        bridge = self._bridge()
        if bridge is None:
            return
        now = monotonic()
        for message, shadow in self._shadows.items():
            if now - shadow.told_at >= LISTEN_SECONDS:
                shadow.told_at = now
                transcript = shadow.transcript
                bridge.ring(
                    {
                        "listen": message,
                        "content": len(transcript.content),
                        "reasoning": len(transcript.reasoning),
                    }
                )
