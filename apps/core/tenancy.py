"""Tenancy that cannot be forgotten: which organisation's rows a query may see is decided when its SQL is built.

`TenantModel`'s manager adds a condition that reads a ContextVar at that moment and raises when it is empty, so
class-level querysets, subqueries, prefetches and async reads are all covered. Writes are compared on save.
`unscoped(reason=...)` is the only way around, made to be searched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from django.core.exceptions import FullResultSet
from django.db import models
from django.db.models.expressions import BaseExpression, F

_UNSCOPED = -1
_current: ContextVar[int | None] = ContextVar("current_organization", default=None)


class NoOrganization(RuntimeError):
    """A tenant's rows were asked for outside any organisation: a bug of ours, so it is no `AppError`."""


class ForeignOrganization(RuntimeError):
    """A row of one organisation was about to be written while acting for another: a bug of ours."""


def current_organization_id() -> int:
    value = _current.get()
    if value is None or value == _UNSCOPED:
        raise NoOrganization("no organization is in scope")
    return value


def enter_organization(organization_id: int) -> None:
    """Set the organisation for the rest of this context; for doors, whose context ends with the request."""
    _current.set(organization_id)


def leave_organization() -> None:
    """Start outside any organisation; a server may begin a pipelined request in the context of the one before."""
    _current.set(None)


@contextmanager
def organization_scope(organization_id: int) -> Iterator[None]:
    token = _current.set(organization_id)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def unscoped(*, reason: str) -> Iterator[None]:
    """See and write every organisation's rows. The reason is for the reader and for the review."""
    if not reason:
        raise ValueError("say why")
    token = _current.set(_UNSCOPED)
    try:
        yield
    finally:
        _current.reset(token)


class InCurrentOrganization(BaseExpression):
    """`organization_id = <the current one>`, bound when the SQL is compiled and no sooner."""

    conditional = True

    def __init__(self, column: Any = None) -> None:
        super().__init__(output_field=models.BooleanField())
        self.column = column or F("organization_id")

    def get_source_expressions(self) -> list[Any]:
        return [self.column]

    def set_source_expressions(self, exprs: Any) -> None:
        (self.column,) = exprs

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        value = _current.get()
        if value is None:
            raise NoOrganization("a tenant's rows were queried outside any organization")
        if value == _UNSCOPED:
            raise FullResultSet
        sql, params = compiler.compile(self.column)
        return f"{sql} = %s", (*params, value)


M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M]):
    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        rows = list(objs)
        for row in rows:
            guard_write(row)
        unique = kwargs.get("unique_fields")
        if unique and not {"organization", "organization_id"} & set(unique):
            raise ForeignOrganization(
                "an upsert meets other organizations' rows unless it names its own"
            )
        return super().bulk_create(rows, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        if "organization" in kwargs or "organization_id" in kwargs:
            raise ForeignOrganization("a row never changes its organization")
        return super().update(**kwargs)


if TYPE_CHECKING:
    _Manager = models.Manager
else:
    _Manager = models.Manager.from_queryset(
        TenantQuerySet
    )  # made at run time: nothing mypy could read


class TenantManager(_Manager[M]):
    """Every read starts inside the current organisation."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(InCurrentOrganization())


def guard_write(row: Any) -> None:
    value = _current.get()
    if value is None:
        raise NoOrganization(f"{type(row).__name__} was written outside any organization")
    if value not in (_UNSCOPED, row.organization_id):
        raise ForeignOrganization(f"{type(row).__name__} belongs to another organization")


class TenantModel(models.Model):
    """Base of everything an organisation owns."""

    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.CASCADE, related_name="+"
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        guard_write(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        guard_write(self)
        return super().delete(*args, **kwargs)

    def _do_update(self, base_qs: Any, *args: Any, **kwargs: Any) -> Any:
        # save() updates through the base manager by primary key alone: that key may be another organisation's.
        return super()._do_update(base_qs.filter(InCurrentOrganization()), *args, **kwargs)
