"""The answers of this process, and the way to those of others: begin one, look at one, stop one.

Everything here belongs to one event loop; `hub()` is that of the loop that runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from django.conf import settings

from apps.conversations.domain.answers import Ending
from apps.conversations.domain.positions import Position
from apps.conversations.enums import MessageStatus
from apps.conversations.generations import calls
from apps.conversations.generations.running import Generation
from apps.conversations.generations.transcripts import transcript_of
from apps.conversations.generations.viewing import Viewer
from apps.conversations.generations.watching import Watch
from apps.conversations.generations.writer import Writer
from apps.conversations.models import Message
from apps.conversations.queries import briefs, standings
from apps.conversations.queries.briefs import Brief
from apps.conversations.services import generations as writing
from apps.conversations.services.leases import this_process
from apps.conversations.services.messages import Begun
from apps.core.actor import Actor
from apps.core.asgi.ending import LAST_SECONDS
from apps.core.asgi.pool import in_pool
from apps.core.asgi.request import request_id_from

if TYPE_CHECKING:
    from apps.conversations.adapters.frames import Frame, FrameBridge
    from apps.conversations.generations.telling import Teller

STOP_SECONDS = 5.0
"""How long whoever stops an answer waits for its end; a dead owner's is ended by then."""


class Hub:
    def __init__(self) -> None:
        self._running: dict[str, Generation] = {}
        self._writer = Writer(this_process(), self._forget)
        self._watch = Watch(lambda: self._bridge)
        self._bridge: FrameBridge | None = None
        self._teller: Teller | None = None
        self._ends_at: float | None = None

    @property
    def count(self) -> int:
        return len(self._running)

    def begin(self, generation: Generation) -> Generation:
        self._open()
        self._running[generation.message] = generation
        self._writer.add(generation)
        generation.begin(self._writer.end)
        return generation

    def running(self, message: str) -> Generation | None:
        return self._running.get(message)

    async def attach(self, message: Message, after: Position | None) -> Viewer:
        """A viewer of it, whoever writes it. The caller has asked whether they may."""
        if after is not None and after.message != message.public_id:
            after = None
        if (ours := self._running.get(message.public_id)) is not None:
            return Viewer(ours.transcript, after)
        standing = (await in_pool(standings.standings_of, [message.pk])).get(message.pk)
        if (ours := self._running.get(message.public_id)) is not None:
            return Viewer(ours.transcript, after)
        if standing is None or standing.ending is not None:
            return Viewer(transcript_of(standing or standings.standing_of(message)), after)
        self._open()
        transcript, leave = self._watch.follow(standing)
        return Viewer(transcript, after, leave)

    def ring_stop(self, message: str) -> None:
        """End it here, or tell whoever writes it."""
        if (ours := self._running.get(message)) is not None:
            ours.stop()
            return
        self._open()
        if self._bridge is not None:
            self._bridge.ring({"stop": message})

    def interrupt(self) -> None:
        """The process ends: what is not whole says so."""
        for generation in list(self._running.values()):
            generation.stop(MessageStatus.INTERRUPTED)

    def begin_to_end(self) -> None:
        """The server drains: answers may go on until shortly before its grace is over."""
        grace = settings.SIGNALBOX_SHUTDOWN_GRACE
        left = max(grace - LAST_SECONDS, grace / 2)
        self._ends_at = monotonic() + left
        asyncio.get_running_loop().call_later(left, self.interrupt)

    async def end(self) -> None:
        """The last connection is closed. Answers that nobody looks at have the rest of the grace as well."""
        left = (self._ends_at or monotonic()) - monotonic()
        try:
            async with asyncio.timeout(max(0.0, left)):
                await self._writer.settled()
        except TimeoutError:
            pass
        self.interrupt()
        await self._writer.settled()
        self._writer.close()
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            await bridge.close()

    def _open(self) -> None:
        if self._bridge is None and settings.SIGNALBOX_REDIS_URL:
            # Local: a house without Redis does not load what speaks to it.
            from apps.conversations.adapters.frames import FrameBridge  # noqa: PLC0415
            from apps.conversations.generations.telling import Teller  # noqa: PLC0415

            self._bridge = FrameBridge(
                settings.SIGNALBOX_REDIS_URL, on_frame=self._watch.hear, on_bell=self._heed
            )
            self._teller = Teller(self._bridge)

    def _heed(self, bell: Frame) -> None:
        if (name := bell.get("stop")) in self._running:
            self._running[name].stop()
        elif (name := bell.get("listen")) in self._running and self._teller is not None:
            self._teller.heed(self._running[name], bell["content"], bell["reasoning"])

    def _forget(self, generation: Generation) -> None:
        self._running.pop(generation.message, None)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub()
    return found


def start(
    actor: Actor, begun: Begun, *, brief: Brief | None = None, is_counted: bool = False
) -> Generation:
    """Write the answer that was begun. `is_counted`: its call was counted against the rate of calls already.

    A request id of its own is given to it where the actor has none.
    """
    if not actor.request_id:
        actor = Actor(actor.identity, request_id_from(None), actor.address)
    return hub().begin(Generation(actor, begun, brief=brief, is_counted=is_counted))


def prepare(actor: Actor, begin: Callable[[], Begun]) -> tuple[Begun, Brief]:
    """Begin an answer and read what it needs, in the one hop of a thread; for `start`."""
    begun = begin()
    reach = calls.known_reach_of(actor, begun.message.model)
    brief = briefs.brief_of(
        message=begun.message,
        conversation=begun.conversation,
        sees_pictures=reach.sees_pictures,
        most_tokens=reach.context_tokens,
    )
    return begun, brief


async def attach(message: Message, after: Position | None = None) -> Viewer:
    return await hub().attach(message, after)


async def stop(
    actor: Actor, *, conversation_id: str, message_id: str | None = None
) -> list[Message]:
    """Stop an answer, or all that a conversation is being given, and wait until they have ended.

    Their messages as they were; what they are now is read anew. Raises `NotFound`, `PermissionDenied`.
    """
    meant = await in_pool(
        writing.request_stop, actor=actor, conversation_id=conversation_id, message_id=message_id
    )
    here = hub()
    for message in meant:
        if message.status == MessageStatus.GENERATING:
            here.ring_stop(message.public_id)
    await asyncio.gather(*(_until_ended(message) for message in meant))
    return meant


async def _until_ended(message: Message) -> Ending | None:
    viewer = await attach(message)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await viewer.transcript.ended()
    except TimeoutError:
        return None
    finally:
        viewer.close()
