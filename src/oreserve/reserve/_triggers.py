# SPDX-License-Identifier: Apache-2.0
"""Triggers agreed before a crisis, and security values loaded from a plan."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from oreserve.reserve._commands import command
from oreserve.reserve._drawing import Reserve  # noqa: TC001 - pydantic reads it
from oreserve.reserve._values import (
    Arguments,
    CentsPerTonne,
    Day,
    Note,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__ = ["OBSERVED_DAYS", "check_triggers"]

OBSERVED_DAYS: Final = 90
"""Days for which an observation of a trigger counts; older ones are not known."""


class SetTrigger(Arguments):
    """A condition of release that is agreed beforehand."""

    trigger: ThingId
    reserve: Reserve = Field(description="strategic or industrial")
    item: ThingId | None = Field(
        default=None, description="Item that it is about; every item if left out"
    )
    kind: Title = Field(description="What is watched, such as price or lost supply")
    threshold: float | None = Field(
        default=None, description="Value at which it is met, in the unit of its text"
    )
    description: Note = Field(min_length=1, description="When it is met, in words")


@command("set_trigger", subject=("trigger", "trigger"))
def set_trigger(book: Book, given: SetTrigger) -> dict[str, object]:
    """Write down a trigger, or alter it: what was observed before counts no more."""
    if given.item is not None:
        book.need("items", item=given.item)
    values = given.model_dump(exclude={"trigger"})
    values.update(is_met=False, observed_on=None, evidence=None)
    if book.find("triggers", trigger=given.trigger):
        book.change("triggers", {"trigger": given.trigger}, **values)
    else:
        book.insert("triggers", trigger=given.trigger, **values)
    return {"trigger": given.trigger}


class ObserveTrigger(Arguments):
    """Whether a trigger is met, as seen on a day."""

    trigger: ThingId
    is_met: bool = Field(description="Whether it is met")
    evidence: Note = Field(min_length=1, description="Figure and source")
    observed_on: Day | None = Field(
        default=None, description="Day of the observation; today if left out"
    )


@command("observe_trigger", subject=("trigger", "trigger"))
def observe_trigger(book: Book, given: ObserveTrigger) -> dict[str, object]:
    """Record whether a trigger is met, with its evidence."""
    book.need("triggers", trigger=given.trigger)
    today = book.today.isoformat()
    day = given.observed_on or today
    if day > today:
        message = f"trigger {given.trigger} cannot be observed on {day}: it is {today}"
        book.refuse("future", message, {"until": today})
    book.change(
        "triggers",
        {"trigger": given.trigger},
        is_met=given.is_met,
        observed_on=day,
        evidence=given.evidence,
    )
    return {"trigger": given.trigger, "is_met": given.is_met, "observed_on": day}


def check_triggers(
    book: Book, reserve: Reserve, item: str, *, binding: bool
) -> list[dict[str, Any]]:
    """Return the triggers of a reserve and item as they stand, or refuse.

    Parameters
    ----------
    book
        The unit of work.
    reserve, item
        Which triggers: those of the item and those of every item.
    binding
        Whether at least one must be met, where any is written down.

    Returns
    -------
    list of dict
        ``trigger``, ``state`` (met, not met, not known), ``observed_on``,
        ``evidence``: the record that a release keeps. An observation older than
        `OBSERVED_DAYS`, or none, is not known; it is neither met nor unmet.

    Raises
    ------
    Refused
        Rule ``triggers`` if none is met and one must be.
    """
    first = (book.today - timedelta(days=OBSERVED_DAYS)).isoformat()
    seen = []
    for row in book.rows("triggers", reserve=reserve):
        if row["item"] not in {None, item}:
            continue
        known = row["observed_on"] is not None and row["observed_on"] >= first
        state = "not known" if not known else "met" if row["is_met"] else "not met"
        kept = {name: row[name] for name in ("trigger", "observed_on", "evidence")}
        seen.append({**kept, "state": state})
    if binding and seen and not any(row["state"] == "met" for row in seen):
        told = ", ".join(f"{row['trigger']} is {row['state']}" for row in seen)
        message = (
            f"no trigger of the {reserve} reserve for {item} is met: {told}; observe"
            f" one with evidence (it counts for {OBSERVED_DAYS} days), or release on a"
            " ground with an authority of its own"
        )
        book.refuse("triggers", message, [row["trigger"] for row in seen])
    return seen


class SecurityValue(Arguments):
    """The security value of one item."""

    item: ThingId
    cents_per_t: CentsPerTonne = Field(
        description="What a tonne kept saves in expectation, US cents per t"
    )


class LoadSecurityValues(Arguments):
    """The table of a plan: security value by item."""

    source: Note = Field(min_length=1, description="Plan that the values are from")
    values: list[SecurityValue] = Field(
        min_length=1, max_length=10_000, description="One per item"
    )


@command("load_security_values", subject=("security_value", None))
def load_security_values(book: Book, given: LoadSecurityValues) -> dict[str, object]:
    """Load the security values of a plan in place of those of the last one."""
    named = [row.item for row in given.values]
    twice = sorted({item for item in named if named.count(item) > 1})
    if twice:
        message = f"{', '.join(twice)}: more than one security value is given"
        book.refuse("twice", message, twice)
    for row in given.values:
        book.need("items", item=row.item)
    # Values of an older plan must not linger beside those of the new one.
    for old in book.rows("security_values"):
        if old["item"] not in named:
            book.remove("security_values", item=old["item"])
    for row in sorted(given.values, key=lambda row: row.item):
        values = {"cents_per_t": row.cents_per_t, "source": given.source}
        if book.find("security_values", item=row.item):
            book.change("security_values", {"item": row.item}, **values)
        else:
            book.insert("security_values", item=row.item, **values)
    return {"values": len(named)}
