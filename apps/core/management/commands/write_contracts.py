"""Write the committed contracts (`openapi.json`, `schema.graphql`, `docs/permissions.md`); `--check` only compares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from apps.core.actor import Role
from apps.core.permissions import all_grants


def openapi_text() -> str:
    from drf_spectacular.generators import SchemaGenerator  # noqa: PLC0415 - heavy, and only needed here

    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # not theirs
    return json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n"


def graphql_text() -> str:
    return f"{import_string(settings.GRAPHENE['SCHEMA'])}".strip() + "\n"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="fail when a file is out of date")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        for path, text in contracts().items():
            if path.exists() and path.read_text() == text:
                continue
            if check:
                raise CommandError(f"{path.name} is out of date; run: manage.py write_contracts")
            path.write_text(text)
            self.stdout.write(f"wrote {path.name}")


def permissions_text() -> str:
    """The role table, as `docs/permissions.md` shows it."""
    roles = list(Role)
    lines = [
        "# Permissions",
        "",
        "Generated from the code by `manage.py write_contracts`; do not edit. The `approver` grant stands beside the",
        "role. A key carries a subset of what its owner may do, at each use.",
        "",
        f"| permission | {' | '.join(roles)} | what it allows |",
        f"|---|{'---|' * len(roles)}---|",
    ]
    for grant in all_grants():
        marks = [
            "approver" if grant.needs_approver else "yes" if role in grant.roles else ""
            for role in roles
        ]
        lines.append(f"| `{grant.permission}` | {' | '.join(marks)} | {grant.doc} |")
    return "\n".join(lines) + "\n"


def contracts() -> dict[Path, str]:
    openapi: Path = settings.SIGNALBOX_OPENAPI_FILE
    return {
        openapi: openapi_text(),
        openapi.with_name("schema.graphql"): graphql_text(),
        openapi.parent / "docs" / "permissions.md": permissions_text(),
    }
