# SPDX-License-Identifier: Apache-2.0
"""Dates as files write them: YYYY-MM or YYYY-MM-DD."""

from __future__ import annotations

import re
from datetime import date

DATE_FORMS = "YYYY-MM or YYYY-MM-DD"
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


def parse_date(value: object) -> date | None:
    """Return the day that a cell means; a month is its first day; None if no date.

    Examples
    --------
    >>> parse_date("2027-01"), parse_date("2027-13")
    (datetime.date(2027, 1, 1), None)
    """
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    text = str(value).strip()
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(
            text if len(text) == len("YYYY-MM-DD") else f"{text}-01"
        )
    except ValueError:
        return None


def add_months(day: date, months: int) -> date:
    """Return the same day of the month so many months later (days up to 28)."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, day.day)
