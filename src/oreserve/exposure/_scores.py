# SPDX-License-Identifier: Apache-2.0
"""Published methods on the study's figures: EU 2017, GeoPolRisk, USGS 2020.

Each score takes what the study holds and nothing else. Where a method needs a number
that the study has not, the row has bounds over all that the number may be, or no
data with the reason; no default stands in. docs/methods/published-scores.md says how
each differs from the publisher's own figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve import indicators as ind
from oreserve.exposure._explain import evidence_counts
from oreserve.exposure._score_rows import (
    Facts,
    base_prices_of,
    ends_of,
    is_partial,
    score_row,
    text_of,
)
from oreserve.exposure._scores_usgs import disruption, trade_exposure, vulnerability
from oreserve.indicators._geopolrisk import COPPER_MIDPOINT_USD_PER_KG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oreserve.exposure._cells import World
    from oreserve.indicators import Estimate
    from oreserve.study import Study

__all__ = ["published_frame"]

Floats = npt.NDArray[np.float64]
STABILITY = "political_stability_score"
MIXLESS = "world supply alone (rule global): home has no sourcing mix"
UNRULED = "output, or the governance of its makers, is not known"
SIX = f"{STABILITY} not in the study: mean of the six dimensions instead"
HIGHEST = 15.0  # HHI 1 x governance 10 x trade 1.5
COLUMNS: dict[str, type[pl.DataType]] = {
    "mineral": pl.String, "item": pl.String, "stage": pl.String,
    "indicator": pl.String, "year": pl.Int64, "value": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "status": pl.String, "unit": pl.String,
    "inputs": pl.String, "rows": pl.String, "reason": pl.String,
    "published_value": pl.Float64, "published_source": pl.String,
}  # fmt: skip


def published_frame(
    study: Study, world: World, minerals: Sequence[str]
) -> pl.DataFrame:
    """Return the scores of published methods, per mineral and stage.

    ========================== =================================== ===============
    indicator                  formula                             source
    ========================== =================================== ===============
    eu_import_reliance         max(0, I - E) / (P + I - E)         EU 2017
    eu_supply_risk_gross       H_GS IR/2 + H_EU (1 - IR/2)         EU 2017
    eu_supply_risk             gross x (1 - EoL-RIR) SI            EU 2017
    ..._bottleneck             largest over the stages             EU 2017
    geopolrisk                 HHI sum g_i f_i / (p + F)           GeoPolRisk
    geopolrisk_characterisa... score x price / price-score of Cu   GeoPolRisk
    usgs_disruption_potential  sum of PS_c^2 ASI_c WSI_c, foreign  Nassar 2020
    usgs_trade_exposure        (I - E + S) / (P + I - E + S)       Nassar 2020
    usgs_economic_vulnerab...  sum of (VA_j/GDP) (EXP_j/OP_j)      Nassar 2020
    ========================== =================================== ===============

    Recycling rate and substitution index of the EU, published values, GDP and
    operating profit are read from `observations`, newest up to as_of, under
    `eol_recycling_input_rate/X`, `eu_substitution_supply_risk/X`,
    `published/INDICATOR/X` (X an item, else its mineral), `gdp_usd/COUNTRY` and
    `operating_profit_usd/INDUSTRY/COUNTRY`.

    Parameters
    ----------
    study
        The study.
    world
        Its base year as the cells see it.
    minerals
        Which minerals.

    Returns
    -------
    DataFrame
        mineral, item (null for a bottleneck without one), stage, indicator, year,
        value, low, high, status, unit, inputs, rows, reason, published_value,
        published_source, evidence; one row for each item and indicator. A row with
        bounds but no value is `partial`: only the bounds are known.

    References
    ----------
    European Commission (2017), doi 10.2873/769526; Koyamparambath et al. (2024), doi
    10.1016/j.resconrec.2024.107801; Nassar et al. (2020), Science Advances 6,
    eaay8647.

    Examples
    --------
    >>> from oreserve.exposure import assess
    >>> from oreserve.study import load_study
    >>> found = assess(load_study("tiny"), reconciled=False).published
    >>> found.filter(item="gallium", indicator="geopolrisk")["status"].item()
    'partial'
    """
    facts = Facts(study, world)
    rows = [
        *_eu(facts), *_geopolrisk(facts), *disruption(facts), *trade_exposure(facts),
        *vulnerability(facts),
    ]  # fmt: skip
    rows += _bottlenecks(rows)
    kept = [r for r in rows if r["mineral"] in set(minerals)]
    for row in kept:
        row["published_value"], row["published_source"] = facts.published(row)
    frame = pl.DataFrame(kept, schema=COLUMNS).sort(
        "mineral", "item", "indicator", nulls_last=True
    )
    marks = evidence_counts(study, frame["rows"].to_list())
    return frame.with_columns(pl.Series("evidence", marks, dtype=pl.String))


def _eu(facts: Facts) -> Iterator[dict[str, Any]]:
    """EU 2017 on each item: import reliance, before and after recycling."""
    world, figures = facts.world, facts.world.figures
    reliance = np.asarray(
        ind.net_import_reliance(
            production=facts.made, imports=facts.imports, exports=facts.exports
        )
    )
    supply = ind.hhi_governance_bounds(
        world.shares[:, world.listed], governance=facts.scaled
    )
    mix = facts.trade[0].copy()
    mix[:, world.at_home] += figures.output[:, world.at_home]
    total = mix.sum(axis=1, keepdims=True)
    parts = np.divide(mix, total, out=np.zeros_like(mix), where=total > 0)
    home = ind.hhi_governance_bounds(parts[:, world.listed], governance=facts.scaled)
    world_only = np.isnan(reliance) | np.isnan(np.asarray(home.value))
    rules = np.where(world_only, "global", "global+home")

    def risk(**known: Any) -> Any:
        return ind.eu_supply_risk(rule=rules, **known)

    gross = ind.propagate(
        risk, hhi_global=supply, hhi_home=home, import_reliance=reliance,
        eol_recycling_input_rate=0.0, substitution=1.0,
    )  # fmt: skip
    for n, item in enumerate(figures.items):
        keys: dict[str, Sequence[str]] = {
            **world.rows.governance(item), **world.rows.trade(item, world.home),
        }  # fmt: skip
        traded = {"production_t": facts.made[n], "imports_t": facts.imports[n],
                  "exports_t": facts.exports[n]}  # fmt: skip
        ratio = (float(reliance[n]),) * 3
        yield score_row(
            facts, n, "eu_import_reliance", ratio, partial=False, inputs=traded,
            rows={k: v for k, v in keys.items() if k != "countries"},
            reason="home neither makes it nor is a net importer"
            if np.isnan(reliance[n]) else "",
        )  # fmt: skip
        shared: dict[str, float | str | None] = {
            "hhi_global": ends_of(supply, n)[0],
            "hhi_home": ends_of(home, n)[0],
            "import_reliance": float(reliance[n]),
            "rule": str(rules[n]),
            "trade_variable": "1 for all",
        }
        note = MIXLESS if rules[n] == "global" else ""
        lacking = UNRULED if gross.status[n] == "no_data" else ""
        yield score_row(
            facts, n, "eu_supply_risk_gross", ends_of(gross, n),
            partial=is_partial(gross, n) or rules[n] == "global", inputs=shared,
            rows=keys, reason=lacking or note,
        )  # fmt: skip
        yield _eu_net(facts, n, gross, shared, keys, lacking, note)


def _eu_net(
    facts: Facts,
    n: int,
    gross: Estimate,
    shared: Mapping[str, float | str | None],
    keys: Mapping[str, Sequence[str]],
    lacking: str,
    note: str,
) -> dict[str, Any]:
    """Take recycling and substitution off; what is not stated may be 0 to 1."""
    stated = {
        name: facts.stated(series, n)
        for name, series in (
            ("eol_recycling_input_rate", "eol_recycling_input_rate"),
            ("substitution", "eu_substitution_supply_risk"),
        )
    }
    (rate, _), (index, _) = stated.values()
    value, low, high = ends_of(gross, n)
    ends = (_net(value, rate or 0.0, 0.0 if index is None else index),
            _net(low, 1.0 if rate is None else rate, index or 0.0),
            _net(high, rate or 0.0, 1.0 if index is None else index))  # fmt: skip
    missing = [name for name, (v, _) in stated.items() if v is None]
    middle = np.nan if missing else ends[0]
    text = f"{' and '.join(missing)} not in the study: 0 to 1 in the bounds"
    return score_row(
        facts, n, "eu_supply_risk", (middle, ends[1], ends[2]),
        partial=bool(missing) or bool(note) or is_partial(gross, n),
        inputs={**shared, **{name: v for name, (v, _) in stated.items()}},
        rows={**keys, "observations": [k for _, k in stated.values() if k]},
        reason=lacking or "; ".join(filter(None, (note, text if missing else ""))),
    )  # fmt: skip


def _net(gross: float, rate: float, index: float) -> float:
    """Return the EU supply risk of a bracket that is known."""
    risk = ind.eu_supply_risk(
        hhi_global=gross, hhi_home=None, import_reliance=None,
        eol_recycling_input_rate=rate, substitution=index, rule="global",
    )  # fmt: skip
    return float(np.asarray(risk))


def _bottlenecks(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the largest of a mineral's stages; components are no EU stage."""
    made: list[dict[str, Any]] = []
    for name in ("eu_supply_risk", "eu_supply_risk_gross"):
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["indicator"] == name and row["stage"] != "component":
                found.setdefault(row["mineral"], []).append(row)
        made += [
            _bottleneck(name, sorted(stages, key=lambda r: r["item"]))
            for stages in found.values()
        ]
    return made


def _bottleneck(name: str, stages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = [r for r in stages if r["high"] is not None]
    if not known:
        return {**stages[0], "indicator": f"{name}_bottleneck", "item": None,
                "stage": None, "inputs": "", "rows": ""}  # fmt: skip
    worst = max(known, key=lambda r: (r["value"] or 0.0, r["high"]))
    whole = len(known) == len(stages)
    values = [r["value"] for r in stages]
    value = ind.eu_bottleneck(values).value if None not in values else None
    low, high = max(r["low"] for r in known), max(r["high"] for r in known)
    fine = whole and all(r["status"] == "ok" for r in stages)
    lost = ", ".join(r["item"] for r in stages if r["high"] is None)
    return {
        **worst,
        "indicator": f"{name}_bottleneck",
        "value": None if value is None else float(value),
        "low": low,
        "high": high if whole else HIGHEST,
        "status": "ok" if fine else "partial",
        "inputs": "; ".join(f"{r['item']}={text_of(r['value'])}" for r in stages),
        "reason": worst["reason"] if whole else f"no data at {lost}",
    }


def _geopolrisk(facts: Facts) -> Iterator[dict[str, Any]]:
    """GeoPolRisk of home, its flows between members left out."""
    world, figures = facts.world, facts.world.figures
    stability = facts.score_of(STABILITY)
    kind = "political stability" if stability is not None else "mean of six"
    raw = world.governance if stability is None else stability
    governance = np.asarray(ind.governance_unit(raw))
    prices, price_rows = base_prices_of(facts)
    spread = ind.hhi_bounds(world.shares[:, world.listed])
    ends = [
        ind.geopolrisk(
            hhi=hhi, imports_by_partner=facts.trade[0],
            governance_by_partner=np.broadcast_to(governance, facts.trade[0].shape),
            domestic_production=facts.made, price_usd_per_kg=prices,
        )
        for hhi in (spread.value, spread.low, spread.high)
    ]  # fmt: skip
    score = (ends[0].score, ends[1].score_low, ends[2].score_high)
    values = np.stack([np.asarray(v, dtype=np.float64) for v in score])
    factor = values * prices / COPPER_MIDPOINT_USD_PER_KG
    for n, item in enumerate(figures.items):
        keys: dict[str, Sequence[str]] = {
            **world.rows.supply(item), **world.rows.trade(item, world.home),
        }  # fmt: skip
        sellers = np.flatnonzero(facts.trade[0][n] > 0)
        keys["countries"] = [figures.countries[k] for k in sellers]
        inputs = {
            "hhi": float(np.asarray(spread.value)[n]),
            "import_risk": float(np.asarray(ends[0].import_risk)[n]),
            "imports_t": facts.imports[n], "production_t": facts.made[n],
            "governance": kind,
        }  # fmt: skip
        notes = [] if stability is not None else [SIX]
        if np.isnan(values[0, n]):
            notes = ["no imports in the study: no flow is no proof of no risk"
                     if not facts.imports[n] else
                     "output or governance of partners is not known"]  # fmt: skip
        partial = (stability is None or str(ends[0].status[n]) == "partial"
                   or is_partial(spread, n))  # fmt: skip
        yield score_row(
            facts, n, "geopolrisk", (values[0, n], values[1, n], values[2, n]),
            partial=partial, inputs=inputs, rows=keys, reason="; ".join(notes),
        )  # fmt: skip
        scored = not np.isnan(values[0, n])
        if scored and np.isnan(prices[n]):
            notes = ["no price of the base year"]
        elif scored and not price_rows[n].endswith("import_unit_value"):
            notes.append("quoted price, not value over quantity of imports")
            partial = True
        yield score_row(
            facts, n, "geopolrisk_characterisation_factor",
            (factor[0, n], factor[1, n], factor[2, n]), partial=partial,
            inputs={**inputs, "price_usd_per_kg": float(prices[n])},
            rows={**keys, "prices": [price_rows[n]] if price_rows[n] else []},
            reason="; ".join(notes), unit="kg Cu-eq/kg",
        )  # fmt: skip
