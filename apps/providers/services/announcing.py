"""How each deed here begins and ends: rows held, then a fact for the trail and word to whoever has a route table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from django.db import IntegrityError, transaction

from apps.core import bus
from apps.core.actor import Actor
from apps.core.changes import announce_change
from apps.core.errors import NotFound
from apps.core.tenancy import TenantModel
from apps.providers.errors import NameTaken, TooMany
from apps.providers.topics import ROUTES_SCOPE

R = TypeVar("R", bound=TenantModel)


class Named(Protocol):
    public_id: str
    name: str
    organization_id: int


@contextmanager
def deed() -> Iterator[None]:
    """One transaction. A name that was taken in the meantime is a refusal like any other."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise NameTaken from None


def hold(row: R, *, to_remove: bool = False) -> R:
    """The row as it is now, kept from others until the deed is done. Raises `NotFound` when it has gone meanwhile.

    Whatever is about to be pointed at is held too: the database would ask only at commit, when whoever removes it
    may be waiting for us.
    """
    rows = type(row).objects.select_for_update(no_key=not to_remove)
    held = rows.filter(pk=row.pk).first()
    if held is None:
        raise NotFound
    return held


def tell(
    *,
    actor: Actor,
    topic: str,
    row: Named,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Publish the fact and mark the organization's route table as changed. Call it last in the transaction."""
    publish(actor=actor, topic=topic, row=row, before=before, after=after)
    announce_change(ROUTES_SCOPE + actor.identity.organization)


def publish(
    *,
    actor: Actor,
    topic: str,
    row: Named,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """The fact alone, for what no route table holds."""
    bus.publish(
        bus.Fact(
            topic,
            organization_id=row.organization_id,
            actor=actor,
            object_id=row.public_id,
            object_name=row.name,
            before=before,
            after=after,
        )
    )


def refuse_more(count: int, most: int, what: str) -> None:
    if count >= most:
        raise TooMany(f"There may be {most} {what}.")
