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


REFUSE_FUNCTION = """
CREATE FUNCTION events_auditentry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'restrict_violation';
END $$
"""


def locking(vendor: str) -> tuple[str, ...]:
    """The statements that put the locks on."""
    is_seal = f"OLD.hash IS NULL AND NEW.hash IS NOT NULL AND {_is_same(vendor)}"
    kept = f"CREATE TRIGGER events_auditentry_kept BEFORE DELETE ON {TABLE}"
    unchanged = f"CREATE TRIGGER events_auditentry_unchanged BEFORE UPDATE ON {TABLE}"
    if vendor == "sqlite":
        return (
            f"{kept} BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END",
            f"{unchanged} WHEN NOT ({is_seal}) "  # noqa: ISC004 - one statement
            "BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END",
        )
    refuse = "FOR EACH ROW {} EXECUTE FUNCTION events_auditentry_refuse()"
    return (
        REFUSE_FUNCTION,
        f"{kept} {refuse.format('')}",
        f"{unchanged} {refuse.format(f'WHEN (NOT ({is_seal}))')}",
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


def _is_same(vendor: str) -> str:
    operator = "IS" if vendor == "sqlite" else "IS NOT DISTINCT FROM"
    return " AND ".join(f'NEW."{column}" {operator} OLD."{column}"' for column in COLUMNS)
