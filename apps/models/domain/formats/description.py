"""What is known of an artefact from reading it: the one answer that every format gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from apps.models.domain.schema import Schema
from apps.models.enums import Format


@dataclass(frozen=True, slots=True)
class Description:
    """Plain values alone: it comes out of another process as JSON, and is kept beside the version."""

    format: Format
    task: str
    """`classification` or `regression`; empty where the artefact does not say."""
    schema: Schema | None = None
    """Features in the order of the inputs, where the artefact names or at least counts them."""
    runtime: str = ""
    """The package that opens it; empty: plain Python does, or another server."""
    in_process: bool = False
    """Whether it may score in the server's own process; else in pooled workers with a memory limit."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What its scorer needs to know again: inputs and outputs, classes, objective, types that were trusted."""

    def document(self) -> dict[str, Any]:
        # The order of features would not survive a database's JSON column as an object.
        schema = (
            None if self.schema is None else [[name, spec] for name, spec in self.schema.items()]
        )
        return {**asdict(self), "format": self.format.value, "schema": schema}


def read_description(document: Mapping[str, Any]) -> Description:
    """The inverse of `document`."""
    schema = document["schema"]
    return Description(
        format=Format(document["format"]),
        task=document["task"],
        schema=None if schema is None else dict(schema),
        runtime=document["runtime"],
        in_process=document["in_process"],
        details=document["details"],
    )


def numbered_features(count: int) -> Schema:
    """For a model that only counts its inputs: f0, f1 and so on, as its own library calls them."""
    return {f"f{index}": {"type": "number"} for index in range(count)}
