"""Who is acting. Built once at each door, passed to every query and service; domain code never sees a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType

from apps.core.limits.rates import Rate


class Role(StrEnum):
    """What a member, key or service account is in one organisation."""

    ADMIN = "admin"
    USER = "user"
    VIEWER = "viewer"
    SERVICE = "service"


class CredentialKind(StrEnum):
    """How the actor proved who they are."""

    KEY = "key"
    JWT = "jwt"
    SESSION = "session"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Credential:
    kind: CredentialKind
    id: str


@dataclass(frozen=True, slots=True)
class SpendingBound:
    """How much a credential may spend in a period (`day`, `month`, `total`); None is no bound on that side."""

    period: str
    nano: int | None = None
    """Billionths of a dollar."""
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What a credential amounts to; cached per process, so it holds plain values and nothing of one request."""

    organization_id: int
    organization: str
    principal: str
    """Public id of the user or service account: two keys of one person share it."""
    name: str
    role: Role
    permissions: frozenset[str]
    credential: Credential
    email: str = ""
    organization_slug: str = ""
    organization_name: str = ""
    user_id: int | None = None
    service_account_id: int | None = None
    is_approver: bool = False
    is_operator: bool = False
    expires_at: datetime | None = None
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    models: frozenset[str] | None = None
    limits: Mapping[str, Rate] = field(default_factory=lambda: MappingProxyType({}))
    budget: SpendingBound | None = None
    cache_seconds: int = 0
    """How long answers of models are kept for it where the route says nothing of it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """An identity in the act: from where, and within which request."""

    identity: Identity
    request_id: str = ""
    address: str = ""

    @property
    def organization_id(self) -> int:
        return self.identity.organization_id

    @property
    def permissions(self) -> frozenset[str]:
        return self.identity.permissions

    @property
    def role(self) -> Role:
        return self.identity.role

    @property
    def principal(self) -> str:
        return self.identity.principal

    @property
    def user_id(self) -> int | None:
        return self.identity.user_id

    @property
    def service_account_id(self) -> int | None:
        return self.identity.service_account_id

    @property
    def credential(self) -> Credential:
        return self.identity.credential
