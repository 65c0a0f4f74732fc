# SPDX-License-Identifier: Apache-2.0
"""Fit published output to plants: by kind of production, the world counted once."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oreserve.importers._commodities import item_of
from oreserve.importers._editions import Editions
from oreserve.importers._model import OLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.importers._gather import Fact, Gathered
    from oreserve.importers._model import Options
    from oreserve.importers._sources import Source
    from oreserve.study import Study

__all__ = ["as_published", "plant_rows"]

ROW = "ROW"
DIGITS = 3  # world totals are rounded to three figures
SAME = 1e-4  # tables of a study keep seven figures
_SECONDARY = re.compile(r"(?i)secondary|recycl|scrap|reclaim")
_PRIMARY = re.compile(r"(?i)primary|\bmine|mining|smelter")


@dataclass
class _Book:
    """What the study has, and what the file says, of one item."""

    item: str
    plants: dict[str, list[dict[str, Any]]]
    processes: list[str]
    series: dict[tuple[str, str], dict[str, list[Fact]]]
    world: dict[tuple[str, str], Fact]
    withheld: set[str] = field(default_factory=set)


def _recycles(process: object) -> bool:
    return "recycl" in str(process)


def _kind(fact: Fact) -> str:
    """Return primary, secondary or, where the file does not say, an empty text."""
    if _SECONDARY.search(fact.detail):
        return "secondary"
    mined = fact.good is not None and fact.good.stage in {"mine", "concentrate"}
    return "primary" if mined or _PRIMARY.search(fact.detail) else ""


def plant_rows(
    facts: list[Fact],
    options: Options,
    year: int,
    gathered: Gathered,
    source: Source,
) -> tuple[list[dict[str, Any]], set[int]]:
    """Return rows of `plants` for the output of one year, and the facts they use.

    Output of a kind (primary, secondary) goes to plants of that kind only. Where
    countries are added, the rest of the world is what remains, so that the world is
    counted once.
    """
    study = options.study
    assert study is not None
    books, capacities = _books(facts, study, year, gathered)
    editions = Editions(study, source)
    rows: list[dict[str, Any]] = []
    used: set[int] = set()
    for _, book in sorted(books.items()):
        newer = _newer(book, editions)
        if newer and not options.allow_older:
            _keep_older(book, newer, gathered)
            continue
        if book.series:
            _fit_item(book, capacities, editions, gathered, rows, used)
    return rows, used


def _books(
    facts: list[Fact], study: Study, year: int, gathered: Gathered
) -> tuple[dict[str, _Book], dict[tuple[str, str], float]]:
    standing, processes = _standing(study), _processes(study)
    books: dict[str, _Book] = {}
    capacities: dict[tuple[str, str], float] = {}
    for fact in facts:
        if fact.date != str(year) or fact.good is None or fact.unit != "t":
            continue
        total = fact.where.kind == "world"
        if not (fact.where.fits_study or total):
            continue
        if fact.statistic not in {"production", "capacity"}:
            continue
        match = item_of(study, fact.good)
        if match.item is None:
            if fact.statistic == "production" and fact.figure.value and not total:
                not_fitted(gathered, fact, match.reason, match.nearest)
            continue
        item, value = match.item, fact.figure.value
        if fact.statistic == "capacity":
            if not total and value is not None:
                capacities[item, fact.where.code or ""] = value
            continue
        book = books.setdefault(
            item,
            _Book(item, standing.get(item, {}), processes.get(item, []), {}, {}),
        )
        key = (fact.commodity, fact.detail.lower())
        if value is None:
            # Withheld or not available: in neither the total nor the rest.
            book.withheld.add(fact.where.code or "")
        elif total:
            book.world[key] = fact
        else:
            countries = book.series.setdefault(key, {})
            countries.setdefault(fact.where.code or "", []).append(fact)
    return books, capacities


def _newer(book: _Book, editions: Editions) -> str | None:
    """Return a newer edition that any plant of the item stands on."""
    found = {
        title
        for plants in book.plants.values()
        for plant in plants
        if (title := editions.newer(plant["source_id"]))
    }
    return min(found, default=None)


def _keep_older(book: _Book, newer: str, gathered: Gathered) -> None:
    reason = (
        f"older edition, kept what stands: the study has {book.item} from {newer}; "
        "--allow-older turns it back"
    )
    for countries in book.series.values():
        for group in countries.values():
            for fact in group:
                not_fitted(gathered, fact, reason, book.item, what=OLDER)


def _fit_item(
    book: _Book,
    capacities: Mapping[tuple[str, str], float],
    editions: Editions,
    gathered: Gathered,
    rows: list[dict[str, Any]],
    used: set[int],
) -> None:
    cells: dict[str, list[Fact]] = defaultdict(list)
    for countries in book.series.values():
        for code, group in countries.items():
            cells[code] += group
    added: list[tuple[Mapping[str, Any], Fact]] = []
    blocked = 0.0
    for country, group in sorted(cells.items()):
        if country == ROW and len(book.series) == 1:
            continue
        fact = group[0]
        there, reason = _place(book, country, group)
        if reason:
            for one in group:
                not_fitted(gathered, one, reason, _first(book, country))
            if country not in book.plants:
                blocked += math.fsum(f.figure.value or 0.0 for f in group)
        elif there is not None and "plant" in there:
            rows.append(_plant(there, fact, capacities.get((book.item, country))))
            used.add(id(fact))
        elif there is not None and fact.figure.value:
            added.append((there, fact))  # a country that makes none needs no plant
    if len(book.series) != 1:
        for _, fact in added:
            not_fitted(
                gathered, fact, f"several series for {book.item}: which one the rest "
                "of the world belongs to is not published", book.item,
            )  # fmt: skip
        return
    _rest_of_world(
        book, cells, added, blocked, capacities, editions, gathered, rows, used
    )


def _first(book: _Book, country: str) -> str | None:
    plants = book.plants.get(country, [])
    if plants:
        return str(plants[0]["plant"])
    return book.processes[0] if book.processes else None


def _place(
    book: _Book, country: str, group: list[Fact]
) -> tuple[Mapping[str, Any] | None, str]:
    """Return the plant that a figure belongs to, or a new one, or why there is none."""
    item, kind = book.item, _kind(group[0])
    if len(group) > 1:
        return None, f"several series for {item}: never added up"
    every = book.plants.get(country, [])
    secondary = [p for p in every if _recycles(p["process"])]
    primary = [p for p in every if not _recycles(p["process"])]
    there = secondary if kind == "secondary" else primary
    names = ", ".join(sorted(str(p["plant"]) for p in every)[:3])
    if every and not there:
        told = f"the file states {kind} production" if kind else "its kind is not said"
        return None, (
            f"{told} and the study has only {names} in {country}: primary and "
            "secondary production are different processes, left alone"
        )
    if not kind and secondary and primary:
        return None, (
            f"whether it is primary or secondary is not said, and the study has both "
            f"in {country} ({names}): left alone"
        )
    if len(there) > 1 or (there and not there[0]["aggregate"]):
        return None, f"the study splits {item} in {country} over plants ({names})"
    if there:
        return there[0], ""
    makers = [
        p for p in book.processes if not kind or _recycles(p) == (kind == "secondary")
    ]
    if len(makers) != 1:
        return None, f"{len(makers)} processes make {item}: which one is not published"
    return {"process": makers[0], "country": country}, ""


def _rest_of_world(
    book: _Book,
    cells: Mapping[str, list[Fact]],
    added: list[tuple[Mapping[str, Any], Fact]],
    blocked: float,
    capacities: Mapping[tuple[str, str], float],
    editions: Editions,
    gathered: Gathered,
    rows: list[dict[str, Any]],
    used: set[int],
) -> None:
    """Add new countries and leave the rest of the world with what remains."""
    printed = cells.get(ROW, [None])[0]
    sample = next(iter(cells.values()))[0]
    stands = [
        p
        for p in book.plants.get(ROW, [])
        if _recycles(p["process"]) == (_kind(sample) == "secondary")
    ]
    reason = _left_alone(book, stands, sample, printed, editions)
    if reason:
        for one in [f for _, f in added] + ([printed] if printed else []):
            not_fitted(gathered, one, reason, _first(book, ROW))
        return
    old = stands[0] if stands else None
    before = float((old or {}).get("base_activity_t_per_year") or 0.0)
    ceiling = float((old or {}).get("capacity_t_per_year") or 0.0)
    left, why = _remainder(book, cells, added, blocked, before)
    ratio = ceiling / before if before > 0 else 1.0
    for base, fact in added:
        output = fact.figure.value or 0.0
        published = capacities.get((book.item, str(base["country"])))
        row = _plant(base, fact, published)
        if published is None and old is not None:
            row["capacity_t_per_year"] = output * ratio
            row["supply_elasticity"] = old.get("supply_elasticity")
            row["note"] = f"{as_published(fact)}; capacity as the rest of the world has"
        rows.append(row)
        used.add(id(fact))
    if old is None:
        if printed is not None and left > 0:
            there, reason = _place(book, ROW, [printed])
            if there is None:
                not_fitted(gathered, printed, reason, _first(book, ROW))
            else:
                rows.append({**_plant(there, printed, None), **_amounts(left, left)})
                used.add(id(printed))
        return
    if abs(left - before) <= SAME * max(before, 1.0):  # as the study has it
        if printed is not None and old["source_id"] == printed.source_id:
            used.add(id(printed))  # the same file once more
        return
    basis = printed or next(iter(book.world.values()), None) or sample
    capacity = left * ratio if before > 0 else max(ceiling, left)
    note = f"{why}; capacity scaled with output (before: {before:,.7g} t)"
    rows.append({
        **_plant(old, basis, None), **_amounts(left, capacity),
        **_idle(old, capacity, left),
        "evidence": "computed", "note": f"{note}; vintage {basis.vintage}",
    })  # fmt: skip
    if printed is not None:
        used.add(id(printed))


def _left_alone(
    book: _Book,
    stands: list[dict[str, Any]],
    sample: Fact,
    printed: Fact | None,
    editions: Editions,
) -> str:
    """Say why the rest of the world, and so the list of countries, stays as it is."""
    item = book.item
    if len(stands) > 1 or (stands and not stands[0]["aggregate"]):
        return f"the study splits {item} of the rest of the world over plants"
    every = [p for plants in book.plants.values() for p in plants]
    if not _kind(sample) and any(_recycles(p["process"]) for p in every):
        return (
            f"whether it is primary or secondary is not said, and the study counts "
            f"{item} apart: no country is added, the rest of the world is left alone"
        )
    if stands and printed is None:
        source = stands[0]["source_id"]
        if not editions.same_publisher(source):
            return (
                f"the rest of the world stands on {source}, and the file prints none: "
                "it may hold this country already, nothing is added"
            )
    return ""


def _amounts(output: float, capacity: float) -> dict[str, float]:
    return {"base_activity_t_per_year": output, "capacity_t_per_year": capacity}


def _remainder(
    book: _Book,
    cells: Mapping[str, list[Fact]],
    added: list[tuple[Mapping[str, Any], Fact]],
    blocked: float,
    before: float,
) -> tuple[float, str]:
    """Return the output of the rest of the world, t a year, and how it came about."""
    named = {c: g[0].figure.value or 0.0 for c, g in cells.items() if c != ROW}
    other = math.fsum(
        float(p["base_activity_t_per_year"] or 0.0)
        for country, plants in book.plants.items()
        if country != ROW and country not in {*named, *book.withheld}
        for p in plants
        if not _recycles(p["process"])
    )
    if ROW in cells:
        printed = cells[ROW][0].figure.value or 0.0
        less = f", less {other:,.7g} t of countries named by the study" if other else ""
        return max(0.0, printed + blocked - other), f"printed {printed:,.7g} t{less}"
    total = next(iter(book.world.values())).figure.value if book.world else None
    if total:
        rest = total - math.fsum(named.values()) - other
        step = 10.0 ** (math.floor(math.log10(total)) - DIGITS + 1)
        rest = rest if rest > step else 0.0
        return rest + blocked, f"world total of {total:,.7g} t less named countries"
    new = math.fsum(f.figure.value or 0.0 for _, f in added)
    return max(0.0, before - new), "no world total in the file: less what was added"


def not_fitted(
    gathered: Gathered,
    fact: Fact,
    reason: str,
    close: str | None,
    *,
    what: str = "item",
) -> None:
    """List a figure that stays an observation."""
    gathered.leave_out(
        what,
        f"{fact.commodity}: {fact.detail}".rstrip(": "),
        f"kept as observation; {reason}",
        file=fact.file,
        row=fact.row,
        column=fact.column,
        close=close,
        tonnes=fact.figure.value,
    )


def _standing(study: Study) -> dict[str, dict[str, list[dict[str, Any]]]]:
    frame = study.table("plants").join(
        study.table("processes").select("process", "main_item"), on="process"
    )
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for row in frame.iter_rows(named=True):
        item = row.pop("main_item")
        found[item].setdefault(row["country"], []).append(row)
    return found


def _processes(study: Study) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in study.table("processes").iter_rows(named=True):
        found[row["main_item"]].append(row["process"])
    return {item: sorted(names) for item, names in found.items()}


def _plant(
    base: Mapping[str, Any], fact: Fact, capacity: float | None
) -> dict[str, Any]:
    output = fact.figure.value or 0.0
    before = base.get("capacity_t_per_year") or 0.0
    if capacity is not None and capacity >= output:
        note = "capacity as published"
    elif before > output:
        capacity, note = before, "capacity as the study had it"
    else:
        capacity, note = output, "capacity not published: at least the output"
    told, stands = as_published(fact), str(base.get("note") or "")
    if base.get("source_id") == fact.source_id and stands.startswith(f"{told}; "):
        note = stands.removeprefix(f"{told}; ")  # the same file once more
    return {
        **base,
        **_idle(base, float(capacity), output),
        "plant": base.get("plant") or f"{base['process']}_{base['country']}",
        "aggregate": True,
        "basis": "output",
        "base_activity_t_per_year": output,
        "capacity_t_per_year": capacity,
        "source_id": fact.source_id,
        "evidence": "estimated" if fact.estimated else "read",
        "note": f"{told}; {note}",
    }


def _idle(base: Mapping[str, Any], capacity: float, output: float) -> dict[str, float]:
    """Return idle capacity, scaled with the capacity, beside what is now made.

    It is a part of the capacity, and what runs is not idle. A capacity that grows
    leaves it as it is.
    """
    idle, before = base.get("idle_t_per_year"), base.get("capacity_t_per_year")
    if not idle or not before:
        return {}
    scaled = float(idle) * min(1.0, capacity / float(before))
    return {"idle_t_per_year": max(0.0, min(scaled, capacity - output))}


def as_published(fact: Fact) -> str:
    """Return a figure as printed, with unit, flag, bounds and edition."""
    text = f"published {fact.published!r} {fact.published_unit}".strip()
    parts = [text]
    if fact.figure.flag != "reported":
        parts.append(fact.figure.flag)
    if fact.figure.value is None and (fact.figure.low or fact.figure.high):
        parts.append(f"low {fact.figure.low}, high {fact.figure.high} {fact.unit}")
    if fact.estimated:
        parts.append("estimated")
    return "; ".join([*parts, f"vintage {fact.vintage}"])
