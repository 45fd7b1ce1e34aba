"""What a worker and its server's ledger say to each other, as plain JSON values and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from apps.core.limits.domain import Verdict
from apps.core.limits.remote import read_checks, write_checks
from apps.providers.domain.budgets import Amount, Bound, Meter, Standing
from apps.providers.enums import BudgetScope, Period
from apps.providers.ledger.protocol import (
    Ask,
    Busy,
    Outcome,
    Reservation,
    Settled,
    Slot,
    SlotLimits,
)


def write_meter(meter: Meter) -> list[Any]:
    return [meter.scope.value, meter.subject, meter.period.value, meter.begins.isoformat()]


def read_meter(written: Sequence[Any]) -> Meter:
    scope, subject, period, begins = written
    return Meter(BudgetScope(scope), subject, Period(period), date.fromisoformat(begins))


def write_bound(bound: Bound) -> list[Any]:
    return [write_meter(bound.meter), bound.nano, bound.tokens]


def read_bound(written: Sequence[Any]) -> Bound:
    meter, nano, tokens = written
    return Bound(read_meter(meter), nano, tokens)


def write_standing(standing: Standing) -> list[Any]:
    return [write_bound(standing.bound), list(standing.spent), list(standing.held)]


def read_standing(written: Sequence[Any]) -> Standing:
    bound, spent, held = written
    return Standing(read_bound(bound), Amount(*spent), Amount(*held))


def write_ask(ask: Ask) -> dict[str, Any]:
    return {
        "organization": ask.organization,
        "checks": write_checks(ask.checks),
        "bounds": [write_bound(bound) for bound in ask.bounds],
        "most": list(ask.most),
        "likely": list(ask.likely),
        "at": None if ask.at is None else ask.at.isoformat(),
        "lasts": ask.lasts,
        "patience": ask.patience,
    }


def read_ask(written: dict[str, Any]) -> Ask:
    at = written["at"]
    return Ask(
        organization=written["organization"],
        checks=read_checks(written["checks"]),
        bounds=[read_bound(bound) for bound in written["bounds"]],
        most=Amount(*written["most"]),
        likely=Amount(*written["likely"]),
        at=None if at is None else datetime.fromisoformat(at),
        lasts=written["lasts"],
        patience=written["patience"],
    )


def write_reservation(reservation: Reservation) -> dict[str, Any]:
    short = reservation.short
    return {
        "outcome": reservation.outcome.value,
        "organization": reservation.organization,
        "id": reservation.id,
        "epoch": reservation.epoch,
        "verdicts": [list(verdict) for verdict in reservation.verdicts],
        "held": list(reservation.held),
        "is_clamped": reservation.is_clamped,
        "meters": [write_meter(meter) for meter in reservation.meters],
        "standings": [write_standing(standing) for standing in reservation.standings],
        "short": None if short is None else write_standing(short),
        "at": reservation.at.isoformat(),
    }


def read_reservation(written: dict[str, Any]) -> Reservation:
    short = written["short"]
    return Reservation(
        outcome=Outcome(written["outcome"]),
        organization=written["organization"],
        id=written["id"],
        epoch=written["epoch"],
        verdicts=[Verdict(*verdict) for verdict in written["verdicts"]],
        held=Amount(*written["held"]),
        is_clamped=written["is_clamped"],
        meters=tuple(read_meter(meter) for meter in written["meters"]),
        standings=tuple(read_standing(standing) for standing in written["standings"]),
        short=None if short is None else read_standing(short),
        at=datetime.fromisoformat(written["at"]),
    )


def write_limits(limits: SlotLimits) -> list[Any]:
    return [
        limits.name,
        limits.parallel,
        limits.requests_per_minute,
        limits.tokens_per_minute,
    ]


def write_slot(slot: Slot | Busy) -> dict[str, Any]:
    if isinstance(slot, Busy):
        return {"retry_after": slot.retry_after, "by": slot.by}
    return {
        "limits": write_limits(slot.limits),
        "id": slot.id,
        "tokens": slot.tokens,
        "second": slot.second,
    }


def read_slot(written: dict[str, Any]) -> Slot | Busy:
    if "by" in written:
        return Busy(**written)
    return Slot(**{**written, "limits": SlotLimits(*written["limits"])})


def write_settled(settled: Settled) -> list[Any]:
    return [settled.organization, settled.id, settled.epoch, list(settled.spent)]


def read_settled(written: Sequence[Any]) -> Settled:
    organization, name, epoch, spent = written
    return Settled(organization, name, epoch, Amount(*spent))
