# SPDX-License-Identifier: Apache-2.0
"""Two versions of a study, compared row by row and cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.tables import TABLES, spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oreserve.study import Study

    Rows = Mapping[str, dict[str, Any]]
    Found = tuple[str | float | None, ...]

__all__ = ["SCHEMA", "changes_between", "check_comparable", "text_of"]

SCHEMA = {
    "table": pl.String,
    "key": pl.String,
    "change": pl.String,  # added, removed, renamed, changed; announced, began, ...
    "column": pl.String,
    "old": pl.String,
    "new": pl.String,
    "materiality": pl.Float64,
    "old_source_id": pl.String,
    "old_evidence": pl.String,
    "source_id": pl.String,
    "evidence": pl.String,
}
WEIGHTS = {
    "plants": ("process", "base_activity_t_per_year"),
    "projects": ("process", "capacity_t_per_year"),
    "demands": ("item", "quantity_t_per_year"),
    "lanes": ("item", "base_t_per_year"),
    "stocks": ("item", "quantity_t"),
    "agreements": ("item", "quantity_t_per_year"),
    "uses": ("item", "use_t"),
}
"""Tables whose rows weigh what they hold of their group's total."""
WORDS = frozenset({"note", "source_id", "evidence", "title", "url", "publisher",
                   "licence", "date", "lat", "lon", "description",
                   "label"})  # fmt: skip
"""Columns that no rule reads: a change there moves no number."""
FEW_IN_COMMON = 0.5


def changes_between(old: Study, new: Study) -> pl.DataFrame:
    """Return the differences: one row per added, removed or renamed row or cell.

    Returns
    -------
    polars.DataFrame
        Columns of `SCHEMA`. An added or removed row has no column, old or new; a
        renamed one has its old and new key there; a changed one has one row per
        cell, old and new as text, null where there is nothing (which is not 0).
        `materiality` is 0-1: how much the cell moved as a share of its larger value
        (1 for anything but two numbers, 0 for words that no rule reads), times the
        share that the row holds of its group (a plant's of its process, a lane's of
        its item). The most material first, then by table, key and column.
    """
    found: list[Found] = []
    for name in TABLES:
        if name != "settings":
            found.extend(_of_table(name, _rows(old, name), _rows(new, name)))
    found.extend(_of_settings(old, new))
    place = {name: n for n, name in enumerate(TABLES)}
    found.sort(
        key=lambda r: (-float(r[6] or 0), place[str(r[0])], str(r[1]), str(r[3] or ""))
    )
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def check_comparable(old: Study, new: Study) -> tuple[str, ...]:
    """Return warnings on two studies that are hardly versions of one another.

    Raises
    ------
    InputError
        If they have no mineral in common.
    """
    minerals = [
        set(s.table("items").select(pl.col("mineral").fill_null(pl.col("item")))
            .to_series())
        for s in (old, new)
    ]  # fmt: skip
    if not minerals[0] & minerals[1]:
        message = (
            f"since: study {old.name} and study {new.name} have no mineral in common, "
            "so there is nothing to compare; give an earlier version of the same study"
        )
        raise InputError(message)
    keys = [
        {(n, k) for n in TABLES if n != "settings" for k in _rows(s, n)}
        for s in (old, new)
    ]
    share = len(keys[0] & keys[1]) / max(len(keys[0]), len(keys[1]))
    if share >= FEW_IN_COMMON:
        return ()
    told = (
        f"only {100 * share:.0f} % of the rows of {old.name} and {new.name} have a key "
        "in common: these may not be two versions of one study"
    )
    return (told,)


def _rows(study: Study, name: str) -> dict[str, dict[str, Any]]:
    frame, key = study.table(name), spec(name).key
    return {
        "/".join(text_of(row[column]) or "" for column in key): row
        for row in frame.iter_rows(named=True)
    }


def _of_table(name: str, old: Rows, new: Rows) -> Iterator[Found]:
    heavy = (_weights(name, old), _weights(name, new))
    renamed = _renamed(name, old, new)
    gone = set(renamed.values())
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        weight = max(w.get(key, 0.0) for w in heavy)
        if key in renamed:
            first = old[renamed[key]]
            known = (*_source(first), *_source(after))
            column = spec(name).key[0]
            yield (name, key, "renamed", column, renamed[key], key, 0.0, *known)
        elif key not in gone:
            yield from _of_row(name, key, before, after, weight)


def _of_row(
    name: str,
    key: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    weight: float,
) -> Iterator[Found]:
    known = (*_source(before), *_source(after))
    if before is None or after is None:
        change = "added" if before is None else "removed"
        size = 0.0 if name == "sources" else weight
        yield (name, key, change, None, None, None, size, *known)
        return
    for column in sorted({*before, *after}):
        was, now = before.get(column), after.get(column)
        if was != now:
            size = 0.0 if name == "sources" or column in WORDS else weight
            size *= _moved(was, now)
            texts = (text_of(was), text_of(now))
            yield (name, key, "changed", column, *texts, size, *known)


def _weights(name: str, rows: Rows) -> dict[str, float]:
    """Return each row's share of its group's total; 1 where rows have no size."""
    if name not in WEIGHTS:
        return dict.fromkeys(rows, 1.0)
    group, column = WEIGHTS[name]
    totals: dict[str, float] = {}
    for _, row in sorted(rows.items()):
        totals[row[group]] = totals.get(row[group], 0.0) + (row[column] or 0.0)
    return {
        key: (row[column] or 0.0) / totals[row[group]] if totals[row[group]] else 1.0
        for key, row in rows.items()
    }


def _moved(was: Any, now: Any) -> float:
    """Return how much a cell moved, 0-1; from or to nothing it moved entirely."""
    plain = (int, float)
    if isinstance(was, bool) or not (isinstance(was, plain) and isinstance(now, plain)):
        return 1.0
    return min(1.0, abs(now - was) / max(abs(was), abs(now)))


def _renamed(name: str, old: Rows, new: Rows) -> dict[str, str]:
    """Return by new key the old key of rows that differ in nothing but their name.

    Only where one row that is gone fits one row that is new; tables with a key of
    several columns have no names.
    """
    if len(spec(name).key) != 1:
        return {}
    left_out = {spec(name).key[0], "note"}

    def alike(rows: Rows, others: Rows) -> dict[tuple[Any, ...], list[str]]:
        found: dict[tuple[Any, ...], list[str]] = {}
        for key in sorted(set(rows) - set(others)):
            cells = sorted((c, text_of(v)) for c, v in rows[key].items()
                           if c not in left_out and v is not None)  # fmt: skip
            found.setdefault(tuple(cells), []).append(key)
        return found

    gone, come = alike(old, new), alike(new, old)
    return {
        come[cells][0]: gone[cells][0]
        for cells in come
        if len(come[cells]) == 1 and len(gone.get(cells, ())) == 1
    }


def _source(row: dict[str, Any] | None) -> tuple[str | None, str | None]:
    if row is None:
        return (None, None)
    return (row.get("source_id"), row.get("evidence"))


def _of_settings(old: Study, new: Study) -> Iterator[Found]:
    before, after = old.settings.as_texts(), new.settings.as_texts()
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was != now:
            yield ("settings", name, "changed", "value", was, now, 1.0, *[None] * 4)


def text_of(value: Any) -> str | None:
    """Write a cell as text; nothing stays nothing.

    Examples
    --------
    >>> text_of(0.0), text_of(None)
    ('0', None)
    """
    if isinstance(value, float):
        return f"{value:.12g}"
    return None if value is None else str(value)
