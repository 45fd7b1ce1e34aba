"""Sums that are added to. Rows are made first, then locked in one order, then changed: drains of several processes
meet on the same rows and must neither lose an addition nor wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Q

from apps.core.tenancy import TenantModel

M = TypeVar("M", bound=TenantModel)
Key = tuple[Any, ...]
UPDATE_ROWS = 100


def add_rows(
    model: type[M],
    names: Sequence[str],
    added: Mapping[Key, M],
    merge: Callable[[M, M], None],
    changed: Sequence[str],
    begun: Sequence[str] = (),
) -> None:
    """Add each of `added`, whose key are its values of `names`, to the one row of that key. `merge(row, more)` adds
    to the fields `changed`; a unique constraint stands over `names`. A new row begins with the values of `begun`,
    which no default stands for. Within the caller's transaction.
    """
    if not added:
        return
    _make(model, names, added, begun)
    found = _lock(model, names, added)
    if len(found) < len(added):  # somebody has just removed one: rare, and then it is begun anew
        _make(model, names, added, begun)
        found = _lock(model, names, added)
    for key, more in added.items():
        merge(found[key], more)
    rows = [found[key] for key in added]
    model.objects.bulk_update(rows, changed, batch_size=UPDATE_ROWS)


def _make(
    model: type[M], names: Sequence[str], added: Mapping[Key, M], begun: Sequence[str]
) -> None:
    """In one order, and before any is locked: whoever waits here for a row that another makes holds no other's lock."""
    there = set(model.objects.filter(_among(names, added)).order_by().values_list(*names))
    missing = sorted((key for key in added if key not in there), key=repr)
    if missing:
        blank = [_begin(model, (*names, *begun), added[key]) for key in missing]
        model.objects.bulk_create(blank, ignore_conflicts=True)


def _begin(model: type[M], names: Sequence[str], row: M) -> M:
    return model(**{name: getattr(row, name) for name in names})


def _lock(model: type[M], names: Sequence[str], keys: Iterable[Key]) -> dict[Key, M]:
    """The rows of these keys. A few too many are locked; only those asked for are told."""
    wanted = set(keys)
    rows = model.objects.filter(_among(names, wanted)).select_for_update().order_by("pk")
    by_key = {tuple(getattr(row, name) for name in names): row for row in rows}
    return {key: row for key, row in by_key.items() if key in wanted}


def _among(names: Sequence[str], keys: Iterable[Key]) -> Q:
    """The product of the keys' parts: their rows, and a few too many."""
    parts = zip(names, zip(*keys, strict=True), strict=True)
    return Q(**{f"{name}__in": set(values) for name, values in parts})
