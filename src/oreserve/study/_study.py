# SPDX-License-Identifier: Apache-2.0
"""The frozen study that every verb takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.study._dates import add_months
from oreserve.study._home import find_home
from oreserve.tables import (
    TABLES,
    choices,
    country_names,
    empty,
    nearest,
    nearest_country,
    spec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.study._settings import Settings

EVERYBODY = "*"
# Settings that the checks of the tables depend on.
_CHECKED = ("home", "as_of", "base_year", "first_year", "calibrate", "reconcile")


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A study: its tables, its settings and the hash of both.

    `tables` holds what the files say, with null where they say nothing;
    `table(name)` fills the defaults of the column specs.
    """

    name: str
    title: str
    tables: Mapping[str, pl.DataFrame]
    settings: Settings
    folder: Path | None = None
    _filled: dict[str, pl.DataFrame] = field(
        default_factory=dict, repr=False, compare=False
    )

    def table(self, name: str) -> pl.DataFrame:
        """Return a table with all columns of its spec, sorted by key.

        Defaults of the specs stand where a file has null; all else stays null.
        """
        if name not in self._filled:
            self._filled[name] = _with_defaults(name, self.tables.get(name))
        return self._filled[name]

    @cached_property
    def hash(self) -> str:
        """Return the sha256 of the content; the order of rows does not count."""
        digest = hashlib.sha256()
        for name, text in self.settings.as_texts().items():
            digest.update(f"{name}={text}\n".encode())
        for name in TABLES:
            frame = self.tables.get(name)
            if name != "settings" and frame is not None and frame.height:
                digest.update(f"[{name}]\n".encode())
                digest.update(canonical_csv(name, frame).encode())
        return digest.hexdigest()

    @cached_property
    def home_countries(self) -> tuple[str, ...]:
        """Countries that home means, sorted: itself, or a bloc's members at as_of."""
        return self.members(self.settings.home)

    def members(self, name: str, *, on: date | None = None) -> tuple[str, ...]:
        """Return the countries that a country, bloc or ``*`` means, sorted.

        `on` is the day of membership; as_of by default.

        Raises
        ------
        InputError
            If the name is neither a country nor a bloc of the study.
        """
        countries = self.tables["countries"]["country"]
        if name == EVERYBODY:
            return tuple(sorted(countries))
        if name in countries:
            return (name,)
        day = on or self.settings.as_of_date
        rows = self.table("memberships").filter(pl.col("bloc") == name)
        if not rows.height:
            raise InputError(self._unknown_place(name))
        valid = rows.filter(
            (pl.col("from") <= day)
            & (pl.col("until").is_null() | (pl.col("until") > day))
        )
        return tuple(sorted(set(valid["country"])))

    def _unknown_place(self, name: str) -> str:
        countries = sorted(self.tables["countries"]["country"])
        blocs = sorted(set(self.table("memberships")["bloc"]))
        close = nearest_country(name)
        if close not in countries:
            close = nearest(name, [*blocs, *countries])
        hint = f"; did you mean {close!r}?" if close else ""
        return (
            f"{name!r} is neither a country nor a bloc of study {self.name}"
            f"; {choices(name, [*countries, *blocs])}{hint}"
        )

    def with_settings(self, **changes: Any) -> Study:
        """Return the study with other settings; unknown ones are refused.

        `home` may be a name, an ISO code or a number of a country, or a bloc.

        Raises
        ------
        InputError
            If a setting is wrong, or the study does not hold under it (StudyError):
            a base year without prices, a home that would outbid the others.
        """
        changed = self.settings.changed(**changes)
        study = replace(self, settings=changed, _filled={})
        if "home" in changes:
            changed = replace(changed, home=find_home(study, changed.home))
            study = replace(study, settings=changed)
        if any(
            getattr(changed, name) != getattr(self.settings, name) for name in _CHECKED
        ):
            from oreserve.study._load import recheck

            recheck(study)
        return study

    def with_tables(self, **frames: pl.DataFrame) -> Study:
        """Return the study with some tables replaced; the result is checked."""
        from oreserve.study._load import rebuilt

        return rebuilt(self, frames)

    def save(self, folder: str | Path) -> Path:
        """Write the study as a folder; it appears whole or not at all."""
        from oreserve.study._save import save_study

        return save_study(self, Path(folder))

    def period_starts(self, periods: int | None = None) -> tuple[date, ...]:
        """Return the first day of each period from settings.first_year on.

        Raises
        ------
        InputError
            If `periods` is below 1 or beyond the horizon.
        """
        months = round(12 * self.settings.period_years)
        most = self.settings.horizon_years * 12 // months
        count = most if periods is None else periods
        if not 1 <= count <= most:
            message = (
                f"periods is {count}; allowed: 1 to {most} "
                f"(horizon_years {self.settings.horizon_years})"
            )
            raise InputError(message)
        start = date(self.settings.first_year, 1, 1)
        return tuple(add_months(start, months * n) for n in range(count))

    def __repr__(self) -> str:
        """Show the summary: the tables would fill pages."""
        return self.summary()

    def summary(self) -> str:
        """Return a few lines: what the study holds."""
        rows = {name: frame.height for name, frame in self.tables.items()}
        minerals = self.table("items")["mineral"].n_unique()
        home = self.settings.home
        label = country_names().get(home, home)
        return "\n".join(
            [
                f"{self.name}: {self.title}",
                (
                    f"home {home} ({label}), as of {self.settings.as_of}, base year "
                    f"{self.settings.base_year}, {self.settings.first_year} for "
                    f"{self.settings.horizon_years} years"
                ),
                f"{minerals} minerals, "
                + ", ".join(
                    f"{rows.get(name, 0)} {name}"
                    for name in ("items", "countries", "plants", "demands", "lanes")
                ),
                f"hash {self.hash[:12]}",
            ]
        )


def _with_defaults(name: str, frame: pl.DataFrame | None) -> pl.DataFrame:
    table_spec = spec(name)
    if frame is None:
        return empty(name)
    filled = [
        pl.col(c.name).fill_null(
            pl.lit(c.default).cast(pl.String).pipe(_as_type, c.type)
        )
        for c in table_spec.columns
        if c.default is not None and not c.is_pattern
    ]
    return frame.with_columns(filled)


def _as_type(default: pl.Expr, kind: str) -> pl.Expr:
    if kind == "boolean":
        return default == "true"
    if kind in {"number", "integer"}:
        return default.cast(pl.Float64 if kind == "number" else pl.Int64)
    return default


def canonical_csv(name: str, frame: pl.DataFrame) -> str:
    """Return a table of a study, which is sorted by key, in one form as text."""
    table_spec = spec(name)
    extra = sorted(set(frame.columns) - set(table_spec.names))
    return frame.select(*table_spec.names, *extra).write_csv()


def ordered(tables: Mapping[str, pl.DataFrame]) -> Mapping[str, pl.DataFrame]:
    """Return the tables in the order of the specs."""
    return {name: tables[name] for name in TABLES if name in tables}
