"""What callers at once may not bring about: real threads, real transactions."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.core import changes
from apps.core.errors import AppError, Conflict, Stale, Unauthenticated
from apps.core.tenancy import organization_scope
from apps.keys.authenticator import CachingAuthenticator
from apps.keys.models import ApiKey, KeySecret
from apps.keys.queries.identities import identity_of_key
from apps.keys.services import keys, uses
from tests.factories.keys import make_key
from tests.factories.tenants import actor_of, make_member, make_organization

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


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


class Scene:
    """A member with a key, and their deeds as calls for threads of their own."""

    def __init__(self) -> None:
        self.place = make_organization()
        self.member = make_member(self.place)
        self.actor = actor_of(self.member)
        self.issued = make_key(self.member)

    def does(self, deed: Callable[..., Any], **more: Any) -> Callable[[], Any]:
        def call() -> Any:
            with organization_scope(self.place.pk):
                return deed(actor=self.actor, key_id=self.issued.key.public_id, **more)

        return call

    def key(self) -> ApiKey:
        with organization_scope(self.place.pk):
            return ApiKey.objects.get()


def works(secret: str) -> bool:
    try:
        identity_of_key(secret)
    except Unauthenticated:
        return False
    return True


def test_rotations_at_once_leave_one_current_secret_that_works():
    scene = Scene()

    results = at_once(*[scene.does(keys.rotate_key) for _ in range(4)])

    secrets = [result.secret for result in results]
    assert len(set(secrets)) == 4
    assert [works(secret) for secret in secrets].count(True) == 1
    assert works(scene.issued.secret) is False
    with organization_scope(scene.place.pk):
        assert KeySecret.objects.filter(ends_at=None).count() == 1
    assert scene.key().revision == 5


def test_rotation_and_revocation_at_once_leave_nothing_alive():
    for _ in range(3):
        scene = Scene()

        rotated, _revoked = at_once(
            scene.does(keys.rotate_key, grace_seconds=60), scene.does(keys.revoke_key)
        )

        assert works(scene.issued.secret) is False
        if isinstance(rotated, keys.Issued):
            assert works(rotated.secret) is False
        else:
            assert isinstance(rotated, Conflict)


def test_revocations_at_once_are_one():
    scene = Scene()

    results = at_once(*[scene.does(keys.revoke_key) for _ in range(4)])

    assert {result.state for result in results} == {"revoked"}
    assert scene.key().revision == 2


def test_updates_of_one_revision_at_once_let_one_win():
    scene = Scene()

    results = at_once(
        *[scene.does(keys.update_key, name=f"by {n}", expected_revision=1) for n in range(4)]
    )

    winners = [result for result in results if isinstance(result, ApiKey)]
    assert len(winners) == 1
    assert sum(isinstance(result, Stale) for result in results) == 3
    assert (scene.key().name, scene.key().revision) == (winners[0].name, 2)


def test_lookups_beside_a_revocation_remember_nothing_stale(authenticator: CachingAuthenticator):
    scene = Scene()
    changes.poll_changes()

    at_once(*[lambda: authenticator.identify(scene.issued.secret)] * 3, scene.does(keys.revoke_key))

    assert authenticator.recall(scene.issued.secret) is None
    with pytest.raises(Unauthenticated):
        authenticator.identify(scene.issued.secret)


def test_uses_written_at_once_by_two_all_arrive():
    scene = Scene()
    before = timezone.now()
    uses.note_use(scene.issued.key.public_id)

    at_once(uses.write_uses, uses.write_uses)

    assert (scene.key().last_used_at or before) > before


def test_revocation_is_heard_in_this_process_at_commit(authenticator: CachingAuthenticator):
    scene = Scene()
    changes.poll_changes()
    authenticator.identify(scene.issued.secret)

    scene.does(keys.revoke_key)()

    assert authenticator.recall(scene.issued.secret) is None
