"""Every path says who may come in, and every endpoint of the API has a door test that agrees with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from apps.core.asgi.door import Door, doors_of
from apps.core.permissions import all_grants
from tests.doors.rest import Call, RestDoor
from tests.rig.environment import ROOT

DOORLESS = {
    "/admin/": "the operator's pages: sessions, staff alone, asked by Django's admin",
    "/console/": "pages sign in by session in their own middleware, and call the same services",
}
"""Prefixes whose views declare no doors, and why that lets nobody in."""


def views(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(entry.pattern))
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from views(entry, path)


def endpoints() -> dict[str, Door]:
    """`GET /api/v1/keys` → its door, for every path that has doors."""
    return {
        f"{method} {path}": door
        for path, view in views(get_resolver())
        for method, door in doors_of(view).items()
    }


def is_api(name: str) -> bool:
    path = name.partition(" ")[2]
    return path.startswith("/api/") and path not in import_string(settings.SIGNALBOX_ALIASES)


def door_tests() -> list[type[RestDoor]]:
    for path in sorted(Path(ROOT / "tests" / "doors").glob("test_*.py")):
        import_module(f"tests.doors.{path.stem}")
    return RestDoor.__subclasses__()


def calls() -> dict[str, Call]:
    return {str(call): call for door_test in door_tests() for call in door_test.calls}


def test_every_path_says_who_may_come_in() -> None:
    silent = {path for path, view in views(get_resolver()) if not doors_of(view)}

    assert {path for path in silent if not path.startswith(tuple(DOORLESS))} == set()


def test_the_list_of_doorless_prefixes_is_current() -> None:
    silent = [path for path, view in views(get_resolver()) if not doors_of(view)]
    unused = {prefix for prefix in DOORLESS if not any(path.startswith(prefix) for path in silent)}

    assert unused == set()
    assert set(DOORLESS) < set(settings.SIGNALBOX_BROWSER_PREFIXES)


def test_every_permission_at_a_door_is_granted_to_somebody() -> None:
    granted = {grant.permission for grant in all_grants()}

    assert {door.permission for door in endpoints().values() if door.permission} <= granted


def test_every_endpoint_has_a_door_test() -> None:
    assert {name for name in endpoints() if is_api(name)} - set(calls()) == set()


def test_every_door_test_is_of_an_endpoint() -> None:
    assert set(calls()) - set(endpoints()) == set()


def test_door_tests_and_doors_agree() -> None:
    doors = endpoints()
    disagreeing = {
        name: (doors[name], call)
        for name, call in calls().items()
        if (doors[name].permission or "", bool(doors[name].public))
        != (call.permission, call.public)
        or doors[name].secret_fields != call.secrets
        or (call.method == "POST" and not call.public and doors[name].replays != call.replays)
    }

    assert disagreeing == {}


def test_every_deed_that_can_be_repeated_is_kept_for_replay() -> None:
    """A POST that creates or runs something honours `Idempotency-Key`; the exceptions end or open one's own logins."""
    unkept = {
        name
        for name, door in endpoints().items()
        if name.startswith("POST /api/") and not (door.replays or door.public)
    }

    assert unkept == {
        "POST /api/v1/auth/logout",
        "POST /api/v1/auth/password",
        "POST /api/v1/auth/switch",
    }


def test_aliases_are_the_views_they_stand_for() -> None:
    """A second spelling is the same view under a second name, never a view of its own."""
    table = dict(views(get_resolver()))
    aliases = import_string(settings.SIGNALBOX_ALIASES)
    canonical = [_what(view) for path, view in table.items() if path not in aliases]

    assert [path for path in aliases if _what(table[path]) not in canonical] == []


def _what(view: Any) -> Any:
    """What a view runs: of a viewset, the class and its actions."""
    return (view.cls, *sorted(view.actions.items())) if hasattr(view, "cls") else view
