# SPDX-License-Identifier: Apache-2.0
"""Tables that the report draws from the study itself, written beside the plan."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.report._chain import BaseYear, chain_rows, read_base_year

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from oreserve.study import Study

__all__ = ["partner_rows", "write_study_tables"]

LATER = 2029  # the year that the strategy names for African supply
RARE_EARTHS = "rare earths"
KINDS = {"plants": "plant", "demands": "demand", "lanes": "lane"}
AGGREGATES = ("Africa", "South America")


def write_study_tables(study: Study, folder: Path) -> None:
    """Write `chain`, `partners`, `sources` and `assumptions` into a plan's folder."""
    base = read_base_year(study, _used(folder))
    minerals = sorted(set(base.mineral.values()))
    tables = {
        "chain": [row for mineral in minerals for row in chain_rows(base, mineral)],
        "partners": partner_rows(study, base),
        "sources": study.table("sources").to_dicts(),
        "assumptions": _assumed_rows(study),
    }
    for name, rows in tables.items():
        if rows:
            frame = pl.DataFrame(rows, infer_schema_length=None)
            frame.write_csv(folder / f"{name}.csv")


def _used(folder: Path) -> dict[tuple[str, str], float]:
    """Return the reconciled quantities, where the plan wrote them.

    Keys are as `read_base_year` wants them: (`lane`, `item exporter importer`) for
    the row `lanes,item:exporter>importer` of `reconciliation.csv`.
    """
    file = folder / "reconciliation.csv"
    if not file.is_file():
        return {}
    frame = pl.read_csv(file, infer_schema_length=None)
    if not {"table", "key", "used"} <= set(frame.columns):
        return {}
    known = frame.filter(pl.col("table").is_in(list(KINDS))).drop_nulls("used")
    found: dict[tuple[str, str], float] = {}
    for table, key, t in known.select("table", "key", "used").iter_rows():
        name = str(key)
        if table == "lanes":
            item, _, pair = name.rpartition(":")
            name = " ".join((item, *pair.split(">")))
        found[KINDS[table], name] = float(t)
    return found


def _regions() -> dict[str, frozenset[str]]:
    text = (files("oreserve.report") / "regions.csv").read_text(encoding="utf-8")
    found: dict[str, set[str]] = defaultdict(set)
    for row in csv.DictReader(text.splitlines()):
        found[row["region"]].add(row["country"])
    return {name: frozenset(codes) for name, codes in found.items()}


def partner_rows(study: Study, base: BaseYear) -> list[dict[str, Any]]:
    """Return each country's share of output now and in 2029, and what is open.

    Open output is neither owned by a country of concern nor promised to one. The
    later year adds the projects that can have started by then, at full capacity:
    what is planned, not what will stand.

    Returns
    -------
    list of dict
        group (a mineral, or `rare earths` for all mined together), stage, country
        (or `Africa`, `South America`, `Partners`), year, share, open_share, output_t,
        committed_t, world_t. Shares are of world output, 0-1.
    """
    regions = _regions()
    closed = regions["concern"] - set(study.home_countries)
    now = study.settings.base_year
    amounts: dict[tuple[str, str, int], dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(lambda: [0.0, 0.0])
    )

    def add(
        process: str, country: str, t: float, shut: float, years: Iterable[int]
    ) -> None:
        for item, coefficient in base.recipes.get(process, {}).items():
            if coefficient <= 0:
                continue
            key = (base.mineral[item], base.stage[item])
            for year in years:
                cell = amounts[*key, year][country]
                cell[0] += coefficient * t
                cell[1] += coefficient * t * shut

    for row in study.table("plants").iter_rows(named=True):
        t = row["base_activity_t_per_year"] or 0.0
        shut = 1.0 if row["owner_country"] in closed else 0.0
        years = [now] if row["last_year"] and row["last_year"] < LATER else [now, LATER]
        add(row["process"], row["country"], t, shut, years)
    for row in study.table("projects").iter_rows(named=True):
        if _start(row, study) > LATER:
            continue
        shut = row["committed_share"] or 0.0 if row["committed_to"] in closed else 0.0
        if row["owner_country"] in closed:
            shut = 1.0
        add(row["process"], row["country"], row["capacity_t_per_year"] or 0.0, shut,
            [LATER])  # fmt: skip
    return _share_rows(amounts, regions)


def _start(row: dict[str, Any], study: Study) -> float:
    ready = study.settings.first_year + (row["lead_time_years"] or 0.0)
    return max(row["earliest_year"] or 0.0, row["first_year"] or 0.0) or ready


def _share_rows(
    amounts: dict[tuple[str, str, int], dict[str, list[float]]],
    regions: dict[str, frozenset[str]],
) -> list[dict[str, Any]]:
    rows = []
    for (mineral, stage, year), cells in sorted(amounts.items()):
        world = sum(cell[0] for cell in cells.values())
        if world <= 0:
            continue
        sums = {c: tuple(cell) for c, cell in cells.items() if c in regions["partner"]}
        for name, members in (
            *((a, regions[a]) for a in AGGREGATES),
            ("Partners", regions["partner"]),
        ):
            inside = [cell for c, cell in cells.items() if c in members]
            sums[name] = (sum(c[0] for c in inside), sum(c[1] for c in inside))
        rows += [
            {
                "group": mineral,
                "stage": stage,
                "country": country,
                "year": year,
                "share": total / world,
                "open_share": (total - shut) / world,
                "output_t": total,
                "committed_t": shut,
                "world_t": world,
            }
            for country, (total, shut) in sorted(sums.items())
            if total > 0
        ]
    return rows


def _assumed_rows(study: Study) -> list[dict[str, Any]]:
    """List the rows of fact that are assumed, with their main value."""
    from oreserve.tables import spec

    rows = []
    for table in sorted(study.tables):
        frame = study.tables[table]
        if "evidence" not in frame.columns:
            continue
        columns = spec(table).columns
        key = [c.name for c in columns if c.key]
        numbers = [c.name for c in columns if c.type in {"number", "integer"}]
        for row in frame.filter(pl.col("evidence") == "assumed").iter_rows(named=True):
            known = [n for n in numbers if row.get(n) is not None and n not in key]
            rows.append({
                "table": table,
                "key": " ".join(str(row[k]) for k in key if row.get(k) is not None),
                "value": "; ".join(f"{n} {row[n]:.6g}" for n in known[:3]) or None,
                "source_id": row.get("source_id"),
                "note": row.get("note"),
            })  # fmt: skip
    return rows
