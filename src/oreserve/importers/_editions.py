# SPDX-License-Identifier: Apache-2.0
"""Which of two sources is the newer edition of one publication."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from oreserve.importers._sources import Source
    from oreserve.study import Study

__all__ = ["Editions", "edition_of"]

_VERSION = re.compile(r"\b((?:19|20)\d\d)(0[1-9]|1[0-2])\b")  # 202601, as of BACI
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b")


def edition_of(title: str, date: str = "") -> str:
    """Return the edition as YYYY or YYYY-MM; empty if neither title nor date says.

    Examples
    --------
    >>> edition_of("Mineral Commodity Summaries 2026, data release")
    '2026'
    >>> edition_of("BACI HS92 bilateral trade 2024", "2026-01")
    '2026-01'
    """
    dated = _YEAR.search(date)
    if dated:
        return date[dated.start() :][:7]
    version = _VERSION.search(title)
    if version:
        return f"{version[1]}-{version[2]}"
    year = _YEAR.search(title)
    return year[1] if year else ""


class Editions:
    """Editions of the sources of a study against the one that is imported."""

    def __init__(self, study: Study, source: Source) -> None:
        """Remember both."""
        rows = study.table("sources").iter_rows(named=True)
        self._standing = {str(r["source_id"]): r for r in rows}
        self._publisher = source.publisher.casefold()
        self._ours = edition_of(source.title)

    def same_publisher(self, source_id: object) -> bool:
        """Tell whether a source of the study is of the publisher that is imported."""
        row: Mapping[str, Any] = self._standing.get(str(source_id), {})
        return str(row.get("publisher") or "").casefold() == self._publisher

    def newer(self, source_id: object) -> str | None:
        """Return the title that stands if it is a newer edition of the publisher."""
        if not self._ours or not self.same_publisher(source_id):
            return None
        row = self._standing[str(source_id)]
        theirs = edition_of(str(row["title"] or ""), str(row["date"] or ""))
        length = min(len(theirs), len(self._ours))
        if length and theirs[:length] > self._ours[:length]:
            return str(row["title"])
        return None
