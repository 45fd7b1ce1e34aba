"""One kind's records in one directory: numbered segments, a writer at the end, a reader that keeps its position.

Only the last segment of a living process may still grow: what is left of its room are zeros. In every other one, bytes
that are no whole record are the remains of a write that was cut off: they are skipped to its end and counted.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from threading import Lock

from apps.core.spool.frames import MAX_PAYLOAD, pack, unpack

SEGMENT_BYTES = 1024 * 1024
SCARCE_BYTES = 64 * 1024
"""A segment's size where the disk has no room for a whole one."""
READ_BYTES = 2 * MAX_PAYLOAD
_SEGMENT = re.compile(r"([a-z_]+)-(\d{8})\.seg")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    segment: int = 0
    offset: int = 0


def segment_path(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number:08}.seg"


def segments_of(folder: Path, kind: str) -> list[int]:
    found = (_SEGMENT.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[2]) for match in found if match and match[1] == kind)


def kinds_in(folder: Path) -> set[str]:
    return {match[1] for path in folder.iterdir() if (match := _SEGMENT.fullmatch(path.name))}


class Writer:
    """Appends to the last segment, from any thread.

    A segment gets its room when it is begun and is written through memory: a record costs no system call, in which
    the loop would lose its turn to whoever computes. What was appended outlives the process like any write.
    """

    def __init__(self, folder: Path, kind: str, segment_bytes: int | None = None) -> None:
        self._folder = folder
        self._kind = kind
        self._segment_bytes = segment_bytes or SEGMENT_BYTES
        self._lock = Lock()
        self._memory: mmap | None = None
        self._number = 0
        self._room = 0
        self._size = 0
        self.written = 0
        """Bytes of this writer, in every segment."""

    @property
    def end(self) -> Position:
        return Position(self._number, self._size)

    def append(self, payload: bytes) -> None:
        """Raises `OSError` when there is no room; then nothing of the record remains."""
        frame = pack(payload)
        with self._lock:
            end = self._size + len(frame)
            if self._memory is None or end > self._room:
                self._begin_segment(len(frame))
                end = len(frame)
            assert self._memory is not None
            self._memory[self._size : end] = frame
            self._size = end
            self.written += len(frame)

    def close(self) -> None:
        with self._lock:
            self._close()

    def _begin_segment(self, least: int) -> None:
        path = segment_path(self._folder, self._kind, self._number + 1)
        room = max(least, self._segment_bytes)
        try:
            memory = _make_segment(path, room)
        except OSError:
            room = max(least, SCARCE_BYTES)
            memory = _make_segment(path, room)
        self._close()
        self._memory, self._room, self._size = memory, room, 0
        self._number += 1

    def _close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None
            with suppress(OSError):
                os.truncate(segment_path(self._folder, self._kind, self._number), self._size)


def _make_segment(path: Path, room: int) -> mmap:
    """A file that has its room on the disk already: memory must not find out that there is none."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        os.posix_fallocate(descriptor, 0, room)
        return mmap(descriptor, room)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records with their positions, where to go on, and how many bytes were skipped as damaged."""

    records: list[tuple[Position, bytes]]
    end: Position
    skipped: int = 0


class Reader:
    """Reads on from a position kept in a file, so that a batch not committed is read again."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        self._path = folder / f"{kind}.position"
        self.position = self._load()

    def read(self, most: int, *, is_final: bool) -> Batch:
        """The next records, of one segment. `is_final`: nobody writes here any more."""
        numbers = [n for n in segments_of(self._folder, self._kind) if n >= self.position.segment]
        at = self.position
        for number in numbers:
            if number > at.segment:
                at = Position(number, 0)
            is_closed = is_final or number != numbers[-1]
            batch = self._read_segment(at, most, is_closed=is_closed)
            if batch.records or batch.skipped or not is_closed:
                return batch
            at = batch.end
        return Batch([], at)

    def commit(self, position: Position) -> None:
        """Everything before it has been taken. Removes segments that are done with."""
        self.position = position
        with suppress(
            OSError
        ):  # no room even for this: after a crash the batch is taken twice, which is allowed
            self._save(position)
        for number in segments_of(self._folder, self._kind):
            if number < position.segment:
                segment_path(self._folder, self._kind, number).unlink(missing_ok=True)

    def backlog(self, end: Position) -> int:
        """Bytes still to be read, to where the writer is."""
        total = end.offset
        for number in segments_of(self._folder, self._kind):
            if self.position.segment <= number < end.segment:
                total += segment_path(self._folder, self._kind, number).stat().st_size
        return total - (self.position.offset if self.position.segment else 0)

    def _read_segment(self, at: Position, most: int, *, is_closed: bool) -> Batch:
        with segment_path(self._folder, self._kind, at.segment).open("rb") as file:
            file.seek(at.offset)
            piece = file.read(READ_BYTES)
            size = os.fstat(file.fileno()).st_size
        frames = unpack(piece, at=at.offset, most=most)
        records = [(Position(at.segment, offset), payload) for offset, payload in frames.payloads]
        end, skipped = frames.end, 0
        # A piece is longer than any record: one that holds none and reaches the end holds the beginning of one.
        is_cut_off = not records and at.offset + len(piece) >= size
        if is_closed and end < size and (frames.is_torn or is_cut_off):
            end, skipped = size, (size - end if piece[end - at.offset :].strip(b"\0") else 0)
        return Batch(records, Position(at.segment, end), skipped)

    def _load(self) -> Position:
        try:
            segment, offset = self._path.read_text().split()
            return Position(int(segment), int(offset))
        except (OSError, ValueError):
            return Position()  # from the oldest segment: twice is allowed, never is not

    def _save(self, position: Position) -> None:
        # Always as long: written over in place, it needs no room on a full disk.
        text = f"{position.segment:015} {position.offset:015}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.pwrite(descriptor, text, 0)
        finally:
            os.close(descriptor)
