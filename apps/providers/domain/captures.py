"""A captured call: its request and answer as they are kept, without secrets and personal data. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.core.masking import mask
from apps.providers.domain.calls import Call
from apps.providers.domain.guardrails.redact import KINDS, Redact

KIND = "capture"
"""Of the spool's records."""
MOST_CHARACTERS = 128 * 1024
"""Of the request and of the answer each; what comes after is left out."""
LONGEST_SECRET = 10_000
"""So far beyond its cut a text is looked at, that half a secret is not taken for none."""
NODE = 8
"""What a number or a field counts as."""
_REDACT = Redact(KINDS, refuses=False)


def captured(
    *,
    organization: int,
    request_id: str,
    key: str,
    call: Call,
    status: str,
    answer: Any,
    is_cut: bool,
    at: datetime,
    expires_at: datetime,
) -> dict[str, Any]:
    """The record that goes to the spool."""
    request, said = _Copy(), _Copy()
    return {
        "organization": organization,
        "request_id": request_id,
        "model": call.model[:50],
        "key": key,
        "status": str(status),
        "request": mask(request.of(call.body)),
        "answer": mask(said.of(answer)),
        "is_cut": is_cut or request.is_cut or said.is_cut,
        "at": at,
        "expires_at": expires_at,
    }


class _Copy:
    """A redacted copy of JSON, bounded before it is looked through: a long body must not hold up other calls."""

    def __init__(self) -> None:
        self._left = MOST_CHARACTERS
        self.is_cut = False

    def of(self, value: Any) -> Any:
        match value:
            case str():
                return self._text(value)
            case dict():
                return {
                    self._text(name): self.of(item)
                    for name, item in value.items()
                    if self._has_room()
                }
            case list() | tuple():
                return [self.of(item) for item in value if self._has_room()]
        return value

    def _has_room(self) -> bool:
        self._left -= NODE
        self.is_cut = self.is_cut or self._left <= 0
        return self._left > 0

    def _text(self, text: str) -> str:
        clean = _REDACT.check(text[: self._left + LONGEST_SECRET])
        kept = clean[: max(0, self._left)].replace("\x00", "\ufffd")
        self.is_cut = self.is_cut or len(kept) < len(clean)
        self._left -= len(kept)
        return kept
