"""The kernel's own tables: answers kept for replay, and marks that tell other processes of a change."""

from __future__ import annotations

from django.db import models

from apps.core.tenancy import TenantModel


class StoredAnswer(TenantModel):
    """The first answer to an `Idempotency-Key`, kept for a day. `status` is null while the first call runs."""

    principal = models.CharField(max_length=80)
    method_path = models.CharField(max_length=300)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, default="application/json")
    body = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "principal", "method_path", "key"),
                name="core_storedanswer_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method_path} {self.key}"


class ChangeMark(models.Model):
    """The number of the last change in a scope; the row with the empty scope is the counter itself."""

    scope = models.CharField(max_length=100, primary_key=True)
    number = models.BigIntegerField(default=0, db_index=True)

    def __str__(self) -> str:
        return f"{self.scope or 'counter'}: {self.number}"
