# SPDX-License-Identifier: Apache-2.0
"""Dates to come, as a table and as a calendar file (RFC 5545)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from oreserve.watch._alert import stable_id
from oreserve.watch._names import title
from oreserve.watch._programme import open_milestones

if TYPE_CHECKING:
    from oreserve.study import Study
    from oreserve.watch._measures import Measure

__all__ = ["calendar_text", "dates_frame"]

LINE_OCTETS = 75
SCHEMA = {
    "date": pl.Date,
    "kind": pl.String,
    "subject": pl.String,
    "event": pl.String,
    "what": pl.String,
    "items": pl.String,
    "source_id": pl.String,
    "evidence": pl.String,
}


def dates_frame(
    study: Study, measures: tuple[Measure, ...], *, on: date, score_days: int
) -> pl.DataFrame:
    """Return every date from `on` on that the study knows, the nearest first.

    Returns
    -------
    polars.DataFrame
        date, kind (measure, agreement, project, score), subject, event, what,
        items (separated by ;), source_id, evidence.
    """
    found: list[tuple[object, ...]] = []

    def add(
        day: date | None, kind: str, subject: str, event: str, words: str, *rest: str
    ) -> None:
        if day is not None and day >= on:
            what = f"{title(subject)}: {words}"
            found.append((day, kind, subject, event, what, *rest))

    for m in measures:
        known = (";".join(m.items), m.row["source_id"], m.row["evidence"])
        if m.state == "ended":
            continue
        add(m.effective, "measure", m.name, "from", "takes effect", *known)
        add(m.suspended_until, "measure", m.name, "from", "suspension ends", *known)
        add(m.ends, "measure", m.name, "until", "no longer in force", *known)
    for row in study.table("agreements").iter_rows(named=True):
        known = (row["item"], row["source_id"], row["evidence"])
        add(row["from"], "agreement", row["agreement"], "from", "begins", *known)
        add(row["until"], "agreement", row["agreement"], "until", "has ended", *known)
    for row in study.table("projects").iter_rows(named=True):
        known = ("", row["source_id"], row["evidence"])
        name = row["project"]
        for what, day in open_milestones(row):
            add(day, "project", name, what, f"late without {what}", *known)
        if row["score_date"] is not None:
            day = row["score_date"] + timedelta(days=score_days)
            add(day, "score", name, "old", f"scores are {score_days} days old", *known)
    frame = pl.DataFrame(found, schema=SCHEMA, orient="row")
    return frame.sort("date", "kind", "subject", "event")


def calendar_text(dates: pl.DataFrame, *, on: date, name: str) -> str:
    """Return the dates of measures, agreements and scores as an iCalendar file.

    All-day events; the UID depends on the row and the event only, so that a date
    which moves moves the entry of a subscriber and adds none. DTSTAMP is the day of
    the watch: the same watch gives the same file. A year's end by which a project
    should be somewhere is no appointment and stays in the table of dates.
    """
    stamp = f"{on:%Y%m%d}T000000Z"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Oreserve//watch//EN",
        "CALSCALE:GREGORIAN",
        f"NAME:{escaped(name)}",
        f"X-WR-CALNAME:{escaped(name)}",
    ]
    for row in dates.filter(pl.col("kind") != "project").iter_rows(named=True):
        uid = stable_id("date", row["kind"], row["subject"], row["event"])
        text = (
            f"Items: {row['items'].replace(';', ', ') or 'see the study'}\n"
            f"Source: {row['source_id']} ({row['evidence']})"
        )
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}@oreserve",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{row['date']:%Y%m%d}",
            f"DTEND;VALUE=DATE:{row['date'] + timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{escaped(row['what'])}",
            f"DESCRIPTION:{escaped(text)}",
            f"CATEGORIES:{escaped(row['kind'])}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{folded(line)}\r\n" for line in lines)


def escaped(text: str) -> str:
    r"""Escape a TEXT value (RFC 5545, 3.3.11).

    Examples
    --------
    >>> escaped("a, b; c")
    'a\\, b\\; c'
    """
    for plain, safe in (("\\", r"\\"), (";", r"\;"), (",", r"\,")):
        text = text.replace(plain, safe)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", r"\n")


def folded(line: str) -> str:
    r"""Fold a line to at most 75 octets each, never inside a character (3.1).

    Examples
    --------
    >>> [len(part) for part in folded("x" * 100).split("\r\n")]
    [75, 26]
    """
    parts: list[str] = []
    part, size = "", 0
    for letter in line:
        octets = len(letter.encode())
        if size + octets > LINE_OCTETS:
            parts.append(part)
            part, size = " ", 1
        part, size = part + letter, size + octets
    return "\r\n".join([*parts, part])
