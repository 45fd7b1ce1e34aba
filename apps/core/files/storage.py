"""Where bytes lie: the Protocol that `files` needs, and the one for a local disk. Knows no rows and no organisations.

An object is written as a draft and appears whole, under its key, or not at all. A key is `<two hexadecimal
digits>/<number>-<digest>`; the first part spreads the objects over 256 folders, so that one can be listed at a time.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import BinaryIO, Protocol

from apps.core.errors import NoRoom

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DRAFTS = "drafts"
DRAFT_SECONDS = 3600.0
"""A draft that nobody has written to for so long is a dead process's."""
_NAME = re.compile(r"\d+-[0-9a-f]{64}").fullmatch


class Draft(Protocol):
    """Bytes on their way in. Either `keep` or `drop` ends it."""

    def write(self, piece: bytes) -> None: ...

    def keep(self, key: str) -> None:
        """Make it the object of this name, whole and at once; one that is there has the same bytes and is renewed."""

    def drop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kept:
    key: str
    seconds_old: float
    """Since it was last kept."""


class Storage(Protocol):
    """A disk, or something like S3. Raises `NoRoom` when it is full."""

    def draft(self) -> Draft: ...

    def open(self, key: str) -> BinaryIO:
        """Raises `FileNotFoundError`."""

    def discard(self, key: str, *, unless_younger: float) -> bool:
        """Remove it, unless it was kept within so many seconds, even while this runs; whether it is gone."""

    def shard(self, number: int) -> list[Kept]:
        """The objects whose key begins with these two hexadecimal digits."""

    def forget_drafts(self) -> int:
        """Remove what dead processes left half written."""


class LocalStorage:
    """Files in a folder. Scaled out to several machines it has to be one that all of them share."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def draft(self) -> LocalDraft:
        with no_room_said():
            return LocalDraft(self._root)

    def open(self, key: str) -> BinaryIO:
        return (self._root / key).open("rb")

    def discard(self, key: str, *, unless_younger: float) -> bool:
        path = self._root / key
        if _seconds_old(path) < unless_younger:
            return False
        # Taken aside first: whoever keeps the same bytes at this moment either makes them young, which is seen below,
        # or finds the name free and makes them anew.
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return True
        is_young = _seconds_old(aside) < unless_younger
        if is_young:
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink(missing_ok=True)
        return not is_young

    def shard(self, number: int) -> list[Kept]:
        folder = self._root / f"{number:02x}"
        with suppress(FileNotFoundError):
            names = [entry.name for entry in os.scandir(folder) if _NAME(entry.name)]
            return [Kept(f"{folder.name}/{name}", _seconds_old(folder / name)) for name in names]
        return []

    def forget_drafts(self) -> int:
        with suppress(FileNotFoundError):
            found = [Path(entry.path) for entry in os.scandir(self._root / DRAFTS)]
            dead = [path for path in found if _seconds_old(path) > DRAFT_SECONDS]
            for path in dead:
                path.unlink(missing_ok=True)
            return len(dead)
        return 0


class LocalDraft:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / DRAFTS / secrets.token_hex(16)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._file = self._path.open("xb")

    def write(self, piece: bytes) -> None:
        with no_room_said():
            self._file.write(piece)

    def finish(self) -> Path:
        """Nothing more is written; where it lies until it is kept or dropped."""
        with no_room_said():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return self._path

    def keep(self, key: str) -> None:
        path = self._root / key
        self.finish()
        with no_room_said():
            path.parent.mkdir(exist_ok=True, mode=0o750)
            os.utime(self._path)
            self._path.chmod(0o440)
            self._path.replace(path)
            _sync(path.parent)

    def drop(self) -> None:
        with suppress(OSError):
            self._file.close()  # which writes what is left, and there may be no room for it
        self._path.unlink(missing_ok=True)


@contextmanager
def no_room_said() -> Iterator[None]:
    """A full disk, quota or file as the error that the doors know."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise NoRoom from None
        raise


def _seconds_old(path: Path) -> float:
    """By the time of its last keeping; one that is gone is as old as can be."""
    try:
        return time() - path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _sync(folder: Path) -> None:
    """A name outlives a power cut only once its folder is written too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
