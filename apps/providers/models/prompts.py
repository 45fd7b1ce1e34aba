"""The prompt registry: named texts with variables, in versions that never change, and labels that move."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.core.ids import PublicIdField
from apps.core.tenancy import TenantModel


class Prompt(TenantModel):
    public_id = PublicIdField(prefix="prompt")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "name"), name="providers_prompt_name_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class PromptVersion(TenantModel):
    """`messages` are chat messages whose text holds `{{variables}}`."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    messages = models.JSONField()
    parameters = models.JSONField(default=dict)
    """Defaults for the call: `temperature` and the like."""
    note = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("prompt", "number"), name="providers_promptversion_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.prompt_id} v{self.number}"


class PromptLabel(TenantModel):
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=50)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("prompt", "name"), name="providers_promptlabel_once"),
        )

    def __str__(self) -> str:
        return self.name
