"""People of one organisation and of another, as GraphQL sees them: by their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from apps.core.actor import Actor, Role
from apps.core.tenancy import leave_organization
from apps.tenants.models import Organization
from tests.client import GateClient
from tests.factories.providers import make_route
from tests.factories.tenants import actor_of, log_in, make_admin, make_member, make_organization


@dataclass(frozen=True)
class Person:
    actor: Actor
    key: str

    def ask(self, query: str, **variables: Any) -> Any:
        """The whole body."""
        body = {"query": query, "variables": variables}
        return GateClient().post("/graphql", body, key=self.key).json()

    def done(self, query: str, **variables: Any) -> Any:
        """The value of the only field; there must be no errors."""
        body = self.ask(query, **variables)
        assert "errors" not in body, body
        (value,) = body["data"].values()
        return value

    def refused(self, query: str, **variables: Any) -> tuple[str, str]:
        return refusal(self.ask(query, **variables))


def refusal(body: Any) -> tuple[str, str]:
    extensions = body["errors"][0]["extensions"]
    return extensions["code"], extensions["error"]


def person(membership: Any) -> Person:
    return Person(actor_of(membership), log_in(membership).access)


@pytest.fixture
def home(db: None) -> Iterator[Organization]:
    made = make_organization()
    make_route(made, name="chat")
    yield made
    leave_organization()


@pytest.fixture
def ada(home: Organization) -> Person:
    return person(make_member(home))


@pytest.fixture
def ben(home: Organization) -> Person:
    return person(make_member(home))


@pytest.fixture
def chief(home: Organization) -> Person:
    return person(make_admin(home))


@pytest.fixture
def viewer(home: Organization) -> Person:
    return person(make_member(home, Role.VIEWER))


@pytest.fixture
def stranger(db: None) -> Person:
    made = make_admin()
    make_route(made.organization, name="chat")
    return person(made)
