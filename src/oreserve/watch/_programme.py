# SPDX-License-Identifier: Apache-2.0
"""Projects that are late, agreements that begin or end, scores out of date."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.watch._alert import Alert, Evidence
from oreserve.watch._days import day_text, days_text
from oreserve.watch._names import title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oreserve.study import Study
    from oreserve.watch._home import Home

__all__ = [
    "agreement_alerts",
    "milestones",
    "open_milestones",
    "products",
    "project_alerts",
    "score_alerts",
]

RUNNING = frozenset({"operating", "in operation", "producing", "running", "completed"})
BUILDING = frozenset(
    {"construction", "under construction", "building", "commissioning"}
)
STOPPED = frozenset({"cancelled", "stopped", "withdrawn", "abandoned"})
FIRM = frozenset({"minimum_guarantee", "funded_order", "delivered", "accepted", "paid"})
"""Rungs of the commitment ladder whose tonnes count."""


def milestones(row: dict[str, Any]) -> tuple[tuple[str, date], ...]:
    """Return what a project should have reached, and the first day that is too late.

    Building starts in `earliest_year` at best; first output follows after
    `lead_time_years`. A year is over on 1 January of the next.

    Examples
    --------
    >>> milestones({"earliest_year": 2026, "lead_time_years": 1.5})[1]
    ('first output', datetime.date(2029, 1, 1))
    """
    start, lead = row["earliest_year"], row["lead_time_years"]
    if start is None:
        return ()
    found = [("start of building", date(start + 1, 1, 1))]
    if lead is not None:
        year = start + math.ceil(lead)
        found.append(("first output", date(year + 1, 1, 1)))
    return tuple(found)


def open_milestones(row: dict[str, Any]) -> tuple[tuple[str, date], ...]:
    """Return the milestones that a project's status does not say are reached."""
    if (row["status"] or "").strip().lower() in STOPPED:
        return ()
    return milestones(row)[_reached(row["status"]) :]


def _reached(status: str | None) -> int:
    """Return how many milestones a status says are reached."""
    word = (status or "").strip().lower()
    return 2 if word in RUNNING else 1 if word in BUILDING else 0


def project_alerts(
    study: Study, home: Home, *, on: date, within_days: int
) -> Iterator[Alert]:
    """Yield a project's oldest milestone that is late, or due within the days."""
    made = products(study)
    for row in study.table("projects").sort("project").iter_rows(named=True):
        status = row["status"]
        open_ones = open_milestones(row)
        if not open_ones:
            continue
        late = [m for m in open_ones if m[1] <= on]
        what, day = (late or list(open_ones))[-1 if late else 0]
        if not late and (day - on).days > within_days:
            continue
        items = made.get(row["process"], ())
        at_home = row["country"] in home.countries
        name = title(row["project"])
        text = (
            f"{name}: late, {what} was due by the end of {day.year - 1}"
            if late
            else f"{name}: {what} is due by the end of {day.year - 1}"
        )
        yield Alert(
            kind="project",
            subject=row["project"],
            event=what,
            level=("warning" if at_home else "notice") if late else "info",
            what=text,
            why=(
                f"status: {status or 'not stated'}",
                f"building could start in {row['earliest_year']}, lead time "
                + (
                    f"{row['lead_time_years']:g} years"
                    if row["lead_time_years"] is not None
                    else "not stated"
                ),
                f"{row['capacity_t_per_year']:g} t a year in {row['country']}",
            ),
            evidence=(_evidence("projects", "project", row),),
            owner_country=row["owner_country"],
            day=day,
            valid_until=day if day > on else on + timedelta(days=within_days),
            first_seen=on,
            items=items,
            **home.stakes(items),
        )


def agreement_alerts(
    study: Study, home: Home, *, on: date, within_days: int
) -> Iterator[Alert]:
    """Yield the agreements that begin or end within the days, or have just ended.

    One that has begun without a rung that promises tonnes is an information.
    """
    owners = _owners(study)
    for row in study.table("agreements").sort("agreement").iter_rows(named=True):
        mine = bool(set(study.members(row["buyer"])) & set(home.countries))
        name = title(row["agreement"])
        start, until = row["from"], row["until"]
        found: list[tuple[str, str, str, date, str | None]] = []
        if until is not None and 0 < (until - on).days <= within_days:
            level = "warning" if mine and row["rung"] in FIRM else "notice"
            left = days_text((until - on).days)
            text = f"{name}: ends on {day_text(until)}, {left}"
            after: str | None = (
                f"{_tonnes(row)} are no longer agreed unless it is renewed"
            )
            found.append(("ends", level, text, until, after))
        elif until is not None and -within_days <= (until - on).days <= 0:
            text = f"{name}: ended on {day_text(until)} and still listed"
            found.append(("ended", "notice" if mine else "info", text, until, None))
        if start is not None and 0 <= (start - on).days <= within_days:
            left = days_text((start - on).days)
            text = f"{name}: begins on {day_text(start)}, {left}"
            after = (
                f"{_tonnes(row)} are due"
                if row["rung"] in FIRM
                else "no tonnes are due: no rung that promises them is reached"
            )
            found.append(("begins", "notice" if mine else "info", text, start, after))
        running = start is not None and start < on and (until is None or on < until)
        if running and start is not None and row["rung"] not in FIRM:
            rung = row["rung"].replace("_", " ")
            text = f"{name}: began on {day_text(start)} and is still a {rung}"
            found.append(("not_firm", "info", text, start, None))
        for event, level, words, day, then in found:
            yield Alert(
                kind="agreement",
                subject=row["agreement"],
                event=event,
                level=level,
                what=words,
                why=_terms(row),
                evidence=(_evidence("agreements", "agreement", row),),
                owner_country=owners.get(row["seller"]),
                afterwards=then,
                day=day,
                valid_until=day if day > on else on + timedelta(days=within_days),
                first_seen=on,
                items=(row["item"],),
                **home.stakes([row["item"]]),
            )


def _owners(study: Study) -> dict[str, str | None]:
    """Return the country of the controlling owner by plant or project."""
    found: dict[str, str | None] = {}
    for table, key in (("plants", "plant"), ("projects", "project")):
        found.update(study.table(table).select(key, "owner_country").iter_rows())
    return found


def _tonnes(row: dict[str, Any]) -> str:
    return f"{row['quantity_t_per_year']:g} t a year of {title(row['item'])}"


def _terms(row: dict[str, Any]) -> tuple[str, ...]:
    seller = row["seller"] or row["seller_country"] or "seller not stated"
    firm = row["rung"] in FIRM
    return (
        f"{row['quantity_t_per_year']:g} t a year of {row['item']}",
        f"from {seller} to {row['buyer']}",
        f"rung: {row['rung'].replace('_', ' ')}"
        + ("" if firm else ", which is no promise of tonnes"),
        *([str(row["note"])] if row.get("note") else []),
    )


def score_alerts(
    study: Study, home: Home, *, on: date, within_days: int, score_days: int
) -> Iterator[Alert]:
    """Yield responsible-sourcing scores that are, or soon will be, too old.

    They are from `score_days` after their day on.
    """
    made = products(study)
    for row in study.table("projects").sort("project").iter_rows(named=True):
        scored = row["score_date"]
        if scored is None:
            continue
        day = scored + timedelta(days=score_days)
        if (day - on).days > within_days:
            continue
        over = day <= on
        items = made.get(row["process"], ())
        name = title(row["project"])
        when, verb = f"on {day_text(day)}", "became" if over else "become"
        yield Alert(
            kind="score",
            subject=row["project"],
            event="old",
            level="notice" if over else "info",
            what=f"{name}: its scores {verb} {score_days} days old {when}",
            why=(
                f"scored on {day_text(scored)}",
                *(
                    f"{column.replace('_', ' ')} {row[column]:g}"
                    for column in sorted(row)
                    if column.endswith("_score") and row[column] is not None
                ),
            ),
            evidence=(_evidence("projects", "project", row),),
            owner_country=row["owner_country"],
            day=day,
            valid_until=day if day > on else on + timedelta(days=within_days),
            first_seen=on,
            items=items,
            **home.stakes(items),
        )


def products(study: Study) -> dict[str, tuple[str, ...]]:
    """Return what each process is for: its main item, else all that it makes."""
    rows = (
        study.table("recipes").filter(pl.col("coefficient") > 0).sort("process", "item")
    )
    found: dict[str, list[str]] = {}
    for process, item in rows.select("process", "item").iter_rows():
        found.setdefault(process, []).append(item)
    mains = {
        process: main
        for process, main in study.table("processes")
        .select("process", "main_item")
        .iter_rows()
        if main is not None
    }
    return {
        process: (mains[process],) if process in mains else tuple(items)
        for process, items in sorted(found.items())
    }


def _evidence(table: str, key: str, row: dict[str, Any]) -> Evidence:
    return Evidence(table, row[key], row["source_id"], row["evidence"])
