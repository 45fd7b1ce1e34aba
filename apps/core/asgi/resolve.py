"""From a path to a view, under the one URL table.

Django's resolver tries pattern after pattern. Paths without parameters are looked up once and remembered, and so are the
latest ones with parameters, so the hot doors cost one dictionary access; the answers are the resolver's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver
from django.urls.exceptions import Resolver404
from django.urls.resolvers import RoutePattern

from apps.core.errors import NotFound

REMEMBERED, LONGEST = 2_000, 300
"""How many paths, and of how many characters: strangers choose them."""

_fixed: dict[str, ResolverMatch] | None = None


def resolve(path: str) -> ResolverMatch:
    """The match of a path; one trailing slash too many is forgiven where nothing else stands there."""
    fixed = _fixed_paths()
    match = fixed.get(path)
    if match is not None:
        return match
    return _remembered(path) if len(path) <= LONGEST else _resolved(path)


def forget_paths() -> None:
    """Read the URL table anew; for tests that change it."""
    global _fixed
    _fixed = None
    _remembered.cache_clear()


def _resolved(path: str) -> ResolverMatch:
    try:
        return get_resolver().resolve(path)
    except Resolver404:
        return _without_trailing_slash(path)


_remembered = lru_cache(maxsize=REMEMBERED)(_resolved)


def _without_trailing_slash(path: str) -> ResolverMatch:
    if (
        path.endswith("/")
        and len(path) > 1
        and not path.startswith(settings.SIGNALBOX_BROWSER_PREFIXES)
    ):
        try:
            return get_resolver().resolve(path[:-1])
        except Resolver404:
            pass
    raise NotFound


def _fixed_paths() -> dict[str, ResolverMatch]:
    global _fixed
    if _fixed is None:
        resolver = get_resolver()
        _fixed = {path: resolver.resolve(path) for path in _literal_paths(resolver, "/")}
    return _fixed


def _literal_paths(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        pattern: Any = entry.pattern
        if not isinstance(pattern, RoutePattern) or pattern.converters:
            continue
        path = prefix + str(pattern)
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from _literal_paths(entry, path)
