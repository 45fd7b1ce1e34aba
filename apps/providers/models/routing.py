"""Where calls go: providers, what is deployed at them, and the routes that callers name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.core.crypto import EncryptedTextField
from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel
from apps.providers.enums import ProviderKind, Sticky

KINDS = [(kind.value, kind.value) for kind in ProviderKind]
STICKY = [(sticky.value, sticky.value) for sticky in Sticky]


class Provider(TenantModel):
    """A server that has models, and the credential for it: sent to the host of `base_url` and nowhere else."""

    public_id = PublicIdField(prefix="prov")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=KINDS)
    base_url = models.CharField(max_length=2000, blank=True)
    credential = EncryptedTextField(blank=True, default="")
    credential_hint = models.CharField(max_length=4, blank=True)
    options = models.JSONField(default=dict)
    is_enabled = models.BooleanField(default=True)
    checked_at = models.DateTimeField(null=True)
    check_error = models.CharField(max_length=500, blank=True)
    """What the last test of the connection said; empty when it was well."""
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="providers_provider_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Deployment(TenantModel):
    """One model at one provider, with its price, size and limits."""

    public_id = PublicIdField(prefix="dep")
    name = models.CharField(max_length=100)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="deployments")
    model = models.CharField(max_length=200)
    input_price = models.DecimalField(max_digits=20, decimal_places=9, default=0)
    output_price = models.DecimalField(max_digits=20, decimal_places=9, default=0)
    cached_input_price = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    """Dollars for a million tokens; null is the price of any other input."""
    context_tokens = models.PositiveIntegerField(null=True)
    max_output_tokens = models.PositiveIntegerField(null=True)
    capabilities = models.JSONField(default=list)
    requests_per_minute = models.PositiveIntegerField(null=True)
    tokens_per_minute = models.PositiveIntegerField(null=True)
    parallel = models.PositiveIntegerField(null=True)
    timeout_seconds = models.FloatField(default=600.0)
    first_token_seconds = models.FloatField(default=120.0)
    idle_seconds = models.FloatField(default=60.0)
    is_enabled = models.BooleanField(default=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="providers_deployment_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Route(TenantModel):
    """A public model name. `revision` counts its versions; each is kept in `RouteVersion`."""

    public_id = PublicIdField(prefix="route")
    name = models.CharField(max_length=50)
    description = models.CharField(max_length=500, blank=True)
    fallbacks = models.JSONField(default=list)
    sticky = models.CharField(max_length=10, choices=STICKY, default=Sticky.NONE)
    retries = models.PositiveSmallIntegerField(default=2)
    cache_seconds = models.PositiveIntegerField(default=0)
    captures = models.BooleanField(default=False)
    continues = models.BooleanField(default=False)
    guardrails = models.JSONField(default=list)
    prompt = models.CharField(max_length=200, blank=True)
    managed_by = models.CharField(max_length=80, blank=True)
    is_enabled = models.BooleanField(default=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="providers_route_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class RouteTarget(TenantModel):
    """A deployment's share of a route. The order of positions is the order of shares along the buckets."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="targets")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="+")
    weight = models.FloatField(default=1.0)
    priority = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=("route", "deployment"), name="providers_target_deployment_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.route_id} → {self.deployment_id}: {self.weight}"


class RouteVersion(TenantModel):
    """A route as it stood at one revision, whole, so that it can be compared and brought back."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="versions")
    revision = models.PositiveIntegerField()
    definition = models.JSONField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-revision",)
        constraints = (
            models.UniqueConstraint(
                fields=("route", "revision"), name="providers_routeversion_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.route_id} r{self.revision}"
