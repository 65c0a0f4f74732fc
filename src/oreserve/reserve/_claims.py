# SPDX-License-Identifier: Apache-2.0
"""The order of claims on a release, and what each is granted.

The order: class (defence before essential before other), then the larger
entitlement, then the larger security value per tonne, then the earlier filing, then
the name. A value that nobody has loaded is no value: it comes after every loaded
one, and is not taken for zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from oreserve.reserve._schema import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CLAIM_RULES", "Claim", "ClaimRule", "grant_claims", "rank_claims"]

ClaimRule = Literal["order", "pro_rata"]

CLAIM_RULES: Final[tuple[ClaimRule, ...]] = ("order", "pro_rata")
"""``order`` serves claim after claim; ``pro_rata`` shares within a class."""


@dataclass(frozen=True)
class Claim:
    """What the order of one claim depends on.

    Attributes
    ----------
    claim
        Id of the claim.
    claimant
        Who claims: a member, an agency, a contractor.
    klass
        Class of the use: ``defence``, ``essential`` or ``other``.
    eligible_grams
        Wanted grams, for a member at most what its entitlement still allows, g.
    entitled_grams
        Entitlement not out on duty, g; None where the reserve has no entitlements.
    security_value_cents_per_t
        Security value of the use, US cents per t; None if none is loaded.
    filed_at
        Time of filing, RFC 3339.
    """

    claim: str
    claimant: str
    klass: str
    eligible_grams: int
    entitled_grams: int | None
    security_value_cents_per_t: int | None
    filed_at: str


def _place(claim: Claim) -> tuple[int, int, bool, int, str, str, str]:
    value = claim.security_value_cents_per_t
    return (
        CLASSES.index(claim.klass),
        -(claim.entitled_grams or 0),
        value is None,
        -(value or 0),
        claim.filed_at,
        claim.claimant,
        claim.claim,
    )


def rank_claims(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Put claims in the order in which they are served.

    Parameters
    ----------
    claims
        Claims in any order.

    Returns
    -------
    tuple of Claim
        The same claims, first served first.

    Examples
    --------
    >>> early = Claim("1", "A", "other", 5, None, None, "2026-01-01T00:00:00Z")
    >>> army = Claim("2", "B", "defence", 5, None, None, "2026-01-02T00:00:00Z")
    >>> [claim.claimant for claim in rank_claims([early, army])]
    ['B', 'A']
    """
    return tuple(sorted(claims, key=_place))


def grant_claims(
    claims: Sequence[Claim], *, grams: int, rule: ClaimRule
) -> dict[str, int]:
    """Grant grams to claims by the stated rule.

    Parameters
    ----------
    claims
        Claims in any order; they are ranked first.
    grams
        What there is to grant, g.
    rule
        ``order`` grants claim after claim until nothing is left. ``pro_rata`` keeps
        the order of classes and shares what a class gets in proportion to what its
        claims may have; grams that do not divide go one each in the order.

    Returns
    -------
    dict of str to int
        Grams by claim, every claim named; the sum is the smaller of `grams` and all
        that the claims may have.

    Examples
    --------
    >>> one = Claim("1", "A", "other", 60, None, None, "2026-01-01T00:00:00Z")
    >>> two = Claim("2", "B", "other", 30, None, None, "2026-01-02T00:00:00Z")
    >>> grant_claims([one, two], grams=70, rule="order")
    {'1': 60, '2': 10}
    >>> grant_claims([one, two], grams=70, rule="pro_rata")
    {'1': 47, '2': 23}
    """
    granted: dict[str, int] = {}
    left = grams
    for _, group in groupby(rank_claims(claims), key=lambda claim: claim.klass):
        members = list(group)
        share = _shared if rule == "pro_rata" else _served
        for claim, given in share(members, left).items():
            granted[claim] = given
            left -= given
    return granted


def _served(claims: Sequence[Claim], grams: int) -> dict[str, int]:
    granted: dict[str, int] = {}
    for claim in claims:
        granted[claim.claim] = min(claim.eligible_grams, grams)
        grams -= granted[claim.claim]
    return granted


def _shared(claims: Sequence[Claim], grams: int) -> dict[str, int]:
    asked = sum(claim.eligible_grams for claim in claims)
    if asked <= grams:
        return {claim.claim: claim.eligible_grams for claim in claims}
    granted = {claim.claim: claim.eligible_grams * grams // asked for claim in claims}
    rest = grams - sum(granted.values())
    for claim in claims:
        # A claim cut down to a whole gram below its share has room for one more.
        if rest and granted[claim.claim] < claim.eligible_grams:
            granted[claim.claim] += 1
            rest -= 1
    return granted
