# SPDX-License-Identifier: Apache-2.0
"""The workbook: complete, and unable to run anything."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.report import _excel, write_excel

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(SAMPLE, tmp_path / "plan"))


def test_every_table_is_a_sheet(folder):
    write_excel(folder, folder / "t.xlsx")
    sheets = pl.read_excel(folder / "t.xlsx", sheet_id=0)
    assert set(sheets) == {"figures", *(f.stem for f in folder.glob("*.csv"))}
    assert sheets["reserve"].height == pl.read_csv(folder / "reserve.csv").height


@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("http://x")', "+1", "-1+2",
                                  "@SUM(A1)", "https://x.example"])  # fmt: skip
def test_text_of_a_private_table_stays_text(folder, text):
    table = pl.DataFrame({"item": [text], "year": [2027], "tonnes": [1.0]})
    table.write_csv(folder / "reserve.csv")
    write_excel(folder, folder / "t.xlsx")
    assert pl.read_excel(folder / "t.xlsx", sheet_name="reserve")["item"][0] == text
    with zipfile.ZipFile(folder / "t.xlsx") as book:
        parts = "".join(
            book.read(n).decode() for n in book.namelist() if "worksheets" in n
        )
    assert "<f>" not in parts
    assert "hyperlink" not in parts


def test_long_table_is_cut_and_says_so(folder, monkeypatch):
    monkeypatch.setattr(_excel, "MAX_ROWS", 3)
    write_excel(folder, folder / "t.xlsx")
    last = pl.read_excel(folder / "t.xlsx", sheet_name="chain")[-1, 0]
    assert last.startswith("cut at 3 of")


def test_failure_leaves_no_workbook(folder):
    (folder / "plan.json").write_text("{")
    with pytest.raises(InputError, match="not whole"):
        write_excel(folder, folder / "t.xlsx")
    assert not list(folder.glob("*.xlsx"))


def test_nested_figures_are_flat(folder):
    write_excel(folder, folder / "t.xlsx")
    figures = dict(pl.read_excel(folder / "t.xlsx", sheet_name="figures").iter_rows())
    head = json.loads((folder / "plan.json").read_text())
    assert figures["versions.highspy"] == head["versions"]["highspy"]


@pytest.mark.parametrize(
    "column, values, kind",
    [
        ("year", [2027], "year"),
        ("start_year", [2030, None], "year"),
        ("base_year", [2024], "year"),
        ("from", [2027], "year"),
        ("until", [2036], "year"),
        ("tonnes_per_year", [362.88, 1125.0], "number"),
        ("capacity_t_per_year", [148.0, 4440.0], "whole"),
        ("outlay_usd", [2184660.73], "whole"),
        ("robust_share", [0.47], "share"),
        ("success", [0.6], "share"),
        ("sigma", [0.002], "small"),
        ("tonnes", [], "whole"),
    ],
)
def test_number_format_follows_the_column(column, values, kind):
    assert _excel.number_kind(column, values) == kind


def test_formats_leave_no_point_behind_whole_numbers():
    assert not [f for f in _excel.FORMATS.values() if ".#" in f]


def test_tonnes_a_year_are_written_with_thousands(folder):
    openpyxl = pytest.importorskip("openpyxl")

    write_excel(folder, folder / "t.xlsx")
    sheet = openpyxl.load_workbook(folder / "t.xlsx")["agreements"]
    head = [cell.value for cell in sheet[1]]
    form = {name: sheet.cell(2, k + 1).number_format for k, name in enumerate(head)}
    assert form["tonnes_per_year"].startswith("#,##0")
    assert form["from"] == "0"
    assert form["robust_share"] == "0 %"
