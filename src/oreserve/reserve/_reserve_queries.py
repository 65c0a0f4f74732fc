# SPDX-License-Identifier: Apache-2.0
"""Ceilings in force, the cover of entitlements, duties, and the release desk."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, and_, case, cast, func, literal, or_, select

from oreserve.reserve._schema import metadata

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Subquery

__all__ = [
    "duties_open",
    "entitlement_cover",
    "market_room",
    "member_positions",
    "plan_ceilings",
    "release_desk",
]

ENDED: Final = ("closed", "refused", "cancelled")
"""States of a release in which nobody has anything left to do."""

YEAR_DAYS: Final = 365


def _sum(column: ColumnElement[Any], name: str) -> Any:
    """Return a sum as a whole number, 0 where nothing is summed."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger).label(name)


def _or_zero(column: ColumnElement[Any], name: str) -> Any:
    return func.coalesce(column, literal(0, BigInteger)).label(name)


def plan_ceilings(today: str) -> Subquery:
    """Compute the ceilings of every plan line as they hold on a day.

    Parameters
    ----------
    today
        Day, YYYY-MM-DD; a change counts from its ``effective_on``.

    Returns
    -------
    Subquery
        ``year``, ``item``, ``action``, ``status`` of the plan; ``ceiling_*`` in
        force, ``used_*`` and ``left_*``; ``waiting_on`` and ``waiting_*`` of the
        next change that is notified and not in effect yet. Grams and US cents.
    """
    plans = metadata.tables["materials_plans"]
    lines = metadata.tables["plan_lines"]
    now, next_one = _changes(today, are_held=True), _changes(today, are_held=False)
    ceilings = {
        name: func.coalesce(now.c[name], lines.c[name])
        for name in ("ceiling_grams", "ceiling_cents")
    }
    return (
        select(
            lines.c.year,
            lines.c.item,
            lines.c.action,
            plans.c.status,
            plans.c.from_on,
            plans.c.until_on,
            *(value.label(name) for name, value in ceilings.items()),
            lines.c.used_grams,
            lines.c.used_cents,
            (ceilings["ceiling_grams"] - lines.c.used_grams).label("left_grams"),
            (ceilings["ceiling_cents"] - lines.c.used_cents).label("left_cents"),
            next_one.c.effective_on.label("waiting_on"),
            next_one.c.ceiling_grams.label("waiting_grams"),
            next_one.c.ceiling_cents.label("waiting_cents"),
        )
        .select_from(
            lines.join(plans, plans.c.year == lines.c.year)
            .outerjoin(now, _same_line(now, lines))
            .outerjoin(next_one, _same_line(next_one, lines))
        )
        .subquery()
    )


def _same_line(change: Subquery, lines: Any) -> ColumnElement[bool]:
    names = ("year", "item", "action")
    return and_(*(change.c[name] == lines.c[name] for name in names))


def _changes(today: str, *, are_held: bool) -> Subquery:
    """Select per line the newest change in effect, or the next one that waits."""
    changes = metadata.tables["plan_changes"]
    order: list[ColumnElement[Any]]
    if are_held:
        when = changes.c.effective_on <= today
        order = [changes.c.effective_on.desc(), changes.c.change.desc()]
    else:
        when = changes.c.effective_on > today
        order = [changes.c.effective_on, changes.c.change]
    line = (changes.c.year, changes.c.item, changes.c.action)
    place = func.row_number().over(partition_by=line, order_by=order).label("place")
    ranked = (
        select(*changes.c, place)
        .where(changes.c.status.in_(("in_force", "notified")), when)
        .subquery()
    )
    return select(*ranked.c).where(ranked.c.place == 1).subquery()


def market_room(today: str) -> Subquery:
    """Compute what was bought and sold of each item in the rolling year.

    Returns
    -------
    Subquery
        ``item``, ``yearly_market_grams`` and ``max_share`` as stated (null where
        nobody stated them), ``bought_grams`` and ``sold_grams`` of the 365 days that
        end today, g.
    """
    first = (date.fromisoformat(today) - timedelta(days=YEAR_DAYS - 1)).isoformat()
    items, moves, limits = (
        metadata.tables[n] for n in ("items", "market_moves", "market_limits")
    )
    taken = (
        select(
            moves.c.item,
            _sum(case((moves.c.action == "buy", moves.c.grams), else_=0), "bought"),
            _sum(case((moves.c.action == "sell", moves.c.grams), else_=0), "sold"),
        )
        .where(moves.c.on_day >= first)
        .group_by(moves.c.item)
        .subquery()
    )
    return (
        select(
            items.c.item,
            limits.c.yearly_market_grams,
            limits.c.max_share,
            limits.c.source,
            _or_zero(taken.c.bought, "bought_grams"),
            _or_zero(taken.c.sold, "sold_grams"),
        )
        .select_from(
            items.outerjoin(limits, limits.c.item == items.c.item).outerjoin(
                taken, taken.c.item == items.c.item
            )
        )
        .where(or_(limits.c.item.is_not(None), taken.c.item.is_not(None)))
        .subquery()
    )


def entitlement_cover(_today: str) -> Subquery:
    """Compute per item what members are entitled to and what covers it.

    Returns
    -------
    Subquery
        ``stock_grams`` of the industrial reserve, ``owed_grams`` of open duties,
        ``entitled_grams``, ``reserved_grams`` of approved releases,
        ``unencumbered_grams`` that may still be granted (never below 0), g.
    """
    items, lots, owners, entitlements, duties, releases = (
        metadata.tables[n]
        for n in ("items", "lots", "owners", "entitlements", "duties", "releases")
    )
    stock = (
        select(lots.c.item, _sum(lots.c.grams, "grams"))
        .join(owners, owners.c.owner == lots.c.owner)
        .where(lots.c.status == "held", owners.c.kind == "industrial")
        .group_by(lots.c.item)
        .subquery()
    )
    entitled = _by_item(entitlements, entitlements.c.grams)
    owed = _by_item(
        duties,
        duties.c.open_grams,
        duties.c.status == "open",
        duties.c.reserve == "industrial",
    )
    kept = _by_item(
        releases,
        releases.c.granted_grams,
        releases.c.status == "approved",
        releases.c.reserve == "industrial",
    )
    parts = {"stock": stock, "owed": owed, "entitled": entitled, "reserved": kept}
    source: Any = items
    for part in parts.values():
        source = source.outerjoin(part, part.c.item == items.c.item)
    grams = {
        name: func.coalesce(part.c.grams, literal(0, BigInteger))
        for name, part in parts.items()
    }
    free = grams["stock"] + grams["owed"] - grams["entitled"]
    return (
        select(
            items.c.item,
            *(value.label(f"{name}_grams") for name, value in grams.items()),
            case((free > 0, free), else_=0).label("unencumbered_grams"),
        )
        .select_from(source)
        .where(or_(grams["stock"] > 0, grams["entitled"] > 0, grams["owed"] > 0))
        .subquery()
    )


def _by_item(table: Any, grams: Any, *conditions: ColumnElement[bool]) -> Subquery:
    query = select(table.c.item, _sum(grams, "grams")).where(*conditions)
    return query.group_by(table.c.item).subquery()


def member_positions(_today: str) -> Subquery:
    """Compute per member and item what it is entitled to, owes and may call on.

    Returns
    -------
    Subquery
        ``member``, ``item``, ``entitled_grams``, ``owed_grams`` out on duty,
        ``promised_grams`` of approved releases and ``free_grams``, the rest, g.
    """
    entitlements, duties, claims, releases = (
        metadata.tables[n] for n in ("entitlements", "duties", "claims", "releases")
    )
    entitled = _by_member(
        select(
            entitlements.c.member,
            entitlements.c.item,
            _sum(entitlements.c.grams, "grams"),
        ),
        entitlements.c.member,
        entitlements.c.item,
    )
    owed = _by_member(
        select(
            duties.c.member, duties.c.item, _sum(duties.c.open_grams, "grams")
        ).where(duties.c.status == "open", duties.c.reserve == "industrial"),
        duties.c.member,
        duties.c.item,
    )
    promised = _by_member(
        select(
            claims.c.claimant.label("member"),
            releases.c.item,
            _sum(claims.c.granted_grams, "grams"),
        )
        .join(releases, releases.c.release_id == claims.c.release_id)
        .where(releases.c.status == "approved", releases.c.reserve == "industrial"),
        claims.c.claimant,
        releases.c.item,
    )
    source: Any = entitled
    grams = []
    for part in (owed, promised):
        same = and_(part.c.member == entitled.c.member, part.c.item == entitled.c.item)
        source = source.outerjoin(part, same)
        grams.append(func.coalesce(part.c.grams, literal(0, BigInteger)))
    return (
        select(
            entitled.c.member,
            entitled.c.item,
            entitled.c.grams.label("entitled_grams"),
            grams[0].label("owed_grams"),
            grams[1].label("promised_grams"),
            (entitled.c.grams - grams[0] - grams[1]).label("free_grams"),
        )
        .select_from(source)
        .subquery()
    )


def _by_member(query: Any, member: Any, item: Any) -> Subquery:
    grouped: Subquery = query.group_by(member, item).subquery()
    return grouped


def duties_open(today: str) -> Subquery:
    """Compute the duties that are open, and whether their day has passed.

    Parameters
    ----------
    today
        Day, YYYY-MM-DD; a duty is overdue from the day after its own.

    Returns
    -------
    Subquery
        ``due_on``, ``duty``, ``reserve``, ``member`` (null: the reserve itself owes),
        ``item``, ``purity``, ``open_grams`` (g), ``why``, ``release_id``,
        ``is_overdue``.
    """
    duties = metadata.tables["duties"]
    names = (
        *("due_on", "duty", "reserve", "member", "item", "purity", "open_grams"),
        *("why", "drawn_on", "release_id"),
    )
    late = case((duties.c.due_on < today, True), else_=False).label("is_overdue")
    shown = [duties.c[name] for name in names]
    return select(*shown, late).where(duties.c.status == "open").subquery()


def release_desk(_today: str) -> Subquery:
    """Compute the releases that still wait for somebody, and for which step.

    Returns
    -------
    Subquery
        The release with its grams, ``claims``, ``approvals`` counted so far, and
        ``next_step``: the command that it waits for.
    """
    releases, claims, approvals = (
        metadata.tables[n] for n in ("releases", "claims", "approvals")
    )
    filed = (
        select(cast(func.count(), BigInteger))
        .where(claims.c.release_id == releases.c.release_id)
        .scalar_subquery()
    )
    approved = (
        select(cast(func.count(), BigInteger))
        .where(
            approvals.c.subject == literal("release:") + releases.c.release_id,
            approvals.c.decision == "approve",
        )
        .scalar_subquery()
    )
    step = case(
        {
            "requested": "check_release",
            "checked": "approve_release",
            "approved": "draw_release",
            "drawn": "ship_release",
            "shipped": "deliver_shipment",
        },
        value=releases.c.status,
    )
    names = (
        *("release_id", "reserve", "item", "grams", "granted_grams", "ground"),
        *("ground_reference", "requested_by", "requested_at", "status"),
    )
    return (
        select(
            *(releases.c[name] for name in names),
            filed.label("claims"),
            approved.label("approvals"),
            step.label("next_step"),
        )
        .where(releases.c.status.not_in(ENDED))
        .subquery()
    )
