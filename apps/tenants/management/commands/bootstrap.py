"""`manage.py bootstrap`: the first organisation and person."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from apps.core import json
from apps.core.actor import Role
from apps.core.commands import HouseCommand
from apps.tenants.domain.roles import PEOPLE_ROLES
from apps.tenants.services import bootstrap


class Command(HouseCommand):
    help = "Create an organisation and a person in it, as far as they are missing; prints one JSON line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", required=True)
        parser.add_argument("--role", choices=PEOPLE_ROLES, default=Role.ADMIN.value)
        parser.add_argument("--approver", action="store_true", help="may decide on approvals")
        parser.add_argument(
            "--staff", action="store_true", help="is the operator, who may open /admin/"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        done = bootstrap.bootstrap(
            organization=options["organization"],
            email=options["email"],
            password=options["password"],
            role=Role(options["role"]),
            is_approver=options["approver"],
            is_staff=options["staff"],
        )
        line = {
            "organization": done.organization.slug,
            "user": done.user.email,
            "role": done.membership.role,
        }
        self.stdout.write(json.dumps(line).decode())
