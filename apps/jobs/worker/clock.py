"""Notices that somebody set the clock: leases are told by it, so all of them would seem to have run out at once."""

from __future__ import annotations

from time import monotonic, time

JUMP_SECONDS = 1.0
"""What a clock may drift between two looks, which are a fraction of a second apart."""


class ClockWatch:
    """`jump()` says by how many seconds the clock was set since the last look; 0.0: it was not."""

    def __init__(self) -> None:
        self._offset = time() - monotonic()

    def jump(self) -> float:
        offset = time() - monotonic()
        moved, self._offset = offset - self._offset, offset
        return moved if abs(moved) > JUMP_SECONDS else 0.0
