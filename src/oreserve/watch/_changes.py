# SPDX-License-Identifier: Apache-2.0
"""What differs between two versions of a study, row by row and cell by cell."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.tables import TABLES, spec
from oreserve.watch._alert import Alert, Evidence
from oreserve.watch._names import title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from oreserve.study import Study
    from oreserve.watch._home import Home
    from oreserve.watch._measures import Measure

__all__ = ["SCHEMA", "change_alerts", "changes_between", "changes_since"]

SCHEMA = {
    "table": pl.String,
    "key": pl.String,
    "change": pl.String,  # added, removed, changed; announced, began, ended, observed
    "column": pl.String,
    "old": pl.String,
    "new": pl.String,
    "old_source_id": pl.String,
    "old_evidence": pl.String,
    "source_id": pl.String,
    "evidence": pl.String,
}
SINGLE = ("measures", "agreements", "projects")
"""Tables of which every changed row is an alert; the others share one each."""


def changes_between(old: Study, new: Study) -> pl.DataFrame:
    """Return the differences: one row per added or removed row or changed cell.

    Returns
    -------
    polars.DataFrame
        Columns of `SCHEMA`; sorted by table (in the order of the specs), key and
        column. An added or removed row has no column; a changed one has one row
        per cell, old and new as text, null where there is nothing.
    """
    found: list[tuple[str | None, ...]] = []
    for name in TABLES:
        if name != "settings":
            found.extend(_of_table(name, _rows(old, name), _rows(new, name)))
    found.extend(_of_settings(old, new))
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def _rows(study: Study, name: str) -> dict[str, dict[str, Any]]:
    frame, key = study.table(name), spec(name).key
    return {
        " ".join(_text(row[column]) or "" for column in key): row
        for row in frame.iter_rows(named=True)
    }


def _of_table(
    name: str,
    old: Mapping[str, dict[str, Any]],
    new: Mapping[str, dict[str, Any]],
) -> Iterator[tuple[str | None, ...]]:
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        known = (*_source(before), *_source(after))
        if before is None or after is None:
            change = "added" if before is None else "removed"
            yield (name, key, change, None, None, None, *known)
            continue
        for column in sorted({*before, *after}):
            was, now = before.get(column), after.get(column)
            if was != now:
                yield (name, key, "changed", column, _text(was), _text(now), *known)


def _source(row: dict[str, Any] | None) -> tuple[str | None, str | None]:
    if row is None:
        return (None, None)
    return (row.get("source_id"), row.get("evidence"))


def _of_settings(old: Study, new: Study) -> Iterator[tuple[str | None, ...]]:
    before, after = old.settings.as_texts(), new.settings.as_texts()
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was != now:
            yield ("settings", name, "changed", "value", was, now, *[None] * 4)


def _text(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:.12g}"
    return None if value is None else str(value)


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
    found: list[tuple[str | None, ...]] = []
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
                found.append(
                    ("measures", measure.name, change, column, None, str(day), *known)
                )
    seen = study.table("observations").filter(
        (pl.col("date") > since) & (pl.col("date") <= on)
    )
    for row in seen.sort("series", "date").iter_rows(named=True):
        key = f"{row['series']} {row['date']}"
        known = (None, None, row["source_id"], row["evidence"])
        value = _text(row["value"])
        found.append(("observations", key, "observed", "value", None, value, *known))
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def change_alerts(
    changes: pl.DataFrame,
    measures: tuple[Measure, ...],
    home: Home,
    *,
    on: date,
    within_days: int,
) -> Iterator[Alert]:
    """Yield alerts on the differences of two studies.

    Measures, agreements and projects: one alert per row. Other tables: one alert
    per table that says how many rows differ.
    """
    by_name = {measure.name: measure for measure in measures}
    for (table,), rows in changes.group_by("table", maintain_order=True):
        if table == "settings":
            continue
        if table in SINGLE:
            for (key,), cells in rows.group_by("key", maintain_order=True):
                yield _row_alert(
                    str(table), str(key), cells, by_name, home, on, within_days
                )
        else:
            yield _table_alert(str(table), rows, on, within_days)


def _row_alert(
    table: str,
    key: str,
    cells: pl.DataFrame,
    measures: Mapping[str, Measure],
    home: Home,
    on: date,
    within_days: int,
) -> Alert:
    first = cells.row(0, named=True)
    measure = measures.get(key) if table == "measures" else None
    items = measure.items if measure is not None else ()
    exposed = (
        ()
        if measure is None
        else home.exposed(items, exporters=measure.exporters, aimed=measure.aimed)
    )
    touches = measure is not None and any(e.at_stake_t_per_year != 0 for e in exposed)
    legal = {"status", "from", "until", "kind", "cap_share", "cap_t_per_year", "factor"}
    moved = first["change"] != "changed" or bool(legal & set(cells["column"]))
    word = {"added": "is new", "removed": "is gone"}.get(first["change"], "has changed")
    return Alert(
        kind="change",
        subject=f"{table} {key}",
        event=first["change"],
        level="warning" if touches and moved else "notice" if moved else "info",
        what=f"{table[:-1].capitalize()} {title(key)} {word}",
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
        exposed=exposed,
    )


def _table_alert(table: str, rows: pl.DataFrame, on: date, within_days: int) -> Alert:
    counts = {
        change: rows.filter(pl.col("change") == change)["key"].n_unique()
        for change in ("added", "removed", "changed")
    }
    told = ", ".join(f"{n} {change}" for change, n in counts.items() if n)
    first = [_cell_text(row, key=True) for row in rows.head(3).iter_rows(named=True)]
    more = rows.height - len(first)
    return Alert(
        kind="change",
        subject=table,
        event="rows",
        level="info",
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
    if row["change"] != "changed":
        return f"{name}row {row['change']}"
    was, now = row["old"], row["new"]
    return f"{name}{row['column']}: {was or 'nothing'} → {now or 'nothing'}"
