# SPDX-License-Identifier: Apache-2.0
"""From a study to its chains: connected items as plain arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.network.chain import Chain, Demands, Lanes, Nodes, Plants
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oreserve.study import Study

__all__ = ["JOINT", "build_chains", "project_start_year"]

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]
Key = tuple[str, str]

SIGMA_SHARE = {
    "read": 0.02,
    "secondary": 0.10,
    "computed": 0.10,
    "estimated": 0.10,
    "assumed": 0.30,
}
MAX_PRICE_FACTOR = 30.0  # ceiling of a demand without one, as a multiple of p0
JOINT = "joint"
JOINT_SHARE = 0.02  # of a country's output that a joint product's own demand takes
JOINT_OUTPUTS = 2  # a process with more outputs than this has joint products
SHORT_SHARE = 1.0 / 3.0  # elasticity over a quarter as a part of the yearly one
NAN = float("nan")
FAR_YEAR = 9999.0  # a project nobody has decided on


def build_chains(study: Study) -> tuple[Chain, ...]:
    """Split a study into chains: sets of items that recipes tie together.

    Only processes with a plant or a project tie items. An item is counted in a
    country where there is a plant, a project, a demand, a lane or a stock. A project
    is a plant without capacity until it stands.

    Returns
    -------
    tuple of Chain
        Sorted by name; quantities in t a year, money in USD per t. Values are raw:
        nan where the study has none.

    Raises
    ------
    InputError
        If a capacity, a quantity or a base activity that the market needs is null.
    """
    tables = _Tables.read(study)
    _refuse_gaps(tables, study)
    return tuple(_build(tables, study, items) for items in _connected(tables))


@dataclass(frozen=True)
class _Tables:
    """Rows of the tables that make chains, in key order."""

    items: dict[str, Row]
    main_item: dict[str, str]
    recipes: dict[str, list[tuple[str, float]]]
    plants: list[Row]
    demands: list[Row]
    lanes: list[Row]
    stocks: list[Row]
    prices: dict[Key, tuple[float, str]]

    @staticmethod
    def read(study: Study) -> _Tables:
        from oreserve.study import base_prices

        recipes: dict[str, list[tuple[str, float]]] = {}
        for row in study.table("recipes").iter_rows(named=True):
            line = (row["item"], float(row["coefficient"]))
            recipes.setdefault(row["process"], []).append(line)
        main_item = {}
        for row in study.table("processes").iter_rows(named=True):
            lines = recipes.get(row["process"], [])
            main_item[row["process"]] = row["main_item"] or _main_of(lines)
        plants = [
            {**row, "plant": row["plant"], "is_project": False}
            for row in study.table("plants").iter_rows(named=True)
        ]
        plants += [
            {**row, "plant": row["project"], "is_project": True}
            for row in study.table("projects").iter_rows(named=True)
        ]
        prices = {
            (row["item"], row["country"]): (float(row["usd_per_t"]), row["evidence"])
            for row in base_prices(study).iter_rows(named=True)
        }
        observed = [
            row
            for row in study.table("lanes").iter_rows(named=True)
            if (row["kind"] or "observed") == "observed"
            and row["exporter"] != row["importer"]
        ]
        return _Tables(
            items={r["item"]: r for r in study.table("items").iter_rows(named=True)},
            main_item=main_item,
            recipes={p: sorted(lines) for p, lines in recipes.items()},
            plants=sorted(plants, key=lambda r: str(r["plant"])),
            demands=_sorted(study, "demands", "demand"),
            lanes=sorted(
                observed, key=lambda r: (r["item"], r["exporter"], r["importer"])
            ),
            stocks=_sorted(study, "stocks", "stock"),
            prices=prices,
        )


def _sorted(study: Study, table: str, key: str) -> list[Row]:
    return sorted(study.table(table).iter_rows(named=True), key=lambda r: str(r[key]))


def _main_of(lines: Iterable[tuple[str, float]]) -> str:
    """Return the output whose coefficient is 1, the first in order if several."""
    ones = sorted(item for item, value in lines if value == 1.0)
    outputs = sorted(item for item, value in lines if value > 0.0)
    return (ones or outputs or [""])[0]


def project_start_year(row: Row) -> float:
    """Return the first year of a project's output if it is decided at once."""
    earliest = row.get("earliest_year")
    if earliest is None:
        return FAR_YEAR
    return float(earliest) + float(row.get("lead_time_years") or 0.0)


def _refuse_gaps(tables: _Tables, study: Study) -> None:
    problems = []
    for row in tables.plants:
        table = "projects" if row["is_project"] else "plants"
        if row["capacity_t_per_year"] is None:
            problems.append(f"{table}: {row['plant']}: capacity_t_per_year is missing")
        if (
            (study.settings.calibrate or study.settings.reconcile)
            and not row["is_project"]
            and row["base_activity_t_per_year"] is None
        ):
            problems.append(
                f"plants: {row['plant']}: base_activity_t_per_year is missing; "
                "reconciliation and calibration need it (0 for a plant that stood "
                f"still in {study.settings.base_year})"
            )
    problems += [
        f"demands: {row['demand']}: quantity_t_per_year is missing"
        for row in tables.demands
        if row["quantity_t_per_year"] is None
    ]
    if problems:
        raise InputError("\n".join(problems))


def _connected(tables: _Tables) -> list[tuple[str, ...]]:
    """Return sets of items tied by processes that have a plant or a project."""
    parent = {item: item for item in tables.items}

    def root(item: str) -> str:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for process in sorted({row["process"] for row in tables.plants}):
        lines = tables.recipes.get(process, [])
        for item, _ in lines[1:]:
            first, second = root(lines[0][0]), root(item)
            parent[max(first, second)] = min(first, second)
    used = {item for row in tables.plants for item, _ in tables.recipes[row["process"]]}
    used |= {row["item"] for row in (*tables.demands, *tables.lanes, *tables.stocks)}
    sets: dict[str, list[str]] = {}
    for item in sorted(used):
        sets.setdefault(root(item), []).append(item)
    return [tuple(sets[name]) for name in sorted(sets)]


def _build(tables: _Tables, study: Study, items: tuple[str, ...]) -> Chain:
    member = frozenset(items)
    plants = [
        row
        for row in tables.plants
        if any(i in member for i, _ in tables.recipes[row["process"]])
    ]
    demands = [row for row in tables.demands if row["item"] in member]
    lanes = [row for row in tables.lanes if row["item"] in member]
    stocks = [row for row in tables.stocks if row["item"] in member]
    keys = {(r["item"], r["country"]) for r in (*demands, *stocks)}
    for row in plants:
        keys |= {(i, row["country"]) for i, _ in tables.recipes[row["process"]]}
    for row in lanes:
        keys |= {(row["item"], row["exporter"]), (row["item"], row["importer"])}
    order = sorted(keys)
    node_of = {key: n for n, key in enumerate(order)}
    countries = tuple(sorted({country for _, country in order}))
    settings = study.settings
    demands = demands + _joint_demands(tables, study, plants)
    demands.sort(key=lambda row: str(row["demand"]))
    plant_rows = _plants(tables, plants, node_of, items, countries)
    rows = [tables.items[item] for item in items]
    return Chain(
        name=items[0],
        items=items,
        countries=countries,
        minerals=tuple(str(r["mineral"] or r["item"]) for r in rows),
        stages=tuple(str(r["stage"] or "") for r in rows),
        nodes=_nodes(tables, order, items, countries),
        plants=plant_rows,
        demands=_demands(tables, demands, node_of, settings.default_elasticity),
        lanes=_lanes(lanes, node_of),
        world=_world(plant_rows, order, items),
        disposal=_per_item(rows, "disposal_usd_per_t", 0.0),
        lane_cost_share=_per_item(rows, "lane_cost_share", 0.02),
        lane_growth=_per_item(rows, "lane_growth_per_year", 0.5),
        entry_share=_per_item(rows, "entry_share", 0.1),
        leakage_share=_per_item(rows, "leakage_share", 0.3),
        leakage_cost_share=_per_item(rows, "leakage_cost_share", 0.15),
    )


def _per_item(rows: Sequence[Row], column: str, default: float) -> Floats:
    return np.array(
        [default if r[column] is None else float(r[column]) for r in rows], dtype=float
    )


def _column(rows: Sequence[Row], name: str, default: float = NAN) -> Floats:
    values = [row.get(name) for row in rows]
    return np.array([default if v is None else float(v) for v in values], dtype=float)


def _index(values: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.array(list(values), dtype=np.int64)


def _evidence(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(str(row.get("evidence") or "assumed") for row in rows)


def _sigma(rows: Sequence[Row], values: Floats) -> Floats:
    share = np.array([SIGMA_SHARE[e] for e in _evidence(rows)], dtype=float)
    return share * values


def _nodes(
    tables: _Tables,
    order: list[Key],
    items: tuple[str, ...],
    countries: tuple[str, ...],
) -> Nodes:
    item_of = {item: k for k, item in enumerate(items)}
    country_of = {country: k for k, country in enumerate(countries)}
    known = [tables.prices.get(key) for key in order]
    return Nodes(
        item=_index(item_of[item] for item, _ in order),
        country=_index(country_of[country] for _, country in order),
        price=np.array([NAN if k is None else k[0] for k in known], dtype=float),
        price_sigma_share=np.array(
            [SIGMA_SHARE["assumed" if k is None else k[1]] for k in known], dtype=float
        ),
        price_read=np.array([k is not None and k[1] == "read" for k in known], bool),
    )


def _plants(
    tables: _Tables,
    rows: list[Row],
    node_of: dict[Key, int],
    items: tuple[str, ...],
    countries: tuple[str, ...],
) -> Plants:
    item_of = {item: k for k, item in enumerate(items)}
    country_of = {country: k for k, country in enumerate(countries)}
    project = np.array([bool(row["is_project"]) for row in rows], dtype=bool)
    base = np.where(project, 0.0, _column(rows, "base_activity_t_per_year"))
    first_year = np.array(
        [
            project_start_year(row)
            if row["is_project"]
            else float(-math.inf if row["first_year"] is None else row["first_year"])
            for row in rows
        ],
        dtype=float,
    )
    triplets = [
        (f, node_of[item, row["country"]], value)
        for f, row in enumerate(rows)
        for item, value in tables.recipes[row["process"]]
    ]
    capacity = _column(rows, "capacity_t_per_year")
    return Plants(
        name=tuple(str(row["plant"]) for row in rows),
        process=tuple(str(row["process"]) for row in rows),
        main_item=_index(item_of[tables.main_item[row["process"]]] for row in rows),
        country=_index(country_of[row["country"]] for row in rows),
        aggregate=np.array([bool(row["aggregate"]) for row in rows], dtype=bool),
        capacity=np.where(project, 0.0, capacity),
        base=base,
        base_sigma=_sigma(rows, base),
        idle=np.where(project, 0.0, _column(rows, "idle_t_per_year", 0.0)),
        restart_years=_column(rows, "restart_years", 0.0),
        restart_usd_per_t=_column(rows, "restart_usd_per_t"),
        cost=_column(rows, "cost_usd_per_t"),
        supply_elasticity=np.where(project, NAN, _column(rows, "supply_elasticity")),
        first_year=first_year,
        last_year=_column(rows, "last_year", math.inf),
        evidence=_evidence(rows),
        recipe_plant=_index(t[0] for t in triplets),
        recipe_node=_index(t[1] for t in triplets),
        recipe_t_per_t=np.array([t[2] for t in triplets], dtype=float),
    )


def _joint_demands(tables: _Tables, study: Study, plants: list[Row]) -> list[Row]:
    """Return the residual demands of joint products, 2 % of a country's output.

    Without them lanthanum is worth nothing, and dysprosium too when the big mine
    stops.
    """
    settings = study.settings
    elasticity = settings.joint_product_elasticity
    if not settings.calibrate or elasticity == 0.0:
        return []
    output: dict[Key, float] = {}
    for row in plants:
        lines = tables.recipes[row["process"]]
        outputs = [(item, value) for item, value in lines if value > 0.0]
        if len(outputs) <= JOINT_OUTPUTS or row["is_project"]:
            continue
        for item, value in outputs:
            key = (item, row["country"])
            made = value * float(row["base_activity_t_per_year"])
            output[key] = output.get(key, 0.0) + made
    return [
        {
            "demand": f"{JOINT}:{item}:{country}",
            "item": item,
            "country": country,
            "sector": JOINT,
            "class": JOINT,
            "quantity_t_per_year": JOINT_SHARE * made,
            "price_elasticity": elasticity,
            "price_elasticity_short": elasticity,
            "evidence": "assumed",
        }
        for (item, country), made in sorted(output.items())
        if made > 0.0
    ]


def _demands(
    tables: _Tables,
    rows: list[Row],
    node_of: dict[Key, int],
    default_elasticity: float,
) -> Demands:
    elasticity = _column(rows, "price_elasticity", default_elasticity)
    short = _column(rows, "price_elasticity_short")
    quantity = _column(rows, "quantity_t_per_year")
    price = np.array(
        [tables.prices.get((r["item"], r["country"]), (NAN, ""))[0] for r in rows],
        dtype=float,
    )
    ceiling = _column(rows, "max_price_usd_per_t")
    ceiling = np.where(np.isfinite(ceiling), ceiling, MAX_PRICE_FACTOR * price)
    return Demands(
        name=tuple(str(row["demand"]) for row in rows),
        node=_index(node_of[row["item"], row["country"]] for row in rows),
        klass=tuple(str(row["class"] or "other") for row in rows),
        sector=tuple(str(row["sector"] or "") for row in rows),
        quantity=quantity,
        quantity_sigma=_sigma(rows, quantity),
        growth=_column(rows, "growth_per_year", 0.0),
        elasticity=elasticity,
        elasticity_short=np.where(np.isfinite(short), short, SHORT_SHARE * elasticity),
        max_price=ceiling,
        loss=_column(rows, "loss_usd_per_t"),
        loss_includes_price=np.array(
            [row.get("loss_basis") == "includes_price" for row in rows], dtype=bool
        ),
        stock_days=_column(rows, "stock_days"),
        evidence=_evidence(rows),
    )


def _lanes(rows: list[Row], node_of: dict[Key, int]) -> Lanes:
    base = _column(rows, "base_t_per_year")
    return Lanes(
        from_node=_index(node_of[r["item"], r["exporter"]] for r in rows),
        to_node=_index(node_of[r["item"], r["importer"]] for r in rows),
        base=base,
        base_gross=base.copy(),
        base_sigma=_sigma(rows, base),
        cost=_column(rows, "cost_usd_per_t"),
        capacity=_column(rows, "capacity_t_per_year"),
        evidence=_evidence(rows),
    )


def _world(plants: Plants, order: list[Key], items: tuple[str, ...]) -> Floats:
    """Return world output in the base year; capacity where no base is given."""
    item_of = {item: k for k, item in enumerate(items)}
    activity = np.where(np.isfinite(plants.base), plants.base, plants.capacity)
    made = plants.recipe_t_per_t * np.nan_to_num(activity[plants.recipe_plant])
    node_item = np.array([item_of[item] for item, _ in order], dtype=np.int64)
    return sum_by(
        node_item[plants.recipe_node], np.maximum(made, 0.0), minlength=len(items)
    )
