# SPDX-License-Identifier: Apache-2.0
"""Checks of the tables against each other: names, places, memberships, home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import polars as pl

from oreserve.study._home import REST
from oreserve.study._problems import Problem, Problems
from oreserve.study._read import FILE, ROW
from oreserve.tables import (
    TABLES,
    ColumnSpec,
    country_code,
    country_names,
    nearest,
    nearest_country,
    spec,
)

if TYPE_CHECKING:
    from oreserve.study._settings import Settings

Frames = Mapping[str, pl.DataFrame]
_SHOWN_NAMES = 30


def report(
    problems: Problems,
    rows: pl.DataFrame,
    table: str,
    column: str,
    problem: str,
    *,
    allowed: str = "",
    severity: Literal["error", "warning"] = "error",
) -> None:
    """Report each row of `rows`; `{name}` in the texts takes the cell of the row."""
    for row in rows.iter_rows(named=True):
        value = row.get(column)
        problems.add(
            Problem(
                severity=severity,
                table=table,
                row=row[ROW],
                column=column,
                value="" if value is None else str(value),
                problem=problem.format(**row),
                allowed=allowed.format(**row),
                file=row[FILE],
            )
        )


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
            allowed=listed(known),
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


def listed(names: set[str]) -> str:
    """Return sorted names as one text, cut if there are many."""
    ordered = sorted(names)
    shown = ", ".join(ordered[:_SHOWN_NAMES])
    if len(ordered) <= _SHOWN_NAMES:
        return shown
    return f"{shown} ... ({len(ordered)} names)"


def _nearest(value: str, known: set[str], column: ColumnSpec) -> str | None:
    if any(r.startswith("countries.") for r in column.references):
        code = nearest_country(value)
        if code in known:
            return code
    return nearest(value, known)


def check_places(frames: Frames, settings: Settings, problems: Problems) -> None:
    """Check country codes, memberships, home and the years of the settings."""
    _check_codes(frames["countries"], problems)
    _check_memberships(frames, problems)
    _check_home(frames, settings, problems)
    if settings.first_year < settings.base_year:
        _setting_error(
            frames,
            "first_year",
            str(settings.first_year),
            "first_year lies before base_year",
            f"{settings.base_year} or later",
            None,
            problems,
        )


def _check_codes(countries: pl.DataFrame, problems: Problems) -> None:
    known = set(country_names())
    bad = countries.drop_nulls("country").filter(
        ~pl.col("country").is_in(sorted(known))
    )
    for row in bad.iter_rows(named=True):
        code = row["country"]
        shaped = len(code) == 3 and code.isascii() and code.isupper()
        place = {
            "row": row[ROW],
            "column": "country",
            "value": code,
            "allowed": "ISO 3166-1 alpha-3 codes such as CHN, and ROW",
            "nearest": nearest_country(row["name"] or code) or nearest_country(code),
            "file": row[FILE],
        }
        if shaped and country_code(code) is None:
            # A private code may be meant; names elsewhere are held to this table.
            problems.warn("countries", "not an ISO country code", **place)
        else:
            problems.error("countries", "not a country code", **place)


def _check_memberships(frames: Frames, problems: Problems) -> None:
    rows = frames["memberships"]
    check_dates(rows, "memberships", problems)
    countries = sorted(set(frames["countries"]["country"].drop_nulls()))
    report(
        problems,
        rows.filter(pl.col("bloc").is_in([*countries, "world", "*"])),
        "memberships",
        "bloc",
        "a bloc must not be called like a country, world or *",
        allowed="any other name",
    )


def check_dates(rows: pl.DataFrame, table: str, problems: Problems) -> None:
    """Report rows whose `until` is not after `from`."""
    report(
        problems,
        rows.filter(pl.col("until") <= pl.col("from")),
        table,
        "until",
        "until is not after from",
        allowed="a day after {from}",
    )


def home_members(frames: Frames, settings: Settings) -> tuple[str, ...]:
    """Return the countries that home means; empty if it means none."""
    if settings.home in set(frames["countries"]["country"]):
        return (settings.home,)
    day = settings.as_of_date
    rows = frames["memberships"].filter(
        (pl.col("bloc") == settings.home)
        & (pl.col("from") <= day)
        & (pl.col("until").is_null() | (pl.col("until") > day))
    )
    return tuple(sorted(set(rows["country"].drop_nulls())))


def _check_home(frames: Frames, settings: Settings, problems: Problems) -> None:
    if home_members(frames, settings) and settings.home != REST:
        return
    countries = set(frames["countries"]["country"].drop_nulls()) - {REST}
    blocs = set(frames["memberships"]["bloc"].drop_nulls())
    if settings.home in blocs:
        problem = f"bloc {settings.home} has no members on {settings.as_of}"
    elif settings.home == REST:
        problem = "the rest of the world is no home"
    else:
        problem = "home is neither a country nor a bloc of the study"
    code = nearest_country(settings.home)
    _setting_error(
        frames,
        "home",
        settings.home,
        problem,
        listed(countries | blocs),
        code if code in countries else nearest(settings.home, countries | blocs),
        problems,
    )


def _setting_error(
    frames: Frames,
    name: str,
    value: str,
    problem: str,
    allowed: str,
    close: str | None,
    problems: Problems,
) -> None:
    rows = frames["settings"].filter(pl.col("name") == name)
    row = rows.row(0, named=True) if rows.height else {ROW: None, FILE: ""}
    problems.error(
        "settings",
        problem,
        row=row[ROW],
        column="value",
        value=value,
        allowed=allowed,
        nearest=close,
        file=row[FILE],
    )


def check_minerals(frames: Frames, problems: Problems) -> None:
    """Warn of a mineral that no list names but that is spelt like one that is."""
    on_lists = set(frames["lists"]["mineral"].drop_nulls())
    rows = frames["items"].filter(~pl.col("mineral").is_in(sorted(on_lists)))
    for row in rows.iter_rows(named=True):
        close = nearest(row["mineral"], on_lists) if row["mineral"] else None
        if close:
            problems.warn(
                "items",
                "no list names this mineral",
                row=row[ROW],
                column="mineral",
                value=row["mineral"],
                nearest=close,
                file=row[FILE],
            )
