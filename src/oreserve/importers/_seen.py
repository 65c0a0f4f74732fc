# SPDX-License-Identifier: Apache-2.0
"""What a file is, in words, and what a format expects: for messages of refusal."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import head_cells, refuse, sheet_names
from oreserve.tables import nearest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LAYOUTS", "Layout", "Seen", "refuse_unlike", "seen"]

SHOWN = 6  # names of columns, sheets or members that a message shows
ALIKE = 0.34  # share of expected columns that makes a table one with a slip in it


@dataclass(frozen=True)
class Layout:
    """What a format expects.

    Parameters
    ----------
    kinds
        Of `csv` (plain, gzip, or in a zip) and `xlsx`.
    columns
        Columns of the header of a CSV.
    sheets
        In words: the sheets of a workbook.
    first
        Column that a message names for a workbook.
    """

    kinds: tuple[str, ...]
    columns: tuple[str, ...] = ()
    sheets: str = ""
    first: str = ""

    @property
    def column(self) -> str:
        """The column to look for first."""
        return self.first or (self.columns[0] if self.columns else "any")

    @property
    def says(self) -> str:
        """The layout in words."""
        parts = []
        if "csv" in self.kinds:
            parts.append(
                "a CSV with the columns " + ", ".join(self.columns)
                if self.columns
                else "a CSV"
            )
        if "xlsx" in self.kinds:
            parts.append(f"an .xlsx workbook with {self.sheets}")
        return " or ".join(parts)


LAYOUTS: dict[str, Layout] = {
    "usgs-mcs": Layout(
        ("csv",),
        ("MCS chapter", "Section", "Commodity", "Country", "Statistics",
         "Statistics_detail", "Unit", "Year", "Value"),
    ),
    "usgs-world": Layout(
        ("csv",), ("SOURCE", "COMMODITY", "COUNTRY", "TYPE", "UNIT_MEAS", "PROD_2023")
    ),
    "usgs-salient": Layout(("csv",), ("DataSource", "Commodity", "Year", "Imports_t")),
    "baci": Layout(("csv",), ("t", "i", "j", "k", "v", "q")),
    "comtrade": Layout(
        ("csv",),
        ("refYear", "reporterISO", "flowCode", "partnerISO", "cmdCode", "netWgt",
         "primaryValue"),
    ),
    "wgi": Layout(
        ("csv", "xlsx"),
        ("code", "year", "estimate"),
        "sheets VoiceandAccountability to ControlofCorruption",
    ),
    "pink-sheet": Layout(("xlsx",), sheets="the sheet Monthly Prices", first="names"),
    "bgs": Layout(
        ("csv",),
        ("country_trans", "country_iso3_code", "bgs_commodity_trans", "units", "year",
         "quantity", "bgs_statistic_type_trans"),
    ),
    "bea": Layout(("csv",), ("code", "111CA")),
    "wmd": Layout(
        ("xlsx",), sheets="a row of Country, unit and years, one sheet a mineral",
        first="Country",
    ),
    "iea": Layout(("xlsx",), sheets="sheets such as 1 Total demand for key minerals",
                  first="scenario"),
    "hdi": Layout(("csv",), ("country", "year", "hdi")),
    "icmm": Layout(
        ("xlsx",), sheets="the sheet External (ICMMID, Asset Type, Country ...)",
        first="ICMMID",
    ),
    "csv": Layout(("csv",)),
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a file turned out to be.

    Parameters
    ----------
    kind
        empty, csv, xlsx, zip (without any CSV), utf-16, text, broken or binary.
    says
        The same in words, with the first names that it holds.
    header
        First row of a CSV.
    """

    kind: str
    says: str
    header: tuple[str, ...] = ()


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(n[:40]) for n in names[:SHOWN]) + more


_MAGIC = {
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old .xls workbook (save it as .xlsx)",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a picture",
    b"SQLite": "an SQLite database",
}


def seen(path: Path) -> Seen:
    """Look at the head of a file. Never raises but where it cannot be opened."""
    with path.open("rb") as raw:
        start = raw.read(4096)
    if not start.strip():
        return Seen("empty", "an empty file")
    for magic, says in _MAGIC.items():
        if start.startswith(magic):
            return Seen("binary", says)
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Seen("utf-16", "text encoded as UTF-16")
    if zipfile.is_zipfile(path):
        return _archive(path)
    if start[:2] == b"PK":
        return Seen("broken", "a workbook or archive that is corrupt or cut short")
    if start[:2] == b"\x1f\x8b":
        if not head_cells(path, lines=1):
            return Seen("broken", "a gzip archive that is corrupt or cut short")
    elif b"\0" in start.splitlines()[0]:
        return Seen("binary", "a binary file, no text")
    return _text(path)


def _archive(path: Path) -> Seen:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(n for n in archive.namelist() if not n.endswith("/"))
    except (OSError, zipfile.BadZipFile) as error:
        return Seen("broken", f"an archive that is corrupt or cut short ({error})")
    if "[Content_Types].xml" in names:
        sheets = sheet_names(path)
        if not sheets:
            return Seen("broken", "a workbook that is corrupt, or a Word document")
        return Seen("xlsx", f"a workbook with the sheets {_some(sheets)}")
    if any(n.lower().endswith(".csv") for n in names):
        header = tuple((head_cells(path, lines=1) or [[]])[0])
        return Seen(
            "csv", f"a zip whose first CSV has the columns {_some(header)}", header
        )
    return Seen("zip", f"a zip that holds no CSV file but {_some(names) or 'nothing'}")


def _text(path: Path) -> Seen:
    rows = [r for r in head_cells(path) if any(r)]
    first = rows[0] if rows else []
    line = ", ".join(first)
    if line.startswith(("{", "[")):
        return Seen("text", f"JSON text that begins with {line[:40]!r}")
    if line.startswith("<"):
        return Seen("text", f"a web page or XML that begins with {line[:40]!r}")
    if len(first) < 2:
        mark = next((m for m in (";", "\t", "|") if m in line), "")
        how = f" (cells divided by {mark!r}, not by commas)" if mark else ""
        return Seen("text", f"text without columns{how} that begins with {line[:40]!r}")
    return Seen("csv", f"a CSV with the columns {_some(first)}", tuple(first))


def refuse_unlike(path: Path, name: str) -> None:
    """Refuse a file that is no file of this format at all.

    A file with some of the expected columns passes: the reader names the column
    that is missing or renamed.

    Raises
    ------
    InputError
        Says what was seen, what the format expects and which importer fits.
    """
    from oreserve.importers._registry import fitting, importer

    layout, found = LAYOUTS[name], seen(path)
    column = layout.column
    if found.kind == "empty":
        refuse("the file is empty", file=path, row=1, column=column,
               allowed=layout.says)  # fmt: skip
    if name == "csv" and found.kind in {"csv", "text"}:
        return
    other = fitting(path, besides=name)
    if other and name != "csv":
        refuse(
            f"is no {name} file but {found.says}; it looks like {other} "
            f"({importer(other).title}): use `oreserve import {other}`",
            file=path, row=1, column=column, allowed=layout.says,
        )  # fmt: skip
    if found.kind in layout.kinds and _alike(found.header, layout):
        return
    if found.kind == "utf-16":
        hint = "encoded as UTF-16; save it as UTF-8"
    elif found.kind == "broken":
        hint = f"is {found.says}: fetch it again"
    else:
        fits = f"`oreserve import {other}` reads it" if other else _no_importer(found)
        hint = f"is no {name} file but {found.says}; {fits}"
    refuse(hint, file=path, row=1, column=column, allowed=layout.says,
           close=_close(found, layout))  # fmt: skip


def _no_importer(found: Seen) -> str:
    if found.kind == "csv":
        return "no importer knows it: `oreserve import csv --map` reads any CSV"
    if found.kind in {"xlsx", "zip", "text"}:
        return (
            "no importer reads it; a table saved as CSV goes in by `oreserve import "
            "csv --map`"
        )
    return "no importer reads it"


def _alike(header: tuple[str, ...], layout: Layout) -> bool:
    """Tell whether a header is the expected one with a slip in it."""
    if not layout.columns or not header:
        # Sheets are the reader's to judge: it names the one that is missing.
        return layout.kinds == ("xlsx",) and not header
    have = {c.strip().lower() for c in header}
    hits = sum(c.lower() in have for c in layout.columns)
    return hits >= ALIKE * len(layout.columns)


def _close(found: Seen, layout: Layout) -> str | None:
    return nearest(layout.columns[0], found.header) if layout.columns else None
