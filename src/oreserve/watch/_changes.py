# SPDX-License-Identifier: Apache-2.0
"""What has happened since a day, and alerts on what differs between two versions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.watch._alert import Alert, Evidence
from oreserve.watch._compare import SCHEMA, text_of
from oreserve.watch._names import title
from oreserve.watch._programme import products

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from oreserve.study import Study
    from oreserve.watch._home import Home
    from oreserve.watch._measures import Measure

__all__ = ["change_alerts", "changes_since"]

SINGLE = ("measures", "agreements", "projects")
"""Tables of which every changed row is an alert; the others share one each."""
LEGAL = frozenset({"status", "from", "until", "kind", "actor", "target", "item",
                   "mineral", "stage", "country", "cap_share", "cap_t_per_year",
                   "factor", "tariff_share", "rung",
                   "quantity_t_per_year"})  # fmt: skip
"""Columns whose change alters what a measure, agreement or project does."""
CHANGE_WORDS = {"added": "is new", "removed": "is gone", "renamed": "has a new name",
                "changed": "has changed"}  # fmt: skip
NO_DATA = "no data"
MATERIAL = 0.1
"""A table whose largest change is over it is a notice."""


def changes_since(
    study: Study, measures: tuple[Measure, ...], *, since: date, on: date
) -> pl.DataFrame:
    """Return what one study says happened after `since` and up to `on`.

    Returns
    -------
    polars.DataFrame
        Columns of `SCHEMA`; change is announced, began or ended for measures, and
        observed for observations; `new` is the day or the value.
    """
    found: list[tuple[str | float | None, ...]] = []
    for measure in measures:
        row = measure.row
        ended = measure.ends if measure.state in {"ended", "past_until"} else None
        for change, day in (
            ("announced", measure.announced),
            ("began", measure.effective),
            ("ended", ended),
        ):
            if day is not None and since < day <= on:
                column = {"began": "from", "ended": "until"}.get(change, change)
                known = (None, None, row["source_id"], row["evidence"])
                place = ("measures", measure.name, change, column, None, str(day), None)
                found.append((*place, *known))
    seen = study.table("observations").filter(
        (pl.col("date") > since) & (pl.col("date") <= on)
    )
    for row in seen.sort("series", "date").iter_rows(named=True):
        key = f"{row['series']}/{row['date']}"
        known = (None, None, row["source_id"], row["evidence"])
        value = text_of(row["value"])
        seen_now = ("observations", key, "observed", "value", None, value, None)
        found.append((*seen_now, *known))
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def change_alerts(
    changes: pl.DataFrame,
    versions: tuple[tuple[Study, tuple[Measure, ...]], ...],
    home: Home,
    *,
    on: date,
    within_days: int,
) -> Iterator[Alert]:
    """Yield alerts on the differences of two studies.

    Measures, agreements and projects: one alert per row. Other tables: one alert
    per table that says how many rows differ, the most material first. `versions`
    are the earlier study and today's, each with its measures on the day.
    """
    by_name = {m.name: m for _, measures in versions for m in measures}
    items = {key: named for study, _ in versions for key, named in _items(study)}
    for (table,), rows in changes.group_by("table", maintain_order=True):
        if table == "settings":
            continue
        if table not in SINGLE:
            yield _table_alert(str(table), rows, on, within_days)
            continue
        for (key,), cells in rows.group_by("key", maintain_order=True):
            place = (str(table), str(key))
            measure = by_name.get(place[1]) if table == "measures" else None
            named = items.get(place, ()) if measure is None else measure.items
            yield _row_alert(place, cells, measure, named, home, on, within_days)


def _items(study: Study) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for row in study.table("agreements").iter_rows(named=True):
        yield ("agreements", row["agreement"]), (row["item"],)
    made = products(study)
    for row in study.table("projects").iter_rows(named=True):
        yield ("projects", row["project"]), made.get(row["process"], ())


def _row_alert(
    place: tuple[str, str],
    cells: pl.DataFrame,
    measure: Measure | None,
    items: tuple[str, ...],
    home: Home,
    on: date,
    within_days: int,
) -> Alert:
    table, key = place
    first = cells.row(0, named=True)
    stakes = home.stakes(
        items,
        exporters=measure.exporters if measure else None,
        targets=measure.targets if measure else None,
    )
    touches = any(e.at_stake_t_per_year != 0 for e in stakes["exposed"])
    whole = first["change"] in {"added", "removed"}
    moved = whole or bool(LEGAL & set(cells["column"]))
    serious = moved and touches and measure is not None
    return Alert(
        kind="change",
        subject=f"{table} {key}",
        event=first["change"],
        level="warning" if serious else "notice" if moved else "info",
        what=f"{table[:-1].capitalize()} {title(key)} {CHANGE_WORDS[first['change']]}",
        why=tuple(_cell_text(row) for row in cells.iter_rows(named=True)),
        evidence=(_evidence(table, first),),
        day=None,
        valid_until=on + timedelta(days=within_days),
        first_seen=on,
        items=items,
        state=measure.state if measure is not None else None,
        announced=measure.announced if measure is not None else None,
        effective=measure.effective if measure is not None else None,
        suspended_until=measure.suspended_until if measure is not None else None,
        ends=measure.ends if measure is not None else None,
        **stakes,
    )


def _table_alert(table: str, rows: pl.DataFrame, on: date, within_days: int) -> Alert:
    counts = {
        change: rows.filter(pl.col("change") == change)["key"].n_unique()
        for change in ("added", "removed", "renamed", "changed")
    }
    largest = max((x for x in rows["materiality"] if x is not None), default=0.0)
    told = ", ".join(f"{n} {change}" for change, n in counts.items() if n)
    first = [_cell_text(row, key=True) for row in rows.head(3).iter_rows(named=True)]
    more = rows.height - len(first)
    return Alert(
        kind="change",
        subject=table,
        event="rows",
        level="notice" if largest > MATERIAL else "info",
        what=f"Table {table}: {told} rows",
        why=(*first, *([f"{more} more in changes.csv"] if more > 0 else [])),
        evidence=tuple(
            _evidence(table, row) for row in rows.head(3).iter_rows(named=True)
        ),
        day=None,
        valid_until=on + timedelta(days=within_days),
        first_seen=on,
    )


def _evidence(table: str, row: dict[str, Any]) -> Evidence:
    """Name the row; `sources` and the like are their own source."""
    source = row["source_id"] or row["old_source_id"] or row["key"]
    grade = row["evidence"] or row["old_evidence"] or "read"
    return Evidence(table, row["key"], source, grade)


def _cell_text(row: dict[str, Any], *, key: bool = False) -> str:
    name = f"{row['key']}: " if key else ""
    if row["change"] in {"added", "removed"}:
        return f"{name}row {row['change']}"
    was, now = (NO_DATA if row[c] is None else row[c] for c in ("old", "new"))
    return f"{name}{row['column']}: {was} → {now}"
