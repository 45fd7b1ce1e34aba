"""How much of a job is done, and when it may be."""

from __future__ import annotations

from datetime import datetime

MINIMUM_PROGRESS = 1.0
"""Below this, the time taken so far says nothing about the rest."""


def estimate_end(*, progress: float, started_at: datetime, now: datetime) -> datetime | None:
    """When it ends if it goes on as it went; None while too little is done to say."""
    if progress < MINIMUM_PROGRESS:
        return None
    elapsed = now - started_at
    return started_at + elapsed * (100.0 / min(progress, 100.0))
