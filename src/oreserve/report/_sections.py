# SPDX-License-Identifier: Apache-2.0
"""The pages after the first: programmes, reserve, worst cases, partners, evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.report import _charts
from oreserve.report import _format as fmt
from oreserve.report._tables import (
    Column,
    Table,
    make_table,
    number_column,
    source_link,
)

if TYPE_CHECKING:
    from oreserve.report._folder import ResultFolder

__all__ = [
    "assumptions",
    "build_up",
    "frontier",
    "partners",
    "programmes",
    "reconciliation",
    "requirements",
    "sensitivity",
    "shocks",
    "sources",
    "verification",
    "worst_scenarios",
]

PROGRAMMES = {
    "reserve": "Reserve only",
    "contracts": "Agreements and floors only",
    "agreements": "Agreements and floors only",
    "all": "All together",
}
RARE_EARTHS = "rare earths"
STAGES = ("mine", "concentrate", "refine", "metal", "alloy", "component")
FAR = 3.0  # standard errors: beyond this a reader should look at the row
LARGEST = 6  # colours that a reader can tell apart


def programmes(result: ResultFolder) -> dict[str, Any] | None:
    """Compare three programmes under the same budget."""
    rows = result.rows(
        "programmes", "programme", "outlays_usd", "expected_loss_usd",
        "verified_benefit_usd", "verified_benefit_halfwidth_usd", "scenarios",
    )  # fmt: skip
    rows = [r for r in rows if r["verified_benefit_usd"] is not None]
    if not rows:
        return None
    for row in rows:
        row["label"] = PROGRAMMES.get(row["programme"], fmt.item_name(row["programme"]))
    best = max(rows, key=lambda r: r["verified_benefit_usd"])
    text = (
        f"{best['label']} avoids most: "
        + ", ".join(
            f"{r['label'].lower()} {fmt.money(r['verified_benefit_usd'])}" for r in rows
        )
        + ". "
        + _common_sample(rows, result.figure("verify"))
    ).strip()
    size, unit = fmt.scale(best["verified_benefit_usd"])
    ends = [
        [r["verified_benefit_usd"] + sign * (r["verified_benefit_halfwidth_usd"] or 0)
         for sign in (-1, 0, 1)]
        for r in rows
    ]  # fmt: skip
    frame = pl.DataFrame({
        "label": [r["label"] for r in rows],
        "low": [low / size for low, _, _ in ends],
        "value": [value / size for _, value, _ in ends],
        "high": [high / size for _, _, high in ends],
    })  # fmt: skip
    return {
        "text": text,
        "chart": _charts.bars_with_interval(
            frame,
            identity="programmes",
            title="Three programmes under the same budget",
            axis=f"Loss avoided, verified, {unit}",
            description=text,
        ),
        "table": make_table(
            "Three programmes under the same budget",
            rows,
            [
                Column("label", "Programme"),
                number_column("outlays_usd", "Outlay, million USD", fmt.millions),
                number_column("verified_benefit_usd", "Avoided", fmt.millions),
                number_column("verified_benefit_halfwidth_usd", "±", fmt.millions),
                number_column("expected_loss_usd", "Loss left", fmt.millions),
                number_column("scenarios", "Fresh scenarios", fmt.number),
            ],
        ),
    }


def _common_sample(rows: list[dict[str, Any]], verify: float | None) -> str:
    """Say on which scenarios the programmes were compared."""
    counts = [int(r["scenarios"]) for r in rows if r["scenarios"] is not None]
    if len(counts) < len(rows):
        return ""
    if len(set(counts)) > 1:
        listed = ", ".join(str(count) for count in counts)
        return f"They were verified on {listed} fresh scenarios: compare with care."
    text = f"All were verified on the same {counts[0]} fresh scenarios"
    if verify is None or verify == counts[0]:
        return f"{text}."
    return f"{text}; the first page gives the plan on all {verify:.0f}."


def frontier(result: ResultFolder) -> dict[str, Any] | None:
    """Show what more or less money would do."""
    frame = result.table(
        "frontier", "budget_usd", "outlays_usd", "expected_loss_usd", "cvar_loss_usd"
    )
    if frame.height == 0 or frame.get_column("expected_loss_usd").null_count():
        return None
    frame = frame.sort("budget_usd")
    kinds = {"expected_loss_usd": "expected", "cvar_loss_usd": "worst tenth"}
    size, unit = fmt.scale(float(str(frame.get_column("cvar_loss_usd").max() or 0)))
    long = frame.select(
        (pl.col("budget_usd") / size).alias("budget"),
        *(pl.col(c).cast(pl.Float64) / size for c in kinds),
    ).unpivot(list(kinds), index="budget", variable_name="kind", value_name="loss")
    long = long.with_columns(pl.col("kind").replace(kinds)).drop_nulls()
    first, last = frame.row(0, named=True), frame.row(-1, named=True)
    start, end = (
        f"{fmt.money(r['expected_loss_usd'])} at {fmt.money(r['budget_usd'])}"
        for r in (first, last)
    )
    text = f"Expected loss falls from {start} to {end}."
    return {
        "text": text,
        "chart": _charts.frontier_chart(
            long, unit=unit, identity="frontier", description=text
        ),
        "table": make_table(
            "Loss against budget, million USD",
            frame.to_dicts(),
            [
                number_column("budget_usd", "Budget", fmt.millions),
                number_column("outlays_usd", "Spent", fmt.millions),
                number_column("expected_loss_usd", "Expected loss", fmt.millions),
                number_column("cvar_loss_usd", "Worst tenth", fmt.millions),
            ],
        ),
    }


def build_up(result: ResultFolder) -> dict[str, Any] | None:
    """Show the reserve by year, valued at purchase price."""
    frame = result.table("build_up", "item", "mineral", "year", "stock_t")
    if frame.height == 0:
        return None
    prices = {
        r["item"]: r["unit_price_usd_per_t"]
        for r in result.rows("reserve", "item", "unit_price_usd_per_t")
        if r["unit_price_usd_per_t"]
    }
    base = {
        r["item"]: r["price_base_usd_per_t"]
        for r in result.rows("worst_scenarios", "item", "price_base_usd_per_t")
        if r["price_base_usd_per_t"]
    }
    valued = frame.with_columns(
        value=pl.col("stock_t")
        * pl.col("item").replace_strict(base | prices, default=None).cast(pl.Float64)
        / 1e6
    ).drop_nulls("value")
    if valued.height == 0:
        return None
    last = valued.group_by("item").agg(pl.col("value").max()).sort(
        "value", "item", descending=[True, False]
    )  # fmt: skip
    shown = last.get_column("item").to_list()[:LARGEST]
    rank = {item: k for k, item in enumerate(shown)}
    label = {item: fmt.item_name(item) for item in shown}
    chart = (
        valued.with_columns(
            rank=pl.col("item").replace_strict(rank, default=LARGEST),
            label=pl.col("item").replace_strict(label, default="Others"),
        )
        .group_by("year", "label", "rank")
        .agg(pl.col("value").sum())
        .sort("year", "rank")
    )
    end = int(str(valued.get_column("year").max()))
    total = valued.filter(pl.col("year") == end).get_column("value").sum()
    text = f"By {end} the reserve holds {fmt.money(1e6 * float(total))} of goods."
    return {
        "text": text,
        "chart": _charts.build_up_chart(chart, identity="build-up", description=text),
        "table": make_table(
            "Stock at the end of the year, t",
            frame.sort("item", "year").to_dicts(),
            [
                Column("item", "Item", fmt.item_name),
                Column("year", "Year"),
                number_column("stock_t", "Stock, t", fmt.number),
            ],
            most=80,
        ),
    }


def requirements(result: ResultFolder) -> dict[str, Any] | None:
    """Show what a stockpile agency compares: the conflict case by class and year."""
    frame = result.table(
        "requirements", "class", "year", "item", "case", "need_t",
        "initial_shortfall_t", "net_shortfall_t", "reserve_needed_usd",
    )  # fmt: skip
    if frame.height == 0:
        return None
    chart = None
    if frame.get_column("reserve_needed_usd").null_count() < frame.height:
        by_class = (
            frame.group_by("year", "class")
            .agg((pl.col("reserve_needed_usd").sum() / 1e6).alias("value"))
            .sort("year", "class")
        )
        chart = _charts.requirement_chart(
            by_class,
            identity="requirements",
            description="Reserve needed by class and year, million USD.",
        )
    rows = frame.sort("item", "class", "year").to_dicts()
    return {
        "text": _need_beside_plan(result, frame),
        "chart": chart,
        "table": make_table(
            "Requirement by item, class and year",
            rows,
            [
                Column("item", "Item", fmt.item_name),
                Column("class", "Class"),
                Column("year", "Year"),
                number_column(
                    "initial_shortfall_t", "Initial shortfall, t", fmt.number
                ),
                number_column("net_shortfall_t", "After the market, t", fmt.number),
                number_column("reserve_needed_t", "Reserve needed, t", fmt.number),
            ],
            most=120,
        ),
    }


def _need_beside_plan(result: ResultFolder, frame: pl.DataFrame) -> str:
    """Relate the reserve that the bad case needs to what the plan buys."""
    needed = frame.get_column("reserve_needed_usd").cast(pl.Float64).sum()
    bought = result.figure("purchases_usd")
    if not needed or bought is None:
        return ""
    return (
        f"Filling all of it from a reserve would take {fmt.money(float(needed))}; "
        f"the plan buys {fmt.money(bought)} of goods, because it weighs this case by "
        "its chance and buys only where a purchase saves more than it costs and more "
        "than an agreement or a project would."
    )


def partners(result: ResultFolder) -> dict[str, Any] | None:
    """Show partners' shares now and in a later year, and what is open to allies."""
    frame = result.table(
        "partners", "group", "stage", "country", "year", "share", "open_share"
    )
    if frame.height == 0:
        return None
    years = sorted(frame.get_column("year").unique().to_list())
    now, later = years[0], years[-1]
    wide: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in frame.to_dicts():
        key = (row["group"], row["stage"], row["country"])
        entry = wide.setdefault(
            key, {"group": key[0], "stage": key[1], "country": key[2]}
        )
        if row["year"] in {now, later}:
            suffix = "now" if row["year"] == now else "later"
            entry[f"share_{suffix}"] = row["share"]
            entry[f"open_{suffix}"] = row["open_share"]
    rows = sorted(
        wide.values(),
        key=lambda r: (-(r.get("share_later") or 0), r["group"], r["country"]),
    )
    for row in rows:  # absent means that no plant and no project is in the study
        row.setdefault("share_now", 0.0)
        row.setdefault("share_later", 0.0)
    mined = [r for r in rows if (r["group"], r["stage"]) == (RARE_EARTHS, "mine")]
    joint = [r for r in rows if r["country"] == "Partners"]
    joint.sort(key=lambda r: (r["group"], STAGES.index(r["stage"])))
    columns = [
        number_column("share_now", f"{now}", fmt.share),
        number_column("share_later", f"{later}", fmt.share),
        number_column("open_later", f"{later}, open to allies", fmt.share),
    ]
    return {
        "text": _africa(mined, now, later),
        "now": now,
        "later": later,
        "mined": make_table(
            f"Mined rare earths: share of world output, {now} and {later}",
            mined,
            [Column("country", "Mined rare earths", fmt.country_name), *columns],
        ),
        "joint": make_table(
            f"Partners together: share of world output, {now} and {later}",
            joint,
            [Column("group", "Mineral", fmt.item_name), Column("stage", "Stage"),
             *columns],
        ),
    }  # fmt: skip


def _africa(mined: list[dict[str, Any]], now: int, later: int) -> str:
    """Test the claim of the strategy: near a tenth of mined supply from Africa."""
    africa = next((r for r in mined if r["country"] == "Africa"), None)
    if africa is None:
        return ""
    share, is_open = africa["share_later"], africa.get("open_later")
    text = (
        f"Africa's share of mined rare earths: {fmt.share(africa['share_now'])} in "
        f"{now}, {fmt.share(share)} in {later} if its projects start as planned"
    )
    if is_open is not None and share > 0:
        text += (
            f"; {fmt.share(1 - is_open / share)} of that is promised to China, so "
            f"{fmt.share(is_open)} of world supply is open to allies"
        )
    return text + "."


def sensitivity(result: ResultFolder) -> dict[str, Any] | None:
    """Show which assumptions move the benefit most."""
    frame = result.table(
        "sensitivity", "parameter", "low", "high", "base", "benefit_low_usd",
        "benefit_high_usd", "benefit_base_usd",
    )  # fmt: skip
    rows = [
        r for r in frame.to_dicts()
        if r["benefit_low_usd"] is not None and r["benefit_high_usd"] is not None
    ]  # fmt: skip
    if not rows:
        return None
    for row in rows:
        row["swing"] = abs(row["benefit_high_usd"] - row["benefit_low_usd"])
        row["label"] = fmt.item_name(row["parameter"])
        row["swing_text"] = fmt.money(row["swing"])
    rows.sort(key=lambda r: (-r["swing"], r["label"]))
    shown = [r for r in rows[:12] if r["benefit_base_usd"] is not None]
    largest = max(max(r["benefit_low_usd"], r["benefit_high_usd"]) for r in rows)
    size, unit = fmt.scale(largest)
    bars = [
        {"label": r["label"], "end": end, "start": r["benefit_base_usd"] / size,
         "stop": r[key] / size}
        for r in shown
        for end, key in (("at the low value", "benefit_low_usd"),
                         ("at the high value", "benefit_high_usd"))
    ]  # fmt: skip
    ends = [sorted((r["benefit_low_usd"], r["benefit_high_usd"])) for r in rows[:3]]
    text = "; ".join(
        f"{r['label']}: {fmt.money(low)} to {fmt.money(high)}"
        for r, (low, high) in zip(rows, ends, strict=False)
    )
    return {
        "text": text,
        "top": rows[:5],
        "chart": _charts.tornado_chart(
            pl.DataFrame(bars), unit=unit, identity="tornado", description=text
        )
        if bars
        else None,
        "table": make_table(
            "Benefit at the ends of each assumption, million USD",
            rows,
            [
                Column("label", "Assumption"),
                number_column("low", "Low", fmt.number),
                number_column("base", "Used", fmt.number),
                number_column("high", "High", fmt.number),
                number_column("benefit_low_usd", "Benefit at low", fmt.millions),
                number_column("benefit_high_usd", "Benefit at high", fmt.millions),
                Column("kind", "How", fmt.item_name),
            ],
        ),
    }


def shocks(result: ResultFolder) -> Table | None:
    """List the shocks: whether each binds, and where."""
    rows = result.rows("shocks", "shock", "binds", "where", "items_short", "loss_usd")
    if not rows:
        return None
    for row in rows:
        row["binds"] = "yes" if str(row["binds"]).lower() in {"true", "1"} else "no"
    return make_table(
        "Shocks: do they bind, and where",
        rows,
        [
            Column("shock", "Shock", fmt.item_name),
            Column("binds", "Binds"),
            Column("where", "Where", fmt.item_name),
            number_column("items_short", "Items short", fmt.number),
            number_column("loss_usd", "Loss it adds, million USD", fmt.millions),
        ],
    )


def worst_scenarios(result: ResultFolder) -> Table | None:
    """Tell what happens in the worst scenarios, and what the plan saves there."""
    frame = result.table(
        "worst_scenarios", "rank", "period", "states", "loss_without_usd",
        "loss_with_usd",
    )  # fmt: skip
    if frame.height == 0:
        return None
    rows = []
    for rank in sorted(frame.get_column("rank").drop_nulls().unique().to_list()):
        part = frame.filter(pl.col("rank") == rank)
        story: list[tuple[str, str]] = []
        by_year = part.unique(["period", "states"]).sort("period")
        for period, states in by_year.select("period", "states").iter_rows():
            for state in str(states or "calm").split("; "):
                if state != "calm" and state not in [s for s, _ in story]:
                    story.append((state, str(period)[:4]))
        rows.append(
            {
                "rank": rank,
                "story": "; ".join(f"{fmt.item_name(s)} from {y}" for s, y in story)
                or "no driver leaves its calm state",
                "without": part.get_column("loss_without_usd").sum(),
                "with": part.get_column("loss_with_usd").sum(),
            }
        )
    return make_table(
        "The worst scenarios",
        rows,
        [
            Column("rank", "Rank"),
            Column("story", "What happens"),
            number_column("without", "Loss without, million USD", fmt.millions),
            number_column("with", "Loss with", fmt.millions),
        ],
    )


def verification(result: ResultFolder) -> dict[str, Any] | None:
    """List the passes, and where planned and verified benefit part."""
    rows = result.rows(
        "verification", "pass", "rule", "planned_usd", "verified_usd", "note"
    )
    if not rows:
        return None
    for row in rows:
        planned, verified = row["planned_usd"], row["verified_usd"]
        row["ratio"] = verified / planned if planned and verified is not None else None
    amounts = [
        number_column("planned_usd", "Planned", fmt.millions),
        number_column("verified_usd", "Verified", fmt.millions),
        number_column("ratio", "Verified / planned", fmt.share),
    ]
    passes = [row for row in rows if row["pass"] is not None]
    # Rows of another release rule have nothing planned: they are no reason.
    reasons = [
        row
        for row in rows
        if row["pass"] is None and row["rule"] and row["planned_usd"] is not None
    ]
    return {
        "optimistic": (result.figure("verified_over_planned") or 1) < 1,
        "passes": make_table(
            "Planned and verified benefit, million USD",
            passes,
            [Column("pass", "Pass"), *amounts, Column("note", "What changed")],
        ),
        "reasons": make_table(
            "Where planned and verified benefit part, million USD",
            reasons,
            [Column("rule", "Part", fmt.item_name), *amounts],
        )
        if reasons
        else None,
    }


def reconciliation(result: ResultFolder) -> dict[str, Any] | None:
    """Show what reconciliation moved: read rows first, they may be data errors."""
    frame = result.table("reconciliation", "table", "key", "raw", "used", "z", "reason")
    if frame.height == 0:
        return None
    # A null z in every row comes as text: no row was compared with its error.
    moved_sigma = pl.col("z").cast(pl.Float64)
    compared = frame.height > frame.get_column("z").null_count()
    moved = frame.filter(moved_sigma.abs() > FAR).sort(
        moved_sigma.abs(), descending=True, maintain_order=True
    )
    return {
        "rows": frame.height,
        "moved": moved.height if compared else None,
        "table": make_table(
            "Rows moved by more than three standard errors",
            moved.to_dicts(),
            [
                Column("table", "Table"),
                Column("key", "Row"),
                number_column("raw", "Raw, t", fmt.number),
                number_column("used", "Used, t", fmt.number),
                number_column("sigma", "σ, t", fmt.number),
                number_column("z", "Moved, σ", fmt.number),
                Column("reason", "Why", fmt.item_name),
            ],
            most=40,
        )
        if compared
        else None,
    }


def assumptions(result: ResultFolder) -> dict[str, Any] | None:
    """List the rows that nobody has read or computed: they are assumed."""
    rows = result.rows("assumptions", "table", "key", "value", "source_id", "note")
    if not rows:
        return None
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["table"]] = counts.get(row["table"], 0) + 1
    return {
        "total": len(rows),
        "counts": sorted(counts.items(), key=lambda p: (-p[1], p[0])),
        "table": make_table(
            "Assumed rows",
            rows,
            [
                Column("table", "Table"),
                Column("key", "Row"),
                Column("value", "Value", str),
                Column("source_id", "Source", source_link),
                Column("note", "Note"),
            ],
            most=150,
        ),
    }


def sources(result: ResultFolder) -> list[dict[str, Any]]:
    """List the sources by id."""
    rows = result.rows("sources", "source_id", "title", "publisher", "url", "licence",
                       "date")  # fmt: skip
    for row in rows:
        url = str(row["url"] or "")
        row["url"] = url if url.startswith(("https://", "http://")) else None
    return sorted(rows, key=lambda r: str(r["source_id"]))
