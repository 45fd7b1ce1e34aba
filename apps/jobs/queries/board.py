"""The board: where the jobs that somebody in this process looks at stand, kept true by the live stream.

It belongs to one event loop. A status asked again is answered from here without a database; followers of a stream are
told each change once. News that got lost is caught up: what is looked at and was silent for a while is read again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Protocol

import structlog

from apps.core import json, live
from apps.core.actor import Actor, Credential, CredentialKind, Identity, Role
from apps.core.asgi.pool import in_pool
from apps.jobs.domain.standings import Standing, frame_of, standing_of_event
from apps.jobs.domain.states import State
from apps.jobs.queries import standings

log = structlog.get_logger(__name__)

TOPIC = frozenset({"job.progress"})
KEPT_JOBS = 5000
KEPT_RESULT = 32 * 1024
"""A larger result is read when it is asked for: the board holds states, not data."""
BELIEVED_SECONDS = 2.0
"""How long a state that may still change is believed without news."""
UNASKED_SECONDS = 60.0
RECHECK_SECONDS = 5.0


class Follower(Protocol):
    """Takes standings on the board's loop. Never blocks and never raises."""

    def take(self, standing: Standing) -> None: ...


class Mailbox:
    """A follower who is told the newest state when ready for it; what it slept through it need not know."""

    def __init__(self) -> None:
        self._newest: Standing | None = None
        self._end: str | None = None
        self._wake = asyncio.Event()

    def take(self, standing: Standing) -> None:
        self._newest = standing
        self._wake.set()

    def end(self, reason: str) -> None:
        """Make `next` raise `FeedEnded`, whatever is still to come."""
        self._end = reason
        self._wake.set()

    async def next(self, patience: float | None = None) -> Standing | None:
        """The newest standing; None after so many seconds without one."""
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            return None
        self._wake.clear()
        if self._end is not None:
            raise live.FeedEnded(self._end)
        newest, self._newest = self._newest, None
        return newest


@dataclass(slots=True)
class _Card:
    standing: Standing
    read_at: float
    asked_at: float
    followers: dict[Follower, int] = field(default_factory=dict)
    """Each with the last `seq` it was told."""


class _Ear:
    """Listens to one organisation's jobs for the board."""

    def __init__(self, board: Board, organization_id: int) -> None:
        self.actor = _listener(organization_id)
        self.since = monotonic()
        self.cards = 0
        self._board = board
        live.stream().subscribe(self.actor, TOPIC, self)

    def take(self, event: live.LiveEvent) -> None:
        self._board.hear(event, self.actor.organization_id)

    def miss(self, gap: live.Gap) -> None:
        """Whoever is followed and silent is read again before long."""

    def close(self) -> None:
        live.stream().unsubscribe(self.actor, TOPIC, self)


class Board:
    def __init__(self) -> None:
        self._cards: OrderedDict[str, _Card] = OrderedDict()
        self._ears: dict[int, _Ear] = {}
        self._reading: dict[str, asyncio.Task[_Card]] = {}
        self._overtaken: set[str] = set()
        """Jobs of which there was news while they were read for the first time."""
        self._recheck: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[_Card]] = set()

    async def standing(self, job_id: str, *, is_whole: bool = False) -> Standing:
        """Where a job stands, whoever's it is; `NotFound`. `is_whole`: with its result, however large."""
        card = self._believed(job_id) or await self._read(job_id)
        self._touch(job_id, card)
        if is_whole and not card.standing.is_whole:
            return await in_pool(standings.standing, job_id=job_id)
        return card.standing

    async def follow(self, job_id: str, follower: Follower, *, after: int | None) -> Standing:
        """Tell the follower where the job stands, if that lies ahead of `after`, and of each change from then on.

        A job that has ended is told of at once, and no more follows. Answers where it stood.
        """
        card = self._believed(job_id) or await self._read(job_id)
        card.followers[follower] = -1 if after is None else after
        if self._recheck is None:
            self._recheck = asyncio.create_task(self._recheck_for_ever())
        self._touch(job_id, card)
        standing = card.standing
        if not standing.is_whole:
            standing = await in_pool(standings.standing, job_id=job_id)
        _tell(card, standing)
        return standing

    def unfollow(self, job_id: str, follower: Follower) -> None:
        card = self._cards.get(job_id)
        if card is not None:
            card.followers.pop(follower, None)

    def hear(self, event: live.LiveEvent, organization_id: int) -> None:
        """An event of an organisation's jobs, on this loop."""
        job_id = str(event.data.get("job_id"))
        card = self._cards.get(job_id)
        if card is None:
            if job_id in self._reading:
                self._overtaken.add(job_id)
            return
        standing = standing_of_event(event.data, organization_id)
        if standing is None or not standing.is_whole:
            self._read_soon(job_id)
        elif standing.seq >= card.standing.seq:
            card.read_at = monotonic()
            _put(card, standing)

    def close(self) -> None:
        for ear in self._ears.values():
            ear.close()
        if self._recheck is not None:
            self._recheck.cancel()

    def _believed(self, job_id: str) -> _Card | None:
        card = self._cards.get(job_id)
        if card is None:
            return None
        if card.standing.status is State.COMPLETED:
            return card  # no move leads out of it
        ear = self._ears[card.standing.organization_id]
        is_fresh = monotonic() - card.read_at < BELIEVED_SECONDS
        return card if is_fresh and card.read_at >= ear.since else None

    async def _read(self, job_id: str) -> _Card:
        """Read the job, once however many ask at the same time."""
        task = self._reading.get(job_id)
        if task is None:
            task = self._reading[job_id] = asyncio.create_task(self._read_now(job_id))
            task.add_done_callback(lambda done: self._end_reading(job_id, done))
        return await asyncio.shield(task)

    def _end_reading(self, job_id: str, task: asyncio.Task[_Card]) -> None:
        del self._reading[job_id]
        self._overtaken.discard(job_id)
        if not task.cancelled():
            task.exception()  # its askers have it; perhaps all of them have left

    async def _read_now(self, job_id: str) -> _Card:
        known = self._cards.get(job_id)
        before = known.standing if known else None
        started = monotonic()
        standing = await in_pool(standings.standing, job_id=job_id)
        if standing.organization_id not in self._ears:
            # News between that reading and this hearing would be missed: listen first, then read.
            self._ears[standing.organization_id] = _Ear(self, standing.organization_id)
            started = monotonic()
            standing = await in_pool(standings.standing, job_id=job_id)
        while job_id in self._overtaken:
            self._overtaken.discard(job_id)
            started = monotonic()
            standing = await in_pool(standings.standing, job_id=job_id)
        return self._keep(standing, before, started)

    def _keep(self, standing: Standing, before: Standing | None, started: float) -> _Card:
        card = self._cards.get(standing.job_id)
        if card is None:
            card = self._cards[standing.job_id] = _Card(_light(standing), started, started)
            self._ears[standing.organization_id].cards += 1
            self._make_room()
            return card
        # What was heard while we read is later than what we read.
        if card.standing is before or standing.seq >= card.standing.seq:
            card.read_at = started
            _put(card, standing)
        return card

    def _read_soon(self, job_id: str) -> None:
        task = asyncio.create_task(self._read(job_id))
        self._errands.add(task)
        task.add_done_callback(self._forget_errand)

    def _forget_errand(self, task: asyncio.Task[_Card]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("job_not_read", error=repr(task.exception()))

    async def _recheck_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            silent = [job_id for job_id, card in self._cards.items() if _is_silent(card)]
            try:
                await self._recheck_these(silent)
            except Exception as error:  # noqa: BLE001 - the next round may do better
                log.warning("jobs_not_rechecked", error=repr(error))

    async def _recheck_these(self, job_ids: list[str]) -> None:
        for start in range(0, len(job_ids), 500):
            part = job_ids[start : start + 500]
            before = {job_id: self._cards[job_id].standing for job_id in part}
            started = monotonic()
            for standing in await in_pool(standings.standings, job_ids=part):
                if standing.job_id in self._cards:
                    self._keep(standing, before[standing.job_id], started)

    def _touch(self, job_id: str, card: _Card) -> None:
        card.asked_at = monotonic()
        if job_id in self._cards:
            self._cards.move_to_end(job_id)

    def _make_room(self) -> None:
        """Let go of what nobody has asked for lately, and of the oldest when there are too many."""
        now = monotonic()
        for job_id, card in list(_first(self._cards.items(), 20)):
            is_idle = now - card.asked_at > UNASKED_SECONDS
            if card.followers:
                self._cards.move_to_end(job_id)
            elif is_idle or len(self._cards) > KEPT_JOBS:
                del self._cards[job_id]
                self._hush(card.standing.organization_id)

    def _hush(self, organization_id: int) -> None:
        ear = self._ears[organization_id]
        ear.cards -= 1
        if not ear.cards:
            ear.close()
            del self._ears[organization_id]


def _put(card: _Card, standing: Standing) -> None:
    card.standing = _light(standing)
    _tell(card, standing)


def _tell(card: _Card, standing: Standing) -> None:
    for follower, last in list(card.followers.items()):
        if standing.seq > last or (standing.is_final and last == -1):
            card.followers[follower] = standing.seq
            follower.take(standing)


def _light(standing: Standing) -> Standing:
    if standing.result is None or len(json.dumps(standing.result)) <= KEPT_RESULT:
        return standing
    return replace(standing, result=None, is_whole=False)


def _is_silent(card: _Card) -> bool:
    return bool(card.followers) and monotonic() - card.read_at > RECHECK_SECONDS


def _first(items: Iterable[tuple[str, _Card]], count: int) -> Iterable[tuple[str, _Card]]:
    for _, item in zip(range(count), items, strict=False):
        yield item


def _listener(organization_id: int) -> Actor:
    """The house itself, listening to one organisation: what it hears is shown to none but those who may."""
    return Actor(
        Identity(
            organization_id=organization_id,
            organization="",
            principal="system",
            name="system",
            role=Role.VIEWER,
            permissions=frozenset(),
            credential=Credential(CredentialKind.SYSTEM, "board"),
        )
    )


_boards: dict[asyncio.AbstractEventLoop, Board] = {}


def board() -> Board:
    """The board of the running loop; a server has one loop."""
    loop = asyncio.get_running_loop()
    found = _boards.get(loop)
    if found is None:
        for gone in [one for one in _boards if one.is_closed()]:
            _boards.pop(gone).close()
        found = _boards[loop] = Board()
    return found


def frame_text(standing: Standing) -> str:
    """The frame as text; viewers of one job are told the same object one after the other, so the last is kept."""
    global _last
    if _last[0] is not standing:
        _last = (standing, json.dumps(frame_of(standing)).decode())
    return _last[1]


_last: tuple[Standing | None, str] = (None, "")
