"""The one base of REST views: parse, one domain call, present."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django_filters import FilterSet
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from apps.core import json as strict_json
from apps.core.actor import Actor
from apps.core.asgi.door import Door
from apps.core.errors import FieldError, Invalid, Malformed
from apps.core.pagination import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    MAX_PAGE,
    Page,
    after_cursor,
    page_of,
    read_integer,
)
from apps.core.rest.renderers import FirstRenderer

PAGING = frozenset({"page", "limit", "cursor", "ordering"})
"""What a list takes beside its filters."""

DIGEST_BYTES = 6
"""Of the hash beside a revision: it tells one object's representations apart, among a handful of them."""

_REVISION = re.compile(r'(?:W/)?"r(\d{1,9})(?:-[0-9a-f]{12})?"').fullmatch


class HouseViewSet(GenericViewSet[Any]):
    """Declare `doors` (action → Door); each action ends in `page`, `present` or `nothing`."""

    doors: ClassVar[Mapping[str, Door]] = {}
    content_negotiation_class: type[BaseContentNegotiation] = FirstRenderer
    lookup_field = "id"

    @property
    def actor(self) -> Actor:
        actor: Actor = self.request._request.actor  # type: ignore[attr-defined]  # set by the gate
        return actor

    def read(self, serializer: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The validated body."""
        bound = serializer(
            data=self.request.data, partial=partial, context={"actor": self.actor_or_none()}
        )
        bound.is_valid(raise_exception=True)
        validated: dict[str, Any] = bound.validated_data
        return validated

    def actor_or_none(self) -> Actor | None:
        return getattr(self.request._request, "actor", None)

    def expected_revision(self) -> int | None:
        """The revision that `If-Match` names, by a read's ETag or a change's; None when absent or `*`."""
        header = self.request.META.get("HTTP_IF_MATCH")
        if header is None or header.strip() == "*":
            return None
        match = _REVISION(header.strip())
        if match is None:
            raise Malformed("If-Match must be an ETag this API answered.", code="bad_if_match")
        return int(match.group(1))

    def present(
        self, instance: Any, serializer: type[Serializer[Any]], *, status: int = 200, **more: Any
    ) -> Response:
        """One object; `more` are fields that only this answer has (a secret shown once)."""
        data = {**serializer(instance).data, **more}
        revision = getattr(instance, "revision", None)
        etag = f'"r{revision}"' if revision is not None else None
        return self._answer(data, etag, status)

    def page(
        self,
        queryset: QuerySet[Any],
        serializer: type[Serializer[Any]],
        *,
        filterset: type[FilterSet] | None = None,
        ordering: Sequence[str] = (),
    ) -> Response:
        """A page of a list, filtered and ordered as the query string asks."""
        query = self.request.query_params
        limit = read_integer(query.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT)
        number = read_integer(query.get("page"), "page", default=1, maximum=MAX_PAGE)
        rows = self._ordered(self._filtered(queryset, filterset), ordering)
        return self._list(page_of(rows, page=number, limit=limit), serializer)

    def cursor_page(
        self,
        queryset: QuerySet[Any],
        serializer: type[Serializer[Any]],
        *,
        filterset: type[FilterSet] | None = None,
    ) -> Response:
        """A page of something that keeps growing, newest first."""
        query = self.request.query_params
        limit = read_integer(query.get("limit"), "limit", default=DEFAULT_LIMIT, maximum=MAX_LIMIT)
        rows = self._filtered(queryset, filterset)
        return self._list(after_cursor(rows, cursor=query.get("cursor"), limit=limit), serializer)

    def nothing(self) -> Response:
        return Response(status=204)

    def _list(self, page: Page, serializer: type[Serializer[Any]]) -> Response:
        represent = serializer().to_representation
        return self._answer(
            {"data": [represent(row) for row in page.rows], "meta": page.meta}, None, 200
        )

    def _filtered(
        self, queryset: QuerySet[Any], filterset: type[FilterSet] | None
    ) -> QuerySet[Any]:
        if filterset is None or self.request.query_params.keys() <= PAGING:
            return (
                queryset  # a filter set is a form, and building one costs as much as a small query
            )
        bound = filterset(self.request.query_params, queryset=queryset, request=self.request)
        if not bound.is_valid():
            fields = [
                FieldError(name, str(text))
                for name, texts in bound.errors.items()
                for text in texts
            ]
            raise Invalid(fields=fields)
        found: QuerySet[Any] = bound.qs
        return found

    def _ordered(self, queryset: QuerySet[Any], allowed: Sequence[str]) -> QuerySet[Any]:
        asked = self.request.query_params.get("ordering")
        if not asked:
            return queryset
        names = [name.strip() for name in asked.split(",")]
        if any(name.removeprefix("-") not in allowed for name in names):
            raise Invalid.field(
                "ordering", f"must be among: {', '.join(allowed) or 'nothing'}", "choice"
            )
        return queryset.order_by(*names, "pk")

    def _answer(self, data: Any, etag: str | None, status: int) -> Response:
        response = Response(data, status=status)
        if etag is not None:
            response.headers["ETag"] = etag
        return response

    def finalize_response(  # type: ignore[override]  # DRF returns any HttpResponse, its stubs say Response
        self, request: Any, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Give reads an ETag and answer 304 to those who have it already.

        A revision alone would not do: some columns change without it, and one path may show several objects.
        """
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # see above
        if (
            request.method not in ("GET", "HEAD")
            or final.status_code != 200
            or not isinstance(final, Response)
        ):
            return final
        body = strict_json.dumps(final.data)
        etag = _etag_of(body, final.headers.get("ETag"))
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        known = request.META.get("HTTP_IF_NONE_MATCH", "").split(",")
        if etag.removeprefix("W/") in [part.strip().removeprefix("W/") for part in known]:
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(body, content_type="application/json", headers=headers)


def _etag_of(body: bytes, revision: str | None) -> str:
    """`"r<revision>-<hash>"`, or a weak hash alone for what has no revision."""
    if revision is None:
        return f'W/"{hashlib.blake2b(body, digest_size=2 * DIGEST_BYTES).hexdigest()}"'
    return f'{revision[:-1]}-{hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()}"'
