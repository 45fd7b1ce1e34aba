"""The end of a call in the books: its record into the spool, then its cost into the ledger."""

from __future__ import annotations

from apps.core.spool import process as spool
from apps.providers.domain.budgets import Amount
from apps.providers.domain.usage import KIND, UsageEntry
from apps.providers.ledger.factory import get_ledger
from apps.providers.ledger.protocol import Reservation


async def book(entry: UsageEntry, reservation: Reservation) -> None:
    """Record the call and settle. In this order: a process that dies in between leaves the record, and its drain
    settles. Raises `NoRoom` when the disk is full; then nothing is settled and the room stays held until it expires.
    """
    ledger = get_ledger()
    entry.epoch = (
        ledger.epoch
    )  # not the reservation's: it may have been carried over into a later life
    entry.reservation = reservation.id
    spool.append_or_refuse(KIND, entry)  # the writer of JSON reads its fields itself
    spent = Amount(entry.cost_nano, entry.prompt_tokens + entry.completion_tokens)
    await ledger.settle(reservation, spent)
