# SPDX-License-Identifier: Apache-2.0
"""Requests that mean harm: to stop the server, or to learn what is not told."""

from __future__ import annotations

import io
import socket
import threading
import time
import zipfile

import pytest
import uvicorn
import xlsxwriter

from oreserve.cli._serve import _config
from oreserve.errors import InputError
from oreserve.reserve import Receipt
from oreserve.reserve._excel import Imported, Line
from oreserve.reserve._values import check_seen
from oreserve.web import Settings
from oreserve.web._do import local_path
from oreserve.web._formats import MEDIA_TYPES
from oreserve.web._headers import Surroundings
from oreserve.web._patience import ImpatientProtocol
from oreserve.web._uploads import MOST_KEPT, MOST_OWN, _Shelf
from oreserve.web._writer import Writer
from oreserve.web._writes import receipt_content
from web.conftest import PASSWORD, csrf_of_page

NO_ADDRESSES = ["//[", "//\u2100.com", "/\u2028//[", "http://[", "//[::1"]
DEPOT = {"depot": "d_new", "name": "New", "country": "USA"}


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_a_text_that_is_no_address_leads_to_the_overview(text):
    assert local_path(text) == "/"


def test_no_way_on_breaks_a_page(house):
    for text in NO_ADDRESSES:
        client = house.browser()
        page = client.get("/sign-in", params={"next": text})
        assert page.status_code == 200
        form = {"_csrf": csrf_of_page(page.text), "user": "max", "_next": text}
        answer = client.post("/sign-in", data=form | {"password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = client.get("/do/add_depot", params={"_next": text})
        assert page.status_code == 200
        form = {"_csrf": csrf_of_page(page.text), "_next": text}
        assert client.post("/do/add_depot", data=form).status_code == 422


@pytest.mark.parametrize("limit", ["000000001" + "0" * 5000, "000000001000", "1" * 99])
def test_a_limit_of_many_digits_is_refused(calm, limit):
    answer = calm.browser("max").get("/api/v1/items", params={"limit": limit})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "limit"


def test_an_entry_of_many_digits_is_the_newest(calm):
    assert calm.browser("aud").get("/audit?upto=" + "9" * 5000).status_code == 200


@pytest.mark.parametrize("tag", ['"1', '1"', '"', '""', '"١"'])
def test_a_version_in_half_quotes_is_refused(calm, tag):
    answer = calm.browser("max").post(
        "/api/v1/commands/add_depot",
        json={"arguments": DEPOT, "reason": "r"},
        headers={"idempotency-key": "k", "if-match": tag.encode()},
    )
    assert (answer.status_code, answer.json()["rule"]) == (400, "if_match")


def test_arguments_that_do_not_hold_never_wait_for_the_writer(house, monkeypatch):
    async def none(self, request):
        pytest.fail(f"{request.command} came to the writer")

    house.browser("max")
    client = house.browser("max")
    monkeypatch.setattr(Writer, "execute", none)
    answer = house.give(client, "add_depot", **DEPOT, unknown=1)
    assert answer.status_code == 422
    many = {f"a{k}": 1 for k in range(60_000)}
    answer = house.give(client, "add_depot", **DEPOT, **many)
    assert answer.status_code == 422
    assert len(answer.content) < 10_000
    body = {"arguments": {}, "reason": "r"} | many
    headers = {"idempotency-key": house.key()}
    answer = client.post("/api/v1/commands/add_depot", json=body, headers=headers)
    assert answer.status_code == 422
    assert len(answer.content) < 10_000


def test_who_may_not_give_a_command_learns_nothing_of_its_arguments(calm):
    answer = calm.give("aud", "add_depot", nonsense=1)
    assert (answer.status_code, answer.json()["rule"]) == (403, "role")


def test_a_receipt_tells_no_money_to_who_reads_none():
    result = {"lot": "L", "amount_cents": 5, "parts": [{"gross_cents": 5, "grams": 1}]}
    receipt = Receipt(1, "t", "c", None, result, "h")
    assert receipt_content(receipt, {"inspector"})["result"] == {
        "lot": "L",
        "parts": [{"grams": 1}],
    }
    assert receipt_content(receipt, {"treasurer"})["result"] == result


def test_rows_of_a_workbook_tell_no_money_to_who_reads_none(calm, monkeypatch):
    line = Line("lots", 2, "receive_lot", {}, {"lot": "L", "cost_cents": 5}, False)
    found = Imported((line,), is_written=False)
    monkeypatch.setattr("oreserve.web._uploads._take_in", lambda *_a, **_k: found)
    for user, told in (("sue", {"lot": "L"}), ("tom", line.result)):
        answer = calm.browser(user).post(
            "/api/v1/workbooks?reason=r",
            content=b"x",
            headers={"content-type": MEDIA_TYPES["xlsx"]},
        )
        assert answer.json()["lines"][0]["result"] == told


def texts(content):
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return packed.read("xl/sharedStrings.xml").decode()


def test_a_template_offers_what_its_reader_may_read(calm):
    due = calm.browser("max").get("/api/v1/deliveries?status=due").json()["rows"]
    names = [row["delivery"] for row in due]
    assert names
    for path in ("/upload/template.xlsx", "/api/v1/workbooks/template.xlsx"):
        own = texts(calm.browser("max").get(path).content)
        others = texts(calm.browser("sue").get(path).content)
        assert all(name in own for name in names)
        assert not any(name in others for name in names)
        assert "demo_north" in others


def test_a_workbook_tells_no_names_that_are_not_read(calm):
    due = calm.browser("max").get("/api/v1/deliveries?status=due").json()["rows"]
    name = due[0]["delivery"]
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("deliveries")
        row = {"delivery": f"{name}x", "delivered_on": "2026-06-01", "tonnes": 1}
        sheet.write_row(0, 0, row)
        sheet.write_row(1, 0, row.values())
    for user, told in (("ian", True), ("sue", False)):
        answer = calm.browser(user).post(
            "/api/v1/workbooks?reason=r",
            content=out.getvalue(),
            headers={"content-type": MEDIA_TYPES["xlsx"]},
        )
        assert answer.status_code == 422
        said = answer.text.replace(f"{name}x", "")
        assert (name in said) == told, answer.text


def test_a_command_tells_no_names_that_are_not_read(house):
    due = house.browser("max").get("/api/v1/deliveries?status=due").json()["rows"]
    name = due[0]["delivery"]
    given = {"delivered_on": "2026-06-01", "tonnes": "1"}
    for user, told in (("ian", True), ("sue", False)):
        answer = house.give(user, "record_delivery", delivery=f"{name}x", **given)
        assert answer.status_code == 404, answer.text
        assert (name in answer.text.replace(f"{name}x", "")) == told, answer.text


def test_arguments_of_any_depth_are_an_answer(house):
    deep = []
    for _ in range(100_000):
        deep = [deep, "x"]
    check_seen({"a": deep})
    with pytest.raises(ValueError, match=r"U\+200B"):
        check_seen([deep, {"a\u200b": 1}])
    client = house.browser("max")
    for depth in (100, 400, 900, 5_000):
        body = f'{{"reason": "r", "arguments": {{"a": {"[" * depth}{"]" * depth}}}}}'
        answer = client.post(
            "/api/v1/commands/add_depot",
            content=body,
            headers={"idempotency-key": "k", "content-type": "application/json"},
        )
        assert answer.status_code in {400, 422}, answer.text


def test_nobody_pushes_previews_of_others_away():
    shelf = _Shelf()
    mine = shelf.put("sue", b"mine")
    marks = [shelf.put("ian", b"theirs") for _ in range(MOST_KEPT)]
    assert shelf.get(mine, "sue") == b"mine"
    kept = [mark for mark in marks if shelf.get(mark, "ian")]
    assert kept == marks[-MOST_OWN:]
    for k in range(MOST_KEPT - MOST_OWN - 1):
        shelf.put(f"u{k}", b"x")
    with pytest.raises(InputError, match="too many previews"):
        shelf.put("last", b"x")
    assert shelf.get(mine, "sue") == b"mine"


async def echo(scope, receive, send):
    """Read the body and answer."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch):
    """Listen as `oreserve serve` does, with little patience."""
    monkeypatch.setattr(ImpatientProtocol, "patience_s", 0.3)
    app = Surroundings(echo, body_limit=100, upload_limit=100, patience_s=0.3)
    server = uvicorn.Server(_config(app, "127.0.0.1", 0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def all_of(connection):
    """Return what comes until the server closes the connection."""
    parts = []
    while part := connection.recv(10_000):
        parts.append(part)
    return b"".join(parts)


def test_a_request_that_does_not_come_is_not_waited_for(port):
    for sent in (b"", b"GET / HTTP/1.1\r\nHos"):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(sent)
            assert all_of(connection) == b""
    # Nor the second one of a connection.
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(HEAD + b"ok" + b"GET / HT")
        assert b"200 OK" in all_of(connection)


def test_a_body_that_does_not_come_is_not_waited_for(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(HEAD + b"o")
        answer = all_of(connection)
    assert b" 408 " in answer
    assert b"urn:oreserve:problem:too_slow" in answer


def test_a_server_with_a_provider_must_know_its_own_address(calm):
    from oreserve.web import Provider, create_app

    settings = Settings(provider=Provider("https://id.example", "c", "s"))
    with pytest.raises(InputError, match="--url"):
        create_app(calm.store, settings)
