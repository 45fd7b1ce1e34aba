"""What one event loop serves predictions with: models in memory, answers remembered, questions under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from django.conf import settings

from apps.core.flights import Flights
from apps.models.domain.scoring import Scored
from apps.models.serving.cache import Cache
from apps.models.serving.loaded import Shelf
from apps.models.serving.opening import Openers


@dataclass(frozen=True, slots=True)
class Room:
    openers: Openers
    shelf: Shelf
    cache: Cache | None
    flights: Flights[Scored]

    async def close(self) -> None:
        await self.shelf.close()
        await self.openers.close()


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Room] = WeakKeyDictionary()


def room() -> Room:
    """Of the running loop; opened with its first prediction."""
    loop = asyncio.get_running_loop()
    return _rooms.get(loop) or _rooms.setdefault(loop, _open_room())


async def close_room() -> None:
    """The server's call at its end: worker processes go with it."""
    here = _rooms.pop(asyncio.get_running_loop(), None)
    if here is not None:
        await here.close()


def unload_idle() -> None:
    """The ticker's call, from a thread of its own."""
    for loop, here in list(_rooms.items()):
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(here.shelf.unload_idle(), loop)


def _open_room() -> Room:
    openers = Openers()
    seconds = settings.SIGNALBOX_PREDICTION_CACHE_SECONDS
    return Room(
        openers,
        Shelf(openers.open, settings.SIGNALBOX_MODEL_MEMORY, settings.SIGNALBOX_MODEL_IDLE),
        Cache(seconds) if seconds else None,
        Flights(settings.SIGNALBOX_PREDICTION_TIMEOUT),
    )
