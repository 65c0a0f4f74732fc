# SPDX-License-Identifier: Apache-2.0
"""Workbooks over HTTP: preview, all or nothing, and files that mean harm."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
import xlsxwriter

from oreserve.web import Settings
from oreserve.web._formats import MEDIA_TYPES
from web.conftest import csrf_of_page, served

LOT = {
    "item": "cobalt",
    "depot": "demo_north",
    "owner": "demo_strategic",
    "tonnes": 12.5,
    "received_on": "2026-06-01",
}


def workbook(*rows, **changed):
    """Return a workbook with lots."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("lots")
        sheet.write_row(0, 0, list(LOT))
        for line, row in enumerate(rows or [LOT], start=1):
            sheet.write_row(line, 0, list((row | changed).values()))
    return out.getvalue()


def upload(client, content, name="lots.xlsx", reason="opening stock"):
    csrf = csrf_of_page(client.get("/upload").text)
    return client.post(
        "/upload",
        data={"_csrf": csrf, "_reason": reason},
        files={"workbook": (name, content, MEDIA_TYPES["xlsx"])},
    )


def test_a_preview_writes_nothing_and_the_button_writes_all(house):
    client = house.browser("sue")
    before = house.store.head()
    page = upload(client, workbook())
    assert page.status_code == 200, page.text
    assert "1 of 1 rows are new" in page.text
    assert house.store.head() == before
    mark = re.search(r'name="_mark" value="([^"]+)"', page.text)[1]
    form = {"_csrf": csrf_of_page(page.text), "_mark": mark, "_reason": "opening"}
    # Nobody else takes it in.
    other = house.browser("ian")
    stolen = form | {"_csrf": csrf_of_page(other.get("/upload").text)}
    assert "no longer kept" in other.post("/upload/write", data=stolen).text
    assert client.post("/upload/write", data=form).status_code == 303
    assert house.store.head().sequence == before.sequence + 1
    lots = client.get("/api/v1/lots?item=cobalt&received_on=2026-06-01").json()["rows"]
    assert [lot["grams"] for lot in lots] == [12_500_000]


def test_every_problem_of_a_workbook_is_told_and_nothing_written(house):
    client = house.browser("sue")
    before = house.store.head()
    bad = [LOT | {"item": "cobold"}, LOT | {"tonnes": "much"}, LOT]
    page = upload(client, workbook(*bad))
    assert page.status_code == 422
    assert "2 problems" in page.text
    assert "cobalt" in page.text
    assert house.store.head() == before


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\x.xlsx", "/abs.xlsx", "\x00"]
)
def test_the_name_of_a_file_leads_nowhere(house, name, tmp_path):
    files = set(tmp_path.iterdir())
    assert upload(house.browser("sue"), workbook(), name).status_code in {200, 400}
    assert set(tmp_path.iterdir()) == files


def test_what_is_no_workbook_is_refused(house):
    client = house.browser("sue")
    for content in (b"", b"no zip", b"PK\x03\x04" + b"\x00" * 100):
        page = upload(client, content)
        assert page.status_code == 422
        assert "workbook" in page.text


def test_a_zip_bomb_is_not_unpacked(house):
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as honest,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in honest.namelist():
            filler = b" " * 150_000_000 if name.endswith("sheet1.xml") else b""
            packed.writestr(name, honest.read(name) + filler)
    assert len(out.getvalue()) < 1_000_000
    before = house.store.head()
    page = upload(house.browser("sue"), out.getvalue())
    assert page.status_code == 422
    assert "too large" in page.text
    assert house.store.head() == before


def test_an_oversized_upload_stops_at_the_door(told_file, tmp_path):
    settings = Settings(upload_limit=100_000)
    with served(told_file, tmp_path / "u.db", settings) as house:
        page = upload(house.browser("sue"), b"x" * 200_000)
        assert page.status_code == 413
        # Without a length that is told, what comes is counted.
        client = house.browser("sue")
        answer = client.post(
            "/api/v1/workbooks?reason=r",
            content=(b"x" * 10_000 for _ in range(20)),
            headers={"content-type": MEDIA_TYPES["xlsx"]},
        )
        assert answer.status_code == 413
        assert answer.json()["rule"] == "too_large"


def test_a_program_previews_and_writes(house):
    client = house.browser("sue")
    headers = {"content-type": MEDIA_TYPES["xlsx"]}
    path = "/api/v1/workbooks?reason=stock"
    look = client.post(path, content=workbook(), headers=headers).json()
    assert (look["is_written"], look["new"]) == (False, 1)
    kept = client.post(f"{path}&write=true", content=workbook(), headers=headers).json()
    assert (kept["is_written"], kept["new"]) == (True, 1)
    again = client.post(
        f"{path}&write=true", content=workbook(), headers=headers
    ).json()
    assert again["new"] == 0
    bad = client.post(path, content=workbook(item="no"), headers=headers)
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["field"].startswith("lots.2.")


def test_only_the_roles_of_the_table_take_workbooks_in(house):
    assert house.browser("aud").get("/upload").status_code == 403
    assert house.browser("aud").get("/upload/template.xlsx").status_code == 403
    template = house.browser("sue").get("/upload/template.xlsx")
    assert zipfile.is_zipfile(io.BytesIO(template.content))
