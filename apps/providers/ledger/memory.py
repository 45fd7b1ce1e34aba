"""The ledger of a single process. What it holds dies with it; what was spent it reads back from the rows."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

import structlog

from apps.core.asgi.pool import in_pool
from apps.core.limits import factory as limits
from apps.core.limits.domain import Verdict
from apps.core.limits.store import Check, LimitStore
from apps.providers.domain.book import Book, Hold, Room, Want
from apps.providers.domain.budgets import Amount, Bound, Meter, Standing
from apps.providers.errors import LedgerRebuilding
from apps.providers.ledger import rows
from apps.providers.ledger.places import PlaceBook
from apps.providers.ledger.protocol import (
    LASTS_SECONDS,
    Ask,
    Busy,
    Former,
    Outcome,
    Reservation,
    Settled,
    Slot,
    SlotLimits,
)

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0
"""How often somebody who waits looks whether a dead call's hold has expired."""
OPENING_SECONDS = 2.0
"""How long a call waits for a ledger that is just learning what was spent."""
RETRY_SECONDS = 0.5
IDLE_SECONDS = 3600.0

Load = Callable[[int, Sequence[Meter], str], list[Former]]


def new_epoch() -> str:
    """A name for one life of a ledger; later ones sort behind."""
    return f"{time.time_ns():x}-{secrets.token_hex(4)}"


class MemoryLedger:
    """On one event loop; a lock lets the drain's thread in. Nothing but the first look at a meter leaves the loop.

    `open_up` brings every record of former lives into the rows, and answers whether it could; until it has, calls
    under a budget are told to wait. None: there is nothing to bring.
    """

    def __init__(
        self,
        *,
        load: Load = rows.read_rows,
        open_up: Callable[[], bool] | None = None,
        store: LimitStore | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.epoch = new_epoch()
        self._load = load
        self._open_up = open_up
        self._store = store
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._books: dict[int, Book] = {}
        self._places = PlaceBook()
        self._turns: dict[str, asyncio.Future[Room]] = {}
        self._opening: asyncio.Task[None] | None = None
        self._numbers = count(1)

    async def reserve(self, ask: Ask) -> Reservation:
        at = ask.at or self._wall()
        verdicts = await self._hit(ask.checks)
        if not all(verdict.allowed for verdict in verdicts):
            return self._answer(ask, at, verdicts, Outcome.LIMITED)
        if not ask.bounds:
            return self._answer(ask, at, verdicts, Outcome.GRANTED)
        if not await self._is_open():
            return self._answer(ask, at, verdicts, Outcome.REBUILDING)
        await self._learn(ask.organization, ask.bounds)
        name = f"{self.epoch}-{next(self._numbers)}"
        want = Want(name, ask.bounds, ask.most, ask.likely, ask.lasts)
        room, outcome = await self._find_room(ask, want)
        return self._answer(ask, at, verdicts, outcome, want, room)

    async def settle(self, reservation: Reservation, spent: Amount) -> None:
        self._end(reservation.organization, reservation.id, spent)

    async def release(self, reservation: Reservation) -> None:
        self._end(reservation.organization, reservation.id, None)

    def release_now(self, organization: int, name: str) -> None:
        """Give back what a process held that is gone."""
        self._end(organization, name, None)

    async def renew(self, reservation: Reservation, lasts: float = LASTS_SECONDS) -> None:
        with self._lock:
            book = self._books.get(reservation.organization)
            if book is not None:
                book.renew(reservation.id, self._clock() + lasts)

    def restore_now(
        self, organization: int, name: str, hold: tuple[tuple[Meter, ...], Amount, float]
    ) -> None:
        """Hold again what another process was granted in a former life; it lasts so many seconds from now."""
        meters, amount, lasts = hold
        with self._lock:
            book = self._books.setdefault(organization, Book())
            book.restore(name, Hold(meters, amount, self._clock() + lasts))

    async def peek(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        if bounds and not await self._is_open():
            raise LedgerRebuilding
        await self._learn(organization, bounds)
        return self._standings(organization, bounds)

    def peek_now(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        if bounds and not self._is_opened():
            raise LedgerRebuilding
        unknown = self._unknown(organization, bounds)
        if unknown:
            self._take_in(organization, self._load(organization, unknown, self.epoch))
        return self._standings(organization, bounds)

    async def take_slot(self, limits: SlotLimits, tokens: int, lasts: float) -> Slot | Busy:
        return self.take_slot_now(limits, tokens, lasts)

    def take_slot_now(self, limits: SlotLimits, tokens: int, lasts: float) -> Slot | Busy:
        with self._lock:
            return self._places.take(limits, tokens, self._clock(), lasts)

    async def free_slot(self, slot: Slot, tokens: int) -> None:
        self.free_slot_now(slot, tokens)

    def free_slot_now(self, slot: Slot, tokens: int) -> None:
        with self._lock:
            self._places.free(slot, tokens)

    def reconcile_now(
        self, organization: int, meters: Sequence[Meter], settled: Sequence[Settled]
    ) -> None:
        known = self._known_among(organization, meters)
        found = self._load(organization, known, self.epoch) if known else []
        with self._lock:
            book = self._books.get(organization)
            if book is None:
                return
            for each in settled:
                if each.epoch == self.epoch:
                    book.settle(each.id, each.spent, self._clock())
                else:
                    book.release(each.id)
            for row in found:
                book.take_in(row.meter, row.former, row.present, self._clock())
            self._admit(book)

    async def begin(self) -> None:
        self._start_opening()

    async def close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()

    def look(self) -> None:
        """Dead calls' holds end, and meters of past periods and of users who left are not kept for ever."""
        now = self._clock()
        with self._lock:
            self._places.forget_idle(now)
            for organization, book in list(self._books.items()):
                self._admit(book)
                book.expire(now)
                book.forget_idle(now - IDLE_SECONDS)
                if book.is_idle:
                    del self._books[organization]

    async def _hit(self, checks: Sequence[Check]) -> list[Verdict]:
        return await (self._store or limits.get_store()).hit(checks) if checks else []

    async def _find_room(self, ask: Ask, want: Want) -> tuple[Room, Outcome]:
        with self._lock:
            book = self._books[ask.organization]
            room = book.reserve(want, self._clock())
            if room.fits:
                return room, Outcome.GRANTED
            if room.is_spent:
                return room, Outcome.EXHAUSTED
            turn = self._turns[want.id] = asyncio.get_running_loop().create_future()
            book.wait(want)
        try:
            room = await self._wait(book, want, turn, ask.patience)
        except BaseException:
            self._abandon(book, want)
            raise
        finally:
            self._turns.pop(want.id, None)
        if room.fits:
            return room, Outcome.GRANTED
        return room, Outcome.EXHAUSTED if room.is_spent else Outcome.HELD

    async def _wait(
        self, book: Book, want: Want, turn: asyncio.Future[Room], patience: float
    ) -> Room:
        ends_at = self._clock() + patience
        while (rest := ends_at - self._clock()) > 0:
            done, _ = await asyncio.wait({turn}, timeout=min(rest, LOOK_SECONDS))
            if done:
                return turn.result()
            with self._lock:
                self._admit(book)
        with self._lock:
            return turn.result() if turn.done() else self._take_rest(book, want)

    def _take_rest(self, book: Book, want: Want) -> Room:
        if want.id in book.holds:  # granted just now, the news still on its way
            return Room(book.holds[want.id].amount)
        return book.take_rest(want, self._clock())

    def _abandon(self, book: Book, want: Want) -> None:
        """The caller left while it waited."""
        with self._lock:
            book.leave(want.id)
            book.release(want.id)
            self._admit(book)

    def _end(self, organization: int, name: str, spent: Amount | None) -> bool:
        """Whether something was held under that name."""
        if not name:
            return False
        with self._lock:
            book = self._books.get(organization)
            if book is None:
                return False
            if spent is None:
                was_held = book.release(name)
            else:
                was_held = book.settle(name, spent, self._clock())
            self._admit(book)
            return was_held

    def _admit(self, book: Book) -> None:
        """Under the lock: tell those whose turn has come."""
        if not book.has_waiting:
            return
        for want, room in book.admit(self._clock()):
            turn = self._turns.get(want.id)
            if turn is not None and not turn.get_loop().is_closed():
                turn.get_loop().call_soon_threadsafe(_tell, turn, room)

    async def _learn(self, organization: int, bounds: Sequence[Bound]) -> None:
        unknown = self._unknown(organization, bounds)
        if unknown:
            found = await in_pool(self._load, organization, unknown, self.epoch)
            self._take_in(organization, found)

    def _unknown(self, organization: int, bounds: Sequence[Bound]) -> list[Meter]:
        with self._lock:
            return self._books.setdefault(organization, Book()).unknown(bounds)

    def _known_among(self, organization: int, meters: Sequence[Meter]) -> list[Meter]:
        with self._lock:
            book = self._books.get(organization)
            return [] if book is None else [meter for meter in meters if meter in book.counts]

    def _take_in(self, organization: int, found: Sequence[Former]) -> None:
        with self._lock:
            book = self._books.setdefault(organization, Book())
            for row in found:
                book.take_in(row.meter, row.former, row.present, self._clock())

    def _standings(self, organization: int, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        with self._lock:
            book = self._books.setdefault(organization, Book())
            book.expire(self._clock())
            return tuple(book.standing(bound) for bound in bounds)

    def _is_opened(self) -> bool:
        opening = self._opening
        return self._open_up is None or (
            opening is not None and opening.done() and not opening.cancelled()
        )

    async def _is_open(self) -> bool:
        if self._is_opened():
            return True
        opening = self._start_opening()
        await asyncio.wait({opening}, timeout=OPENING_SECONDS)
        return self._is_opened()

    def _start_opening(self) -> asyncio.Task[None]:
        opening = self._opening
        if opening is None or opening.cancelled() or opening.get_loop().is_closed():
            opening = self._opening = asyncio.create_task(self._open(), name="ledger")
        return opening

    async def _open(self) -> None:
        while self._open_up is not None:
            try:
                if await in_pool(self._open_up):
                    self._open_up = None
                    return
            except Exception as error:  # noqa: BLE001 - a database that is away: calls under a budget wait for it
                log.warning("ledger_not_open", error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    def _answer(
        self,
        ask: Ask,
        at: datetime,
        verdicts: Sequence[Verdict],
        outcome: Outcome,
        want: Want | None = None,
        room: Room | None = None,
    ) -> Reservation:
        if want is None or room is None:
            return Reservation(
                outcome, ask.organization, epoch=self.epoch, verdicts=verdicts, at=at
            )
        is_granted = outcome is Outcome.GRANTED
        standings = self._standings(ask.organization, ask.bounds)
        short = next((s for s in standings if s.bound == room.short), None)
        return Reservation(
            outcome,
            ask.organization,
            id=want.id if is_granted else "",
            epoch=self.epoch,
            verdicts=verdicts,
            held=room.amount,
            is_clamped=is_granted and room.amount != ask.most,
            meters=want.meters,
            standings=standings,
            short=short,
            at=at,
        )


def _tell(turn: asyncio.Future[Room], room: Room) -> None:
    if not turn.done():
        turn.set_result(room)
