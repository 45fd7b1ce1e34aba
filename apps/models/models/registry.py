"""The registry's tables: models, their versions, and the aliases that name one of them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.core.ids import PublicIdField
from apps.core.models import StoredFile
from apps.core.tenancy import TenantModel
from apps.models.enums import Format, Stage, VersionStatus

STAGES = [(stage.value, stage.value) for stage in Stage]
FORMATS = [(each.value, each.value) for each in Format]
STATUSES = [(status.value, status.value) for status in VersionStatus]


class RegisteredModel(TenantModel):
    public_id = PublicIdField(prefix="model")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=2000, blank=True)
    tags = models.JSONField(default=dict)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    last_number = models.PositiveIntegerField(default=0)
    """Of the versions made so far: a number is given once, also when its version is removed."""
    managed_by = models.CharField(max_length=80, blank=True)
    """What moves its versions at present, a rollout for one; while it is set, people do not."""
    log_share = models.FloatField(default=1.0)
    """Which share of its predictions is logged, from 0 to 1. All are counted."""
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("organization", "name"), name="models_model_name_once"),
        )

    def __str__(self) -> str:
        return self.name


class ModelVersion(TenantModel):
    """What it serves never changes: artefact, schema and format are those it was made with."""

    public_id = PublicIdField(prefix="mver")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=64)
    """What its maker calls it, `1.2.0`; the number where nothing was said."""
    stage = models.CharField(max_length=10, choices=STAGES, default=Stage.NONE)
    status = models.CharField(max_length=10, choices=STATUSES, default=VersionStatus.READY)
    refusal = models.JSONField(null=True)
    """`{code, message}` of a version that is refused."""
    format = models.CharField(max_length=12, choices=FORMATS)
    task = models.CharField(max_length=14, blank=True)
    file = models.ForeignKey(StoredFile, on_delete=models.RESTRICT, related_name="+")
    digest = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    features = models.JSONField(default=list)
    """The feature schema as pairs: an object would lose its order in one of the databases."""
    described = models.JSONField(default=dict)
    """What the trial found (`domain.formats.description`), beside the schema."""
    background = models.JSONField(default=list)
    """Rows in the schema's order that explanations are told against; none: one row of what is usual."""
    input_example = models.JSONField(null=True)
    metrics = models.JSONField(default=dict)
    lineage = models.JSONField(default=dict)
    origin = models.JSONField(default=dict)
    """Where it was imported from, `{source, model, version}`; empty where somebody uploaded it."""
    description = models.CharField(max_length=2000, blank=True)
    tags = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("model", "number"), name="models_version_number_once"),
            models.UniqueConstraint(fields=("model", "label"), name="models_version_label_once"),
            models.UniqueConstraint(
                fields=("model",),
                condition=models.Q(stage=Stage.PRODUCTION),
                name="models_version_one_production",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model_id} {self.label}"

    @property
    def feature_schema(self) -> dict[str, dict[str, Any]]:
        """In the order of the model's inputs."""
        return dict(self.features)


class ModelAlias(TenantModel):
    """A name for one version of a model, `champion`, that can be moved."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=50)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("model", "name"), name="models_alias_once"),)

    def __str__(self) -> str:
        return self.name
