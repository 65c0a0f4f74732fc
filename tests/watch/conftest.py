# SPDX-License-Identifier: Apache-2.0
"""Small studies: the tiny one with some cells changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oreserve.study import Study, load_study

EVIDENCE = {"source_id": "invented", "evidence": "assumed"}


@pytest.fixture(scope="session")
def tiny() -> Study:
    return load_study("tiny")


@pytest.fixture(scope="session")
def quiet(tiny) -> Study:
    """Return tiny without anything that the watch would speak of by date."""
    names = ("measures", "agreements", "projects", "project_options", "observations")
    return tiny.with_tables(**{name: tiny.table(name).clear() for name in names})


@pytest.fixture
def with_rows() -> Callable[..., Study]:
    """Return a maker of studies whose tables hold the given rows only."""

    def make(study: Study, **tables: list[dict[str, Any]]) -> Study:
        frames = {
            name: pl.DataFrame(
                [
                    {k: (date.fromisoformat(v) if _is_day(v) else v)
                     for k, v in (EVIDENCE | row).items()}
                    for row in rows
                ],
                infer_schema_length=None,
            )
            for name, rows in tables.items()
        }  # fmt: skip
        return study.with_tables(**frames)

    return make


def _is_day(value: object) -> bool:
    return isinstance(value, str) and len(value) == 10 and value[4::3] == "--"


@pytest.fixture
def measure(quiet, with_rows) -> Callable[..., Study]:
    """Return a maker of quiet studies with one Chinese rule on gallium."""

    def make(**cells: Any) -> Study:
        row = {
            "measure": "rule", "kind": "ban", "actor": "CHN", "target": "USA",
            "item": "gallium", "status": "in_force",
        }  # fmt: skip
        return with_rows(quiet, measures=[row | cells])

    return make


@pytest.fixture
def overlay(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of overlay folders on tiny: tables as CSV text."""

    def make(name: str, **tables: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        content = {"name": name, "title": name, "extends": "tiny"}
        (folder / "datapackage.json").write_text(json.dumps(content))
        for table, text in tables.items():
            (folder / f"{table}.csv").write_text(text)
        return folder

    return make


@pytest.fixture
def plan_folder(tmp_path: Path) -> Path:
    sample = Path(__file__).parents[1] / "report" / "sample"
    folder = Path(shutil.copytree(sample, tmp_path / "plan"))
    (folder / "plan.json").write_text('{"home": "USA"}')
    (folder / "reserve.csv").write_text(
        "item,year,tonnes\ngallium,2027,2\ngallium,2028,1\nmagnet,2027,0\n"
    )
    (folder / "agreements.csv").write_text(
        "agreement,item,tonnes_per_year,from\njpn_gallium_more,gallium,3,2027\n"
    )
    (folder / "projects.csv").write_text(
        "project,item,option,start_year\naus_gallium_new,gallium,floor_low,2029\n"
    )
    return folder
