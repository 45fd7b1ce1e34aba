"""What a process tells others of an answer it writes: pieces of its text, for as long as somebody listens."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from apps.conversations.generations.running import Generation

if TYPE_CHECKING:
    from apps.conversations.adapters.frames import FrameBridge

LISTENED_SECONDS = 10.0
"""How long a word of listeners is good for; they say it again before."""
PIECE_SECONDS = 0.02
"""Pieces that come closer than this go together."""


class Teller:
    """One task for each answer that is listened to."""

    def __init__(self, bridge: FrameBridge) -> None:
        self._bridge = bridge
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def heed(self, generation: Generation, content: int, reasoning: int) -> None:
        """Somebody listens who has come so far. What they lack goes out at once, and then whatever comes."""
        generation.listened_until = monotonic() + LISTENED_SECONDS
        self._tell(generation, content, reasoning)
        if generation.message not in self._tasks:
            task = asyncio.create_task(self._run(generation))
            self._tasks[generation.message] = task
            task.add_done_callback(lambda _: self._tasks.pop(generation.message, None))

    async def _run(self, generation: Generation) -> None:
        transcript = generation.transcript
        at = (len(transcript.content), len(transcript.reasoning))
        while transcript.ending is None and monotonic() < generation.listened_until:
            if at == (len(transcript.content), len(transcript.reasoning)):
                await transcript.wait(1.0)
                continue
            at = self._tell(generation, *at)
            await asyncio.sleep(PIECE_SECONDS)
        if transcript.ending is not None:
            self._tell(generation, *at)

    def _tell(self, generation: Generation, content: int, reasoning: int) -> tuple[int, int]:
        transcript = generation.transcript
        self._bridge.tell(
            generation.message,
            {
                "content_from": content,
                "content": transcript.content.since(content),
                "reasoning_from": reasoning,
                "reasoning": transcript.reasoning.since(reasoning),
                "is_end": transcript.ending is not None,
            },
        )
        return len(transcript.content), len(transcript.reasoning)
