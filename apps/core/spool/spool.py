"""The spool of one process: appends now, hands over at each tick, takes over what dead processes left.

A record that must not be lost is appended by `append_or_refuse`, which says `NoRoom` when the disk is full; one that
may be, by `append`, which counts it as dropped and never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import orjson
import structlog
from django.db import InterfaceError, OperationalError, ProgrammingError

from apps.core import json
from apps.core.errors import NoRoom, Unavailable
from apps.core.spool import metrics
from apps.core.spool.home import Home, adopt_orphans, make_home
from apps.core.spool.metrics import Counts
from apps.core.spool.segments import Reader, Writer, kinds_in

log = structlog.get_logger(__name__)

BATCH_RECORDS = 2000
TURN_SECONDS = 0.2
"""How long one kind is drained at a stretch: the ticker's threads have other work too."""
ADOPT_SECONDS = 5.0
AWAY = (OperationalError, InterfaceError, ProgrammingError, Unavailable, OSError)
"""What a drain raises when no record would fare better: the batch waits. Not migrated yet is one of them."""
MOST_WAITING = 256 * 1024 * 1024
"""Records that may be lost are dropped beyond this backlog, so that a database that is away fills no disk."""


@dataclass(frozen=True)
class Record:
    """One record on its way out. `id` is the place it was written at: the same however often it is handed over."""

    id: str
    payload: bytes

    @cached_property
    def value(self) -> Any:
        return orjson.loads(self.payload)


Drain = Callable[[list[Record]], None]


class Spool:
    """Below `root`, in a directory that is made with the first record."""

    def __init__(self, root: Path, drains: dict[str, Drain]) -> None:
        self._root = root
        self._drains = drains
        self._home: Home | None = None
        self._lock = Lock()
        self._draining = Lock()
        self._writers: dict[str, Writer] = {}
        self._readers: dict[str, Reader] = {}
        self._counts: dict[str, Counts] = {}
        self._published: dict[str, Counts] = {}
        self._waiting: dict[str, int] = {}
        self._clear_at: dict[str, float] = {}
        self._adopted_at = float("-inf")
        self._failing: set[str] = set()

    def append(self, kind: str, value: Any) -> bool:
        """Write a record that may be lost when there is no room; whether it was written."""
        counts = self.counts(kind)
        if self._waiting.get(kind, 0) > MOST_WAITING:
            counts.dropped += 1
            return False
        try:
            self._write(kind, json.dumps(value))
        except (OSError, ValueError, TypeError):
            counts.dropped += 1
            return False
        return True

    def append_or_refuse(self, kind: str, value: Any) -> None:
        """Write a record that somebody relies on. Raises `NoRoom`."""
        try:
            self._write(kind, json.dumps(value))
        except OSError as error:
            raise NoRoom from error

    def counts(self, kind: str) -> Counts:
        return self._counts.get(kind) or self._counts.setdefault(kind, Counts())

    def drain(self) -> None:
        """Hand over what waits, ours and orphans'. The ticker's call; a second one at the same time does nothing."""
        if not self._draining.acquire(blocking=False):
            return
        try:
            if self._home is not None:
                for kind in list(self._writers):
                    self._drain_kind(self._home, kind, self._reader(kind), is_final=False)
            if monotonic() - self._adopted_at >= ADOPT_SECONDS:
                self._adopted_at = monotonic()
                self._drain_orphans()
            for kind, counts in self._counts.items():
                before = self._published.get(kind, Counts())
                self._published[kind] = metrics.publish_counts(kind, counts, before)
        finally:
            self._draining.release()

    def drain_whole(self) -> bool:
        """Hand over everything there is now, orphans' too, however long it takes; whether nothing was left behind."""
        with self._draining:
            ours = [
                self._drain_kind(self._home, kind, self._reader(kind), is_final=False, turn=None)
                for kind in (list(self._writers) if self._home is not None else ())
                if self._home is not None
            ]
            return self._drain_orphans(turn=None) and all(ours)

    def close(self) -> None:
        """Let go of the files; what waits in them is the next one's to adopt."""
        for writer in self._writers.values():
            writer.close()
        if self._home is not None:
            self._home.close()
        self._writers, self._readers, self._home = {}, {}, None

    def _write(self, kind: str, payload: bytes) -> None:
        writer = self._writers.get(kind) or self._begin(kind)
        writer.append(payload)
        counts = self.counts(kind)
        counts.records += 1
        counts.bytes += len(payload)

    def _begin(self, kind: str) -> Writer:
        with self._lock:
            if self._home is None:
                self._home = make_home(self._root)
            if kind not in self._writers:
                self._clear_at[kind] = monotonic()
                self._writers[kind] = Writer(self._home.folder, kind)
            return self._writers[kind]

    def _reader(self, kind: str) -> Reader:
        assert self._home is not None
        return self._readers.get(kind) or self._readers.setdefault(
            kind, Reader(self._home.folder, kind)
        )

    def _drain_orphans(self, turn: float | None = TURN_SECONDS) -> bool:
        is_whole = True
        for home in adopt_orphans(self._root):
            try:
                done = [
                    self._drain_kind(
                        home, kind, Reader(home.folder, kind), is_final=True, turn=turn
                    )
                    for kind in sorted(kinds_in(home.folder))
                ]
            except FileNotFoundError:  # somebody tidied by hand
                done = [False]
            if all(done):
                log.debug("spool_adopted", process=home.name)
                home.remove()
            else:
                home.close()  # the rest at a later tick, ours or a sibling's
                is_whole = False
        return is_whole

    def _drain_kind(
        self,
        home: Home,
        kind: str,
        reader: Reader,
        *,
        is_final: bool,
        turn: float | None = TURN_SECONDS,
    ) -> bool:
        """Whether nothing is left. Without a `turn` it goes on until then, or until the drain fails."""
        drain = self._drains.get(kind)
        if drain is None:
            return False  # another program's, or that of an app not installed here
        until, is_empty = monotonic() + (float("inf") if turn is None else turn), False
        try:
            while not is_empty and monotonic() < until:
                taken = self._drain_batch(home, kind, drain, reader, is_final)
                # Most of what a batch costs, it costs for one record too: what comes in meanwhile waits for the next.
                is_enough = taken < BATCH_RECORDS and turn is not None and not is_final
                is_empty = taken == 0 or is_enough
        except Exception as error:  # noqa: BLE001 - the next tick may do better, and the other kinds go on
            self._say_failing(kind, error)
        else:
            self._failing.discard(kind)
        if not is_final:
            self._note_backlog(kind, reader, is_empty)
        return is_empty

    def _drain_batch(
        self, home: Home, kind: str, drain: Drain, reader: Reader, is_final: bool
    ) -> int:
        """How many records it took or passed over."""
        batch = reader.read(BATCH_RECORDS, is_final=is_final)
        records = [
            Record(f"{home.name}.{place.segment}.{place.offset}", payload)
            for place, payload in batch.records
        ]
        counts = self.counts(kind)
        if records:
            self._hand_over(kind, drain, records)
            counts.drained += len(records)
        if batch.skipped:
            counts.skipped += batch.skipped
            log.warning("spool_damaged", process=home.name, kind=kind, bytes=batch.skipped)
        if batch.end != reader.position:
            reader.commit(batch.end)
        return len(records) + bool(batch.skipped)

    def _hand_over(self, kind: str, drain: Drain, records: list[Record]) -> None:
        """A record that its drain cannot take must not hold up those behind it for ever: it is set aside in a file."""
        try:
            drain(records)
            return
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be about one record alone
            log.warning("spool_drain_failed", kind=kind, error=repr(error))
        for record in records:
            try:
                drain([record])
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001 - kept, counted and said
                self._set_aside(kind, record, error)

    def _set_aside(self, kind: str, record: Record, error: Exception) -> None:
        self.counts(kind).refused += 1
        log.error("spool_refused", kind=kind, record=record.id, error=repr(error))
        with (self._root / f"{kind}.refused.jsonl").open("ab") as file:
            file.write(record.payload + b"\n")

    def _say_failing(self, kind: str, error: Exception) -> None:
        if (
            kind not in self._failing
        ):  # once, not four times a second for as long as a database is away
            log.warning("spool_drain_away", kind=kind, error=repr(error))
        self._failing.add(kind)

    def _note_backlog(self, kind: str, reader: Reader, is_empty: bool) -> None:
        now = monotonic()
        waiting = 0 if is_empty else reader.backlog(self._writers[kind].end)
        if waiting == 0:
            self._clear_at[kind] = now
        self._waiting[kind] = waiting
        metrics.publish_backlog(kind, waiting, now - self._clear_at[kind])
