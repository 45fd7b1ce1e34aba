"""Values that come by several doors, checked once behind them all."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug

from apps.core.errors import Invalid
from apps.tenants.models import normalize_email

LONGEST_SLUG = 50
LONGEST_EMAIL = 254


def check_slug(text: str) -> str:
    return _check("slug", text, LONGEST_SLUG, validate_slug)


def check_email(text: str) -> str:
    """In the one spelling under which it is stored."""
    return _check("email", normalize_email(text), LONGEST_EMAIL, validate_email)


def require_change(*values: object) -> None:
    """An update that names nothing to change is a mistake of its sender."""
    if all(value is None for value in values):
        raise Invalid.field("body", "must name a field to change", "required")


def _check(field: str, text: str, longest: int, validate: Callable[[str], None]) -> str:
    if len(text) > longest:
        raise Invalid.field(field, f"must have {longest} characters at most", "length")
    try:
        validate(text)
    except ValidationError as error:
        raise Invalid.field(field, error.messages[0]) from None
    return text
