# SPDX-License-Identifier: Apache-2.0
"""Double entry in two measures: grams per item and lot, cents per account.

Every transaction sums to zero: per item in grams (a conversion turns grams of one
item into the same grams of another, so the account ``conversion`` nets to zero over
items too) and in total in cents. Postings are never changed; a correction is a
reversal that names the original.

Accounts of mass: ``depot:<depot>`` (names the lot), ``supplier:<producer>``,
``member:<member>``, ``shipped:<release>``, ``loss``, ``conversion``, ``adjustment``,
``opening``. Accounts of money: ``treasury``, ``cash``, ``obligated:<contract>``,
``unobligated``, ``budget``, ``inventory:<item>``, ``payable:<contract>``,
``member:<member>``, ``settlement:<contract>``, ``income:...``, ``expense:...``,
``equity:opening``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from oreserve.reserve._errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CONVERSION",
    "DEPOT",
    "GRAMS_PER_T",
    "Mass",
    "Money",
    "check_balance",
    "cost_of",
    "lot_moves",
    "part_of",
    "spread",
]

GRAMS_PER_T: Final = 1_000_000
CONVERSION: Final = "conversion"
DEPOT: Final = "depot:"


@dataclass(frozen=True)
class Mass:
    """One posting of mass.

    Parameters
    ----------
    account
        Such as ``depot:D1``; see the list on top of the module.
    item
        What is weighed.
    lot
        The lot; needed on a depot's account, None elsewhere if there is none.
    grams
        Into the account (positive) or out of it, g.
    """

    account: str
    item: str
    lot: str | None
    grams: int


@dataclass(frozen=True)
class Money:
    """One posting of money: cents into the account (positive) or out of it."""

    account: str
    cents: int


def check_balance(mass: Sequence[Mass], money: Sequence[Money]) -> None:
    """Refuse a transaction that creates or loses a gram or a cent.

    Parameters
    ----------
    mass, money
        All postings of one transaction.

    Raises
    ------
    LedgerError
        If an item's grams or the cents do not sum to zero, if the conversion account
        does not net to zero over items, if a posting is zero, or if a depot's posting
        names no lot.
    """
    if not mass and not money:
        message = "a transaction needs at least two postings; it has none"
        raise LedgerError(message)
    by_item: dict[str, int] = defaultdict(int)
    converted = 0
    for entry in mass:
        if entry.grams == 0 or type(entry.grams) is not int:
            message = f"posting to {entry.account}: {entry.grams!r} is no mass in grams"
            raise LedgerError(message)
        if entry.account.startswith(DEPOT) and entry.lot is None:
            message = f"posting to {entry.account} names no lot"
            raise LedgerError(message)
        by_item[entry.item] += entry.grams
        if entry.account == CONVERSION:
            converted += entry.grams
    for item in sorted(by_item):
        if by_item[item]:
            message = f"grams of {item} sum to {by_item[item]}, they must sum to 0"
            raise LedgerError(message)
    if converted:
        message = f"the conversion gains {-converted} g over its items, it must not"
        raise LedgerError(message)
    for posting in money:
        if posting.cents == 0 or type(posting.cents) is not int:
            message = f"posting to {posting.account}: {posting.cents!r} is no amount"
            raise LedgerError(message)
    total = sum(posting.cents for posting in money)
    if total:
        message = f"cents sum to {total}, they must sum to 0"
        raise LedgerError(message)


def lot_moves(mass: Sequence[Mass]) -> dict[str, int]:
    """Return by how many grams each lot grows, g, sorted by lot."""
    moves: dict[str, int] = defaultdict(int)
    for entry in mass:
        if entry.lot is not None and entry.account.startswith(DEPOT):
            moves[entry.lot] += entry.grams
    return dict(sorted(moves.items()))


def part_of(cents: int, grams: int, of_grams: int) -> int:
    """Return the part of an amount that belongs to a part of the grams, cents.

    Half-even to the cent at any size; all grams take all cents.

    Examples
    --------
    >>> part_of(1_001, 500, 1_000), part_of(1_003, 500, 1_000)
    (500, 502)
    """
    whole, rest = divmod(cents * grams, of_grams)
    is_up = 2 * rest > of_grams or (2 * rest == of_grams and whole % 2 == 1)
    return whole + is_up


def cost_of(grams: int, cents_per_t: int) -> int:
    """Return what grams cost at a price per tonne, cents, half-even to the cent.

    Examples
    --------
    >>> cost_of(1_500_000, 11_000_000)
    16500000
    """
    return part_of(cents_per_t, grams, GRAMS_PER_T)


def spread(cents: int, weights: Sequence[int], *, rules: int = 2) -> list[int]:
    """Split an amount by weights so that the parts sum to it exactly.

    Every part is rounded half-even to the cent; the last takes what is left. Where
    that would have the other sign, or the last weighs nothing, each part is instead
    what the rounded sum grows by with it: at most a cent off, never of the other sign,
    nothing for no weight.

    Parameters
    ----------
    cents
        Amount, either sign.
    weights
        Weights of the parts, 0 or more, not all 0.
    rules
        Edition of the rules (`oreserve.reserve._book.RULES`); the first left any rest
        to the last.

    Examples
    --------
    >>> spread(100, [1, 1, 1]), spread(6, [1] * 10), spread(-100, [1, 2, 0])
    ([33, 33, 34], [1, 0, 1, 0, 1, 1, 0, 1, 0, 1], [-33, -67, 0])
    """
    whole = sum(weights)
    parts = [part_of(cents, weight, whole) for weight in weights[:-1]]
    last = cents - sum(parts)
    if rules == 1 or (last * cents >= 0 and (weights[-1] or not last)):
        return [*parts, last]
    sums = [part_of(cents, weight, whole) for weight in accumulate(weights)]
    return [now - before for before, now in pairwise([0, *sums])]
