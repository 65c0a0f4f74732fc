# SPDX-License-Identifier: Apache-2.0
"""Projects, and what a programme may offer them.

Capacities are published, turned into tonnes of a process's main item by the chain's
own recipes. Investment is published for few; the others take what peers of their kind
paid per tonne. Chances come from `oreserve.contracts`: survival over price paths times
a technical chance by stage, both with their assumptions in `sources`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oreserve.contracts import (
    OptionValue,
    ProjectCash,
    ProjectOption,
    log_volatility,
    price_paths,
    project_option_value,
    standard_options,
)
from studies.build.countries import ensure
from studies.build.policy.choose import number
from studies.build.policy.project_list import PROJECTS, Project
from studies.build.rare_earth_baskets import (
    basket,
    outputs_per_t_feed,
)
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables, Value

__all__ = ["add", "capacity_t", "long_run_price", "volatility"]

FIRST_YEAR = 2027  # a decision taken at once; settings.first_year
LIFE_YEARS = 10  # as long as a floor lasts and a plan looks
PATHS = 2_000
THIN = 0.05  # a quote that fewer than this share of trade pays is no price to plan on
GAIN = 0.01  # an option must lift survival by this, or it is left out


@dataclass(frozen=True)
class Kind:
    """What peers of a kind cost, take and need.

    `capex_usd_per_t` per tonne of main item a year; `cash_share` operating cost that
    does not follow prices, as a share of long-run revenue after feed; `lead_years`
    from decision to output.
    """

    capex_usd_per_t: float
    cash_share: float
    lead_years: float
    reason: str


KINDS: dict[str, Kind] = {
    "magnet": Kind(140_000, 0.30, 3.0, "Vulcan: 1,400 million USD for 10,000 t"),
    "metal": Kind(10_000, 0.50, 2.0, "assumed: no published peer"),
    "separation": Kind(364_000, 0.35, 5.2, "Eneabba: 1,200 million USD, 3,300 t NdPr"),
    "heavy": Kind(470_000, 0.35, 3.0, "Caremag: 235 million USD for 500 t Dy"),
    "mine": Kind(17_700, 0.40, 3.0, "Ngualla: 287 million USD for 16,200 t REO"),
    "clay": Kind(17_700, 0.50, 3.0, "as Ngualla per t REO"),
    "gallium": Kind(2_500_000, 0.40, 2.5, "Gramercy 150 million for 50 t, Wagerup "
                    "200 million for 100 t"),
    "germanium": Kind(2_500_000, 0.40, 2.5, "as gallium"),
}  # fmt: skip

# No plant with furnaces, permits and staff costs less (assumed). Peers' money per tonne
# would build a terbium-metal plant for 0.4 million and put it into every plan.
LEAST_CAPEX_USD = 5e6
# Net cost as a share of the product's price of the base year, at least. It was 5 % of
# today's: more than metal makers earn at the prices of 2024, on which the market runs.
LEAST_COST_SHARE = 0.02

# Chance that a plant works as meant, whatever the price (assumed).
TECHNICAL = {
    "commissioning": 0.95,
    "construction": 0.90,
    "financing": 0.75,
    "study": 0.60,
    "proposal": 0.50,
}
DELAY = {
    "commissioning": "0:0.6;1:0.3;2:0.1",
    "construction": "0:0.5;1:0.3;2:0.2",
    "financing": "0:0.4;1:0.3;2:0.2;3:0.1",
    "study": "0:0.3;1:0.3;2:0.2;3:0.2",
    "proposal": "0:0.3;1:0.3;2:0.2;3:0.2",
}
# Rows of the facts that hold the investment of a project whose capacity row does not.
CAPEX_ROWS = {
    "eneabba": ("Eneabba refinery", "TREO"),
    "nolans_mine": ("Nolans", "NdPr oxide"),
    "longonjo": ("Longonjo ph.1", "MREC"),
    "ngualla": ("Ngualla", "concentrate 45% TREO"),
}
# Items whose price today hangs on quotes that hardly anyone pays: their base price
# moves with another item instead.
MOVES_WITH = {
    "ndfeb_magnet_heavy": "ndfeb_magnet",
    "dysprosium_metal": "dysprosium_oxide",
    "terbium_metal": "terbium_oxide",
    "gallium_crude": "gallium",
}
# Yearly quotes 2020-24 in the facts that stand for an item's own volatility.
QUOTES = {
    "ndpr_oxide": "Nd2O3 99.5",
    "ndpr_metal": "Nd2O3 99.5",
    "dysprosium_oxide": "Dy2O3 99.5",
    "dysprosium_metal": "Dy2O3 99.5",
    "terbium_metal": "Tb4O7 99.99",
}


def _facts_row(raw: Raw, key: tuple[str, str]) -> dict[str, str]:
    """Return the one row of the facts with this project and material."""
    rows = [
        row
        for row in raw.facts("projects").iter_rows(named=True)
        if (row["project"], row["material"]) == key
    ]
    if len(rows) != 1:
        message = f"facts/projects.csv has {len(rows)} rows {key}"
        raise KeyError(message)
    return rows[0]


def capacity_t(tables: Tables, raw: Raw, project: Project) -> float:
    """Return capacity in tonnes of the process's main item a year."""
    if project.row is None:
        return number(project.capacity)
    published = float(_facts_row(raw, project.row)["capacity_t_per_y"])
    way, _, rest = project.convert.partition(":")
    process = tables.rows("processes", process=project.process)[0]
    main = str(process["main_item"])
    if way == "output":
        return published
    if way in {"share", "reo"}:
        return published * float(rest)
    if way == "input":
        return published * outputs_per_t_feed(raw, project.process)[main]
    if way == "element":
        shares = basket(raw, main)
        return published / sum(shares[e] for e in rest.split("+"))
    if way == "feed_of":
        return published / outputs_per_t_feed(raw, rest)["ndpr_oxide"]
    message = f"{project.name}: unknown conversion {project.convert!r}"
    raise ValueError(message)


def _capex_usd(raw: Raw, project: Project, capacity: float) -> tuple[float, str, str]:
    """Return investment, its evidence, and how it was found."""
    key = CAPEX_ROWS.get(project.name, project.row)
    if project.capex_share == 0:
        return 0.0, "assumed", "no investment of its own"
    if project.capex_share is not None and key is not None:
        published = _facts_row(raw, key)["capex_musd"]
        usd = float(published) * 1e6 * project.capex_share
        part = "" if project.capex_share == 1 else f" x {project.capex_share:g} (split)"
        return usd, "read", f"investment {published} million USD{part}"
    kind = KINDS[project.kind]
    usd = kind.capex_usd_per_t * capacity
    if usd < LEAST_CAPEX_USD:
        how = f"investment assumed ({LEAST_CAPEX_USD / 1e6:g} million USD at least)"
        return LEAST_CAPEX_USD, "assumed", how
    return usd, "assumed", f"investment assumed ({kind.reason})"


def long_run_price(tables: Tables, item: str) -> tuple[float, float]:
    """Return today's price and the price it returns to, USD per t.

    Today: the newest price outside the restricting country, in the American market
    before the world's, that more than a sliver of trade pays. Long run: the mean of
    today's and the base year's.
    """
    base = _base_price(tables, item)
    leader = MOVES_WITH.get(item, item)
    rows = [
        row
        for market in ("USA", "world")
        for row in tables.rows("prices", item=leader, market=market)
        if row["kind"] != "inside" and number(row.get("volume_share") or 1.0) >= THIN
    ]
    newest = max(rows, key=lambda r: (str(r["period"]), r["market"] == "USA"))
    today = base * number(newest["usd_per_t"]) / _base_price(tables, leader)
    return today, (today + base) / 2


def _base_price(tables: Tables, item: str) -> float:
    """Return the world price of the base year, USD per t; 0 where there is none."""
    prices = [
        number(row["usd_per_t"])
        for row in tables.rows("prices", item=item, market="world", period="2024")
        if row["kind"] != "inside"
    ]
    return prices[0] if prices else 0.0


def volatility(raw: Raw, item: str) -> float:
    """Return yearly volatility: of the item's own yearly quotes, at least 0.35."""
    wanted = QUOTES.get(item)
    quotes = [
        (row["period"], float(row["low"]))
        for row in raw.facts("prices").iter_rows(named=True)
        if row["material"] == wanted and len(row["period"]) == 4
    ]
    return log_volatility([price for _, price in sorted(quotes)])


def _net_revenue(tables: Tables, process: str) -> float:
    """Return outputs less inputs of a tonne of activity at base prices, USD."""
    return sum(
        number(row["coefficient"]) * _base_price(tables, str(row["item"]))
        for row in tables.rows("recipes", process=process)
    )


def _options(
    tables: Tables, raw: Raw, project: Project, item: str, capacity: float, capex: float
) -> list[tuple[ProjectOption, OptionValue]]:  # fmt: skip
    """Value the standard options and keep those that are worth offering."""
    if project.funded:
        return [(ProjectOption("none"), OptionValue(1.0, 0.0, 0.0))]
    today, long_run = long_run_price(tables, item)
    net = _net_revenue(tables, project.process) / _base_price(tables, item)
    cash = ProjectCash(
        capacity,
        capex,
        KINDS[project.kind].cash_share * net * long_run,
        net_share=net,
        life_years=LIFE_YEARS,
    )
    paths = price_paths(
        start_usd_per_t=today,
        long_run_usd_per_t=long_run,
        years=LIFE_YEARS,
        paths=PATHS,
        volatility=volatility(raw, item),
        stream=f"project {project.name}",
    )
    valued = [
        (option, project_option_value(cash, option, paths_usd_per_t=paths))
        for option in standard_options(cash, long_run_usd_per_t=long_run, index=item)
    ]
    return _worth_offering(valued)


def _worth_offering(
    valued: list[tuple[ProjectOption, OptionValue]],
) -> list[tuple[ProjectOption, OptionValue]]:
    """Drop options that another one beats on chance and on exposure."""
    kept = [(o, v) for o, v in valued if o.name == "none"]
    least = kept[0][1].success
    for option, value in valued:
        beaten = any(
            other.exposure_usd <= value.exposure_usd
            and other.success >= value.success - GAIN / 2
            and (other.exposure_usd, -other.success, name.name)
            < (value.exposure_usd, -value.success, option.name)
            for name, other in valued
        )
        if option.name != "none" and value.success > least + GAIN and not beaten:
            kept.append((option, value))
    return kept


def _strike(option: ProjectOption) -> float | None:
    """Return the floor, or the fixed price where there is no floor."""
    strikes = [
        strike
        for rule, _ in option.rules
        for strike in (rule.floor_usd_per_t, rule.fixed_usd_per_t)
        if strike is not None
    ]
    return strikes[0] if strikes else None


def _years(option: ProjectOption) -> float | None:
    """Return how long the support lasts."""
    if option.rules:
        return float(option.support_years)
    return float(option.loan_years) if option.loan_share else None


def _write(tables: Tables, raw: Raw, project: Project, source: str) -> None:
    """Write one project with its options."""
    capacity = capacity_t(tables, raw, project)
    if project.grows_from:
        plant = tables.rows("plants", plant=project.grows_from)[0]
        capacity -= number(plant["capacity_t_per_year"])
    capex, capex_evidence, how = _capex_usd(raw, project, capacity)
    item = str(tables.rows("processes", process=project.process)[0]["main_item"])
    start = project.start or FIRST_YEAR + round(KINDS[project.kind].lead_years)
    lead = float(max(0, start - FIRST_YEAR))
    facts = None if project.row is None else _facts_row(raw, project.row)
    for country in (project.country, project.owner, project.committed_to):
        if country:
            ensure(tables, raw, country)
    known = facts is not None and capex_evidence == "read"
    if project.grows_from:
        how += f"; less {project.grows_from}, which stands"
    if project.funded:
        how += "; funded, so nothing to offer"
    said = project.note or (facts["status_or_note"] if facts else "")
    if facts and facts["source_id"] != "MEM" and project.convert != "output":
        how = f"capacity computed from {facts['capacity_t_per_y']} t ({how})"
    columns: dict[str, Value] = {
        "capex_usd": capex,
        "earliest_year": FIRST_YEAR,
        "lead_time_years": lead,
        "ramp": project.ramp,
        "delay": DELAY[project.stage],
        "feed_item": project.feed,
        "committed_share": project.committed_share,
        "committed_to": project.committed_to,
    }
    tables.row(
        "projects",
        project=project.name,
        process=project.process,
        country=project.country,
        owner_country=project.owner,
        aggregate=False,
        capacity_t_per_year=capacity,
        basis="output",
        cost_usd_per_t=max(
            0.8 * _net_revenue(tables, project.process),
            LEAST_COST_SHARE * _base_price(tables, item),
        ),
        status=project.stage,
        source_id=_first_source(facts) if known and facts else source,
        evidence="computed" if known else "assumed",
        note="; ".join(part for part in (said, how) if part),
        **columns,
    )
    for option, value in _options(tables, raw, project, item, capacity, capex):
        tables.row(
            "project_options",
            project=project.name,
            option=option.name,
            strike=_strike(option),
            index_item=item if option.rules else None,
            index_market="world" if option.rules else None,
            years=_years(option),
            success=float(np.round(value.success * TECHNICAL[project.stage], 4)),
            cost_usd=float(np.round(max(0.0, value.cost_usd))),
            exposure_usd=float(np.round(value.exposure_usd)),
            source_id=source,
            evidence="computed",
            note=(
                f"expected to return {-value.cost_usd / 1e6:.4g} million USD; counted "
                "as free"
                if value.cost_usd < 0
                else None
            ),
        )


def _first_source(facts: dict[str, str]) -> str:
    """Return the first of several sources of a facts row."""
    return facts["source_id"].split("+")[0]


def _usable(tables: Tables, project: Project) -> bool:
    """Tell whether the study has the process and the feed of a project."""
    feed = project.feed is None or tables.has("items", project.feed)
    return tables.has("processes", project.process) and feed


def add(tables: Tables, raw: Raw) -> None:
    """Add projects whose process the study has, and their options."""
    kinds = "; ".join(
        f"{name}: {kind.capex_usd_per_t:,.0f} USD/t ({kind.reason}), fixed cost "
        f"{kind.cash_share:g} of long-run revenue after feed"
        for name, kind in KINDS.items()
    )
    chances = ", ".join(f"{stage} {chance:g}" for stage, chance in TECHNICAL.items())
    source = assume(
        tables,
        "ASSUMED-PROJECTS",
        "Projects: investment of peers per tonne of main item and cost by kind ("
        f"{kinds}), {LEAST_CAPEX_USD / 1e6:g} million USD at least; technical chance "
        f"by stage ({chances}); debt of 0.6 of investment at 9 % over 8 years with "
        "cover 1.2; prices return to the mean of the base year's and today's with a "
        f"half-life of 2 years and a volatility of at least 0.35; {PATHS} paths; "
        f"decision in {FIRST_YEAR}",
    )
    for project in PROJECTS:
        if _usable(tables, project):
            _write(tables, raw, project, source)
