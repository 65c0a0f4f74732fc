# SPDX-License-Identifier: Apache-2.0
"""Measures on a day: their legal state, what comes next, what to look at again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.study.effects import effects_of_row
from oreserve.watch._alert import Alert, Evidence
from oreserve.watch._days import day_text, days_text
from oreserve.watch._names import title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from oreserve.study import Study
    from oreserve.watch._home import Home

__all__ = ["Measure", "measure_alerts", "measures_on"]

TRADE = frozenset({"ban", "quota", "licence", "tariff", "lane"})
EVERYBODY = "*"
LOOK_AGAIN = "look again: the study has no later status"


@dataclass(frozen=True)
class Measure:
    """A measure on a day, with the four dates of its legal state.

    `state` is announced, in_force, suspended, ended, or past_until: the table says
    in force although the first day no longer in force has come. `effective` is the
    first day in force (null: already in force, or unknown), `suspended_until` the
    day on which a suspended measure comes back, `ends` the first day no longer in
    force.
    """

    name: str
    row: dict[str, Any]
    state: str
    announced: date | None
    effective: date | None
    suspended_until: date | None
    ends: date | None
    items: tuple[str, ...]
    minerals: tuple[str, ...]
    exporters: frozenset[str] | None
    targets: frozenset[str] | None


def measures_on(study: Study, on: date) -> tuple[Measure, ...]:
    """Return the measures known on a day, sorted; later announcements are not."""
    found = []
    for row in study.table("measures").sort("measure").iter_rows(named=True):
        if row["announced"] is not None and row["announced"] > on:
            continue
        found.append(_measure(study, row, on))
    return tuple(found)


def _measure(study: Study, row: dict[str, Any], on: date) -> Measure:
    start, until, status = row["from"], row["until"], row["status"]
    state = status
    items = _items(study, row)
    if status == "ended" and on < study.settings.as_of_date and until and on < until:
        state = "in_force"  # it had not ended yet on that earlier day
    if state == "in_force":
        if until is not None and until <= on:
            state = "past_until"
        elif start is not None and start > on:
            state = "announced"
    # A suspended measure's first day is when it comes back, unless it is the day on
    # which it first applied: that one lies no later than its announcement.
    told = row["announced"]
    suspended = status == "suspended" and not (start and told and start <= told)
    return Measure(
        name=row["measure"],
        row=row,
        state=state,
        announced=row["announced"],
        effective=None if suspended else start,
        suspended_until=start if suspended else None,
        ends=until,
        items=tuple(items["item"]),
        minerals=tuple(sorted(set(items["mineral"].fill_null(items["item"])))),
        exporters=_exporters(study, row),
        targets=_targets(study, row),
    )


def _items(study: Study, row: dict[str, Any]) -> pl.DataFrame:
    effect = next(iter(effects_of_row(study, row, label=row["measure"])))
    wanted = study.table("items")
    if effect.minerals:
        wanted = wanted.filter(pl.col("mineral").is_in(list(effect.minerals)))
    if effect.items:
        wanted = wanted.filter(pl.col("item").is_in(list(effect.items)))
    if effect.stage:
        wanted = wanted.filter(pl.col("stage") == effect.stage)
    return wanted.select("item", "mineral").sort("item")


def _exporters(study: Study, row: dict[str, Any]) -> frozenset[str] | None:
    """Return whose exports are touched; None where the effect is not on trade."""
    place = row["actor"] if row["kind"] in TRADE else row["country"]
    return None if place is None else frozenset(study.members(place))


def _targets(study: Study, row: dict[str, Any]) -> frozenset[str] | None:
    """Return whom a rule on trade reaches; None: everyone, as other effects do."""
    if row["kind"] not in TRADE or row["target"] in {None, EVERYBODY}:
        return None
    return frozenset(study.members(row["target"]))


def measure_alerts(
    study: Study,
    home: Home,
    *,
    on: date,
    within_days: int,
    since: date | None = None,
) -> Iterator[Alert]:
    """Yield the alerts on measures: what begins, returns, expires or is unclear."""
    for measure in measures_on(study, on):
        yield from _of_one(measure, home, on=on, within_days=within_days, since=since)


def _of_one(
    measure: Measure, home: Home, *, on: date, within_days: int, since: date | None
) -> Iterator[Alert]:
    stakes = home.stakes(
        measure.items, exporters=measure.exporters, targets=measure.targets
    )
    touches = any(e.at_stake_t_per_year != 0 for e in stakes["exposed"])
    aimed = measure.targets is None or bool(measure.targets & set(home.countries))
    touches = aimed and touches

    def alert(
        event: str,
        level: str,
        what: str,
        day: date | None,
        *reasons: str,
        afterwards: str | None = None,
    ) -> Alert:
        ahead = day is not None and day > on
        return Alert(
            kind="measure",
            subject=measure.name,
            event=event,
            level=level,
            what=what,
            why=(*reasons, *_factors(measure)),
            evidence=(_evidence(measure.row),),
            day=day,
            valid_until=day if ahead and day else on + timedelta(days=within_days),
            first_seen=on,
            items=measure.items,
            state=measure.state,
            announced=measure.announced,
            effective=measure.effective,
            suspended_until=measure.suspended_until,
            ends=measure.ends,
            afterwards=afterwards,
            actors=_actors(measure),
            **stakes,
        )

    name = f"{title(measure.name)}{_of_minerals(measure)}"
    begins, ends = measure.effective, measure.ends
    if measure.state == "suspended":
        yield from _suspended(measure, alert, name, on, within_days, touches=touches)
        return
    if measure.state == "ended":
        if since is not None and ends is not None and since < ends <= on:
            yield alert("ended", "notice", f"{name}: ended on {day_text(ends)}", ends)
        return
    if measure.state == "past_until" and ends is not None:
        yield alert(
            "past_until",
            "warning" if touches else "notice",
            f"{name}: listed as in force but ended on {day_text(ends)}",
            ends,
            LOOK_AGAIN,
        )
        return
    if begins is not None and 0 <= (begins - on).days <= within_days:
        left = (begins - on).days
        yield alert(
            "begins",
            _level_of_start(measure, touches=touches),
            f"{name}: takes effect on {day_text(begins)}, {days_text(left)}",
            begins,
            afterwards=f"the {measure.row['kind']} applies from that day; "
            f"{_until_text(measure)}",
        )
    elif begins is not None and since is not None and since < begins <= on:
        what = f"{name}: in force since {day_text(begins)}"
        yield alert("began", "warning" if touches else "info", what, begins)
    if ends is not None and 0 < (ends - on).days <= within_days:
        left = (ends - on).days
        yield alert(
            "expires",
            "notice" if touches else "info",
            f"{name}: expires on {day_text(ends)}, {days_text(left)}",
            ends,
            afterwards=f"the {measure.row['kind']} no longer applies from that day "
            "unless it is renewed",
        )
    told = measure.announced
    if (
        told is not None
        and since is not None
        and since < told <= on
        and measure.state == "announced"
    ):
        what = f"{name}: announced on {day_text(told)}"
        yield alert("announced", "notice", what, told)


def _suspended(
    measure: Measure,
    alert: Any,
    name: str,
    on: date,
    within_days: int,
    *,
    touches: bool,
) -> Iterator[Alert]:
    back, ends = measure.suspended_until, measure.ends
    if ends is not None and ends <= on:
        what = f"{name}: listed as suspended but ended on {day_text(ends)}"
        yield alert("past_until", "notice", what, ends, LOOK_AGAIN)
    elif back is None:
        yield alert(
            "look_again",
            "warning" if touches else "notice",
            f"{name}: suspended, and no day is known on which it comes back",
            None,
            LOOK_AGAIN,
        )
    elif back < on:
        # Nobody has said that it is still suspended: a ban may well be back.
        yield alert(
            "look_again",
            _level_of_passed(measure, touches=touches),
            f"{name}: still listed as suspended, but only until {day_text(back)}",
            back,
            LOOK_AGAIN,
            afterwards="unless the suspension was prolonged, the "
            f"{measure.row['kind']} has applied again since {day_text(back)}",
        )
    elif (back - on).days <= within_days:
        left = days_text((back - on).days)
        yield alert(
            "returns",
            "alarm" if touches else "notice",
            f"{name}: the suspension ends on {day_text(back)}, {left}",
            back,
            afterwards=f"the {measure.row['kind']} returns on {day_text(back)} unless "
            f"the suspension is prolonged; {_until_text(measure)}",
        )


def _until_text(measure: Measure) -> str:
    if measure.ends is None:
        return "no day is known on which it ends"
    return f"it ends on {day_text(measure.ends)}"


def _actors(measure: Measure) -> tuple[str, ...]:
    """Return who imposes a rule; nobody for one without an actor, or for everyone."""
    place = measure.row["actor"] if measure.row["kind"] in TRADE else None
    if place in {None, EVERYBODY} or measure.exporters is None:
        return ()
    return tuple(sorted(measure.exporters))


def _level_of_passed(measure: Measure, *, touches: bool) -> str:
    if not touches:
        return "notice"
    return "alarm" if measure.row["kind"] == "ban" else "warning"


def _level_of_start(measure: Measure, *, touches: bool) -> str:
    if not touches:
        return "info"
    row = measure.row
    if row["kind"] == "ban":
        return "alarm"
    # A licence for the whole of the base flows asks for paper, it stops nothing.
    free = row["kind"] == "licence" and (row["cap_share"] or 1.0) >= 1
    return "notice" if free else "warning"


def _of_minerals(measure: Measure, most: int = 4) -> str:
    """Name the minerals that the measure's own name leaves out."""
    named = measure.name.replace("_", " ")
    missing = [m.replace("_", " ") for m in measure.minerals]
    if all(m in named for m in missing):
        return ""
    more = f" and {len(missing) - most} more" if len(missing) > most else ""
    return f" ({', '.join(missing[:most])}{more})"


def _factors(measure: Measure) -> tuple[str, ...]:
    row = measure.row
    place = row["actor"] if row["kind"] in TRADE else row["country"]
    aim = f" to {_anyone(row['target'])}" if row["target"] else ""
    first = f"{row['kind']}{f': {_anyone(place)}' if place else ''}{aim}"
    limits = [
        f"{label} {row[column]:g}"
        for column, label in (
            ("cap_share", "allowed share of the base flows"),
            ("cap_t_per_year", "allowed t a year"),
            ("factor", "what remains"),
            ("tariff_share", "tariff"),
            ("delay_days", "days a licence takes"),
        )
        if row[column] is not None
    ]
    return (first, *limits, *([str(row["note"])] if row.get("note") else []))


def _anyone(target: str) -> str:
    return "everyone" if target == EVERYBODY else target


def _evidence(row: dict[str, Any]) -> Evidence:
    return Evidence("measures", row["measure"], row["source_id"], row["evidence"])
