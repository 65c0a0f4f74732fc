# SPDX-License-Identifier: Apache-2.0
"""Cells of CSV and Excel files that no spreadsheet takes for a formula.

A name such as ``=HYPERLINK(...)`` in a lot's certificate would run when a reader
opens the file. A text that begins like a formula gets an apostrophe in front;
numbers are written as numbers, so a negative one stays what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["csv_line", "csv_text", "safe_text"]

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First letters that some spreadsheet reads as the begin of a formula."""

_QUOTED: Final = frozenset(',"\r\n')


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet runs.

    Blanks and signs that are not seen do not hide a formula behind them: some
    programs take them away.

    Examples
    --------
    >>> safe_text("=1+1"), safe_text(" @SUM(A1)"), safe_text("LOT-000001")
    ("'=1+1", "' @SUM(A1)", 'LOT-000001')
    """
    if text.startswith(FORMULA_STARTS):
        return f"'{text}"
    seen = 0
    while seen < len(text) and (text[seen].isspace() or not text[seen].isprintable()):
        seen += 1
    return f"'{text}" if text.startswith(FORMULA_STARTS, seen) else text


def csv_line(cells: Iterable[Any]) -> str:
    r"""Return one line of a CSV file with its end.

    None is an empty cell, an empty text is `""`, and yes or no are true or false.

    Examples
    --------
    >>> csv_line(["a,b", None, "", True, -3, "-3"])
    '"a,b",,"",true,-3,\'-3\n'
    """
    return ",".join(_cell(value) for value in cells) + "\n"


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a CSV file: a line of names and one line per row."""
    head = csv_line(columns)
    return head + "".join(csv_line(row[name] for name in columns) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = safe_text(str(value))
    if not text or _QUOTED & set(text):
        return '"' + text.replace('"', '""') + '"'
    return text
