# SPDX-License-Identifier: Apache-2.0
"""What a contract's orders, deliveries, settlements and payments come to.

One statement, added up by the database: the cost of a command must not grow with
the number of orders that a contract has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select

from oreserve.reserve._schema import metadata

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Select

    from oreserve.reserve._book import Book

__all__ = ["ContractSums", "contract_sums"]


@dataclass(frozen=True)
class ContractSums:
    """Sums of one contract.

    Parameters
    ----------
    ordered_cents, ordered_grams
        Orders past their draft at their present price, without what was called off.
    penalty_cents
        Late penalties of accepted deliveries.
    support_cents
        Support that settlements past their computation came to; returns are not in it.
    paid_cents
        Payments to the producer; what came back is not in it.
    """

    ordered_cents: int
    ordered_grams: int
    penalty_cents: int
    support_cents: int
    paid_cents: int


def contract_sums(book: Book, contract: str) -> ContractSums:
    """Return the sums of a contract as the command sees them."""
    row = book.connection.execute(_SUMS, {"contract": contract}).one()
    return ContractSums(*(int(value) for value in row))


def _statement() -> Select[Any]:
    """Return the select of all sums, in the order of the fields."""
    orders, deliveries, settlements, payments = (
        metadata.tables[name]
        for name in ("orders", "deliveries", "settlements", "payments")
    )
    name: BindParameter[str] = bindparam("contract")
    placed = (orders.c.contract == name, orders.c.status != "draft")
    sums = (
        select(_sum(orders.c.amount_cents)).where(*placed),
        select(_sum(orders.c.grams - orders.c.cancelled_grams)).where(*placed),
        select(_sum(deliveries.c.penalty_cents))
        .join(orders, orders.c.order_id == deliveries.c.order_id)
        .where(orders.c.contract == name),
        select(_sum(settlements.c.due_cents)).where(
            settlements.c.contract == name,
            settlements.c.status != "computed",
            settlements.c.due_cents > 0,
        ),
        select(_sum(payments.c.cents)).where(
            payments.c.contract == name, payments.c.cents > 0
        ),
    )
    return select(*(one.scalar_subquery() for one in sums))


def _sum(column: Any) -> Any:
    return func.coalesce(func.sum(column), 0)


_SUMS: Final = _statement()
