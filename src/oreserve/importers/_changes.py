# SPDX-License-Identifier: Apache-2.0
"""What an import changed in a study: rows added, replaced and left as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oreserve.tables import spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

    from oreserve.study import Study

__all__ = ["change_lines", "changes"]

LARGEST = 5
ITEMS = 15
_AMOUNT = {
    "plants": "base_activity_t_per_year", "lanes": "base_t_per_year",
    "prices": "usd_per_t", "demand": "quantity_t_per_year", "stocks": "quantity_t",
}  # fmt: skip
_UNIT = {"prices": "USD/t"}


def changes(
    written: Mapping[str, pl.DataFrame], before: Study, after: Study
) -> pl.DataFrame:
    """Return one row per imported row: table, row, item, what, evidence, old, new.

    `evidence` is the mark of the row that stood before.
    """
    import polars as pl

    parts = [
        _of_table(name, frame, before, after)
        for name, frame in sorted(written.items())
        if frame.height
    ]
    schema = {
        "table": pl.String, "row": pl.String, "item": pl.String, "what": pl.String,
        "evidence": pl.String, "old": pl.Float64, "new": pl.Float64,
    }  # fmt: skip
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _of_table(
    name: str, frame: pl.DataFrame, before: Study, after: Study
) -> pl.DataFrame:
    import polars as pl

    key = list(spec(name).key)
    keys = frame.select(pl.col(k).cast(pl.String) for k in key).unique()
    label = pl.concat_str([pl.col(k).fill_null("-") for k in key], separator=" ")
    amount = _AMOUNT.get(name)
    sides = []
    for study, side in ((before, "old"), (after, "new")):
        table = study.table(name)
        rest = [c for c in table.columns if c not in {*key, "source_id", "note"}]
        rest.remove("evidence") if "evidence" in rest else None
        mark = pl.col("evidence") if "evidence" in table.columns else pl.lit(None)
        value = pl.col(amount) if amount in table.columns else pl.lit(None)
        sides.append(
            table.select(
                *(pl.col(k).cast(pl.String) for k in key),
                value.cast(pl.Float64).alias(side),
                pl.struct(rest).hash(seed=0).alias(f"{side}_rest"),
                mark.cast(pl.String).alias(f"{side}_mark"),
            )
        )
    joined = keys
    for one in sides:
        joined = joined.join(one, on=key, how="left", nulls_equal=True)
    same = pl.col("old_rest") == pl.col("new_rest")
    return joined.select(
        pl.lit(name).alias("table"),
        label.alias("row"),
        (pl.col("item") if "item" in key else pl.lit(None, pl.String)).alias("item"),
        pl.when(pl.col("old_rest").is_null())
        .then(pl.lit("added"))
        .when(same)
        .then(pl.lit("unchanged"))
        .otherwise(pl.lit("replaced"))
        .alias("what"),
        pl.col("old_mark").alias("evidence"),
        "old",
        "new",
    ).sort("row")


def change_lines(found: pl.DataFrame | None) -> Iterable[str]:
    """Return counts by table and the largest changes, old to new."""
    if found is None:
        return []
    import polars as pl

    lines = []
    for (name,), part in found.group_by("table", maintain_order=True):
        counts = dict(part["what"].value_counts().iter_rows())
        told = ", ".join(
            f"{counts.get(w, 0)} {w}" for w in ("replaced", "unchanged", "added")
        )
        lines.append(f"  {name}: {told}")
        marks = _overwritten(part)
        if marks:
            lines.append(f"    overwritten: {marks}")
        if name == "lanes":
            lines += _item_lines(part)
            continue
        moved = part.with_columns(
            (pl.col("new").fill_null(0) - pl.col("old").fill_null(0)).abs().alias("by")
        )
        moved = moved.filter(pl.col("by") > 0).sort(
            "by", "row", descending=[True, False]
        )
        unit = _UNIT.get(str(name), "t")
        for row in moved.head(LARGEST).iter_rows(named=True):
            old, new = (
                "none" if row[s] is None else f"{row[s]:,.7g}" for s in ("old", "new")
            )
            lines.append(f"    {row['row']}: {old} -> {new} {unit}")
        if moved.height > LARGEST:
            lines.append(f"    ... and {moved.height - LARGEST} more")
    return lines


def _overwritten(part: pl.DataFrame) -> str:
    """Return how the replaced rows were known, such as `13 computed, 2 assumed`."""
    marks = (
        part.filter(what="replaced")
        .drop_nulls("evidence")["evidence"]
        .value_counts()
        .sort("count", "evidence", descending=[True, False])
    )
    return ", ".join(f"{count} {mark}" for mark, count in marks.iter_rows())


def _item_lines(part: pl.DataFrame) -> list[str]:
    """Return a line an item: tonnes of the written lanes before and after."""
    import polars as pl

    items = (
        part.group_by("item")
        .agg(pl.col("old").sum(), pl.col("new").sum(), pl.len().alias("lanes"))
        .with_columns((pl.col("new") - pl.col("old")).abs().alias("by"))
        .sort("by", "item", descending=[True, False])
    )
    lines = [
        f"    {item}: {old:,.7g} -> {new:,.7g} t on {count} lanes"
        for item, old, new, count, _ in items.head(ITEMS).iter_rows()
    ]
    if items.height > ITEMS:
        lines.append(f"    ... and {items.height - ITEMS} more items")
    return lines
