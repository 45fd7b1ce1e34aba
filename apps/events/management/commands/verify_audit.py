"""Walk the hash chain of the audit trail."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand
from apps.events.services import audit


class Command(HouseCommand):
    help = "Check the audit trail's hash chain; fails at the first link that does not hold."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--organization", metavar="SLUG", help="only this one; all when left out"
        )

    def handle(self, *args: Any, organization: str | None = None, **options: Any) -> None:
        reports = audit.verify_trails(slug=organization)
        if organization and not reports:
            raise CommandError(f"no organization {organization!r} has an audit trail")
        for report in reports:
            if report.found is None:
                self.stdout.write(f"{report.organization}: {report.entries} entries, chain holds")
                continue
            self.stderr.write(
                f"{report.organization}: broken at {report.found.sequence}"
                f" ({report.found.entry or 'head'}): {report.found.reason}"
            )
            raise CommandError("the audit trail does not hold")
