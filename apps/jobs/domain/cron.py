"""Cron expressions: five fields (minute, hour, day of month, month, day of week) or `@daily` and its like, in UTC.

UTC alone: an hour that a country skips or repeats once a year must neither lose nor double a run. With both days given,
either makes a day match, as in every cron.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.core.errors import Invalid

MOST_CHARACTERS = 200
FIELDS = 5
NICKNAMES = frozenset({"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"})  # fmt: skip
# Not the library's own H and R: a hash would need a seed, and chance another time at each look.
_FIELD = re.compile(r"(?:[0-9*,/#\-]|[a-z]{3}|l)+", re.IGNORECASE).fullmatch
_LEAP_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that `parse_cron` found good."""

    text: str

    def after(self, moment: datetime) -> datetime:
        """The first time it names that lies after this moment."""
        from croniter import croniter  # noqa: PLC0415 - only a process with such a rule pays for it

        found: datetime = croniter(self.text, moment.astimezone(UTC)).get_next(datetime)
        return found


def parse_cron(text: str, *, field: str = "cron") -> Cron:
    """The expression, or `Invalid` that names the field and says what is wrong with it."""
    words = text.split()
    if len(text) > MOST_CHARACTERS:
        raise Invalid.field(field, f"must have at most {MOST_CHARACTERS} characters", "length")
    if text.startswith("@"):
        if text not in NICKNAMES:
            raise Invalid.field(field, f"must be one of {', '.join(sorted(NICKNAMES))}", "cron")
        return Cron(text)
    if len(words) != FIELDS:
        names = "minute, hour, day of month, month and day of week"
        raise Invalid.field(field, f"must have five fields: {names}, in UTC", "cron")
    for word in words:
        if not _FIELD(word):
            raise Invalid.field(field, f"{word[:20]!r} is no field of a cron expression", "cron")
    return _tried(Cron(" ".join(words)), field)


def _tried(cron: Cron, field: str) -> Cron:
    """Only trying tells: the library finds values out of range when it reads, and 30 February when it looks for it."""
    from croniter import CroniterBadDateError, CroniterError  # noqa: PLC0415 - as above

    try:
        cron.after(_LEAP_YEAR)
    except CroniterBadDateError:
        raise Invalid.field(field, "names a day that never comes", "cron") from None
    except (CroniterError, ValueError) as error:
        reason = str(error).removeprefix(f"[{cron.text}] ").removeprefix("is not acceptable, ")
        raise Invalid.field(field, f"cannot be read: {reason}", "cron") from None
    return cron
