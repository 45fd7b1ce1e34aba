"""The base of object types, the scalars of the house, and the joining of what a query selects.

A type lists the relations its fields follow in `related` (field → ORM lookup); a connection then loads exactly the
selected ones with `select_related` and `prefetch_related`, so that a list costs a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, ClassVar, TypeVar

import graphene
from django.db.models import Model, QuerySet
from graphene.types.generic import GenericScalar
from graphene.utils.str_converters import to_snake_case
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    SelectionNode,
    StringValueNode,
    Undefined,
)

M = TypeVar("M", bound=Model)


class HouseType(graphene.ObjectType):
    class Meta:
        abstract = True

    related: ClassVar[Mapping[str, str]] = {}


def public_id() -> Any:
    """The field `id` of a type: the prefixed public one."""
    return graphene.ID(required=True, source="public_id")


class JSON(GenericScalar):
    """Any JSON value."""

    class Meta:
        name = "JSON"

    @staticmethod
    def parse_literal(ast: Any, _variables: Any = None) -> Any:
        value = GenericScalar.parse_literal(ast, _variables)
        if not _is_finite(value):
            raise GraphQLError("JSON holds no infinite numbers.", ast)
        return value


class DateTime(graphene.DateTime):
    """A moment in UTC, written as the REST door writes it."""

    class Meta:
        name = "DateTime"

    @staticmethod
    def parse_value(value: Any) -> Any:
        parsed = graphene.DateTime.parse_value(value)
        if isinstance(parsed, datetime) and parsed.tzinfo is None:
            return parsed.replace(tzinfo=UTC)
        return parsed

    @classmethod
    def parse_literal(cls, node: Any, _variables: Any = None) -> Any:
        return cls.parse_value(node.value) if isinstance(node, StringValueNode) else Undefined

    @staticmethod
    def serialize(dt: Any) -> str:
        if isinstance(dt, datetime) and dt.tzinfo is not None:
            return dt.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return str(graphene.DateTime.serialize(dt))


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def join_selected(
    queryset: QuerySet[M], node: type[HouseType], fields: Iterable[FieldNode], info: Any
) -> QuerySet[M]:
    """The queryset with every relation loaded that the selection below these fields follows."""
    joined: list[str] = []
    prefetched: list[str] = []
    for lookup in _lookups(node, fields, info):
        (joined if _is_single(queryset.model, lookup) else prefetched).append(lookup)
    if joined:
        queryset = queryset.select_related(*joined)
    if prefetched:
        queryset = queryset.prefetch_related(*prefetched)
    return queryset


def selected(fields: Iterable[FieldNode], info: Any) -> Iterator[FieldNode]:
    """The fields selected below these, fragments opened."""
    for field in fields:
        if field.selection_set is not None:
            yield from _open(field.selection_set.selections, info)


def _open(selections: Iterable[SelectionNode], info: Any) -> Iterator[FieldNode]:
    for selection in selections:
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, FragmentSpreadNode):
            yield from _open(info.fragments[selection.name.value].selection_set.selections, info)
        else:
            yield from _open(selection.selection_set.selections, info)  # type: ignore[attr-defined]  # an inline fragment


def _lookups(node: type[HouseType], fields: Iterable[FieldNode], info: Any) -> Iterator[str]:
    for field in selected(fields, info):
        name = to_snake_case(field.name.value)
        lookup = node.related.get(name)
        if lookup is None:
            continue
        yield lookup
        inner = _named_type(_fields_of(node)[name].type)
        if issubclass(inner, HouseType):
            for deeper in _lookups(inner, [field], info):
                yield f"{lookup}__{deeper}"


def name_of(node: type[HouseType]) -> str:
    name: str = node._meta.name  # noqa: SLF001 - graphene keeps a type's facts there
    return name


def _fields_of(node: type[HouseType]) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = node._meta.fields  # noqa: SLF001 - as above
    return fields


def _named_type(kind: Any) -> Any:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return kind


def _is_single(model: type[Model], lookup: str) -> bool:
    """Whether every step leads to one row, so that a join does not multiply."""
    current: Any = model
    for step in lookup.split("__"):
        relation = current._meta.get_field(step)  # noqa: SLF001 - Django's public name for it
        if not (relation.many_to_one or relation.one_to_one):
            return False
        current = relation.related_model
    return True
