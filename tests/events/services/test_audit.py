from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apps.core import bus, rows
from apps.core.tenancy import organization_scope, unscoped
from apps.events.domain import triggers
from apps.events.domain.chain import GENESIS
from apps.events.models import AuditEntry, AuditHead
from apps.events.services import audit
from apps.tenants.models import Organization
from tests.factories.events import make_actor, make_entry, make_fact
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.integration


def tamper(sql: str, *params: object) -> None:
    """What somebody with the database in their hands could do: take the locks off, then change."""
    with connection.cursor() as cursor:
        for statement in triggers.lifting(connection.vendor):
            cursor.execute(statement)
        cursor.execute(sql, params)


def trail(organization: Organization) -> list[AuditEntry]:
    with organization_scope(organization.pk):
        return list(AuditEntry.objects.order_by("id"))


def test_record_fact_writes_who_what_where_and_by_which_credential(
    organization: Organization,
) -> None:
    actor = make_actor(organization)
    fact = make_fact(
        organization,
        actor=actor,
        object_id="key_1",
        object_name="ci",
        before=None,
        after={"role": "user"},
    )

    with transaction.atomic():
        bus.publish(fact)

    (entry,) = trail(organization)
    assert entry.action == "keys.key.created"
    assert entry.actor == {"id": actor.principal, "name": actor.identity.name}
    assert entry.credential == {"kind": "key", "id": actor.credential.id}
    assert entry.object == {"id": "key_1", "name": "ci"}
    assert (entry.before, entry.after) == (None, {"role": "user"})
    assert (entry.address, entry.request_id) == ("192.0.2.1", "req_test")
    assert timezone.now() - entry.at < timedelta(seconds=10)
    assert (entry.sequence, entry.previous_hash, entry.hash) == (None, None, None)


def test_record_fact_without_an_actor_is_the_system_s(organization: Organization) -> None:
    entry = make_entry(organization, actor=None)

    assert entry.actor == {"id": "system", "name": "system"}
    assert entry.credential == {"kind": "system", "id": ""}


def test_record_fact_masks_secrets(organization: Organization) -> None:
    key = "ltb_" + "x" * 43

    entry = make_entry(
        organization,
        object_name=f"key {key}",
        before={"password": "old"},
        after={"password": "new", "note": key},
    )

    assert entry.object_name == "key ***"
    assert entry.before == {"password": "***"}
    assert entry.after == {"password": "***", "note": "***"}


def test_record_fact_goes_into_the_trail_of_the_organization_it_is_about(
    organization: Organization, other: Organization
) -> None:
    make_entry(other)

    assert trail(organization) == []
    assert len(trail(other)) == 1


def test_rolled_back_deed_leaves_no_entry(organization: Organization) -> None:
    with transaction.atomic():
        bus.publish(make_fact(organization))
        transaction.set_rollback(True)

    assert trail(organization) == []


def test_deed_fails_when_its_entry_cannot_be_written(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(rows, "insert", refuse)

    def rename() -> None:
        with transaction.atomic():
            Organization.objects.filter(pk=organization.pk).update(name="Changed")
            bus.publish(make_fact(organization))

    with pytest.raises(DatabaseError, match="disk full"):
        rename()

    organization.refresh_from_db()
    assert organization.name == "Acme"


def test_seal_pending_links_each_organization_s_rows_in_order(
    organization: Organization, other: Organization
) -> None:
    for place in (organization, other, organization, organization):
        make_entry(place)

    sealed = audit.seal_pending()

    first, second, third = trail(organization)
    (foreign,) = trail(other)
    assert sealed == 4
    assert [entry.sequence for entry in (first, second, third, foreign)] == [1, 2, 3, 1]
    assert first.previous_hash == foreign.previous_hash == GENESIS
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    head = AuditHead.objects.get()
    assert (head.sequence, head.hash) == (3, third.hash)


def test_seal_pending_goes_on_where_it_ended(organization: Organization) -> None:
    make_entry(organization)
    audit.seal_pending()
    make_entry(organization)

    sealed = audit.seal_pending()

    first, second = trail(organization)
    assert sealed == 1
    assert (second.sequence, second.previous_hash) == (2, first.hash)


def test_seal_pending_of_nothing_writes_nothing(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    make_entry(organization)
    audit.seal_pending()

    with django_assert_num_queries(1):
        assert audit.seal_pending() == 0


def test_seal_organization_goes_batch_by_batch(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SEAL_ROWS", 2)
    for _ in range(5):
        make_entry(organization)

    sealed = audit.seal_organization(organization_id=organization.pk)

    assert sealed == 5
    assert [entry.sequence for entry in trail(organization)] == [1, 2, 3, 4, 5]


def test_verify_trail_seals_and_finds_a_whole_chain(
    organization: Organization, other: Organization
) -> None:
    for place in (organization, other, organization):
        make_entry(place)

    report = audit.verify_trail(organization_id=organization.pk, name="acme")

    assert report == audit.Report("acme", 2, None)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "UPDATE events_auditentry SET actor_name = 'x' WHERE sequence = 2",
            (2, "its content is not what was sealed"),
        ),
        (
            "UPDATE events_auditentry SET at = '2020-01-01' WHERE sequence = 1",
            (1, "its content is not what was sealed"),
        ),
        ("DELETE FROM events_auditentry WHERE sequence = 2", (2, "entry 2 is missing")),
        (
            "DELETE FROM events_auditentry WHERE sequence = 3",
            (3, "the chain ends at 2, its head says 3"),
        ),
        ("DELETE FROM events_audithead", (4, "the chain ends at 3, its head says 0")),
    ],
)
def test_verify_trail_names_the_first_broken_link(
    organization: Organization, sql: str, expected: tuple[int, str]
) -> None:
    for _ in range(3):
        make_entry(organization)
    audit.seal_pending()
    tamper(sql)

    found = audit.verify_trail(organization_id=organization.pk).found

    assert found is not None
    assert (found.sequence, found.reason) == expected


def test_verify_trail_survives_the_numbers_and_letters_json_knows(
    organization: Organization,
) -> None:
    make_entry(
        organization,
        after={"half": 0.1, "big": 2**53, "text": "ü – “quoted” \\ \n", "none": None, "list": []},
    )
    audit.seal_pending()

    assert audit.verify_trail(organization_id=organization.pk).found is None


def test_verify_trails_covers_every_organization_or_the_one_named(
    organization: Organization, other: Organization
) -> None:
    make_entry(organization)
    make_entry(other)

    assert [report.organization for report in audit.verify_trails()] == ["acme", "other"]
    assert [report.organization for report in audit.verify_trails(slug="other")] == ["other"]
    assert audit.verify_trails(slug="nobody") == []


@pytest.mark.django_db(transaction=True)
def test_sealers_at_once_leave_one_whole_chain() -> None:
    organization = make_organization()
    for _ in range(20):
        make_entry(organization)
    errors: list[BaseException] = []

    def work(step: Any) -> None:
        try:
            for _ in range(5):
                step()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(audit.seal_pending,)) for _ in range(3)]
    threads.append(threading.Thread(target=work, args=(lambda: make_entry(organization),)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    report = audit.verify_trail(organization_id=organization.pk)
    assert errors == []
    assert report == audit.Report("", 25, None)


@pytest.mark.django_db(transaction=True)
def test_sealer_leaves_a_held_organization_to_whoever_is_at_it() -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("SQLite has one writer, so nobody can hold a row")
    organization = make_organization()
    make_entry(organization)
    audit.seal_pending()
    make_entry(organization)
    sealed: list[int] = []

    def seal() -> None:
        sealed.append(audit.seal_pending())
        connection.close()

    with unscoped(reason="a test holds the row"), transaction.atomic():
        AuditHead.objects.select_for_update().get()
        thread = threading.Thread(target=seal)
        thread.start()
        thread.join(10)

    assert sealed == [0]
    assert audit.seal_pending() == 1
