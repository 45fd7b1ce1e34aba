"""What the OpenAPI document says of our operations beyond what every operation has."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from apps.core.openapi.errors import MEANINGS

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that the change is based on; 412 when it is no longer the present one.",
)


def ordering(*names: str) -> OpenApiParameter:
    return OpenApiParameter(
        "ordering",
        str,
        description=f"{', '.join(names)}; a minus before a name turns it round.",
    )


def one_of(name: str, *values: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, enum=values)


def flag(name: str) -> OpenApiParameter:
    return OpenApiParameter(name, bool)


def refused(*statuses: int) -> dict[Any, OpenApiResponse]:
    """Refusals that come from the deed itself and not from the gate."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {status: OpenApiResponse(schema, MEANINGS[status][0]) for status in statuses}
