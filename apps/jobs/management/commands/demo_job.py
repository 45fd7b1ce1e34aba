"""Submit a job of the kind demo.sleep and watch it: `manage.py demo_job --seconds 20 --steps 5`."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import NotFound
from apps.core.tenancy import organization_scope
from apps.jobs.domain.kinds import kind_named
from apps.jobs.domain.states import FINAL
from apps.jobs.models import Job
from apps.jobs.services import queue
from apps.tenants.queries import organizations

LOOK_SECONDS = 0.2


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--organization", default="demo")
        parser.add_argument("--seconds", type=float, default=10.0)
        parser.add_argument("--steps", type=int, default=5)
        parser.add_argument("--fail", action="store_true", help="end it as failed")
        parser.add_argument("--crash", action="store_true", help="kill the process that runs it")
        parser.add_argument("--no-wait", action="store_true", help="print its id and leave")

    def handle(self, *args: Any, organization: str, no_wait: bool, **options: Any) -> None:
        try:
            owner = organizations.by_slug(organization)
        except NotFound as error:
            raise CommandError(error.message) from None
        kind = kind_named("demo.sleep")
        assert kind is not None
        try:
            payload = kind.payload.model_validate(
                {name: options[name] for name in ("seconds", "steps", "fail", "crash")}
            )
        except ValueError as error:
            raise CommandError(str(error)) from None
        job = queue.enqueue(kind, payload, organization_id=owner.pk)
        self.stdout.write(job.public_id)
        if not no_wait:
            self._watch(job, options["seconds"])

    def _watch(self, job: Job, seconds: float) -> None:
        until, said = monotonic() + 10 * seconds + 120, ""
        while monotonic() < until:
            with organization_scope(job.organization_id):
                job.refresh_from_db()
            line = f"{job.state:<10} {job.progress:5.1f} %  {job.message}".rstrip()
            if line != said:
                self.stdout.write(line)
                self.stdout.flush()
                said = line
            if job.state in FINAL:
                self.stdout.write(str(job.error or job.result or ""))
                return
            sleep(LOOK_SECONDS)
        raise CommandError("It has not ended; is a worker running?")
