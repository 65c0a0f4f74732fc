# SPDX-License-Identifier: Apache-2.0
"""The first page: what to buy, sign and build, by year, and how sure that is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oreserve.report import _format as fmt
from oreserve.report._headline import headline
from oreserve.report._tables import Column, Table, fold_small, make_table, number_column

if TYPE_CHECKING:
    from oreserve.report._folder import ResultFolder

__all__ = ["ROBUST_SHARE", "decision"]

ROBUST_SHARE = 0.8  # a buy that survives in this share of draws is robust
DAYS = 365.25
SHOWN = 15  # rows of a table on the first page; the rest opens on demand
NO_SELLER = "no supply without a measure on home"  # as `coverage.csv` says it
FEW_YEARS = 3  # columns of years that leave room for words
NAMES = 6  # names that a sentence can bear
SMALL_USD = 1e6  # below this, or this share of the outlay, rows are folded into one
SMALL_SHARE = 0.001


def decision(result: ResultFolder) -> dict[str, Any]:
    """Collect what the first page says.

    Returns
    -------
    dict
        Texts, key figures and tables, for the template.
    """
    figures = result.figures
    buys = [
        row
        for row in result.rows(
            "reserve", "item", "year", "tonnes", "outlay_usd", "robust_share", "why"
        )
        if (row["tonnes"] or 0) > 0
    ]
    signed = result.rows(
        "agreements", "seller", "agreement", "seller_country", "item",
        "tonnes_per_year", "from", "until", "rung", "outlay_usd", "robust_share",
    )  # fmt: skip
    built = [
        row
        for row in result.rows(
            "projects",
            "project",
            "title",
            "country",
            "item",
            "option",
            "start_year",
            "capacity_t_per_year",
            "success",
            "outlay_usd",
            "robust_share",
        )
        if (row["option"] or "none") != "none"
    ]
    signed.sort(key=lambda r: (-(r["outlay_usd"] or 0), r["item"], r["seller_country"]))
    buy_rows, buy_table = _buy_table(buys)
    return {
        **headline(result, buys, signed, built),
        **_folded("buy", buy_table, buy_rows, result),
        **_folded("sign", _sign_table(signed), signed, result),
        "build": _build_table(built),
        "years": _year_table(buys, signed, built),
        "robust": _robust(buys, signed, built),
        "uncovered": _uncovered(result),
        "unvalued": _unvalued(result),
        "unmodelled": _unmodelled(result),
        "sanity": _sanity(result),
        "certificate": _certificate(result),
        "warnings": list(figures.get("warnings") or []),
    }


def _without_years(table: Table) -> Table:
    """Leave out the columns of many years: the calendar has them, and the full table.

    They would squeeze what a purchase covers to a word a line.
    """
    kept = [k for k, c in enumerate(table.columns) if c.css != "by-year"]
    if len(table.columns) - len(kept) <= FEW_YEARS:
        return table
    return replace(
        table,
        columns=tuple(table.columns[k] for k in kept),
        cells=tuple(tuple(row[k] for k in kept) for row in table.cells),
    )


def _folded(
    name: str, table: Table, rows: list[dict[str, Any]], result: ResultFolder
) -> dict[str, Table | None]:
    """Return a table with its small rows in one, and the full one if they differ."""
    least = min(SMALL_USD, SMALL_SHARE * (result.figure("outlays_usd") or 0.0))
    large = sum((row["outlay_usd"] or 0.0) >= least for row in rows)
    narrow = _without_years(table)
    short = fold_small(narrow, rows, "outlay_usd", kept=min(large, SHOWN))
    return {name: short, f"{name}_all": None if short is table else table}


ITEM = Column("item", "Item", fmt.item_name)
OUTLAY = number_column("outlay_usd", "Million USD", fmt.millions)
ROBUST = number_column("robust_share", "Robust", fmt.share, missing="not tested")


def _buy_table(buys: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Table]:
    """One row an item: tonnes by year, outlay, robustness."""
    years = sorted({int(row["year"]) for row in buys})
    by_item: dict[str, dict[str, Any]] = {}
    for row in buys:
        entry = by_item.setdefault(
            row["item"],
            {"item": row["item"], "outlay_usd": 0.0, "tonnes": 0.0, "why": row["why"],
             "robust_share": row["robust_share"]},
        )  # fmt: skip
        column = f"y{int(row['year'])}"
        entry[column] = entry.get(column, 0.0) + row["tonnes"]
        entry["tonnes"] += row["tonnes"]
        entry["outlay_usd"] += row["outlay_usd"] or 0.0
    rows = sorted(by_item.values(), key=lambda r: (-r["outlay_usd"], r["item"]))
    for row in rows:
        for year in years:
            row.setdefault(f"y{year}", 0.0)
    columns = [
        ITEM,
        number_column("tonnes", f"In all,{fmt.SPACE}t", fmt.number),
        *(
            number_column(f"y{y}", f"{y},{fmt.SPACE}t", _tonnes_or_blank, css="by-year")
            for y in years
        ),
        OUTLAY,
        ROBUST,
        Column("why", "Covers", fmt.item_name, css="words"),
    ]
    return rows, make_table("Buy for the reserve", rows, columns)


def _tonnes_or_blank(tonnes: float) -> str:
    return fmt.number(tonnes) if tonnes else ""


def _sign_table(signed: list[dict[str, Any]]) -> Table:
    """List agreements as they come; unnamed sellers are their country."""
    columns = [
        ITEM,
        Column("seller_country", "Country", fmt.country_name),
        Column("seller", "Seller", fmt.item_name),
        number_column("tonnes_per_year", "t a year", fmt.number),
        Column("from", "From", str),
        Column("until", "Until", str),
        Column("rung", "Commitment", fmt.item_name),
        number_column("outlay_usd", "Held, million USD", fmt.millions),
        ROBUST,
    ]
    return make_table("Sign agreements", signed, columns)


def _build_table(built: list[dict[str, Any]]) -> Table:
    rows = sorted(
        ({**row, "title": _project_title(row)} for row in built),
        key=lambda r: (-(r["outlay_usd"] or 0), str(r["title"])),
    )  # fmt: skip
    columns = [
        Column("title", "Project", str),
        Column("country", "Country", fmt.country_name),
        ITEM,
        Column("option", "Support", fmt.item_name),
        Column("start_year", "Starts", lambda year: str(int(year))),
        number_column("capacity_t_per_year", "t a year", fmt.number),
        number_column("success", "Chance of being built", fmt.share),
        OUTLAY,
        ROBUST,
    ]
    return make_table("Build with support", rows, columns)


def _year_table(
    buys: list[dict[str, Any]],
    signed: list[dict[str, Any]],
    built: list[dict[str, Any]],
) -> Table:
    """Lay the plan out as a calendar: what happens in which year."""
    steps: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(buys, key=lambda r: -(r["outlay_usd"] or 0)):
        text = f"{fmt.item_name(row['item'])} {fmt.tonnes(row['tonnes'])}"
        steps[int(row["year"])]["buy"].append(text)
    for row in sorted(signed, key=lambda r: -(r["outlay_usd"] or 0)):
        text = f"{fmt.item_name(row['item'])} {fmt.tonnes(row['tonnes_per_year'])}/year"
        year = _year(row["from"])
        if year is not None:
            steps[year]["sign"].append(text)
    for row in built:
        year = _year(row["start_year"])
        if year is not None:
            steps[year]["build"].append(_project_title(row))
    rows = [
        {"year": year, **{kind: _listed(texts) for kind, texts in kinds.items()}}
        for year, kinds in sorted(steps.items())
    ]
    columns = [
        Column("year", "Year", str),
        Column("buy", "Buy", str),
        Column("sign", "Deliveries begin", str),
        Column("build", "Plants start", str),
    ]
    return make_table("By year", rows, columns)


def _listed(texts: list[str], most: int = 5, mark: str = "; ") -> str:
    more = len(texts) - most
    return mark.join(texts[:most]) + (f"{mark}and {more} more" if more > 0 else "")


def _year(value: Any) -> int | None:
    text = str(value if value is not None else "")[:4]
    return int(text) if text.isdigit() else None


def _robust(*parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Count what survives in most draws of the sensitivity, and name the largest.

    Rows that were not tested (a null share) are in neither list.
    """
    money: dict[str, float] = defaultdict(float)
    least: dict[str, float] = {}  # a purchase of several years is as sure as its least
    for row in (row for rows in parts for row in rows):
        if row["robust_share"] is None:
            continue
        name = _deed(row)
        money[name] += row["outlay_usd"] or 0.0
        least[name] = min(least.get(name, 1.0), row["robust_share"])
    if not least:
        return None
    by_money = sorted(least, key=lambda name: (-money[name], name))
    robust = [name for name in by_money if least[name] >= ROBUST_SHARE]
    fragile = [name for name in by_money if least[name] < ROBUST_SHARE]
    total = sum(money.values())
    part = sum(money[name] for name in robust) / total if total > 0 else None
    text = f"{len(robust)} of {len(least)} robust"
    if part is not None:
        text += f" ({fmt.share(part)} of the money)"
    return {
        "text": text,
        "robust": _listed(robust, NAMES, ", "),
        "fragile": _listed(fragile, NAMES, ", "),
    }


def _deed(row: dict[str, Any]) -> str:
    """Name a purchase, an agreement or a project so that they differ."""
    if "project" in row:
        return _project_title(row)
    name = fmt.item_name(row["item"])
    if "agreement" in row:
        return f"{name} from {fmt.country_name(row['seller_country'])} by agreement"
    return name


def _project_title(row: dict[str, Any]) -> str:
    return fmt.item_name(row["title"] or row["project"])


def _uncovered(result: ResultFolder) -> Table:
    """List the items whose loss stays largest with the plan."""
    rows = [
        row
        for row in result.rows(
            "coverage",
            "item",
            "mineral",
            "expected_loss_without_usd",
            "expected_loss_with_usd",
            "covered_share",
            "reason",
        )
        if (row["expected_loss_with_usd"] or 0) > 0
    ]
    rows.sort(key=lambda r: (-r["expected_loss_with_usd"], str(r["item"])))
    columns = [
        ITEM if any(r["item"] for r in rows) else Column("mineral", "Mineral"),
        number_column("expected_loss_without_usd", "Loss without", fmt.millions),
        number_column("expected_loss_with_usd", "Loss with", fmt.millions),
        number_column("covered_share", "Covered", fmt.share),
        Column("reason", "Why not more", _reason, css="words"),
    ]  # fmt: skip
    return make_table("Loss that remains, million USD", rows, columns, most=8)


def _reason(text: str) -> str:
    """Write why an item is not covered in words that need no model behind them."""
    if text.startswith(NO_SELLER):
        return (
            "Every seller outside depends on feed that is under licence, so nothing "
            "can be bought ahead"
        )
    return fmt.item_name(text)


def _unvalued(result: ResultFolder) -> list[str]:
    """Name items that run short without a known loss: the plan cannot see them."""
    rows = result.rows("coverage", "item", "status", "shortfall_without_t")
    return [
        fmt.item_name(row["item"])
        for row in rows
        if row["status"] == "not valued" and (row["shortfall_without_t"] or 0) > 0
    ]


def _unmodelled(result: ResultFolder) -> list[dict[str, str]]:
    """Minerals of the list that could not be modelled, with the reason."""
    return [
        {"mineral": fmt.item_name(row["mineral"]), "reason": row["reason"] or ""}
        for row in result.rows("coverage", "mineral", "modelled", "reason")
        if str(row["modelled"]).lower() in {"false", "0", "no"}
    ]


def _sanity(result: ResultFolder) -> str | None:
    """One year of home's use of the priced items, and the budget in days of it."""
    use = result.figure("annual_use_usd")
    budget = result.figure("budget_usd")
    if not use or budget is None:
        return None
    days = DAYS * budget / use
    return (
        f"One year of home's use of the priced items costs {fmt.money(use)}, so "
        f"{fmt.money(budget)} is {days:.0f} days of it."
    )


def _interval(result: ResultFolder, value: str, halfwidth: str) -> str:
    half = result.figure(halfwidth)
    text = fmt.money(result.figure(value))
    return text if half is None else f"{text} ± {fmt.money(half)}"


def _certificate(result: ResultFolder) -> list[tuple[str, str]]:
    """How good the plan is proved to be, and how to make it again."""
    figures = result.figures
    versions = figures.get("versions") or {}
    tail = fmt.share(1 - (result.figure("alpha") or 0.9))
    lines = [
        (
            "Best possible cost, lower bound",
            fmt.money(result.figure("lower_bound_usd")),
        ),
        (
            "Cost of this plan, same scenarios",
            fmt.money(result.figure("objective_usd")),
        ),
        (
            "Cost of this plan, fresh scenarios",
            _interval(result, "upper_bound_mean_usd", "upper_bound_halfwidth_usd"),
        ),
        ("Gap", fmt.share(result.figure("gap"))),
        (
            "Scenarios to plan / to verify",
            f"{figures.get('scenarios', '?')} / {figures.get('verify', '?')}",
        ),
        ("Passes", str(figures.get("passes", "?"))),
        ("Seed", str(figures.get("seed", "?"))),
        ("Discount rate", fmt.share(result.figure("discount_rate"))),
        (
            "Weight of the tail",
            f"{fmt.number(result.figure('risk_weight'))} on the worst {tail}",
        ),
        ("Study", str(figures.get("study", "?"))),
        (
            "Base year, as of",
            f"{figures.get('base_year', '?')}, {figures.get('as_of', '?')}",
        ),
        ("Study hash", str(figures.get("study_hash", "?"))),
        ("Versions", ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))),
    ]
    return [(label, value) for label, value in lines if value and value != fmt.NO_DATA]
