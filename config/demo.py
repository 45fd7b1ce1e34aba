"""What a first `make up` puts into an empty house: an organisation with three people, a key to try things with,
models that answer without any account (a simulated one, and a small real one where it can run), and one that predicts.

Their prices are made up, so that usage shows what cost looks like.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.core.actor import Actor, Role
from apps.core.tenancy import organization_scope, unscoped
from apps.events.queries import audit_entries
from apps.keys.queries.directory import command_actor
from apps.keys.services import keys
from apps.models.queries import registry as models
from apps.models.topics import MODEL_CREATED
from apps.providers.adapters.local.model import is_installed
from apps.providers.enums import ProviderKind
from apps.providers.queries import routing as queries
from apps.providers.services import deployments, providers, routes
from apps.providers.topics import PROVIDER_CREATED
from apps.tenants.models import Organization
from apps.tenants.services.bootstrap import Bootstrapped, bootstrap
from config.churn import registering
from config.churn.written import NAME as CHURN

SLUG = "demo"
LOCAL = "smollm2"
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


def add_local_model() -> bool:
    """The local model for a demo that was made without it (`LOCAL_LLM=0`); whether it was added.

    Once only: who has had it and took it away, or uses its names for something else, is left alone.
    """
    if not settings.SIGNALBOX_LOCAL_LLM or not is_installed():
        return False
    organization = _organization()
    if organization is None:
        return False
    actor = command_actor(organization)
    with transaction.atomic(), organization_scope(organization.pk):
        if _had_local_model(actor):
            return False
        _offer_local(actor)
    return True


def add_churn_model() -> bool:
    """The model that predicts, for a demo just made and for one that was made before there were any; whether it was added.

    Once only, as above. All of it or nothing: nobody is served yet who would wait for this transaction, in which two
    children try what is published.
    """
    organization = _organization()
    if organization is None:
        return False
    actor = command_actor(organization)
    with organization_scope(organization.pk):
        if _had_churn_model(actor):
            return False
        with transaction.atomic():
            registering.register(actor)
    return True


def _organization() -> Organization | None:
    with unscoped(reason="the demo's organisation is known by its slug alone"):
        return Organization.objects.filter(slug=SLUG).first()


def _had_churn_model(actor: Actor) -> bool:
    if not _is_demo(actor):
        return True
    made = audit_entries(actor=actor, action=MODEL_CREATED)
    return (
        made.filter(object_name=CHURN).exists()
        or models.models(actor=actor).filter(name=CHURN).exists()
    )


def _is_demo(actor: Actor) -> bool:
    """Whether what a first start made is still there."""
    known = queries.providers(actor=actor)
    return known.filter(kind=ProviderKind.SIMULATED, name=ProviderKind.SIMULATED).exists()


def _had_local_model(actor: Actor) -> bool:
    if not _is_demo(actor):
        return True
    known = queries.providers(actor=actor)
    made = audit_entries(actor=actor, action=PROVIDER_CREATED)
    return (
        made.filter(object_name=ProviderKind.LOCAL).exists()
        or known.filter(name=ProviderKind.LOCAL).exists()
        or queries.deployments(actor=actor).filter(name=LOCAL).exists()
        or queries.routes(actor=actor).filter(name=LOCAL).exists()
    )


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
        simulated = {"input_price": "0.15", "output_price": "0.60", "context_tokens": 32_768}
        _offer(actor, ProviderKind.SIMULATED, "simulated", "simulated", simulated)
        if settings.SIGNALBOX_LOCAL_LLM:
            _offer_local(actor)


def _offer_local(actor: Actor) -> None:
    small = {"input_price": "0.01", "output_price": "0.02", "context_tokens": 4096}
    _offer(actor, ProviderKind.LOCAL, LOCAL, "smollm2-135m-instruct", small)
    if queries.routes(actor=actor).filter(name=ProviderKind.SIMULATED).exists():
        # Where it cannot run after all, the other answers, and says that it is simulated.
        routes.update_route(actor=actor, name=LOCAL, fallbacks=[ProviderKind.SIMULATED])


def _offer(
    actor: Actor, kind: ProviderKind, name: str, model: str, terms: Mapping[str, Any]
) -> None:
    """A provider named after its kind, and a deployment and a route of one name."""
    providers.create_provider(actor=actor, name=kind, kind=kind)
    deployments.create_deployment(actor=actor, name=name, provider=kind, model=model, **terms)
    routes.create_route(actor=actor, name=name, targets=[{"deployment": name}])
