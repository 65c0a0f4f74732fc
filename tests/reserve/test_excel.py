# SPDX-License-Identifier: Apache-2.0
"""Workbooks: the template, every problem at once, a preview, all or nothing."""

from __future__ import annotations

import io
import sys
import zipfile
from datetime import datetime

import openpyxl
import pytest
import xlsxwriter

from oreserve.errors import InputError
from oreserve.reserve import Refused
from oreserve.reserve._excel import WorkbookError, _read, _Wrong, import_workbook
from oreserve.reserve._sheets import sheets
from oreserve.reserve._template import known_names, template_bytes

LOTS = ("item", "depot", "owner", "tonnes", "received_on")
GOOD = ("cobalt", "D1", "strategic", 12.5, "2025-11-03")


def book(**tables: list[tuple]) -> bytes:
    """Return a workbook with these sheets; the first row of each has the names."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        day = made.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in tables.items():
            page = made.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, datetime):
                        page.write_datetime(number, column, cell, day)
                    elif cell is not None:
                        page.write(number, column, cell)
    return out.getvalue()


def take(desk, content, actor="ian", **more):
    return import_workbook(
        desk.reserve, content, actor=actor, reason="take the books over", **more
    )


def problems(desk, content, actor="ian"):
    with pytest.raises(WorkbookError) as caught:
        take(desk, content, actor, write=True)
    return caught.value.problems


def test_rows_become_lots_and_the_ledger_still_verifies(desk):
    rows = [LOTS, GOOD, ("ndpr_oxide", "D2", "industrial", 0.1, datetime(2026, 1, 2))]  # noqa: DTZ001
    found = take(desk, book(lots=rows), write=True)
    assert [line.is_known for line in found.lines] == [False, False]
    lots = desk.rows("lots")
    assert [lot["grams"] for lot in lots] == [12_500_000, 100_000]
    assert [lot["received_on"] for lot in lots] == ["2025-11-03", "2026-01-02"]
    assert found.lines[0].result["lot"] == lots[0]["lot"]
    assert "2 rows written" in found.summary()


def test_a_row_that_takes_two_persons_is_refused_and_not_proposed(desk):
    desk.clock.set("2028-01-05")
    before = desk.reserve.head()
    (found,) = problems(desk, book(lots=[LOTS, GOOD]))
    assert "two persons" in found.problem
    assert desk.reserve.head() == before


def test_a_preview_shows_the_results_and_writes_nothing(desk):
    before = desk.reserve.head()
    found = take(desk, book(lots=[LOTS, GOOD]))
    assert not found.is_written
    assert found.lines[0].result["lot"].startswith("LOT-")
    assert desk.rows("lots") == []
    assert desk.reserve.head() == before
    assert "Nothing was written" in found.summary()


def test_the_same_file_again_adds_nothing(desk):
    content = book(lots=[LOTS, GOOD, GOOD])
    take(desk, content, write=True)
    head = desk.reserve.head()
    again = take(desk, content, write=True)
    assert len(desk.rows("lots")) == 2  # two equal rows are two lots
    assert [line.is_known for line in again.lines] == [True, True]
    assert desk.reserve.head() == head


def test_a_row_that_somebody_else_took_in_is_refused(desk):
    content = book(lots=[LOTS, GOOD])
    take(desk, content, write=True)
    (problem,) = problems(desk, content, actor="sue")
    assert "ian took this row in already" in problem.problem
    assert len(desk.rows("lots")) == 1


def test_every_problem_is_told_at_once_with_row_and_column(desk):
    rows = [
        LOTS,
        GOOD,
        ("cobald", "D1", "strategic", 1, "2025-11-03"),
        (None,) * 5,
        ("cobalt", "D1", "strategic", "much", "3.11.2025"),
        ("cobalt", "D1", None, 0.0000001, 45964),
    ]
    found = problems(desk, book(lots=rows))
    assert [(p.row, p.column) for p in found] == [
        (3, "item"),
        (5, "received_on"),
        (5, "tonnes"),
        (6, "owner"),
        (6, "received_on"),
        (6, "tonnes"),
    ]
    by_place = {(p.row, p.column): p for p in found}
    assert by_place[3, "item"].nearest == "cobalt"
    assert by_place[3, "item"].value == "cobald"
    assert "2025-11-03" in by_place[6, "received_on"].allowed  # day 45964 of Excel
    assert "grams" in by_place[6, "tonnes"].allowed
    assert desk.rows("lots") == []  # the good row neither


def test_a_row_that_a_rule_refuses_takes_all_others_back(desk):
    rows = [LOTS, GOOD, ("cobalt", "D1", "strategic", 1, "2099-01-01")]
    (problem,) = problems(desk, book(lots=rows))
    assert problem.row == 3
    assert "2099-01-01" in problem.problem
    assert desk.rows("lots") == []


def test_negative_and_zero_tonnes_are_refused(desk):
    rows = [LOTS, (*GOOD[:3], -1, "2025-11-03"), (*GOOD[:3], 0, "2025-11-03")]
    found = problems(desk, book(lots=rows))
    assert [(p.row, p.column) for p in found] == [(2, "tonnes"), (3, "tonnes")]


def test_what_excel_adds_up_is_read_to_the_digits_that_it_shows(desk):
    """Excel keeps 0.1 + 0.2 with its last binary digit and shows 0.3."""
    content = book(lots=[LOTS, (*GOOD[:3], 0.125, "2025-11-03")])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name).replace(b"<v>0.125<", b"<v>0.30000000000000004<")
            new.writestr(name, part)
    take(desk, out.getvalue(), write=True)
    assert desk.rows("lots")[0]["grams"] == 300_000


@pytest.mark.parametrize(
    "cell, grams",
    [
        ("0.30000000000000004", 300_000),
        ("1e-6", 1),
        ("123456789.123456", 123_456_789_123_456),
        ("1e3", 1_000_000_000),
    ],
)
def test_tonnes_are_read_to_the_gram(cell, grams):
    assert _read("exact", cell, "grams") == grams


@pytest.mark.parametrize("cell", ["1e-7", "0.0000015", "nan", "inf", "1e400", "1,5"])
def test_tonnes_that_are_no_whole_grams_are_not_read(cell):
    assert isinstance(_read("exact", cell, "grams"), _Wrong)


def test_unknown_sheets_and_columns_name_the_nearest(desk):
    names = ("item", "depott", "owner", "tonnes", "received_on")
    found = problems(desk, book(lots=[names, GOOD], contract=[("a",), ("b",)]))
    told = {(p.sheet, p.column): p.nearest for p in found}
    assert told["contract", ""] == "contracts"
    assert told["lots", "depott"] == "depot"
    assert ("lots", "depot") in told  # needed and missing


def test_contracts_take_usd_and_words(desk):
    rows = [
        (
            *("contract", "title", "producer", "item", "owner", "purpose"),
            *("rule_kind", "fixed_usd_per_t", "from_on", "ceiling_usd"),
        ),
        (
            *("C-1", "Oxide", "P1", "ndpr_oxide", "strategic", "purchase"),
            *("fixed", "61234.56", "2026-01-05", 1_000_000),
        ),
    ]
    take(desk, book(contracts=rows), actor="bea", write=True)
    contract = desk.row("contracts", contract="C-1")
    assert contract["fixed_cents_per_t"] == 6_123_456
    assert contract["ceiling_cents"] == 100_000_000
    rows[1] = ("C-2", *rows[1][1:6], "fixt", *rows[1][7:])
    (problem,) = problems(desk, book(contracts=rows), actor="bea")
    assert (problem.column, problem.nearest) == ("rule_kind", "fixed")


def test_who_may_not_command_it_may_not_take_it_in(desk):
    with pytest.raises(Refused, match="aud may not take in a workbook"):
        take(desk, book(lots=[LOTS, GOOD]), actor="aud")
    (problem,) = problems(desk, book(lots=[LOTS, GOOD]), actor="bea")
    assert "bea (buyer) may not receive_lot" in problem.problem


def test_the_template_has_every_argument_of_its_commands_and_lists(desk):
    content = template_bytes(known_names(desk.reserve.engine, for_lists=True))
    made = openpyxl.load_workbook(io.BytesIO(content))
    assert made.sheetnames == ["instructions", *sheets(), "lists"]
    for sheet in sheets().values():
        names = [cell.value for cell in made[sheet.name][1]]
        assert names == [column.name for column in sheet.columns]
        assert all(cell.comment for cell in made[sheet.name][1])
    told = [row[1].value for row in made["instructions"].iter_rows(min_row=11)]
    assert "tonnes" in told
    listed = [cell.value for cell in made["lists"]["A"] if cell.value]
    assert listed == ["depots", "D1", "D2"]
    rules = made["lots"].data_validations.dataValidation
    assert {rule.formula1 for rule in rules} >= {"lists!$A$2:$A$3"}


def test_an_empty_template_is_no_mistake(desk):
    found = take(desk, template_bytes(known_names(desk.reserve.engine)), write=True)
    assert found.lines == ()
    assert "no sheet has a filled row" in found.summary()


def test_a_row_number_is_the_one_that_excel_shows(desk):
    rows = [(), (), LOTS, (), ("cobald", *GOOD[1:])]
    (problem,) = problems(desk, book(lots=rows))
    assert problem.row == 5


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04broken"])
def test_what_is_no_workbook_is_refused(desk, content):
    with pytest.raises(InputError, match="no workbook"):
        take(desk, content)


@pytest.mark.parametrize("cell", [(1_048_575, 0), (0, 16_383), (20_000, 1)])
def test_a_cell_far_away_is_refused_before_it_is_read(desk, cell):
    """A reader would set aside memory for all cells before it."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        page = made.add_worksheet("lots")
        page.write_row(0, 0, LOTS)
        page.write(*cell, "x")
    with pytest.raises(InputError, match="a sheet reaches to cell"):
        take(desk, out.getvalue())


def with_sheet(rows: str) -> bytes:
    """Return a workbook with these rows of XML after the names of the columns."""
    content = io.BytesIO(book(lots=[LOTS, GOOD]))
    out = io.BytesIO()
    with (
        zipfile.ZipFile(content) as packed,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in packed.namelist():
            part = packed.read(name)
            if name == "xl/worksheets/sheet1.xml":
                end = b"</sheetData>"
                part = part.replace(end, rows.encode() + end)
            made.writestr(name, part)
    return out.getvalue()


TEXT = '<c t="inlineStr"><is><t>x</t></is></c>'
FAR = {
    "a row of another number": f'<row r="1048576">{TEXT}</row>',
    "a wide row far down": f'<row r="1048576">{TEXT * 16_384}</row>',
    "a wide row, then one far down": (
        f'<row r="3">{"<c/>" * 16_383}{TEXT}</row><row r="1048000">{TEXT}</row>'
    ),
    "an address with blanks": f'<row r="3"><c r{" " * 200}="XFD1048576"/></row>',
    "small letters": '<row r="3"><c r="xfd3"/></row>',
    "a name space": (
        '<x:row xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'r="1048576"><x:c/></x:row>'
    ),
    "rows without a number": "<row/>" * 20_000 + f"<row>{TEXT}</row>",
}


@pytest.mark.parametrize("rows", FAR.values(), ids=FAR)
@pytest.mark.parametrize("part", [7, 1_000_000])
def test_a_cell_far_away_is_found_however_it_is_written(desk, monkeypatch, rows, part):
    monkeypatch.setattr("oreserve.reserve._unpack.PART", part)
    with pytest.raises(InputError, match="a sheet reaches to cell"):
        take(desk, with_sheet(rows))


def test_cells_without_an_address_are_counted(desk):
    """Some programs write none; a reader then counts the cells of a row."""
    row = "<row>" + "<c/>" * 100 + "</row>"
    with pytest.raises(InputError, match="more than 500000 cells"):
        take(desk, with_sheet(row * 6_000))
    with pytest.raises(InputError, match="more than 2000000 elements"):
        take(desk, with_sheet("<row/>" * 2_000_001))


@pytest.mark.parametrize(
    "rows, told",
    [
        ('<row r="3"><c r="1A"/></row>', "no address"),
        ('<row r="-3"><c/></row>', "no address"),
        ('<row r="3"><c r="A3" r="B3"/></row>', "its XML"),
        ('<row r="3"><c r="A3">&e;</c></row>', "its XML"),
    ],
)
def test_xml_that_readers_may_take_differently_is_refused(desk, rows, told):
    with pytest.raises(InputError, match=told):
        take(desk, with_sheet(rows))


def test_a_part_with_a_doctype_is_refused(desk):
    content = io.BytesIO(book(lots=[LOTS, GOOD]))
    with zipfile.ZipFile(content, "a") as packed:
        grows = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
        packed.writestr("xl/worksheets/x.xml", grows)
    with pytest.raises(InputError, match="DOCTYPE"):
        take(desk, content.getvalue())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds memory so")
@pytest.mark.parametrize("rows", [FAR["a wide row far down"], "<row/>"])
def test_a_reader_that_takes_too_much_ends_alone(desk, monkeypatch, rows):
    """Whatever gets past the checks can end only the process that reads."""
    monkeypatch.setattr("oreserve.reserve._excel.checked_bytes", lambda source: source)
    before = desk.reserve.head()
    if rows == "<row/>":
        assert take(desk, with_sheet(rows)).new == 1
        return
    with pytest.raises(InputError, match="too much memory or time"):
        take(desk, with_sheet(rows))
    assert desk.reserve.head() == before


@pytest.mark.parametrize("name", ["content.xml", "xl/workbook.bin", "XL/workbook.xml"])
def test_other_formats_are_not_read(desk, name):
    content = io.BytesIO(book(lots=[LOTS, GOOD]))
    with zipfile.ZipFile(content, "a") as packed:
        packed.writestr(name, "<a/>")
    with pytest.raises(InputError, match="no workbook"):
        take(desk, content.getvalue())


def test_addresses_in_utf_16_are_not_overlooked(desk):
    content = io.BytesIO(book(lots=[LOTS, GOOD]))
    with zipfile.ZipFile(content, "a") as packed:
        packed.writestr("xl/worksheets/x.xml", '<c r="XFD1"/>'.encode("utf-16"))
    with pytest.raises(InputError, match="not UTF-8"):
        take(desk, content.getvalue())


def test_a_bomb_is_refused_before_it_is_read(desk):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * 101_000_000)
    with pytest.raises(InputError, match="too large"):
        take(desk, out.getvalue())


def test_a_file_that_is_too_large_is_refused(desk, tmp_path):
    file = tmp_path / "large.xlsx"
    file.write_bytes(b"0" * 10_000_001)
    with pytest.raises(InputError, match="too large"):
        take(desk, file)
    with pytest.raises(InputError, match="no such file"):
        take(desk, tmp_path / "absent.xlsx")


def test_a_file_of_too_many_rows_is_refused_before_anything_runs(desk):
    from oreserve.reserve._excel import MOST_ROWS

    with pytest.raises(InputError, match=f"{MOST_ROWS + 1} rows, at most {MOST_ROWS}"):
        take(desk, book(lots=[LOTS, *[GOOD] * (MOST_ROWS + 1)]))
