"""The charts of usage: calls, cost, tokens, errors, how long calls took. One line, or one for each of the largest groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.console.charts import Series, Value, chart
from apps.console.figures import count, milliseconds, money
from apps.providers.domain.budgets import to_dollars
from apps.providers.domain.usage_table import UsageRow, regroup

MOST_LINES = 4
"""As many as differ by their dashes; of more groups the smallest are one line."""
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
KEYS = {"hour": "%Y-%m-%dT%H:00:00Z", "day": "%Y-%m-%d"}
FORMATS = {"hour": "%Y-%m-%d %H:%M", "day": "%Y-%m-%d"}
Figure = Callable[[UsageRow], Value]
Lines = Sequence[tuple[str, Sequence[UsageRow | None]]]


@dataclass(frozen=True, slots=True)
class Picture:
    """The time that is shown, in steps of an hour or a day, and what lines stand for: `group`, or all together."""

    step: str
    begins: datetime
    ends: datetime
    window: str
    group: str = ""

    @property
    def times(self) -> list[datetime]:
        return list(self._times())

    def _times(self) -> Iterator[datetime]:
        at = self.begins.astimezone(UTC)
        if self.step == "day":
            at = at.replace(hour=0)
        while at < self.ends:
            yield at
            at += STEPS[self.step]

    def filled(self, rows: Sequence[UsageRow]) -> list[UsageRow | None]:
        """One for each moment, None where nothing was called."""
        by_time = {row.group[self.step]: row for row in rows}
        return [by_time.get(at.strftime(KEYS[self.step])) for at in self._times()]


def usage_charts(rows: Sequence[UsageRow], picture: Picture) -> list[dict[str, Any]]:
    lines = _lines(rows, picture)
    return [
        _chart(picture, _("Calls"), _("calls"), _each(lines, _counted("requests")), _whole),
        _chart(picture, _("Cost"), "$", _each(lines, _cost), _money),
        _chart(picture, _("Tokens"), _("tokens"), _tokens(lines), _whole),
        _chart(picture, _("Errors"), _("calls"), _errors(lines), _whole),
        _chart(picture, _times_title(lines, _("Duration")), "ms", _durations(lines), _length),
        _chart(picture, _times_title(lines, _("First token")), "ms", _first_tokens(lines), _length),
    ]


def _lines(rows: Sequence[UsageRow], picture: Picture) -> Lines:
    if not picture.group:
        return [(_("All"), picture.filled(regroup(rows, [picture.step])))]
    sizes = sorted(
        regroup(rows, [picture.group]), key=lambda row: (-row.requests, row.group[picture.group])
    )
    shown = sizes if len(sizes) <= MOST_LINES else sizes[: MOST_LINES - 1]
    names = [row.group[picture.group] for row in shown]
    lines = [
        (_label(size), _of(picture, [row for row in rows if row.group[picture.group] == name]))
        for size, name in zip(shown, names, strict=True)
    ]
    if len(shown) < len(sizes):
        others = [row for row in rows if row.group[picture.group] not in names]
        label = _("%(count)d others") % {"count": len(sizes) - len(shown)}
        lines.append((label, _of(picture, others)))
    return lines


def _of(picture: Picture, rows: Sequence[UsageRow]) -> list[UsageRow | None]:
    return picture.filled(regroup(rows, [picture.step]))


def _label(row: UsageRow) -> str:
    return row.group.get("key_name") or next(iter(row.group.values())) or _("none")


def _chart(
    picture: Picture, title: str, unit: str, series: list[Series], text: Callable[[Any], str]
) -> dict[str, Any]:
    return chart(
        title=title,
        unit=unit,
        window=picture.window,
        times=picture.times,
        series=series,
        time_format=FORMATS[picture.step],
        text=text,
    )


def _each(lines: Lines, figure: Figure, *, nothing: Value = 0) -> list[Series]:
    return [
        Series(label, [nothing if row is None else figure(row) for row in rows])
        for label, rows in lines
    ]


def _counted(*names: str) -> Figure:
    return lambda row: sum(int(getattr(row, name)) for name in names)


def _cost(row: UsageRow) -> float:
    return float(to_dollars(row.cost_nano))


def _tokens(lines: Lines) -> list[Series]:
    if len(lines) > 1:
        return _each(lines, _counted("prompt_tokens", "completion_tokens"))
    parts = {_("In"): "prompt_tokens", _("Out"): "completion_tokens"}
    return [
        Series(label, one.values)
        for label, name in parts.items()
        for one in _each(lines, _counted(name))
    ]


def _errors(lines: Lines) -> list[Series]:
    series = _each(lines, _counted("errors"))
    if len(lines) > 1:
        return series
    return [Series(_("Errors"), series[0].values, state="danger")]


def _durations(lines: Lines) -> list[Series]:
    return _quantiles(lines, lambda row: row.duration_ms)


def _first_tokens(lines: Lines) -> list[Series]:
    return _quantiles(lines, lambda row: row.first_token_ms)


def _quantiles(
    lines: Lines, figures: Callable[[UsageRow], dict[str, float | None]]
) -> list[Series]:
    """p50, p95 and p99 of one line; of several, the p95 of each."""
    if len(lines) > 1:
        return _each(lines, lambda row: figures(row)["p95"], nothing=None)
    found = [None if row is None else figures(row) for row in lines[0][1]]
    return [
        Series(share, [None if each is None else each[share] for each in found])
        for share in ("p50", "p95", "p99")
    ]


def _times_title(lines: Lines, title: str) -> str:
    return f"{title}, p95" if len(lines) > 1 else title


def _whole(value: int) -> str:
    return count(value)


def _money(value: float) -> str:
    return money(Decimal(repr(value)))


def _length(value: float) -> str:
    return milliseconds(value)
