# SPDX-License-Identifier: Apache-2.0
"""What may be read: by whom, which rows, which columns, page by page."""

from __future__ import annotations

import pytest

from oreserve.reserve import Actor, NotFound, Refused
from oreserve.reserve._queries import Queries
from oreserve.reserve._roles import actions, roles_for
from oreserve.reserve._schema import metadata
from oreserve.reserve._views import is_price, source_of, views


def actor(*roles: str, member: str | None = None) -> Actor:
    return Actor("somebody", frozenset(roles), member)


AUDITOR = actor("auditor")
EVERYBODY = [
    actor(role)
    for role in (
        *("administrator", "manager", "approver", "buyer", "inspector"),
        *("storekeeper", "treasurer", "auditor", "analyst"),
    )
] + [actor("member", member="alpha"), actor("member"), actor()]


@pytest.fixture
def stocked(desk):
    """Give a desk with three lots and two members with entitlements."""
    for item, owner, grams in (
        ("cobalt", "strategic", 3_000_000),
        ("ndpr_oxide", "industrial", 9_000_000),
        ("cobalt", "custody", 500_000),
    ):
        desk.do(
            *("ian", "receive_lot"),
            item=item,
            owner=owner,
            depot="D1",
            grams=grams,
            cost_cents=grams // 1_000,
            received_on="2026-01-01",
        )
    desk.do(
        *("max", "set_industrial_terms"),
        item="ndpr_oxide",
        from_quarter="2026-Q1",
        entry_fee_share=0.01,
        interest_rate=0.04,
        normal_draw_share=0.5,
        replenish_days=90,
        storage_cents_per_t_year=100,
    )
    for member, grams in (("alpha", 4_000_000), ("beta", 2_000_000)):
        desk.do("max", "admit_member", member=member, name=member, entry_fee_cents=1)
        desk.do(
            *("tom", "grant_entitlement"),
            member=member,
            item="ndpr_oxide",
            grams=grams,
            inventory_price_cents_per_t=6_000_000,
        )
        desk.do("max", "draw_entitlement", member=member, item="ndpr_oxide", grams=7)
    return desk


# --- The list of views ------------------------------------------------------------


def test_every_table_but_those_of_sign_in_is_a_view():
    shown = {t.name for t in metadata.tables.values() if t.info["part"] != "access"}
    hidden = {t.name for t in metadata.tables.values() if t.info["part"] == "access"}
    assert shown <= set(views())
    assert not hidden & set(views())


def test_every_view_has_its_table_key_action_and_own_rows():
    for view in views().values():
        source = source_of(view.name, "2026-01-05")
        assert set(view.key) <= set(source.c.keys()), view.name
        if view.name in metadata.tables:
            assert view.key == tuple(
                c.name for c in metadata.tables[view.name].primary_key
            )
        assert actions()[view.action].kind == "query"
        own = set(view.own_rows.split("|")) - {"", "*", "claims"}
        assert own <= set(source.c.keys()), view.name
        assert view.description


def test_a_column_with_a_member_is_filtered_or_hidden_from_members():
    """Whatever names a member must not reach another member."""
    named = {"member", "claimant", "from_member", "to_member"}
    for view in views().values():
        columns = set(source_of(view.name, "2026-01-05").c.keys())
        if columns & named:
            assert view.own_rows != "*", view.name


# --- Who sees which view, row and column ------------------------------------------


@pytest.mark.parametrize("who", EVERYBODY, ids=lambda a: "-".join(sorted(a.roles)))
def test_each_view_answers_exactly_who_may_read_it(stocked, who):
    query = stocked.reserve.query
    listed = {view.name for view in query.views(who)}
    for view in views().values():
        all_rows = bool(who.roles & set(roles_for(view.action)))
        own = bool(view.own_rows) and "member" in who.roles
        assert (view.name in listed) == (all_rows or own), view.name
        if view.name in listed:
            query.page(view.name, who)
        else:
            with pytest.raises(Refused) as caught:
                query.page(view.name, who)
            assert caught.value.status == 403


def test_a_member_sees_its_own_rows_and_no_other(stocked):
    query = stocked.reserve.query
    for member, other in (("alpha", "beta"), ("beta", "alpha")):
        who = actor("member", member=member)
        for view in query.views(who):
            text = str(list(query.rows(view.name, who)))
            assert other not in text, view.name
        rows = list(query.rows("entitlements", who))
        assert [row["member"] for row in rows] == [member]
        with pytest.raises(NotFound):
            query.one("members", who, member=other)
        asked = {"member": other}
        assert list(query.rows("entitlements", who, where=asked)) == []


def test_a_member_of_nobody_sees_no_rows_of_members(stocked):
    who = actor("member")
    for view in ("members", "entitlements", "duties", "claims", "draws"):
        assert list(stocked.reserve.query.rows(view, who)) == []


def test_a_member_who_is_also_an_auditor_sees_all(stocked):
    who = actor("member", "auditor", member="alpha")
    rows = list(stocked.reserve.query.rows("entitlements", who))
    assert [row["member"] for row in rows] == ["alpha", "beta"]


def test_a_member_sees_the_draws_of_its_own_claims_only(stocked):
    stocked.do("ada", "add_user", user="al", name="Al", member="alpha",
               roles=["member"])  # fmt: skip
    release = stocked.do(
        *("max", "request_release"),
        reserve="industrial",
        item="ndpr_oxide",
        ground="normal_draw",
        ground_reference="terms",
        claims=[
            {"claimant": name, "claim_class": "other", "grams": grams}
            for name, grams in (("alpha", 1_000), ("beta", 2_000))
        ],
    )["release_id"]
    stocked.do("max", "check_release", release_id=release)
    stocked.do("ann", "approve_release", release_id=release)
    stocked.do("bob", "approve_release", release_id=release)
    stocked.do("sue", "draw_release", release_id=release)
    who = actor("member", member="alpha")
    mine = list(stocked.reserve.query.rows("draws", who))
    assert [row["grams"] for row in mine] == [1_000]
    assert len(list(stocked.reserve.query.rows("draws", AUDITOR))) == 2
    (claim,) = stocked.reserve.query.rows("claims", who)
    assert claim["claimant"] == "alpha"


@pytest.mark.parametrize("role", ["analyst", "storekeeper", "inspector"])
def test_no_price_reaches_a_role_without_prices(stocked, role):
    query = stocked.reserve.query
    for view in query.views(actor(role)):
        names = [c.name for c in query.columns(view.name, actor(role))]
        assert not [name for name in names if is_price(name)], view.name
    assert "cost_cents" in next(iter(query.rows("lots", AUDITOR)))


def test_a_price_cannot_be_asked_for_through_a_filter(stocked):
    with pytest.raises(Refused, match="no column 'cost_cents'"):
        stocked.reserve.query.page("lots", actor("analyst"), where={"cost_cents": 3000})


# --- Pages and filters ------------------------------------------------------------


def test_pages_of_any_size_give_every_row_once_in_order(stocked):
    query = stocked.reserve.query
    whole = query.page("audit", AUDITOR, limit=1000)
    assert whole.next is None
    for size in (1, 2, 7, len(whole.rows) - 1, len(whole.rows)):
        found, after = [], None
        while True:
            page = query.page("audit", AUDITOR, after=after, limit=size)
            found += page.rows
            after = page.next
            if after is None:
                break
        assert found == whole.rows


def test_a_row_added_meanwhile_neither_repeats_nor_hides_another(desk):
    query = desk.reserve.query
    names = ["a2", "B1", "a1", "Z9", "ä"[:0] + "m-1", "m.1"]
    for name in names:
        desk.do("max", "add_producer", producer=name, name=name, country="USA")
    first = query.page("producers", AUDITOR, limit=3)
    desk.do("max", "add_producer", producer="A0", name="before", country="USA")
    desk.do("max", "add_producer", producer="zz", name="behind", country="USA")
    rest = query.page("producers", AUDITOR, after=first.next, limit=100)
    seen = [row["producer"] for row in first.rows + rest.rows]
    # In the order of the bytes on both databases: capitals first, '-' before '.'.
    assert seen == sorted(["P1", *names, "zz"], key=str.encode)


def test_keys_of_several_columns_are_paged(stocked):
    query = stocked.reserve.query
    whole = list(query.rows("mass_postings", AUDITOR))
    assert len(whole) > 6
    found, after = [], None
    while True:
        page = query.page("mass_postings", AUDITOR, after=after, limit=3)
        found += page.rows
        after = page.next
        if after is None:
            break
    assert found == whole


def test_filters_read_texts_and_nulls(stocked):
    query = stocked.reserve.query
    cobalt = query.page("lots", AUDITOR, where={"item": "cobalt"}).rows
    assert [row["grams"] for row in cobalt] == [3_000_000, 500_000]
    by_text = query.page("lots", AUDITOR, where={"grams": "500000"}).rows
    assert by_text == cobalt[1:]
    none = query.page("lots", AUDITOR, where={"certificate": None}).rows
    assert len(none) == 3
    users = query.page("users", AUDITOR, where={"active": "false"}).rows
    assert users == []


@pytest.mark.parametrize(
    "given, told",
    [
        ({"where": {"itm": "x"}}, "did you mean 'item'"),
        ({"where": {"grams": "many"}}, "grams cannot be 'many'"),
        ({"where": {"grams": "9" * 30}}, "grams cannot be"),
        ({"where": {"item": "\x00"}}, "item cannot be"),
        ({"limit": 0}, "limit is 0; allowed: 1 to 1000"),
        ({"limit": 1001}, "limit is 1001"),
        ({"after": "nonsense"}, "cursor 'nonsense' is not one of lots"),
        ({"after": "WzFd"}, "cursor"),  # [1]: a number where a name belongs
        ({"after": "W10"}, "cursor"),  # []
        ({"after": "ä"}, "cursor"),
    ],
)
def test_wrong_questions_say_what_is_allowed(stocked, given, told):
    with pytest.raises(Refused, match="allowed") as caught:
        stocked.reserve.query.page("lots", AUDITOR, **given)
    assert told in str(caught.value)
    assert caught.value.status == 422


def test_an_unknown_view_names_the_nearest(desk):
    with pytest.raises(NotFound, match="did you mean 'lots'"):
        desk.reserve.query.page("lot", AUDITOR)
    with pytest.raises(NotFound):
        desk.reserve.query.page("credentials", AUDITOR)


def test_one_row_by_its_whole_key(stocked):
    query = stocked.reserve.query
    row = query.one("members", AUDITOR, member="alpha")
    assert row["name"] == "alpha"
    with pytest.raises(NotFound):
        query.one("members", AUDITOR, name="alpha")  # not the key


# --- Computed views ---------------------------------------------------------------


def test_stock_adds_up_by_kind_of_owner(stocked):
    rows = {row["item"]: row for row in stocked.reserve.query.rows("stock", AUDITOR)}
    assert rows["cobalt"]["strategic_grams"] == 3_000_000
    assert rows["cobalt"]["custody_grams"] == 500_000
    assert rows["cobalt"]["inventory_cents"] == 3_500  # 3000 + 500
    oxide = rows["ndpr_oxide"]
    assert oxide["industrial_grams"] == 9_000_000 - 14
    assert oxide["entitled_grams"] == 6_000_000
    assert oxide["open_duty_grams"] == 14
    assert rows["ndpr_metal"]["lots"] == 0
    assert type(rows["cobalt"]["strategic_grams"]) is int  # on both databases


def test_frames_are_typed_also_without_rows(desk):
    import polars as pl

    frame = desk.reserve.query.frame("lots", AUDITOR)
    assert frame.height == 0
    assert frame.schema["grams"] == pl.Int64
    assert frame.schema["purity"] == pl.Float64
    assert frame.schema["lot"] == pl.String


def test_queries_write_nothing(stocked):
    before = stocked.reserve.head()
    for view in views():
        list(stocked.reserve.query.rows(view, AUDITOR))
    assert stocked.reserve.head() == before
    assert isinstance(stocked.reserve.query, Queries)
