"""`manage.py generate_api_key`: a key for a member. The key alone is the last line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.core.actor import Role
from apps.core.commands import HouseCommand
from apps.core.tenancy import organization_scope
from apps.keys.domain.durations import parse_duration
from apps.keys.queries import directory
from apps.keys.services import keys

ROLES = {**{role.value: role for role in Role}, "read-write": Role.USER}


class Command(HouseCommand):
    help = (
        "Make an API key for a member; the key alone is the last line, and it is shown this once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--organization", metavar="SLUG", help="may be left out when there is only one"
        )
        parser.add_argument(
            "--user", metavar="EMAIL", help="or its local part; the first administrator otherwise"
        )
        parser.add_argument("--role", choices=list(ROLES), default=Role.USER.value)
        parser.add_argument("--name", default="made on the command line")
        parser.add_argument("--prefix")
        parser.add_argument("--expires", type=_duration, metavar="90d", help="never when left out")
        parser.add_argument(
            "--limit",
            type=_limit,
            action="extend",
            nargs="+",
            default=[],
            metavar="CLASS=RATE",
            help="such as default=100/m; all= sets every class",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        expires: timedelta | None = options["expires"]
        member = directory.find_member(organization=options["organization"], user=options["user"])
        with organization_scope(member.organization_id):
            issued = keys.issue_key(
                actor=directory.command_actor(member.organization),
                owner_id=member.user.public_id,
                name=options["name"],
                role=ROLES[options["role"]],
                prefix=options["prefix"],
                expires_at=timezone.now() + expires if expires else None,
                limits=dict(options["limit"]),
            )
        key = issued.key
        self.stdout.write(
            f"{key.public_id}: {key.role} key {key.name!r} of {member.user.email} in {member.organization.slug}"
        )
        self.stdout.write(issued.secret)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _limit(text: str) -> tuple[str, str]:
    name, equals, rate = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"{text[:40]!r} is not CLASS=RATE, such as default=100/m")
    return name, rate
