# SPDX-License-Identifier: Apache-2.0
"""Assess a study: every indicator for every item, seen from one home."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._beside import check_sort, complete_ranking
from oreserve.exposure._cells import World, item_cells
from oreserve.exposure._contained import (
    contained,
    contained_cells,
    contained_frame,
    groups,
)
from oreserve.exposure._evidence import evidence_counts, evidence_frame
from oreserve.exposure._figures import read_figures
from oreserve.exposure._home import choose_minerals, home_code
from oreserve.exposure._origin_cover import origin_cells, origin_losses
from oreserve.exposure._owners import owner_cells
from oreserve.exposure._ranking import check_weights, rank
from oreserve.exposure._rows import RowKeys
from oreserve.exposure._scores import published_frame
from oreserve.exposure._standing import read_standing
from oreserve.exposure._tables import (
    chain_frame,
    measure_cells,
    measures_frame,
    origins_frame,
    points_frame,
    price_cells,
    shares_frame,
)
from oreserve.exposure._trace import trace
from oreserve.exposure._uses import NO_USE, read_uses
from oreserve.indicators import cells_frame
from oreserve.tables import country_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._home import UnknownName
    from oreserve.indicators import Cell
    from oreserve.study import Study

__all__ = ["TABLES", "Assessment", "assess"]

TABLES = (
    "ranking", "cells", "shares", "origins", "points", "measures", "scores",
    "sensitivity", "classes", "elements", "minerals", "chain", "evidence", "sources",
    "published",
)  # fmt: skip
REASON = "the study has no item of it"


@dataclass(frozen=True)
class Assessment:
    """How exposed home is, as tables.

    Parameters
    ----------
    study, study_title, study_hash, study_folder
        What was assessed; the folder only where the study is not bundled.
    home, home_countries, as_of, year
        For whom, seen from which day; `year` is the base year.
    reconciled, weights, threshold, cover_needed
        How.
    unknown
        Names of minerals that mean nothing here; the others were assessed.
    ranking
        One row per mineral: rank, score with bounds of missing data and of noise, its
        most exposed item, class, evidence, what home keeps without the worst origin,
        yearly use in t and USD and loss, lists. An order of exposure, not of damage.
    cells
        One row per item and indicator: value, low, high, status, unit, inputs, rows.
    shares
        Each country's part of world output by item.
    origins
        Through which countries home's uses passed, by stage and item upstream.
    points
        Countries, owners' countries and plants whose loss alone leaves the world, or
        as origin home, too little.
    measures
        Measures aimed at home by item, with what changes next.
    scores
        The score of each item and its parts.
    sensitivity, classes
        The class of each mineral under other thresholds, normalisation and weights;
        and how often it changes.
    elements
        Concentration of each element at each stage, over all items that hold it.
    minerals
        Which lists a mineral is on, and why one is not modelled.
    chain
        Home's own chain, for drawing.
    evidence
        The rows of the study behind each item's cells: value, evidence, source.
    sources
        Sources of the study.
    published
        Scores of published methods: EU, GeoPolRisk, USGS (`_scores`).
    """

    study: str
    study_title: str
    study_hash: str
    study_folder: str | None
    home: str
    home_countries: tuple[str, ...]
    as_of: str
    year: int
    reconciled: bool
    weights: Mapping[str, float]
    threshold: float
    cover_needed: float
    unknown: tuple[UnknownName, ...]
    ranking: pl.DataFrame
    cells: pl.DataFrame
    shares: pl.DataFrame
    origins: pl.DataFrame
    points: pl.DataFrame
    measures: pl.DataFrame
    scores: pl.DataFrame
    sensitivity: pl.DataFrame
    classes: pl.DataFrame
    elements: pl.DataFrame
    minerals: pl.DataFrame
    chain: pl.DataFrame
    evidence: pl.DataFrame
    sources: pl.DataFrame
    published: pl.DataFrame

    def figures(self) -> dict[str, Any]:
        """Return what `assess.json` holds: the head and the ranked table."""
        from oreserve.market.outcome import versions

        return {
            "study": self.study,
            "study_title": self.study_title,
            "study_hash": self.study_hash,
            "study_folder": self.study_folder,
            "home": self.home,
            "home_countries": list(self.home_countries),
            "as_of": self.as_of,
            "base_year": self.year,
            "reconciled": self.reconciled,
            "weights": dict(self.weights),
            "threshold": self.threshold,
            "cover_needed": self.cover_needed,
            "minerals": self.minerals.height,
            "without_data": self.ranking.filter(
                pl.col("score").is_null(), ~pl.col("class").is_in(["group", NO_USE])
            ).height,
            "not_used": self.ranking.filter(pl.col("class") == NO_USE).height,
            "problems": [u.message for u in self.unknown],
            "unknown": [
                {"name": u.name, "nearest": u.nearest, "message": u.message}
                for u in self.unknown
            ],
            "ranking": self.ranking.to_dicts(),
            "versions": versions(),
        }

    def save(self, folder: str | Path) -> Path:
        """Write `assess.json` and one CSV per table; whole or not at all."""
        from oreserve.study import whole_folder

        with whole_folder(Path(folder), marker="assess.json") as made:
            for name in TABLES:
                frame: pl.DataFrame = getattr(self, name)
                frame.write_csv(made / f"{name}.csv")
            text = json.dumps(self.figures(), indent=2, ensure_ascii=False)
            (made / "assess.json").write_text(text + "\n", encoding="utf-8")
        return Path(folder)

    def summary(self) -> str:
        """Return a few lines: the most exposed minerals, and what has no data."""
        label = country_names().get(self.home, self.home)
        lines = [
            (
                f"{self.study}, home {self.home} ({label}), base year {self.year}, "
                f"as of {self.as_of}"
            )
        ]
        known = self.ranking.drop_nulls("score").head(5)
        lines += [
            f"  {row['rank']}. {row['mineral']}: score {row['score']:.2f} "
            f"({row['low']:.2f} to {row['high']:.2f}), most exposed at "
            f"{row['item']}, {row['reliance']:.0%} from abroad ({row['reliance_kind']})"
            for row in known.iter_rows(named=True)
        ]
        absent = self.ranking.filter(
            pl.col("score").is_null(), ~pl.col("class").is_in(["group", NO_USE])
        )["mineral"].to_list()
        if absent:
            lines.append(f"no data: {', '.join(absent)}")
        unused = self.ranking.filter(pl.col("class") == NO_USE)["mineral"].to_list()
        if unused:
            lines.append(f"no use in the study: {', '.join(unused)}")
        soon = self.measures.drop_nulls("next_change").sort("next_change", "measure")
        if soon.height:
            first = soon.row(0, named=True)
            lines.append(
                f"next change of a measure: {first['measure']} on "
                f"{first['next_change']}, in {first['days_to_change']} days"
            )
        late = self.measures.filter(state="overdue")
        for measure, back in (
            late.select("measure", "suspended_until")
            .unique()
            .sort("suspended_until", "measure")
            .iter_rows()
        ):
            lines.append(
                f"overdue: {measure} stands as suspended until {back}, which has "
                "passed; look its status up"
            )
        lines += [one.message for one in self.unknown]
        return "\n".join(lines)


def assess(
    study: Study,
    *,
    home: str | None = None,
    minerals: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    threshold: float = 0.4,
    cover_needed: float = 0.5,
    reconciled: bool = True,
    sort: str = "score",
) -> Assessment:
    """Assess how exposed home is, for every mineral, stage and supplier.

    Parameters
    ----------
    study
        A loaded study.
    home
        Country or bloc instead of the study's own: code, name or number.
    minerals
        Only these; all by default. Unknown names are returned in `unknown` and drop
        no other.
    weights
        Of `reliance`, `concentration`, `governance`, `cover` in the score; 1 each.
    threshold
        Score from which a mineral is called critical, 0-1.
    cover_needed
        A supplier without which less than this part of supply is left is a single
        point of failure, above 0 to 1.
    reconciled
        Use the figures that add up (the market's); else the raw ones.
    sort
        Order of the ranking: `score`, or `value` or `loss`, the yearly use in USD and
        what home loses if none of it is served. Ranks stay those of the score.

    Returns
    -------
    Assessment
        Missing is null, with status `no_data`, never 0.

    Raises
    ------
    InputError
        If home is unknown, or no mineral is known.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> found = assess(load_study("tiny"), home="usa", minerals=["Ga"])
    >>> found.ranking.select("mineral", "item", "status").rows()
    [('gallium', 'gallium', 'partial')]
    """
    if not 0 < threshold <= 1:
        message = f"threshold: {threshold}; allowed is above 0 to 1"
        raise InputError(message)
    whole_weights, order = check_weights(weights), check_sort(sort)
    code = home_code(study, home)
    chosen = choose_minerals(study, minerals)
    world = _world(study, study.members(code), chosen.minerals, reconciled,
                   cover_needed)  # fmt: skip
    measures = measures_frame(study, world, code)
    losses = {mineral: origin_losses(world, mineral) for mineral in world.traces}
    held = contained(world)
    cells = (
        *item_cells(world), *owner_cells(world), *origin_cells(world, losses),
        *contained_cells(world, held), *measure_cells(world, measures),
        *price_cells(study, world),
    )  # fmt: skip
    kept = tuple(c for c in cells if c.keys["mineral"] in set(chosen.minerals))
    grouped = {m: w for m, w in groups(world).items() if m in chosen.minerals}
    ranked_ones = [m for m in chosen.minerals if m not in grouped]
    uses = read_uses(world, ranked_ones, kept)
    ranking = rank(
        tuple(c for c in kept if c.keys["mineral"] not in grouped),
        ranked_ones,
        weights=whole_weights, threshold=threshold, uses=uses,
    )  # fmt: skip
    listed = _minerals_table(study, chosen.minerals)
    ranked = complete_ranking(
        study, world, ranking, found=held, losses=losses, grouped=grouped,
        minerals=listed, weights=whole_weights, sort=order, absent=uses.absent,
        cells=kept,
    )  # fmt: skip
    table = _cells_table(study, kept)
    only = pl.col("mineral").is_in(list(chosen.minerals))
    return Assessment(
        study=study.name,
        study_title=study.title,
        study_hash=study.hash,
        study_folder=str(Path(study.folder).resolve())
        if study.folder is not None and _is_private(study)
        else None,
        home=code,
        home_countries=world.home,
        as_of=study.settings.as_of,
        year=world.year,
        reconciled=reconciled and study.settings.reconcile,
        weights=whole_weights,
        threshold=threshold,
        cover_needed=cover_needed,
        unknown=chosen.unknown,
        ranking=ranked,
        cells=table,
        shares=shares_frame(world).filter(only),
        origins=origins_frame(world),
        points=points_frame(world, losses).filter(only),
        measures=measures.filter(only),
        scores=ranking.items,
        sensitivity=ranking.sensitivity,
        classes=ranking.summary,
        elements=contained_frame(world, held).filter(only),
        minerals=listed,
        chain=chain_frame(world, code),
        evidence=evidence_frame(study, table),
        sources=study.table("sources"),
        published=published_frame(study, world, chosen.minerals),
    )


def _world(
    study: Study,
    home: tuple[str, ...],
    minerals: tuple[str, ...],
    reconciled: bool,  # noqa: FBT001  # private
    cover_needed: float,
) -> World:
    figures = read_figures(study, reconciled=reconciled)
    scores = dict(study.table("countries").select("country", "governance").iter_rows())
    demands: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = study.table("demands").select("item", "demand", "country")
    for item, demand, country in rows.iter_rows():
        demands[item].append((demand, country))
    modelled = sorted(set(figures.minerals) & set(minerals))
    traces = {
        mineral: found
        for mineral in modelled
        if (found := trace(figures.base, mineral, home=home,
                           countries=figures.countries)) is not None
    }  # fmt: skip
    return World(
        figures=figures,
        home=home,
        year=study.settings.base_year,
        governance=np.array(
            [np.nan if (g := scores.get(c)) is None else g for c in figures.countries]
        ),
        traces=traces,
        rows=RowKeys(figures, demands),
        cover_needed=cover_needed,
        standing=read_standing(study, figures, home),
    )


def _cells_table(study: Study, found: tuple[Cell, ...]) -> pl.DataFrame:
    """Return the cells with the rows behind them, and how these are known."""
    plain = [
        replace(c, inputs={k: v for k, v in c.inputs.items() if k != "rows"})
        for c in found
    ]
    keys = [(c.keys["mineral"], c.keys["item"], c.indicator) for c in found]
    rows = pl.DataFrame(
        [(*key, str(c.inputs["rows"])) for key, c in zip(keys, found, strict=True)],
        schema=dict.fromkeys(("mineral", "item", "indicator", "rows"), pl.String),
        orient="row",
    )
    table = cells_frame(plain).select(
        "mineral", "item", "stage", "indicator", "year", "value", "low", "high",
        "status", "unit", "inputs",
    )  # fmt: skip
    joined = table.join(
        rows, on=["mineral", "item", "indicator"], how="left", maintain_order="left"
    )
    marks = evidence_counts(study, joined["rows"].to_list())
    return joined.with_columns(pl.Series("evidence", marks, dtype=pl.String))


def _is_private(study: Study) -> bool:
    from oreserve.study import studies

    # A copy of a bundled study under its old name is another study.
    bundled = {Path(path).resolve() for path in studies()["path"]}
    return study.folder is not None and Path(study.folder).resolve() not in bundled


def _minerals_table(study: Study, minerals: tuple[str, ...]) -> pl.DataFrame:
    items = study.table("items").group_by("mineral").len("items")
    lists = (
        study.table("lists")
        .sort("mineral", "list")
        .group_by("mineral")
        .agg(
            lists=pl.col("list").str.join("; "),
            reason=pl.col("unmodelled_reason").drop_nulls().first(),
        )
    )
    return (
        pl.DataFrame({"mineral": list(minerals)}, schema={"mineral": pl.String})
        .join(items, on="mineral", how="left", maintain_order="left")
        .join(lists, on="mineral", how="left", maintain_order="left")
        .with_columns(
            status=pl.when(pl.col("items").is_null())
            .then(pl.lit("no_data"))
            .otherwise(pl.lit("modelled")),
            items=pl.col("items").fill_null(0),
            reason=pl.when(pl.col("items").is_null()).then(
                pl.col("reason").fill_null(REASON)
            ),
        )
    )
