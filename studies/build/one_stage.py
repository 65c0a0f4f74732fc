# SPDX-License-Identifier: Apache-2.0
"""Minerals of one stage: what is mined (or refined) is what is used.

Refining by country is published for none of them, so a country that only refines
appears as a hub: it imports, uses and sells on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.chain import REFINER, SMALL_PLANT, ChainRows
from studies.build.flows import Flows, baci_flows, baci_value_flows
from studies.build.mcs import (
    Figure,
    capacity,
    figures,
    import_shares,
    output_of_2023,
    production,
)
from studies.build.prices import add_mcs_price, add_pink_price
from studies.build.shares import shares

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

from studies.build.one_stage_minerals import MINERALS, OneStage


def add(tables: Tables, raw: Raw) -> None:
    """Add every mineral of one stage."""
    for spec in MINERALS:
        _add(tables, raw, spec)


def _supply(raw: Raw, spec: OneStage) -> dict[str, Figure]:
    mineral, stage = spec.mcs
    detail = spec.mcs_detail
    made: dict[str, Figure] = {}
    if spec.item == "tellurium":
        made = production(raw, mineral, stage, detail="Refinery production")
        made |= production(
            raw, mineral, stage, detail="Refinery production: concentrate"
        )
    else:
        made = production(raw, mineral, stage, detail=detail)
    if spec.factor != 1:
        made = {
            c: f._replace(t=f.t * spec.factor, evidence="computed")
            for c, f in made.items()
        }
    if spec.own is not None:
        made["USA"] = spec.own(raw)
    if spec.unstated is not None:
        rest = spec.unstated[2](raw)
        beside = made["ROW"].t if "ROW" in made else 0.0
        made["ROW"] = rest._replace(t=rest.t + beside)
    if spec.others is not None:
        made |= _others(raw, spec.others, made)
    return made


def _others(raw: Raw, code: str, made: dict[str, Figure]) -> dict[str, Figure]:
    """Return `other countries` shared out by the net exports of who is not named.

    No file in hand states their output; who exports more than he imports mines at
    least the difference. Together they get what the publisher gives for all countries
    that it does not name, no more.
    """
    net: dict[str, float] = {}
    for (source, target), tonnes in sorted(baci_flows(raw.baci, {code: 1.0}).items()):
        net[source] = net.get(source, 0.0) + tonnes
        net[target] = net.get(target, 0.0) - tonnes
    found = {c: v for c, v in sorted(net.items()) if v > 0 and c not in made}
    others = made.pop("ROW")
    scale = others.t / sum(found.values())
    note = (
        f"in `other countries` of MCS 2026 ({others.t:,.0f} t), shared by net exports "
        f"of 2024 (times {scale:.3g})"
    )
    shared = {c: v * scale for c, v in found.items()}
    return figures(shared, "BACI", "computed", note)


def _price(chain: ChainRows, spec: OneStage) -> None:
    if spec.pink is not None:
        name, unit = spec.pink
        add_pink_price(chain, spec.item, name, per=unit)
    if spec.price is not None:
        chapter, detail, printed = spec.price
        add_mcs_price(
            chain,
            spec.item,
            chapter,
            detail,
            printed,
            factor=spec.price_factor,
            kind=spec.price_kind,
        )


def _add(tables: Tables, raw: Raw, spec: OneStage) -> None:
    chain = ChainRows(
        tables,
        raw,
        spec.mineral,
        frozenset(spec.keep.split()),
    )
    codes = ";".join(sorted(spec.trade)) if spec.trade else None
    chain.item(spec.item, spec.stage, spec.basis, hs_codes=codes, note=spec.note)
    _price(chain, spec)
    if spec.element is not None:
        chain.content(spec.item, spec.element, 1.0)
    if spec.unstated is not None:
        chain.source(*spec.unstated[:2])
    word = "mining" if spec.mcs[1] == "mine" else "refining"
    process = f"{spec.item}_{word}"
    chain.process(process, spec.stage, {spec.item: 1})
    room = None
    if spec.capacity:
        room = {
            c: f._replace(t=f.t * spec.factor)
            for c, f in capacity(raw, *spec.mcs).items()
        }
    before = (
        {c: v * spec.factor for c, v in output_of_2023(raw, *spec.mcs).items()}
        if spec.mcs_detail is None
        else None
    )
    chain.plants(
        process,
        _supply(raw, spec),
        spec.elasticity,
        capacity=room,
        before=before,
        small=0.0 if spec.named else SMALL_PLANT,
    )
    scrap = {}
    if spec.scrap:
        source = chain.source(
            f"ASSUMED-SCRAP-{spec.mineral.upper()}",
            f"Secondary {spec.mineral} by country outside the United States",
        )
        scrap = figures(spec.scrap, source, "assumed")
    if spec.us_scrap is not None:
        scrap["USA"] = spec.us_scrap(raw)
    if scrap:
        chain.process(f"{spec.item}_recycling", spec.stage, {spec.item: 1})
        chain.plants(f"{spec.item}_recycling", scrap, REFINER)
    sources = (
        dict(spec.sources)
        if isinstance(spec.sources, dict)
        else import_shares(raw, *spec.sources)
    )
    use = spec.use(raw)
    if spec.trade is not None:
        chain.trade_closes(
            spec.item,
            spec.trade,
            use,
            sources,
            factor_source="BACI",
            transit=spec.transit,
            home_use=spec.home_use,
            mended=spec.mended(raw) if spec.mended else None,
            floor=0.0003 if spec.named else 0.002,
        )
    else:
        if isinstance(spec.shares, str):
            table, source = shares(tables, spec.shares)
        else:
            table = spec.shares
            source = chain.source(
                f"ASSUMED-USE-{spec.item.upper()}",
                f"Use of {spec.item.replace('_', ' ')} outside the United States by "
                "country, scaled so that world use is world supply",
            )
        chain.uses_by_share(spec.item, table, source, {"USA": use})
        if spec.lanes is not None:
            _trade_lanes(chain, spec)
        supply, need = chain.supply_and_need(spec.item)
        net = need.get("USA", 0.0) - supply.get("USA", 0.0)
        chain.import_lanes(spec.item, sources)
        if spec.more_sources:
            judged = chain.source(
                f"ASSUMED-SOURCES-{spec.item.upper()}",
                f"American imports of {spec.item} beyond the named sources of all "
                "forms, from the sources of single forms",
            )
            chain.import_lanes(
                spec.item,
                spec.more_sources,
                source_id=judged,
                evidence="assumed",
                tonnes=net,
            )
    chain.assumed_lanes(spec.item)


def _trade_lanes(chain: ChainRows, spec: OneStage) -> None:
    """Add published trade; what it leaves open is filled afterwards.

    The lanes of the United States come from its own import statistics.
    """
    factors = spec.lanes or {}
    if spec.ore_usd_per_t is None:
        flows = baci_flows(chain.raw.baci, factors)
    else:
        cap = max(factors.values())
        flows = baci_value_flows(
            chain.raw.baci, tuple(sorted(factors)), spec.ore_usd_per_t, cap
        )
    through: Flows = {}
    for (source, target), tonnes in sorted(flows.items()):
        pair = (source, spec.transit.get(target, target))
        through[pair] = through.get(pair, 0.0) + tonnes
    source_id = "BACI"
    if spec.lanes_assumed:
        contents = ", ".join(f"{c}: {v:g}" for c, v in sorted(factors.items()))
        source_id = chain.source(
            f"ASSUMED-GRADE-{spec.item.upper()}",
            f"BACI tonnes of 2024 times content by HS code ({contents})"
            + (", or trade value over the ore price" if spec.ore_usd_per_t else ""),
        )
    chain.trade_lanes(
        spec.item,
        through,
        source_id=source_id,
        evidence="assumed" if spec.lanes_assumed else "computed",
        skip=("USA",),
    )
