# SPDX-License-Identifier: Apache-2.0
"""Open published files: encodings, archives, sheets; refuse what is broken."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from oreserve.errors import InputError
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fastexcel import ExcelReader

__all__ = [
    "Rows",
    "head_cells",
    "open_csv",
    "open_sheet",
    "refuse",
    "require_columns",
    "sheet_names",
]

HEAD_BYTES = 65536
# UTF-8 read as cp1252 and saved again: these pairs do not occur in real names.
_MOJIBAKE = ("Ã¼", "Ã´", "Ã©", "Ã¡", "Ã³", "Ã£", "Ã¨", "â€", "ï»¿", "\ufffd")


def refuse(
    problem: str,
    *,
    file: object,
    row: int | None = None,
    column: str | None = None,
    allowed: str = "",
    close: str | None = None,
) -> NoReturn:
    """Raise an InputError that says what, where, what is allowed and what is near."""
    place = [str(file)]
    if row is not None:
        place.append(f"row {row}")
    if column:
        place.append(f"column {column}")
    message = f"{', '.join(place)}: {problem}"
    if allowed:
        message += f"; allowed: {allowed}"
    if close:
        message += f"; did you mean {close!r}?"
    raise InputError(message)


@dataclass(frozen=True)
class Rows:
    """A file as text cells: `header` and `(row number, cells)`; header is a row too."""

    file: str
    header: tuple[str, ...]
    records: tuple[tuple[int, tuple[str, ...]], ...]
    encoding: str = "utf-8"
    header_row: int = 1
    _index: dict[str, int] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Remember where each column is."""
        for i, name in enumerate(self.header):
            self._index.setdefault(name, i)

    def named(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each record as a mapping from column to stripped text."""
        for row, cells in self.records:
            yield row, {n: cells[i].strip() for n, i in self._index.items()}


def _content(path: Path) -> list[tuple[str, bytes]]:
    """Return the CSV contents of a file, a gzip or a zip, by label."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = sorted(
                    n for n in archive.namelist() if n.lower().endswith(".csv")
                )
                return [(f"{path}:{n}", archive.read(n)) for n in names]
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            return [(str(path), gzip.decompress(content))]
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            refuse("there is no such file", file=path)
        refuse(f"cannot be read: {error}", file=path)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        refuse(
            f"the archive is corrupt or cut short: {error}", file=path, row=1,
            column="any", allowed="the whole file of the publisher",
        )  # fmt: skip
    return [(str(path), content)]


def _decoded(content: bytes, file: str) -> tuple[str, str]:
    if not content.strip():
        refuse("the file is empty", file=file, allowed="a header and rows")
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        refuse("encoded as UTF-16", file=file, row=1, allowed="UTF-8 or cp1252")
    if content[:4] in {b"PK\x03\x04", b"PAR1"}:
        kind = "an Excel workbook or zip" if content[:2] == b"PK" else "a Parquet file"
        refuse(f"is {kind}, no text", file=file, row=1, allowed="a CSV")
    if b"\0" in content:
        row = content[: content.index(b"\0")].count(b"\n") + 1
        refuse("the file is corrupt: it holds zero bytes", file=file, row=row)
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        refuse(
            f"byte {content[error.start]:#x} is in no encoding that publishers use",
            file=file,
            row=row,
            allowed="UTF-8 or cp1252",
        )


def _check_letters(
    cells: Sequence[str], header: Sequence[str], row: int, file: str
) -> None:
    """Refuse text that was decoded in one encoding and saved in another."""
    for i, cell in enumerate(cells):
        if any(pair in cell for pair in _MOJIBAKE):
            name = header[i] if i < len(header) else str(i + 1)
            refuse(
                f"wrongly encoded text {cell[:40]!r}: letters were read in one "
                "encoding and saved in another",
                file=file,
                row=row,
                column=name,
                allowed="the publisher's own file, in UTF-8 or cp1252",
            )


def _parsed(file: str, content: bytes, *, skip: int, delimiter: str) -> Rows:
    text, encoding = _decoded(content, file)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    header: tuple[str, ...] = ()
    records: list[tuple[int, tuple[str, ...]]] = []
    ascii_only = text.isascii()
    try:
        for number, cells in enumerate(reader, start=1):
            if number <= skip or not any(c.strip() for c in cells):
                continue
            if not ascii_only:
                _check_letters(cells, header, number, file)
            if not header:
                header = tuple(c.strip() for c in cells)
                first = number
                continue
            if len(cells) == len(header) + 1 and not cells[-1].strip():
                cells = cells[:-1]  # noqa: PLW2901  # a comma at the end of each line
            if len(cells) != len(header):
                _refuse_width(file, number, cells, header)
            records.append((number, tuple(cells)))
    except csv.Error as error:
        refuse(
            f"the file is corrupt or cut short: {error}",
            file=file,
            row=reader.line_num,
            column=header[-1] if header else "any",
            allowed="complete quoted cells",
        )
    if not header:
        refuse("the file has no header", file=file, row=skip + 1)
    if not records:
        refuse("the file has a header but no rows", file=file, row=2)
    return Rows(file, header, tuple(records), encoding, first)


def _refuse_width(
    file: str, row: int, cells: Sequence[str], header: Sequence[str]
) -> NoReturn:
    short = len(cells) < len(header)
    column = header[len(cells)] if short else header[-1]
    refuse(
        f"{len(cells)} cells where the header has {len(header)}"
        + (": the file is cut short or a cell is missing" if short else ""),
        file=file,
        row=row,
        column=column,
        allowed=f"{len(header)} cells",
    )


def open_csv(path: Path, *, skip: int = 0, delimiter: str = ",") -> list[Rows]:
    """Return the CSV tables of a file (one), a gzip (one) or a zip (each CSV)."""
    found = _content(path)
    if not found:
        refuse("the archive holds no CSV file", file=path, allowed="*.csv inside")
    return [_parsed(f, c, skip=skip, delimiter=delimiter) for f, c in found]


def require_columns(
    rows: Rows, wanted: Iterable[str], *, importer: str, meant: str = ""
) -> None:
    """Refuse a table in which columns are missing or renamed."""
    missing = [name for name in wanted if name not in rows.header]
    if not missing:
        return
    from oreserve.importers._registry import fitting

    close = nearest(missing[0], rows.header)
    other = fitting(rows.file, besides=importer)
    hint = f"; the file looks like `oreserve import {other}`" if other else ""
    refuse(
        f"column {missing[0]!r} is missing"
        + (f" ({len(missing)} missing in all)" if len(missing) > 1 else "")
        + (f" ({meant})" if meant else "")
        + hint,
        file=rows.file,
        row=rows.header_row,
        column=missing[0],
        allowed=", ".join(wanted),
        close=close,
    )


def head_cells(path: Path, *, lines: int = 6) -> list[list[str]]:
    """Return the first lines of a CSV as cells; empty if it is none. Never raises."""
    try:
        if zipfile.is_zipfile(path):
            if path.suffix.lower() != ".zip":
                return []
            with zipfile.ZipFile(path) as archive:
                names = sorted(n for n in archive.namelist() if n.endswith(".csv"))
                if not names:
                    return []
                with archive.open(names[0]) as part:
                    content = part.read(HEAD_BYTES)
        else:
            with path.open("rb") as raw:
                content = raw.read(HEAD_BYTES)
            if content[:2] == b"\x1f\x8b":
                with gzip.open(path) as part:
                    content = part.read(HEAD_BYTES)
        text = content.decode("utf-8-sig", errors="replace")
        reader = csv.reader(io.StringIO(text, newline=""))
        return [
            [c.strip() for c in cells]
            for _, cells in zip(range(lines), reader, strict=False)
        ]
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error, csv.Error):
        return []


def _book(path: Path) -> ExcelReader:
    """Open a workbook; the reader's own types stay inside this module."""
    import fastexcel

    try:
        return fastexcel.read_excel(path)
    except Exception as error:  # noqa: BLE001  # the reader has no public base class
        refuse(
            "is no workbook that can be read: "
            + (str(error).splitlines() or ["unknown"])[0],
            file=path,
            allowed="an undamaged .xlsx file",
        )


def sheet_names(path: Path) -> tuple[str, ...]:
    """Return the names of the sheets; empty if it is no workbook. Never raises."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return ()
    try:
        return tuple(_book(path).sheet_names)
    except InputError:
        return ()


def open_sheet(path: Path, name: str) -> list[list[str | None]]:
    """Return all cells of a sheet as text; row `i` of the list is row i + 1."""
    if not path.is_file():
        refuse("there is no such file", file=path)
    if path.stat().st_size == 0:
        refuse("the file is empty", file=path, allowed="an .xlsx workbook")
    book = _book(path)
    if name not in book.sheet_names:
        refuse(
            f"there is no sheet {name!r}",
            file=path,
            row=1,
            column=name,
            allowed=", ".join(book.sheet_names),
            close=nearest(name, book.sheet_names),
        )
    frame = book.load_sheet(name, header_row=None, dtypes="string").to_polars()
    return [
        [None if c is None or not str(c).strip() else str(c).strip() for c in row]
        for row in frame.iter_rows()
    ]
