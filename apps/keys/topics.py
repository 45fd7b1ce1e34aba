"""The facts this app announces."""

from __future__ import annotations

from typing import Final

KEY_CREATED: Final = "keys.key.created"
KEY_UPDATED: Final = "keys.key.updated"
KEY_ROTATED: Final = "keys.key.rotated"
KEY_REVOKED: Final = "keys.key.revoked"
