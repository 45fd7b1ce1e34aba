"""The request as the gate knows it: Django's own, with who, where from and when beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from io import BytesIO
from ipaddress import ip_address
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

from apps.core.actor import Actor
from apps.core.errors import Malformed
from apps.core.ids import random_digits

Receive = Callable[[], Awaitable[dict[str, Any]]]

_GOOD_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}").fullmatch


class GateRequest(ASGIRequest):
    """One exchange. `actor` is None on public doors without a (good) credential."""

    actor: Actor | None

    def __init__(self, scope: dict[str, Any]) -> None:
        self.started = perf_counter()
        self._unreadable = ""
        try:
            super().__init__(scope, BytesIO())
        except UnicodeDecodeError:
            super().__init__({**scope, "query_string": b""}, BytesIO())
            self._unreadable = "The query string is not UTF-8."
        self.actor = None
        self.version = ""
        self.request_id = request_id_from(self.META.get("HTTP_X_REQUEST_ID"))
        self.address = client_address(
            self.META.get("REMOTE_ADDR", ""), self.META.get("HTTP_X_FORWARDED_FOR")
        )
        self.answer_headers: list[tuple[str, str]] = []
        """Headers that the way in adds to whatever the view answers (limits, versions)."""
        self.receive: Receive | None = None
        """For views that must know when their caller hangs up (`presence.while_present`)."""

    def refuse_unreadable(self) -> None:
        if self._unreadable:
            raise Malformed(self._unreadable)
        if "\x00" in self.path or "%00" in self.META["QUERY_STRING"]:
            raise Malformed("The address holds a NUL.")

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = "", {}
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # private to Django
        except ValueError:
            self._unreadable = "The Content-Type cannot be read."
        self._encoding = None  # bodies are UTF-8 here, whatever charset is claimed

    def take_body(self, stream: Any, size: int) -> None:
        """The body is whole. Its true size is told, since a chunked one declares none and DRF goes by that."""
        self._stream = stream
        self.META["CONTENT_LENGTH"] = str(size)

    def body_digest(self) -> str:
        """SHA-256 of the body, leaving it to be read."""
        digest = hashlib.sha256()
        while chunk := self._stream.read(64 * 1024):
            digest.update(chunk)
        self._stream.seek(0)
        return digest.hexdigest()


def request_id_from(given: str | None) -> str:
    """The caller's id when it is well-formed, our own otherwise."""
    if given and _GOOD_REQUEST_ID(given):
        return given
    return f"req_{random_digits()[:24]}"


def client_address(peer: str, forwarded_for: str | None) -> str:
    """The caller's address behind the configured number of proxies; a free header is never believed."""
    hops: int = settings.SIGNALBOX_TRUSTED_PROXIES
    if not hops or not forwarded_for:
        return peer
    chain = forwarded_for.split(",")
    if len(chain) < hops:
        return peer
    try:
        return str(ip_address(chain[-hops].strip()))
    except ValueError:
        return peer
