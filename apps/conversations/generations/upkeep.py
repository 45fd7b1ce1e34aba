"""The server's life, as answers under way hear of it."""

from __future__ import annotations

from apps.conversations.generations.hub import hub


async def begin_to_end() -> None:
    """The server drains."""
    hub().begin_to_end()


async def end() -> None:
    """The last connection is closed."""
    await hub().end()
