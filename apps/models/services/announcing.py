"""How each deed here begins and ends: rows held, then a fact for the trail and word to whoever has a model loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core import bus
from apps.core.actor import Actor
from apps.core.changes import announce_change
from apps.core.errors import Conflict, NotFound, Stale
from apps.core.tenancy import TenantModel
from apps.models.errors import NameTaken, TooMany
from apps.models.models import ModelVersion, RegisteredModel
from apps.models.topics import MODELS_SCOPE

R = TypeVar("R", bound=TenantModel)


@contextmanager
def deed() -> Iterator[None]:
    """One transaction. A name that was taken in the meantime is a refusal like any other."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise NameTaken from None


def hold(row: R, expected_revision: int | None = None) -> R:
    """The row as it is now, kept from others until the deed is done. Raises `NotFound`, `Stale`."""
    held = type(row).objects.select_for_update().filter(pk=row.pk).first()
    if held is None:
        raise NotFound
    if expected_revision not in (None, getattr(held, "revision", None)):
        raise Stale
    return held


def refuse_managed(model: RegisteredModel) -> None:
    if model.managed_by:
        raise Conflict(
            f"{model.managed_by} moves the versions of this model at present.", code="managed"
        )


def refuse_more(count: int, most: int, what: str) -> None:
    if count >= most:
        raise TooMany(f"There may be {most} {what}.")


def touch(row: RegisteredModel | ModelVersion) -> None:
    """One change more."""
    row.revision += 1
    row.updated_at = timezone.now()
    row.save()


def tell(
    *,
    actor: Actor | None,
    topic: str,
    row: RegisteredModel | ModelVersion,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Publish the fact and mark the organization's models as changed. Call it last in the transaction."""
    name = row.name if isinstance(row, RegisteredModel) else f"{row.model.name} {row.label}"
    bus.publish(
        bus.Fact(
            topic,
            organization_id=row.organization_id,
            actor=actor,
            object_id=row.public_id,
            object_name=name,
            before=before,
            after=after,
        )
    )
    announce_change(MODELS_SCOPE + row.organization.public_id)
