# SPDX-License-Identifier: Apache-2.0
"""Commands and views of the API: shapes, pages, formats, refusals."""

from __future__ import annotations

import csv
import io

import fastexcel
import pytest

from oreserve.web._formats import write_csv, write_xlsx

DEPOT = {"depot": "D9", "name": "Nine", "country": "USA"}


def problem(answer, status, rule):
    """Check the shape of a problem document and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["type"] == f"urn:oreserve:problem:{rule}"
    assert content["status"] == status
    assert content["rule"] == rule
    assert content["title"]
    assert content["detail"]
    assert content["instance"].startswith("/api/")
    assert answer.headers["cache-control"] == "no-store"
    return content


def post(client, name, content, key="k", **headers):
    return client.post(
        f"/api/v1/commands/{name}",
        json=content,
        headers={"idempotency-key": key, **headers},
    )


def test_a_repeated_key_returns_the_first_result(house):
    client = house.browser("max")
    body = {"arguments": DEPOT, "reason": "more room"}
    first = post(client, "add_depot", body)
    again = post(client, "add_depot", body)
    assert first.status_code == again.status_code == 200
    assert first.json()["repeated"] is False
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json() | {"repeated": True}
    other = {"arguments": {**DEPOT, "name": "Ten"}, "reason": "more room"}
    problem(post(client, "add_depot", other), 409, "key_reused")


def test_an_old_version_is_refused_with_the_present_one(house):
    client = house.browser("max")
    house.give(client, "add_depot", **DEPOT)
    tag = client.get("/api/v1/depots/D9").headers["etag"]
    assert tag == '"1"'
    change = {"arguments": {"depot": "D9", "name": "Nine A"}, "reason": "r"}
    answer = post(client, "change_depot", change, "v1", **{"if-match": tag})
    assert answer.status_code == 200
    answer = post(client, "change_depot", change, "v2", **{"if-match": tag})
    assert problem(answer, 409, "stale")["allowed"] == {"version": 2}


def test_every_wrong_field_is_named_at_once(calm):
    body = {"arguments": {"depot": "", "country": 7}, "reason": "r"}
    content = problem(post(calm.browser("max"), "add_depot", body), 422, "arguments")
    assert {one["field"] for one in content["errors"]} == {"depot", "name", "country"}


@pytest.mark.parametrize(
    "content,status,rule",
    [
        (b"{", 400, "json"),
        (b"[]", 422, "arguments"),
        (b'{"arguments": [], "reason": ""}', 422, "arguments"),
        (b'{"arguments": {}, "reason": "r", "more": 1}', 422, "arguments"),
        (b'{"arguments": {"depot": NaN}, "reason": "r"}', 400, "json"),
        (b'{"arguments": {"depot": "\\ud800"}, "reason": "r"}', 422, "arguments"),
        (b'{"arguments": {}, "reason": "\\u0000"}', 422, None),
        (b"[" * 100_000, 400, "json"),
    ],
)
def test_a_body_that_does_not_hold_is_refused(calm, content, status, rule):
    answer = calm.browser("max").post(
        "/api/v1/commands/add_depot",
        content=content,
        headers={"idempotency-key": "bad", "content-type": "application/json"},
    )
    problem(answer, status, rule or answer.json()["rule"])


def test_headers_of_a_command_are_checked(calm):
    client = calm.browser("max")
    path = "/api/v1/commands/add_depot"
    body = {"arguments": DEPOT, "reason": "r"}
    problem(client.post(path, json=body), 400, "idempotency_key")
    problem(client.post(path, data={"a": "b"}), 415, "media_type")
    answer = post(client, "add_depot", body, **{"if-match": "W/x"})
    problem(answer, 400, "if_match")
    answer = post(client, "add_depot", body, key="x" * 201)
    problem(answer, 400, "idempotency_key")
    large = {"arguments": {"note": "x" * 2_000_000}, "reason": "r"}
    problem(post(client, "add_depot", large), 413, "too_large")


def test_unknown_addresses_and_methods_are_problems(calm):
    client = calm.browser("max")
    problem(client.get("/api/v1/nothing"), 404, "not_found")
    problem(client.post("/api/v1/commands/nothing"), 404, "not_found")
    problem(client.delete("/api/v1/lots"), 405, "method")
    problem(client.get("/api/v1/lots/LOT-none"), 404, "not_found")
    problem(calm.browser().get("/api/v1/lots"), 401, "sign_in")
    answer = client.get("/api/v1/lots", headers={"accept": "image/png"})
    problem(answer, 406, "not_acceptable")


def test_queries_that_do_not_hold_say_what_is_allowed(calm):
    client = calm.browser("max")
    content = problem(client.get("/api/v1/lots?itm=x"), 422, "query")
    assert "item" in str(content)
    content = problem(client.get("/api/v1/lots?limit=0&item=a&item=b"), 422, "query")
    assert [one["field"] for one in content["errors"]] == ["item", "limit"]
    problem(client.get("/api/v1/lots?after=forged"), 422, "query")


def test_pages_with_a_cursor_give_every_row_once(calm):
    client = calm.browser("aud")
    whole = [row["sequence"] for row in rows(client, "/api/v1/audit?limit=500")]
    seen, path = [], "/api/v1/audit?limit=40"
    while path:
        answer = client.get(path)
        seen += [row["sequence"] for row in answer.json()["rows"]]
        path = answer.links.get("next", {}).get("url")
    assert seen == whole == sorted(set(whole))
    assert len(seen) > 100


def rows(client, path):
    return client.get(path).json()["rows"]


def test_one_view_in_three_formats_holds_the_same(calm):
    client = calm.browser("max")
    wanted = rows(client, "/api/v1/lots?limit=500")
    text = client.get("/api/v1/lots", headers={"accept": "text/csv"}).text
    assert text == client.get("/api/v1/lots.csv").text
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["lot"] for row in read] == [row["lot"] for row in wanted]
    assert [int(row["grams"]) for row in read] == [row["grams"] for row in wanted]
    content = client.get("/api/v1/lots.xlsx").content
    sheet = fastexcel.read_excel(content).load_sheet(0).to_polars()
    assert sheet["lot"].to_list() == [row["lot"] for row in wanted]


def test_an_unchanged_thing_is_not_sent_again(calm):
    client = calm.browser("max")
    lot = rows(client, "/api/v1/lots?limit=1")[0]["lot"]
    tag = client.get(f"/api/v1/lots/{lot}").headers["etag"]
    answer = client.get(f"/api/v1/lots/{lot}", headers={"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


DANGEROUS = [
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\u200b=1",
    "\ufeff=1",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_of_a_file_becomes_a_formula(text):
    written = write_csv(["a", "b"], [{"a": text, "b": -1}]).decode()
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    assert row["a"] == f"'{text}"
    assert row["b"] == "-1"
    book = fastexcel.read_excel(write_xlsx("t", ["a", "b"], [{"a": text, "b": -1}]))
    sheet = book.load_sheet(0).to_polars()
    assert sheet["a"][0].startswith("'")
    assert sheet["b"][0] == -1


def test_a_dangerous_name_comes_out_of_the_api_harmless(house):
    house.give("max", "add_depot", **(DEPOT | {"name": "=HYPERLINK(1)"}))
    assert "'=HYPERLINK(1)" in house.browser("max").get("/api/v1/depots.csv").text


def test_a_member_sees_and_moves_its_own_alone(house):
    mia, max_ = house.browser("mia"), house.browser("max")
    for view in ("entitlements", "duties", "carry_charges", "members", "transfers"):
        mine = rows(mia, f"/api/v1/{view}?limit=500")
        everything = rows(max_, f"/api/v1/{view}?limit=500")
        assert {str(row) for row in mine} <= {str(row) for row in everything}
        assert "demo_beta" not in str([{**r, "transfer": ""} for r in mine]) or (
            view == "transfers"
        )
    assert rows(mia, "/api/v1/entitlements?member=demo_beta") == []
    problem(mia.get("/api/v1/members/demo_beta"), 404, "not_found")
    assert mia.get("/members/demo_beta").status_code == 404
    assert mia.get("/members/demo_alpha").status_code == 200
    assert mia.get("/lots").status_code == 403
    answer = house.give(
        mia, "draw_entitlement", member="demo_beta", item="ndpr_oxide", grams=1
    )
    assert answer.status_code == 403, answer.text
    answer = house.give(
        mia,
        "offer_transfer",
        from_member="demo_beta",
        to_member="demo_alpha",
        item="ndpr_oxide",
        grams=1,
        inventory_price_cents_per_t=6_000_000,
    )
    assert answer.status_code == 403, answer.text


def test_two_persons_are_two_over_http(house):
    (order,) = rows(house.browser("max"), "/api/v1/orders?status=draft")
    given = {"order_id": order["order_id"], "decision": "approve"}
    assert order["drafted_by"] == "bea"
    house.give("ada", "grant_role", user="bea", role="approver")
    problem(house.give("bea", "approve_order", **given), 403, "two_persons")


def test_me_says_what_i_may(calm):
    content = calm.browser("lyn").get("/api/v1/me").json()
    assert content["roles"] == ["analyst"]
    assert content["commands"] == []
    assert "stock" in content["views"]
    assert "audit" not in content["views"]


def test_every_answer_carries_safe_headers(calm):
    for client in (calm.browser(), calm.browser("max")):
        for path in ("/sign-in", "/stock", "/api/v1/stock", "/healthy", "/nothing"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "script-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../_app.py",
        "/static/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/web.css",
        "/view/lots/..%2f..%2f..%2fetc%2fpasswd",
        "/lots/..%2f..%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_to_a_file(calm, path):
    answer = calm.browser("max").get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
