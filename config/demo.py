"""What a first `make up` puts into an empty house: an organisation with three people, a key to try things with, and
models that answer without any account: a simulated one, and a small real one where it can run.

Their prices are made up, so that usage shows what cost looks like.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from apps.core.actor import Actor, Role
from apps.core.tenancy import organization_scope
from apps.keys.queries.directory import command_actor
from apps.keys.services import keys
from apps.providers.enums import ProviderKind
from apps.providers.services import deployments, providers, routes
from apps.tenants.models import Organization
from apps.tenants.services.bootstrap import Bootstrapped, bootstrap

SLUG = "demo"
PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demo organisation and the password they sign in with, known only now."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Demo:
    people: list[Person]
    key: str

    def lines(self) -> list[str]:
        people = [f"{person.name} {person.email} / {person.password}" for person in self.people]
        return [*people, f"key {self.key}"]


def create_demo() -> Demo | None:
    """All of it or nothing; None where there is an organisation already."""
    with transaction.atomic():
        if Organization.objects.exists():
            return None
        # Whoever starts the house on their own machine is its operator, so /admin/ is theirs too.
        admin, founded = _person("admin", Role.ADMIN, is_staff=True)
        user, _ = _person("user", Role.USER)
        approver, _ = _person("approver", Role.USER, is_approver=True)
        _models(founded.organization)
        return Demo([admin, user, approver], _key(founded))


def _person(
    name: str, role: Role, *, is_approver: bool = False, is_staff: bool = False
) -> tuple[Person, Bootstrapped]:
    person = Person(name, f"{name}@{SLUG}.example", secrets.token_urlsafe(PASSWORD_BYTES))
    made = bootstrap(
        organization=SLUG,
        email=person.email,
        password=person.password,
        role=role,
        is_approver=is_approver,
        is_staff=is_staff,
    )
    return person, made


def _key(founded: Bootstrapped) -> str:
    with organization_scope(founded.organization.pk):
        issued = keys.issue_key(
            actor=command_actor(founded.organization),
            owner_id=founded.user.public_id,
            name=SLUG,
            role=Role.ADMIN,
        )
    return issued.secret


def _models(organization: Organization) -> None:
    actor = command_actor(organization)
    with organization_scope(organization.pk):
        _offer(actor, ProviderKind.SIMULATED, "simulated", prices=(0.15, 0.6))
        if settings.SIGNALBOX_LOCAL_LLM:
            # Where the real one cannot run after all, the other answers, and says that it is simulated.
            _offer(
                actor, ProviderKind.LOCAL, "smollm2", prices=(0.01, 0.02), fallbacks=["simulated"]
            )


def _offer(
    actor: Actor,
    kind: ProviderKind,
    model: str,
    *,
    prices: tuple[float, float],
    fallbacks: Sequence[str] = (),
) -> None:
    """A provider named after its kind, and one model of it under its own name."""
    providers.create_provider(actor=actor, name=kind, kind=kind)
    deployments.create_deployment(
        actor=actor,
        name=model,
        provider=kind,
        model=model,
        input_price=prices[0],
        output_price=prices[1],
    )
    routes.create_route(
        actor=actor, name=model, targets=[{"deployment": model}], fallbacks=list(fallbacks)
    )
