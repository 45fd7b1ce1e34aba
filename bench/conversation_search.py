"""Search over 100,000 messages, on SQLite and on PostgreSQL: `python -m bench.conversation_search [sqlite|postgres]`.

Half of the messages are the searcher's own, in 500 conversations, half a colleague's. Prints the median and the worst
of 20 for words of every frequency.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

MESSAGES = 100_000
EACH = 100
ROUNDS = 20
QUERIES = {
    "in every message": "common",
    "in every tenth": "often",
    "in every hundredth": "some",
    "in ten messages": "rare",
    "in none": "absent",
    "two words": "often some",
    "a phrase": '"common word"',
    "the beginning of a word": "com",
    "two letters": "co",
    "a colleague's alone": "theirs",
}


def main(stack: str) -> None:
    folder = Path(tempfile.mkdtemp())
    server = None
    os.environ["SIGNALBOX_DATA_DIR"] = str(folder)
    if stack == "postgres":
        from tests.rig.postgres import Postgres

        server = Postgres(folder / "postgres")
        server_url = server.url("postgres")
        os.environ["DATABASE_URL"] = server_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    try:
        _measure(stack)
    finally:
        if server is not None:
            server.close()


def _measure(stack: str) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    actor = _fill()
    from apps.conversations.queries.search import search_conversations
    from apps.core.tenancy import organization_scope

    with organization_scope(actor.organization_id):
        for name, text in QUERIES.items():
            times = []
            for _ in range(ROUNDS):
                started = perf_counter()
                page = search_conversations(actor=actor, text=text)
                times.append((perf_counter() - started) * 1000)
            total = page.meta["total"]
            print(
                f"{stack:9} {name:26} {statistics.median(times):7.1f} ms median "
                f"{max(times):7.1f} ms worst  {total:4} conversations"
            )


def _fill():
    from django.db import connection

    from apps.conversations.models import Message
    from apps.core.tenancy import organization_scope
    from tests.factories.branches import make_conversation_of
    from tests.factories.tenants import actor_of, make_member, make_organization

    organization = make_organization()
    actor, colleague = (actor_of(make_member(organization)) for _ in range(2))
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "bdfgklmnprstvwz"]
    started = perf_counter()
    with organization_scope(actor.organization_id):
        for number in range(MESSAGES // EACH):
            owner = (actor, colleague)[number % 2]
            talk = make_conversation_of(owner, title=" ".join(random.choices(words, k=5)))
            rows = [
                Message(
                    organization_id=actor.organization_id,
                    conversation=talk,
                    role="user",
                    content=_text(words, number * EACH + index, is_mine=owner is actor),
                )
                for index in range(EACH)
            ]
            Message.objects.bulk_create(rows)
    print(f"{MESSAGES} messages kept in {perf_counter() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return actor


def _text(words: list[str], number: int, *, is_mine: bool) -> str:
    text = ["common", "word", *random.choices(words, k=80)]
    text += ["often"] * (number % 10 == 0) + ["some"] * (number % 100 == 0)
    text += ["rare"] * (number % (MESSAGES // 10) == 0) + ["theirs"] * (not is_mine)
    return " ".join(text)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "sqlite")
