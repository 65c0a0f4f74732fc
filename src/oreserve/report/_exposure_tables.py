# SPDX-License-Identifier: Apache-2.0
"""Tables of the page of an assessment: ranking, evidence, elements, measures."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from oreserve.exposure import score_text
from oreserve.report import _format as fmt
from oreserve.report._tables import Column, make_table, number_column

if TYPE_CHECKING:
    from oreserve.report._folder import ResultFolder

__all__ = [
    "MEASURE_COLUMNS",
    "beside_table",
    "elements_table",
    "evidence_table",
    "measure_rows",
    "moves_table",
    "next_changes",
    "ranking_table",
]


def ranking_table(ranking: list[dict[str, Any]], result: ResultFolder) -> Any:
    lists = {r["mineral"]: r for r in result.rows("minerals", "mineral", "lists")}
    least = float(result.figures["threshold"])
    rows = [
        {
            **row,
            "score": None if row["score"] is None else score_text(row["score"], least),
            "bounds": _range(row, "low", "high"),
            "noise": _range(row, "noise_low", "noise_high"),
            "abroad": None if row["reliance"] is None
            else f"{fmt.share(row['reliance'])} {row['reliance_kind']}",
            # The year of each list stands in the CSV.
            "lists": ", ".join(
                name.split()[0]
                for name in str(lists.get(row["mineral"], {}).get("lists") or "").split(
                    "; ")
                if name
            ),
            "class": str(row["class"]).replace("_", " "),
            "status": str(row["status"]).replace("_", " "),
        }
        for row in ranking
    ]  # fmt: skip
    return make_table(
        "Minerals by exposure",
        rows,
        [
            Column("rank", "Rank"),
            Column("mineral", "Mineral", fmt.item_name),
            number_column("score", "Score", str, missing=""),
            Column("bounds", "If data miss", css="tight"),
            Column("noise", "By noise", css="tight"),
            Column("item", "Most exposed item", fmt.item_name),
            Column("abroad", "From abroad", css="tight"),
            number_column("concentration", "HHI", "{:.2f}".format, missing=""),
            Column("class", "Class, ours", css="tight"),
            Column("status", "Data", css="tight"),
            Column("lists", "Lists", css="tight"),
        ],
    )


def _range(row: dict[str, Any], low: str, high: str) -> str | None:
    if row["score"] is None or row.get(low) is None:
        return None
    return f"{row[low]:.2f}–{row[high]:.2f}"


def beside_table(ranking: list[dict[str, Any]]) -> Any:
    """Return what home keeps without its worst origin, and what is at stake."""
    shown = [row for row in ranking if row["score"] is not None]
    stated = any(row.get("published_reliance") is not None for row in shown)
    beside = [number_column("published_reliance", "As published", fmt.share)]
    return make_table(
        "Origin and value",
        shown,
        [
            Column("mineral", "Mineral", fmt.item_name),
            Column("net_item", "Item used most", fmt.item_name),
            number_column("net_import_reliance", "Net imports, USGS count", fmt.share),
            *(beside if stated else []),
            number_column("net_import_reliance_primary", "Primary only", fmt.share),
            number_column("abroad_any_stage", "Abroad at any stage", fmt.share),
            number_column("from_scrap", "From scrap", fmt.share),
            Column("origin", "Origin lost", fmt.country_name),
            number_column("home_kept", "Home keeps", fmt.share),
            number_column("home_kept_low", "At least", fmt.share),
            number_column("use_t", "Use, t", fmt.number),
            number_column("use_usd", "Use", fmt.money),
            number_column("loss_usd", "Loss", fmt.money),
        ],
        most=200,
    )


def evidence_table(ranking: list[dict[str, Any]]) -> Any:
    """Return what rows each score stands on."""
    rows = [
        {**row, "evidence": str(row["evidence"] or "").replace("; ", ", ")}
        for row in ranking
        if row["score"] is not None
    ]
    return make_table(
        "Evidence of each score",
        rows,
        [
            Column("mineral", "Mineral", fmt.item_name),
            number_column("score", "Score", "{:.2f}".format),
            number_column("firm_share", "Firm rows", fmt.share),
            number_column("firm_output_share", "Firm tonnes", fmt.share),
            Column("weakest", "Weakest of the largest producer"),
            Column("evidence", "Rows"),
        ],
        most=200,
    )


def elements_table(result: ResultFolder) -> Any:
    """Return stages at which an element leaves in several items."""
    return make_table(
        "Elements by stage, over all items that hold them",
        [r for r in result.rows("elements", "mineral", "items") if ";" in r["items"]],
        [
            Column("mineral", "Mineral", fmt.item_name),
            Column("stage", "Stage"),
            Column("items", "Items", fmt.item_name),
            number_column("world_t", "World, t of the element", fmt.number),
            number_column("hhi", "HHI", "{:.2f}".format),
            Column("country", "Largest", fmt.country_name),
            number_column("top_share", "Its share", fmt.share),
            number_column("n_minus_1_cover", "Use covered without it", fmt.share),
            Column("status", "Data"),
        ],
        most=200,
    )


def next_changes(result: ResultFolder) -> Any:
    """Return one row a measure and item: their shares differ from item to item."""
    rows = measure_rows(
        [
            {**r, "item": fmt.item_name(r["item"])}
            for r in result.rows("measures", "next_change", "item")
            if r["next_change"] or r["state"] == "overdue"
        ]
    )
    ordered = sorted(
        rows,
        key=lambda r: (
            str(r["next_change"] or r["suspended_until"]),
            r["measure"],
            r["item"],
        ),
    )
    return make_table(
        "Measures whose state changes next, by item", ordered, MEASURE_COLUMNS,
        most=200,
    )  # fmt: skip


MEASURE_COLUMNS = (
    Column("measure", "Measure", fmt.item_name),
    Column("item", "Item"),
    Column("actor", "By", fmt.country_name),
    Column("state", "State"),
    Column("from", "From", fmt.date_text),
    Column("until", "Until", fmt.date_text),
    Column("next_change", "Changes on", fmt.date_text),
    number_column("days_to_change", "Days", str),
    Column("suspended_until", "Suspended until", fmt.date_text),
    number_column("direct_share", "Direct: the actor ships", fmt.share),
    number_column("traced_share", "Traced: the actor made", fmt.share),
)


def measure_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**r, "state": str(r["state"]).replace("_", " ")} for r in rows]


def moves_table(result: ResultFolder) -> Any:
    rows = result.rows("classes", "mineral", "base_class", "critical_share", "changes")
    moved = [
        {**r, "base_class": str(r["base_class"]).replace("_", " ")}
        for r in rows
        if r["changes"]
    ]
    by_setting: dict[str, list[str]] = defaultdict(list)
    for row in result.rows("sensitivity", "mineral", "setting", "class", "changes"):
        if str(row["changes"]).lower() == "true":
            by_setting[row["setting"]].append(fmt.item_name(row["mineral"]))
    return {
        "settings": sorted(by_setting.items()),
        "table": make_table(
            "Minerals whose class moves",
            moved,
            [
                Column("mineral", "Mineral", fmt.item_name),
                Column("base_class", "Class as stated"),
                number_column("critical_share", "Critical in", fmt.share),
                number_column("changes", "Settings that change it", str),
            ],
        ),
    }
