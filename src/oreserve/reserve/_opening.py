# SPDX-License-Identifier: Apache-2.0
"""The stock that a plan starts from is the stock that is really there.

A study says what strategic and industrial stocks home holds. `open_study` puts the
reserve's own figures in their place:

- **Stock**: held lots of strategic and industrial owners in home's depots, by item.
  Lots past their shelf life and lots in custody for others do not count.
- **Arriving**: what has been delivered and waits for inspection, and deliveries of
  funded orders that fall due from today to the first day of the horizon, are added to
  that stock.
- **Agreements**: every other outstanding delivery of a funded order, overdue ones
  too, becomes an agreement with the producer's country, from the day it is due (or
  the first day of the horizon) for one year, at the rung of a funded order. A plan
  treats it as what it is: tonnes that come if the seller's plants run and its state
  lets them go, and not at all where home's users have those tonnes already. It does
  not keep what a calm year leaves unused, so a plan is rather too careful than too
  hopeful about what was ordered.

Tonnes change hands only between things of one name and one mass basis: an item that
the study lacks, or counts on another basis, is refused with the nearest name.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from sqlalchemy import select

from oreserve.errors import InputError
from oreserve.reserve._database import connect
from oreserve.reserve._views import outstanding, source_of
from oreserve.tables import nearest, spec

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from oreserve.reserve._reserve import Reserve
    from oreserve.study import Study

__all__ = ["Opening", "open_study"]

GRAMS_PER_T: Final = 1_000_000
SOURCE: Final = "operated_reserve"
_KINDS: Final = ("strategic", "industrial")
# What a study says about how a stock is held stays where the stock itself changes.
_KEPT: Final = (
    "accessible_share",
    "loss_share_per_year",
    "max_release_t_per_year",
    "release_rule",
)


@dataclass(frozen=True)
class Opening:
    """A study that starts from a reserve.

    Parameters
    ----------
    study
        The study with the reserve's stocks and outstanding deliveries.
    reserve
        Name of the reserve.
    sequence, hash
        Its head: the newest audit entry that the figures include.
    stock_t, arriving_t, agreed_t
        Tonnes by item: in depots, due before the horizon, due later or overdue.
    left_out_t
        Tonnes by item in lots past their shelf life or in depots outside home.
    replaced_t
        Tonnes by item that the study had instead.
    """

    study: Study
    reserve: str
    sequence: int
    hash: str
    stock_t: dict[str, float] = field(default_factory=dict)
    arriving_t: dict[str, float] = field(default_factory=dict)
    agreed_t: dict[str, float] = field(default_factory=dict)
    left_out_t: dict[str, float] = field(default_factory=dict)
    replaced_t: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return what plan.json records."""
        return {
            "name": self.reserve,
            "sequence": self.sequence,
            "hash": self.hash,
            "stock_t": self.stock_t,
            "arriving_t": self.arriving_t,
            "agreed_t": self.agreed_t,
            "left_out_t": self.left_out_t,
            "replaced_t": self.replaced_t,
        }

    def summary(self) -> str:
        """Return what the plan starts from, and what of the study it replaced."""
        items = len(set(self.stock_t) | set(self.arriving_t))
        left = sum(self.left_out_t.values())
        lines = [
            f"Opening stock from {self.reserve}, entry {self.sequence} "
            f"({self.hash[:12]}): {sum(self.stock_t.values()):,.3f} t of {items} items "
            f"in stock, {sum(self.arriving_t.values()):,.3f} t arriving, "
            f"{sum(self.agreed_t.values()):,.3f} t in agreements"
            + (f"; {left:,.3f} t left out" if left else "")
        ]
        if self.replaced_t:
            lines.append(
                "It replaces the study's strategic and industrial stock at home: "
                + ", ".join(f"{n} {t:,.3f} t" for n, t in self.replaced_t.items())
            )
        if not self.stock_t and not self.arriving_t:
            lines.append(
                "Warning: the reserve holds nothing that counts and nothing arrives "
                "before the plan starts; the plan starts from no strategic or "
                "industrial stock at all"
            )
        return "\n".join(lines)


def open_study(study: Study, reserve: Reserve) -> Opening:
    """Return a study whose reserve stocks are those of a reserve.

    Parameters
    ----------
    study
        The study that a plan would run on.
    reserve
        The reserve; it is only read.

    Raises
    ------
    InputError
        If the reserve holds or awaits an item that the study does not know, or
        counts on another mass basis; all such items are named at once.
    """
    today = reserve.clock().date()
    with connect(reserve.engine) as connection:
        lots = _lots(connection)
        query = outstanding("due", "delivered")
        due = [
            dict(row)
            for row in connection.execute(query).mappings()
            if row["owner_kind"] in _KINDS
        ]
        items = {row["item"]: row for row in _all(connection, "items")}
        head = connection.execute(
            select(*(source_of("audit", "").c[n] for n in ("sequence", "hash")))
            .order_by(source_of("audit", "").c.sequence.desc())
            .limit(1)
        ).one()
        names = {row["name"]: row["value"] for row in _all(connection, "meta")}
    _check_items(study, items, {row["item"] for row in (*lots, *due)})
    start = study.period_starts(1)[0]
    held, left_out = _held(study, lots, today)
    in_time = [
        row
        for row in due
        if row["status"] == "delivered" or today <= _day(row["due_on"]) < start
    ]
    later = [row for row in due if row not in in_time]
    arriving = _arriving(study, in_time)
    stocks, replaced = _stocks(study, held, arriving)
    changed = study.with_tables(
        sources=_with_source(study, names.get("name", "reserve"), today),
        stocks=stocks,
        agreements=_agreements(study, later, start),
    )
    agreed: dict[str, int] = defaultdict(int)
    for row in later:
        agreed[row["item"]] += row["grams"]
    return Opening(
        study=changed,
        reserve=str(names.get("name", "reserve")),
        sequence=int(head[0]),
        hash=str(head[1]),
        stock_t=_tonnes(_by_item(held)),
        arriving_t=_tonnes(_by_item(arriving)),
        agreed_t=_tonnes(agreed),
        left_out_t=_tonnes(left_out),
        replaced_t=replaced,
    )


# --- Reading the reserve ----------------------------------------------------------


def _all(connection: Connection, view: str) -> list[dict[str, Any]]:
    source = source_of(view, "")
    return [dict(row) for row in connection.execute(select(source)).mappings()]


def _lots(connection: Connection) -> list[dict[str, Any]]:
    """Return held lots with the kind of their owner and the country of their depot."""
    lots, owners, depots = (source_of(n, "") for n in ("lots", "owners", "depots"))
    query = (
        select(
            lots.c.item,
            lots.c.grams,
            lots.c.expires_on,
            owners.c.kind,
            depots.c.country,
        )
        .select_from(lots)
        .join(owners, owners.c.owner == lots.c.owner)
        .join(depots, depots.c.depot == lots.c.depot)
        .where(lots.c.status == "held", owners.c.kind.in_(_KINDS))
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _check_items(
    study: Study, items: dict[str, dict[str, Any]], used: set[str]
) -> None:
    """Refuse items that the study does not know or counts on another basis."""
    known = dict(study.table("items").select("item", "basis").iter_rows())
    problems = []
    for item in sorted(used):
        if item not in known:
            guess = nearest(item, known)
            hint = f"; nearest: {guess}" if guess else ""
            problems.append(f"{item} is no item of study {study.name}{hint}")
            continue
        here, there = items[item]["basis"], known[item]
        if here is not None and there is not None and here != there:
            problems.append(
                f"{item} is counted as {here} in the reserve and as {there} in study "
                f"{study.name}"
            )
    if problems:
        message = "the reserve does not fit the study: " + "; ".join(problems)
        raise InputError(message)


# --- Putting it into the study ----------------------------------------------------

_Held = dict[tuple[str, str, str], int]  # item, kind, country -> grams


def _held(
    study: Study, lots: list[dict[str, Any]], today: date
) -> tuple[_Held, dict[str, int]]:
    """Sum what counts by item, kind and country, and what does not by item."""
    home = set(study.home_countries)
    held: _Held = defaultdict(int)
    left_out: dict[str, int] = defaultdict(int)
    for lot in lots:
        expired = lot["expires_on"] is not None and _day(lot["expires_on"]) <= today
        if expired or lot["country"] not in home:
            left_out[lot["item"]] += lot["grams"]
        else:
            held[lot["item"], lot["kind"], lot["country"]] += lot["grams"]
    return held, left_out


def _arriving(study: Study, due: list[dict[str, Any]]) -> _Held:
    """Sum what arrives before the horizon, in home's first country."""
    home = study.home_countries[0]
    arriving: _Held = defaultdict(int)
    for row in due:
        arriving[row["item"], row["owner_kind"], home] += row["grams"]
    return arriving


def _stocks(
    study: Study, held: _Held, arriving: _Held
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Return the table of stocks with the reserve's, and the tonnes replaced."""
    home = list(study.home_countries)
    table = study.tables.get("stocks", study.table("stocks"))
    kind = pl.col("kind").fill_null("strategic")
    ours = kind.is_in(list(_KINDS)) & pl.col("country").is_in(home)
    old = table.filter(ours)
    kept = _conditions(old)
    rows = []
    for key in sorted({*held, *arriving}):
        item, owner_kind, country = key
        grams = held.get(key, 0) + arriving.get(key, 0)
        rows.append(
            {
                "stock": f"reserve_{owner_kind}_{item}_{country}",
                "item": item,
                "country": country,
                "kind": owner_kind,
                "owner": "the operated reserve",
                "quantity_t": grams / GRAMS_PER_T,
                "source_id": SOURCE,
                "evidence": "read",
                "note": f"{arriving.get(key, 0) / GRAMS_PER_T:g} t of it arriving",
                **kept.get((item, owner_kind), {}),
            }
        )
    replaced: dict[str, float] = defaultdict(float)
    for item, tonnes in old.select("item", "quantity_t").iter_rows():
        replaced[item] += tonnes
    found = _joined("stocks", table.filter(~ours), rows)
    return found, dict(sorted(replaced.items()))


def _conditions(old: pl.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return how the study holds its stock of an item, where it says so once."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in old.iter_rows(named=True):
        key = (row["item"], row["kind"] or "strategic")
        found[key].append({name: row.get(name) for name in _KEPT})
    return {key: rows[0] for key, rows in found.items() if len(rows) == 1}


def _agreements(study: Study, due: list[dict[str, Any]], start: date) -> pl.DataFrame:
    """Return the table of agreements with one row per contract and day due."""
    grams: dict[tuple[str, date], int] = defaultdict(int)
    about: dict[tuple[str, date], dict[str, Any]] = {}
    for row in due:
        key = (row["contract"], max(_day(row["due_on"]), start))
        grams[key] += row["grams"]
        about[key] = row
    rows = [
        {
            "agreement": f"reserve_{contract}_{day}",
            "seller_country": about[contract, day]["country"],
            "buyer": study.settings.home,
            "item": about[contract, day]["item"],
            "quantity_t_per_year": grams[contract, day] / GRAMS_PER_T,
            "from": day,
            "until": _year_later(day),
            "rung": "funded_order",
            "source_id": SOURCE,
            "evidence": "read",
            "note": f"outstanding under contract {contract}",
        }
        for contract, day in sorted(grams)
    ]
    table = study.tables.get("agreements", study.table("agreements"))
    return _joined("agreements", table, rows)


def _with_source(study: Study, name: str, today: date) -> pl.DataFrame:
    row = {
        "source_id": SOURCE,
        "title": f"Ledger of {name}",
        "publisher": "the operated reserve",
        "date": today,
    }
    table = study.tables["sources"]
    return _joined("sources", table.filter(pl.col("source_id") != SOURCE), [row])


def _joined(table: str, kept: pl.DataFrame, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return the kept rows of a study's table and new ones, columns as they were."""
    new = pl.DataFrame(rows, schema_overrides=_types(table, kept))
    return pl.concat([kept, new], how="diagonal") if rows else kept


def _types(table: str, kept: pl.DataFrame) -> dict[str, Any]:
    names = spec(table).names
    return {n: kind for n, kind in kept.schema.items() if n in names}


def _by_item(held: _Held) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for (item, _, _), grams in held.items():
        found[item] += grams
    return found


def _tonnes(grams: dict[str, int]) -> dict[str, float]:
    return {item: grams[item] / GRAMS_PER_T for item in sorted(grams) if grams[item]}


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _year_later(day: date) -> date:
    """Return the same day a year later; 1 March after a 29 February."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 3, 1)
