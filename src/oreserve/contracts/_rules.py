# SPDX-License-Identifier: Apache-2.0
"""Price rules: who pays whom at an index price."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Final

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError

__all__ = ["KINDS", "PriceRule", "settlement_usd", "support_and_return_usd"]

Floats = npt.NDArray[np.float64]

NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "fixed": ("fixed_usd_per_t",),
    "indexed": (),
    "floor": ("floor_usd_per_t",),
    "collar": ("floor_usd_per_t", "ceiling_usd_per_t"),
    "two_way": ("upside_share",),
}
"""Fields that a kind cannot do without."""

OPTIONAL: Final[dict[str, tuple[str, ...]]] = {
    "fixed": (),
    "indexed": (),
    "floor": (),
    "collar": (),
    "two_way": ("floor_usd_per_t", "upside_from_usd_per_t", "annual_cap_usd"),
}
"""Fields that a kind may have beside those it needs."""

KINDS: Final = tuple(sorted(NEEDED))


@dataclass(frozen=True)
class PriceRule:
    """Say how a guaranteed price follows, or does not follow, an index.

    The field that a kind needs must be given; a field that it does not read must
    be left out, so that nobody believes in a ceiling that is never applied.

    Parameters
    ----------
    kind
        fixed: the producer earns `fixed_usd_per_t` whatever the index.
        indexed: the index, no payment.
        floor: at least `floor_usd_per_t`.
        collar: at least the floor, at most `ceiling_usd_per_t`.
        two_way: at least the floor; of each dollar above `upside_from_usd_per_t`
        (default: the floor) the producer returns `upside_share`, up to
        `annual_cap_usd` a calendar year.
    floor_usd_per_t, ceiling_usd_per_t, fixed_usd_per_t, upside_from_usd_per_t
        Prices, USD per t on the basis of the tonnes settled, 0 or more.
    upside_share
        Share, 0-1.
    annual_cap_usd
        Most that the producer returns in a calendar year, USD, 0 or more.
    index
        Name of the published price that settles the rule. A thin spot quote and
        the volume-weighted price can differ forty-fold: a contract names one.

    Raises
    ------
    InputError
        All problems of the rule at once.

    Examples
    --------
    >>> PriceRule("collar", floor_usd_per_t=90, ceiling_usd_per_t=80)
    Traceback (most recent call last):
    ...
    oreserve.errors.InputError: price rule collar: ceiling_usd_per_t 80 lies \
below floor_usd_per_t 90
    """

    kind: str
    floor_usd_per_t: float | None = None
    ceiling_usd_per_t: float | None = None
    fixed_usd_per_t: float | None = None
    upside_share: float | None = None
    upside_from_usd_per_t: float | None = None
    annual_cap_usd: float | None = None
    index: str | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that misses a field, contradicts itself or is no number."""
        if self.kind not in NEEDED:
            near = get_close_matches(str(self.kind), KINDS, n=1)
            hint = f"; nearest: {near[0]!r}" if near else ""
            message = f"price rule kind {self.kind!r}: allowed {', '.join(KINDS)}{hint}"
            raise InputError(message)
        problems = self._field_problems() or self._order_problems()
        if problems:
            message = f"price rule {self.kind}: " + "; ".join(problems)
            raise InputError(message)

    def _field_problems(self) -> list[str]:
        """List fields that are missing, unread, or not a usable number."""
        needed, optional = NEEDED[self.kind], OPTIONAL[self.kind]
        problems = [f"{name} is needed" for name in needed if _is_none(self, name)]
        numbers = [f.name for f in fields(self) if f.name not in {"kind", "index"}]
        for name in numbers:
            value = getattr(self, name)
            if value is None:
                continue
            if name not in (*needed, *optional):
                allowed = ", ".join((*needed, *optional)) or "no price field"
                problems.append(f"{name} is not read by it (it reads {allowed})")
            elif not _is_number(value) or value < 0:
                problems.append(f"{name} {value!r} must be a number of 0 or more")
            elif name == "upside_share" and value > 1:
                problems.append(f"upside_share {value:g} must lie in 0-1, not percent")
        if (
            self.kind == "two_way"
            and self.floor_usd_per_t is None
            and self.upside_from_usd_per_t is None
        ):
            problems.append("floor_usd_per_t or upside_from_usd_per_t is needed")
        return problems

    def _order_problems(self) -> list[str]:
        """List bounds that lie on the wrong side of the floor."""
        floor = self.floor_usd_per_t
        return [
            f"{name} {upper:g} lies below floor_usd_per_t {floor:g}"
            for name in ("ceiling_usd_per_t", "upside_from_usd_per_t")
            if floor is not None
            and (upper := getattr(self, name)) is not None
            and upper < floor
        ]

    @property
    def returns_from_usd_per_t(self) -> float:
        """Index price above which the producer pays back; inf: never."""
        if self.kind == "collar" and self.ceiling_usd_per_t is not None:
            return self.ceiling_usd_per_t
        if self.kind == "two_way":
            above = self.upside_from_usd_per_t
            return float(self.floor_usd_per_t if above is None else above)  # type: ignore[arg-type]  # one of both is set: __post_init__
        return math.inf


def settlement_usd(
    rule: PriceRule,
    *,
    index_usd_per_t: float,
    quantity_t: float,
    returned_this_year_usd: float = 0.0,
) -> float:
    """Return what the guarantor pays the producer for one settlement.

    With index i, quantity q, floor f, ceiling c, upside share s from u:
    fixed (fixed - i) q; indexed 0; floor max(0, f - i) q; collar floor side minus
    max(0, i - c) q; two_way floor side minus s max(0, i - u) q, where the year's
    returns stay within the annual cap.

    Parameters
    ----------
    rule
        The price rule.
    index_usd_per_t
        Index price of the settlement period, USD per t, 0 or more.
    quantity_t
        Tonnes settled, 0 or more.
    returned_this_year_usd
        What the producer has already paid back in this calendar year, USD.

    Returns
    -------
    float
        USD; negative when the producer pays back.

    Raises
    ------
    InputError
        If the index is missing, or a number is negative or not finite.

    Examples
    --------
    The upside share of a two-way rule, and the same with a cap:

    >>> share = PriceRule("two_way", floor_usd_per_t=110_000, upside_share=0.3)
    >>> settlement_usd(share, index_usd_per_t=140_000, quantity_t=1_000)
    -9000000.0
    >>> capped = PriceRule(
    ...     "two_way",
    ...     floor_usd_per_t=110_000,
    ...     upside_share=0.3,
    ...     upside_from_usd_per_t=150_000,
    ...     annual_cap_usd=10e6,
    ... )
    >>> settlement_usd(capped, index_usd_per_t=160_000, quantity_t=5_000)
    -10000000.0
    """
    named = {
        "index_usd_per_t": index_usd_per_t,
        "quantity_t": quantity_t,
        "returned_this_year_usd": returned_this_year_usd,
    }
    problems = [
        f"{name} {value!r} must be a number of 0 or more"
        for name, value in named.items()
        if not _is_number(value) or value < 0
    ]
    if problems:
        message = f"settlement of a {rule.kind} rule: " + "; ".join(problems)
        raise InputError(message)
    support, returned = support_and_return_usd(
        rule,
        index_usd_per_t=np.asarray(index_usd_per_t, dtype=np.float64),
        quantity_t=np.asarray(quantity_t, dtype=np.float64),
    )
    back = float(returned)
    if rule.annual_cap_usd is not None:
        back = min(back, max(0.0, rule.annual_cap_usd - returned_this_year_usd))
    return float(support) - back


def support_and_return_usd(
    rule: PriceRule, *, index_usd_per_t: Floats, quantity_t: Floats
) -> tuple[Floats, Floats]:
    """Return both sides of a rule before any annual cap, arrays allowed.

    Returns
    -------
    support, returned
        USD that the guarantor pays and that the producer pays back, both 0 or
        more, in the broadcast shape of index and quantity.
    """
    index = index_usd_per_t
    none = np.zeros(np.broadcast_shapes(index.shape, quantity_t.shape))
    if rule.kind == "indexed":
        return none, none
    if rule.fixed_usd_per_t is not None:
        difference = (rule.fixed_usd_per_t - index) * quantity_t
        return np.maximum(difference, 0.0), np.maximum(-difference, 0.0)
    floor = 0.0 if rule.floor_usd_per_t is None else rule.floor_usd_per_t
    support = np.maximum(floor - index, 0.0) * quantity_t
    if math.isinf(rule.returns_from_usd_per_t):
        return support, none
    share = 1.0 if rule.upside_share is None else rule.upside_share
    above = np.maximum(index - rule.returns_from_usd_per_t, 0.0)
    return support, share * above * quantity_t


def _is_none(rule: PriceRule, name: str) -> bool:
    return getattr(rule, name) is None


def _is_number(value: object) -> bool:
    """Tell whether the value is a finite real number and not a boolean."""
    is_real = isinstance(value, (int, float, np.integer, np.floating))
    return is_real and not isinstance(value, bool) and math.isfinite(value)  # type: ignore[arg-type]  # checked to be a real number
