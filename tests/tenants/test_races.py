"""What two callers at once may not bring about: real threads, real transactions."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from apps.core.actor import Role
from apps.core.errors import AppError
from apps.core.tenancy import organization_scope
from apps.tenants.domain.visit import Visit
from apps.tenants.errors import InvalidToken
from apps.tenants.models import LoginSession, Membership, User
from apps.tenants.services import invitations, members, sessions
from tests.factories.tenants import (
    PASSWORD,
    actor_of,
    log_in,
    make_admin,
    make_invitation,
    make_member,
    make_organization,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

VISIT = Visit(address="192.0.2.1")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call answered or refused, all of them started together."""
    barrier = Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[index] = call()
        except AppError as error:
            results[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_refresh_twice_at_once_lets_one_win_and_ends_the_login() -> None:
    logged_in = log_in(make_member())

    def refresh() -> Any:
        return sessions.refresh(refresh_token=logged_in.refresh, visit=VISIT)

    results = at_once(refresh, refresh)

    winners = [result for result in results if isinstance(result, sessions.LoggedIn)]
    losers = [result for result in results if isinstance(result, InvalidToken)]
    assert (len(winners), len(losers)) == (1, 1)
    assert LoginSession._base_manager.get().revoked_at is not None
    with pytest.raises(InvalidToken):
        sessions.refresh(refresh_token=winners[0].refresh, visit=VISIT)


@pytest.mark.parametrize("deed", ["demote", "remove"])
def test_two_administrators_at_once_leave_one(deed: str) -> None:
    organization = make_organization()
    one, other = make_admin(organization), make_admin(organization)
    actors = {member.pk: actor_of(member) for member in (one, other)}

    def act(by: Membership, on: Membership) -> Callable[[], Any]:
        def call() -> Any:
            with organization_scope(organization.pk):
                if deed == "remove":
                    return members.remove_member(actor=actors[by.pk], member_id=on.public_id)
                return members.change_member(
                    actor=actors[by.pk], member_id=on.public_id, role=Role.VIEWER
                )

        return call

    results = at_once(act(one, other), act(other, one))

    codes = sorted(result.code for result in results if isinstance(result, AppError))
    assert codes == ["last_admin"]
    admins = Membership._base_manager.filter(organization=organization, role=Role.ADMIN)
    assert admins.count() == 1


def test_accept_invitation_twice_at_once_makes_one_member() -> None:
    organization = make_organization()
    _, token = make_invitation(organization)

    def accept() -> Any:
        return invitations.accept_invitation(
            token=token, name="Guest", password=PASSWORD, visit=VISIT
        )

    results = at_once(accept, accept)

    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Membership"]
    assert (User.objects.count(), Membership._base_manager.count()) == (1, 1)
