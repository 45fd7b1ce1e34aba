"""The judgement of an address before anything is looked up. What it resolves to is judged in `resolver`, at connect."""

from __future__ import annotations

from yarl import URL

from apps.core.http_client.addresses import Target, is_allowed, is_public, read_target
from apps.core.http_client.errors import Forbidden

NOT_PUBLIC = "leads to an address that is not public; the operator may allow it by host and port"


def judge_url(url: str, allowed: frozenset[str]) -> Target:
    """The URL's target. Raises `Forbidden`; a name is judged once more when it is resolved."""
    target = read_target(url)
    if _read_by_client(url) != (target.host, target.port):
        raise Forbidden("can be read in two ways")
    if is_allowed(target.host, target.port, allowed):
        return target
    if target.address is not None and not is_public(target.address):
        raise Forbidden(NOT_PUBLIC)
    if target.host == "localhost" or target.host.endswith((".localhost", ".local", ".internal")):
        raise Forbidden(NOT_PUBLIC)
    return target


def _read_by_client(url: str) -> tuple[str | None, int | None]:
    """Host and port as the library that connects will read them: two parsers, one meaning."""
    try:
        parsed = URL(url, encoded=True)
        return (parsed.raw_host or "").lower(), parsed.port
    except ValueError:
        return None, None
