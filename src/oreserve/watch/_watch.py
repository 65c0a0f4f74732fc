# SPDX-License-Identifier: Apache-2.0
"""The watch of one day: gather, order, tell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.watch._alert import LEVELS, ordered
from oreserve.watch._calendar import dates_frame
from oreserve.watch._changes import change_alerts, changes_since
from oreserve.watch._compare import SCHEMA, changes_between, check_comparable
from oreserve.watch._days import day_text, looks_like_a_date, read_day
from oreserve.watch._frames import (
    alerts_frame,
    exposure_frame,
    measures_frame,
    sources_frame,
)
from oreserve.watch._home import home_of
from oreserve.watch._indicators import indicator_alerts, readings, readings_frame
from oreserve.watch._lines import Lines
from oreserve.watch._measures import measure_alerts, measures_on
from oreserve.watch._plan import read_plan
from oreserve.watch._programme import agreement_alerts, project_alerts, score_alerts
from oreserve.watch._quotes import observation_alerts, price_alerts
from oreserve.watch._result import Watch
from oreserve.watch._told import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oreserve.study import Study
    from oreserve.watch._alert import Alert
    from oreserve.watch._home import Home

__all__ = ["watch"]

FORMAT = "oreserve-watch/1"
HOMES = ("USA", "EU", "JPN")
"""Whom an alert tells about besides home, where the study knows them."""
STALE_DAYS = 366
MOST_DAYS = 36_500


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
    if not 0 <= within_days <= MOST_DAYS:
        message = f"within_days is {within_days}; allowed is 0 to {MOST_DAYS}"
        raise InputError(message)
    chosen = lines or Lines()
    before, after, notes = _since(since, study, day)
    view = None if plan is None else read_plan(Path(plan), study)
    home, measures = home_of(study, also=HOMES), measures_on(study, day)
    changes = pl.DataFrame(schema=SCHEMA)
    if before is not None:
        changes = changes_between(before, study)
    elif after is not None:
        changes = changes_since(study, measures, since=after, on=day)
    now = readings(study, home)
    limits = {n: getattr(chosen, n) for n in ("hhi", "top_share", "import_reliance")}
    span: dict[str, Any] = {"on": day, "within_days": within_days}
    found = [
        *_of_study(study, home, chosen, span, after),
        *indicator_alerts(
            now,
            () if before is None else readings(before, home_of(before)),
            home,
            thresholds=limits,
            **span,
        ),
    ]
    if before is not None:
        versions = ((before, measures_on(before, day)), (study, measures))
        found += change_alerts(changes, versions, home, **span)
    alerts = ordered(told(found, study, view, seen or {}), day)
    dates = dates_frame(study, measures, on=day, score_days=chosen.score_days)
    notes = (*(view.warnings if view else ()), *notes, *_day_notes(study, day))
    return Watch(
        alerts=alerts,
        figures=_figures(study, alerts, day, within_days)
        | {
            "since": _since_figures(before, after),
            "lines": asdict(chosen),
            "warnings": [*notes, *_setting_notes(changes)],
            "has_plan": view is not None,
        },
        frames={
            "alerts": alerts_frame(alerts),
            "exposure": exposure_frame(alerts),
            "changes": changes,
            "dates": dates,
            "measures": measures_frame(measures),
            "indicators": readings_frame(now),
            "sources": sources_frame(study, alerts, dates),
        },
    )


def _day_notes(study: Study, on: date) -> Iterator[str]:
    """Say so where the day is one that the study knows little of."""
    as_of = study.settings.as_of_date
    if on < as_of:
        yield (
            f"{day_text(on)} lies before the study's day, {day_text(as_of)}: rows "
            "carry the status of that later day"
        )
    elif (on - as_of).days > STALE_DAYS:
        yield (
            f"the study is as of {day_text(as_of)}, {(on - as_of).days} days before "
            f"{day_text(on)}: what has happened since is not in it"
        )


def _setting_notes(changes: pl.DataFrame) -> Iterator[str]:
    rows = changes.filter(pl.col("table") == "settings")
    for row in rows.iter_rows(named=True):
        was, now = row["old"] or "nothing", row["new"] or "nothing"
        yield f"setting {row['key']} differs: {was} → {now}"


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
    yield from score_alerts(study, home, score_days=lines.score_days, **span)


def _since(
    since: Study | date | str | Path | None, study: Study, on: date
) -> tuple[Study | None, date | None, tuple[str, ...]]:
    """Return an earlier study, or a day, or neither; and what to say about it."""
    if since is None:
        return None, None, ()
    if isinstance(since, str) and looks_like_a_date(since):
        since = read_day(since, "since")
    if isinstance(since, date):
        if since > on:
            message = f"since {since} is after on {on}; allowed is that day or earlier"
            raise InputError(message)
        return None, since, ()
    if isinstance(since, str | Path):
        from oreserve.study import load_study

        try:
            since = load_study(since)
        except InputError as error:
            message = (
                f"since: {since!s} is neither a date (YYYY-MM-DD) nor a study that "
                f"loads: {error}"
            )
            raise InputError(message) from None
    notes = check_comparable(since, study)
    own, home = since.settings.home, study.settings.home
    if own == home:
        return since, None, notes
    try:
        since = since.with_settings(home=home)
        since.home_countries  # noqa: B018  # refuses a home that it does not know
    except InputError as error:
        message = f"since: study {since.name} cannot be read for {home}: {error}"
        raise InputError(message) from None
    note = f"study {since.name} is for {own}; here both versions are read for {home}"
    return since, None, (*notes, note)


def _since_figures(before: Study | None, after: date | None) -> dict[str, str] | None:
    if before is not None:
        return {"study": before.name, "hash": before.hash}
    return None if after is None else {"date": after.isoformat()}


def _figures(
    study: Study, alerts: tuple[Alert, ...], on: date, within_days: int
) -> dict[str, Any]:
    from oreserve import __version__

    return {
        "format": FORMAT,
        "study": study.name,
        "study_title": study.title,
        "study_hash": study.hash,
        "study_folder": _own_folder(study),
        "as_of": str(study.settings.as_of),
        "home": study.settings.home,
        "on": on.isoformat(),
        "within_days": within_days,
        "counts": {
            level: sum(a.level == level for a in alerts) for level in reversed(LEVELS)
        },
        "versions": {"oreserve": __version__, "polars": pl.__version__},
    }


def _own_folder(study: Study) -> str | None:
    """Return the folder of a study that its name alone does not find."""
    from oreserve.study import studies

    bundled = set(studies()["name"])
    return None if study.folder is None or study.name in bundled else str(study.folder)
