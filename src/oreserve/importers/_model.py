# SPDX-License-Identifier: Apache-2.0
"""What an importer is, what it is told and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from oreserve.importers._changes import change_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from oreserve.study import Study

__all__ = [
    "KEPT", "MINERAL_TRADE", "MOVED", "OLDER", "OTHER_TRADE", "Imported", "Importer",
    "Options",
]  # fmt: skip

OTHER_TRADE = "other trade"  # trade by codes that no item of the study is near to
KEPT = "lane kept"  # stands beside what an import wrote
MOVED = "lanes moved"  # the rest of the world shipped what it no longer makes
OLDER = "older edition"  # an item that stands on a newer edition
MINERAL_TRADE = "mineral chapter"
SHOWN = 10
WIDE = 120  # characters of a reason on the screen; the file has all


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
    as_base_year
        Let figures of another `year` stand for the base year of the study.
    allow_older
        Let an older edition of a publisher replace a newer one.
    partial
        Let trade of some of an item's HS codes stand for all of them.
    """

    study: Study | None = None
    year: int | None = None
    vintage: str | None = None
    mapping: Mapping[str, Any] = field(default_factory=dict)
    as_base_year: bool = False
    allow_older: bool = False
    partial: bool = False


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
    tonnes_read
        Gross tonnes in the files, of whatever goods; 0 where they are not added up.
    changes
        What `import_into` changed: table, row, item, what (added, replaced,
        unchanged), evidence of the row before, old, new (base-year tonnes a year
        where the table has them). None before.
    """

    tables: Mapping[str, pl.DataFrame]
    flags: pl.DataFrame
    unmapped: pl.DataFrame
    sources: pl.DataFrame
    rows_read: int = 0
    tonnes_read: float = 0.0
    changes: pl.DataFrame | None = None

    def other_trade(self) -> dict[str, Any] | None:
        """Return codes, tonnes and shares of trade near to no item; None if none."""
        import polars as pl

        rest = self.unmapped.filter(pl.col("what") == OTHER_TRADE)
        if not rest.height:
            return None
        of_minerals = rest.filter(pl.col("reason").str.starts_with(MINERAL_TRADE))
        tonnes = float(rest["tonnes"].sum())
        return {
            "codes": rest.height,
            "codes_in_mineral_chapters": of_minerals.height,
            "tonnes": tonnes,
            "share_of_tonnes": tonnes / self.tonnes_read if self.tonnes_read else None,
        }

    def summary(self) -> str:
        """Return one line per table, what was left out, and the trade that is other."""
        import polars as pl

        lines = [f"{self.rows_read} rows read"]
        lines += [
            f"  {name}: {frame.height} rows"
            for name, frame in sorted(self.tables.items())
            if frame.height and self.changes is None
        ]
        lines += change_lines(self.changes)
        kept = self.unmapped.filter(pl.col("what") == KEPT)
        if kept.height:
            lines.append(f"  lanes kept beside new ones: {kept['rows'].sum()} of "
                         f"{kept['name'].n_unique()} items, "
                         f"{kept['tonnes'].sum():,.0f} t (see the list)")  # fmt: skip
        lines += self._moved() + self._older()
        apart = [OTHER_TRADE, KEPT, MOVED, OLDER]
        near = self.unmapped.filter(~pl.col("what").is_in(apart))
        if near.height:
            lines.append(f"  not mapped: {near.height} names{_tonnes(near)}")
            for row in near.head(SHOWN).iter_rows(named=True):
                hint = f"; nearest {row['nearest']}" if row["nearest"] else ""
                t = "" if row["tonnes"] is None else f" ({row['tonnes']:,.6g} t)"
                reason = row["reason"]
                reason = reason if len(reason) <= WIDE else f"{reason[:WIDE]}..."
                lines.append(f"    {row['what']} {row['name']!r}{t}: {reason}{hint}")
            if near.height > SHOWN:
                lines.append(f"    ... and {near.height - SHOWN} more")
        other = self.other_trade()
        if other:
            share = other["share_of_tonnes"]
            of_all = "" if share is None else f", {share:.1%} of the tonnes in the file"
            lines.append(
                f"  other trade, not for this study: {other['codes']} codes{of_all} "
                f"({other['codes_in_mineral_chapters']} in mineral chapters)"
            )
        return "\n".join(lines)

    def _moved(self) -> list[str]:
        import polars as pl

        rows = self.unmapped.filter(pl.col("what") == MOVED).sort("name")
        if not rows.height:
            return []
        pairs = rows.select("name", "reason").iter_rows()
        told = [f"    {name}: {reason}" for name, reason in pairs]
        return [f"  lanes of the rest of the world: {rows.height} items", *told]

    def _older(self) -> list[str]:
        import polars as pl

        rows = self.unmapped.filter(pl.col("what") == OLDER)
        if not rows.height:
            return []
        items = sorted(rows["nearest"].unique().drop_nulls().to_list())
        what = f"{len(items)} items kept on the newer edition; --allow-older"
        return [f"  {what} turns them back: {_shortened(items)}"]


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _tonnes(rows: pl.DataFrame) -> str:
    """Return tonnes of a list; gross and contained ones are not told apart here."""
    found = rows["tonnes"].drop_nulls()
    return f", {found.sum():,.0f} t as published" if found.len() else ""


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
