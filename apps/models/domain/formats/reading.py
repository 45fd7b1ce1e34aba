"""The one way into the formats: sniff, then let the format's own reader look through the whole. Runs in the child process."""

from __future__ import annotations

import mmap
from typing import Any, BinaryIO

from apps.core import json as strict_json
from apps.core.errors import AppError, Invalid
from apps.models.domain import scorecards
from apps.models.domain.formats import lightgbm, onnx, remote, skops, xgboost
from apps.models.domain.formats.description import Description
from apps.models.domain.formats.sniffing import HEAD, sniff
from apps.models.enums import Format, Task
from apps.models.errors import BrokenArtifact, RefusedArtifact

MOST_JSON = 512 * 1024 * 1024
MOST_DEPTH = 64


def describe(file: BinaryIO) -> Description:
    """What the file is. Raises `UnsafeArtifact` and `BrokenArtifact`, whatever is in it."""
    try:
        return _describe(file)
    except (RefusedArtifact, MemoryError):
        raise
    except Invalid as error:
        raise BrokenArtifact(f"is no whole scorecard: {error.message}") from None
    except (AppError, RecursionError, UnicodeError, OverflowError) as error:
        raise BrokenArtifact(f"cannot be read ({type(error).__name__})") from None


def _describe(file: BinaryIO) -> Description:
    found = sniff(file.read(HEAD))
    file.seek(0)
    if found is Format.SKOPS:
        return skops.describe(file)
    # Mapped, not read: a large file costs what is looked at. Views of it may live on for a while, so it is not closed.
    data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if found is Format.ONNX:
        return onnx.describe(data)
    if found is Format.LIGHTGBM:
        return lightgbm.describe(data)
    if found is Format.XGBOOST:
        return xgboost.describe_binary(data)
    return _describe_json(data)


def _describe_json(data: memoryview) -> Description:
    if len(data) > MOST_JSON:
        raise BrokenArtifact("is JSON of more than half a gigabyte")
    document = strict_json.parse(bytes(data), max_depth=MOST_DEPTH)
    if not isinstance(document, dict):
        raise BrokenArtifact("is JSON, and no model")
    if "learner" in document:
        return xgboost.describe(document)
    if document.get("type") == "remote":
        return remote.describe(document)
    if document.get("type") in (scorecards.LINEAR, scorecards.LOGISTIC) or "terms" in document:
        return describe_scorecard(document)
    raise BrokenArtifact("is JSON, and neither a scorecard nor an XGBoost or remote model")


def describe_scorecard(document: dict[str, Any]) -> Description:
    card = scorecards.read_scorecard(document)
    return Description(
        format=Format.SCORECARD,
        task=Task.CLASSIFICATION if card.type == scorecards.LOGISTIC else Task.REGRESSION,
        schema=scorecards.infer_schema(card),
        in_process=True,
        details={"type": card.type, "terms": len(card.terms)},
    )
