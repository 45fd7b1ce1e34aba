"""Where a process keeps its files: one directory each, held by a lock that dies with the process.

A directory whose lock can be taken belongs to nobody any more; who takes it drains it and removes it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import time

LOCK = "lock"
_UNFINISHED = ".making-"
UNFINISHED_SECONDS = 60.0


class Home:
    """A directory under lock, for as long as this object is not closed."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    @property
    def name(self) -> str:
        return self.folder.name

    def close(self) -> None:
        os.close(self._descriptor)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()


def make_home(root: Path) -> Home:
    """A directory of our own. Raises `OSError` when the disk has no room for it."""
    root.mkdir(parents=True, exist_ok=True, mode=0o750)
    name = f"{os.getpid()}-{secrets.token_hex(8)}"
    # Made under another name until it is locked: siblings must never find it free.
    scratch = root / f"{_UNFINISHED}{name}"
    scratch.mkdir(mode=0o750)
    descriptor = _lock(scratch)
    if descriptor is None:
        raise OSError(f"{scratch} is locked")
    return Home(scratch.rename(root / name), descriptor)


def adopt_orphans(root: Path) -> Iterator[Home]:
    """The directories that dead processes left behind, each under our lock now."""
    if not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        if not folder.is_dir() or _is_being_made(folder):
            continue
        descriptor = _lock(folder)
        if descriptor is None:
            continue
        home = Home(folder, descriptor)
        # Between the listing and the lock another sibling may have drained and removed it.
        if not folder.exists():
            home.close()
        elif folder.name.startswith(_UNFINISHED):
            home.remove()
        else:
            yield home


def _is_being_made(folder: Path) -> bool:
    if not folder.name.startswith(_UNFINISHED):
        return False
    try:
        return time() - folder.stat().st_mtime < UNFINISHED_SECONDS
    except FileNotFoundError:
        return True


def _lock(folder: Path) -> int | None:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
