"""Text fields that refuse what cannot be kept or safely shown."""

from __future__ import annotations

import unicodedata
from typing import Any

from rest_framework import serializers

from apps.core.text import is_misleading


class CleanCharField(serializers.CharField):
    """A name or title: trimmed, NFC, on one line, without control or bidirectional override characters."""

    default_error_messages = {
        "control": "must not hold control characters",
        "type": "must be a string",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        text = unicodedata.normalize("NFC", super().to_internal_value(data))
        if is_misleading(text):
            self.fail("control")
        return text
