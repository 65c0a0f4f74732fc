# SPDX-License-Identifier: Apache-2.0
"""Checks of the tables against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from oreserve.study._problems import Problems
from oreserve.study._read import FILE, ROW
from oreserve.study._settings import Settings
from oreserve.tables import TABLES, ColumnSpec, nearest, nearest_country, spec

Frames = Mapping[str, pl.DataFrame]


def check_tables(frames: Frames, settings: Settings, problems: Problems) -> None:
    """Run every check that needs more than one cell."""
    check_references(frames, problems)


def check_references(frames: Frames, problems: Problems) -> None:
    """Report every name that does not occur where it must."""
    for table in TABLES:
        check_columns(frames, table, spec(table).names, problems)


def check_columns(
    frames: Frames, table: str, columns: Sequence[str], problems: Problems
) -> None:
    """Report unknown names in some columns of one table."""
    if not frames[table].height:
        return
    for column in spec(table).columns:
        if column.references and column.name in columns:
            _check_column(frames, table, column, problems)


def _check_column(
    frames: Frames, table: str, column: ColumnSpec, problems: Problems
) -> None:
    known, places = _known(frames, column.references)
    cells = frames[table].select(ROW, FILE, pl.col(column.name).alias("value"))
    cells = cells.drop_nulls("value")
    if column.type == "list":
        cells = cells.with_columns(pl.col("value").str.split(";")).explode("value")
    bad = cells.filter(~pl.col("value").is_in(sorted(known)))
    for row in bad.iter_rows(named=True):
        problems.error(
            table,
            f"unknown name: it is not in {places}",
            row=row[ROW],
            column=column.name,
            value=row["value"],
            allowed=_listed(known),
            nearest=_nearest(row["value"], known, column),
            file=row[FILE],
        )


def _known(frames: Frames, references: tuple[str, ...]) -> tuple[set[str], str]:
    known: set[str] = set()
    places = []
    for reference in references:
        table, dot, name = reference.partition(".")
        if dot:
            known |= set(frames[table][name].drop_nulls())
            places.append(table)
        else:
            known.add(reference)
            places.append(f"{reference!r}")
    return known, ", ".join(places)


def _listed(known: set[str], most: int = 30) -> str:
    names = sorted(known)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} ... ({len(names)} names)"


def _nearest(value: str, known: set[str], column: ColumnSpec) -> str | None:
    if any(r.startswith("countries.") for r in column.references):
        code = nearest_country(value)
        if code in known:
            return code
    return nearest(value, known)
