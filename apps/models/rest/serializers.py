"""What the REST doors of the registry take and answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.rest.fields import ObjectField
from apps.core.rest.serializers import BodySerializer, ReadSerializer
from apps.core.rest.text import CleanCharField
from apps.models.enums import Stage
from apps.models.models import FORMATS, STAGES, STATUSES, ModelVersion, RegisteredModel
from apps.models.queries.registry import Detail


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}]})
class VersionField(serializers.Field[Any, Any, Any, Any]):
    """A version's name, or its number."""

    default_error_messages = {"type": "must be a version's name or number"}

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("type")
        return str(data)

    def to_representation(self, value: Any) -> Any:
        return value


class LinesField(serializers.CharField):
    """Text of several lines; what it may hold is the domain's to say."""

    default_error_messages = {"type": "must be a string"}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        return super().to_internal_value(data)


class StageField(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> Stage:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return Stage(super().to_internal_value(data))


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 1})
class ShareField(serializers.Field[Any, Any, Any, Any]):
    """A number, and no text that looks like one. How large it may be is the domain's to say."""

    default_error_messages = {"type": "must be a number"}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("type")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class ModelBody(BodySerializer):
    name = CleanCharField(max_length=100)
    description = LinesField(max_length=2000, required=False, allow_blank=True)
    tags = ObjectField(required=False, help_text="Text by name.")


class ModelChangeBody(BodySerializer):
    description = LinesField(max_length=2000, required=False, allow_blank=True)
    tags = ObjectField(required=False, help_text="Takes the place of all there are.")
    log_share = ShareField(required=False, help_text="Of its predictions, what the log keeps.")


class VersionChangeBody(BodySerializer):
    description = LinesField(max_length=2000, required=False, allow_blank=True)
    tags = ObjectField(required=False, help_text="Takes the place of all there are.")
    metrics = ObjectField(required=False, help_text="Takes the place of all there are.")


class StageBody(BodySerializer):
    stage = StageField(choices=STAGES)


class AliasBody(BodySerializer):
    version = VersionField(help_text="Its name or number.")


class ModelSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.DictField(child=serializers.CharField())
    current_version = serializers.CharField(
        source="current", allow_null=True, help_text="In production."
    )
    latest_version = serializers.CharField(source="newest", allow_null=True)
    versions = serializers.IntegerField(source="count", help_text="How many.")
    aliases = serializers.DictField(child=serializers.CharField(), help_text="Alias → version.")
    owner = serializers.CharField(allow_null=True, help_text="Id of a user.")
    managed_by = serializers.CharField(help_text="What moves its versions now; empty: people do.")
    log_share = serializers.FloatField(help_text="Of its predictions, what the log keeps: 0 to 1.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_aliases(model: RegisteredModel) -> dict[str, str]:
        return {alias.name: alias.version.label for alias in model.aliases.all()}

    @staticmethod
    def get_owner(model: RegisteredModel) -> str | None:
        return None if model.owner is None else model.owner.public_id


class ModelDetailSerializer(ModelSerializer):
    """A model, and what its serving version takes: the one in production, else the newest."""

    feature_schema = serializers.DictField(help_text="In the order of the inputs.")
    last_prediction = serializers.DateTimeField(allow_null=True)
    total_predictions = serializers.IntegerField()

    def to_representation(self, instance: Detail) -> dict[str, Any]:
        return {
            **ModelSerializer().to_representation(instance.model),
            "feature_schema": instance.feature_schema,
            "last_prediction": instance.totals.last_at,
            "total_predictions": instance.totals.total,
        }


class VersionSerializer(ReadSerializer):
    id = serializers.CharField(source="public_id")
    model = serializers.CharField(source="model.name")
    version = serializers.CharField(source="label")
    number = serializers.IntegerField()
    stage = serializers.ChoiceField(choices=STAGES)
    status = serializers.ChoiceField(choices=STATUSES)
    refusal = serializers.DictField(allow_null=True)
    format = serializers.ChoiceField(choices=FORMATS)
    task = serializers.CharField(help_text="classification, regression, or empty: unknown.")
    digest = serializers.CharField(help_text="SHA-256 of the artefact.")
    size = serializers.IntegerField()
    file_name = serializers.CharField(source="file.name")
    feature_schema = serializers.DictField(help_text="In the order of the inputs.")
    input_example = serializers.DictField(allow_null=True)
    background_rows = serializers.IntegerField(
        help_text="How many rows explanations are told against; 0: one row of what is usual."
    )
    metrics = serializers.DictField(child=serializers.FloatField())
    lineage = serializers.DictField(child=serializers.CharField())
    description = serializers.CharField()
    tags = serializers.DictField(child=serializers.CharField())
    aliases = serializers.ListField(child=serializers.CharField())
    created_by = serializers.CharField(allow_null=True, help_text="Id of a user.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    revision = serializers.IntegerField()

    @staticmethod
    def get_aliases(version: ModelVersion) -> list[str]:
        return [alias.name for alias in version.aliases.all()]

    @staticmethod
    def get_background_rows(version: ModelVersion) -> int:
        return len(version.background)

    @staticmethod
    def get_created_by(version: ModelVersion) -> str | None:
        return None if version.created_by is None else version.created_by.public_id


class CheckingSerializer(VersionSerializer):
    """A large version that is still to be opened."""

    job_id = serializers.CharField()
    links = serializers.DictField(child=serializers.CharField(), help_text="Of the job.")


class CatalogVersionSerializer(ReadSerializer):
    version = serializers.CharField(source="label")
    stage = serializers.ChoiceField(choices=STAGES)
    created_at = serializers.DateTimeField()
    metrics = serializers.DictField(child=serializers.FloatField())


class CatalogModelSerializer(ReadSerializer):
    name = serializers.CharField()
    versions = CatalogVersionSerializer(many=True)

    @staticmethod
    def get_versions(model: Any) -> list[dict[str, Any]]:
        represent = CatalogVersionSerializer().to_representation
        return [represent(version) for version in model.newest_versions]


class CatalogSerializer(ReadSerializer):
    models = CatalogModelSerializer(many=True)

    @staticmethod
    def get_models(found: Iterable[RegisteredModel]) -> list[dict[str, Any]]:
        represent = CatalogModelSerializer().to_representation
        return [represent(model) for model in found]


class ComparisonSerializer(ReadSerializer):
    versions = serializers.ListField(child=serializers.CharField())
    metrics = serializers.DictField(help_text="Name → the two values, null where one has none.")
    features = serializers.DictField()
    lineage = serializers.DictField()
    about = serializers.DictField()


class PromotionSerializer(ReadSerializer):
    approval_id = serializers.CharField()
    status = serializers.CharField()
    model = serializers.CharField()
    version = serializers.CharField()
    stage = serializers.CharField(help_text="Where it is until people agree.")


class AliasRequestSerializer(PromotionSerializer):
    """An alias that waits for approval."""

    alias = serializers.CharField(help_text="It stays as it is until people agree.")


def waiting(version: ModelVersion, approval_id: str) -> dict[str, Any]:
    """What 202 says: nothing has moved yet."""
    return {
        "approval_id": approval_id,
        "status": "pending_approval",
        "model": version.model.name,
        "version": version.label,
        "stage": version.stage,
    }
