# SPDX-License-Identifier: Apache-2.0
"""Published methods on the study's figures: EU 2017, GeoPolRisk, USGS 2020.

Each score takes what the study holds and nothing else. Where a method needs a number
that the study has not, the row has bounds over all that the number may be, or no
data with the reason; no default stands in. docs/methods/published-scores.md says how
each differs from the publisher's own figure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve import indicators as ind
from oreserve.exposure._cells import PARTIAL_FROM
from oreserve.exposure._explain import evidence_counts
from oreserve.exposure._rows import join_rows
from oreserve.indicators._geopolrisk import COPPER_MIDPOINT_USD_PER_KG
from oreserve.study import base_prices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oreserve.exposure._cells import World
    from oreserve.indicators import Estimate
    from oreserve.study import Study

__all__ = ["published_frame"]

Floats = npt.NDArray[np.float64]
STABILITY = "political_stability_score"
POLICY = "policy_perception_score"  # 0-100, as the Fraser Institute prints it
WILLING = "willingness_score"  # 0-1, higher is less willing
MIXLESS = "world supply alone (rule global): home has no sourcing mix"
UNRULED = "output, or the governance of its makers, is not known"
SIX = f"{STABILITY} not in the study: mean of the six dimensions instead"
STOCKLESS = "no change of stocks in the study: use less output in the bounds"
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
    facts = _Facts(study, world)
    rows = [
        *_eu(facts), *_geopolrisk(facts), *_disruption(facts), *_exposure(facts),
        *_vulnerability(facts),
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


@dataclass(frozen=True)
class _Facts:
    """What the methods share: supply, trade, governance and stated numbers."""

    study: Study
    world: World
    seen: dict[str, tuple[float, str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.study.table("observations").filter(
            pl.col("date") <= self.study.settings.as_of_date
        )
        for row in table.drop_nulls("value").sort("date").iter_rows(named=True):
            key = f"{row['series']}/{row['date']}"
            self.seen[row["series"]] = (row["value"], key, row["source_id"])

    @cached_property
    def trade(self) -> tuple[Floats, Floats]:
        """Imports by exporter and exports by importer, *(I, C)* each."""
        return self.world.figures.trade(self.world.home)

    @cached_property
    def made(self) -> Floats:
        """*(I,)* output at home, t a year."""
        made: Floats = self.world.figures.output[:, self.world.at_home].sum(axis=1)
        return made

    @cached_property
    def imports(self) -> Floats:
        """*(I,)* t a year."""
        bought: Floats = self.trade[0].sum(axis=1)
        return bought

    @cached_property
    def exports(self) -> Floats:
        """*(I,)* t a year."""
        sold: Floats = self.trade[1].sum(axis=1)
        return sold

    @cached_property
    def scaled(self) -> Floats:
        """*(L,)* governance of the listed countries, 0 good to 10 bad."""
        scores = self.world.governance[self.world.listed]
        return np.clip(2.0 * (2.5 - scores), 0.0, 10.0)

    def score_of(self, column: str) -> Floats | None:
        """Return a score of `countries` as *(C,)*; None where the study has none."""
        table = self.study.table("countries")
        if column not in table.columns or not table[column].count():
            return None
        known = dict(table.select("country", column).iter_rows())
        countries = self.world.figures.countries
        return np.array([known.get(c) for c in countries], dtype=np.float64)

    def stated(self, series: str, n: int) -> tuple[float | None, str]:
        """Return a number stated for an item, else for its mineral, and its row."""
        figures = self.world.figures
        for name in (figures.items[n], figures.minerals[n]):
            found = self.seen.get(f"{series}/{name}")
            if found is not None:
                return found[0], found[1]
        return None, ""

    def published(self, row: Mapping[str, Any]) -> tuple[float | None, str | None]:
        """Return what the study says was published for an item or its mineral."""
        name = str(row["indicator"]).removesuffix("_bottleneck")
        whole = name != row["indicator"]
        for of in (row["mineral"],) if whole else (row["item"], row["mineral"]):
            found = self.seen.get(f"published/{name}/{of}")
            if found is not None:
                return found[0], found[2]
        return None, None


def _row(
    facts: _Facts,
    n: int,
    indicator: str,
    found: tuple[float, float, float],
    *,
    partial: bool,
    inputs: Mapping[str, float | str | None],
    rows: Mapping[str, Sequence[str]],
    reason: str = "",
    unit: str = "1",
) -> dict[str, Any]:
    """Return one row; a value that is NaN with bounds is partial, without: no data."""
    value, low, high = (None if np.isnan(v) else float(v) for v in found)
    bounded = low is not None and high is not None
    known = "partial" if partial or value is None else "ok"
    figures = facts.world.figures
    texts = (f"{k}={_text(v)}" for k, v in sorted(inputs.items()))
    return {
        "mineral": figures.minerals[n],
        "item": figures.items[n],
        "stage": figures.stages[n],
        "indicator": indicator,
        "year": facts.world.year,
        "value": value,
        "low": low if bounded else None,
        "high": high if bounded else None,
        "status": known if bounded else "no_data",
        "unit": unit,
        "inputs": "; ".join(texts),
        "rows": join_rows(rows),
        "reason": reason or None,
    }


def _text(value: float | str | None) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return value if isinstance(value, str) else f"{float(value):.6g}"


def _at(found: Estimate, n: int) -> tuple[float, float, float]:
    parts = (np.atleast_1d(p)[n] for p in (found.value, found.low, found.high))
    value, low, high = (float(p) for p in parts)
    return value, low, high


def _is_partial(found: Estimate, n: int) -> bool:
    return str(np.atleast_1d(found.status)[n]) == "partial"


def _eu(facts: _Facts) -> Iterator[dict[str, Any]]:
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
        yield _row(
            facts, n, "eu_import_reliance", ratio, partial=False, inputs=traded,
            rows={k: v for k, v in keys.items() if k != "countries"},
            reason="home neither makes it nor is a net importer"
            if np.isnan(reliance[n]) else "",
        )  # fmt: skip
        shared: dict[str, float | str | None] = {
            "hhi_global": _at(supply, n)[0],
            "hhi_home": _at(home, n)[0],
            "import_reliance": float(reliance[n]),
            "rule": str(rules[n]),
            "trade_variable": "1 for all",
        }
        note = MIXLESS if rules[n] == "global" else ""
        lacking = UNRULED if gross.status[n] == "no_data" else ""
        yield _row(
            facts, n, "eu_supply_risk_gross", _at(gross, n),
            partial=_is_partial(gross, n) or rules[n] == "global", inputs=shared,
            rows=keys, reason=lacking or note,
        )  # fmt: skip
        yield _eu_net(facts, n, gross, shared, keys, lacking, note)


def _eu_net(
    facts: _Facts,
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
    value, low, high = _at(gross, n)
    ends = (_net(value, rate or 0.0, 0.0 if index is None else index),
            _net(low, 1.0 if rate is None else rate, index or 0.0),
            _net(high, rate or 0.0, 1.0 if index is None else index))  # fmt: skip
    missing = [name for name, (v, _) in stated.items() if v is None]
    middle = np.nan if missing else ends[0]
    text = f"{' and '.join(missing)} not in the study: 0 to 1 in the bounds"
    return _row(
        facts, n, "eu_supply_risk", (middle, ends[1], ends[2]),
        partial=bool(missing) or bool(note) or _is_partial(gross, n),
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
        "inputs": "; ".join(f"{r['item']}={_text(r['value'])}" for r in stages),
        "reason": worst["reason"] if whole else f"no data at {lost}",
    }


def _geopolrisk(facts: _Facts) -> Iterator[dict[str, Any]]:
    """GeoPolRisk of home, its flows between members left out."""
    world, figures = facts.world, facts.world.figures
    stability = facts.score_of(STABILITY)
    kind = "political stability" if stability is not None else "mean of six"
    raw = world.governance if stability is None else stability
    governance = np.asarray(ind.governance_unit(raw))
    prices, price_rows = _prices(facts)
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
                   or _is_partial(spread, n))  # fmt: skip
        yield _row(
            facts, n, "geopolrisk", (values[0, n], values[1, n], values[2, n]),
            partial=partial, inputs=inputs, rows=keys, reason="; ".join(notes),
        )  # fmt: skip
        scored = not np.isnan(values[0, n])
        if scored and np.isnan(prices[n]):
            notes = ["no price of the base year"]
        elif scored and not price_rows[n].endswith("import_unit_value"):
            notes.append("quoted price, not value over quantity of imports")
            partial = True
        yield _row(
            facts, n, "geopolrisk_characterisation_factor",
            (factor[0, n], factor[1, n], factor[2, n]), partial=partial,
            inputs={**inputs, "price_usd_per_kg": float(prices[n])},
            rows={**keys, "prices": [price_rows[n]] if price_rows[n] else []},
            reason="; ".join(notes), unit="kg Cu-eq/kg",
        )  # fmt: skip


def _prices(facts: _Facts) -> tuple[Floats, list[str]]:
    """Return USD per kg of each item in home's first country that has one, and rows."""
    found: dict[str, tuple[float, str]] = {}
    frame = base_prices(facts.study).filter(
        pl.col("country").is_in(list(facts.world.home))
    )
    for row in frame.sort("item", "country").iter_rows(named=True):
        key = "/".join((row["item"], row["market"], row["period"], row["kind"]))
        found.setdefault(row["item"], (row["usd_per_t"] / 1000.0, key))
    pairs = [found.get(i, (np.nan, "")) for i in facts.world.figures.items]
    return np.array([p for p, _ in pairs], dtype=np.float64), [k for _, k in pairs]


def _disruption(facts: _Facts) -> Iterator[dict[str, Any]]:
    """USGS disruption potential; willingness not in the study may be 0 to 1."""
    world, figures = facts.world, facts.world.figures
    policy, willing = facts.score_of(POLICY), facts.score_of(WILLING)
    ruled = np.asarray(ind.governance_unit(world.governance))
    able = ruled if policy is None else np.where(
        np.isnan(policy), ruled, (100.0 - policy) / 100.0)  # fmt: skip
    given = np.full(len(able), np.nan) if willing is None else willing
    shares = world.shares
    own = np.zeros(len(figures.countries), dtype=bool)
    own[world.at_home] = True
    middle, low, high = (
        np.asarray(
            ind.usgs_disruption_potential(
                shares=shares, home=own,
                ability=able if fill is None else np.where(np.isnan(able), fill, able),
                willingness=given if fill is None
                else np.where(np.isnan(given), fill, given),
            )
        )
        for fill in (None, 0.0, 1.0)
    )  # fmt: skip
    notes = "; ".join(
        text
        for text in (
            f"{WILLING} (trade ties, shared values) not in the study: 0 to 1 in the "
            "bounds" if willing is None else "",
            f"{POLICY} not in the study: scaled governance instead"
            if policy is None else "",
        )
        if text
    )  # fmt: skip
    foreign = np.where(own, 0.0, shares)
    for n, item in enumerate(figures.items):
        keys = world.rows.governance(item)
        blank = np.isnan(high[n])
        yield _row(
            facts, n, "usgs_disruption_potential", (middle[n], low[n], high[n]),
            partial=policy is None or willing is None,
            inputs={"foreign_share": float(foreign[n].sum()),
                    "ability": "policy index" if policy is not None
                    else "scaled governance",
                    "willingness": None if willing is None else WILLING},
            rows=keys, reason="nothing is made" if blank else notes,
        )  # fmt: skip


def _exposure(facts: _Facts) -> Iterator[dict[str, Any]]:
    """USGS trade exposure; a change of stocks not in the study shows in the bounds."""
    world, figures = facts.world, facts.world.figures
    use = figures.use[:, world.at_home].sum(axis=1)
    for n, item in enumerate(figures.items):
        drawn, key = facts.stated("stock_change_t", n)
        known = {"primary_production": facts.made[n], "secondary_production": 0.0,
                 "imports": facts.imports[n], "exports": facts.exports[n]}  # fmt: skip
        value = float(
            np.asarray(ind.usgs_trade_exposure(**known, stock_change=drawn or 0.0))
        )
        by_use = max(0.0, use[n] - facts.made[n]) / use[n] if use[n] > 0 else np.nan
        ends = (value, value) if drawn is not None else (
            float(np.fmin(value, by_use)), float(np.fmax(value, by_use)))  # fmt: skip
        wide = ends[1] - ends[0] > PARTIAL_FROM
        note = "" if drawn is not None else STOCKLESS
        yield _row(
            facts, n, "usgs_trade_exposure",
            (value, *ends) if not np.isnan(value) else (np.nan,) * 3,
            partial=drawn is None or wide,
            inputs={"production_t": facts.made[n], "imports_t": facts.imports[n],
                    "exports_t": facts.exports[n], "use_t": use[n],
                    "stock_change_t": drawn},
            rows={**world.rows.supply(item), **world.rows.trade(item, world.home),
                  **world.rows.use(item, world.home),
                  "observations": [key] if key else []},
            reason="home neither makes it nor is a net importer"
            if np.isnan(value) else note,
        )  # fmt: skip


def _vulnerability(facts: _Facts) -> Iterator[dict[str, Any]]:
    """USGS economic vulnerability, not divided by the largest of a set."""
    world = facts.world
    prices, price_rows = _prices(facts)
    gdps = {c: facts.seen.get(f"gdp_usd/{c}") for c in world.home}
    added = {
        (row["industry"], row["country"]): row["value_added_usd"]
        for row in facts.study.table("industries").iter_rows(named=True)
    }
    uses = facts.study.table("uses").filter(
        pl.col("country").is_in(list(world.home)), pl.col("use_t") > 0
    )
    for n, item in enumerate(world.figures.items):
        rows = uses.filter(item=item).sort("country", "industry").to_dicts()
        pairs = [(r["industry"], r["country"]) for r in rows]
        profits = [facts.seen.get(f"operating_profit_usd/{i}/{c}") for i, c in pairs]
        worth = [added.get(p) for p in pairs]
        lacking = [
            text
            for text, absent in (
                ("uses of it by home's industries", not rows),
                ("a price of the base year", np.isnan(prices[n])),
                ("value added of a using industry", None in worth),
                ("operating_profit_usd of a using industry", None in profits),
                ("gdp_usd of home", None in gdps.values()),
            )
            if absent
        ]
        value = np.nan
        gdp = sum(g[0] for g in gdps.values() if g)
        spent = [r["use_t"] * prices[n] * 1000.0 for r in rows]
        if not lacking:
            value = float(
                np.asarray(
                    ind.usgs_economic_vulnerability(
                        value_added=np.array(worth, dtype=np.float64), gdp=gdp,
                        expenditure=spent,
                        operating_profit=[p[0] for p in profits if p],
                    )
                )
            )  # fmt: skip
        stated = [p[1] for p in (*profits, *gdps.values()) if p]
        yield _row(
            facts, n, "usgs_economic_vulnerability", (value,) * 3, partial=False,
            inputs={"industries": float(len(rows)),
                    "expenditure_usd": sum(spent) if rows else None,
                    "value_added_usd": None if None in worth or not worth
                    else sum(w for w in worth if w is not None),
                    "gdp_usd": gdp or None},
            rows={"uses": [f"{item}/{c}/{i}" for i, c in pairs],
                  "industries": [f"{i}/{c}" for i, c in pairs if (i, c) in added],
                  "prices": [price_rows[n]] if price_rows[n] else [],
                  "observations": stated},
            reason="not in the study: " + "; ".join(lacking) if lacking
            else "" if not np.isnan(value) else "an operating profit is not positive",
        )  # fmt: skip
