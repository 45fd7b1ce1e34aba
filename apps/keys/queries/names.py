"""What keys are called, for those who only know their ids."""

from __future__ import annotations

from collections.abc import Iterable

from apps.core.ids import is_id
from apps.core.tenancy import unscoped
from apps.keys.models import ApiKey


def names_of(public_ids: Iterable[str]) -> dict[str, str]:
    """Blocking, one query; ids of no key are left out. The caller shows each to its own organization alone."""
    wanted = {name for name in public_ids if is_id(name, "key")}
    if not wanted:
        return {}
    with unscoped(reason="records of several organisations are written in one batch"):
        keys = ApiKey.objects.filter(public_id__in=wanted)
        return dict(keys.values_list("public_id", "name"))


def is_key_here(public_id: str) -> bool:
    """Whether it is a key of the organization in scope."""
    return is_id(public_id, "key") and ApiKey.objects.filter(public_id=public_id).exists()
