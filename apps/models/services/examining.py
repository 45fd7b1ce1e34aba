"""What an artefact is: opened in a limited child, described, and compared with what was said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.conf import settings

from apps.core import json as strict_json
from apps.core.errors import FieldError, Invalid
from apps.core.http_client.errors import Forbidden
from apps.core.http_client.guard import judge_url
from apps.models.adapters.trial import supervisor
from apps.models.domain import fitting
from apps.models.domain.formats.description import Description
from apps.models.domain.schema import Checker, Row, Schema, compile_schema
from apps.models.enums import Format
from apps.models.errors import BrokenArtifact

MOST_CARD = 64 * 1024 * 1024
MOST_BACKGROUND = 200


@dataclass(frozen=True, slots=True)
class Examined:
    """All that is found out of a version's bytes."""

    found: Description
    schema: Schema
    background: Sequence[Row]

    def columns(self) -> dict[str, Any]:
        """Of the version."""
        return {
            "format": self.found.format,
            "task": self.found.task,
            "features": [[name, spec] for name, spec in self.schema.items()],
            "described": {**self.found.document(), "schema": None},
            "background": self.background,
        }


def examine(
    opener: Callable[[], BinaryIO],
    *,
    given: Schema | None,
    example: Mapping[str, Any] | None,
    background: Sequence[Any],
    seconds: float = supervisor.SECONDS,
) -> Examined:
    """Raises `Invalid`, `UnsafeArtifact`, `BrokenArtifact`, `RuntimeMissing`, `TimedOut`, `Unavailable`."""
    with opener() as file:
        found = supervisor.try_artifact(file, seconds=seconds)
    if found.format is Format.REMOTE:
        _judge_remote(found.details["url"])
    document = _card(opener) if found.format is Format.SCORECARD else None
    schema = fitting.fit(found, given, document)
    check_example(example, schema)
    return Examined(found, schema, check_background(background, schema))


def _card(opener: Callable[[], BinaryIO]) -> Any:
    with opener() as file:
        text = file.read(MOST_CARD + 1)
    if len(text) > MOST_CARD:
        raise BrokenArtifact(f"is a scorecard of more than {MOST_CARD // 1024**2} MiB")
    return strict_json.parse(text)


def check_example(example: Mapping[str, Any] | None, schema: Schema) -> None:
    """Raises `Invalid` naming `input_example.<feature>`."""
    if example is not None:
        _check_row(compile_schema(schema), dict(example), "input_example")


def check_background(rows: Sequence[Any], schema: Schema) -> list[Row]:
    """The rows in the schema's order. Raises `Invalid` naming `background.<index>.<feature>`."""
    checker = compile_schema(schema)
    return [_check_row(checker, row, f"background.{at}") for at, row in enumerate(rows)]


def check_background_shape(rows: Any) -> None:
    """What can be said of the rows before there is a schema."""
    if not isinstance(rows, list):
        raise Invalid.field("background", "must be a list of rows", "type")
    if len(rows) > MOST_BACKGROUND:
        raise Invalid.field("background", f"may have {MOST_BACKGROUND} rows at most", "length")
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Invalid.field(f"background.{at}", "must be an object of features", "type")


def _check_row(checker: Checker, row: Any, where: str) -> Row:
    try:
        return checker.check(row)
    except Invalid as error:
        fields = [
            FieldError(f"{where}.{each.field}", each.message, each.type) for each in error.fields
        ]
        raise Invalid(fields=fields) from None


def _judge_remote(url: str) -> None:
    try:
        judge_url(url, settings.SIGNALBOX_ALLOWED_PRIVATE_HOSTS)
    except Forbidden as error:
        raise Invalid.field("file.url", str(error), "forbidden") from None
