# SPDX-License-Identifier: Apache-2.0
"""Rows of a study by table and key, with their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.tables import spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.study import Study

__all__ = ["Lookup", "SourceRow"]


@dataclass(frozen=True)
class SourceRow:
    """A row of the study behind a number, with its evidence and source."""

    table: str
    key: str
    values: Mapping[str, Any]
    evidence: str | None
    source_id: str | None
    title: str | None = None
    publisher: str | None = None
    url: str | None = None
    date: str | None = None
    note: str | None = None


class Lookup:
    """Rows of a study by table and joined key."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._tables: dict[str, dict[str, dict[str, Any]]] = {}
        self._sources = {
            row["source_id"]: row
            for row in study.table("sources").iter_rows(named=True)
        }

    def _rows(self, table: str) -> dict[str, dict[str, Any]]:
        if table not in self._tables:
            key = spec(table).key
            self._tables[table] = {
                "/".join(str(row[k]) for k in key): row
                for row in self._study.table(table).iter_rows(named=True)
            }
        return self._tables[table]

    def keys(self, table: str) -> list[str]:
        """All keys of a table."""
        return sorted(self._rows(table))

    def find(self, table: str, key: str) -> list[SourceRow]:
        """Return the row of a key; blanks may stand for `/`; none if unknown."""
        rows = self._rows(table)
        row = rows.get(key) or rows.get(key.replace(" ", "/"))
        if row is None:
            return []
        given = str(row.get("source_id") or row.get("title") or "")
        source = self._sources.get(given) or self._sources.get(
            given.replace("|", ";").split(";")[0].strip(), {}
        )
        plain = {"source_id", "evidence", "note"}
        return [
            SourceRow(
                table=table,
                key=key,
                values={k: _plain(v) for k, v in row.items()
                        if v is not None and k not in plain},
                evidence=row.get("evidence"),
                source_id=row.get("source_id"),
                title=source.get("title"),
                publisher=source.get("publisher"),
                url=source.get("url"),
                date=str(source["date"]) if source.get("date") else None,
                note=row.get("note"),
            )
        ]  # fmt: skip


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)
