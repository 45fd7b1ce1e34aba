"""The kernel's own tables: answers kept for replay, files, and marks that tell other processes of a change."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.core.ids import PublicIdField
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


class StoredFile(TenantModel):
    """Bytes that an organisation owns, kept under their digest (`core.files`). `purpose` says whose door gives them out,
    `subject` what they belong to, by its public id.
    """

    public_id = PublicIdField(prefix="file")
    purpose = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True)
    name = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=130)
    size = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("digest",), name="core_storedfile_digest"),
            models.Index(
                fields=("organization", "purpose", "subject"), name="core_storedfile_subject"
            ),
            models.Index(
                fields=("expires_at",),
                condition=models.Q(expires_at__isnull=False),
                name="core_storedfile_expires",
            ),
        )

    def __str__(self) -> str:
        return f"{self.purpose} {self.public_id}"


class ChangeMark(models.Model):
    """The number of the last change in a scope; the row with the empty scope is the counter itself."""

    scope = models.CharField(max_length=100, primary_key=True)
    number = models.BigIntegerField(default=0, db_index=True)

    def __str__(self) -> str:
        return f"{self.scope or 'counter'}: {self.number}"
