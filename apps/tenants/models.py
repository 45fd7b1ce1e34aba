"""Organisations, people, what ties the two, and the logins that are open. Columns and constraints only."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel
from apps.tenants.domain.roles import PEOPLE_ROLES

ROLE_CHOICES = [(role, role) for role in PEOPLE_ROLES]


def normalize_email(email: str) -> str:
    """The one spelling of an address under which it is stored and looked up."""
    return email.strip().lower()


class Organization(models.Model):
    """The owner of everything else. It is no `TenantModel`: it is what the others point at."""

    public_id = PublicIdField(prefix="org")
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=255)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normalize_email(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person, in any number of organisations. `is_staff` marks the operator of the house."""

    public_id = PublicIdField(prefix="user")
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    token_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="tenants_user_email_once"),)

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        # Django ends browser sessions when this changes; ours end with the user's other tokens.
        salt = "apps.tenants.models.User.session"
        value = f"{self.password}:{self.token_version}"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()


class Membership(TenantModel):
    """A person's place in one organisation."""

    public_id = PublicIdField(prefix="mem")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=ROLE_CHOICES)
    is_approver = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "user"), name="tenants_membership_once"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=list(PEOPLE_ROLES)),
                name="tenants_membership_role",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"


class ServiceAccount(TenantModel):
    """A program that owns keys; its role is always `service`."""

    public_id = PublicIdField(prefix="svc")
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="tenants_serviceaccount_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Invitation(TenantModel):
    """A link by which one person may join once. Only the digest of its secret is kept."""

    public_id = PublicIdField(prefix="inv")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=ROLE_CHOICES)
    is_approver = models.BooleanField(default=False)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(role__in=list(PEOPLE_ROLES)),
                name="tenants_invitation_role",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None),
                name="tenants_invitation_one_end",
            ),
        )

    def __str__(self) -> str:
        return self.email

    def is_open(self, now: datetime) -> bool:
        return self.status(now) == "pending"

    def status(self, now: datetime) -> str:
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "pending" if now < self.expires_at else "expired"


class LoginSession(TenantModel):
    """One login by password in one organisation, as long as its refresh token is renewed."""

    public_id = PublicIdField(prefix="ses")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_sessions")
    refresh_digest = models.CharField(max_length=64, editable=False)
    """Of the `jti` of the one refresh token that still counts; an older one shown again ends the session."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    refreshed_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = (models.Index(fields=("user", "revoked_at"), name="tenants_loginsession_open"),)

    def __str__(self) -> str:
        return str(self.public_id)
