"""Encrypt every stored secret under the first key of `SIGNALBOX_MASTER_KEY`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core import crypto


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        done = crypto.rotate_keys()
        self.stdout.write(f"{done.rotated} encrypted anew, {done.current} current already")
        if done.unreadable:
            raise CommandError(
                f"{done.unreadable} cannot be decrypted with any key given; put the missing key back into "
                "SIGNALBOX_MASTER_KEY and run this again"
            )
