"""Start the house, made ready first: `manage.py up --port …`, which is what `make up` runs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from apps.core.errors import AppError
from apps.core.system.health import is_behind
from config.demo import add_churn_model, add_local_model, create_demo
from config.management.commands import serve


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--port", type=int, default=settings.SIGNALBOX_PORT)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        config = serve.configure(port=port)
        # The port first: what fails on it has changed nothing, and of two that start at once one goes on.
        bound = serve.bind(config)
        migrate()
        demo = create_demo()
        if demo is None and add_local_model():
            self.stdout.write("The local model is there now: the route smollm2 answers by it.")
        self._add_churn_model(is_new=demo is not None)
        for line in [f"URL {serve.public_url(config, bound)}", *(demo.lines() if demo else [])]:
            self.stdout.write(line)
        self.stdout.flush()
        connection.close()
        serve.serve(config, bound)

    def _add_churn_model(self, *, is_new: bool) -> None:
        """A house without it is a house all the same; the next start tries again."""
        try:
            is_added = add_churn_model()
        except AppError as error:
            self.stderr.write(f"churn-predictor is missing: {error.message}")
            return
        if is_added and not is_new:
            self.stdout.write("A model that predicts is there now: churn-predictor.")


def migrate() -> None:
    """Bring the database up to date; looking whether it is takes a fraction of what migrating nothing does."""
    settings.SIGNALBOX_DATA_DIR.mkdir(parents=True, exist_ok=True)
    if is_behind():
        call_command("migrate", verbosity=0, interactive=False)
