# SPDX-License-Identifier: Apache-2.0
"""Random commands for a reserve: plausible ones, and ones that must be refused.

Every rule looks at what is there and asks for one command, or for none. A command
that must be refused names the codes by which it may be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reserve._books import Books

ITEMS = ("cobalt", "ndpr_metal", "ndpr_oxide")
DEPOTS = ("D1", "D2", "D3")
OWNERS = ("strategic", "industrial", "custody")
MEMBERS = {"M1": "mia", "M2": "moe", "M3": "may"}
PRICES = (1_000_000, 1_333_333, 7)
TONNE = 1_000_000
YEAR_DAYS = 366

NO_RIGHT = frozenset({"role"})


@dataclass(frozen=True)
class Ask:
    """One command to try.

    `refused` holds the codes by which it must be refused; None: it may pass.
    """

    actor: str
    command: str
    arguments: dict[str, Any] = field(default_factory=dict)
    refused: frozenset[str] | None = None
    expected_version: int | None = None


@dataclass
class Sight:
    """What rules may look at."""

    rows: Callable[..., list[dict[str, Any]]]
    books: Books
    today: date

    def day(self, more: int = 0) -> str:
        """Return a day counted from today."""
        return (self.today + timedelta(days=more)).isoformat()

    def quarter(self, back: int = 0) -> str:
        """Return the quarter of today, or one before it."""
        number = self.today.year * 4 + (self.today.month - 1) // 3 - back
        return f"{number // 4}-Q{number % 4 + 1}"


Rule = Callable[[Sight, Random], Ask | None]
RULES: dict[str, tuple[int, Rule]] = {}


def rule(weight: int) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES[function.__name__] = (weight, function)
        return function

    return register


def choose(rng: Random) -> Rule:
    """Draw a rule by its weight."""
    names = sorted(RULES)
    (name,) = rng.choices(names, weights=[RULES[one][0] for one in names])
    return RULES[name][1]


def opening() -> list[Ask]:
    """Return the commands that set the scene; all must pass."""
    asks = [
        Ask("max", "add_depot", {"depot": "D3", "name": "East", "country": "CAN",
            "capacity_g": 500 * TONNE}),
        Ask("bea", "add_producer", {"producer": "P2", "name": "Two", "country": "CAN"}),
        Ask("bea", "add_index_series", {"series": "S1", "name": "Made up, cents per t",
            "market": "spot", "source": "a test"}),
        Ask("max", "appropriate", {"appropriation": "A0", "title": "First",
            "cents": 10**12}),
    ]  # fmt: skip
    for member, user in MEMBERS.items():
        asks += [
            Ask("max", "admit_member", {"member": member, "name": f"Member {member}",
                "entry_fee_cents": 1_000}),
            Ask("ada", "add_user", {"user": user, "name": user, "member": member,
                "roles": ["member"]}),
        ]  # fmt: skip
    asks.extend(
        Ask("max", "set_market_limit", {"item": item, "max_share": 0.5,
            "yearly_market_grams": 400 * TONNE, "source": "a test"})
        for item in ITEMS
    )  # fmt: skip
    asks.extend(
        Ask("max", "set_industrial_terms", {"item": item, "from_quarter": "2025-Q1",
            "entry_fee_share": 0.0125, "interest_rate": 0.0575,
            "normal_draw_share": share, "replenish_days": 120,
            "storage_cents_per_t_year": 4_321})
        for item, share in zip(ITEMS, (0.5, 1.0, 0.25), strict=True)
    )  # fmt: skip
    asks.extend(
        Ask("ian", "receive_lot", {"item": item, "depot": "D1", "owner": owner,
            "grams": 40 * TONNE, "received_on": "2026-01-01",
            "cost_cents": 123_456_789})
        for item in ITEMS
        for owner in OWNERS
    )  # fmt: skip
    asks.append(
        Ask("ian", "qualify_producer",
            {"producer": "P1", "item": "cobalt", "status": "qualified"})
    )  # fmt: skip
    return asks


def grams(rng: Random, most: int = 20 * TONNE) -> int:
    """Draw a mass over all orders of size, g."""
    size = rng.choice((10, 1_000, TONNE, most))
    return rng.randint(1, max(1, min(size, most)))


def share_of(rng: Random, whole: int) -> int:
    """Draw a part of a mass, often all of it, g."""
    return whole if rng.random() < 0.2 else rng.randint(1, whole)


def pick(rng: Random, rows: list[Any]) -> Any:
    """Draw one of some rows; None if there are none."""
    return rng.choice(rows) if rows else None


def approver(rng: Random) -> str:
    return rng.choice(("ann", "bob", "max"))


# --- Lots ------------------------------------------------------------------------


@rule(10)
def receive_lot(see: Sight, rng: Random) -> Ask:
    given: dict[str, Any] = {
        "item": rng.choice(ITEMS),
        "depot": rng.choice(DEPOTS),
        "owner": rng.choice(OWNERS),
        "grams": grams(rng),
        "received_on": see.day(-rng.randint(0, 400)),
        "cost_cents": rng.choice((0, 1, 999, 10_000_001)),
    }
    if rng.random() < 0.5:
        given["purity"] = rng.choice((0.9, 0.99, 0.999))
    if rng.random() < 0.3:
        given["certificate"] = "C"
        given["certificate_expires_on"] = see.day(rng.randint(-30, 300))
    return Ask(rng.choice(("ian", "sue")), "receive_lot", given)


@rule(8)
def split_lot(see: Sight, rng: Random) -> Ask | None:
    lots = see.books.held()
    if not lots:
        return None
    name = rng.choice(lots)
    whole = see.books.lots[name].grams
    if whole > 1 and rng.random() < 0.8:
        return Ask(
            "sue", "split_lot", {"lot": name, "grams": rng.randint(1, whole - 1)}
        )
    more = whole + rng.choice((0, 1, 10**9))
    return Ask("sue", "split_lot", {"lot": name, "grams": more}, _rules("not_enough"))


def _mates(see: Sight, rng: Random) -> list[str]:
    """Draw lots of one item, owner and depot."""
    lots = see.books.held()
    if not lots:
        return []
    first = see.books.lots[rng.choice(lots)]
    key = (first.item, first.owner, first.depot)
    mates = [
        name
        for name in lots
        if (lot := see.books.lots[name]) and (lot.item, lot.owner, lot.depot) == key
    ]
    return rng.sample(mates, min(len(mates), rng.randint(1, 4)))


def _parts(see: Sight, rng: Random, lots: list[str]) -> list[dict[str, Any]]:
    return [
        {"lot": name, "grams": share_of(rng, see.books.lots[name].grams)}
        for name in lots
    ]


@rule(7)
def blend_lots(see: Sight, rng: Random) -> Ask | None:
    lots = _mates(see, rng)
    if len(lots) < 2:
        return None
    parts = _parts(see, rng, lots)
    whole = sum(part["grams"] for part in parts)
    if rng.random() < 0.15:
        parts[-1]["grams"] = see.books.lots[lots[-1]].grams + 1
        return Ask("sue", "blend_lots", {"parts": parts}, _rules("not_enough"))
    if rng.random() < 0.1:
        given = {"parts": parts, "loss_grams": whole}
        return Ask("sue", "blend_lots", given, _rules("loss"))
    loss = rng.choice((0, 0, whole // 100))
    return Ask("ian", "blend_lots", {"parts": parts, "loss_grams": loss})


@rule(5)
def upgrade_lots(see: Sight, rng: Random) -> Ask | None:
    lots = _mates(see, rng)
    if not lots:
        return None
    parts = _parts(see, rng, lots)
    whole = sum(part["grams"] for part in parts)
    item = see.books.lots[lots[0]].item
    given = {
        "parts": parts,
        "item": rng.choice([one for one in ITEMS if one != item]),
        "grams": max(1, whole - rng.choice((0, whole // 7))),
        "cost_cents": rng.choice((0, 12_345)),
    }
    if rng.random() < 0.15:
        given["grams"] = whole + 1
        return Ask("sue", "upgrade_lots", given, _rules("gain"))
    if rng.random() < 0.1:
        given["item"] = item
        return Ask("sue", "upgrade_lots", given, _rules("same_item"))
    return Ask("ian", "upgrade_lots", given)


@rule(3)
def rotate_lot(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    given = {
        "lot": name,
        "producer": rng.choice(("P1", "P2")),
        "received_on": see.day(),
        "fee_cents": rng.choice((0, 77)),
        "purity": rng.choice((0.9, 1.0, 1.0)),
    }
    return name and Ask("sue", "rotate_lot", given)


@rule(5)
def relocate_lot(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    return name and Ask(
        "sue", "relocate_lot", {"lot": name, "depot": rng.choice(DEPOTS)}
    )


@rule(5)
def recount_lot(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    if name is None:
        return None
    held = see.books.lots[name].grams
    counted = rng.choice((0, held, held + 1, held + 999, max(0, held - 1), held // 2))
    return Ask("ian", "recount_lot", {"lot": name, "counted_grams": counted})


@rule(2)
def renew_certificate(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    given = {
        "lot": name,
        "certificate": "N",
        "certificate_expires_on": see.day(rng.randint(1, 700)),
    }
    return name and Ask("ian", "renew_certificate", given)


@rule(1)
def assay_lot(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    return name and Ask("ian", "assay_lot", {"lot": name, "assay": 0.5})


@rule(12)
def reverse(see: Sight, rng: Random) -> Ask | None:
    names = sorted(see.books.changes)[-40:]
    if not names:
        return None
    txn = rng.choice(names)
    if see.books.changes[txn].taken_back:
        return Ask("max", "reverse", {"txn": txn}, _rules("reversed"))
    return Ask("max", "reverse", {"txn": txn})


@rule(1)
def reverse_what_cannot_be(see: Sight, rng: Random) -> Ask | None:
    kinds = ("obligate", "deobligate", "lend", "release", "carry_charge")
    rows = see.rows("transactions", kind=list(kinds))
    row = pick(rng, rows[-50:])
    rules = _rules("not_reversible", "reversal", "reversed", "conflict")
    return row and Ask("max", "reverse", {"txn": row["txn"]}, rules)


# --- Contracts -------------------------------------------------------------------


@rule(2)
def appropriate(see: Sight, rng: Random) -> Ask:
    number = len(see.rows("appropriations"))
    given: dict[str, Any] = {
        "appropriation": f"A{number}",
        "title": "More",
        "cents": rng.choice((1, 10**6, 10**10)),
    }
    if rng.random() < 0.5:
        given["until_on"] = see.day(rng.randint(0, 200))
    return Ask("max", "appropriate", given)


@rule(3)
def lapse_appropriation(see: Sight, rng: Random) -> Ask | None:
    rows = [one for one in see.rows("appropriations") if one["until_on"]]
    row = pick(rng, sorted(rows, key=lambda one: one["until_on"])[-8:])
    name = row and {"appropriation": row["appropriation"]}
    return name and Ask("tom", "lapse_appropriation", name)


@rule(1)
def lapse_what_has_ended(see: Sight, rng: Random) -> Ask | None:
    rows = [
        one
        for one in see.rows("appropriations", lapsed_cents=None)
        if one["until_on"] and one["until_on"] < see.day()
    ]
    first = min(
        rows, key=lambda one: (one["until_on"], one["appropriation"]), default=None
    )
    name = first and {"appropriation": first["appropriation"]}
    return name and Ask("tom", "lapse_appropriation", name)


LADDER = ("statement", "memorandum", "framework", "letter_of_intent", "conditional",
          "ceiling")  # fmt: skip


@rule(4)
def draft_contract(see: Sight, rng: Random) -> Ask:
    number = len(see.rows("contracts"))
    given: dict[str, Any] = {
        "contract": f"C{number}",
        "title": "A contract",
        "producer": rng.choice(("P1", "P2")),
        "item": rng.choice(ITEMS),
        "owner": rng.choice(OWNERS),
        "purpose": rng.choice(("purchase", "purchase", "price_support")),
        "rung": rng.choice((*LADDER, "ceiling", "ceiling")),
        "ceiling_cents": 10 ** rng.randint(7, 11),
        "from_on": see.day(-rng.randint(0, 300)),
        "until_on": see.day(rng.randint(100, 1_500)),
        "grace_days": rng.choice((0, 5)),
        "late_share_per_day": rng.choice((0.0, 0.003)),
        "over_delivery_share": rng.choice((0.0, 0.05)),
    }
    if rng.random() < 0.4:
        given["ceiling_grams"] = 30 * TONNE
    if rng.random() < 0.4:
        given["minimum_cents"] = given["ceiling_cents"] // 10
    support = given["purpose"] == "price_support"
    kind = rng.choice(
        ("fixed", "floor", "collar", "two_way") if support
        else ("fixed", "floor", "collar", "indexed")
    )  # fmt: skip
    rules = {
        "fixed": {"fixed_cents_per_t": 5_000_003},
        "floor": {"floor_cents_per_t": 4_000_001},
        "collar": {"floor_cents_per_t": 4_000_001,
                   "ceiling_price_cents_per_t": 6_000_007},
        "two_way": {"floor_cents_per_t": 5_000_000, "upside_share": 0.3,
                    "upside_from_cents_per_t": 5_500_000, "annual_cap_cents": 10**8},
        "indexed": {},
    }  # fmt: skip
    given |= {"rule_kind": kind, **rules[kind]}
    if support or kind in {"indexed", "floor", "collar"}:
        given["series"] = "S1"
    return Ask("bea", "draft_contract", given)


@rule(4)
def move_contract(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("contracts", ended_on=None, rung=list(LADDER[:-1])))
    return row and Ask(
        "bea",
        "move_contract",
        {"contract": row["contract"], "rung": rng.choice(LADDER)},
    )


@rule(3)
def guarantee_minimum(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("contracts", ended_on=None, rung=list(LADDER)))
    name = row and {"contract": row["contract"]}
    return name and Ask("ann", "guarantee_minimum", name)


@rule(1)
def terminate_contract(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("contracts"))
    return row and Ask(
        "max", "terminate_contract", {"contract": row["contract"], "why": "a test"}
    )


@rule(1)
def change_contract(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("contracts"))
    given = row and {
        "contract": row["contract"],
        "ceiling_cents": 10 ** rng.randint(7, 11),
    }
    return given and Ask("max", "change_contract", given)


@rule(5)
def qualify_producer(see: Sight, rng: Random) -> Ask:
    status = rng.choice(("qualified",) * 8 + ("pending",))
    given: dict[str, Any] = {
        "producer": rng.choice(("P1", "P2")),
        "item": rng.choice(ITEMS),
        "status": status,
    }
    return Ask("ian", "qualify_producer", given)


def _open_contract(see: Sight, rng: Random, purpose: str) -> dict[str, Any] | None:
    rungs = ("ceiling", "minimum_guarantee", "funded_order", "delivered", "accepted",
             "paid")  # fmt: skip
    rows = see.rows("contracts", ended_on=None, purpose=purpose, rung=list(rungs))
    return pick(rng, [one for one in rows if (one["until_on"] or "9999") >= see.day()])


@rule(10)
def draft_order(see: Sight, rng: Random) -> Ask | None:
    row = _open_contract(see, rng, "purchase")
    if row is None:
        return None
    whole = grams(rng, 10 * TONNE)
    cut = rng.randint(0, whole - 1)
    parts = [part for part in (cut, whole - cut) if part]
    given: dict[str, Any] = {
        "contract": row["contract"],
        "grams": whole,
        "price_cents_per_t": 5_000_003,
        "schedule": [
            {"due_on": see.day(rng.randint(0, 60)), "grams": part} for part in parts
        ],
    }
    values = see.rows("index_values", series="S1")
    if row["series"] and values:
        value = rng.choice(values[-3:])
        given["quarter"] = value["quarter"]
        if row["rule_kind"] == "indexed":
            given["price_cents_per_t"] = value["cents_per_t"]
    if rng.random() < 0.1:
        given["grams"] = whole + 1
        rules = _rules("schedule", "qualification", "dates", "price_rule")
        return Ask("bea", "draft_order", given, rules)
    return Ask("bea", "draft_order", given)


@rule(9)
def approve_order(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("orders", status="draft")[-10:])
    decision = "refuse" if rng.random() < 0.1 else "approve"
    given = row and {"order_id": row["order_id"], "decision": decision}
    return given and Ask(approver(rng), "approve_order", given)


@rule(9)
def fund_order(see: Sight, rng: Random) -> Ask | None:
    rows = see.rows("orders", status="draft")[-10:]
    done = {
        one["subject"].removeprefix("order:")
        for one in see.rows("approvals", decision="approve")
    }
    row = pick(rng, [one for one in rows if one["order_id"] in done] or rows)
    if row is None:
        return None
    rules = None if row["order_id"] in done else _rules("two_persons")
    return Ask("tom", "fund_order", {"order_id": row["order_id"]}, rules)


@rule(3)
def adjust_order_price(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("orders", status="funded"))
    given = row and {"order_id": row["order_id"], "quarter": see.quarter(1)}
    return given and Ask("bea", "adjust_order_price", given)


@rule(1)
def cancel_order(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("orders", status=["draft", "funded"]))
    return row and Ask("bea", "cancel_order", {"order_id": row["order_id"]})


@rule(3)
def close_order(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("orders", status="funded"))
    return row and Ask("bea", "close_order", {"order_id": row["order_id"]})


@rule(1)
def schedule_delivery(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("deliveries", status="due"))
    given = row and {"delivery": row["delivery"], "due_on": see.day(rng.randint(0, 90))}
    return given and Ask("bea", "schedule_delivery", given)


@rule(10)
def record_delivery(see: Sight, rng: Random) -> Ask | None:
    funded = {one["order_id"] for one in see.rows("orders", status="funded")}
    rows = [r for r in see.rows("deliveries", status="due") if r["order_id"] in funded]
    row = pick(rng, rows)
    if row is None:
        return None
    due = row["grams"]
    came = rng.choice((due, due, due, share_of(rng, due), due + due // 50, due * 2))
    rules = _rules("over_delivery") if came == due * 2 else None
    return Ask(
        "sue", "record_delivery", {"delivery": row["delivery"], "grams": came}, rules
    )


@rule(10)
def accept_delivery(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("deliveries", status="delivered"))
    if row is None:
        return None
    came = row["delivered_grams"]
    good = rng.choice((came, came, came, 0, rng.randint(0, came)))
    given: dict[str, Any] = {
        "delivery": row["delivery"],
        "accepted_grams": good,
        "rejected_grams": came - good,
        "depot": rng.choice(DEPOTS[:2]),
    }
    if rng.random() < 0.1:
        given["accepted_grams"] += 1
        return Ask("ian", "accept_delivery", given, _rules("mass", "qualification"))
    return Ask("ian", "accept_delivery", given)


@rule(9)
def pay_delivery(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("deliveries", status="accepted"))
    if row is None:
        return None
    left = row["amount_cents"] - row["paid_cents"]
    given = {"delivery": row["delivery"], "cents": share_of(rng, left)}
    if rng.random() < 0.1:
        given["cents"] = left + 1
        return Ask("tom", "pay_delivery", given, _rules("payable"))
    return Ask("tom", "pay_delivery", given)


@rule(4)
def record_index_value(see: Sight, rng: Random) -> Ask | None:
    there = {one["quarter"] for one in see.rows("index_values", series="S1")}
    missing = [q for q in (see.quarter(back) for back in range(1, 9)) if q not in there]
    if not missing:
        return None
    given = {
        "series": "S1",
        "quarter": missing[-1],
        "cents_per_t": rng.randint(3_000_000, 7_000_000),
        "source": "a test",
    }
    return Ask("bea", "record_index_value", given)


@rule(1)
def correct_index_value(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("index_values", series="S1"))
    given = row and {
        "series": "S1",
        "quarter": row["quarter"],
        "cents_per_t": rng.randint(3_000_000, 7_000_000),
        "source": "corrected",
    }
    return given and Ask("tom", "correct_index_value", given)


@rule(5)
def record_volumes(see: Sight, rng: Random) -> Ask | None:
    row = _open_contract(see, rng, "price_support")
    if row is None:
        return None
    volumes = [
        {"designation": name, "grams": rng.choice((0, grams(rng, 5 * TONNE)))}
        for name in rng.sample(("stockpile", "affiliate", "third_party"), 2)
    ]
    given = {
        "contract": row["contract"],
        "quarter": see.quarter(rng.choice((0, 1, 1, 2))),
        "volumes": volumes,
    }
    return Ask("bea", "record_volumes", given)


@rule(6)
def compute_settlement(see: Sight, rng: Random) -> Ask | None:
    done = {
        (one["contract"], one["quarter"])
        for one in see.rows("settlements")
        if one["status"] != "computed"
    }
    rows = [
        one
        for one in see.rows("volumes")
        if (one["contract"], one["quarter"]) not in done
    ]
    row = pick(rng, sorted(rows, key=lambda one: one["quarter"])[:6])
    given = row and {"contract": row["contract"], "quarter": row["quarter"]}
    return given and Ask("bea", "compute_settlement", given)


@rule(6)
def approve_settlement(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("settlements", status="computed"))
    given = row and {
        "contract": row["contract"],
        "quarter": row["quarter"],
        "decision": "refuse" if rng.random() < 0.1 else "approve",
    }
    return given and Ask(approver(rng), "approve_settlement", given)


@rule(4)
def pay_settlement(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("settlements", status="approved"))
    given = row and {"contract": row["contract"], "quarter": row["quarter"]}
    return given and Ask("tom", "pay_settlement", given)


# --- The materials plan ----------------------------------------------------------


@rule(2)
def draft_materials_plan(see: Sight, rng: Random) -> Ask | None:
    year = see.today.year
    if see.rows("materials_plans", year=year):
        return None
    return Ask("bea", "draft_materials_plan", {"year": year})


@rule(5)
def set_plan_line(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("materials_plans", status="draft"))
    given = row and {
        "year": row["year"],
        "item": rng.choice(ITEMS),
        "action": rng.choice(("buy", "buy", "sell")),
        "ceiling_grams": 100 * TONNE,
        "ceiling_cents": 10**10,
    }
    return given and Ask("bea", "set_plan_line", given)


@rule(1)
def approve_materials_plan(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("materials_plans", status="draft"))
    return row and Ask(approver(rng), "approve_materials_plan", {"year": row["year"]})


@rule(1)
def close_materials_plan(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("materials_plans", status="in_force"))
    return row and Ask("max", "close_materials_plan", {"year": row["year"]})


@rule(2)
def draft_plan_change(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("materials_plans", status="in_force"))
    given = row and {
        "year": row["year"],
        "item": rng.choice(ITEMS),
        "action": rng.choice(("buy", "sell")),
        "ceiling_grams": rng.choice((105, 100, 200)) * TONNE,
        "ceiling_cents": 10**10,
    }
    return given and Ask("bea", "draft_plan_change", given)


@rule(2)
def approve_plan_change(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("plan_changes", status="draft"))
    given = row and {"change": row["change"]}
    return given and Ask(approver(rng), "approve_plan_change", given)


@rule(2)
def notify_plan_change(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("plan_changes", status="approved"))
    given = row and {"change": row["change"], "notice": "letter"}
    return given and Ask("max", "notify_plan_change", given)


# --- The industrial reserve ------------------------------------------------------


@rule(9)
def grant_entitlement(see: Sight, rng: Random) -> Ask:
    item = rng.choice(ITEMS)
    books = see.books
    held = sum(
        lot.grams
        for lot in books.lots.values()
        if lot.owner == "industrial" and lot.item == item
    )
    industrial = {one["duty"] for one in see.rows("duties", reserve="industrial")}
    owed = sum(
        left
        for duty, (left, _) in books.duties.items()
        if duty in industrial and books.duty_of[duty][0] == item
    )
    entitled = sum(g for (_, i, _), g in books.entitlements.items() if i == item)
    free = held + owed - entitled
    given = {
        "member": rng.choice(sorted(MEMBERS)),
        "item": item,
        "inventory_price_cents_per_t": rng.choice(PRICES),
    }
    if free <= 0 or rng.random() < 0.2:
        given["grams"] = max(0, free) + rng.choice((1, TONNE))
        rules = _rules("entitlements", "member_status")
        return Ask("tom", "grant_entitlement", given, rules)
    given["grams"] = share_of(rng, max(1, free // rng.choice((1, 2, 8))))
    return Ask("tom", "grant_entitlement", given)


def _entitled(see: Sight, rng: Random) -> tuple[str, str, int, int] | None:
    rows = [(*key, g) for key, g in sorted(see.books.entitlements.items()) if g]
    return pick(rng, rows)


def _free(see: Sight, member: str, item: str) -> int:
    """Return a member's entitlement that is not out on duty, g."""
    books = see.books
    entitled = sum(
        g for (m, i, _), g in books.entitlements.items() if (m, i) == (member, item)
    )
    owed = sum(
        left
        for duty, (left, _) in books.duties.items()
        if books.duty_of[duty] == (item, member)
    )
    return entitled - owed


@rule(8)
def draw_entitlement(see: Sight, rng: Random) -> Ask | None:
    found = _entitled(see, rng)
    if found is None:
        return None
    member, item, _, _ = found
    free = max(0, _free(see, member, item))
    given = {
        "member": member,
        "item": item,
        "grams": share_of(rng, max(1, free // rng.choice((1, 4, 16)))),
        "lot_rule": rng.choice(("oldest", "certificate")),
        "expired_rule": rng.choice(("skip", "last", "allow")),
    }
    if rng.random() < 0.15:
        given["grams"] = free + 1
        rules = _rules("entitlements", "member_status")
        return Ask(MEMBERS[member], "draw_entitlement", given, rules)
    if rng.random() < 0.1:
        other = rng.choice([m for m in MEMBERS if m != member])
        return Ask(MEMBERS[other], "draw_entitlement", given, _rules("not_yours"))
    return Ask(MEMBERS[member], "draw_entitlement", given)


@rule(8)
def replenish(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("duties", status="open"))
    if row is None:
        return None
    given = {
        "duty": row["duty"],
        "grams": share_of(rng, row["open_grams"]),
        "depot": rng.choice(DEPOTS[:2]),
        "owner": row["reserve"],
        "purity": rng.choice((0.999, 0.999, 0.5)),
    }
    if rng.random() < 0.1:
        given |= {"grams": row["open_grams"] + 1, "purity": 1.0}
        return Ask("sue", "replenish", given, _rules("duty"))
    if rng.random() < 0.1:
        given["owner"] = "custody"
        return Ask("sue", "replenish", given, _rules("owner", "quality"))
    return Ask("sue", "replenish", given)


@rule(5)
def buy_back(see: Sight, rng: Random) -> Ask | None:
    found = _entitled(see, rng)
    if found is None:
        return None
    member, item, price, held = found
    given: dict[str, Any] = {
        "member": member,
        "item": item,
        "grams": share_of(rng, max(1, held // 4)),
        "inventory_price_cents_per_t": price,
    }
    if rng.random() < 0.4:
        row = pick(rng, see.rows("duties", member=member, item=item, status="open"))
        if row is not None:
            most = min(row["open_grams"], given["grams"])
            given |= {"duty": row["duty"], "grams": most}
    elif rng.random() < 0.1:
        given["grams"] = held + 1
        return Ask("tom", "buy_back", given, _rules("entitlements"))
    return Ask("tom", "buy_back", given)


@rule(3)
def offer_transfer(see: Sight, rng: Random) -> Ask | None:
    found = _entitled(see, rng)
    if found is None:
        return None
    member, item, price, held = found
    given = {
        "from_member": member,
        "to_member": rng.choice([m for m in sorted(MEMBERS) if m != member]),
        "item": item,
        "grams": share_of(rng, held),
        "inventory_price_cents_per_t": price,
    }
    return Ask(MEMBERS[member], "offer_transfer", given)


@rule(3)
def accept_transfer(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("transfers", status="offered"))
    given = row and {"transfer": row["transfer"]}
    return given and Ask(MEMBERS[row["to_member"]], "accept_transfer", given)


@rule(1)
def withdraw_transfer(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("transfers", status="offered"))
    given = row and {"transfer": row["transfer"]}
    return given and Ask(MEMBERS[row["from_member"]], "withdraw_transfer", given)


@rule(3)
def charge_carry(see: Sight, rng: Random) -> Ask:
    return Ask("tom", "charge_carry", {"quarter": see.quarter(1)})


@rule(4)
def pay_carry(see: Sight, rng: Random) -> Ask | None:
    rows = [
        row
        for row in see.rows("carry_charges")
        if row["paid_cents"] < row["interest_cents"] + row["storage_cents"]
    ]
    row = pick(rng, rows)
    if row is None:
        return None
    key = {name: row[name] for name in ("member", "item", "quarter")}
    left = row["interest_cents"] + row["storage_cents"] - row["paid_cents"]
    if rng.random() < 0.2:
        return Ask("tom", "pay_carry", {**key, "cents": left + 1}, _rules("overpaid"))
    if rng.random() < 0.4:
        return Ask("tom", "pay_carry", {**key, "cents": share_of(rng, left)})
    return Ask("tom", "pay_carry", key)


@rule(1)
def change_member(see: Sight, rng: Random) -> Ask:
    # "left" needs a member without bonds, which seldom is; then it stays away.
    status = rng.choice(("suspended", "active", "active", "active"))
    given = {"member": rng.choice(sorted(MEMBERS)), "status": status}
    return Ask("max", "change_member", given)


@rule(1)
def propose_switch(see: Sight, rng: Random) -> Ask:
    is_on = rng.random() < 0.5
    given = {
        "is_on": is_on,
        "ground": "war" if is_on else "end",
        "ground_reference": "an act",
    }
    return Ask("max", "propose_switch", given)


@rule(1)
def approve_switch(see: Sight, rng: Random) -> Ask:
    return Ask(rng.choice(("ann", "bob")), "approve_switch", {})


# --- Releases --------------------------------------------------------------------


@rule(1)
def set_trigger(see: Sight, rng: Random) -> Ask:
    given = {
        "trigger": rng.choice(("T1", "T2")),
        "reserve": rng.choice(("strategic", "industrial")),
        "kind": "price",
        "description": "the price doubles",
    }
    return Ask("max", "set_trigger", given)


@rule(2)
def observe_trigger(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("triggers"))
    given = row and {
        "trigger": row["trigger"],
        "is_met": rng.random() < 0.8,
        "evidence": "a figure",
    }
    return given and Ask("max", "observe_trigger", given)


@rule(1)
def load_security_values(see: Sight, rng: Random) -> Ask:
    values = [{"item": item, "cents_per_t": rng.randint(0, 10**6)} for item in ITEMS]
    return Ask("max", "load_security_values", {"source": "a plan", "values": values})


@rule(6)
def request_release(see: Sight, rng: Random) -> Ask:
    reserve = rng.choice(("strategic", "industrial"))
    grounds = {
        "strategic": ("presidential_order", "declared_emergency", "war",
                      "authorised_disposal", "rotation"),
        "industrial": ("normal_draw", "normal_draw", "major_disruption"),
    }[reserve]  # fmt: skip
    ground = rng.choice(grounds)
    given: dict[str, Any] = {
        "reserve": reserve,
        "item": rng.choice(ITEMS),
        "ground": ground,
        "ground_reference": "an act",
        "claim_rule": rng.choice(("order", "pro_rata")),
        "lot_rule": rng.choice(("oldest", "certificate")),
        "expired_rule": rng.choice(("skip", "last", "allow")),
    }
    if ground == "authorised_disposal":
        given["proceeds_cents"] = rng.choice((0, 12_345))
    if ground == "rotation":
        given["replace_days"] = 90
    claimants = sorted(MEMBERS) if reserve == "industrial" else ["agency", "army", "X"]
    given["claims"] = [
        {"claimant": name, "grams": grams(rng, 3 * TONNE),
         "claim_class": rng.choice(("defence", "essential", "other"))}
        for name in rng.sample(claimants, rng.randint(0, len(claimants)))
    ]  # fmt: skip
    if not given["claims"] or rng.random() < 0.5:
        given["grams"] = grams(rng, 3 * TONNE)
    return Ask("max", "request_release", given)


@rule(1)
def file_claim(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("releases", status=["requested", "checked"])[-5:])
    if row is None:
        return None
    names = sorted(MEMBERS) if row["reserve"] == "industrial" else ["agency", "late"]
    given = {
        "release_id": row["release_id"],
        "claimant": rng.choice(names),
        "claim_class": "other",
        "grams": grams(rng, 3 * TONNE),
    }
    return Ask("max", "file_claim", given)


@rule(8)
def check_release(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("releases", status="requested")[-8:])
    return row and Ask("max", "check_release", {"release_id": row["release_id"]})


@rule(14)
def approve_release(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("releases", status="checked")[-8:])
    if row is None:
        return None
    given = {"release_id": row["release_id"]}
    if rng.random() < 0.1:
        return Ask("max", "approve_release", given, _rules("two_persons"))
    return Ask(rng.choice(("ann", "bob")), "approve_release", given)


@rule(1)
def cancel_release(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("releases", status=["requested", "checked", "approved"]))
    given = row and {"release_id": row["release_id"], "because": "a test"}
    command = rng.choice(("cancel_release", "refuse_release"))
    return given and Ask("max", command, given)


@rule(7)
def draw_release(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("releases", status="approved"))
    return row and Ask("sue", "draw_release", {"release_id": row["release_id"]})


@rule(7)
def ship_release(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("releases", status="drawn"))
    if row is None:
        return None
    given: dict[str, Any] = {
        "release_id": row["release_id"],
        "carrier": "a carrier",
        "destination": "a place",
    }
    draws = see.rows("draws", release_id=row["release_id"])
    claims = sorted({one["claim"] for one in draws if one["claim"]})
    if claims:
        given["claim"] = rng.choice(claims)
    if rng.random() < 0.2:
        given["grams"] = row["granted_grams"] + 1
        return Ask("sue", "ship_release", given, _rules("conflict"))
    return Ask("sue", "ship_release", given)


@rule(5)
def deliver_shipment(see: Sight, rng: Random) -> Ask | None:
    row = pick(rng, see.rows("shipments", delivered_on=None))
    return row and Ask("sue", "deliver_shipment", {"shipment": row["shipment"]})


# --- What must never pass --------------------------------------------------------


@rule(3)
def without_right(see: Sight, rng: Random) -> Ask:
    ask = choose(rng)(see, rng)
    if ask is None:
        return Ask("lyn", "add_depot", {"depot": "Dx", "name": "x", "country": "USA"},
                   NO_RIGHT)  # fmt: skip
    return Ask(
        rng.choice(("aud", "lyn", "nobody")), ask.command, ask.arguments, NO_RIGHT
    )


@rule(3)
def misspelt(see: Sight, rng: Random) -> Ask:
    given: dict[str, Any] = {
        "item": "cobalt", "depot": "D1", "owner": "custody", "grams": 5,
        "received_on": see.day(),
    }  # fmt: skip
    wrong: dict[str, Any] = rng.choice(
        (
            {"grams": 0}, {"grams": -1}, {"grams": 1.5}, {"grams": "5"},
            {"grams": True}, {"grams": 10**16}, {"received_on": "2026-02-30"},
            {"tonnes": "0.0000001"}, {"unknown": 1}, {"purity": 1.5},
            {"item": ""}, {"item": "a b"}, {"cost_cents": -1}, {"form": "a\x00b"},
        )
    )  # fmt: skip
    return Ask("sue", "receive_lot", given | wrong, _rules("arguments"))


@rule(2)
def names_nothing(see: Sight, rng: Random) -> Ask:
    command, key, more = rng.choice(
        (
            ("split_lot", "lot", {"grams": 1}),
            ("relocate_lot", "lot", {"depot": "D1"}),
            ("fund_order", "order_id", {}),
            ("pay_delivery", "delivery", {"cents": 1}),
            ("reverse", "txn", {}),
            ("draw_release", "release_id", {}),
        )
    )
    actor = {"fund_order": "tom", "pay_delivery": "tom", "reverse": "max"}
    return Ask(actor.get(command, "sue"), command, {key: "LOT-999999", **more},
               _rules("not_found"))  # fmt: skip


@rule(2)
def stale_version(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    if name is None:
        return None
    (row,) = see.rows("lots", lot=name)
    other = row["version"] + rng.choice((-1, 1, 100))
    given = {"lot": name, "depot": rng.choice(DEPOTS)}
    return Ask("sue", "relocate_lot", given, _rules("stale"), expected_version=other)


@rule(3)
def right_version(see: Sight, rng: Random) -> Ask | None:
    name = pick(rng, see.books.held())
    if name is None:
        return None
    (row,) = see.rows("lots", lot=name)
    given = {"lot": name, "depot": rng.choice(DEPOTS)}
    return Ask("sue", "relocate_lot", given, expected_version=row["version"])


def _rules(*names: str) -> frozenset[str]:
    return frozenset(names)
