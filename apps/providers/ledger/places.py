"""Places at deployments, counted in this process."""

from __future__ import annotations

from itertools import count

from apps.providers.domain.slots import Places
from apps.providers.ledger.protocol import Busy, Slot, SlotLimits

PARALLEL_RETRY_SECONDS = 0.25
"""When a place will be free nobody knows; this is how soon it is worth asking again."""
_numbers = count(1)


class PlaceBook:
    """Callers hold a lock around each call."""

    def __init__(self) -> None:
        self._places: dict[str, Places] = {}

    def take(self, limits: SlotLimits, tokens: int, now: float, lasts: float) -> Slot | Busy:
        places = self._places.setdefault(limits.name, Places())
        places.expire(now)
        cost = _cost(limits, tokens)
        busy = _busy(places, limits, cost, now)
        if busy is not None:
            return busy
        slot = str(next(_numbers))
        return Slot(limits, slot, cost, places.take(slot, cost, now, lasts))

    def free(self, slot: Slot, tokens: int) -> None:
        places = self._places.get(slot.limits.name)
        if places is not None:
            places.free(slot.id, slot.second, _cost(slot.limits, tokens) - slot.tokens)

    def forget_idle(self, now: float) -> None:
        for name, places in list(self._places.items()):
            places.expire(now)
            places.expire_dead(now)
            if places.is_idle:
                del self._places[name]


def _cost(limits: SlotLimits, tokens: int) -> int:
    """One call larger than a minute's tokens takes the minute for itself, instead of never having its turn."""
    most = limits.tokens_per_minute
    return max(0, tokens if most is None else min(tokens, most))


def _busy(places: Places, limits: SlotLimits, cost: int, now: float) -> Busy | None:
    if limits.parallel is not None and len(places.taken) >= limits.parallel:
        places.expire_dead(now)
        if len(places.taken) >= limits.parallel:
            return Busy(PARALLEL_RETRY_SECONDS, "parallel")
    requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
    if requests is not None and places.requests + 1 > requests:
        excess = places.requests + 1 - requests
        return Busy(places.seconds_until(now, excess, 0), "requests")
    if tokens is not None and places.tokens + cost > tokens:
        excess = places.tokens + cost - tokens
        return Busy(places.seconds_until(now, 0, excess), "tokens")
    return None
