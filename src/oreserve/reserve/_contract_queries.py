# SPDX-License-Identifier: Apache-2.0
"""Ceilings against money: what contracts say, bind, brought and cost, apart.

A ceiling is not money, and below a minimum guarantee nothing counts as tonnes. Each
figure stands in a column of its own; none is the sum of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Double,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from oreserve.contracts import RUNGS, commitment_share
from oreserve.reserve._ledger import GRAMS_PER_T
from oreserve.reserve._schema import metadata

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Subquery

__all__ = ["budget", "ceilings_against_money", "contract_statement"]

BOUND: Final = tuple(rung for rung in RUNGS if commitment_share(rung))
"""Rungs that bind money and count as tonnes."""

CEILING: Final = RUNGS[RUNGS.index("ceiling") :]
"""Rungs at which a ceiling is agreed."""


def ceilings_against_money(today: str) -> Subquery:
    """Compute one row per contract: ceiling, minimum, ordered, ... , paid.

    Parameters
    ----------
    today
        Day, YYYY-MM-DD: a contract is in force until its last day or termination.

    Returns
    -------
    Subquery
        ``ceiling_*`` as agreed; ``minimum_*`` only where it binds; ``ordered_*`` of
        funded orders at their present price; ``delivered_*`` of what arrived and
        was not sent back; ``accepted_*`` and ``paid_cents`` with approved and paid
        support in them, so they may be more than was delivered;
        ``counted_grams``: tonnes that a plan may count. Cents and g.
    """
    contracts = metadata.tables["contracts"]
    orders, deliveries = _ordered(), _delivered()
    support, payments = _support(), _paid()
    minimum_grams = _or_zero(contracts.c.minimum_grams)
    is_bound = and_(contracts.c.rung.in_(BOUND), contracts.c.ended_on.is_(None))
    ordered_grams = _or_zero(orders.c.grams)
    minimum_cents = case((is_bound, contracts.c.minimum_cents), else_=0)
    largest = case((minimum_grams > ordered_grams, minimum_grams), else_=ordered_grams)
    balance = metadata.tables["money_balances"]
    obligated = (
        select(balance.c.cents)
        .where(balance.c.account == literal("obligated:") + contracts.c.contract)
        .scalar_subquery()
    )
    return (
        select(
            contracts.c.contract,
            contracts.c.title,
            contracts.c.producer,
            contracts.c.item,
            contracts.c.owner,
            contracts.c.purpose,
            contracts.c.rung,
            _in_force(contracts, today).label("is_in_force"),
            contracts.c.ceiling_cents,
            _whole(minimum_cents, "minimum_cents"),
            _whole(obligated, "obligated_cents"),
            _whole(orders.c.cents, "ordered_cents"),
            _whole(deliveries.c.delivered_cents, "delivered_cents"),
            (_or_zero(deliveries.c.accepted_cents) + _or_zero(support.c.cents)).label(
                "accepted_cents"
            ),
            _whole(payments.c.paid_cents, "paid_cents"),
            _whole(payments.c.returned_cents, "returned_cents"),
            contracts.c.ceiling_grams,
            _whole(case((is_bound, minimum_grams), else_=0), "minimum_grams"),
            ordered_grams.label("ordered_grams"),
            _whole(deliveries.c.delivered_grams, "delivered_grams"),
            _whole(deliveries.c.accepted_grams, "accepted_grams"),
            _whole(case((is_bound, largest), else_=ordered_grams), "counted_grams"),
        )
        .select_from(
            contracts.outerjoin(orders, orders.c.contract == contracts.c.contract)
            .outerjoin(deliveries, deliveries.c.contract == contracts.c.contract)
            .outerjoin(support, support.c.contract == contracts.c.contract)
            .outerjoin(payments, payments.c.contract == contracts.c.contract)
        )
        .subquery()
    )


def budget(today: str) -> Subquery:
    """Compute the one row that sets all ceilings against all money.

    Parameters
    ----------
    today
        Day, YYYY-MM-DD.

    Returns
    -------
    Subquery
        Sums of `ceilings_against_money` (ceilings only of contracts in force at that
        rung or above) beside what is voted, lapsed, unobligated and in cash, cents,
        and ``ceilings_per_appropriation_ratio``: ceilings over voted less lapsed money,
        null without any.
    """
    lines, votes = ceilings_against_money(today), metadata.tables["appropriations"]
    voted = _scalar(func.sum(votes.c.cents))
    lapsed = _scalar(func.sum(votes.c.lapsed_cents))
    ceilings = _scalar(
        func.sum(
            case(
                (
                    and_(lines.c.is_in_force, lines.c.rung.in_(CEILING)),
                    lines.c.ceiling_cents,
                ),
                else_=0,
            )
        )
    )
    left = cast(voted - lapsed, Double)
    ratio = case((left > 0, cast(ceilings, Double) / left), else_=null())
    return select(
        literal("all", String).label("budget"),
        voted.label("appropriated_cents"),
        lapsed.label("lapsed_cents"),
        _account("unobligated").label("unobligated_cents"),
        _account("cash").label("cash_cents"),
        ceilings.label("ceiling_cents"),
        *(
            _scalar(func.sum(lines.c[name])).label(name)
            for name in (
                "minimum_cents",
                "obligated_cents",
                "ordered_cents",
                "delivered_cents",
                "accepted_cents",
                "paid_cents",
                "returned_cents",
            )
        ),
        cast(ratio, Double).label("ceilings_per_appropriation_ratio"),
    ).subquery()


def contract_statement(today: str) -> Subquery:  # noqa: ARG001 - all views take the day
    """Compute what each contract was invoiced, line by line, and what is open.

    Returns
    -------
    Subquery
        One row per inspected delivery and per settlement past its computation:
        grams, value, penalty, amount (negative: the producer pays), paid and open
        cents.
    """
    orders, deliveries, settlements = (
        metadata.tables[name] for name in ("orders", "deliveries", "settlements")
    )
    paid = case((settlements.c.status == "paid", settlements.c.due_cents), else_=0)
    zero = literal(0, BigInteger)
    invoiced = (
        select(
            orders.c.contract,
            literal("delivery", String).label("kind"),
            deliveries.c.delivery.label("line"),
            deliveries.c.accepted_grams.label("grams"),
            deliveries.c.gross_cents,
            deliveries.c.penalty_cents,
            deliveries.c.amount_cents,
            deliveries.c.paid_cents,
            (deliveries.c.amount_cents - deliveries.c.paid_cents).label("open_cents"),
            deliveries.c.status,
        )
        .join(orders, orders.c.order_id == deliveries.c.order_id)
        .where(deliveries.c.accepted_grams.is_not(None))
    )
    settled = select(
        settlements.c.contract,
        literal("settlement", String).label("kind"),
        settlements.c.quarter.label("line"),
        settlements.c.grams,
        settlements.c.due_cents.label("gross_cents"),
        zero.label("penalty_cents"),
        settlements.c.due_cents.label("amount_cents"),
        paid.label("paid_cents"),
        (settlements.c.due_cents - paid).label("open_cents"),
        settlements.c.status,
    ).where(settlements.c.status != "computed")
    return union_all(invoiced, settled).subquery()


def _ordered() -> Subquery:
    """Sum orders past their draft by contract."""
    orders = metadata.tables["orders"]
    return (
        select(
            orders.c.contract,
            _sum(orders.c.amount_cents, "cents"),
            _sum(orders.c.grams - orders.c.cancelled_grams, "grams"),
        )
        .where(orders.c.status != "draft")
        .group_by(orders.c.contract)
        .subquery()
    )


def _delivered() -> Subquery:
    """Sum what arrived and was not sent back, and what was accepted, by contract."""
    orders, deliveries = metadata.tables["orders"], metadata.tables["deliveries"]
    waiting = deliveries.c.status == "delivered"
    worth = case(
        (waiting, _value(deliveries.c.delivered_grams, orders.c.price_cents_per_t)),
        else_=deliveries.c.gross_cents,
    )
    grams = case(
        (waiting, deliveries.c.delivered_grams), else_=deliveries.c.accepted_grams
    )
    return (
        select(
            orders.c.contract,
            _sum(worth, "delivered_cents"),
            _sum(deliveries.c.amount_cents, "accepted_cents"),
            _sum(grams, "delivered_grams"),
            _sum(deliveries.c.accepted_grams, "accepted_grams"),
        )
        .join(orders, orders.c.order_id == deliveries.c.order_id)
        .group_by(orders.c.contract)
        .subquery()
    )


def _support() -> Subquery:
    """Sum approved support by contract."""
    settlements = metadata.tables["settlements"]
    return (
        select(settlements.c.contract, _sum(settlements.c.due_cents, "cents"))
        .where(settlements.c.status != "computed", settlements.c.due_cents > 0)
        .group_by(settlements.c.contract)
        .subquery()
    )


def _paid() -> Subquery:
    """Sum payments to producers, and what came back, by contract."""
    payments = metadata.tables["payments"]
    cents = payments.c.cents
    return (
        select(
            payments.c.contract,
            _sum(case((cents > 0, cents), else_=0), "paid_cents"),
            _sum(case((cents < 0, -cents), else_=0), "returned_cents"),
        )
        .group_by(payments.c.contract)
        .subquery()
    )


def _value(grams: Any, price: Any) -> Any:
    """Return grams times a price in whole cents, half to even, without overflow."""
    rest = (grams % GRAMS_PER_T) * price
    # `//` on whole numbers is the databases' own integer division.
    cents = (grams // GRAMS_PER_T) * price + rest // GRAMS_PER_T
    part, half = rest % GRAMS_PER_T, GRAMS_PER_T // 2
    is_up = or_(part > half, and_(part == half, cents % 2 == 1))
    return cents + case((is_up, 1), else_=0)


def _in_force(contracts: Any, today: str) -> ColumnElement[bool]:
    """Tell whether a contract has begun, has not ended and was not terminated."""
    lasts = or_(contracts.c.until_on.is_(None), contracts.c.until_on >= today)
    stands = and_(contracts.c.from_on <= today, lasts, contracts.c.ended_on.is_(None))
    return case((stands, True), else_=False)


def _sum(column: Any, name: str) -> Any:
    """Return a sum as a whole number, 0 where nothing is summed."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger).label(name)


def _or_zero(column: Any) -> Any:
    """Return a whole number, 0 where there is no row to join."""
    return func.coalesce(column, literal(0, BigInteger))


def _whole(column: Any, name: str) -> Any:
    return cast(_or_zero(column), BigInteger).label(name)


def _scalar(total: Any) -> Any:
    """Return a sum over a whole table as a value."""
    return select(
        cast(func.coalesce(total, literal(0, BigInteger)), BigInteger)
    ).scalar_subquery()


def _account(account: str) -> Any:
    """Return the balance of a money account, cents."""
    balance = metadata.tables["money_balances"]
    return _or_zero(
        select(balance.c.cents).where(balance.c.account == account).scalar_subquery()
    )
