# SPDX-License-Identifier: Apache-2.0
"""What an importer is, what it is told and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from oreserve.study import Study

__all__ = ["Imported", "Importer", "Options"]


@dataclass(frozen=True)
class Options:
    """What the user chooses; every part has a safe default.

    Parameters
    ----------
    study
        The study that is extended: its items, processes and countries are what
        published names are matched to. None: nothing fits a table but observations.
    year
        The year that goes into tables without a date (plants, lanes, countries,
        industries). None: the base year of the study, or the newest year of the
        file for scores.
    vintage
        Edition of the file where the file itself does not say it.
    mapping
        Contents of the `--map` file.
    """

    study: Study | None = None
    year: int | None = None
    vintage: str | None = None
    mapping: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """What one import found.

    Parameters
    ----------
    tables
        Rows for tables of a study, by table, in canonical units.
    flags
        One row per published figure: table, key, published text and unit, value,
        low, high, unit, flag, estimated, vintage, source, file, row, column.
    unmapped
        What no table can hold: what, name, nearest match, reason, tonnes, rows,
        and the first place (file, row, column).
    sources
        Rows of the `sources` table.
    rows_read
        Data rows in the files.
    """

    tables: Mapping[str, pl.DataFrame]
    flags: pl.DataFrame
    unmapped: pl.DataFrame
    sources: pl.DataFrame
    rows_read: int = 0

    def summary(self) -> str:
        """Return one line per table and what was left out."""
        lines = [f"{self.rows_read} rows read"]
        lines += [
            f"  {name}: {frame.height} rows"
            for name, frame in sorted(self.tables.items())
            if frame.height
        ]
        if self.unmapped.height:
            tonnes = self.unmapped["tonnes"].sum()
            lines.append(f"  not mapped: {self.unmapped.height} names, {tonnes:,.0f} t")
            for row in self.unmapped.head(10).iter_rows(named=True):
                hint = f"; nearest {row['nearest']}" if row["nearest"] else ""
                t = "" if row["tonnes"] is None else f" ({row['tonnes']:,.6g} t)"
                lines.append(
                    f"    {row['what']} {row['name']!r}{t}: {row['reason']}{hint}"
                )
            if self.unmapped.height > 10:
                lines.append(f"    ... and {self.unmapped.height - 10} more")
        return "\n".join(lines)


class Importer(Protocol):
    """One published format.

    `sniff` looks at the head of a file and never raises; `read` reads whole files
    and raises `InputError` with file, row and column when one cannot be trusted.
    """

    @property
    def name(self) -> str:
        """Word of the command line."""

    @property
    def title(self) -> str:
        """What it reads, for a list."""

    def sniff(self, path: Path) -> bool:
        """Tell whether the file looks like this format."""

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read files of this format."""
