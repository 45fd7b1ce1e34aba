"""Reading the registries that models are followed from. No row that leaves here shows its credential."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.core.actor import Actor, Credential, CredentialKind
from apps.core.errors import NotFound
from apps.core.permissions import require
from apps.models.models import MlflowSource, ModelVersion, RegisteredModel
from apps.models.permissions import ModelsPermission
from apps.tenants.queries import identities


def sources(*, actor: Actor) -> QuerySet[MlflowSource]:
    """By name."""
    require(actor, ModelsPermission.VIEW)
    return MlflowSource.objects.select_related("owner").order_by("name")


def source(*, actor: Actor, source_id: str) -> MlflowSource:
    """Raises `NotFound`."""
    require(actor, ModelsPermission.VIEW)
    return source_at(source_id)


def source_at(source_id: str) -> MlflowSource:
    found = MlflowSource.objects.select_related("owner").filter(public_id=source_id).first()
    if found is None:
        raise NotFound
    return found


def owner_of(row: MlflowSource) -> Actor | None:
    """Who set it up, with what they may do now; None when they have left."""
    if row.owner_id is None:
        return None
    identity = identities.identity_of_member(
        user_id=row.owner_id,
        organization_id=row.organization_id,
        credential=Credential(CredentialKind.SYSTEM, row.public_id),
    )
    return None if identity is None else Actor(identity)


def imported(
    model: RegisteredModel, source_id: str, remote: str, number: str
) -> ModelVersion | None:
    """The version that was made of theirs, if it was."""
    rows = ModelVersion.objects.filter(
        model=model, origin__source=source_id, origin__model=remote, origin__version=number
    )
    return rows.order_by("-number").first()
