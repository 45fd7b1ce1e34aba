"""The trail only grows: the model says so, and the database says so to everybody else."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError, QuerySet
from django.utils import timezone

from apps.core.tenancy import unscoped
from apps.events.domain import triggers
from apps.events.models import AppendOnly, AuditEntry, seal_entries
from apps.tenants.models import Organization
from tests.factories.events import make_entry
from tests.factories.tenants import make_organization

pytestmark = pytest.mark.integration


def run(sql: str, *params: object) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def test_save_of_an_existing_entry_raises(organization: Organization) -> None:
    entry = make_entry(organization)
    entry.action = "other.deed.done"

    with pytest.raises(AppendOnly):
        entry.save()

    entry.refresh_from_db()
    assert entry.action == "keys.key.created"


def test_delete_of_an_entry_raises(organization: Organization) -> None:
    entry = make_entry(organization)

    with pytest.raises(AppendOnly):
        entry.delete()

    assert AuditEntry.objects.count() == 1


def test_queryset_refuses_every_change(organization: Organization) -> None:
    entry = make_entry(organization)

    with pytest.raises(AppendOnly):
        AuditEntry.objects.update(action="x")
    with pytest.raises(AppendOnly):
        AuditEntry.objects.filter(pk=entry.pk).delete()
    with pytest.raises(AppendOnly):
        AuditEntry.objects.bulk_update([entry], ["action"])


def test_database_refuses_a_delete(organization: Organization) -> None:
    make_entry(organization)

    with pytest.raises(DatabaseError, match="audit entries are"):
        run("DELETE FROM events_auditentry")

    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("column", ["action", "actor_name", "request_id"])
def test_database_refuses_a_change(organization: Organization, column: str) -> None:
    make_entry(organization)

    with pytest.raises(DatabaseError, match="audit entries are"):
        run(f"UPDATE events_auditentry SET {column} = 'x'")


def test_database_refuses_a_change_made_under_the_cover_of_sealing(
    organization: Organization,
) -> None:
    make_entry(organization)

    with pytest.raises(DatabaseError, match="audit entries are"):
        run(
            "UPDATE events_auditentry SET sequence = 1, previous_hash = '0', hash = '1', action = 'x'"
        )


def test_database_takes_a_seal_once(organization: Organization) -> None:
    make_entry(organization)

    sealed = run("UPDATE events_auditentry SET sequence = 1, previous_hash = '0', hash = '1'")

    assert sealed == 1
    with pytest.raises(DatabaseError, match="audit entries are"):
        run("UPDATE events_auditentry SET sequence = 2, previous_hash = '0', hash = '2'")


def test_locks_cover_every_column_but_the_seal() -> None:
    columns = {field.column for field in AuditEntry._meta.concrete_fields}

    assert columns == {*triggers.COLUMNS, "sequence", "previous_hash", "hash"}


def test_an_organization_with_a_trail_cannot_be_deleted(organization: Organization) -> None:
    make_entry(organization)

    with pytest.raises(ProtectedError):
        organization.delete()


def test_seal_leaves_a_sealed_entry_alone(organization: Organization) -> None:
    entry = make_entry(organization)
    entry.sequence, entry.previous_hash, entry.hash = 1, "a", "b"
    seal_entries([entry])
    entry.sequence, entry.previous_hash, entry.hash = 2, "c", "d"

    seal_entries([entry])

    entry.refresh_from_db()
    assert (entry.sequence, entry.previous_hash, entry.hash) == (1, "a", "b")


def test_a_seal_is_whole_or_not_at_all(organization: Organization) -> None:
    entry = AuditEntry(
        organization=organization,
        action="a.b.c",
        credential_kind="system",
        at=timezone.now(),
        sequence=1,
    )

    with pytest.raises(DatabaseError, match="events_auditentry_sealed_whole"), transaction.atomic():
        entry.save()


def test_base_manager_meets_the_database_s_lock(organization: Organization) -> None:
    make_entry(organization)

    with pytest.raises(DatabaseError, match="audit entries are"), transaction.atomic():
        QuerySet.update(AuditEntry._base_manager.all(), action="x")


@pytest.mark.django_db(transaction=True)
def test_flush_empties_the_trail_and_locks_it_again() -> None:
    make_entry(make_organization())

    call_command("flush", interactive=False, verbosity=0)

    with unscoped(reason="a test counts every row"):
        assert AuditEntry.objects.count() == 0
    make_entry(make_organization())
    with pytest.raises(DatabaseError, match="audit entries are"):
        run("DELETE FROM events_auditentry")


def test_str_names_the_deed_and_its_object(organization: Organization) -> None:
    entry = make_entry(organization)

    assert str(entry) == f"keys.key.created {entry.object_name}"
