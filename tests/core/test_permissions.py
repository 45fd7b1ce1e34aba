"""The one permission rule: roles, the approver's grant, rules that look at the object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.core import permissions
from apps.core.actor import Actor, Credential, CredentialKind, Identity, Role
from apps.core.errors import PermissionDenied
from apps.core.permissions import Permission


class Play(Permission):
    READ = "play.thing.read"
    EDIT = "play.thing.edit"
    DECIDE = "play.thing.decide"


@pytest.fixture(autouse=True)
def granted() -> Iterator[None]:
    permissions.grant(Play.READ, to=permissions.EVERYONE, doc="Read it.")
    permissions.grant(
        Play.EDIT,
        to=permissions.PEOPLE,
        doc="Edit what is yours.",
        rule=lambda actor, thing: bool(thing == actor.principal),
    )
    permissions.grant(Play.DECIDE, to=(), doc="Decide.", needs_approver=True)
    yield
    for member in Play:
        del permissions._grants[member]


def actor_with(*held: str) -> Actor:
    credential = Credential(CredentialKind.KEY, "key_1")
    fields: dict[str, Any] = {
        "organization_id": 1,
        "organization": "org_1",
        "principal": "user_1",
        "name": "Ada",
        "role": Role.USER,
        "permissions": frozenset(held),
        "credential": credential,
    }
    return Actor(Identity(**fields))


def play_of(role: Role, *, is_approver: bool = False) -> set[str]:
    return {
        name
        for name in permissions.permissions_of(role, is_approver=is_approver)
        if name.startswith("play.")
    }


@pytest.mark.parametrize(
    ("role", "held"),
    [
        (Role.ADMIN, {"play.thing.read", "play.thing.edit"}),
        (Role.USER, {"play.thing.read", "play.thing.edit"}),
        (Role.VIEWER, {"play.thing.read"}),
        (Role.SERVICE, {"play.thing.read"}),
    ],
)
def test_permissions_of_a_role(role: Role, held: set[str]) -> None:
    assert play_of(role) == held
    assert play_of(role, is_approver=True) == held | {"play.thing.decide"}


def test_permissions_of_are_plain_strings() -> None:
    assert {type(name) for name in permissions.permissions_of(Role.ADMIN)} == {str}


def test_require_passes_who_holds_it() -> None:
    permissions.require(actor_with("play.thing.read"), Play.READ)
    permissions.require(actor_with("play.thing.edit"), Play.EDIT, "user_1")


def test_require_refuses_who_does_not_hold_it() -> None:
    with pytest.raises(PermissionDenied) as caught:
        permissions.require(actor_with("play.thing.read"), Play.EDIT)

    assert caught.value.message == "This needs the permission play.thing.edit."
    assert caught.value.data == {"permission": "play.thing.edit"}


def test_require_asks_the_rule_about_the_object() -> None:
    with pytest.raises(PermissionDenied):
        permissions.require(actor_with("play.thing.edit"), Play.EDIT, "user_2")


def test_a_rule_does_not_lend_the_permission() -> None:
    assert permissions.has(actor_with("play.thing.read"), Play.EDIT, "user_1") is False


def test_has_asks_a_rule_also_about_things_that_look_empty() -> None:
    assert permissions.has(actor_with("play.thing.edit"), Play.EDIT, "") is False
    assert permissions.has(actor_with("play.thing.edit"), Play.EDIT, None) is True


def test_all_grants_are_sorted_and_documented() -> None:
    grants = permissions.all_grants()

    assert [grant.permission.value for grant in grants] == sorted(
        grant.permission.value for grant in grants
    )
    assert [grant.permission for grant in grants if not grant.doc] == []
