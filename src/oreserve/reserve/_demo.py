# SPDX-License-Identifier: Apache-2.0
"""A reserve with one year of plausible operations, all of it invented.

Everything goes through commands, at times that a clock of the demonstration tells:
the same last day gives the same rows, names and hashes. Every name, title, note and
reason says that it is invented, so that no row is taken for a fact. Items come from
a study, prices and tonnes do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from oreserve.errors import InputError
from oreserve.reserve._access import Access
from oreserve.reserve._members import quarter_of
from oreserve.reserve._parties import items_of
from oreserve.reserve._reserve import create_reserve

if TYPE_CHECKING:
    from pathlib import Path

    from oreserve.reserve._reserve import Reserve
    from oreserve.study import Study

__all__ = ["DEMO_NAME", "DEMO_USERS", "YEAR_DAYS", "fill_demo", "make_demo"]

DEMO_NAME: Final = "Demonstration reserve (all data invented)"
YEAR_DAYS: Final = 365
INVENTED: Final = "invented"
TONNE: Final = 1_000_000  # g
USD: Final = 100  # cents

ITEMS: Final = ("antimony", "cobalt", "gallium", "gallium_crude", "ndpr_oxide")

DEMO_USERS: Final = {
    "ada": ("administrator",),
    "max": ("manager",),
    "ann": ("approver",),
    "bob": ("approver",),
    "bea": ("buyer",),
    "ian": ("inspector",),
    "sue": ("storekeeper",),
    "tom": ("treasurer",),
    "mia": ("member",),
    "noa": ("member",),
    "aud": ("auditor",),
    "lyn": ("analyst",),
}
"""Users of the demonstration and their roles; mia and noa act for a member each."""

_MEMBERS: Final = {"mia": "demo_alpha", "noa": "demo_beta"}


@dataclass
class _Clock:
    """The time of the demonstration: a minute passes with each command."""

    now: datetime

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@dataclass
class _Desk:
    """Commands the demonstration's reserve, day by day."""

    reserve: Reserve
    clock: _Clock
    first: date
    count: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def day(self, number: int) -> str:
        """Return a day of the year, counted from 0, as text."""
        return (self.first + timedelta(days=number)).isoformat()

    def go_to(self, number: int) -> None:
        """Begin the work of a day at nine."""
        start = datetime.combine(
            self.first + timedelta(days=number), time(9), tzinfo=UTC
        )
        self.clock.now = max(start, self.clock.now)

    def quarter(self, number: int) -> str:
        """Return the quarter of a day."""
        return quarter_of(self.first + timedelta(days=number))

    def end_of_quarter(self, number: int) -> int:
        """Return the number of the first day after the quarter of a day."""
        day, quarter = number, self.quarter(number)
        while self.quarter(day) == quarter:
            day += 1
        return day

    def do(self, actor: str, command: str, why: str, /, **given: Any) -> dict[str, Any]:
        """Execute a command for an invented reason and return its result."""
        self.count += 1
        receipt = self.reserve.execute(
            command,
            given,
            actor=actor,
            reason=f"Invented: {why}",
            key=f"demo-{self.count:04d}",
        )
        return receipt.result


def make_demo(
    where: Path | str,
    *,
    last_day: date,
    study: Study | str = "us-2026",
    password: str | None = None,
) -> Reserve:
    """Make a reserve with a year of invented operations that ends on a day.

    Parameters
    ----------
    where
        A new file or an empty database.
    last_day
        Last day of the year that is told; what is open then falls due later.
    study
        Study with the items.
    password
        Password of every user; None: nobody can sign in.

    Returns
    -------
    Reserve
        The reserve, open; its clock stands at the end of that day. Open it again
        for the present time.

    Raises
    ------
    InputError
        If the study lacks an item; nothing is made.
    Refused
        If there is a reserve already.
    """
    items = _items(study)
    first = last_day - timedelta(days=YEAR_DAYS)
    clock = _Clock(datetime.combine(first, time(8), tzinfo=UTC))
    reserve = create_reserve(where, name=DEMO_NAME, administrator="ada", clock=clock)
    try:
        fill_demo(_Desk(reserve, clock, first), items)
        if password is not None:
            access = Access(reserve)
            for user in DEMO_USERS:
                access.set_password(user, password, by=user, key=f"demo-{user}")
    except BaseException:
        reserve.close()
        raise
    return reserve


def fill_demo(desk: _Desk, items: list[dict[str, Any]]) -> None:
    """Tell the year: what is there, what is bought, what goes out, what is open."""
    _people_and_places(desk, items)
    _money_and_rules(desk)
    _opening_stock(desk)
    _contracts(desk)
    _members(desk)
    _first_half(desk)
    _release(desk)
    _second_half(desk)
    _end_of_year(desk)


def _items(study: Study | str) -> list[dict[str, Any]]:
    """Return the items of the demonstration as a study has them."""
    items = [row for row in items_of(study) if row["item"] in ITEMS]
    missing = sorted(set(ITEMS) - {row["item"] for row in items})
    if missing:
        message = (
            f"the demonstration needs {', '.join(missing)}, which the study lacks; "
            "us-2026 has them"
        )
        raise InputError(message)
    return items


# --- Before anything moves --------------------------------------------------------


def _people_and_places(desk: _Desk, items: list[dict[str, Any]]) -> None:
    desk.do("ada", "add_items", "items of the demonstration", items=items)
    for user, roles in DEMO_USERS.items():
        if user != "ada" and user not in _MEMBERS:
            desk.do(
                *("ada", "add_user", f"{roles[0]} of the demonstration"),
                user=user,
                name=f"{user.title()}, {roles[0]} ({INVENTED})",
                roles=list(roles),
            )
    desk.do(
        "ada",
        "change_user",
        "say that the administrator is invented",
        user="ada",
        name=f"Ada, administrator ({INVENTED})",
    )
    for depot, name in (("demo_north", "North depot"), ("demo_south", "South depot")):
        desk.do(
            *("max", "add_depot", "a place to keep lots"),
            depot=depot,
            name=f"{name} ({INVENTED})",
            country="USA",
            capacity_g=20_000 * TONNE,
        )
    for kind, name in (
        ("strategic", "Strategic reserve"),
        ("industrial", "Industrial reserve"),
        ("custody", "Kept for others"),
    ):
        desk.do(
            *("max", "add_owner", "whose lots are whose"),
            owner=f"demo_{kind}",
            name=f"{name} ({INVENTED})",
            kind=kind,
        )
    for letter, country in (("a", "AUS"), ("b", "CAN"), ("c", "USA"), ("d", "JPN")):
        desk.do(
            *("bea", "add_producer", "a producer to buy from"),
            producer=f"demo_producer_{letter}",
            name=f"Producer {letter.upper()} ({INVENTED})",
            country=country,
            note=f"{INVENTED}; any likeness to a company is chance",
        )


def _money_and_rules(desk: _Desk) -> None:
    desk.go_to(1)
    desk.do(
        *("max", "appropriate", "money for the year"),
        appropriation="demo_first",
        title=f"First appropriation ({INVENTED})",
        cents=180_000_000 * USD,
        until_on=desk.day(YEAR_DAYS + 300),
    )
    for item, tonnes in (
        ("antimony", 100_000),
        ("cobalt", 200_000),
        ("gallium", 900),
        ("gallium_crude", 1_000),
        ("ndpr_oxide", 90_000),
    ):
        desk.do(
            *("max", "set_market_limit", "what the market takes"),
            item=item,
            yearly_market_grams=tonnes * TONNE,
            max_share=0.1,
            source=f"{INVENTED} size of the market",
        )
    for series, name in (("demo_ndpr", "NdPr oxide"), ("demo_cobalt", "cobalt metal")):
        desk.do(
            *("bea", "add_index_series", "an index that contracts name"),
            series=series,
            name=f"{name}, USD per t ({INVENTED})",
            market=f"spot ({INVENTED})",
            source=f"{INVENTED} publisher",
        )
    desk.do(
        *("max", "set_trigger", "when a release is looked at"),
        trigger="demo_supply",
        reserve="strategic",
        item="cobalt",
        kind="lost supply",
        threshold=0.2,
        description=f"a fifth of yearly supply is lost ({INVENTED})",
    )
    desk.do(
        *("max", "load_security_values", "what a tonne kept is worth"),
        source=f"{INVENTED} values, from no plan",
        values=[
            {"item": "cobalt", "cents_per_t": 18_000 * USD},
            {"item": "ndpr_oxide", "cents_per_t": 40_000 * USD},
        ],
    )
    _materials_plan(desk)


def _materials_plan(desk: _Desk) -> None:
    desk.go_to(3)
    year = desk.first.year
    desk.known["year"] = str(year)
    desk.do(
        *("bea", "draft_materials_plan", "the plan of the year"),
        year=year,
        from_on=desk.day(0),
        until_on=desk.day(YEAR_DAYS + 120),
    )
    for item, action, tonnes, usd in (
        ("antimony", "buy", 600, 14_000_000),
        ("cobalt", "buy", 1_500, 50_000_000),
        ("cobalt", "sell", 200, 7_000_000),
        ("gallium_crude", "upgrade", 20, 2_000_000),
        ("ndpr_oxide", "buy", 900, 60_000_000),
    ):
        desk.do(
            *("bea", "set_plan_line", f"ceiling to {action} {item}"),
            year=year,
            item=item,
            action=action,
            ceiling_grams=tonnes * TONNE,
            ceiling_cents=usd * USD,
        )
    desk.do("ann", "approve_materials_plan", "a second person agrees", year=year)


def _opening_stock(desk: _Desk) -> None:
    desk.go_to(4)
    for number, (item, kind, depot, tonnes, usd, age) in enumerate(
        (
            ("cobalt", "strategic", "demo_north", 820, 24_600_000, 2_000),
            ("cobalt", "strategic", "demo_south", 410, 12_300_000, 1_100),
            ("antimony", "strategic", "demo_north", 300, 6_000_000, 1_500),
            ("antimony", "strategic", "demo_north", 120, 2_400_000, 900),
            ("gallium_crude", "strategic", "demo_south", 12, 2_880_000, 700),
            ("ndpr_oxide", "industrial", "demo_north", 500, 30_000_000, 600),
            ("ndpr_oxide", "industrial", "demo_south", 250, 15_000_000, 300),
            ("cobalt", "industrial", "demo_south", 300, 9_000_000, 400),
            ("antimony", "custody", "demo_south", 25, 0, 200),
        ),
        start=1,
    ):
        found = desk.do(
            *("ian", "receive_lot", "stock when the books are opened"),
            item=item,
            owner=f"demo_{kind}",
            depot=depot,
            grams=tonnes * TONNE,
            cost_cents=usd * USD,
            received_on=desk.day(-age),
            purity=0.99 + number / 1_000,
            origin_country=("AUS", "CAN", "JPN")[number % 3],
            producer=f"demo_producer_{'abd'[number % 3]}",
            certificate=f"{INVENTED} certificate {number:03d}",
            certificate_expires_on=desk.day(500 + 20 * number),
        )
        desk.known[f"lot{number}"] = found["lot"]


# --- Contracts and orders ---------------------------------------------------------


def _contracts(desk: _Desk) -> None:
    desk.go_to(6)
    for producer, item in (
        ("demo_producer_a", "ndpr_oxide"),
        ("demo_producer_b", "cobalt"),
        ("demo_producer_d", "antimony"),
    ):
        desk.do(
            *("ian", "qualify_producer", "samples passed"),
            producer=producer,
            item=item,
            status="qualified",
            until_on=desk.day(YEAR_DAYS + 200),
        )
    desk.do(
        *("ian", "qualify_producer", "samples are awaited"),
        producer="demo_producer_c",
        item="gallium",
        status="pending",
    )
    desk.go_to(8)
    _draft(desk, "demo_cobalt", "b", "cobalt", rung="ceiling", fixed=30_000,
           ceiling_cents=45_000_000 * USD, ceiling_grams=1_500 * TONNE)  # fmt: skip
    _draft(desk, "demo_ndpr", "a", "ndpr_oxide", rung="letter_of_intent", fixed=60_000,
           ceiling_cents=50_000_000 * USD, minimum_cents=12_000_000 * USD,
           minimum_grams=200 * TONNE)  # fmt: skip
    _draft(desk, "demo_antimony", "d", "antimony", rung="conditional", fixed=20_000,
           ceiling_cents=9_000_000 * USD)  # fmt: skip
    _draft(desk, "demo_gallium", "c", "gallium", rung="statement", fixed=400_000)
    _draft(desk, "demo_crude", "c", "gallium_crude", rung="memorandum", fixed=240_000)
    desk.do(
        *("bea", "draft_contract", "a floor for a new plant"),
        contract="demo_floor",
        title=f"Floor price with shared upside ({INVENTED})",
        producer="demo_producer_c",
        item="ndpr_oxide",
        owner="demo_strategic",
        purpose="price_support",
        rung="ceiling",
        rule_kind="two_way",
        floor_cents_per_t=62_000 * USD,
        upside_share=0.3,
        upside_from_cents_per_t=75_000 * USD,
        annual_cap_cents=5_000_000 * USD,
        series="demo_ndpr",
        ceiling_cents=40_000_000 * USD,
        from_on=desk.day(8),
        until_on=desk.day(YEAR_DAYS + 1_000),
    )
    desk.go_to(12)
    desk.do(
        *("bea", "move_contract", "the terms are agreed"),
        contract="demo_ndpr",
        rung="ceiling",
        note=f"{INVENTED} document 12",
    )
    desk.do(
        *("ann", "guarantee_minimum", "the minimum is promised"),
        contract="demo_ndpr",
        note=f"{INVENTED} document 13",
    )


def _draft(
    desk: _Desk, contract: str, producer: str, item: str, *, rung: str, fixed: int,
    **more: Any,
) -> None:  # fmt: skip
    """Enter a purchase contract at a fixed price, USD per t."""
    desk.do(
        *("bea", "draft_contract", f"a contract at the rung {rung}"),
        contract=contract,
        title=f"Purchase of {item} ({INVENTED})",
        producer=f"demo_producer_{producer}",
        item=item,
        owner="demo_strategic",
        purpose="purchase",
        rung=rung,
        rule_kind="fixed",
        fixed_cents_per_t=fixed * USD,
        grace_days=5,
        late_share_per_day=0.001,
        from_on=desk.day(8),
        until_on=desk.day(YEAR_DAYS + 700),
        **more,
    )


def _order(
    desk: _Desk, contract: str, usd_per_t: int, schedule: list[tuple[int, int]]
) -> list[str]:
    """Draft, approve and fund an order; return its deliveries."""
    found = desk.do(
        *("bea", "draft_order", f"an order under {contract}"),
        contract=contract,
        grams=sum(tonnes for _, tonnes in schedule) * TONNE,
        price_cents_per_t=usd_per_t * USD,
        schedule=[
            {"due_on": desk.day(day), "grams": tonnes * TONNE}
            for day, tonnes in schedule
        ],
    )
    order = {"order_id": found["order_id"]}
    desk.do("ann", "approve_order", "a second person agrees", **order)
    desk.do("tom", "fund_order", "the money is there", **order)
    deliveries: list[str] = found["deliveries"]
    return deliveries


def _deliver(
    desk: _Desk, delivery: str, tonnes: int, *, day: int, depot: str, pay: bool = True
) -> None:
    """Record, accept and pay what arrived on a day."""
    desk.go_to(day)
    desk.do(
        *("sue", "record_delivery", "a consignment arrived"),
        delivery=delivery,
        grams=tonnes * TONNE,
        delivered_on=desk.day(day),
    )
    desk.go_to(day + 2)
    desk.do(
        *("ian", "accept_delivery", "the assay is within the contract"),
        delivery=delivery,
        accepted_grams=tonnes * TONNE,
        rejected_grams=0,
        depot=depot,
        purity=0.998,
        origin_country="CAN",
        certificate=f"{INVENTED} certificate of {delivery}",
        certificate_expires_on=desk.day(day + 730),
    )
    if pay:
        desk.go_to(day + 10)
        _pay(desk, delivery)


def _pay(desk: _Desk, delivery: str) -> None:
    from oreserve.reserve._book import Actor

    viewer = Actor("tom", frozenset({"treasurer"}))
    row = desk.reserve.query.one("deliveries", viewer, delivery=delivery)
    desk.do(
        *("tom", "pay_delivery", "the invoice is due"),
        delivery=delivery,
        cents=row["amount_cents"] - row["paid_cents"],
    )


# --- Members ----------------------------------------------------------------------


def _members(desk: _Desk) -> None:
    desk.go_to(14)
    for user, member in _MEMBERS.items():
        name = member.removeprefix("demo_").title()
        desk.do(
            *("max", "admit_member", "a company joins"),
            member=member,
            name=f"{name} Motors ({INVENTED})",
            entry_fee_cents=50_000 * USD,
        )
        desk.do(
            *("ada", "add_user", "somebody acts for the member"),
            user=user,
            name=f"{user.title()}, for {name} ({INVENTED})",
            member=member,
            roles=["member"],
        )
    for item, storage in (("ndpr_oxide", 300), ("cobalt", 120)):
        desk.do(
            *("max", "set_industrial_terms", "terms of the industrial reserve"),
            item=item,
            from_quarter=desk.quarter(14),
            entry_fee_share=0.01,
            interest_rate=0.04,
            normal_draw_share=0.25,
            replenish_days=180,
            storage_cents_per_t_year=storage * USD,
        )
    for member, item, tonnes, price in (
        ("demo_alpha", "ndpr_oxide", 300, 60_000),
        ("demo_alpha", "cobalt", 120, 30_000),
        ("demo_beta", "ndpr_oxide", 200, 60_000),
    ):
        desk.do(
            *("tom", "grant_entitlement", "metal that is kept for the member"),
            member=member,
            item=item,
            grams=tonnes * TONNE,
            inventory_price_cents_per_t=price * USD,
        )


# --- The year ---------------------------------------------------------------------


def _first_half(desk: _Desk) -> None:
    desk.go_to(20)
    cobalt = _order(
        desk, "demo_cobalt", 30_000,
        [(60, 200), (110, 200), (170, 200), (YEAR_DAYS + 30, 200)],
    )  # fmt: skip
    desk.go_to(25)
    ndpr = _order(
        desk, "demo_ndpr", 60_000, [(90, 150), (YEAR_DAYS + 60, 150)]
    )  # fmt: skip
    desk.known |= {f"cobalt{k}": name for k, name in enumerate(cobalt)}
    desk.known |= {f"ndpr{k}": name for k, name in enumerate(ndpr)}
    _deliver(desk, cobalt[0], 200, day=58, depot="demo_north")
    desk.go_to(72)
    blended = desk.do(
        *("sue", "blend_lots", "two small lots become one"),
        parts=[
            {"lot": desk.known["lot3"], "grams": 100 * TONNE},
            {"lot": desk.known["lot4"], "grams": 120 * TONNE},
        ],
        loss_grams=2_500,
    )
    desk.known["blend"] = blended["lot"]
    _deliver(desk, ndpr[0], 150, day=88, depot="demo_south")
    desk.go_to(100)
    desk.do(
        *("ian", "upgrade_lots", "crude gallium is refined"),
        parts=[{"lot": desk.known["lot5"], "grams": 10 * TONNE}],
        item="gallium",
        grams=9_700_000,
        cost_cents=950_000 * USD,
        purity=0.999999,
        form="ingot",
        certificate=f"{INVENTED} certificate of the refinery",
        certificate_expires_on=desk.day(800),
    )
    # Twelve days late: seven of them beyond the days of grace cost the producer.
    _deliver(desk, cobalt[1], 200, day=122, depot="demo_south")
    _quarter_end(desk, 20, price=58_000, volumes=(40, 25))


def _quarter_end(
    desk: _Desk, day: int, *, price: int, volumes: tuple[int, int] | None
) -> None:
    """Do what falls due when the quarter of a day is over."""
    quarter = desk.quarter(day)
    desk.go_to(desk.end_of_quarter(day) + 10)
    for series, usd in (("demo_ndpr", price), ("demo_cobalt", price // 2)):
        desk.do(
            *("bea", "record_index_value", f"the index of {quarter} is out"),
            series=series,
            quarter=quarter,
            cents_per_t=usd * USD,
            source=f"{INVENTED} bulletin of {quarter}",
        )
    charged = desk.do(
        "tom", "charge_carry", f"carry of {quarter}", quarter=quarter
    )  # fmt: skip
    if charged["lines"]:
        for member, item in (
            ("demo_alpha", "cobalt"),
            ("demo_alpha", "ndpr_oxide"),
            ("demo_beta", "ndpr_oxide"),
        ):
            desk.do(
                *("tom", "pay_carry", f"{member} paid"),
                member=member,
                item=item,
                quarter=quarter,
            )
    if volumes is None:
        return
    settled = {"contract": "demo_floor", "quarter": quarter}
    desk.do(
        *("bea", "record_volumes", f"what was sold in {quarter}"),
        **settled,
        volumes=[
            {"designation": f"stockpile ({INVENTED})", "grams": volumes[0] * TONNE},
            {"designation": f"third party ({INVENTED})", "grams": volumes[1] * TONNE},
        ],
    )
    due = desk.do(
        "bea", "compute_settlement", f"settle {quarter}", **settled
    )  # fmt: skip
    desk.do("bob", "approve_settlement", "a second person agrees", **settled)
    if due.get("due_cents"):
        desk.do("tom", "pay_settlement", "what the rule says", **settled)


def _release(desk: _Desk) -> None:
    desk.go_to(140)
    desk.do(
        *("bea", "observe_trigger", "a mine stands still"),
        trigger="demo_supply",
        is_met=True,
        evidence=f"a third of supply is lost ({INVENTED})",
    )
    release = desk.do(
        *("max", "request_release", "defence works run out"),
        reserve="strategic",
        item="cobalt",
        ground="presidential_order",
        ground_reference=f"{INVENTED} order 7",
        lot_rule="oldest",
        claims=[
            {
                "claimant": "demo_essential",
                "claim_class": "essential",
                "grams": 60 * TONNE,
            },
            {"claimant": "demo_defence", "claim_class": "defence", "grams": 90 * TONNE},
        ],
    )
    one = {"release_id": release["release_id"]}
    desk.go_to(141)
    desk.do("max", "check_release", "triggers and claims", **one)
    desk.go_to(142)
    desk.do("ann", "approve_release", "the first of two persons", **one)
    desk.do("bob", "approve_release", "the second of two persons", **one)
    desk.go_to(143)
    desk.do("sue", "draw_release", "the oldest lots first", **one)
    desk.go_to(145)
    for claim in release["claims"]:
        shipped = desk.do(
            *("sue", "ship_release", "out of the gate"),
            **one,
            claim=claim,
            carrier=f"carrier ({INVENTED})",
            destination=f"works ({INVENTED})",
        )
        desk.go_to(148)
        desk.do(
            *("sue", "deliver_shipment", "the works have it"),
            shipment=shipped["shipment"],
        )
    desk.go_to(150)
    desk.do(
        "mia",
        "draw_entitlement",
        "a furnace was out",
        member="demo_alpha",
        item="ndpr_oxide",
        grams=60 * TONNE,
    )


def _second_half(desk: _Desk) -> None:
    # Short by a fifth: the rest is due again on the same day, so it is late too.
    _deliver(desk, desk.known["cobalt2"], 160, day=168, depot="demo_north")
    _quarter_end(desk, 110, price=66_000, volumes=(45, 30))
    _member_matters(desk)
    desk.go_to(230)
    desk.do(
        *("sue", "recount_lot", "the yearly count"),
        lot=desk.known["lot2"],
        counted_grams=_grams(desk, desk.known["lot2"]) - 3_200,
        note=f"weighed twice ({INVENTED})",
    )
    desk.do(
        *("ian", "renew_certificate", "the old one ran out"),
        lot=desk.known["lot6"],
        certificate=f"{INVENTED} certificate 106",
        certificate_expires_on=desk.day(900),
    )
    desk.do(
        *("sue", "relocate_lot", "room is needed"),
        lot=desk.known["blend"],
        depot="demo_south",
    )
    _plan_change(desk)
    _quarter_end(desk, 200, price=81_000, volumes=(50, 35))


def _member_matters(desk: _Desk) -> None:
    desk.go_to(212)
    duty = _open_duty(desk)
    desk.do(
        *("ian", "replenish", "the member brings metal back"),
        duty=duty,
        grams=45 * TONNE,
        depot="demo_south",
        owner="demo_industrial",
        purity=0.997,
        origin_country="AUS",
        producer="demo_producer_a",
        certificate=f"{INVENTED} certificate of a replenishment",
        certificate_expires_on=desk.day(900),
    )
    offered = desk.do(
        *("noa", "offer_transfer", "less is needed"),
        from_member="demo_beta",
        to_member="demo_alpha",
        item="ndpr_oxide",
        grams=40 * TONNE,
        inventory_price_cents_per_t=60_000 * USD,
    )
    desk.do(
        "mia",
        "accept_transfer",
        "more is needed",
        transfer=offered["transfer"],
    )
    desk.do(
        *("tom", "buy_back", "the member takes metal for good"),
        member="demo_beta",
        item="ndpr_oxide",
        grams=20 * TONNE,
        inventory_price_cents_per_t=60_000 * USD,
    )


def _plan_change(desk: _Desk) -> None:
    desk.go_to(240)
    change = desk.do(
        *("bea", "draft_plan_change", "more antimony"),
        year=int(desk.known["year"]),
        item="antimony",
        action="buy",
        ceiling_grams=800 * TONNE,
        ceiling_cents=18_000_000 * USD,
    )
    one = {"change": change["change"]}
    desk.do("ann", "approve_plan_change", "a second person agrees", **one)
    desk.do(
        *("max", "notify_plan_change", "it waits for 45 days"),
        **one,
        notice=f"{INVENTED} letter 31",
    )


def _end_of_year(desk: _Desk) -> None:
    desk.go_to(260)
    desk.do(
        *("max", "propose_switch", "rumours of a blockade"),
        is_on=True,
        ground="blockade",
        ground_reference=f"{INVENTED} report 260",
    )
    desk.do("ann", "approve_switch", "the rumours were wrong", decision="refuse")
    desk.go_to(300)
    desk.do(
        *("bea", "move_contract", "the condition is met"),
        contract="demo_antimony",
        rung="ceiling",
        note=f"{INVENTED} document 300",
    )
    _order(desk, "demo_antimony", 20_000, [(350, 100), (YEAR_DAYS + 90, 150)])
    desk.go_to(320)
    desk.do(
        *("bea", "draft_order", "waits for a second person"),
        contract="demo_cobalt",
        grams=100 * TONNE,
        price_cents_per_t=30_000 * USD,
        schedule=[{"due_on": desk.day(YEAR_DAYS + 100), "grams": 100 * TONNE}],
    )
    desk.go_to(340)
    release = desk.do(
        *("max", "request_release", "waits for two persons"),
        reserve="strategic",
        item="antimony",
        ground="declared_emergency",
        ground_reference=f"{INVENTED} declaration 2",
        lot_rule="certificate",
        claims=[
            {
                "claimant": "demo_works",
                "claim_class": "essential",
                "grams": 30 * TONNE,
            }
        ],
    )
    desk.do(
        *("max", "check_release", "ready to be approved"),
        release_id=release["release_id"],
    )
    desk.go_to(YEAR_DAYS)


# --- Looking things up ------------------------------------------------------------


def _grams(desk: _Desk, lot: str) -> int:
    from oreserve.reserve._book import Actor

    viewer = Actor("sue", frozenset({"storekeeper"}))
    return int(desk.reserve.query.one("lots", viewer, lot=lot)["grams"])


def _open_duty(desk: _Desk) -> str:
    from oreserve.reserve._book import Actor

    viewer = Actor("mia", frozenset({"member"}), "demo_alpha")
    rows = desk.reserve.query.rows("duties", viewer, where={"status": "open"})
    return str(next(rows)["duty"])
