"""The server's side of `remote`: its memory ledger, for the worker that runs beside it."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from apps.core.asgi.pool import in_pool
from apps.core.rpc import server
from apps.core.rpc.server import Session
from apps.providers.domain.budgets import Amount
from apps.providers.ledger import factory, wire
from apps.providers.ledger.memory import MemoryLedger
from apps.providers.ledger.protocol import SlotLimits

GRACE_SECONDS: Final = 10.0
"""How long the holds of a worker that went away wait for it to come back: its records are adopted by then."""
HELD: Final = "ledger.held"
_owners: dict[str, Session] = {}


def serve() -> None:
    """Answer the worker's questions in this process."""
    for name, handler in {
        "hello": hello,
        "reserve": reserve,
        "end": end,
        "renew": renew,
        "restore": restore,
        "peek": peek,
        "take_slot": take_slot,
        "free_slot": free_slot,
        "reconcile": reconcile,
    }.items():
        server.answers(f"ledger.{name}", handler)


async def hello(session: Session, params: Any) -> str:
    ledger = _ledger()
    await ledger.begin()
    return ledger.epoch


async def reserve(session: Session, params: Any) -> Any:
    reservation = await _ledger().reserve(wire.read_ask(params))
    if reservation.id:
        _own(session, reservation.organization, reservation.id)
    return wire.write_reservation(reservation)


async def end(session: Session, params: Any) -> None:
    settled = wire.read_settled(params)
    _disown(settled.id)
    _ledger().reconcile_now(settled.organization, [], [settled])  # no meters: nothing to read


async def renew(session: Session, params: Any) -> None:
    reservation, lasts = params
    await _ledger().renew(wire.read_reservation(reservation), lasts)


async def restore(session: Session, params: Any) -> None:
    for organization, name, meters, held, lasts in params:
        read = tuple(wire.read_meter(meter) for meter in meters)
        _ledger().restore_now(organization, name, (read, Amount(*held), lasts))
        _own(session, organization, name)


async def peek(session: Session, params: Any) -> Any:
    organization, bounds = params
    standings = await _ledger().peek(organization, [wire.read_bound(bound) for bound in bounds])
    return [wire.write_standing(standing) for standing in standings]


async def take_slot(session: Session, params: Any) -> Any:
    limits, tokens, lasts = params
    return wire.write_slot(await _ledger().take_slot(SlotLimits(*limits), tokens, lasts))


async def free_slot(session: Session, params: Any) -> None:
    written, tokens = params
    slot = wire.read_slot(written)
    await _ledger().free_slot(cast(Any, slot), tokens)


async def reconcile(session: Session, params: Any) -> None:
    organization, meters, settled = params
    await in_pool(
        _ledger().reconcile_now,
        organization,
        [wire.read_meter(meter) for meter in meters],
        [wire.read_settled(each) for each in settled],
    )


def _ledger() -> MemoryLedger:
    return cast(MemoryLedger, factory.get_ledger())


def _own(session: Session, organization: int, name: str) -> None:
    """Remember who holds it, so that it is given back when its owner is gone for good."""
    held = session.kept.get(HELD)
    if held is None:
        held = session.kept[HELD] = {}
        loop = asyncio.get_running_loop()
        session.on_end.append(
            lambda: None if loop.is_closed() else _release_later(loop, session, held)
        )
    held[name] = organization
    _owners[name] = session


def _disown(name: str) -> None:
    session = _owners.pop(name, None)
    if session is not None:
        session.kept[HELD].pop(name, None)


def _release_later(loop: asyncio.AbstractEventLoop, session: Session, held: dict[str, int]) -> None:
    loop.call_later(GRACE_SECONDS, _release, session, held)


def _release(session: Session, held: dict[str, int]) -> None:
    for name, organization in list(held.items()):
        if _owners.get(name) is session:  # nobody came back for it
            del _owners[name]
            _ledger().release_now(organization, name)
