"""The words of an approval: where it stands, and what somebody said of it."""

from __future__ import annotations

from django.db import models


class ApprovalState(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    VOID = "void"


class Verdict(models.TextChoices):
    APPROVE = "approve"
    REJECT = "reject"
