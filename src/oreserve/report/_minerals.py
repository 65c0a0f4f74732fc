# SPDX-License-Identifier: Apache-2.0
"""Each mineral's chain: who mines, refines, makes and uses it; where it runs short."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from oreserve.report import _charts, _sankey
from oreserve.report import _format as fmt
from oreserve.report._tables import Column, make_table, number_column

if TYPE_CHECKING:
    from oreserve.report._folder import ResultFolder

__all__ = ["chain_drawing", "mineral_sections", "slug"]

STAGES = ("mine", "concentrate", "refine", "metal", "alloy", "component", "use")
OTHER = "*"
MAX_SCENARIOS = 3
OPTIONAL = (
    "sankey", "sankey_text", "chain_table", "shortage", "shortage_text", "price",
    "worst_table",
)  # fmt: skip


def mineral_sections(
    result: ResultFolder, *, partners: frozenset[str], home: frozenset[str]
) -> list[dict[str, Any]]:
    """Collect one section a mineral, those with the largest loss first.

    Parameters
    ----------
    result
        The plan's folder with `chain` and `worst_scenarios`.
    partners, home
        Country codes drawn in the colours of partners and of home.
    """
    chain = result.rows(
        "chain", "mineral", "kind", "stage", "item", "country", "to_stage",
        "to_country", "t",
    )  # fmt: skip
    by_mineral: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in chain:
        by_mineral[row["mineral"]].append(row)
    worst = result.table(
        "worst_scenarios", "mineral", "item", "rank", "scenario", "period", "wanted_t",
        "served_without_t", "served_with_t", "price_usd_per_t", "price_base_usd_per_t",
    )  # fmt: skip
    losses = _losses(result)
    names = sorted(
        set(by_mineral) | {m for m in losses if m}, key=lambda m: (-losses.get(m, 0), m)
    )
    sections = []
    for name in names:
        drawing = chain_drawing(name, by_mineral.get(name, []), partners, home)
        lines = (
            _worst_lines(name, worst.filter(pl.col("mineral") == name))
            if worst.height
            else {}
        )
        if drawing or lines:
            sections.append({
                **dict.fromkeys(OPTIONAL),
                "mineral": slug(name),
                "title": fmt.item_name(name),
                "loss": fmt.money(losses.get(name)) if losses.get(name) else None,
                **drawing,
                **lines,
            })  # fmt: skip
    return sections


def slug(name: str) -> str:
    """Return a name that can be an id: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def _losses(result: ResultFolder) -> dict[str, float]:
    losses: dict[str, float] = defaultdict(float)
    for row in result.rows("coverage", "mineral", "expected_loss_without_usd"):
        losses[row["mineral"]] += row["expected_loss_without_usd"] or 0.0
    return dict(losses)


def chain_drawing(
    name: str,
    rows: list[dict[str, Any]],
    partners: frozenset[str],
    home: frozenset[str],
    *,
    what: str = "shares of each stage by country",
) -> dict[str, Any]:
    """Draw the chain and write its twin, the shares by stage and country."""
    outputs: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    items: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "output" and (row["t"] or 0) > 0:
            outputs[row["stage"]][row["country"]] += row["t"]
            if row["item"] and row["item"] not in items[row["stage"]]:
                items[row["stage"]].append(row["item"])
    stages = [stage for stage in STAGES if sum(outputs.get(stage, {}).values()) > 0]
    if not stages:
        return {}
    totals = {stage: sum(outputs[stage].values()) for stage in stages}
    folded = {
        stage: _sankey.fold_small(
            {c: t / totals[stage] for c, t in outputs[stage].items()},
            keep=home,
            other=OTHER,
        )
        for stage in stages
    }
    columns = []
    for stage in stages:
        shares: dict[str, float] = defaultdict(float)
        for country, t in outputs[stage].items():
            shares[folded[stage][country]] += t / totals[stage]
        ordered = sorted(shares, key=lambda c: (c == OTHER, -shares[c], c))
        columns.append(
            _sankey.Column(
                stage, _title(stage, items[stage]), {c: shares[c] for c in ordered}
            )
        )
    ribbons = _ribbons(rows, stages, totals, folded)
    colours = dict.fromkeys(partners, "ally") | dict.fromkeys(home, "home")
    everyone = {c for stage in stages for c in outputs[stage]}
    names = {c: fmt.country_name(c) for c in everyone} | {OTHER: "Others"}
    twin = [
        {"stage": stage, "country": c, "share": t / totals[stage], "t": t}
        for stage in stages
        for c, t in sorted(outputs[stage].items(), key=lambda p: (-p[1], p[0]))
    ]
    description = "; ".join(
        f"{column.stage}: "
        + ", ".join(
            f"{names.get(c, c)} {fmt.share(s)}"
            for c, s in list(column.shares.items())[:4]
        )
        for column in columns
    )
    return {
        "sankey": _sankey.draw_sankey(
            columns,
            ribbons,
            title=f"{fmt.item_name(name)}: {what}",
            description=description,
            names=names,
            colours=colours,
            identity=f"chain-{slug(name)}",
        ),
        "sankey_text": description,
        "chain_table": make_table(
            f"{fmt.item_name(name)}: output by stage and country",
            twin,
            [
                Column("stage", "Stage"),
                Column("country", "Country", fmt.country_name),
                number_column("share", "Share", fmt.share),
                number_column("t", "t, mineral-equivalent", fmt.number),
            ],
            most=40,
        ),
    }


def _title(stage: str, items: list[str]) -> str:
    if stage == "use":
        return "by country"
    return fmt.item_name(items[0]) if len(items) == 1 else f"{len(items)} items"


def _ribbons(
    rows: list[dict[str, Any]],
    stages: list[str],
    totals: dict[str, float],
    folded: dict[str, dict[str, str]],
) -> list[_sankey.Ribbon]:
    """Sum the flows between blocks and scale them to the two columns.

    At its target a ribbon takes the part of the block that the flow is of all that
    the block received: some inputs of a stage are not in the data.
    """
    flows: dict[tuple[str, str, str, str], float] = defaultdict(float)
    received: dict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        ends = row["kind"] == "flow" and row["stage"] in stages
        if not ends or row["to_stage"] not in stages or not row["t"]:
            continue
        block = folded[row["stage"]].get(row["country"])
        to_block = folded[row["to_stage"]].get(row["to_country"])
        if block is None or to_block is None:
            continue
        flows[row["stage"], block, row["to_stage"], to_block] += row["t"]
        received[row["to_stage"], to_block] += row["t"]
    shares: dict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        if row["kind"] == "output" and row["stage"] in stages:
            block = folded[row["stage"]].get(row["country"], OTHER)
            shares[row["stage"], block] += (row["t"] or 0) / totals[row["stage"]]
    return [
        _sankey.Ribbon(
            stage,
            block,
            to_stage,
            to_block,
            out_share=t / totals[stage],
            in_share=shares[to_stage, to_block] * t / received[to_stage, to_block],
        )
        for (stage, block, to_stage, to_block), t in sorted(flows.items())
    ]


def _is_short(shares: list[float | None]) -> bool:
    """Tell whether any share of use goes beyond the block worth the base price."""
    from oreserve.market import BASE_BLOCK, beyond_block

    values = np.array([share or 0.0 for share in shares])
    counted = beyond_block(values, np.ones(len(values)), BASE_BLOCK)
    return bool(counted.any())


def _worst_lines(name: str, frame: pl.DataFrame) -> dict[str, Any]:
    """Draw shortage and price of a mineral's items in the worst scenarios."""
    if frame.height == 0:
        return {}
    frame = frame.with_columns(
        year=pl.col("period").cast(pl.String).str.slice(0, 4).cast(pl.Int64),
    )
    ranks = sorted(frame.get_column("rank").drop_nulls().unique().to_list())
    ranks = ranks[:MAX_SCENARIOS]
    labels = {r: f"worst scenario {k}" for k, r in enumerate(ranks, start=1)}
    kept = frame.filter(pl.col("rank").is_in(ranks)).with_columns(
        label=pl.col("rank").replace_strict(labels, default=""),
        value=pl.col("wanted_t") * pl.col("price_base_usd_per_t").fill_null(1.0),
        without=pl.col("served_without_t")
        * pl.col("price_base_usd_per_t").fill_null(1),
        with_=pl.col("served_with_t") * pl.col("price_base_usd_per_t").fill_null(1.0),
    )
    # Items of one mineral stand on different bases: they are added by value.
    short = (
        kept.group_by("label", "year", maintain_order=True)
        .agg(pl.col("value", "without", "with_").sum())
        .with_columns(
            pl.when(pl.col("value") > 0)
            .then(1 - pl.col(name_) / pl.col("value"))
            .clip(0, 1)
            .alias(out)
            for name_, out in (("without", "without plan"), ("with_", "with plan"))
        )
        .sort("label", "year")
    )
    if not _is_short(short.get_column("without plan").to_list()):
        return {}
    long = short.unpivot(
        ["without plan", "with plan"], index=["label", "year"],
        variable_name="programme", value_name="short",
    ).rename({"label": "scenario"})  # fmt: skip
    peak = short.sort("without plan", descending=True, nulls_last=True).row(
        0, named=True
    )
    description = (
        f"Deepest: {fmt.share(peak['without plan'])} of use short in {peak['year']} "
        f"without the plan, {fmt.share(peak['with plan'])} with it."
    )
    title = fmt.item_name(name)
    return {
        "shortage": _charts.shortage_chart(
            long, identity=f"short-{slug(name)}", description=f"{title}. {description}"
        ),
        "shortage_text": description,
        "price": _price_drawing(name, kept),
        "worst_table": make_table(
            f"{title} in the worst scenarios",
            kept.sort("rank", "year", "item").to_dicts(),
            [
                Column("label", "Scenario"),
                Column("year", "Year"),
                Column("states", "States", fmt.item_name),
                Column("item", "Item", fmt.item_name),
                number_column("wanted_t", "Wanted, t", fmt.number),
                number_column("served_without_t", "Served without", fmt.number),
                number_column("served_with_t", "Served with", fmt.number),
                number_column("price_usd_per_t", "Price, USD/t", fmt.number),
            ],
            most=60,
        ),
    }


def _price_drawing(name: str, kept: pl.DataFrame) -> str | None:
    """Draw the price of the item with the largest use, as a multiple of its base."""
    priced = kept.filter(
        pl.col("price_usd_per_t").is_not_null()
        & (pl.col("price_base_usd_per_t") > 0)
        & (pl.col("price_usd_per_t") > 0)
    )
    if priced.height == 0:
        return None
    main = (
        priced.group_by("item").agg(pl.col("value").sum())
        .sort("value", "item", descending=[True, False]).row(0)[0]
    )  # fmt: skip
    lines = priced.filter(pl.col("item") == main).select(
        "year",
        scenario=pl.col("label"),
        multiple=pl.col("price_usd_per_t") / pl.col("price_base_usd_per_t"),
    )
    top = lines.get_column("multiple").max()
    return _charts.price_chart(
        lines.sort("scenario", "year"),
        identity=f"price-{slug(name)}",
        description=(
            f"{fmt.item_name(main)}: highest price {fmt.number(float(str(top)))} times "
            "the base price, market without the plan."
        ),
    )
