"""The limit store of this process: Redis when the settings name one, a worker's server's, memory otherwise."""

from __future__ import annotations

import os
import threading

from django.conf import settings

from apps.core.limits.memory import MemoryLimitStore
from apps.core.limits.store import LimitStore
from apps.core.rpc import place, process

_store: LimitStore | None = None
_lock = threading.Lock()


def get_store() -> LimitStore:
    """Return the one store of this process, made at the first call."""
    return _store or _make_once()


def set_store(store: LimitStore | None) -> None:
    """Put a store in place; with None, the next `get_store` makes a new one. For tests."""
    global _store
    with _lock:
        _store = store


def _make_once() -> LimitStore:
    global _store
    with _lock:
        if _store is None:
            _store = _make(settings.SIGNALBOX_REDIS_URL)
        return _store


def _make(url: str) -> LimitStore:
    if place.asks_server():
        from apps.core.limits.remote import RemoteLimitStore  # noqa: PLC0415 - a worker's alone

        return RemoteLimitStore(process.client())
    if not url:
        return MemoryLimitStore()
    # Local: the embedded size never pays for importing the Redis client.
    from apps.core.limits.redis import RedisLimitStore  # noqa: PLC0415

    return RedisLimitStore(url)


def _forget_after_fork() -> None:
    """Give a forked child a store of its own: locks and sockets do not survive a fork."""
    global _store, _lock
    _store, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
