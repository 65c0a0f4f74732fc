# SPDX-License-Identifier: Apache-2.0
"""The watch of one day: gather, order, save."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.watch._alert import LEVELS, Alert, at_or_over, ordered
from oreserve.watch._calendar import calendar_text, dates_frame
from oreserve.watch._changes import (
    SCHEMA,
    change_alerts,
    changes_between,
    changes_since,
)
from oreserve.watch._days import looks_like_a_date, read_day
from oreserve.watch._home import home_of
from oreserve.watch._indicators import indicator_alerts, readings, readings_frame
from oreserve.watch._measures import measure_alerts, measures_on
from oreserve.watch._plan import PlanView, read_plan
from oreserve.watch._programme import agreement_alerts, project_alerts, score_alerts
from oreserve.watch._quotes import observation_alerts, price_alerts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oreserve.study import Study
    from oreserve.watch._home import Home
    from oreserve.watch._indicators import Reading
    from oreserve.watch._measures import Measure

__all__ = ["Lines", "Watch", "watch"]

FORMAT = "oreserve-watch/1"


@dataclass(frozen=True)
class Lines:
    """The lines that an alert needs to cross; all may be set.

    Parameters
    ----------
    hhi, top_share, import_reliance
        0-1: above it an item is over the line. 0.65 is the EU's benchmark for one
        country outside it (CRM Act, 2024).
    price_low, price_high
        Newest price / base price of home: the band.
    price_alarm
        The same ratio from which it is an alarm.
    price_split
        Outside / inside price from which the market is called split.
    sigmas, least_points
        A series outside mean +- sigmas standard deviations, given so many earlier
        values.
    step
        Change of a series from one value to the next, as a share of the first.
    """

    hhi: float = 0.4
    top_share: float = 0.65
    import_reliance: float = 0.65
    price_low: float = 0.5
    price_high: float = 2.0
    price_alarm: float = 3.0
    price_split: float = 2.0
    sigmas: float = 3.0
    least_points: int = 6
    step: float = 0.5

    def __post_init__(self) -> None:
        """Refuse lines that could never, or always, be crossed."""
        for name, value in asdict(self).items():
            if not math.isfinite(value):
                message = f"lines: {name} is {value}; allowed are finite numbers"
                raise InputError(message)
        for name in ("hhi", "top_share", "import_reliance"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                message = f"lines: {name} is {value:g}; allowed is 0 to 1"
                raise InputError(message)
        if not 0 <= self.price_low < self.price_high <= self.price_alarm:
            message = (
                f"lines: price_low {self.price_low:g}, price_high "
                f"{self.price_high:g}, price_alarm {self.price_alarm:g}; allowed is "
                "0 <= low < high <= alarm"
            )
            raise InputError(message)
        for name in ("price_split", "sigmas", "step"):
            if not getattr(self, name) > 0:
                message = f"lines: {name} is {getattr(self, name):g}; allowed is over 0"
                raise InputError(message)


@dataclass(frozen=True)
class Watch:
    """What to know on a day; frozen.

    Parameters
    ----------
    alerts
        Highest level first, then what comes next, then the larger exposure.
    figures
        The head of watch.json: study, home, on, since, lines, counts by level.
    frames
        alerts, exposure (alert x item), changes, dates, indicators, sources.
    """

    alerts: tuple[Alert, ...]
    figures: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    def __getattr__(self, name: str) -> pl.DataFrame:
        """Return a table as an attribute: ``watch.changes``."""
        frames = self.__dict__.get("frames", {})
        if name in frames:
            frame: pl.DataFrame = frames[name]
            return frame
        message = f"a watch has no {name!r}; its tables are {', '.join(sorted(frames))}"
        raise AttributeError(message)

    def at_or_over(self, level: str) -> tuple[Alert, ...]:
        """Return the alerts of a level or above."""
        at_or_over(LEVELS[0], level)  # an unknown word is refused without alerts too
        return tuple(a for a in self.alerts if at_or_over(a.level, level))

    def as_dict(self) -> dict[str, Any]:
        """Return the contents of watch.json."""
        return {
            **self.figures,
            "alerts": [alert.as_dict() for alert in self.alerts],
            "dates": [
                {**row, "date": row["date"].isoformat()}
                for row in self.frames["dates"].iter_rows(named=True)
            ],
        }

    def calendar(self) -> str:
        """Return the dates to come as an iCalendar file."""
        on = date.fromisoformat(self.figures["on"])
        return calendar_text(
            self.frames["dates"], on=on, name=f"Oreserve: {self.figures['study']}"
        )

    def save(self, folder: str | Path) -> Path:
        """Write watch.json, the tables, calendar.ics and watch.html.

        A new folder appears whole or not at all; in one that is there already each
        file is replaced whole.
        """
        from oreserve.watch._page import render_page

        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            made.chmod(0o755)
            for name, frame in sorted(self.frames.items()):
                frame.write_csv(made / f"{name}.csv")
            text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False)
            (made / "watch.json").write_text(text + "\n", encoding="utf-8")
            (made / "calendar.ics").write_bytes(self.calendar().encode())
            (made / "watch.html").write_text(render_page(self), encoding="utf-8")
            if not folder.exists():
                made.rename(folder)
                return folder
            for file in sorted(made.iterdir()):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return folder

    def summary(self) -> str:
        """Return the counts and the alarms and warnings, one line each."""
        counts = self.figures["counts"]
        told = ", ".join(f"{counts[level]} {level}" for level in reversed(LEVELS))
        lines = [f"{self.figures['study']} on {self.figures['on']}: {told}"]
        for alert in self.at_or_over("warning"):
            share = alert.share_of_use
            stake = "" if share is None else f"; up to {100 * share:.0f} % of use"
            lines.append(f"  {alert.level:<8} {alert.what}{stake}")
        rest = len(self.alerts) - len(lines) + 1
        if rest:
            lines.append(f"  and {rest} of lower levels")
        return "\n".join(lines)


def watch(
    study: Study,
    *,
    on: date | str,
    since: Study | date | str | Path | None = None,
    within_days: int = 90,
    lines: Lines | None = None,
    plan: str | Path | None = None,
    seen: Mapping[str, date] | None = None,
) -> Watch:
    """Return what a person should know about a study on a day.

    Parameters
    ----------
    study
        The study of today.
    on
        The day: a date or YYYY-MM-DD.
    since
        An earlier version of the study (a `Study`, a bundled name, a folder), or a
        day not after `on`: what has happened since then.
    within_days
        How far ahead dates count, days, at least 0.
    lines
        The thresholds.
    plan
        Folder of a finished plan; alerts then say what it does about their items.
    seen
        By alert id, the day on which an earlier watch first had it.

    Returns
    -------
    Watch
        Alerts, tables, `.save(folder)`, `.summary()`.

    Raises
    ------
    InputError
        If a date is none, `since` is unknown or later, or the plan is no plan.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> found = watch(load_study("tiny"), on="2026-11-22")
    >>> found.alerts[0].level
    'warning'
    """
    day = read_day(on, "on")
    if within_days < 0:
        message = f"within_days is {within_days}; allowed is 0 or more"
        raise InputError(message)
    chosen = lines or Lines()
    before, after = _since(since, study, day)
    view = None if plan is None else read_plan(Path(plan), study)
    home, measures = home_of(study), measures_on(study, day)
    changes = pl.DataFrame(schema=SCHEMA)
    if before is not None:
        changes = changes_between(before, study)
    elif after is not None:
        changes = changes_since(study, measures, since=after, on=day)
    now = readings(study, home)
    old = () if before is None else _readings_for(before, study.settings.home)
    limits = {n: getattr(chosen, n) for n in ("hhi", "top_share", "import_reliance")}
    span: dict[str, Any] = {"on": day, "within_days": within_days}
    found = [
        *_of_study(study, home, chosen, span, after),
        *indicator_alerts(now, old, home, thresholds=limits, **span),
        *(change_alerts(changes, measures, home, **span) if before else ()),
    ]
    told = _told(found, view, seen or {})
    alerts = ordered(told, day)
    dates = dates_frame(study, measures, on=day)
    return Watch(
        alerts=alerts,
        figures=_figures(study, alerts, day, before, after, within_days, chosen, view),
        frames={
            "alerts": _alerts_frame(alerts),
            "exposure": _exposure_frame(alerts),
            "changes": changes,
            "dates": dates,
            "measures": _measures_frame(measures),
            "indicators": readings_frame(now),
            "sources": _sources(study, alerts, dates),
        },
    )


def _readings_for(study: Study, home: str) -> tuple[Reading, ...]:
    """Return the readings of an earlier study for the home of today's."""
    if study.settings.home != home:
        study = study.with_settings(home=home)
    return readings(study, home_of(study))


def _of_study(
    study: Study, home: Home, lines: Lines, span: dict[str, Any], since: date | None
) -> Iterator[Alert]:
    yield from measure_alerts(study, home, since=since, **span)
    yield from price_alerts(
        study,
        home,
        band=(lines.price_low, lines.price_high),
        alarm=lines.price_alarm,
        split=lines.price_split,
        **span,
    )
    yield from observation_alerts(
        study,
        home,
        sigmas=lines.sigmas,
        step=lines.step,
        least_points=lines.least_points,
        since=since,
        **span,
    )
    yield from project_alerts(study, home, **span)
    yield from agreement_alerts(study, home, **span)
    yield from score_alerts(study, home, **span)


def _since(
    since: Study | date | str | Path | None, study: Study, on: date
) -> tuple[Study | None, date | None]:
    """Return an earlier study, or a day, or neither."""
    if since is None:
        return None, None
    if isinstance(since, str) and looks_like_a_date(since):
        since = read_day(since, "since")
    if isinstance(since, date):
        if since > on:
            message = f"since {since} is after on {on}; allowed is that day or earlier"
            raise InputError(message)
        return None, since
    if isinstance(since, str | Path):
        from oreserve.study import load_study

        try:
            return load_study(since, home=study.settings.home), None
        except InputError as error:
            message = (
                f"since: {since!s} is neither a date (YYYY-MM-DD) nor a study that "
                f"loads: {error}"
            )
            raise InputError(message) from None
    return since, None


def _told(
    found: list[Alert], view: PlanView | None, seen: Mapping[str, date]
) -> Iterator[Alert]:
    for alert in found:
        kept = alert.seen(seen)
        if view is not None and alert.items:
            kept = replace(kept, plan=view.says(alert.items))
        yield kept


def _figures(
    study: Study,
    alerts: tuple[Alert, ...],
    on: date,
    before: Study | None,
    after: date | None,
    within_days: int,
    lines: Lines,
    view: PlanView | None,
) -> dict[str, Any]:
    from oreserve import __version__

    since = None
    if before is not None:
        since = {"study": before.name, "hash": before.hash}
    elif after is not None:
        since = {"date": after.isoformat()}
    return {
        "format": FORMAT,
        "study": study.name,
        "study_title": study.title,
        "study_hash": study.hash,
        "as_of": str(study.settings.as_of),
        "home": study.settings.home,
        "on": on.isoformat(),
        "since": since,
        "within_days": within_days,
        "lines": asdict(lines),
        "counts": {
            level: sum(a.level == level for a in alerts) for level in reversed(LEVELS)
        },
        "warnings": [] if view is None else list(view.warnings),
        "has_plan": view is not None,
        "versions": {"oreserve": __version__, "polars": pl.__version__},
    }


def _alerts_frame(alerts: tuple[Alert, ...]) -> pl.DataFrame:
    schema = {
        "id": pl.String,
        "level": pl.String,
        "date": pl.Date,
        "kind": pl.String,
        "subject": pl.String,
        "event": pl.String,
        "what": pl.String,
        "why": pl.String,
        "state": pl.String,
        "announced": pl.Date,
        "in_force_from": pl.Date,
        "suspended_until": pl.Date,
        "ended_from": pl.Date,
        "valid_until": pl.Date,
        "first_seen": pl.Date,
        "items": pl.String,
        "largest_share_of_use": pl.Float64,
        "plan": pl.String,
        "evidence": pl.String,
        "source_id": pl.String,
        "row": pl.String,
    }
    rows = [
        (
            a.id,
            a.level,
            a.day,
            a.kind,
            a.subject,
            a.event,
            a.what,
            "; ".join(a.why),
            a.state,
            a.announced,
            a.effective,
            a.suspended_until,
            a.ends,
            a.valid_until,
            a.first_seen,
            ";".join(a.items),
            a.share_of_use,
            None if a.plan is None else "; ".join(a.plan),
            ";".join(e.evidence for e in a.evidence),
            ";".join(e.source_id for e in a.evidence),
            ";".join(f"{e.table}/{e.key}" for e in a.evidence),
        )
        for a in alerts
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _exposure_frame(alerts: tuple[Alert, ...]) -> pl.DataFrame:
    numbers = (
        "use_t_per_year",
        "imports_t_per_year",
        "at_stake_t_per_year",
        "share_of_use",
        "stock_t",
        "cover_days",
    )
    rows = [
        (a.id, a.level, e.item, *(getattr(e, name) for name in numbers), e.status)
        for a in alerts
        for e in a.exposed
    ]
    schema = {
        **dict.fromkeys(("alert_id", "level", "item"), pl.String),
        **dict.fromkeys(numbers, pl.Float64),
        "status": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _measures_frame(measures: tuple[Measure, ...]) -> pl.DataFrame:
    schema = {
        **dict.fromkeys(("measure", "kind", "actor", "target", "state"), pl.String),
        **dict.fromkeys(
            ("announced", "in_force_from", "suspended_until", "ended_from"), pl.Date
        ),
        **dict.fromkeys(("items", "source_id", "evidence"), pl.String),
    }
    rows = [
        (
            m.name,
            *(m.row[name] for name in ("kind", "actor", "target")),
            m.state,
            m.announced,
            m.effective,
            m.suspended_until,
            m.ends,
            ";".join(m.items),
            m.row["source_id"],
            m.row["evidence"],
        )
        for m in measures
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _sources(
    study: Study, alerts: tuple[Alert, ...], dates: pl.DataFrame
) -> pl.DataFrame:
    cells = [e.source_id for a in alerts for e in a.evidence] + list(dates["source_id"])
    named = {part.strip() for cell in cells for part in cell.split(";")}
    wanted = pl.col("source_id").is_in(sorted(named))
    return (
        study.table("sources")
        .filter(wanted)
        .select("source_id", "title", "publisher", "url", "licence", "date")
        .sort("source_id")
    )
