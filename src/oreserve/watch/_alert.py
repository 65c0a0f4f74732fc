# SPDX-License-Identifier: Apache-2.0
"""An alert: what, why, on what evidence, until when, and who is exposed."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from oreserve.errors import InputError
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

__all__ = ["LEVELS", "Alert", "Evidence", "Exposed", "at_or_over", "ordered"]

LEVELS = ("info", "notice", "warning", "alarm")
"""From the least to the most pressing."""


@dataclass(frozen=True)
class Evidence:
    """The row of the study that an alert rests on, and how sure that row is.

    The parts of a key are joined by `/`, so that `oreserve explain
    STUDY:TABLE:KEY` finds the row; `title` and `url` are those of its source.
    """

    table: str
    key: str
    source_id: str
    evidence: str
    title: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Exposed:
    """What a home has at stake in one item; null is "no data", never 0.

    Parameters
    ----------
    home
        The country or bloc that is exposed.
    use_t_per_year
        Its use: demands and the inputs of its plants, t a year.
    imports_t_per_year, exports_t_per_year
        Its trade in the item in the base year, t a year.
    at_stake_t_per_year, at_stake_usd_per_year
        The part of the imports that the alert touches, t a year, and its worth at
        the base price, USD a year.
    flow_over_use, share_of_use
        At stake / use: as it is, and at most 1. Imports may exceed use, because
        part of them leaves again or goes to stocks; no more than all of the use can
        be missing.
    stock_t, cover_days
        Stocks that may be used, t, and for how many days of use they last.
    note
        Why the flow exceeds the use, where it does.
    """

    item: str
    home: str = ""
    use_t_per_year: float | None = None
    imports_t_per_year: float | None = None
    exports_t_per_year: float | None = None
    at_stake_t_per_year: float | None = None
    at_stake_usd_per_year: float | None = None
    flow_over_use: float | None = None
    share_of_use: float | None = None
    stock_t: float | None = None
    cover_days: float | None = None
    note: str | None = None

    @property
    def status(self) -> str:
        """Return ok, partial or no data."""
        known = (self.at_stake_t_per_year, self.share_of_use, self.cover_days)
        if all(value is None for value in known):
            return "no data"
        return "partial" if None in known else "ok"


@dataclass(frozen=True)
class Alert:
    """One thing that a person should know on the day of the watch.

    `day` is the day of the event (the quote, the expiry); `event` tells two alerts
    on one row apart. `id` depends on neither the day of the watch nor on values, so
    an alert keeps its id from one run to the next. `afterwards` says what holds
    once the day has come, `actors` are the countries whose exports are concerned,
    `owner_country` is that of the plant or project, `users` are the owners of home's
    demands and stocks that the study names, `exposed` is home and
    `elsewhere` the other homes that the watch looks at.
    """

    kind: str
    subject: str
    event: str
    level: str
    what: str
    why: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    day: date | None
    valid_until: date
    first_seen: date
    items: tuple[str, ...] = ()
    state: str | None = None
    announced: date | None = None
    effective: date | None = None
    suspended_until: date | None = None
    ends: date | None = None
    afterwards: str | None = None
    actors: tuple[str, ...] = ()
    owner_country: str | None = None
    exposed: tuple[Exposed, ...] = ()
    elsewhere: tuple[Exposed, ...] = ()
    users: tuple[str, ...] = ()
    hs_codes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    plan: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse an alert without evidence: nobody could check it."""
        if not self.evidence:
            message = f"alert {self.kind} {self.subject}: no evidence"
            raise ValueError(message)

    @property
    def id(self) -> str:
        """Return 12 hexadecimal digits that stay the same from run to run."""
        return stable_id(self.kind, self.subject, self.event)

    @property
    def share_of_use(self) -> float | None:
        """Return the largest share of home's use among the items; null if unknown."""
        known = [e.share_of_use for e in self.exposed if e.share_of_use is not None]
        return max(known, default=None)

    def seen(self, earlier: Mapping[str, date]) -> Alert:
        """Return the alert with the day on which an earlier watch first had it."""
        first = earlier.get(self.id, self.first_seen)
        return replace(self, first_seen=min(first, self.first_seen))

    def as_dict(self) -> dict[str, Any]:
        """Return the alert as JSON holds it; dates in ISO form."""
        return {
            "id": self.id,
            "level": self.level,
            "kind": self.kind,
            "subject": self.subject,
            "event": self.event,
            "what": self.what,
            "why": list(self.why),
            "date": _iso(self.day),
            "valid_until": _iso(self.valid_until),
            "first_seen": _iso(self.first_seen),
            "items": list(self.items),
            "hs_codes": {item: list(codes) for item, codes in self.hs_codes},
            "actors": list(self.actors),
            "owner_country": self.owner_country,
            "users": list(self.users),
            "state": self.state,
            "dates": {
                "announced": _iso(self.announced),
                "in_force_from": _iso(self.effective),
                "suspended_until": _iso(self.suspended_until),
                "ended_from": _iso(self.ends),
            },
            "afterwards": self.afterwards,
            "exposed": [_exposed(e) for e in self.exposed],
            "elsewhere": [_exposed(e) for e in self.elsewhere],
            "plan": None if self.plan is None else list(self.plan),
            "evidence": [asdict(e) for e in self.evidence],
        }


def stable_id(*parts: str) -> str:
    """Return 12 hexadecimal digits of a name.

    Examples
    --------
    >>> stable_id("measure", "a_ban", "returns") == stable_id(
    ...     "measure", "a_ban", "returns"
    ... )
    True
    """
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def ordered(alerts: Iterable[Alert], on: date) -> tuple[Alert, ...]:
    """Return alerts: highest level first, then what comes next, then exposure.

    Within a level the days to come stand first, the nearest on top; then what has
    been, the newest on top; then the larger share of home's use.
    """

    def rank(alert: Alert) -> tuple[int, int, int, float, str, str, str]:
        ahead = alert.day is not None and alert.day >= on
        days = abs((alert.day - on).days) if alert.day is not None else 10**6
        share = alert.share_of_use
        return (
            -LEVELS.index(alert.level),
            0 if ahead else 1,
            days,
            -(share if share is not None else -1.0),
            alert.kind,
            alert.subject,
            alert.event,
        )

    return tuple(sorted(alerts, key=rank))


def at_or_over(level: str, least: str) -> bool:
    """Return whether a level is at least another.

    Raises
    ------
    InputError
        If `least` is no level.

    Examples
    --------
    >>> at_or_over("alarm", "warning"), at_or_over("notice", "warning")
    (True, False)
    """
    if least not in LEVELS:
        guess = nearest(least, LEVELS)
        hint = f"; did you mean {guess}?" if guess else ""
        message = f"level {least!r} is unknown; allowed: {', '.join(LEVELS)}{hint}"
        raise InputError(message)
    return LEVELS.index(level) >= LEVELS.index(least)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _exposed(row: Exposed) -> dict[str, Any]:
    return asdict(row) | {"status": row.status}
