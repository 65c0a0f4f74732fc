# SPDX-License-Identifier: Apache-2.0
"""Days: what a person writes, and how long until then."""

from __future__ import annotations

import calendar
import re
from datetime import date

from oreserve.errors import InputError

__all__ = ["day_text", "days_text", "looks_like_a_date", "one_year_later", "read_day"]

FORM = "YYYY-MM-DD, or YYYY-MM for the first day of a month"
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
        return date(value.year, value.month, value.day)
    found = _WHOLE.fullmatch(value.strip())
    if found is not None:
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
        if year >= 1 and 1 <= month <= 12:
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


def one_year_later(day: date) -> date:
    """Return the same day of the next year; 29 February becomes 1 March.

    Examples
    --------
    >>> one_year_later(date(2024, 2, 29))
    datetime.date(2025, 3, 1)
    """
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 3, 1)


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
