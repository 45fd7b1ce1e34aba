"""The ledger of this process: Redis when the settings name one, the server's over its socket in a worker, else memory."""

from __future__ import annotations

import os
import threading

from django.conf import settings

from apps.core.rpc import place, process
from apps.core.spool import process as spool
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.ledger.protocol import LedgerStore

_ledger: LedgerStore | None = None
_lock = threading.Lock()


def get_ledger() -> LedgerStore:
    """Return the one ledger of this process, made at the first call."""
    return _ledger or _make_once()


def set_ledger(ledger: LedgerStore | None) -> LedgerStore | None:
    """Put a ledger in place, and answer the one before; with None, the next `get_ledger` makes a new one."""
    global _ledger
    with _lock:
        before, _ledger = _ledger, ledger
        return before


def _make_once() -> LedgerStore:
    global _ledger
    with _lock:
        if _ledger is None:
            _ledger = _make(settings.SIGNALBOX_REDIS_URL)
        return _ledger


def _make(url: str) -> LedgerStore:
    if url:
        # Local: the embedded size never pays for importing the Redis client.
        from apps.providers.ledger.redis import RedisLedger  # noqa: PLC0415

        return RedisLedger(url)
    if place.asks_server():
        from apps.providers.ledger.remote import RemoteLedger  # noqa: PLC0415 - a worker's alone

        return RemoteLedger(process.client())
    return MemoryLedger(open_up=spool.drain_whole)


def _forget_after_fork() -> None:
    """Give a forked child a ledger of its own: locks and sockets do not survive a fork."""
    global _ledger, _lock
    _ledger, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
