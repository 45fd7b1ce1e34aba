"""This process's spool and who takes its records. Apps register their drains in `ready()`."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings

from apps.core.spool.spool import Drain, Record, Spool

__all__ = ["Record", "append", "append_or_refuse", "drain_all", "drain_whole", "register_drain"]

TICK_SECONDS = 0.25

_drains: dict[str, Drain] = {}
_spool: Spool | None = None


def register_drain(kind: str, drain: Drain) -> None:
    """Let `drain(records)` take the records of a kind (lower-case words). It writes them in one transaction, and meets
    a record again when the process died after it: `record.id` says which.
    """
    _drains[kind] = drain


def process_spool() -> Spool:
    global _spool
    if _spool is None:
        _spool = Spool(settings.SIGNALBOX_DATA_DIR / "spool", _drains)
    return _spool


def use_spool(spool: Spool | None) -> Spool | None:
    """Replace the process's spool; answers the one before. For tests."""
    global _spool
    before, _spool = _spool, spool
    return before


def append(kind: str, value: Any) -> bool:
    """Write a record that may be lost when the disk is full. Never raises; whether it was written."""
    return process_spool().append(kind, value)


def append_or_refuse(kind: str, value: Any) -> None:
    """Write a record that somebody relies on, or raise `NoRoom`."""
    process_spool().append_or_refuse(kind, value)


def drain_all() -> None:
    """The ticker's call."""
    process_spool().drain()


def drain_whole() -> bool:
    """Hand over everything written so far, also what dead processes left; whether all of it was taken. Blocking."""
    return process_spool().drain_whole()


def _forget_parent() -> None:
    # A forked child has the parent's descriptors: its records go into files of its own.
    global _spool
    _spool = None


os.register_at_fork(after_in_child=_forget_parent)
