# SPDX-License-Identifier: Apache-2.0
"""Commands that make lots of other lots: blend, upgrade, rotate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from oreserve.reserve._appropriations import spend_postings
from oreserve.reserve._ceilings import count_upgrade, give_back_upgrade
from oreserve.reserve._commands import command, reverser
from oreserve.reserve._drawing import check_covered
from oreserve.reserve._ledger import CONVERSION, Mass, Money
from oreserve.reserve._lots import (
    add_lot,
    check_fresh,
    held_lot,
    take_cost,
    undo_new_lots,
)
from oreserve.reserve._qualifications import check_qualified
from oreserve.reserve._values import (
    Arguments,
    Cents,
    Country,
    Day,
    Grams,
    GramsOrNone,
    Share,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.reserve._book import Book

__all__: list[str] = []


class Part(Arguments):
    """A lot and how much of it is used."""

    lot: ThingId
    grams: Grams


class BlendLots(Arguments):
    """Lots of one item, owner and depot that become one lot."""

    parts: list[Part] = Field(min_length=2, max_length=500)
    loss_grams: GramsOrNone = Field(0, description="Mass lost in blending, g")


class UpgradeLots(Arguments):
    """Lots of one item that become a lot of another."""

    parts: list[Part] = Field(min_length=1, max_length=500)
    item: ThingId = Field(description="Item that comes out")
    grams: Grams = Field(description="Mass that comes out, g; the rest is loss")
    cost_cents: Cents = Field(0, description="What the work costs, US cents")
    form: Title | None = None
    purity: Share | None = None
    assay: Share | None = None
    certificate: Title | None = None
    certificate_expires_on: Day | None = None


class RotateLot(Arguments):
    """A whole lot that is replaced by the same mass of fresh material."""

    lot: ThingId
    producer: ThingId = Field(description="Who takes the old and gives the fresh")
    received_on: Day = Field(description="Day of the exchange, YYYY-MM-DD")
    fee_cents: Cents = Field(0, description="What the exchange costs, US cents")
    purity: Share | None = None
    assay: Share | None = None
    origin_country: Country | None = None
    certificate: Title | None = None
    certificate_expires_on: Day | None = None


@command("blend_lots", subject=("lot", None))
def blend_lots(book: Book, given: BlendLots) -> dict[str, object]:
    """Blend lots of one item into a new lot.

    The blend's purity and assay are the means by mass, unknown if one is unknown; it
    is as old as its oldest part; shelf life and certificate end with the first.
    """
    used = _use(book, given.parts)
    grams = sum(part.grams for part in given.parts) - given.loss_grams
    if grams <= 0:
        book.refuse("loss", "the whole mass would be lost: record a recount instead")
    weights = [part.grams for part in given.parts]
    lot = add_lot(
        book,
        item=used.item,
        depot=used.depot,
        owner=used.owner,
        grams=grams,
        received_on=min(row["received_on"] for row in used.rows),
        expires_on=_first(used.rows, "expires_on"),
        cost_cents=sum(used.costs),
        parents=used.parents,
        making=sum(weights),
        form=_common(used.rows, "form"),
        purity=_mean(used.rows, "purity", weights),
        assay=_mean(used.rows, "assay", weights),
        origin_country=_common(used.rows, "origin_country"),
        producer=_common(used.rows, "producer"),
        contract=_common(used.rows, "contract"),
        **_certificate(book, used.rows),
    )
    txn = book.post(
        "blend",
        mass=[
            *used.postings,
            Mass("loss", used.item, None, given.loss_grams),
            Mass(used.account, used.item, lot, grams),
        ],
    )
    if given.loss_grams:
        check_covered(book, used.item)
    return {"lot": lot, "txn": txn, "grams": grams}


@command("upgrade_lots", subject=("lot", None))
def upgrade_lots(book: Book, given: UpgradeLots) -> dict[str, object]:
    """Turn lots of one item into a lot of another, with loss and cost.

    Grams out and grams lost are exactly the grams in; the new lot carries the cost of
    its parts and of the work.
    """
    used = _use(book, given.parts)
    if given.item == used.item:
        book.refuse("same_item", f"{given.item} stays {given.item}: blend it instead")
    grams_in = sum(part.grams for part in given.parts)
    loss = grams_in - given.grams
    if loss < 0:
        book.refuse(
            "gain",
            f"{grams_in} g cannot become {given.grams} g of {given.item}",
            {"grams": grams_in},
        )
    count_upgrade(book, used.owner, used.item, grams_in, given.cost_cents)
    carried = sum(used.costs)
    lot = add_lot(
        book,
        item=given.item,
        depot=used.depot,
        owner=used.owner,
        grams=given.grams,
        received_on=book.today.isoformat(),
        cost_cents=carried + given.cost_cents,
        parents=used.parents,
        making=grams_in,
        form=given.form,
        purity=given.purity,
        assay=given.assay,
        origin_country=_common(used.rows, "origin_country"),
        certificate=given.certificate,
        certificate_expires_on=_ending(book, given, used.rows),
    )
    txn = book.post(
        "upgrade",
        mass=[
            *used.postings,
            Mass("loss", used.item, None, loss),
            Mass(CONVERSION, used.item, None, given.grams),
            Mass(CONVERSION, given.item, None, -given.grams),
            Mass(used.account, given.item, lot, given.grams),
        ],
        money=[
            Money(f"inventory:{used.item}", -carried),
            Money(f"inventory:{given.item}", carried + given.cost_cents),
            *spend_postings(book, given.cost_cents, what="the upgrade"),
        ],
    )
    check_covered(book, used.item)
    return {"lot": lot, "txn": txn, "grams": given.grams, "loss_grams": loss}


@command("rotate_lot", subject=("lot", "lot"))
def rotate_lot(book: Book, given: RotateLot) -> dict[str, object]:
    """Replace a lot by the same mass of fresh material; the book value stays.

    The producer is qualified for the item, the purity is the old one or better, and
    the certificate holds, as for a delivery.
    """
    row = held_lot(book, given.lot)
    book.need("producers", producer=given.producer)
    if book.rules > 1:
        _check_fresh(book, row, given)
    grams = row["grams"]
    cents = take_cost(book, row, grams)
    lot = add_lot(
        book,
        item=row["item"],
        depot=row["depot"],
        owner=row["owner"],
        grams=grams,
        received_on=given.received_on,
        cost_cents=cents,
        parents=[{"lot": given.lot, "grams": grams, "cost_cents": cents}],
        making=grams,
        form=row["form"],
        producer=given.producer,
        contract=row["contract"],
        **given.model_dump(
            include={
                "purity",
                "assay",
                "origin_country",
                "certificate",
                "certificate_expires_on",
            }
        ),
    )
    account, supplier = f"depot:{row['depot']}", f"supplier:{given.producer}"
    txn = book.post(
        "rotation",
        mass=[
            Mass(account, row["item"], given.lot, -grams),
            Mass(supplier, row["item"], None, grams),
            Mass(supplier, row["item"], None, -grams),
            Mass(account, row["item"], lot, grams),
        ],
        money=[
            Money("expense:rotation", given.fee_cents),
            *spend_postings(book, given.fee_cents, what=f"rotating {given.lot}"),
        ],
    )
    return {"lot": lot, "txn": txn}


def _check_fresh(book: Book, row: dict[str, Any], given: RotateLot) -> None:
    """Refuse material that a delivery could not bring or that is worse."""
    check_qualified(book, producer=given.producer, item=row["item"])
    check_fresh(book, row["item"], given.received_on, given.certificate_expires_on)
    least = row["purity"]
    if least is not None and (given.purity is None or given.purity < least):
        told = "no stated purity" if given.purity is None else f"{given.purity}"
        book.refuse(
            "quality",
            f"lot {given.lot} has purity {least}; what replaces it has {told}",
            {"purity": least},
        )


for _kind in ("blend", "rotation"):
    reverser(_kind)(undo_new_lots)


@reverser("upgrade")
def _undo_upgrade(book: Book, txn: dict[str, Any]) -> None:
    """Restore the lots, and what the plan lets upgrade."""
    undo_new_lots(book, txn)
    give_back_upgrade(book, txn)


class _Used:
    """Parts taken from lots: their rows, costs and postings."""

    def __init__(self, rows: list[dict[str, Any]], parts: Sequence[Part]) -> None:
        self.rows = rows
        self.item: str = rows[0]["item"]
        self.owner: str = rows[0]["owner"]
        self.depot: str = rows[0]["depot"]
        self.account = f"depot:{self.depot}"
        self.costs: list[int] = []
        self.postings = [
            Mass(self.account, self.item, part.lot, -part.grams) for part in parts
        ]

    @property
    def parents(self) -> list[dict[str, Any]]:
        """What a new lot remembers of its parts."""
        return [
            {"lot": row["lot"], "grams": -posting.grams, "cost_cents": cents}
            for row, posting, cents in zip(
                self.rows, self.postings, self.costs, strict=True
            )
        ]


def _use(book: Book, parts: Sequence[Part]) -> _Used:
    """Check that parts belong together and take their costs."""
    names = [part.lot for part in parts]
    if len(set(names)) != len(names):
        book.refuse("arguments", "a lot is named twice: give its grams once")
    used = _Used([held_lot(book, name) for name in names], parts)
    for column in ("item", "owner", "depot"):
        found = sorted({row[column] for row in used.rows})
        if len(found) > 1:
            message = f"the lots differ in {column} ({', '.join(found)})"
            book.refuse("mixed", f"{message}: only lots of one {column} go together")
    used.costs = [
        take_cost(book, row, part.grams)
        for row, part in zip(used.rows, parts, strict=True)
    ]
    return used


def _common(rows: Sequence[dict[str, Any]], column: str) -> Any:
    """Return a value that all rows share, or None."""
    found = {row[column] for row in rows}
    return found.pop() if len(found) == 1 else None


def _certificate(book: Book, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the certificate of a blend: it ends with the first of its parts."""
    if book.rules == 1:
        return {}
    return {
        "certificate": _common(rows, "certificate"),
        "certificate_expires_on": _first(rows, "certificate_expires_on"),
    }


def _ending(
    book: Book, given: UpgradeLots, rows: Sequence[dict[str, Any]]
) -> str | None:
    """Return when an upgrade's certificate ends: the parts' first without a new one."""
    stated = given.certificate is not None or given.certificate_expires_on is not None
    if stated or book.rules == 1:
        return given.certificate_expires_on
    return _first(rows, "certificate_expires_on")


def _first(rows: Sequence[dict[str, Any]], column: str) -> str | None:
    """Return the earliest day that is known, or None."""
    return min((row[column] for row in rows if row[column] is not None), default=None)


def _mean(
    rows: Sequence[dict[str, Any]], column: str, weights: Sequence[int]
) -> float | None:
    """Return the mean by mass, or None if a value is unknown."""
    if any(row[column] is None for row in rows):
        return None
    whole = sum(weights)
    return float(
        sum(row[column] * w for row, w in zip(rows, weights, strict=True)) / whole
    )
