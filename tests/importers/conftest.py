# SPDX-License-Identifier: Apache-2.0
"""Hand-made files in the publishers' layouts, and the study they are read against."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import xlsxwriter

from oreserve.importers import Imported, Options, importer
from oreserve.study import Study, load_study

ROOT = Path(__file__).parents[2]
RAW = Path(os.environ.get("ORESERVE_RAW", ROOT.parent / "shared" / "data" / "raw"))


@pytest.fixture(scope="session")
def study() -> Study:
    return load_study("us-2026")


@pytest.fixture
def write(tmp_path):
    """Write a text or bytes file and return its path."""

    def make(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        if isinstance(content, str):
            content = content.encode(encoding)
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def book(tmp_path):
    """Write a workbook of sheets of rows and return its path."""

    def make(name: str, sheets: dict[str, list[list[object]]]) -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(str(path)) as workbook:
            for title, rows in sheets.items():
                sheet = workbook.add_worksheet(title)
                for i, row in enumerate(rows):
                    for j, cell in enumerate(row):
                        if cell is not None:
                            sheet.write(i, j, cell)
        return path

    return make


@pytest.fixture
def read(study):
    """Read files by a format against the bundled study."""

    def run(name: str, *paths: Path, **options: object) -> Imported:
        return importer(name).read(paths, Options(study=study, **options))

    return run


@pytest.fixture
def raw():
    """Return a raw file, or skip with the reason where it is absent."""

    def find(name: str) -> Path:
        path = RAW / name
        if not path.exists():
            pytest.skip(f"raw file is not at {path}")
        return path

    return find
