# SPDX-License-Identifier: Apache-2.0
"""Settlements of price support, each amount computed by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.contracts import PriceRule, settle_quarters, settlement_usd
from oreserve.reserve import Refused
from oreserve.reserve._contract_money import grams_for, value_cents
from oreserve.reserve._ledger import spread
from oreserve.reserve._settlements import rule_cents

T = 1_000_000  # g per t
KG = 100_000  # 1 USD/kg in cents per t: 1000 kg/t x 100 cents


def support(desk, **terms):
    """Open a contract for price support at its ceiling, with money voted."""
    desk.clock.set("2026-01-05")
    desk.do("max", "appropriate", appropriation="A1", title="Act", cents=10**11)
    desk.do(
        "bea",
        "add_index_series",
        series="NDPR",
        name="NdPr oxide, USD/kg, volume weighted",
        market="China, ex works",
        source="Price service",
    )
    values = {
        "contract": "S1",
        "title": "Price support",
        "producer": "P1",
        "item": "ndpr_oxide",
        "owner": "strategic",
        "purpose": "price_support",
        "rung": "ceiling",
        "ceiling_cents": 10**11,
        "from_on": "2025-10-01",
        "until_on": "2035-12-31",
        "series": "NDPR",
    }
    desk.do("bea", "draft_contract", **{**values, **terms})


def index(desk, quarter, cents_per_t):
    desk.do(
        "tom",
        "record_index_value",
        series="NDPR",
        quarter=quarter,
        cents_per_t=cents_per_t,
        source="Bulletin",
    )


def volumes(desk, quarter, **grams):
    parts = [{"designation": name, "grams": g} for name, g in grams.items()]
    desk.do("bea", "record_volumes", contract="S1", quarter=quarter, volumes=parts)


def settle(desk, quarter):
    """Compute, approve and pay a quarter; return the amount due, cents."""
    key = {"contract": "S1", "quarter": quarter}
    due = desk.do("bea", "compute_settlement", **key)["due_cents"]
    status = desk.do("ann", "approve_settlement", **key)["status"]
    if status == "approved":
        desk.do("tom", "pay_settlement", **key)
    return due


def balance(desk, account):
    rows = desk.rows("money_balances", account=account)
    return rows[0]["cents"] if rows else 0


# --- The three cases of the design ---------------------------------------------


def test_floor_of_110_pays_50_million_at_60(desk):
    support(desk, rule_kind="floor", floor_cents_per_t=110 * KG)
    desk.clock.set("2026-04-02")
    index(desk, "2026-Q1", 60 * KG)
    volumes(desk, "2026-Q1", third_party=1_000 * T)
    # (110 - 60) USD/kg x 1 000 000 kg = 50 000 000 USD
    assert settle(desk, "2026-Q1") == 50_000_000_00
    assert balance(desk, "cash") == 10**11 - 50_000_000_00
    assert balance(desk, "expense:support") == 50_000_000_00
    assert balance(desk, "settlement:S1") == 0
    assert balance(desk, "obligated:S1") == 0
    assert balance(desk, "unobligated") == 10**11 - 50_000_000_00


def test_share_above_the_floor_returns_9_million_at_140(desk):
    support(desk, rule_kind="two_way", floor_cents_per_t=110 * KG, upside_share=0.3)
    desk.clock.set("2026-04-02")
    index(desk, "2026-Q1", 140 * KG)
    volumes(desk, "2026-Q1", third_party=1_000 * T)
    # 0.3 x (140 - 110) USD/kg x 1 000 000 kg = 9 000 000 USD back
    assert settle(desk, "2026-Q1") == -9_000_000_00
    # Money that comes back is cash and income; it is no budget.
    assert balance(desk, "cash") == 10**11 + 9_000_000_00
    assert balance(desk, "income:support") == -9_000_000_00
    assert balance(desk, "unobligated") == 10**11
    assert desk.row("payments")["cents"] == -9_000_000_00


def test_share_above_150_is_capped_at_10_million_a_year(desk):
    support(
        desk,
        rule_kind="two_way",
        floor_cents_per_t=110 * KG,
        upside_share=0.3,
        upside_from_cents_per_t=150 * KG,
        annual_cap_cents=10_000_000_00,
    )
    desk.clock.set("2026-04-02")
    index(desk, "2026-Q1", 160 * KG)
    volumes(desk, "2026-Q1", third_party=5_000 * T)
    # 0.3 x (160 - 150) USD/kg x 5 000 000 kg = 15 million, capped at 10 million
    assert settle(desk, "2026-Q1") == -10_000_000_00
    statement = json.loads(desk.row("settlements")["statement"])
    assert statement["returned_before_cap_cents"] == 15_000_000_00
    assert statement["returned_this_year_cents"] == 10_000_000_00


# --- Each rule over four quarters ------------------------------------------------

QUARTERS = ("2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")
INDEX = (60 * KG, 100 * KG, 120 * KG, 165 * KG)
# Partial volumes by designation: 200 + 50 t, 300 t, 0 t, 400 + 100 t
VOLUMES = (
    {"stockpile": 200 * T, "third_party": 50 * T},
    {"third_party": 300 * T},
    {"third_party": 0},
    {"affiliate": 400 * T, "third_party": 100 * T},
)
M = 1_000_000_00  # a million USD in cents
RULES = {
    # (100 - 60) x 250 t = 10.0; (100 - 100) = 0; 0 t; (100 - 165) x 500 t = -32.5
    "fixed": ({"fixed_cents_per_t": 100 * KG}, (10 * M, 0, 0, -65 * M // 2)),
    "indexed": ({}, (0, 0, 0, 0)),
    # (110 - 60) x 250 t = 12.5; (110 - 100) x 300 t = 3.0; 0 t; above the floor
    "floor": ({"floor_cents_per_t": 110 * KG}, (25 * M // 2, 3 * M, 0, 0)),
    # as the floor, and (165 - 150) x 500 t = 7.5 back
    "collar": (
        {"floor_cents_per_t": 110 * KG, "ceiling_price_cents_per_t": 150 * KG},
        (25 * M // 2, 3 * M, 0, -15 * M // 2),
    ),
    # as the floor, and 0.3 x (165 - 110) x 500 t = 8.25 back, capped at 8.0 a year
    "two_way": (
        {
            "floor_cents_per_t": 110 * KG,
            "upside_share": 0.3,
            "annual_cap_cents": 8 * M,
        },
        (25 * M // 2, 3 * M, 0, -8 * M),
    ),
}


@pytest.mark.parametrize("kind", sorted(RULES))
def test_rule_over_four_quarters_with_an_index_gap(desk, kind):
    terms, expected = RULES[kind]
    support(desk, rule_kind=kind, **terms)
    desk.clock.set("2027-01-04")
    for quarter, value in zip(QUARTERS, INDEX, strict=True):
        if quarter != "2026-Q3":
            index(desk, quarter, value)
    for quarter, grams in zip(QUARTERS, VOLUMES, strict=True):
        volumes(desk, quarter, **grams)
    assert settle(desk, "2026-Q1") == expected[0]
    assert settle(desk, "2026-Q2") == expected[1]
    with pytest.raises(Refused, match=r"'NDPR' has no value for 2026-Q3") as gap:
        settle(desk, "2026-Q3")
    assert gap.value.rule == "index_missing"
    with pytest.raises(Refused, match="2026-Q3 is to be settled before") as late:
        desk.do("bea", "compute_settlement", contract="S1", quarter="2026-Q4")
    assert late.value.rule == "sequence"
    index(desk, "2026-Q3", INDEX[2])
    assert settle(desk, "2026-Q3") == expected[2]
    assert settle(desk, "2026-Q4") == expected[3]
    rows = desk.rows("settlements")
    assert [row["due_cents"] for row in rows] == list(expected)
    assert {row["status"] for row in rows} == {"paid"}
    for row in rows:
        lines = json.loads(row["statement"])["lines"]
        assert sum(line["amount_cents"] for line in lines) == row["due_cents"]
    paid = sum(amount for amount in expected if amount > 0)
    back = -sum(amount for amount in expected if amount < 0)
    assert balance(desk, "cash") == 10**11 - paid + back
    assert balance(desk, "unobligated") == 10**11 - paid
    assert desk.reserve.verify().ok


def test_annual_cap_runs_over_quarters_and_starts_anew_each_year(desk):
    support(
        desk,
        rule_kind="two_way",
        floor_cents_per_t=110 * KG,
        upside_share=0.3,
        upside_from_cents_per_t=150 * KG,
        annual_cap_cents=10 * M,
    )
    desk.clock.set("2027-04-02")
    wanted = {
        # 0.3 x 10 x 2 000 t = 6.0; then 6.0 of which 4.0 are left; then 0.0
        "2026-Q1": (160 * KG, -6 * M),
        "2026-Q2": (160 * KG, -4 * M),
        "2026-Q3": (160 * KG, 0),
        # the cap bounds what comes back, not the floor: (110 - 90) x 2 000 t = 40.0
        "2026-Q4": (90 * KG, 40 * M),
        "2027-Q1": (160 * KG, -6 * M),
    }
    for quarter, (value, due) in wanted.items():
        index(desk, quarter, value)
        volumes(desk, quarter, third_party=2_000 * T)
        assert settle(desk, quarter) == due, quarter


def test_statement_splits_to_the_cent(desk):
    support(desk, rule_kind="floor", floor_cents_per_t=100)
    desk.clock.set("2026-04-02")
    index(desk, "2026-Q1", 0)
    # 100 cents/t x 1 t = 100 cents over three thirds of a tonne less a gram
    volumes(desk, "2026-Q1", a=333_333, b=333_333, c=333_334)
    assert settle(desk, "2026-Q1") == 100
    lines = json.loads(desk.row("settlements")["statement"])["lines"]
    assert [line["amount_cents"] for line in lines] == [33, 33, 34]


@pytest.mark.parametrize(
    "grams, cents",
    # 1 cent/t: half a cent goes to the even neighbour: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2
    [(500_000, 0), (1_500_000, 2), (2_500_000, 2), (2_500_001, 3)],
)
def test_half_a_cent_goes_to_the_even_neighbour(grams, cents):
    rule = {
        "rule_kind": "floor",
        "floor_cents_per_t": 1,
        "ceiling_price_cents_per_t": None,
    }
    assert rule_cents(rule, index_cents_per_t=0, grams=grams) == (cents, 0)


def test_share_is_the_decimal_that_was_written():
    # 0.3 x 5 cents/t x 1 t = 1.5 -> 2; the binary 0.3 is less and would give 1
    rule = {
        "rule_kind": "two_way",
        "floor_cents_per_t": None,
        "ceiling_price_cents_per_t": None,
        "upside_share": 0.3,
        "upside_from_cents_per_t": 0,
    }
    assert rule_cents(rule, index_cents_per_t=5, grams=T) == (0, 2)


def test_whole_numbers_agree_with_the_floating_rule():
    for kind, (terms, expected) in RULES.items():
        usd = {
            name.replace("_cents_per_t", "_usd_per_t")
            .replace("_cents", "_usd")
            .replace("ceiling_price", "ceiling"): (
                value if name == "upside_share" else value / 100
            )
            for name, value in terms.items()
        }
        rows = settle_quarters(
            PriceRule(kind, **usd),
            index_usd_per_t={q: i / 100 for q, i in zip(QUARTERS, INDEX, strict=True)},
            quantity_t={
                q: {name: g / T for name, g in v.items()}
                for q, v in zip(QUARTERS, VOLUMES, strict=True)
            },
        )
        assert [round(row.paid_usd * 100) for row in rows] == list(expected)


PRICES = st.integers(0, 500 * KG)
MASSES = st.integers(0, 20_000 * T)


@given(
    kind=st.sampled_from(["fixed", "indexed", "floor", "collar", "two_way"]),
    low=PRICES,
    width=PRICES,
    share=st.integers(0, 1_000),
    index_price=PRICES,
    mass=MASSES,
)
def test_any_rule_agrees_with_the_floating_one(
    kind, low, width, share, index_price, mass
):
    high = low + width
    read = {
        "fixed": {"fixed": low},
        "indexed": {},
        "floor": {"floor": low},
        "collar": {"floor": low, "ceiling": high},
        "two_way": {"floor": low, "upside_from": high},
    }[kind]
    names = {
        "fixed": "fixed_cents_per_t",
        "floor": "floor_cents_per_t",
        "ceiling": "ceiling_price_cents_per_t",
        "upside_from": "upside_from_cents_per_t",
    }
    rule = {
        **dict.fromkeys(names.values()),
        **{names[one]: value for one, value in read.items()},
        "rule_kind": kind,
        "upside_share": share / 1_000,
    }
    support, back = rule_cents(rule, index_cents_per_t=index_price, grams=mass)
    usd = {f"{one}_usd_per_t": value / 100 for one, value in read.items()}
    more = {"upside_share": share / 1_000} if kind == "two_way" else {}
    other = settlement_usd(
        PriceRule(kind, **usd, **more),
        index_usd_per_t=index_price / 100,
        quantity_t=mass / T,
    )
    assert support >= 0 <= back
    assert support == 0 or back == 0
    assert abs(support - back - other * 100) <= 1 + 1e-9 * abs(other)


@given(total=st.integers(-(10**12), 10**12), weights=st.lists(MASSES, min_size=1))
def test_lines_sum_to_the_amount(total, weights):
    if sum(weights):
        assert sum(spread(total, weights)) == total


@given(cents=st.integers(0, 10**14), price=st.integers(1, 10**9))
def test_grams_that_fit_cost_no_more_than_the_money(cents, price):
    fit = grams_for(cents, price)
    assert value_cents(fit, price) <= cents
    assert (fit + 1) * price > cents * T


# --- Who, when, how much ---------------------------------------------------------


def ready(desk):
    """Bring a floor contract to a quarter that can be computed: 50 million due."""
    support(desk, rule_kind="floor", floor_cents_per_t=110 * KG)
    desk.clock.set("2026-04-02")
    index(desk, "2026-Q1", 60 * KG)
    volumes(desk, "2026-Q1", third_party=1_000 * T)
    return {"contract": "S1", "quarter": "2026-Q1"}


def refused(desk, rule, actor, command, **arguments):
    with pytest.raises(Refused) as found:
        desk.do(actor, command, **arguments)
    assert found.value.rule == rule, found.value.message
    return found.value


def test_statement_needs_a_second_person(desk):
    key = ready(desk)
    desk.do("ada", "grant_role", user="bea", role="approver")
    desk.do("ada", "grant_role", user="ann", role="treasurer")
    desk.do("bea", "compute_settlement", **key)
    refused(desk, "two_persons", "bea", "approve_settlement", **key)
    refused(desk, "status", "tom", "pay_settlement", **key)
    desk.do("ann", "approve_settlement", **key)
    refused(desk, "two_persons", "ann", "pay_settlement", **key)
    desk.do("tom", "pay_settlement", **key)
    refused(desk, "status", "tom", "pay_settlement", **key)


def test_refused_statement_is_computed_anew(desk):
    key = ready(desk)
    desk.do("bea", "compute_settlement", **key)
    desk.do("ann", "approve_settlement", **key, decision="refuse")
    assert desk.rows("settlements") == []
    volumes(desk, "2026-Q1", third_party=900 * T)
    # (110 - 60) USD/kg x 900 000 kg = 45 million
    assert settle(desk, "2026-Q1") == 45 * M


def test_statement_goes_stale_with_its_volumes(desk):
    key = ready(desk)
    desk.do("bea", "compute_settlement", **key)
    volumes(desk, "2026-Q1", third_party=1_001 * T)
    refused(desk, "stale_statement", "ann", "approve_settlement", **key)
    # (110 - 60) USD/kg x 1 001 000 kg = 50.05 million
    assert settle(desk, "2026-Q1") == 50_050_000_00


def test_settled_quarter_stays_settled(desk):
    key = ready(desk)
    settle(desk, "2026-Q1")
    one = {"designation": "third_party", "grams": T}
    refused(desk, "settled", "bea", "record_volumes", **key, volumes=[one])
    refused(desk, "settled", "bea", "compute_settlement", **key)
    found = refused(
        desk,
        "index_used",
        "tom",
        "correct_index_value",
        series="NDPR",
        quarter="2026-Q1",
        cents_per_t=61 * KG,
        source="Revision",
    )
    assert "settlement S1 2026-Q1" in found.message


def test_value_that_settled_nothing_is_corrected(desk):
    key = ready(desk)
    desk.do("bea", "compute_settlement", **key)
    desk.do(
        "tom",
        "correct_index_value",
        series="NDPR",
        quarter="2026-Q1",
        cents_per_t=70 * KG,
        source="Revision",
    )
    refused(desk, "stale_statement", "ann", "approve_settlement", **key)
    # (110 - 70) USD/kg x 1 000 000 kg = 40 million
    assert settle(desk, "2026-Q1") == 40 * M


def test_quarter_that_runs_is_not_settled(desk):
    support(desk, rule_kind="floor", floor_cents_per_t=110 * KG)
    desk.clock.set("2026-03-31")
    volumes(desk, "2026-Q1", third_party=T)
    key = {"contract": "S1", "quarter": "2026-Q1"}
    refused(desk, "dates", "bea", "compute_settlement", **key)
    refused(
        desk,
        "dates",
        "tom",
        "record_index_value",
        series="NDPR",
        quarter="2026-Q1",
        cents_per_t=1,
        source="too early",
    )


def test_no_volumes_are_not_zero_volumes(desk):
    support(desk, rule_kind="floor", floor_cents_per_t=110 * KG)
    desk.clock.set("2026-04-02")
    index(desk, "2026-Q1", 60 * KG)
    key = {"contract": "S1", "quarter": "2026-Q1"}
    refused(desk, "volumes", "bea", "compute_settlement", **key)
    volumes(desk, "2026-Q1", third_party=0)
    assert settle(desk, "2026-Q1") == 0


def test_support_stops_at_the_ceiling_and_at_the_money(desk):
    key = ready(desk)
    desk.do("bea", "change_contract", contract="S1", ceiling_cents=40 * M)
    desk.do("bea", "compute_settlement", **key)
    found = refused(desk, "ceiling", "ann", "approve_settlement", **key)
    assert found.allowed == {"cents": 40 * M}
    for person in ("bea", "max"):
        desk.do(person, "change_contract", contract="S1", ceiling_cents=10**11)
    # A second contract promises all but 20 million of the 1000 million voted.
    desk.do(
        "bea",
        "draft_contract",
        contract="S2",
        title="Other",
        producer="P1",
        item="cobalt",
        owner="strategic",
        purpose="price_support",
        rung="ceiling",
        ceiling_cents=980 * M,
        minimum_cents=980 * M,
        from_on="2026-01-01",
        rule_kind="floor",
        floor_cents_per_t=1,
        series="NDPR",
    )
    desk.do("ann", "guarantee_minimum", contract="S2")
    found = refused(desk, "money", "ann", "approve_settlement", **key)
    assert "unobligated are 20,000,000.00 USD" in found.message


def test_volumes_stay_within_the_ceiling_in_grams_and_the_days(desk):
    support(
        desk,
        rule_kind="floor",
        floor_cents_per_t=110 * KG,
        ceiling_grams=1_000 * T,
    )
    desk.clock.set("2026-04-02")
    volumes(desk, "2026-Q1", third_party=800 * T)
    one = {"designation": "stockpile", "grams": 201 * T}
    found = refused(
        desk,
        "ceiling",
        "bea",
        "record_volumes",
        contract="S1",
        quarter="2026-Q2",
        volumes=[one],
    )
    assert found.allowed == {"grams": 200 * T}
    low = {"contract": "S1", "ceiling_grams": 799 * T}
    refused(desk, "ceiling", "bea", "change_contract", **low)
    for quarter in ("2025-Q3", "2026-Q3"):  # before the contract; to come
        refused(
            desk,
            "dates",
            "bea",
            "record_volumes",
            contract="S1",
            quarter=quarter,
            volumes=[one],
        )


def test_payment_is_reversed_and_paid_again(desk):
    key = ready(desk)
    settle(desk, "2026-Q1")
    (txn,) = desk.rows("transactions", kind="pay_settlement")
    desk.do("max", "reverse", txn=txn["txn"])
    assert desk.row("settlements")["status"] == "approved"
    assert desk.rows("payments") == []
    assert balance(desk, "obligated:S1") == 50 * M
    desk.do("tom", "pay_settlement", **key)
    assert balance(desk, "cash") == 10**11 - 50 * M
    assert desk.reserve.verify().ok


def test_support_contract_names_its_index(desk):
    with pytest.raises(Refused, match="names no index series") as found:
        support(desk, rule_kind="floor", floor_cents_per_t=1, series=None)
    assert found.value.rule == "price_rule"
