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
