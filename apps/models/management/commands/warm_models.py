"""`manage.py warm_models`: the running server loads these models now, not with their first prediction."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from apps.core.commands import HouseCommand
from apps.core.tenancy import organization_scope
from apps.keys.queries import directory
from apps.models.services.warm_calls import Asked, warm_models
from apps.tenants.queries import organizations

SECONDS = 30.0


class Command(HouseCommand):
    help = (
        "Have the running server load the versions in production of these models, and wait for it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--models", required=True, metavar="A,B", help="names, or ids")
        parser.add_argument(
            "--organization", metavar="SLUG", help="may be left out when there is only one"
        )
        parser.add_argument(
            "--seconds", type=float, default=SECONDS, help="how long to wait for an answer"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = [name.strip() for name in options["models"].split(",") if name.strip()]
        slug = directory.only_organization(options["organization"])
        organization = organizations.by_slug(slug)
        with organization_scope(organization.pk):
            asked = warm_models(
                actor=directory.command_actor(organization),
                names=names,
                seconds=options["seconds"],
            )
        for one in asked:
            self.stdout.write(f"{one.version.model.name} {one.version.label}: {_said(one)}")
        if any(one.failed or not one.loaded for one in asked):
            raise CommandError("Not every model is loaded.")


def _said(one: Asked) -> str:
    if not one.loaded and not one.failed:
        return "nobody answered; is a server running?"
    parts = [f"loaded by {_processes(one.loaded)}"] if one.loaded else []
    if one.failed:
        parts.append(f"{_processes(one.failed)} could not load it; the log says why")
    return ", ".join(parts)


def _processes(count: int) -> str:
    return "a server process" if count == 1 else f"{count} server processes or more"
