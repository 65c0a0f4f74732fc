# SPDX-License-Identifier: Apache-2.0
"""Producers, and whether what they make of an item passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from oreserve.reserve._commands import command
from oreserve.reserve._values import Arguments, Country, Day, Note, ThingId, Title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._book import Book

__all__ = ["AddProducer", "QualifyProducer", "check_qualified"]


class AddProducer(Arguments):
    """A firm that delivers or is supported."""

    producer: ThingId = Field(description="Short name, once")
    name: Title = Field(description="Full name")
    country: Country
    note: Note | None = Field(default=None, description="Anything to remember")


class QualifyProducer(Arguments):
    """What an examination of a producer's material found."""

    producer: ThingId = Field(description="Producer")
    item: ThingId = Field(description="Item that it would deliver")
    status: Literal["qualified", "envelope", "plausible", "infeasible", "pending"] = (
        Field(description="Finding; only `qualified` may be ordered and accepted")
    )
    until_on: Day | None = Field(
        default=None, description="Last day of the finding, YYYY-MM-DD; none: no end"
    )


@command("add_producer", subject=("producer", "producer"))
def add_producer(book: Book, given: AddProducer) -> dict[str, object]:
    """Enter a producer; nothing may be ordered before it is qualified."""
    book.insert("producers", **given.model_dump())
    return {"producer": given.producer}


@command("qualify_producer", subject=("qualification", ("producer", "item")))
def qualify_producer(book: Book, given: QualifyProducer) -> dict[str, object]:
    """Enter or renew the finding on what a producer makes of an item."""
    book.need("producers", producer=given.producer)
    book.need("items", item=given.item)
    key = {"producer": given.producer, "item": given.item}
    values = {"status": given.status, "until_on": given.until_on}
    before = book.find("qualifications", **key)
    if before is None:
        book.insert("qualifications", **key, **values)
    else:
        book.change("qualifications", key, **values)
    return {**key, "status": given.status, "was": before and before["status"]}


def check_qualified(book: Book, *, producer: str, item: str) -> None:
    """Refuse a producer whose material is not qualified for the item today."""
    today = book.today.isoformat()
    row = book.find("qualifications", producer=producer, item=item)
    if row is not None and _is_qualified(row, today):
        return
    if row is None:
        found = "it was never examined"
    elif row["status"] != "qualified":
        found = f"it is {row['status']}"
    else:
        found = f"its qualification ended on {row['until_on']}"
    others = [
        one["producer"]
        for one in book.rows("qualifications", item=item)
        if _is_qualified(one, today)
    ]
    named = ", ".join(others) or "no producer at present"
    book.refuse(
        "qualification",
        f"producer {producer!r} is not qualified for {item!r} on {today}: {found}; "
        f"qualified: {named}",
        allowed=others,
    )


def _is_qualified(row: Mapping[str, Any], today: str) -> bool:
    return row["status"] == "qualified" and today <= (row["until_on"] or "9999")
