"""Frames as text: read strictly, written fast, and errors in the shape of the socket door."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from apps.core import json
from apps.core.errors import AppError, Invalid, Malformed, TooLarge

MAX_BYTES = 64 * 1024


def read_frame(text: str) -> dict[str, Any]:
    """A frame is a JSON object with a `type`."""
    if len(text) > MAX_BYTES:
        raise TooLarge(f"A frame may have {MAX_BYTES} bytes at most.", limit=MAX_BYTES)
    frame = json.parse(text.encode("utf-8", "surrogatepass"))
    if not isinstance(frame, dict):
        raise Malformed("A frame is a JSON object.")
    if not isinstance(frame.get("type"), str):
        raise Invalid.field("type", "must be a string", "required")
    return frame


def write_frame(frame: dict[str, Any]) -> str:
    return json.dumps(frame).decode()


def error_frame(error: AppError, request_id: str) -> dict[str, Any]:
    frame: dict[str, Any] = {"type": "error", "error": error.code, "message": error.message}
    if isinstance(error, Invalid):
        frame["fields"] = [asdict(field) for field in error.fields]
    if "topic" in error.data:
        frame["topic"] = error.data["topic"]
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        frame["retry_after"] = retry_after
    return {**frame, "request_id": request_id}
