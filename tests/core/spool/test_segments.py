"""Segments: rotation, positions, and remains of writes that were cut off."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from apps.core.spool import segments
from apps.core.spool.frames import pack
from apps.core.spool.segments import Position, Reader, Writer, segment_path, segments_of


def read_all(reader: Reader, *, is_final: bool, most: int = 100) -> tuple[list[bytes], int]:
    """Every payload that can be read now, and the bytes that were skipped."""
    payloads: list[bytes] = []
    skipped = 0
    while True:
        batch = reader.read(most, is_final=is_final)
        payloads += [payload for _, payload in batch.records]
        skipped += batch.skipped
        if batch.end != reader.position:
            reader.commit(batch.end)
        if not batch.records and not batch.skipped:
            return payloads, skipped


def test_a_full_segment_is_followed_by_another_and_removed_once_read(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "tried", segment_bytes=100)
    payloads = [f"record {number:03}".encode() for number in range(20)]
    for payload in payloads:
        writer.append(payload)
    written = segments_of(tmp_path, "tried")

    found = read_all(Reader(tmp_path, "tried"), is_final=False, most=3)

    assert written == [1, 2, 3, 4]
    assert found == (payloads, 0)
    assert segments_of(tmp_path, "tried") == [4]
    assert (tmp_path / "tried.position").read_bytes() == b"000000000000004 000000000000090\n"


def test_a_reader_goes_on_where_the_last_one_committed(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "tried")
    for payload in (b"one", b"two", b"three"):
        writer.append(payload)
    first = Reader(tmp_path, "tried")
    first.commit(first.read(1, is_final=False).end)
    first.read(1, is_final=False)  # taken, but the process died before it committed

    second = Reader(tmp_path, "tried")

    assert second.position == Position(1, 11)
    assert second.backlog(writer.end) == 24
    assert read_all(second, is_final=False) == ([b"two", b"three"], 0)


@pytest.mark.parametrize("text", [b"", b"garbage", b"1", b"\xff\xfe 3"])
def test_a_position_that_cannot_be_read_starts_from_the_beginning(
    tmp_path: Path, text: bytes
) -> None:
    Writer(tmp_path, "tried").append(b"one")
    (tmp_path / "tried.position").write_bytes(text)

    assert read_all(Reader(tmp_path, "tried"), is_final=False) == ([b"one"], 0)


@pytest.mark.parametrize(
    "tail",
    [
        pack(b"cut off")[:-1],
        b"\x01",
        b"garbage that is no header at all",
        bytes(64) + b"after zeros",
    ],
)
def test_a_damaged_tail_is_skipped_to_the_end_of_its_segment(tmp_path: Path, tail: bytes) -> None:
    segment_path(tmp_path, "tried", 1).write_bytes(pack(b"one") + tail)
    segment_path(tmp_path, "tried", 2).write_bytes(pack(b"two"))

    assert read_all(Reader(tmp_path, "tried"), is_final=True) == ([b"one", b"two"], len(tail))


def test_room_that_was_not_used_is_no_damage(tmp_path: Path) -> None:
    segment_path(tmp_path, "tried", 1).write_bytes(pack(b"one") + bytes(64))
    segment_path(tmp_path, "tried", 2).write_bytes(pack(b"two") + bytes(3))

    assert read_all(Reader(tmp_path, "tried"), is_final=True) == ([b"one", b"two"], 0)


def test_what_follows_damage_in_the_same_segment_is_skipped_and_counted(tmp_path: Path) -> None:
    damaged = bytearray(pack(b"two"))
    damaged[-1] ^= 1
    segment_path(tmp_path, "tried", 1).write_bytes(pack(b"one") + bytes(damaged) + pack(b"three"))

    assert read_all(Reader(tmp_path, "tried"), is_final=True) == ([b"one"], 24)


def test_the_last_segment_of_a_living_process_is_waited_for(tmp_path: Path) -> None:
    path = segment_path(tmp_path, "tried", 1)
    frame = pack(b"two")
    path.write_bytes(pack(b"one") + frame[:5])
    reader = Reader(tmp_path, "tried")
    before = read_all(reader, is_final=False)
    with path.open("ab") as file:
        file.write(frame[5:])

    assert (before, read_all(reader, is_final=False)) == (([b"one"], 0), ([b"two"], 0))


def test_a_record_longer_than_a_piece_boundary_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "READ_BYTES", 64)
    payloads = [bytes([number]) * 50 for number in range(1, 8)]
    writer = Writer(tmp_path, "tried")
    for payload in payloads:
        writer.append(payload)

    assert read_all(Reader(tmp_path, "tried"), is_final=True) == (payloads, 0)


def test_a_segment_without_room_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = Writer(tmp_path, "tried", segment_bytes=100)
    writer.append(b"one")
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left"):
        writer.append(b"2" * 90)
    monkeypatch.undo()
    between = segments_of(tmp_path, "tried")

    writer.append(b"three")
    writer.append(b"4" * 90)

    assert between == [1]
    assert read_all(Reader(tmp_path, "tried"), is_final=True) == ([b"one", b"three", b"4" * 90], 0)


def test_a_scarce_disk_gets_a_smaller_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocate = os.posix_fallocate

    def has_little(descriptor: int, offset: int, size: int) -> None:
        if size > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", has_little)
    Writer(tmp_path, "tried").append(b"one")

    assert segment_path(tmp_path, "tried", 1).stat().st_size == 65536
    assert read_all(Reader(tmp_path, "tried"), is_final=True) == ([b"one"], 0)


def test_a_writer_that_is_closed_gives_its_room_back(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "tried")
    writer.append(b"one")
    writer.close()

    assert segment_path(tmp_path, "tried", 1).read_bytes() == pack(b"one")


def test_a_record_longer_than_a_segment_has_one_of_its_own(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "tried", segment_bytes=100)
    for payload in (b"one", b"2" * 300, b"three"):
        writer.append(payload)

    assert segments_of(tmp_path, "tried") == [1, 2, 3]
    assert read_all(Reader(tmp_path, "tried"), is_final=False) == (
        [b"one", b"2" * 300, b"three"],
        0,
    )
