# SPDX-License-Identifier: Apache-2.0
"""Quarterly settlement of price support: volumes, statement, approval, payment.

A quarter settles once, in order of time, on the index that the contract names. The
amount is computed in whole numbers and rounded once, half to even; the same rule of
`oreserve.contracts` in floating numbers must agree, or nothing is settled.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from oreserve.contracts import RUNGS, settle_quarters
from oreserve.reserve._appropriations import hold_obligation
from oreserve.reserve._audit import canonical
from oreserve.reserve._commands import command, reverser
from oreserve.reserve._contract_money import (
    decimal_share,
    money_text,
    tonnes_text,
)
from oreserve.reserve._contract_sums import contract_sums
from oreserve.reserve._contracts import price_rule
from oreserve.reserve._errors import LedgerError
from oreserve.reserve._index import need_index, quarter_days, quarter_of
from oreserve.reserve._ledger import GRAMS_PER_T, Money, spread
from oreserve.reserve._values import Arguments, GramsOrNone, Quarter, ThingId, Title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.reserve._book import Book

__all__ = [
    "ApproveSettlement",
    "ComputeSettlement",
    "DesignatedVolume",
    "PaySettlement",
    "RecordVolumes",
    "rule_cents",
]

AGREE_CENTS: Final = 4
"""Most that rounding of four quarters parts whole from floating numbers."""


class DesignatedVolume(Arguments):
    """Part of a quarter's volume."""

    designation: Title = Field(
        description="Where it went, such as stockpile, affiliate or third_party"
    )
    grams: GramsOrNone = Field(description="Mass, g; 0 says that there was none")


class RecordVolumes(Arguments):
    """The volumes of one quarter; they replace those recorded before."""

    contract: ThingId = Field(description="Contract for price support")
    quarter: Quarter
    volumes: list[DesignatedVolume] = Field(
        min_length=1, max_length=100, description="Volumes by designation"
    )


class ComputeSettlement(Arguments):
    """A quarter to settle."""

    contract: ThingId = Field(description="Contract for price support")
    quarter: Quarter


class ApproveSettlement(ComputeSettlement):
    """Another person's decision on a computed statement."""

    decision: Literal["approve", "refuse"] = Field(
        default="approve", description="Decision"
    )


class PaySettlement(ComputeSettlement):
    """An approved settlement that is paid, or received from the producer."""


@command("record_volumes", subject=("contract", "contract"))
def record_volumes(book: Book, given: RecordVolumes) -> dict[str, object]:
    """Record a quarter's volumes by designation, until it is settled."""
    contract = _support(book, given.contract)
    _check_quarter(book, contract, given.quarter)
    _check_not_settled(book, given.contract, given.quarter)
    wanted = {one.designation: one.grams for one in given.volumes}
    if len(wanted) != len(given.volumes):
        book.refuse(
            "volumes",
            f"{given.contract!r} {given.quarter}: a designation is given twice",
            allowed="each designation once",
        )
    key = {"contract": given.contract, "quarter": given.quarter}
    others = sum(
        one["grams"]
        for one in book.rows("volumes", contract=given.contract)
        if one["quarter"] != given.quarter
    )
    most, total = contract["ceiling_grams"], sum(wanted.values())
    if most is not None and others + total > most:
        book.refuse(
            "ceiling",
            f"contract {given.contract!r}: {tonnes_text(total)} on top of "
            f"{tonnes_text(others)} exceed its ceiling of {tonnes_text(most)}",
            allowed={"grams": max(0, most - others)},
        )
    before = {one["designation"]: one for one in book.rows("volumes", **key)}
    for name in sorted(wanted):
        if name in before:
            book.change("volumes", {**key, "designation": name}, grams=wanted[name])
        else:
            book.insert("volumes", **key, designation=name, grams=wanted[name])
    for name in sorted(set(before) - set(wanted)):
        book.remove("volumes", **key, designation=name)
    return {**key, "grams": total}


@command("compute_settlement", subject=("settlement", ("contract", "quarter")))
def compute_settlement(book: Book, given: ComputeSettlement) -> dict[str, object]:
    """Compute a quarter's statement, line by line; it may be computed anew."""
    contract = _support(book, given.contract)
    if quarter_days(given.quarter)[1] >= book.today.isoformat():
        book.refuse(
            "dates",
            f"{given.quarter} is not over on {book.today.isoformat()}",
            allowed=f"a quarter before {quarter_of(book.today.isoformat())}",
        )
    _check_not_settled(book, given.contract, given.quarter)
    _check_earlier(book, given.contract, given.quarter)
    statement = _statement(book, contract, given.quarter)
    key = {"contract": given.contract, "quarter": given.quarter}
    values: dict[str, Any] = {
        "grams": statement["grams"],
        "index_cents_per_t": statement["index_cents_per_t"],
        "due_cents": statement["due_cents"],
        "statement": canonical(statement),
        "computed_by": book.actor.user,
        "status": "computed",
    }
    if book.find("settlements", **key) is None:
        book.insert("settlements", **key, **values)
    else:
        book.change("settlements", key, **values)
    book.forget_approvals(_subject(given))
    return {**key, "due_cents": statement["due_cents"]}


@command("approve_settlement", subject=("settlement", ("contract", "quarter")))
def approve_settlement(book: Book, given: ApproveSettlement) -> dict[str, object]:
    """Approve or refuse a statement; never by the person who computed it.

    Approved support binds its money at once. A refused statement is gone: correct
    what was wrong and compute it anew.
    """
    row = _need(book, given, "computed")
    contract = _support(book, given.contract)
    key = {"contract": given.contract, "quarter": given.quarter}
    book.approve(_subject(given), given.decision, drafter=row["computed_by"])
    if given.decision == "refuse":
        book.remove("settlements", **key)
        return {**key, "status": "refused"}
    _check_earlier(book, given.contract, given.quarter)
    if canonical(_statement(book, contract, given.quarter)) != row["statement"]:
        book.refuse(
            "stale_statement",
            f"settlement {given.contract} {given.quarter}: volumes, index or earlier "
            "quarters have changed since it was computed",
            allowed="compute_settlement again",
        )
    _check_ceiling(book, contract, due=row["due_cents"])
    status = "approved" if row["due_cents"] else "paid"
    book.change("settlements", key, status=status)
    due, account = row["due_cents"], f"settlement:{given.contract}"
    if due:
        other = "expense:support" if due > 0 else "income:support"
        book.post("approve_settlement", money=[Money(other, due), Money(account, -due)])
    hold_obligation(
        book, given.contract, what=f"the settlement of {given.contract} {given.quarter}"
    )
    return {**key, "status": status, "due_cents": due}


@command("pay_settlement", subject=("settlement", ("contract", "quarter")))
def pay_settlement(book: Book, given: PaySettlement) -> dict[str, object]:
    """Pay an approved settlement, or book what the producer pays back."""
    row = _need(book, given, "approved")
    people = [one["person"] for one in book.approvals(_subject(given))]
    if book.actor.user in people:
        book.refuse(
            "two_persons",
            f"{book.actor.user} approved the settlement of {given.contract} "
            f"{given.quarter}",
            allowed="another person with the role treasurer",
        )
    key = {"contract": given.contract, "quarter": given.quarter}
    due, payment = row["due_cents"], book.new_id("PAY")
    book.insert(
        "payments",
        payment=payment,
        contract=given.contract,
        delivery=None,
        quarter=given.quarter,
        cents=due,
        paid_on=book.today.isoformat(),
        paid_by=book.actor.user,
    )
    book.change("settlements", key, status="paid")
    money = [Money(f"settlement:{given.contract}", due), Money("cash", -due)]
    if due > 0:
        money += [Money(f"obligated:{given.contract}", -due), Money("budget", due)]
    book.post("pay_settlement", money=money)
    return {**key, "payment": payment, "paid_cents": due}


@reverser("pay_settlement")
def _take_back_payment(book: Book, txn: dict[str, Any]) -> None:
    """Restore an approved settlement when its payment is reversed."""
    payment = f"PAY-{txn['sequence']:06d}"
    row = book.need("payments", payment=payment)
    key = {"contract": row["contract"], "quarter": row["quarter"]}
    book.change("settlements", key, status="approved")
    book.remove("payments", payment=payment)


def rule_cents(
    contract: Mapping[str, Any], *, index_cents_per_t: int, grams: int
) -> tuple[int, int]:
    """Return both sides of a contract's price rule before any annual cap.

    With index i, mass q, floor f, ceiling price c, upside share s from u: fixed
    max(0, fixed - i) q and max(0, i - fixed) q; indexed 0 and 0; floor
    max(0, f - i) q and 0; collar the floor's side and max(0, i - c) q; two_way the
    floor's side and s max(0, i - u) q.

    Parameters
    ----------
    contract
        Columns of the price rule, cents per t.
    index_cents_per_t
        Index of the quarter, cents per t.
    grams
        Mass settled, g.

    Returns
    -------
    support, returned
        Cents that the reserve pays and that the producer returns, 0 or more, each
        rounded once half to even.
    """
    kind, index = contract["rule_kind"], index_cents_per_t
    low: int | None = contract["floor_cents_per_t"]
    high: int | None = contract["ceiling_price_cents_per_t"]
    share = Fraction(1)
    if kind == "fixed":
        low = high = contract["fixed_cents_per_t"]
    elif kind == "two_way":
        high = contract["upside_from_cents_per_t"]
        high = low if high is None else high
        share = decimal_share(contract["upside_share"])
    below = 0 if low is None else max(0, low - index)
    above = 0 if high is None else max(0, index - high)
    return (
        round(Fraction(below * grams, GRAMS_PER_T)),
        round(share * above * grams / GRAMS_PER_T),
    )


def _statement(book: Book, contract: Mapping[str, Any], quarter: str) -> dict[str, Any]:
    """Return all that a quarter's amount is made of, ready to be written down."""
    name = contract["contract"]
    volumes = book.rows("volumes", contract=name, quarter=quarter)
    if not volumes:
        book.refuse(
            "volumes",
            f"contract {name!r} has no volumes for {quarter}; nothing is not zero",
            allowed="record_volumes, with 0 g if there were none",
        )
    index = need_index(book, contract["series"], quarter)
    grams = sum(one["grams"] for one in volumes)
    support, back = rule_cents(contract, index_cents_per_t=index, grams=grams)
    earlier = _returned_earlier(book, name, quarter)
    cap = contract["annual_cap_cents"]
    returned = back if cap is None else min(back, max(0, cap - earlier))
    due = support - returned
    _check_agrees(book, contract, quarter, index=index, volumes=volumes, due=due)
    return {
        "contract": name,
        "quarter": quarter,
        "series": contract["series"],
        "index_cents_per_t": index,
        "rule": _rule_words(contract),
        "grams": grams,
        "support_cents": support,
        "returned_before_cap_cents": back,
        "returned_earlier_this_year_cents": earlier,
        "annual_cap_cents": cap,
        "returned_cents": returned,
        "returned_this_year_cents": earlier + returned,
        "due_cents": due,
        "payer": "nobody" if not due else "reserve" if due > 0 else "producer",
        "lines": _lines(contract, volumes, index=index, due=due, rules=book.rules),
    }


def _lines(
    contract: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    *,
    index: int,
    due: int,
    rules: int,
) -> list[dict[str, Any]]:
    """Split a quarter's amount by designation, pro rata; the parts sum to it."""
    weights = [one["grams"] for one in volumes]
    parts = spread(due, weights, rules=rules) if sum(weights) else [0] * len(weights)
    words = _rule_words(contract)
    return [
        {
            "designation": one["designation"],
            "grams": one["grams"],
            "index_cents_per_t": index,
            "formula": f"{words} at index {index}, x {tonnes_text(one['grams'])}",
            "amount_cents": part,
        }
        for one, part in zip(volumes, parts, strict=True)
    ]


def _rule_words(contract: Mapping[str, Any]) -> str:
    """Return the price rule with its numbers, in cents per t."""
    floor = contract["floor_cents_per_t"]
    up = f"max(0, {floor} - index)" if floor is not None else "0"
    kind = contract["rule_kind"]
    if kind == "fixed":
        return f"fixed: {contract['fixed_cents_per_t']} - index"
    if kind == "indexed":
        return "indexed: 0"
    if kind == "floor":
        return f"floor: {up}"
    if kind == "collar":
        ceiling = contract["ceiling_price_cents_per_t"]
        return f"collar: {up} - max(0, index - {ceiling})"
    start = contract["upside_from_cents_per_t"]
    start = floor if start is None else start
    cap = contract["annual_cap_cents"]
    most = "" if cap is None else f", returned at most {cap} cents a year"
    share = f"{contract['upside_share']:g}"
    return f"two_way: {up} - {share} x max(0, index - {start}){most}"


def _check_agrees(
    book: Book,
    contract: Mapping[str, Any],
    quarter: str,
    *,
    index: int,
    volumes: Sequence[Mapping[str, Any]],
    due: int,
) -> None:
    """Stop if the rule of `oreserve.contracts` gives another amount for the year."""
    name, year = contract["contract"], quarter[:4]
    indices: dict[str, float | None] = {quarter: index / 100}
    tonnes = {quarter: {v["designation"]: v["grams"] / GRAMS_PER_T for v in volumes}}
    for one in _settled(book, name):
        if one["quarter"][:4] == year and one["quarter"] < quarter:
            indices[one["quarter"]] = one["index_cents_per_t"] / 100
            tonnes[one["quarter"]] = {"all": one["grams"] / GRAMS_PER_T}
    rows = settle_quarters(
        price_rule(contract), index_usd_per_t=indices, quantity_t=tonnes
    )
    other = rows[-1].paid_usd * 100
    if abs(other - due) > AGREE_CENTS + 1e-9 * abs(due):
        message = (
            f"settlement {name} {quarter}: {due} cents in whole numbers, {other:.2f} "
            "in floating ones; nothing is settled"
        )
        raise LedgerError(message)


def _support(book: Book, contract: str) -> dict[str, Any]:
    """Return a contract for price support that stands at a ceiling or above."""
    row = book.need("contracts", contract=contract)
    if row["purpose"] != "price_support":
        book.refuse(
            "purpose",
            f"contract {contract!r} is for {row['purpose']}",
            allowed="a contract for price_support",
        )
    if RUNGS.index(row["rung"]) < RUNGS.index("ceiling"):
        book.refuse(
            "ladder",
            f"contract {contract!r} stands at {row['rung']!r}",
            allowed="a contract at 'ceiling' or above: move_contract first",
        )
    return row


def _check_quarter(book: Book, contract: Mapping[str, Any], quarter: str) -> None:
    """Refuse a quarter outside the days of a contract, or one that is to come."""
    first, last = quarter_days(quarter)
    ends = [day for day in (contract["until_on"], contract["ended_on"]) if day]
    end = min(ends) if ends else "9999-12-31"
    if last < contract["from_on"] or first > end:
        book.refuse(
            "dates",
            f"{quarter} lies outside contract {contract['contract']!r}, which runs "
            f"from {contract['from_on']} until {end if ends else 'further notice'}",
            allowed="a quarter within it",
        )
    if first > book.today.isoformat():
        book.refuse(
            "dates",
            f"{quarter} has not begun on {book.today.isoformat()}",
            allowed=f"{quarter_of(book.today.isoformat())} or earlier",
        )


def _settled(book: Book, contract: str) -> list[dict[str, Any]]:
    """Return settlements that are approved or paid, in order of time."""
    return [
        one
        for one in book.rows("settlements", contract=contract)
        if one["status"] != "computed"
    ]


def _check_not_settled(book: Book, contract: str, quarter: str) -> None:
    """Refuse to touch a quarter that it, or one after it, has settled."""
    late = [s["quarter"] for s in _settled(book, contract) if s["quarter"] >= quarter]
    if late:
        book.refuse(
            "settled",
            f"contract {contract!r}: {', '.join(late)} is settled already, so "
            f"{quarter} cannot change",
            allowed=f"a quarter after {late[-1]}",
        )


def _check_earlier(book: Book, contract: str, quarter: str) -> None:
    """Refuse a quarter while an earlier one with volumes waits for settlement."""
    done = {one["quarter"] for one in _settled(book, contract)}
    volumes = {one["quarter"] for one in book.rows("volumes", contract=contract)}
    waiting = sorted(one for one in volumes - done if one < quarter)
    if waiting:
        book.refuse(
            "sequence",
            f"contract {contract!r}: {', '.join(waiting)} is to be settled before "
            f"{quarter}, since an annual cap runs over the quarters",
            allowed=f"compute_settlement and approve_settlement of {waiting[0]}",
        )


def _returned_earlier(book: Book, contract: str, quarter: str) -> int:
    """Return what the producer has returned in the year before a quarter, cents."""
    return sum(
        int(json.loads(one["statement"])["returned_cents"])
        for one in _settled(book, contract)
        if one["quarter"][:4] == quarter[:4] and one["quarter"] < quarter
    )


def _check_ceiling(book: Book, contract: Mapping[str, Any], *, due: int) -> None:
    """Refuse support beyond the ceiling of the contract in money."""
    ceiling = contract["ceiling_cents"]
    earlier = contract_sums(book, contract["contract"]).support_cents
    if due > 0 and ceiling is not None and earlier + due > ceiling:
        book.refuse(
            "ceiling",
            f"contract {contract['contract']!r}: {money_text(due)} on top of "
            f"{money_text(earlier)} exceed its ceiling of {money_text(ceiling)}",
            allowed={"cents": max(0, ceiling - earlier)},
        )


def _need(book: Book, given: ComputeSettlement, status: str) -> dict[str, Any]:
    """Return a settlement in a status; refuse any other."""
    row = book.need("settlements", contract=given.contract, quarter=given.quarter)
    if row["status"] != status:
        book.refuse(
            "status",
            f"settlement {given.contract} {given.quarter} is {row['status']}",
            allowed=f"a settlement that is {status}",
        )
    return row


def _subject(given: ComputeSettlement) -> str:
    """Return the name under which decisions on a settlement are kept."""
    return f"settlement:{given.contract}/{given.quarter}"
