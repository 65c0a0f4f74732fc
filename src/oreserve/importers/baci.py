# SPDX-License-Identifier: Apache-2.0
"""CEPII BACI: bilateral trade by HS6, yearly files, streamed."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oreserve.importers._countries import place_of_number
from oreserve.importers._files import head_cells, refuse
from oreserve.importers._fit import base_year
from oreserve.importers._gather import Gathered
from oreserve.importers._model import Imported, Options
from oreserve.importers._sources import Source, source_frame
from oreserve.importers._trade import (
    BASKETS,
    Flow,
    codes_of,
    lane_tables,
    leave_code_out,
)
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

__all__ = ["IMPORTER", "scan_baci"]

COLUMNS = ("t", "i", "j", "k", "v", "q")
_NAME = re.compile(r"(?i)BACI_HS(\d{2})_Y(\d{4})(?:_V(\d{6}[a-z]?))?")
_DICTIONARY = re.compile(r"(?i)(country|product)_codes")


def scan_baci(paths: Sequence[Path]) -> pl.LazyFrame:
    """Return yearly files as one lazy frame; nothing is read until it is collected.

    Collect with ``engine="streaming"`` after a filter or a group: memory then does
    not grow with the number of rows.

    Parameters
    ----------
    paths
        CSV (also gzip) or Parquet files with the columns t, i, j, k, v, q.

    Returns
    -------
    polars.LazyFrame
        year, exporter and importer (publisher's numbers), hs6 (six digits),
        kusd (thousand USD) and t (tonnes, null where not available).
    """
    import polars as pl

    schema = {"t": pl.Int32, "i": pl.Int32, "j": pl.Int32}
    texts = dict.fromkeys(("k", "v", "q"), pl.String)
    frames = []
    for path in paths:
        if path.suffix == ".parquet":
            lazy = pl.scan_parquet(path).select(
                *(pl.col(n).cast(t) for n, t in {**schema, **texts}.items())
            )
        else:
            lazy = pl.scan_csv(
                path, schema_overrides={**schema, **texts}, null_values=["NA", ""]
            )
        frames.append(lazy)
    return pl.concat(frames).select(
        pl.col("t").alias("year"),
        pl.col("i").alias("exporter"),
        pl.col("j").alias("importer"),
        pl.col("k").str.zfill(6).alias("hs6"),
        _number("v").alias("kusd"),
        _number("q").alias("t"),
    )


def _number(name: str) -> pl.Expr:
    """Cast quoted, padded text as the genuine files hold it."""
    import polars as pl

    text = pl.col(name).str.strip_chars()
    return pl.when(text.is_in(["NA", ""])).then(None).otherwise(text).cast(pl.Float64)


@dataclass(frozen=True)
class Baci:
    """One year of trade into lanes; the quantity is gross weight in tonnes."""

    name: str = "baci"
    title: str = "CEPII BACI yearly CSV, or the zip with its dictionaries"

    def sniff(self, path: Path) -> bool:
        """Tell by the six one-letter columns."""
        if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return any(_NAME.search(n) for n in archive.namelist())
        head = head_cells(path, lines=1)
        return bool(head) and tuple(head[0]) == COLUMNS

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read the year of `options`; other yearly files are not opened."""
        year = base_year(options)
        with _yearly(paths, year) as (files, dictionaries, years):
            chosen = [f for f in files if year is None or _year(f) in {year, None}]
            if not chosen:
                stated = f"--year {', '.join(map(str, years))}"
                refuse(
                    f"no file of {year}" if years else "no yearly file",
                    file=paths[0],
                    row=1,
                    column="t",
                    allowed=stated if years else "BACI_HS92_Y2024_V*.csv",
                )
            edition, version = _edition(chosen, options)
            source_id = f"BACI-{edition}" + (f"-{version}" if version else "")
            gathered = Gathered(
                self.name, f"BACI {edition} {version}".strip(), source_id
            )
            flows = _flows(chosen, dictionaries, year, options, gathered)
            source = Source(
                source_id,
                f"BACI bilateral trade, {edition} {version}".strip(),
                "CEPII",
                "Etalab Open Licence 2.0",
                "http://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=37",
            )
            tables = lane_tables(flows, options, gathered, source)
        return Imported(
            tables,
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
            gathered.tonnes_read,
        )


@contextmanager
def _yearly(
    paths: Sequence[Path], year: int | None
) -> Iterator[tuple[list[Path], list[Path], list[int]]]:
    """Give yearly files, dictionaries and all years; zips give the wanted year only."""
    with tempfile.TemporaryDirectory(prefix="oreserve-baci-") as scratch:
        found: list[Path] = []
        years = {_year(path) for path in paths}
        for path in paths:
            if path.suffix.lower() != ".zip":
                found.append(path)
                continue
            try:
                with zipfile.ZipFile(path) as archive:
                    names = [Path(n) for n in archive.namelist() if n.endswith(".csv")]
                    years |= {_year(n) for n in names}
                    for name in sorted(names):
                        if year is not None and _year(name) not in {year, None}:
                            continue
                        target = Path(scratch) / name.name
                        with (
                            archive.open(name.as_posix()) as part,
                            target.open("wb") as whole,
                        ):
                            shutil.copyfileobj(part, whole, 1 << 20)
                        found.append(target)
            except (zipfile.BadZipFile, EOFError) as error:
                refuse(f"the archive is corrupt or cut short: {error}", file=path)
        dictionaries = [p for p in found if _DICTIONARY.search(p.name)]
        files = [p for p in found if p not in dictionaries]
        yield files, dictionaries, sorted(y for y in years if y is not None)


def _year(path: Path) -> int | None:
    found = _NAME.search(path.name)
    return int(found[2]) if found else None


def _edition(files: list[Path], options: Options) -> tuple[str, str]:
    names = [_NAME.search(f.name) for f in files]
    editions = {f"HS{n[1]}" for n in names if n} or {"HS92"}
    versions = {n[3] for n in names if n and n[3]}
    if len(editions) > 1 or len(versions) > 1:
        refuse(
            f"several editions in one import: {sorted(editions | versions)}",
            file=files[0],
            allowed="one HS edition and one version",
        )
    return editions.pop(), options.vintage or (versions.pop() if versions else "")


def _check_header(path: Path) -> None:
    if path.is_file() and path.stat().st_size == 0:
        refuse("the file is empty", file=path, allowed=", ".join(COLUMNS))
    head = head_cells(path, lines=2)
    header = head[0] if head else []
    missing = [c for c in COLUMNS if c not in header]
    if missing:
        from oreserve.importers._registry import fitting

        other = fitting(path, besides="baci")
        hint = f"; the file looks like `oreserve import {other}`" if other else ""
        refuse(
            f"column {missing[0]!r} is missing{hint}",
            file=path,
            row=1,
            column=missing[0],
            allowed=", ".join(COLUMNS),
            close=nearest(missing[0], header),
        )
    if len(head) < 2:
        refuse("the file has a header but no rows", file=path, row=2, column="t",
               allowed="t,i,j,k,v,q of at least one flow")  # fmt: skip
    _check_end(path)


def _check_end(path: Path) -> None:
    """Refuse a file whose last row is cut: the streaming reader fills it with nulls."""
    if path.suffix in {".gz", ".parquet"}:
        return  # these say so themselves
    with path.open("rb") as whole:
        whole.seek(max(0, path.stat().st_size - 4096))
        last = whole.read().rstrip().splitlines()[-1]
    cells = next(csv.reader([last.decode("latin-1")]))
    if len(cells) == len(COLUMNS):
        return
    refuse(
        f"{len(cells)} cells where the header has {len(COLUMNS)}: the file is cut "
        "short or a cell is missing",
        file=path,
        row=_broken_row(path),
        column=COLUMNS[min(len(cells), len(COLUMNS) - 1)],
        allowed=f"{len(COLUMNS)} cells",
    )


def _flows(
    files: list[Path],
    dictionaries: list[Path],
    year: int | None,
    options: Options,
    gathered: Gathered,
) -> list[Flow]:
    """Aggregate each file by code and pair; memory holds only the result."""
    codes = codes_of(options)
    numbers = _dictionary(dictionaries)
    flows: dict[tuple[str, str, str], Flow] = {}
    for path in files:
        _check_header(path)
        for row in _collected(path, sorted(codes)).iter_rows(named=True):
            if row["year"] is None or (year is not None and row["year"] != year):
                refuse(
                    f"holds figures of {row['year']}, not of {year}",
                    file=path,
                    row=2,
                    column="t",
                    allowed=f"--year {row['year']}" if row["year"] else "a year",
                )
            gathered.rows_read += row["n"]
            gathered.tonnes_read += row["t"]
            if row["exporter"] is None:
                if row["hs6"] in BASKETS:
                    gathered.leave_out(
                        "hs code", row["hs6"], f"basket code: {BASKETS[row['hs6']]}",
                        file=str(path), column="k", tonnes=row["t"], rows=row["n"],
                    )  # fmt: skip
                    continue
                leave_code_out(
                    gathered, row["hs6"], codes, file=str(path), tonnes=row["t"],
                    rows=row["n"],
                )  # fmt: skip
                continue
            _add(flows, row, numbers, path, gathered)
    return [flows[key] for key in sorted(flows)]


def _collected(path: Path, codes: list[str]) -> pl.DataFrame:
    """Stream one file into sums by year, code and pair; other codes by code alone."""
    import polars as pl

    wanted = pl.col("hs6").is_in(codes)
    lazy = scan_baci([path]).with_columns(
        pl.col("hs6").is_null().alias("short"),
        pl.when(wanted).then("exporter").alias("exporter"),
        pl.when(wanted).then("importer").alias("importer"),
    )
    grouped = lazy.group_by("year", "hs6", "exporter", "importer").agg(
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("t").sum(),
        pl.col("t").is_null().sum().cast(pl.Int64).alias("missing"),
        pl.col("kusd").sum(),
        pl.col("short").any(),
    )
    try:
        frame = grouped.collect(engine="streaming")
    except OSError as error:  # a gzip that ends too early
        refuse(
            f"the archive is corrupt or cut short: {error}", file=path,
            row=_broken_row(path), column=", ".join(COLUMNS),
            allowed="the whole file of the publisher",
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        first = (str(error).splitlines() or ["unknown"])[0]
        refuse(
            f"cannot be read: {first}",
            file=path,
            row=_broken_row(path),
            column=", ".join(COLUMNS),
            allowed="numbers in t, i, j, v and q (or NA), six digits in k",
        )
    if frame["short"].any():
        refuse(
            "a row without code: the file is cut short or a cell is missing",
            file=path,
            row=_broken_row(path),
            column="k",
            allowed=f"{len(COLUMNS)} cells in each row",
        )
    return frame.sort("year", "hs6", "exporter", "importer", nulls_last=True)


def _broken_row(path: Path) -> int | None:
    """Find the first row that a plain reader cannot take; only after a failure."""
    import gzip

    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            for number, cells in enumerate(csv.reader(lines), start=1):
                if number == 1:
                    continue
                if len(cells) != len(COLUMNS):
                    return number
                try:
                    [int(c) for c in cells[:4]]
                    [float(c) for c in cells[4:] if c.strip() not in {"", "NA"}]
                except ValueError:
                    return number
    except (OSError, EOFError, UnicodeDecodeError, csv.Error):
        return number + 1  # the first that is not there
    return None


def _dictionary(paths: list[Path]) -> dict[int, str]:
    """Return the names of country numbers, for the list of what is unknown."""
    names: dict[int, str] = {}
    for path in paths:
        if "country" not in path.name.lower():
            continue
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for row in csv.DictReader(lines):
                number = row.get("country_code", "")
                if number and number.isdigit():
                    names[int(number)] = row.get("country_name") or number
    return names


def _add(
    flows: dict[tuple[str, str, str], Flow],
    row: dict[str, object],
    names: dict[int, str],
    path: Path,
    gathered: Gathered,
) -> None:
    ends = []
    n, t, hs6 = int(str(row["n"])), float(str(row["t"])), str(row["hs6"])
    missing = int(str(row["missing"]))
    for column in ("exporter", "importer"):
        number = int(str(row[column]))
        target = place_of_number(number)
        if not target.fits_study or target.code is None:
            reason = {
                "historic": f"historic state {target.code}: never given to a successor",
                "group": "a group of countries",
            }.get(target.kind, "unknown number")
            gathered.leave_out(
                "country", names.get(number, str(number)), reason,
                file=str(path), column=column[0], tonnes=t, rows=n,
            )  # fmt: skip
            return
        ends.append(target.code)
    key = (hs6, ends[0], ends[1])
    flow = flows.setdefault(key, Flow(*key, t=None, usd=0.0, file=str(path), rows=0))
    flow.rows += n
    flow.usd = (flow.usd or 0.0) + 1000.0 * float(str(row["kusd"]))
    if missing < n:
        flow.t = (flow.t or 0.0) + t
    if 0 < missing < n:
        flow.notes.add(f"{missing} of {n} quantities missing")


IMPORTER = Baci()
