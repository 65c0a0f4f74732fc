# SPDX-License-Identifier: Apache-2.0
"""A writable copy of the tiny study."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from oreserve.study import Study, load_study
from oreserve.study._package import bundled_folder


@dataclass
class Folder:
    """A study folder whose cells a test may change."""

    path: Path

    def read(self, table: str) -> tuple[list[str], list[list[str]]]:
        with (self.path / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        return header, rows

    def write(self, table: str, header: list[str], rows: list[list[Any]]) -> None:
        with (self.path / f"{table}.csv").open(
            "w", newline="", encoding="utf-8"
        ) as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])

    def row_of(self, table: str, key: str) -> int:
        """Return the spreadsheet row whose first cells are `key` (joined by |)."""
        _, rows = self.read(table)
        wanted = key.split("|")
        found = [n for n, row in enumerate(rows) if row[: len(wanted)] == wanted]
        return found[0] + 2

    def set(self, table: str, key: str, **cells: Any) -> int:
        """Change cells of the row with this key; return its spreadsheet row."""
        header, rows = self.read(table)
        number = self.row_of(table, key)
        for column, value in cells.items():
            name = {"from_": "from", "class_": "class"}.get(column, column)
            rows[number - 2][header.index(name)] = str(value)
        self.write(table, header, rows)
        return number

    def add(self, table: str, **cells: Any) -> int:
        """Append a row; return its spreadsheet row."""
        header, rows = self.read(table)
        names = {"from_": "from", "class_": "class"}
        given = {names.get(k, k): v for k, v in cells.items()}
        given = {"source_id": "invented", "evidence": "assumed", **given}
        rows.append([given.get(name, "") for name in header])
        self.write(table, header, rows)
        return len(rows) + 1

    def drop(self, table: str, key: str) -> None:
        header, rows = self.read(table)
        del rows[self.row_of(table, key) - 2]
        self.write(table, header, rows)

    def descriptor(self, **changes: Any) -> None:
        path = self.path / "datapackage.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content.update(changes)
        path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="session")
def tiny() -> Study:
    return load_study("tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    shutil.copytree(bundled_folder() / "tiny", tmp_path / "study")
    return Folder(tmp_path / "study")


@pytest.fixture
def make_overlay(tmp_path: Path) -> Callable[..., Folder]:
    """Return a maker of overlay folders: tables by name as lists of rows."""

    def make(name: str, extends: str, **tables: list[list[Any]]) -> Folder:
        made = Folder(tmp_path / name)
        made.path.mkdir()
        content = {"name": name, "title": name, "extends": extends}
        (made.path / "datapackage.json").write_text(json.dumps(content))
        for table, (header, *rows) in tables.items():
            made.write(table, header, rows)
        return made

    return make
