"""`manage.py revoke_api_key`: end a key at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from apps.core.commands import HouseCommand
from apps.core.tenancy import organization_scope
from apps.keys.queries import directory
from apps.keys.services import keys


class Command(HouseCommand):
    help = "Revoke an API key, in this process at once and in the others within a second."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--key-id", required=True, metavar="ID", help="as list_api_keys says")

    def handle(self, *args: Any, key_id: str, **options: Any) -> None:
        organization = directory.organization_of_key(key_id)
        with organization_scope(organization.pk):
            key = keys.revoke_key(actor=directory.command_actor(organization), key_id=key_id)
        self.stdout.write(f"{key.public_id}: {key.name!r} is revoked")
