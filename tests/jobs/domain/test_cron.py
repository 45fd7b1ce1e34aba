from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from apps.core.errors import Invalid
from apps.jobs.domain.cron import parse_cron

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("0 3 * * *", datetime(2026, 3, 2, 3, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 3, 1, 12, 5, tzinfo=UTC)),
        ("30 6 * * mon-fri", datetime(2026, 3, 2, 6, 30, tzinfo=UTC)),
        ("0 0 l * *", datetime(2026, 3, 31, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 10 * wed", datetime(2026, 3, 4, tzinfo=UTC)),  # either day matches
        ("@weekly", datetime(2026, 3, 8, tzinfo=UTC)),
        ("  0   3 * *  * ", datetime(2026, 3, 2, 3, tzinfo=UTC)),
    ],
)
def test_after_names_the_next_time(text: str, then: datetime) -> None:
    assert parse_cron(text).after(NOON) == then


def test_after_reads_hours_in_utc_wherever_the_moment_comes_from() -> None:
    in_paris = NOON.astimezone(timezone(timedelta(hours=2)))

    assert parse_cron("0 3 * * *").after(in_paris) == datetime(2026, 3, 2, 3, tzinfo=UTC)


def test_after_lies_ahead_of_a_time_that_matches() -> None:
    assert parse_cron("0 * * * *").after(NOON) == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "message", "kind"),
    [
        (
            "* * * * * *",
            "must have five fields: minute, hour, day of month, month and day of week, in UTC",
            "cron",
        ),
        (
            "",
            "must have five fields: minute, hour, day of month, month and day of week, in UTC",
            "cron",
        ),
        (
            "@reboot",
            "must be one of @annually, @daily, @hourly, @midnight, @monthly, @weekly, @yearly",
            "cron",
        ),
        ("61 * * * *", "cannot be read: out of range", "cron"),
        ("*/0 * * * *", "cannot be read: step '0' in field 0 is not acceptable", "cron"),
        ("0 0 30 2 *", "names a day that never comes", "cron"),
        ("H * * * *", "'H' is no field of a cron expression", "cron"),
        ("R * * * *", "'R' is no field of a cron expression", "cron"),
        ("\u0663 0 * * *", "'\u0663' is no field of a cron expression", "cron"),
        ("0" * 201, "must have at most 200 characters", "length"),
    ],
)
def test_parse_cron_says_what_is_wrong_and_where(text: str, message: str, kind: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_cron(text, field="schedule.cron")

    (wrong,) = caught.value.fields
    assert (wrong.field, wrong.message, wrong.type) == ("schedule.cron", message, kind)
