"""`manage.py list_api_keys`: every key, without its secret."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from apps.core.commands import HouseCommand
from apps.keys.models import ApiKey
from apps.keys.queries import directory

HEADINGS = ("ID", "KEY", "STATE", "ROLE", "ORGANIZATION", "OWNER", "LAST USED", "EXPIRES", "NAME")


class Command(HouseCommand):
    help = "List the API keys of every organisation, or of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", metavar="SLUG")

    def handle(self, *args: Any, organization: str | None = None, **options: Any) -> None:
        slug = directory.only_organization(organization) if organization else None
        rows = [HEADINGS, *(_row(key) for key in directory.all_keys(organization=slug))]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _row(key: ApiKey) -> tuple[str, ...]:
    owner = key.user.email if key.user else str(key.service_account)
    return (
        key.public_id,
        f"{key.prefix}…{key.hint}",
        key.state,
        key.role,
        key.organization.slug,
        owner,
        _moment(key.last_used_at),
        _moment(key.expires_at),
        key.name,
    )


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
