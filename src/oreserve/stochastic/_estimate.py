# SPDX-License-Identifier: Apache-2.0
"""Mean, tail mean and probabilities of many scenarios from bounds and some values.

Every scenario has a bound; a stratified random sample has exact values. What is
estimated is the small difference between the two, so few values suffice. The draw
of the sample is the only thing that is random: the intervals hold for the given
scenarios whatever their bounds are worth, only wider where bounds are poor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Estimate", "Strata", "estimate_mean", "estimate_share", "estimate_tail"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TAIL_EDGES = (4.0, 2.5, 1.7, 1.25, 1.0, 0.8, 0.5, 0.2)
"""Edges of strata, as multiples of the tail's share, from the top."""

BODY = 6
"""Strata below those edges, of equal size."""

TOP_SHARE = 0.05
"""Part of the exact values that goes to the very largest bounds, all of them."""

TAIL_PART = 0.5
"""Part of the others that goes to the strata near and above the tail's edge."""

LEAST = 4
"""Values in a stratum, where it has so many."""

PSEUDO = 2.0
"""Deviations that a share is supposed to have beside those seen: seeing none in a
sample does not prove that there are none."""

HALVINGS = 50
"""Of the interval in which the level of a tail is looked for."""

NEAR = 2
"""Strata on either side from which those of a tail are taken."""

ROUNDING = 1e-6
"""Relative half-width that an interval has at least: a solver's values are no
closer than its tolerances."""


@dataclass(frozen=True)
class Estimate:
    """A figure of the given scenarios, and of all that could be drawn.

    Parameters
    ----------
    value
        Best estimate.
    low, high
        Interval for the figure of the given scenarios: statistical, from the draw
        of those that were solved.
    all_low, all_high
        Interval for the figure of all scenarios that could be drawn.
    certain
        A lower bound on the figure of the given scenarios that is certain, from
        the bounds alone; None where there is none.
    """

    value: float
    low: float
    high: float
    all_low: float
    all_high: float
    certain: float | None = None


@dataclass(frozen=True)
class Strata:
    """Scenarios in strata of their bounds, and those of each that are solved.

    Parameters
    ----------
    member
        (N,) stratum of each scenario, rising with the bound.
    size
        (H,) scenarios of each.
    chosen
        (n,) positions of the scenarios to solve, rising.
    """

    member: Ints
    size: Ints
    chosen: Ints

    @classmethod
    def make(cls, bound: Floats, tail: float, exact: int, seed: int) -> Strata:
        """Split by bound and choose what to solve.

        Parameters
        ----------
        bound
            (N,) bounds.
        tail
            Share of the scenarios in the tail, 1 - alpha.
        exact
            How many to solve.
        seed
            Of the choice.
        """
        count = len(bound)
        exact = min(exact, count)
        order = np.argsort(bound, kind="stable")
        edges = _edges(count, tail, min(count, round(TOP_SHARE * exact)))
        size = np.diff(edges)
        member = np.empty(count, dtype=np.int64)
        member[order] = np.repeat(np.arange(len(size)), size)
        take = _allocate(size, tail, exact, count)
        rng = np.random.Generator(np.random.Philox(key=[seed, count]))
        chosen = [
            order[first + rng.permutation(int(n))[: int(m)]]
            for first, n, m in zip(edges, size, take, strict=False)
        ]
        return cls(member, size, np.sort(np.concatenate(chosen)))

    @property
    def share(self) -> Floats:
        """(H,) part of all scenarios."""
        return np.asarray(self.size / self.size.sum(), dtype=float)

    @property
    def solved(self) -> Ints:
        """(H,) how many of each are solved."""
        found: Ints = np.bincount(self.member[self.chosen], minlength=len(self.size))
        return found

    def average(self, values: Floats) -> Floats:
        """Return the mean of (n,) values of the chosen by stratum, (H,)."""
        total = np.bincount(
            self.member[self.chosen], weights=values, minlength=len(self.size)
        )
        return np.asarray(total / np.maximum(self.solved, 1), dtype=float)

    def whole(self, values: Floats) -> Floats:
        """Return the mean of (N,) values by stratum, (H,)."""
        total = np.bincount(self.member, weights=values, minlength=len(self.size))
        return np.asarray(total / self.size, dtype=float)

    def spread(self, values: Floats) -> Floats:
        """Return the variance of (n,) values of the chosen by stratum, (H,)."""
        away = values - self.average(values)[self.member[self.chosen]]
        return self.average(away**2) * self.solved / np.maximum(self.solved - 1, 1)

    def error(
        self,
        values: Floats,
        confidence: float,
        *,
        pseudo: float = PSEUDO,
        near: int | None = None,
        most: float | None = None,
    ) -> tuple[float, float]:
        """Return the standard error of the stratified mean of (n,) values, and t.

        Degrees of freedom by Welch and Satterthwaite. Where a value is far from the
        others only now and then, a sample may hold none of those: some more of them
        (`pseudo`) are supposed, as far off as the farthest seen in all strata, or
        in those up to `near` strata away, or by `most` if that is given.
        """
        n = self.solved
        left = 1.0 - n / self.size
        part = self.share**2 * left * self.spread(values) / np.maximum(n, 1)
        variance = float(part.sum())
        freedom = float(np.sum(part**2 / np.maximum(n - 1, 1)))
        freedom = variance**2 / freedom if freedom > 0.0 else float(n.sum())
        if pseudo:
            unit = self.share / np.maximum(n, 1) * (left > 0.0)
            far = self._farthest(values, near) if most is None else most
            variance += pseudo * float(np.max(unit * far)) ** 2
        return math.sqrt(variance), _student(confidence, max(1.0, freedom))

    def _farthest(self, values: Floats, near: int | None) -> Floats:
        """Return how far from the stratum's mean a value may be, (H,)."""
        at = self.member[self.chosen]
        most = np.zeros(len(self.size))
        np.maximum.at(most, at, np.abs(values - self.average(values)[at]))
        if near is None:
            return np.full(len(most), most.max())
        wide = np.pad(most, near)
        shifted = [wide[k : k + len(most)] for k in range(2 * near + 1)]
        return np.asarray(np.max(shifted, axis=0), dtype=float)


def _edges(count: int, tail: float, top: int) -> Ints:
    """Return where strata begin in rising order of the bounds, and the end."""
    above = [min(count, round(count * tail * m)) for m in TAIL_EDGES if m * tail < 0.9]
    above = [a for a in above if a > top] + [top, 0]
    body = count - above[0]
    low = [round(body * k / BODY) for k in range(BODY)]
    whole = [*low, *(count - a for a in above)]
    kept = [0]
    for edge in whole[1:]:
        # A stratum of one or two says nothing about its own spread.
        if edge - kept[-1] >= 2 * LEAST or edge == count:
            kept.append(edge)
    if len(kept) > 2 and kept[-1] - kept[-2] < 2 * LEAST and top < LEAST:
        del kept[-2]
    return np.array(kept, dtype=np.int64)


def _allocate(size: Ints, tail: float, exact: int, count: int) -> Ints:
    """Share out the exact values: top all, then half evenly and half to the tail."""
    begin = np.cumsum(size) - size
    near = (count - begin) <= 1.01 * max(TAIL_EDGES[0] * tail * count, size[-1])
    take = np.minimum(size, LEAST)
    if size[-1] <= max(LEAST, round(TOP_SHARE * exact)):
        take[-1] = size[-1]
    left = max(0, exact - int(take.sum()))
    # Near the edge of the tail each stratum matters alike, whatever its size.
    wish = (1.0 - TAIL_PART) * size / count
    wish = wish + TAIL_PART * near / max(1, int(near.sum()))
    for _ in range(30):
        room = size - take
        weight = np.where(room > 0, wish, 0.0)
        if left <= 0 or weight.sum() <= 0.0:
            break
        more = np.minimum(room, np.floor(left * weight / weight.sum()).astype(int))
        if more.sum() == 0:
            # What is less than one each goes to the largest wishes.
            for place in np.argsort(-weight, kind="stable")[:left]:
                more[place] = min(1, room[place])
        take = take + more
        left = exact - int(take.sum())
    return np.asarray(take, dtype=np.int64)


def _student(confidence: float, freedom: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2.0, freedom))


def _finish(
    value: float,
    half: float,
    beyond: float,
    confidence: float,
    certain: float | None = None,
) -> Estimate:
    """Make both intervals; `beyond` is the variance of drawing the scenarios."""
    half += ROUNDING * abs(value)
    wide = math.hypot(half, _student(confidence, 1e6) * math.sqrt(max(0.0, beyond)))
    low = value - half
    if certain is not None:
        # Sums in another order differ in the last digits.
        low = max(low, certain - 1e-12 * abs(certain))
    return Estimate(value, low, value + half, value - wide, value + wide, certain)


def estimate_mean(
    strata: Strata, bound: Floats, value: Floats, confidence: float
) -> Estimate:
    """Estimate the mean: that of all bounds plus that of what they miss.

    Parameters
    ----------
    strata
        N scenarios, n of them solved.
    bound
        (N,) bounds.
    value
        (n,) exact values of the chosen.
    confidence
        Of the interval.

    Examples
    --------
    >>> bound = np.arange(100.0)
    >>> strata = Strata.make(bound, 0.1, 40, 0)
    >>> round(estimate_mean(strata, bound, bound[strata.chosen] + 1, 0.95).value, 6)
    50.5
    """
    missed = value - bound[strata.chosen]
    mean = float(bound.mean()) + float(strata.share @ strata.average(missed))
    error, t = strata.error(missed, confidence)
    square = float(strata.share @ strata.average((value - mean) ** 2))
    return _finish(
        mean, t * error, square / len(bound), confidence, float(bound.mean())
    )


def estimate_tail(
    strata: Strata, bound: Floats, value: Floats, alpha: float, confidence: float
) -> Estimate:
    """Estimate CVaR_alpha: min over eta of eta + E[(Q - eta)^+] / (1 - alpha).

    The level eta is where the estimated share above is 1 - alpha. A level that is a
    little off costs the product of two small errors, and the interval has it.
    """
    tail = 1.0 - alpha
    missed = strata.average(value - bound[strata.chosen])
    guess = bound + missed[strata.member]
    ordered = np.sort(guess)
    mine = guess[strata.chosen]

    def off_share(eta: float) -> Floats:
        return (value > eta).astype(float) - (mine > eta)

    def share_above(eta: float) -> float:
        above = 1.0 - np.searchsorted(ordered, eta, side="right") / len(ordered)
        return float(above + strata.share @ strata.average(off_share(eta)))

    low = min(float(ordered[0]), float(value.min()))
    high = max(float(ordered[-1]), float(value.max()))

    def level(share: float) -> float:
        down, up = low, high
        for _ in range(HALVINGS):
            middle = 0.5 * (down + up)
            if share_above(middle) > share + 1e-12:
                down = middle
            else:
                up = middle
        return up

    eta = level(tail)
    near = np.maximum(guess - eta, 0.0)
    excess = np.maximum(value - eta, 0.0)
    off = excess - near[strata.chosen]
    mean = float(near.mean()) + float(strata.share @ strata.average(off))
    error, t = strata.error(off, confidence, near=NEAR)
    wrong, t_share = strata.error(off_share(eta), confidence, pseudo=0.0)
    wrong *= t_share
    slack = wrong * max(eta - level(tail + wrong), level(tail - wrong) - eta)
    square = float(strata.share @ strata.average((excess - mean) ** 2))
    return _finish(
        eta + mean / tail,
        (t * error + slack) / tail,
        square / tail**2 / len(bound),
        confidence,
        _tail_mean(bound, tail),
    )


def _tail_mean(values: Floats, tail: float) -> float:
    """Return the mean of the largest part, the one at the edge with its share."""
    whole = tail * len(values)
    ordered = np.sort(values)[::-1]
    full = min(int(whole + 1e-9), len(values))
    rest = whole - full
    total = float(ordered[:full].sum())
    if rest > 1e-9 and full < len(values):
        total += rest * float(ordered[full])
    return total / whole


def estimate_share(
    strata: Strata, guess: Floats, seen: Floats, guess_mean: Floats, confidence: float
) -> Estimate:
    """Estimate how often something happens; a guess for all scenarios helps.

    Parameters
    ----------
    guess
        (n,) guess of the chosen, 0 or 1.
    seen
        (n,) what was seen, 0 or 1.
    guess_mean
        (H,) mean guess of all scenarios by stratum.
    """
    at = strata.member[strata.chosen]
    away = guess - strata.average(guess)[at]
    both = (seen - strata.average(seen)[at]) * away
    weight = (strata.size / np.maximum(strata.solved, 1))[at]
    power = float(weight @ away**2)
    use = min(1.0, max(0.0, float(weight @ both) / power)) if power > 0.0 else 0.0
    off = seen - use * guess
    share = float(strata.share @ (use * guess_mean + strata.average(off)))
    share = min(1.0, max(0.0, share))
    error, t = strata.error(off, confidence, most=1.0)
    spread = share * (1.0 - share) / len(strata.member)
    found = _finish(share, t * error, spread, confidence)
    return Estimate(
        share, max(0.0, found.low), min(1.0, found.high),
        max(0.0, found.all_low), min(1.0, found.all_high),
    )  # fmt: skip
