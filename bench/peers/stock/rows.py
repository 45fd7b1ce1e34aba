"""The database of this peer: tables, one person and as many keys as ours has. Run before it is served."""

from __future__ import annotations

import os

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command


def lay_out() -> None:
    from bench.peers.stock.models import ApiKey, Organization

    call_command("migrate", run_syncdb=True, verbosity=0)
    organization = Organization.objects.create(name="Bench")
    user = get_user_model().objects.create_user(
        username=os.environ["BENCH_EMAIL"],
        email=os.environ["BENCH_EMAIL"],
        password=os.environ["BENCH_PASSWORD"],
    )
    ApiKey.objects.bulk_create(
        ApiKey(
            organization=organization,
            user=user,
            name=f"Key {number}",
            prefix="ltb_",
            hint=f"{number:04}",
            role="viewer",
        )
        for number in range(int(os.environ["BENCH_ROWS"]))
    )


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.stock.settings"
    django.setup()
    lay_out()
