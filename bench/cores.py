"""Which core serves and which one asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

ALL = sorted(os.sched_getaffinity(0))
SERVER = {ALL[0]}
LOAD = {ALL[-1]}
BOTH = SERVER | LOAD


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """Children started in here run on these cores, and so do theirs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
