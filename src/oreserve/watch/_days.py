# SPDX-License-Identifier: Apache-2.0
"""Days: what a person writes, and how long until then."""

from __future__ import annotations

import calendar
import re
from datetime import date

from oreserve.errors import InputError

__all__ = ["day_text", "days_text", "looks_like_a_date", "read_day"]

FORM = "YYYY-MM-DD, or YYYY-MM for the first day of a month"
FIRST_YEAR, LAST_YEAR = 1900, 2200
_WHOLE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


def read_day(value: date | str, name: str) -> date:
    """Return the day that a date or a text means.

    Raises
    ------
    InputError
        If the text is no day of the calendar.

    Examples
    --------
    >>> read_day("2028-02-29", "on")
    datetime.date(2028, 2, 29)
    """
    if isinstance(value, date):
        value = f"{value:%Y-%m-%d}"
    found = _WHOLE.fullmatch(value.strip())
    if found is not None:
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
        if not FIRST_YEAR <= year <= LAST_YEAR:
            message = (
                f"{name}: {value!r} lies outside the years that a study may speak of; "
                f"allowed are {FIRST_YEAR} to {LAST_YEAR}"
            )
            raise InputError(message)
        if 1 <= month <= 12:
            last = calendar.monthrange(year, month)[1]
            if 1 <= day <= last:
                return date(year, month, day)
            message = (
                f"{name}: {value!r} is no day: {year:04}-{month:02} has {last} days"
            )
            raise InputError(message)
    message = f"{name}: {value!r} is no date; allowed: {FORM}"
    raise InputError(message)


def looks_like_a_date(text: str) -> bool:
    """Return whether someone meant a date, even a wrong one.

    Examples
    --------
    >>> looks_like_a_date("2026/11/22"), looks_like_a_date("us-2026")
    (True, False)
    """
    return re.fullmatch(r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?", text.strip()) is not None


def days_text(days: int) -> str:
    """Write how far a day is.

    Examples
    --------
    >>> days_text(0), days_text(1), days_text(-3)
    ('today', 'in 1 day', '3 days ago')
    """
    if days == 0:
        return "today"
    count = f"{abs(days)} day" + ("" if abs(days) == 1 else "s")
    return f"in {count}" if days > 0 else f"{count} ago"


def day_text(day: date) -> str:
    """Write a day as 27 November 2026."""
    return f"{day.day} {day:%B %Y}"
