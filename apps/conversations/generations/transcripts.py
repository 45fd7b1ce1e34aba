"""An answer as viewers see it, whoever writes it: text so far, how it ended, and news of both."""

from __future__ import annotations

import asyncio
from typing import Any

from apps.conversations.domain.answers import Ending, Standing
from apps.conversations.domain.texts import Text


class Transcript:
    """Of one loop. Viewers read it from wherever they are and wait for more; it knows none of them."""

    def __init__(
        self, message: str, content: str = "", reasoning: str = "", *, is_ours: bool = False
    ) -> None:
        self.message = message
        self.is_ours = is_ours
        """Whether it is written here: then nobody can know more of it."""
        self.content = Text(content)
        self.reasoning = Text(reasoning)
        self.context: dict[str, Any] | None = None
        """What the model was given; None while that is not known."""
        self.ending: Ending | None = None
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to tell of."""
        return bool(self.context is not None or self.ending or self.content or self.reasoning)

    def end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self.changed()

    def changed(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, seconds: float | None) -> bool:
        """Until something changes; False when nothing does in time."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            if not waiter.done():
                waiter.cancel()
                self._waiters = [one for one in self._waiters if one is not waiter]
        return True

    async def ended(self) -> Ending:
        while self.ending is None:
            await self.wait(None)
        return self.ending


def transcript_of(standing: Standing) -> Transcript:
    found = Transcript(standing.message, standing.content, standing.reasoning)
    found.context = standing.context or None
    found.ending = standing.ending
    return found
