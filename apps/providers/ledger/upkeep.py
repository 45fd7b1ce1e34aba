"""What a ledger needs beside calls: a beginning, a look now and then, an end."""

from __future__ import annotations

from typing import Final

from apps.providers.ledger import factory

LOOK_SECONDS: Final = 1.0


async def begin() -> None:
    """Called when a server starts to serve."""
    await factory.get_ledger().begin()


def look() -> None:
    """The ticker's call: meet a new epoch, let go of what is over."""
    factory.get_ledger().look()


async def end() -> None:
    await factory.get_ledger().close()
