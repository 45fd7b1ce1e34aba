"""Where the socket lies, and which side of it this process is on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

NAME: Final = "server.sock"
LONGEST: Final = 100
"""A socket's address has room for 108 bytes; a longer path is reached through its folder's descriptor."""

_is_worker = False


def become_worker() -> None:
    """Said once by a process that runs jobs beside a server: what is counted in memory is counted over there."""
    global _is_worker
    _is_worker = True


def asks_server() -> bool:
    """Whether this process shares the memory of a server: it runs jobs, and there is no Redis to meet at."""
    return _is_worker and not settings.SIGNALBOX_REDIS_URL


def socket_path() -> Path:
    return Path(settings.SIGNALBOX_DATA_DIR) / NAME


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """An address for `bind` and `connect`, however long the path is."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
