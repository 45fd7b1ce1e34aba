"""What an approver is shown, and the hash that binds a decision to exactly that.

The hash is SHA-256 over the canonical JSON (keys sorted, no blanks, UTF-8) of `{"changes", "evidence", "kind", "payload",
"subject"}`: what changes and what will be carried out count as much as the figures, so none can be swapped after a click.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from apps.core.errors import Invalid

MAX_BYTES = 256 * 1024
MAX_ITEMS = 100
LARGE = 1e16
VERDICTS = ("passed", "failed", "undecided", "unknown")
ITEM_FIELDS = frozenset(
    {
        "claim", "value", "unit", "low", "high", "threshold", "sense", "confidence", "samples",
        "window", "verdict", "note", "url",
    }
)  # fmt: skip
CHANGE_FIELDS = frozenset({"label", "before", "after"})

Item = Mapping[str, Any]
Change = Mapping[str, Any]


def canonical(value: Any) -> bytes:
    """The one spelling of a JSON value; `ValueError` for what JSON has no number for."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def hash_of(
    *,
    kind: str,
    subject: str,
    changes: Sequence[Change],
    evidence: Sequence[Item],
    payload: Mapping[str, Any],
) -> str:
    whole = {
        "kind": kind,
        "subject": subject,
        "changes": changes,
        "evidence": evidence,
        "payload": payload,
    }
    return hashlib.sha256(canonical(whole)).hexdigest()


def check_evidence(items: Sequence[Item]) -> list[dict[str, Any]]:
    """The items as plain JSON: each with a `claim`, and known fields alone. Raises `Invalid`."""
    kept = _plain(items, "evidence")
    for index, item in enumerate(kept):
        where = f"evidence.{index}"
        _check_fields(item, where, ITEM_FIELDS, needed="claim")
        if item.get("verdict", "unknown") not in VERDICTS:
            raise Invalid.field(f"{where}.verdict", f"must be one of {', '.join(VERDICTS)}")
        if not _is_link(item.get("url")):
            raise Invalid.field(f"{where}.url", "must be a path of this house")
    return kept


def check_changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """What changes, as `{label, before, after}` in the order it is shown. Raises `Invalid`."""
    kept = _plain(changes, "changes")
    for index, change in enumerate(kept):
        _check_fields(change, f"changes.{index}", CHANGE_FIELDS, needed="label")
    return kept


def check_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    kept = _as_json(payload, "payload")
    if not isinstance(kept, dict):
        raise Invalid.field("payload", "must be an object", "object")
    return kept


def _plain(rows: Sequence[Mapping[str, Any]], field: str) -> list[dict[str, Any]]:
    kept = _as_json(rows, field)
    if not isinstance(kept, list) or not all(isinstance(row, dict) for row in kept):
        raise Invalid.field(field, "must be a list of objects", "list")
    if len(kept) > MAX_ITEMS:
        raise Invalid.field(field, f"must hold at most {MAX_ITEMS}", "length")
    return kept


def _as_json(value: Any, field: str) -> Any:
    """A copy made of JSON alone, so that what is hashed is what a database gives back."""
    try:
        text = canonical(value)
    except (TypeError, ValueError):
        raise Invalid.field(field, "must be JSON, without NaN or Infinity", "json") from None
    if len(text) > MAX_BYTES:
        raise Invalid.field(field, f"must have at most {MAX_BYTES} bytes", "length")
    if b"\\u0000" in text:
        raise Invalid.field(field, "must not hold NUL", "control")
    return json.loads(text, parse_float=_number)


def _number(text: str) -> float | int:
    """As PostgreSQL gives it back: it keeps no exponent of a large number, and no minus of a zero."""
    value = float(text)
    return int(value) if abs(value) >= LARGE else value + 0.0


def _check_fields(
    row: Mapping[str, Any], where: str, known: frozenset[str], *, needed: str
) -> None:
    unknown = sorted(set(row) - known)
    if unknown:
        raise Invalid.field(f"{where}.{unknown[0]}", "is not a field here", "unknown_field")
    if not isinstance(row.get(needed), str) or not row[needed]:
        raise Invalid.field(f"{where}.{needed}", "must be a text", "required")


def _is_link(url: Any) -> bool:
    # A link on a page where people approve leads nowhere but into this house.
    if url is None:
        return True
    return isinstance(url, str) and url.startswith("/") and not url.startswith(("//", "/\\"))
