# SPDX-License-Identifier: Apache-2.0
"""Collect the rows of a study and write them as a Data Package.

The column specs of `oreserve.tables` are the only truth: a row with an unknown
column, a second row with the same key, or a fact without source and evidence is
refused while building, so that a finished study can only be wrong in its values.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["EVIDENCE", "BuildError", "Tables"]

EVIDENCE = ("read", "secondary", "computed", "estimated", "assumed")
WITHOUT_SOURCE = ("settings", "sources")
SPECS = Path(__file__).parents[2] / "src" / "oreserve" / "tables" / "columns.csv"
FRICTIONLESS = {
    "text": "string",
    "list": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "date": "string",
}
Value = str | float | int | bool | None


class BuildError(ValueError):
    """A row that the study's tables do not allow."""


@dataclass(frozen=True)
class Column:
    """One column of one table as `columns.csv` declares it."""

    name: str
    type: str
    key: bool


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "key"}


def _read_specs(path: Path) -> dict[str, tuple[Column, ...]]:
    specs: dict[str, list[Column]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            column = Column(row["column"], row["type"], _truth(row["key"]))
            specs.setdefault(row["table"], []).append(column)
    return {name: tuple(columns) for name, columns in specs.items()}


def format_number(value: float) -> str:
    """Write a number with at most 7 significant digits and no exponent."""
    if not math.isfinite(value):
        message = f"not a finite number: {value}"
        raise BuildError(message)
    if value == 0:
        return "0"
    digits = max(0, 6 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_number(value)
    return str(value)


class Tables:
    """Rows of all tables of a study, by key."""

    def __init__(self, specs: Path = SPECS) -> None:
        """Read the column specs that every row is held against."""
        self.specs = _read_specs(specs)
        self._rows: dict[str, dict[tuple[str, ...], dict[str, Value]]] = {
            name: {} for name in self.specs
        }

    def _key(self, table: str, columns: Mapping[str, Any]) -> tuple[str, ...]:
        names = [c.name for c in self.specs[table] if c.key]
        empty = [n for n in names if columns.get(n) is None]
        if empty:
            message = f"{table}: key column {empty} is empty in {dict(columns)}"
            raise BuildError(message)
        return tuple(_text(columns[n]) for n in names)

    def _check(self, table: str, columns: Mapping[str, Any]) -> None:
        if table not in self.specs:
            message = f"unknown table {table!r}; known: {sorted(self.specs)}"
            raise BuildError(message)
        known = {c.name for c in self.specs[table]}
        ends = tuple(n[1:] for n in known if n.startswith("*"))
        unknown = sorted(
            n for n in set(columns) - known if not (ends and n.endswith(ends))
        )
        if unknown:
            message = f"{table}: unknown columns {unknown}; allowed: {sorted(known)}"
            raise BuildError(message)
        for name, value in columns.items():
            if isinstance(value, float) and not math.isfinite(value):
                message = f"{table}: {name} is {value} in {dict(columns)}"
                raise BuildError(message)

    def row(self, table: str, **columns: Value) -> None:
        """Add one row; a second row with the same key is refused."""
        self._check(table, columns)
        if table not in WITHOUT_SOURCE:
            if not columns.get("source_id"):
                message = f"{table}: no source_id in {columns}"
                raise BuildError(message)
            if columns.get("evidence") not in EVIDENCE:
                message = f"{table}: evidence must be one of {EVIDENCE}: {columns}"
                raise BuildError(message)
        key = self._key(table, columns)
        if key in self._rows[table]:
            message = f"{table}: duplicate key {key}"
            raise BuildError(message)
        self._rows[table][key] = dict(columns)

    def update(self, table: str, key: Iterable[str] | str, **columns: Value) -> None:
        """Change columns of a row that exists."""
        self._check(table, columns)
        found = (key,) if isinstance(key, str) else tuple(key)
        if found not in self._rows[table]:
            message = f"{table}: no row {found} to update"
            raise BuildError(message)
        self._rows[table][found].update(columns)

    def has(self, table: str, *key: str) -> bool:
        """Tell whether a row with this key exists."""
        return tuple(key) in self._rows[table]

    def rows(self, table: str, **equal: Value) -> list[dict[str, Value]]:
        """Return copies of the rows whose columns equal the given values, sorted."""
        return [
            dict(row)
            for _, row in sorted(self._rows[table].items())
            if all(row.get(name) == value for name, value in equal.items())
        ]

    def check_sources(self) -> None:
        """Refuse a `source_id` that the sources table does not explain."""
        known = {str(r["source_id"]) for r in self._rows["sources"].values()}
        missing = {
            (table, str(row["source_id"]))
            for table, rows in self._rows.items()
            if table not in WITHOUT_SOURCE
            for row in rows.values()
            if row["source_id"] not in known
        }
        if missing:
            message = f"source_id without a row in sources: {sorted(missing)}"
            raise BuildError(message)

    def drop_unused_sources(self, *, keep: frozenset[str] = frozenset()) -> None:
        """Keep only the sources that a row points to, and those named."""
        used = {
            row["source_id"]
            for table, rows in self._rows.items()
            if table not in WITHOUT_SOURCE
            for row in rows.values()
        }
        self._rows["sources"] = {
            key: row
            for key, row in self._rows["sources"].items()
            if row["source_id"] in used | keep
        }

    def csv_text(self, table: str) -> str:
        """Write one table as sorted CSV; columns that are empty throughout go."""
        rows = [row for _, row in sorted(self._rows[table].items())]
        declared = [c.name for c in self.specs[table]]
        extra = sorted({n for r in rows for n in r} - set(declared))
        keys = {c.name for c in self.specs[table] if c.key}
        names = [
            n
            for n in [*declared, *extra]
            if n in keys or any(r.get(n) is not None for r in rows)
        ]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[_text(r.get(n)) for n in names] for r in rows])
        return buffer.getvalue()

    def write(self, folder: Path, *, package: Mapping[str, Any], readme: str) -> None:
        """Write the Data Package: one CSV a table, datapackage.json, README.md."""
        self.check_sources()
        folder.mkdir(parents=True, exist_ok=True)
        resources = []
        for table in sorted(self._rows):
            path = folder / f"{table}.csv"
            if not self._rows[table]:
                path.unlink(missing_ok=True)
                continue
            text = self.csv_text(table)
            path.write_bytes(text.encode())
            header = text.split("\n", 1)[0].split(",")
            types = {c.name: FRICTIONLESS[c.type] for c in self.specs[table]}
            fields = [{"name": n, "type": types.get(n, "number")} for n in header]
            keys = [c.name for c in self.specs[table] if c.key]
            schema = {"fields": fields, "primaryKey": keys}
            resources.append({"name": table, "path": f"{table}.csv", "schema": schema})
        document = {**package, "resources": resources}
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        (folder / "datapackage.json").write_bytes(text.encode())
        (folder / "README.md").write_bytes(readme.encode())

    def counts(self, table: str, column: str = "evidence") -> dict[str, int]:
        """Count the rows of a table by the value of a column."""
        found: dict[str, int] = {}
        for row in self._rows[table].values():
            name = _text(row.get(column))
            found[name] = found.get(name, 0) + 1
        return dict(sorted(found.items()))
