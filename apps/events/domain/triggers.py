"""The audit trail's locks, in SQL: no DELETE, and no UPDATE but the one that seals a row.

A later schema change on SQLite rebuilds the table and loses them: such a migration ends with `locking` again.
TRUNCATE passes (it fires no row trigger); it is for who owns the database.
"""

from __future__ import annotations

TABLE = "events_auditentry"
COLUMNS = (
    "id",
    "organization_id",
    "public_id",
    "action",
    "actor_id",
    "actor_name",
    "credential_kind",
    "credential_id",
    "address",
    "request_id",
    "object_id",
    "object_name",
    "before",
    "after",
    "at",
)
"""What a seal may not touch; a test compares them with the model."""


def locking(vendor: str) -> tuple[str, ...]:
    """The statements that put the locks on."""
    if vendor == "sqlite":
        same = " AND ".join(f'NEW."{column}" IS OLD."{column}"' for column in COLUMNS)
        return (
            f"CREATE TRIGGER events_auditentry_kept BEFORE DELETE ON {TABLE} "
            "BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END",
            f"CREATE TRIGGER events_auditentry_unchanged BEFORE UPDATE ON {TABLE} "
            f"WHEN NOT (OLD.hash IS NULL AND NEW.hash IS NOT NULL AND {same}) "
            "BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END",
        )
    same = " AND ".join(f'NEW."{column}" IS NOT DISTINCT FROM OLD."{column}"' for column in COLUMNS)
    return (
        "CREATE FUNCTION events_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE TRIGGER events_auditentry_kept BEFORE DELETE ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION events_auditentry_refuse()",
        f"CREATE TRIGGER events_auditentry_unchanged BEFORE UPDATE ON {TABLE} FOR EACH ROW "
        f"WHEN (NOT (OLD.hash IS NULL AND NEW.hash IS NOT NULL AND {same})) "
        "EXECUTE FUNCTION events_auditentry_refuse()",
    )


def lifting(vendor: str) -> tuple[str, ...]:
    """The statements that take them off, for `flush`, which empties a whole database by its owner's order."""
    if vendor == "sqlite":
        return ("DROP TRIGGER events_auditentry_kept", "DROP TRIGGER events_auditentry_unchanged")
    return (
        f"DROP TRIGGER events_auditentry_kept ON {TABLE}",
        f"DROP TRIGGER events_auditentry_unchanged ON {TABLE}",
        "DROP FUNCTION events_auditentry_refuse()",
    )
