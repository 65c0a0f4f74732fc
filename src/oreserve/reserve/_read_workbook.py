# SPDX-License-Identifier: Apache-2.0
"""Read the cells of a workbook in a process of their own, with a bound on memory.

A reader of workbooks sets aside memory as the file tells it to, and a process that
gets none is ended on the spot. So a server never reads one itself: it starts this
file, gives it the bytes, and takes what it says. Whatever the file means to do can
end only this process.

The file runs by its path and imports nothing of the package, so it starts quickly.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["SheetCells", "read_workbook"]

ROOM: Final = 1 << 30  # bytes of memory for the cells, beyond the program itself
MOST_ANSWERED: Final = 50_000_000  # letters of all cells together
WORK_S: Final = 60  # of a processor
PATIENCE_S: Final = 180.0
_AT_ONCE: Final = threading.BoundedSemaphore(2)
_PAGE: Final = 4096


@dataclass(frozen=True)
class SheetCells:
    """A sheet as the file names it, its cells from the top, or why there are none."""

    name: str
    rows: list[list[str | None]]
    problem: str = ""


def read_workbook(content: bytes, wanted: Collection[str]) -> list[SheetCells] | None:
    """Return the sheets of a workbook; those that are not wanted have no rows.

    Parameters
    ----------
    content
        Bytes of the file, checked by `checked_bytes`.
    wanted
        Names of sheets in small letters.

    Returns
    -------
    list or None
        None: the file is no workbook, or cannot be read with the memory and the time
        that there is for it.
    """
    command = [sys.executable, "-P", str(Path(__file__).resolve()), *sorted(wanted)]
    try:
        with _AT_ONCE:
            done = subprocess.run(  # noqa: S603 - our own file, names of our own
                command,
                input=content,
                capture_output=True,
                timeout=PATIENCE_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        return None
    return [SheetCells(*one) for one in json.loads(done.stdout)]


def _bound() -> None:
    """Bound what this process may take; where the system has no bounds, do not."""
    try:
        import resource
    except ImportError:
        return
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        taken = pages * _PAGE
    except OSError:
        taken = ROOM
    bounds = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, WORK_S),
        (resource.RLIMIT_AS, taken + ROOM),
    )
    for kind, most in bounds:
        highest = resource.getrlimit(kind)[1]
        if highest != resource.RLIM_INFINITY:
            most = min(most, highest)  # noqa: PLW2901
        try:
            resource.setrlimit(kind, (most, highest))
        except (ValueError, OSError):
            continue


def _sheet(load: Callable[..., Any], name: str, error: type[Exception]) -> list[Any]:
    """Read a sheet: its name, its rows, what is wrong with it."""
    try:
        # Rows are counted from the top of the sheet, blank ones too.
        loaded = load(name, header_row=None, skip_rows=0, dtypes="string")
        return [name, loaded.to_polars().rows(), ""]
    except error as wrong:
        return [name, [], str(wrong).splitlines()[0][:200]]


def _main(wanted: frozenset[str]) -> int:
    import fastexcel
    import polars as pl

    pl.DataFrame({"a": ["a"]}).rows()  # what it loads late must not count as cells
    _bound()
    content = sys.stdin.buffer.read()
    try:
        book = fastexcel.read_excel(content)
    except fastexcel.FastExcelError:
        return 1
    found = []
    for name in book.sheet_names:
        if name.strip().lower() in wanted:
            found.append(_sheet(book.load_sheet, name, fastexcel.FastExcelError))
        else:
            found.append([name, [], ""])
    answer = json.dumps(found, ensure_ascii=True, separators=(",", ":"))
    if len(answer) > MOST_ANSWERED:
        return 1
    sys.stdout.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(_main(frozenset(sys.argv[1:])))
