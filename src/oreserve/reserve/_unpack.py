# SPDX-License-Identifier: Apache-2.0
"""Look into a workbook before a reader does: whether it is one, and of sane size.

A workbook is a zip of XML. A few kilobytes can unpack to gigabytes, and one cell in
the last row and column makes a reader set aside memory for all cells before it. So
the file is unpacked once in small parts, nothing is kept, and the cells are asked
for their addresses.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final, NoReturn

from oreserve.errors import InputError

__all__ = ["MOST_BYTES", "MOST_COLUMNS", "MOST_UNPACKED", "checked_bytes"]

MOST_BYTES: Final = 10_000_000  # of a file
MOST_UNPACKED: Final = 100_000_000  # of what is zipped in it
MOST_LINES: Final = 20_000  # last row of a sheet that has a cell
MOST_COLUMNS: Final = 256  # last column of a sheet that has a cell
MOST_CELLS: Final = 500_000  # of a sheet, those without an address too
PART: Final = 1_000_000
OVERLAP: Final = 64  # an address may lie across two parts

_ADDRESS: Final = re.compile(rb"""\br\s*=\s*["']\s*([A-Za-z]{1,7})(\d{1,10})\s*["']""")
_CELL: Final = re.compile(rb"<(?:\w+:)?c[\s/>]")
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
        100 MB, has more than 500,000 cells in a sheet, or a cell beyond row 20,000
        or column 256.
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
            left -= _check_part(file, left)


def _check_part(file: IO[bytes], left: int) -> int:
    """Read a part of the zip in small parts; return its size."""
    size, cells, tail = 0, 0, b""
    while part := file.read(PART):
        if size == 0 and part.startswith(_UTF16):
            message = "this is no workbook that can be read: its XML is not UTF-8"
            raise InputError(message)
        size += len(part)
        if size > left:
            _too_large("the workbook, unpacked,")
        cells += len(_CELL.findall(part))
        if cells > MOST_CELLS:
            message = f"a sheet has more than {MOST_CELLS} cells; split the workbook"
            raise InputError(message)
        seen = tail + part
        for letters, digits in _ADDRESS.findall(seen):
            if int(digits) > MOST_LINES or _column(letters) > MOST_COLUMNS:
                cell = (letters + digits).decode()
                message = (
                    f"a sheet reaches to cell {cell}; at most row {MOST_LINES} and "
                    f"column {MOST_COLUMNS}: delete what lies beyond, also empty "
                    "cells with a format"
                )
                raise InputError(message)
        tail = seen[-OVERLAP:]
    return size


def _column(letters: bytes) -> int:
    """Return the number of a column, A is 1.

    Examples
    --------
    >>> _column(b"A"), _column(b"XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _too_large(what: str) -> NoReturn:
    message = (
        f"{what} is too large: at most {MOST_BYTES // 1_000_000} MB, unpacked "
        f"{MOST_UNPACKED // 1_000_000} MB; split it"
    )
    raise InputError(message)
