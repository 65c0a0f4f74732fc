# SPDX-License-Identifier: Apache-2.0
"""Fit trade by HS code to the lanes of a study."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oreserve.importers._commodities import basis_token
from oreserve.importers._files import refuse
from oreserve.importers._fit import country_rows, other_year, table_frame
from oreserve.importers._lanes import superseded
from oreserve.importers._model import MINERAL_TRADE, OTHER_TRADE
from oreserve.tables import nearest

if TYPE_CHECKING:
    import polars as pl

    from oreserve.importers._gather import Gathered
    from oreserve.importers._model import Options
    from oreserve.importers._sources import Source
    from oreserve.study import Study

__all__ = ["Flow", "codes_of", "lane_tables", "leave_code_out"]

# Codes that hold several metals at once, by HS edition 1992 to 2022.
BASKETS = {
    "811291": "gallium, hafnium, indium, niobium, rhenium and vanadium, unwrought",
    "811292": "gallium, hafnium, indium, niobium, rhenium and vanadium, unwrought",
    "811299": "gallium, hafnium, indium, niobium, rhenium and vanadium, wrought",
}
# Chapters of the Harmonized System with minerals, their compounds and metals.
MINERAL_CHAPTERS = {"25", "26", "28", *(str(n) for n in range(71, 82))}
# Weight of these is the item itself; any other basis needs a content share.
OWN_WEIGHT = {"gross", "metal"}
PLAUSIBLE = (0.02, 50.0)  # unit value over the study's price


@dataclass
class Flow:
    """Trade of one code between two countries in one year."""

    hs6: str
    exporter: str
    importer: str
    t: float | None
    usd: float | None
    flag: str = "reported"
    file: str = ""
    rows: int = 1
    notes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Use:
    item: str
    share: float
    share_source: str


def codes_of(options: Options) -> dict[str, list[str]]:
    """Return the items of each HS code that the study or the map names."""
    found: dict[str, list[str]] = defaultdict(list)
    if options.study is not None:
        for row in options.study.table("items").iter_rows(named=True):
            for code in filter(None, (row["hs_codes"] or "").split(";")):
                found[code.strip()].append(row["item"])
    for code, item in (options.mapping.get("hs_codes") or {}).items():
        found[str(code).zfill(6)] = [_known_item(str(code), str(item), options)]
    for code in options.mapping.get("content_shares") or {}:
        if options.study is not None and str(code).zfill(6) not in found:
            refuse(
                f"a content share of {code}, a code that no item names", file="--map",
                row=1, column="content_shares",
                allowed=", ".join(sorted(found)[:8]) + " ...; or name it in hs_codes",
                close=nearest(str(code), found),
            )  # fmt: skip
    return dict(sorted(found.items()))


def _known_item(code: str, item: str, options: Options) -> str:
    if options.study is None:
        return item
    items = options.study.table("items")["item"].to_list()
    if item not in items:
        refuse(
            f"{code} is given to {item!r}, which is no item of the study", file="--map",
            row=1, column="hs_codes", allowed="items of the study",
            close=nearest(item.lower(), items),
        )  # fmt: skip
    return item


def leave_code_out(
    gathered: Gathered,
    code: str,
    codes: dict[str, list[str]],
    *,
    file: str,
    tonnes: float | None,
    rows: int,
) -> None:
    """List a code that no item names, with the items of its heading as the nearest.

    Trade that is near to no item is `other trade`: most of what the world ships.
    """
    close = sorted(
        {i for c, items in codes.items() if c[:4] == code[:4] for i in items}
    )
    if close:
        what, reason = "hs code", f"no item names it; heading {code[:4]} of the nearest"
    elif code[:2] in MINERAL_CHAPTERS:
        what, reason = OTHER_TRADE, f"{MINERAL_TRADE} {code[:2]}, near to no item"
    else:
        what, reason = OTHER_TRADE, "not about minerals"
    gathered.leave_out(
        what, code, reason, file=file, column="k", tonnes=tonnes, rows=rows,
        close=", ".join(close[:3]) or None,
    )  # fmt: skip


def lane_tables(
    flows: list[Flow], options: Options, gathered: Gathered, source: Source
) -> dict[str, pl.DataFrame]:
    """Return `lanes` (and new `countries`); what does not fit is listed with tonnes.

    Gross weight enters an item on a contained basis only by a content share that
    the map gives (``content_shares: {"260500": 0.08}``). An item is written when the
    file has all its codes; its lanes that the file no longer lists become 0.
    """
    study = options.study
    if study is None:
        for flow in flows:
            _out(gathered, flow, "no study to fit it to")
        return {}
    codes = codes_of(options)
    uses = {code: _use(code, items, options, study) for code, items in codes.items()}
    _check_units([f for f in flows if isinstance(uses.get(f.hs6), _Use)], uses, study)
    cells: dict[tuple[str, str, str], list[tuple[Flow, _Use]]] = defaultdict(list)
    for flow in flows:
        use = uses.get(flow.hs6, BASKETS.get(flow.hs6))
        if use is None:
            leave_code_out(
                gathered, flow.hs6, codes, file=flow.file, tonnes=flow.t,
                rows=flow.rows,
            )  # fmt: skip
        elif isinstance(use, str):
            _out(gathered, flow, use)
        elif flow.t is None:
            _out(gathered, flow, "the quantity is missing: value only")
        elif flow.t > 0:
            cells[use.item, flow.exporter, flow.importer].append((flow, use))
    if cells and other_year(options, "lanes", gathered):
        for (item, *_), parts in sorted(cells.items()):
            for flow, _ in parts:
                _out(gathered, flow, f"{item}: not the base year of the study")
        return {}
    _hold_partial(cells, options, gathered, study)
    rows = [_lane(key, parts, gathered) for key, parts in sorted(cells.items())]
    if not rows:
        return {}
    rows += superseded(rows, flows, study, gathered, source)
    tables = {"lanes": table_frame("lanes", rows)}
    places = {str(r[c]) for r in rows for c in ("exporter", "importer")}
    new = country_rows(places, study, gathered.source_id)
    if new:
        tables["countries"] = table_frame("countries", new)
    return tables


def _hold_partial(
    cells: dict[tuple[str, str, str], list[tuple[Flow, _Use]]],
    options: Options,
    gathered: Gathered,
    study: Study,
) -> None:
    """Take out items of which the file has only some of the codes."""
    stated = dict(study.table("items").select("item", "hs_codes").iter_rows())
    named = options.mapping.get("hs_codes") or {}
    have: dict[str, set[str]] = defaultdict(set)
    for (item, *_), parts in cells.items():
        have[item] |= {flow.hs6 for flow, _ in parts}
    for item in sorted(have):
        wanted = {c.strip() for c in (stated.get(item) or "").split(";") if c.strip()}
        wanted |= {str(c).zfill(6) for c, i in named.items() if str(i) == item}
        lacking = ", ".join(sorted(wanted - have[item]))
        if not lacking:
            continue
        for key in [k for k in cells if k[0] == item]:
            for flow, _ in cells[key] if not options.partial else ():
                _out(
                    gathered, flow,
                    f"a part of {item} only: {lacking} is not usable here, so its "
                    "lanes were kept; --partial writes the part",
                )  # fmt: skip
            for flow, _ in cells[key] if options.partial else ():
                flow.notes.add(f"a part of {item}: without HS {lacking}")
            if not options.partial:
                del cells[key]


def _out(gathered: Gathered, flow: Flow, reason: str) -> None:
    gathered.leave_out(
        "hs code",
        flow.hs6,
        reason,
        file=flow.file,
        column="k",
        tonnes=flow.t,
        rows=flow.rows,
    )


def _use(code: str, items: list[str], options: Options, study: Study) -> _Use | str:
    """Return the item and the share of gross weight that counts, or why not."""
    if code in BASKETS and code not in (options.mapping.get("hs_codes") or {}):
        return f"basket code: {BASKETS[code]}"
    if len(items) > 1:
        return "one code, several items: " + ", ".join(items)
    item = items[0]
    basis = dict(study.table("items").select("item", "basis").iter_rows()).get(item)
    shares = options.mapping.get("content_shares") or {}
    share = {str(k).zfill(6): v for k, v in shares.items()}.get(code)
    if share is not None:
        if not isinstance(share, int | float) or not 0 < share <= 1:
            refuse(
                f"content share of {code} is {share!r}",
                file="--map",
                column="content_shares",
                allowed="above 0, at most 1",
            )
        return _Use(item, float(share), "content share of the map")
    if basis_token(basis or "") in OWN_WEIGHT:
        return _Use(item, 1.0, "")
    return (
        f"gross weight against {basis or 'an unstated basis'} of {item}: give "
        f"content_shares in the map"
    )


def _lane(
    key: tuple[str, str, str], parts: list[tuple[Flow, _Use]], gathered: Gathered
) -> dict[str, Any]:
    item, exporter, importer = key
    codes = ", ".join(sorted({f.hs6 for f, _ in parts}))
    note = f"gross weight of HS {codes}; vintage {gathered.vintage}"
    if any(u.share_source for _, u in parts):
        note = f"HS {codes} times content share; vintage {gathered.vintage}"
    extra = sorted({n for f, _ in parts for n in f.notes})
    computed = any(u.share_source for _, u in parts) or len(parts) > 1
    return {
        "item": item,
        "exporter": exporter,
        "importer": importer,
        "base_t_per_year": sum((f.t or 0.0) * u.share for f, u in parts),
        "kind": "observed",
        "source_id": gathered.source_id,
        "evidence": "estimated" if extra else "computed" if computed else "read",
        "note": "; ".join([note, *extra]),
    }


def _check_units(flows: list[Flow], uses: dict[str, _Use | str], study: Study) -> None:
    """Refuse trade whose value per tonne is far from every price of the study."""
    import polars as pl

    prices = dict(
        study.table("prices")
        .group_by("item")
        .agg(pl.col("usd_per_t").median())
        .iter_rows()
    )
    money: dict[str, float] = defaultdict(float)
    mass: dict[str, float] = defaultdict(float)
    for flow in flows:
        use = uses[flow.hs6]
        if isinstance(use, _Use) and flow.t and flow.usd and prices.get(use.item):
            money[use.item] += flow.usd
            mass[use.item] += flow.t * use.share
    ratios = [money[i] / mass[i] / prices[i] for i in sorted(money) if mass[i] > 0]
    if not ratios:
        return
    middle = statistics.median(ratios)
    if PLAUSIBLE[0] <= middle <= PLAUSIBLE[1]:
        return
    refuse(
        f"value per tonne is {middle:.3g} times the prices of the study (median of "
        f"{len(ratios)} items): value and quantity swapped, or another unit",
        file=flows[0].file,
        row=1,
        column="quantity and value",
        allowed="the publisher's columns in the publisher's units",
    )
