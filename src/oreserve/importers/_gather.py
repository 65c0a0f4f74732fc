# SPDX-License-Identifier: Apache-2.0
"""Collect published figures with their provenance; keep a list of what fits nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from oreserve.importers._commodities import Good, good_of, nearest_commodity
from oreserve.importers._countries import Place, place
from oreserve.importers._units import nearest_unit, published_unit
from oreserve.importers._values import Figure, figure

if TYPE_CHECKING:
    import polars as pl

    from oreserve.importers._prices import Terms

__all__ = ["Fact", "Gathered", "Unmapped", "slug"]

FACT_COLUMNS = (
    "format", "statistic", "commodity", "detail", "mineral", "stage", "basis", "place",
    "code", "kind", "date", "published", "published_unit", "value", "low", "high",
    "unit", "flag", "estimated", "vintage", "source_id", "file", "row", "column",
    "note",
)  # fmt: skip


def slug(text: str) -> str:
    """Return a text as one word for the name of a series."""
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return "_".join(words)


@dataclass(frozen=True)
class Fact:
    """One published figure, resolved as far as the names allow."""

    format: str
    statistic: str
    commodity: str
    detail: str
    good: Good | None
    place: str
    where: Place
    date: str
    published: str
    published_unit: str
    figure: Figure
    unit: str
    estimated: bool
    vintage: str
    source_id: str
    file: str
    row: int
    column: str
    note: str

    @property
    def series(self) -> str:
        """Name of the series in `observations`."""
        if self.good is None:
            what = slug(self.commodity)
        else:
            good = self.good
            what = f"{slug(good.mineral)}/{good.stage}/{good.basis}"
        parts = [self.format, self.statistic, what, slug(self.detail) or "all"]
        return "/".join([*parts, self.where.code or "unknown"])

    def record(self) -> dict[str, object]:
        """Return the fact as a row of the flags table."""
        good = self.good or Good("", "", "")
        return {
            "format": self.format,
            "statistic": self.statistic,
            "commodity": self.commodity,
            "detail": self.detail,
            "mineral": good.mineral or None,
            "stage": good.stage or None,
            "basis": good.basis or None,
            "place": self.place,
            "code": self.where.code,
            "kind": self.where.kind,
            "date": self.date,
            "published": self.published,
            "published_unit": self.published_unit,
            "value": self.figure.value,
            "low": self.figure.low,
            "high": self.figure.high,
            "unit": self.unit,
            "flag": self.figure.flag,
            "estimated": self.estimated,
            "vintage": self.vintage,
            "source_id": self.source_id,
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "note": self.note or None,
        }


@dataclass
class Unmapped:
    """One name that fits nowhere, with everything that hangs on it."""

    what: str
    name: str
    reason: str
    nearest: str | None
    file: str
    row: int | None
    column: str
    tonnes: float | None = None
    rows: int = 0


@dataclass
class Gathered:
    """Facts and what could not be mapped, of one import."""

    format: str
    vintage: str
    source_id: str
    facts: list[Fact] = field(default_factory=list)
    left_out: dict[tuple[str, str, str], Unmapped] = field(default_factory=dict)
    rows_read: int = 0
    tonnes_read: float = 0.0

    def leave_out(
        self,
        what: str,
        name: str,
        reason: str,
        *,
        file: str,
        row: int | None = None,
        column: str = "",
        close: str | None = None,
        tonnes: float | None = None,
        rows: int = 1,
    ) -> None:
        """List a name that fits nowhere; tonnes add up over its rows."""
        key = (what, name, reason)
        entry = self.left_out.setdefault(
            key, Unmapped(what, name, reason, close, file, row, column)
        )
        entry.rows += rows
        if tonnes is not None:
            entry.tonnes = (entry.tonnes or 0.0) + tonnes

    def add(
        self,
        *,
        statistic: str,
        commodity: str,
        detail: str,
        where: str,
        date: str,
        text: str | None,
        unit: str,
        file: str,
        row: int,
        column: str,
        estimated: bool = False,
        note: str = "",
        good: Good | None = None,
        needs_good: bool = True,
        given: Figure | None = None,
        terms: Terms | None = None,
    ) -> None:
        """Resolve one published figure and keep it, or list why it fits nowhere."""
        if terms is not None and terms.refused:
            self.leave_out(
                "price", f"{commodity} {column}", terms.refused, file=file, row=row,
                column=column,
            )  # fmt: skip
            return
        if terms is not None:
            unit = terms.unit or unit
            note = "; ".join(filter(None, (note, terms.note)))
        read = given or figure(text)
        known = published_unit(unit)
        share = terms.content if terms is not None and terms.content else 1.0
        in_unit = read.times(known[1] / share) if known else read
        target = place(where)
        # A world total would count its countries twice.
        counted = known is not None and known[0] == "t" and target.kind != "world"
        tonnes = in_unit.value if counted else None
        published = (text or "").strip()
        if read.flag == "unreadable":
            self.leave_out(
                "figure",
                published,
                "no rule reads it",
                file=file,
                row=row,
                column=column,
            )
            return
        if known is None and read.value is not None:
            self.leave_out(
                "unit",
                unit or "(none)",
                "the unit is not in the unit table",
                close=nearest_unit(unit),
                file=file,
                row=row,
                column=column,
            )
            return
        found = good or good_of(commodity, detail)
        if found is not None and terms is not None and terms.basis:
            found = replace(found, basis=terms.basis)
        if found is None and needs_good:
            self.leave_out(
                "commodity",
                commodity,
                "no rule says its mineral, stage and basis",
                close=nearest_commodity(commodity),
                tonnes=tonnes,
                file=file,
                row=row,
                column=column,
            )
            return
        if target.code is None:
            self.leave_out(
                "country",
                where,
                "a group of countries" if target.kind == "group" else "unknown name",
                close=target.nearest,
                tonnes=tonnes,
                file=file,
                row=row,
                column=column,
            )
            return
        self.facts.append(
            Fact(
                self.format,
                statistic,
                commodity,
                detail,
                found,
                where,
                target,
                date,
                published,
                unit,
                in_unit,
                known[0] if known else "",
                estimated,
                self.vintage,
                self.source_id,
                file,
                row,
                column,
                note,
            )
        )

    def flag_frame(self) -> pl.DataFrame:
        """Return all facts as a frame, sorted."""
        import polars as pl

        types: dict[str, pl.DataType] = {
            **dict.fromkeys(("value", "low", "high"), pl.Float64()),
            "row": pl.Int64(),
            "estimated": pl.Boolean(),
        }
        schema = {n: types.get(n, pl.String()) for n in FACT_COLUMNS}
        rows = [f.record() for f in self.facts]
        return pl.DataFrame(rows, schema=schema).sort(
            "statistic", "commodity", "detail", "place", "date", "file", "row",
            "column", nulls_last=True,
        )  # fmt: skip

    def unmapped_frame(self) -> pl.DataFrame:
        """Return what fits nowhere, the most tonnes first."""
        import polars as pl

        schema = {
            "what": pl.String, "name": pl.String, "nearest": pl.String,
            "reason": pl.String, "tonnes": pl.Float64, "rows": pl.Int64,
            "file": pl.String, "row": pl.Int64, "column": pl.String,
        }  # fmt: skip
        rows = [
            {name: getattr(entry, name) for name in schema}
            for entry in self.left_out.values()
        ]
        return pl.DataFrame(rows, schema=schema).sort(
            ["tonnes", "what", "name", "reason"],
            descending=[True, False, False, False],
            nulls_last=True,
        )
