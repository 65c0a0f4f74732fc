# SPDX-License-Identifier: Apache-2.0
"""Look into a workbook before a reader does: whether it is one, and of sane size.

A workbook is a zip of XML. A few kilobytes can unpack to gigabytes, and one cell in
the last row and column makes a reader set aside memory for all cells before it. So
the file is unpacked once in small parts, nothing is kept, and a parser counts where
its rows and cells would lie.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final, NoReturn
from xml.parsers import expat

from oreserve.errors import InputError

__all__ = ["MOST_BYTES", "MOST_COLUMNS", "MOST_UNPACKED", "checked_bytes"]

MOST_BYTES: Final = 10_000_000  # of a file
MOST_UNPACKED: Final = 100_000_000  # of what is zipped in it
MOST_LINES: Final = 20_000  # last row of a sheet that has a cell
MOST_COLUMNS: Final = 256  # last column of a sheet that has a cell
MOST_CELLS: Final = 500_000  # of a sheet, those without an address too
MOST_ELEMENTS: Final = 2_000_000  # of the XML of a sheet
PART: Final = 1_000_000

_ADDRESS: Final = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_NUMBER: Final = re.compile(r"[0-9]{1,7}")
_XML: Final = (".xml", ".rels")  # drawings (.vml) of Excel are not always XML
_OTHERS: Final = ("workbook.bin", "content.xml")  # of formats that are not .xlsx
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00")


def checked_bytes(source: Path | str | bytes) -> bytes:
    """Return the bytes of a workbook that is safe to read.

    Parameters
    ----------
    source
        A file, or its bytes.

    Raises
    ------
    InputError
        If it cannot be read, is no .xlsx, is larger than 10 MB, unpacks to over
        100 MB, has more than 500,000 cells or 2,000,000 elements in a sheet, a cell
        beyond row 20,000 or column 256, or XML with a DOCTYPE.
    """
    if isinstance(source, bytes):
        content = source
    else:
        path = Path(source)
        if not path.is_file():
            message = f"{path}: there is no such file; give a workbook (.xlsx)"
            raise InputError(message)
        if path.stat().st_size > MOST_BYTES:
            _too_large(str(path))
        content = path.read_bytes()
    if len(content) > MOST_BYTES:
        _too_large("the workbook")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            _check_members(packed)
    except InputError:
        raise  # it says what is wrong already, and is a ValueError too
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        message = "this is no workbook that can be read; save it as .xlsx"
        raise InputError(message) from error
    except (zlib.error, OSError, ValueError) as error:
        message = "this is no workbook that can be read: it is damaged; save it again"
        raise InputError(message) from error
    return content


def _check_members(packed: zipfile.ZipFile) -> None:
    """Unpack every part once; keep nothing of it."""
    names = [name.lower() for name in packed.namelist()]
    is_other = any(name.endswith(_OTHERS) for name in names)
    if "xl/workbook.xml" not in names or is_other or len(set(names)) != len(names):
        message = "this is no workbook that can be read; save it as .xlsx"
        raise InputError(message)
    left = MOST_UNPACKED
    for member in packed.infolist():
        with packed.open(member) as file:
            left -= _check_part(member.filename.lower(), file, left)


def _check_part(name: str, file: IO[bytes], left: int) -> int:
    """Read a part of the zip in small parts; return its size."""
    walk = _Walk() if name.endswith(_XML) else None
    size = 0
    while part := file.read(PART):
        if size == 0 and part.startswith(_UTF16):
            message = "this is no workbook that can be read: its XML is not UTF-8"
            raise InputError(message)
        size += len(part)
        if size > left:
            _too_large("the workbook, unpacked,")
        if walk is not None:
            walk.feed(part)
    if walk is not None:
        walk.feed(b"", is_last=True)
    return size


class _Walk:
    """One walk through the XML of a part: where its rows and cells would lie.

    A row or a cell without an address follows the one before it, as readers take it,
    so positions are counted as well as read.
    """

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        # Without a DOCTYPE there are no entities, and nothing grows.
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._row, self._column = 1, 1
        self._cells, self._elements = 0, 0

    def feed(self, part: bytes, *, is_last: bool = False) -> None:
        """Take the next bytes."""
        try:
            self._parser.Parse(part, is_last)
        except expat.ExpatError as error:
            message = f"this is no workbook that can be read: its XML, {error}"
            raise InputError(message) from error

    def _begin(self, tag: str, values: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            message = f"a sheet has more than {MOST_ELEMENTS} elements of XML; split it"
            raise InputError(message)
        kind = tag.rpartition(":")[2]
        if kind == "row":
            self._move_row(values.get("r"))
        elif kind == "c":
            self._count_cell(values.get("r"))

    def _end(self, tag: str) -> None:
        if tag.rpartition(":")[2] == "row":
            self._row, self._column = self._row + 1, 1

    def _move_row(self, told: str | None) -> None:
        if told is not None:
            if not _NUMBER.fullmatch(told):
                _no_address(told)
            self._row = int(told)

    def _count_cell(self, told: str | None) -> None:
        self._cells += 1
        if self._cells > MOST_CELLS:
            message = f"a sheet has more than {MOST_CELLS} cells; split the workbook"
            raise InputError(message)
        row = self._row
        if told is not None:
            found = _ADDRESS.fullmatch(told)
            if found is None:
                _no_address(told)
            self._column, row = _column(found[1]), int(found[2])
        if row > MOST_LINES or self._column > MOST_COLUMNS:
            message = (
                f"a sheet reaches to cell {told or f'{self._column} of row {row}'}; at "
                f"most row {MOST_LINES} and column {MOST_COLUMNS}: delete what lies "
                "beyond, also empty cells with a format"
            )
            raise InputError(message)
        self._column += 1


def _refuse_doctype(*_: object) -> NoReturn:
    message = "this is no workbook that can be read: its XML has a DOCTYPE"
    raise InputError(message)


def _no_address(told: str) -> NoReturn:
    message = f"this is no workbook that can be read: {told[:20]!r} is no address"
    raise InputError(message)


def _column(letters: str) -> int:
    """Return the number of a column, A is 1.

    Examples
    --------
    >>> _column("A"), _column("XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _too_large(what: str) -> NoReturn:
    message = (
        f"{what} is too large: at most {MOST_BYTES // 1_000_000} MB, unpacked "
        f"{MOST_UNPACKED // 1_000_000} MB; split it"
    )
    raise InputError(message)
