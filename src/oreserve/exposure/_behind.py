# SPDX-License-Identifier: Apache-2.0
"""Which rows of the study stand behind a row of a result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._lookup import Lookup
from oreserve.exposure._rows import split_rows
from oreserve.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from oreserve.exposure._lookup import SourceRow
    from oreserve.study import Study

    Pair = tuple[str, str]

__all__ = ["DIRECT", "cell_beside", "rows_behind"]

MOST = 60
AT_STAKE = ("use_t", "use_usd", "loss_usd")
DIRECT = ("net_import_reliance", "net_import_reliance_primary")
# Columns of result tables that name rows of the study.
NAMES = {
    "plant": "plants", "demand": "demands", "stock": "stocks", "measure": "measures",
    "project": "projects", "agreement": "agreements", "item": "items",
    "effect": "measures", "feed_item": "items", "driver": "drivers",
}  # fmt: skip
# What a watch calls the rows that its dates come from.
KINDS = {"measure": "measures", "agreement": "agreements", "project": "projects",
         "score": "projects"}  # fmt: skip
HOME = ("prices", "demands", "lanes", "stocks")
# Tables of the study that a number on one item of a result is made of.
OF_ITEM = {
    "build_up": HOME, "coverage": HOME, "draws": HOME, "exposure": HOME,
    "marginal_value": HOME, "requirements": HOME, "reserve": HOME,
    "worst_scenarios": HOME, "indicators": ("plants", "lanes", "observations"),
    "prices": ("prices", "plants", "demands"), "unsold": ("plants",),
}  # fmt: skip


def rows_behind(
    file: Path,
    row: Mapping[str, Any],
    study: Study | None,
    column: str | None = None,
    home: Sequence[str] | None = None,
) -> tuple[list[SourceRow], int]:
    """Return the rows of the study behind a row of a result, and how many more.

    Of a ranking the `column` asked for decides which; `home` are the countries of
    the result, else those of the study.
    """
    if study is None:
        return [], 0
    lookup = Lookup(study)
    at_home = tuple(home or study.home_countries)
    special = _special(file, row, study, column, at_home)
    pairs = dict.fromkeys(special or _pairs(file, row, study))
    found: list[SourceRow] = []
    left_out = 0
    for table, key in pairs:
        if key.startswith("+"):
            left_out += int(key[1:])
            continue
        rows = lookup.find(table, key)
        if not rows and table == "plants":  # in a result a project is a plant
            rows = lookup.find("projects", key)
        if len(found) < MOST:
            found += rows
        else:
            left_out += len(rows)
    return found, left_out


def _special(
    file: Path,
    row: Mapping[str, Any],
    study: Study,
    column: str | None,
    home: tuple[str, ...],
) -> list[Pair]:
    """Return the rows of what stands beside a score, and of a measure's shares."""
    if file.stem == "measures" and row.get("item") and row.get("measure"):
        return list(_of_measure(study, row, home))
    if file.stem != "ranking":
        return []
    if column in AT_STAKE:
        return list(_at_stake(study, str(row["mineral"]), str(column), home))
    if column in DIRECT and row.get("net_item"):
        text = cell_beside(file, str(row["net_item"]), str(column)).get("rows")
        return split_rows(str(text)) if text else []
    return []


def _at_stake(
    study: Study, mineral: str, column: str, home: tuple[str, ...]
) -> Iterator[Pair]:
    """Home's demands of a mineral, and the prices by which they are valued."""
    from oreserve.study.prices import base_prices

    items = study.table("items").filter(mineral=mineral)["item"].to_list()
    demands = study.table("demands").filter(
        pl.col("item").is_in(items), pl.col("country").is_in(home)
    )
    if column == "use_usd":
        used = demands.select("item", "country").unique()
        prices = base_prices(study).join(used, on=["item", "country"]).sort("item")
        keys = prices.select("item", "market", "period", "kind").iter_rows()
        yield from (("prices", "/".join(map(str, key))) for key in keys)
    yield from (("demands", key) for key in demands["demand"])


def _of_measure(
    study: Study, row: Mapping[str, Any], home: tuple[str, ...]
) -> Iterator[Pair]:
    """Name the measure, and lanes and plants behind its direct and traced share."""
    yield "measures", str(row["measure"])
    item, actor = str(row["item"]), str(row["actor"] or "")
    sellers = set(study.members(actor)) if actor and actor != "*" else set()
    lanes = study.table("lanes").filter(
        pl.col("item") == item,
        pl.col("importer").is_in(home) & ~pl.col("exporter").is_in(home),
    )
    theirs = pl.col("exporter").is_in(sorted(sellers))
    yield from _keys_of_lanes(lanes.filter(theirs))
    yield from _of_item(study, item, frozenset(sellers), ("plants",))
    yield from _keys_of_lanes(lanes.filter(~theirs))
    yield from _of_item(study, item, frozenset(home), ("plants",))


def cell_beside(file: Path, item: str, indicator: str) -> dict[str, Any]:
    """Return the cell of an item in the table beside a ranking; empty if none."""
    beside = file.with_name("cells.csv")
    if not beside.is_file():
        return {}
    found = pl.read_csv(beside, infer_schema_length=None).filter(
        item=item, indicator=indicator
    )
    return found.row(0, named=True) if found.height else {}


def _pairs(file: Path, row: Mapping[str, Any], study: Study) -> Iterator[Pair]:
    if file.stem == "history":  # made of published files, of no row of the study
        return
    text = row.get("rows") or _cell_rows(file, row)
    if text:
        yield from split_rows(str(text))
        return
    if row.get("table") in TABLES and row.get("key"):
        yield str(row["table"]), str(row["key"])
        return
    if row.get("kind") in KINDS and row.get("subject"):
        yield KINDS[str(row["kind"])], str(row["subject"])
        return
    if file.stem == "chain":
        yield from _of_chain(study, row)
        return
    if file.stem == "elements":
        for name in str(row["items"]).split("; "):
            yield from _of_item(study, name, None, ("plants", "observations"))
        return
    yield from _named(row)
    yield from _of_alert(file, row)
    wanted = OF_ITEM.get(file.stem)
    item = row.get("item")
    if wanted and item:
        yield from _of_item(study, str(item), _countries(study, row), wanted)
    elif not item and (row.get("mineral") or row.get("group")):
        mineral = row.get("mineral") or row.get("group")
        items = study.table("items").filter(pl.col("mineral") == str(mineral))
        yield from (("items", key) for key in items["item"])
    elif set(row) >= {"source_id", "title"}:
        yield "sources", str(row["source_id"])


def _named(row: Mapping[str, Any]) -> Iterator[Pair]:
    for column, table in NAMES.items():
        if row.get(column) is not None:
            # A shock numbers its effects; a measure has one.
            yield table, re.sub(r" #\d+$", "", str(row[column]))
    action = re.fullmatch(r"(project|agreement) (\w+)", str(row.get("item")))
    if action:  # what a draw of the assumptions builds or signs
        yield NAMES[action[1]], action[2]
    if row.get("driver") and row.get("state"):
        yield "driver_states", f"{row['driver']}/{row['state']}"
    if row.get("project") and row.get("option"):
        yield "project_options", f"{row['project']}/{row['option']}"
    if row.get("seller"):
        yield "plants", str(row["seller"])
    if row.get("exporter") and row.get("item"):
        yield "lanes", f"{row['item']}/{row['exporter']}/{row['importer']}"


def _of_alert(file: Path, row: Mapping[str, Any]) -> Iterator[Pair]:
    """Rows that the alert of an exposure rests on, from the table beside it."""
    beside = file.with_name("alerts.csv")
    if not row.get("alert_id") or not beside.is_file():
        return
    alerts = pl.read_csv(beside, infer_schema=False)
    for text in alerts.filter(pl.col("id") == str(row["alert_id"]))["rows"]:
        yield from split_rows(text or "")


def _countries(study: Study, row: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the countries that a row is about: its own, its home, the study's home.

    None means everywhere, as for an indicator of world supply.
    """
    if row.get("indicator"):
        return None
    place = row.get("country") or row.get("home")
    try:
        return frozenset(study.members(str(place)) if place else study.home_countries)
    except InputError:
        return frozenset()


def _of_item(
    study: Study,
    item: str,
    countries: frozenset[str] | None,
    wanted: Iterable[str],
) -> Iterator[Pair]:
    def keys(table: str, frame: pl.DataFrame, *columns: str) -> Iterator[Pair]:
        for cells in frame.select(columns).iter_rows():
            yield table, "/".join(str(cell) for cell in cells)

    here = pl.lit(value=True) if countries is None else pl.col("country").is_in(
        sorted(countries)
    )  # fmt: skip
    of_item = pl.col("item") == item
    for table in wanted:
        if table == "plants":
            made = study.table("recipes").filter(of_item)["process"]
            made = pl.Series(made.unique().sort())
            rows = study.table("plants").filter(
                pl.col("process").is_in(made.to_list()) & here
            )
            yield from keys(table, rows, "plant")
        elif table == "lanes":
            rows = study.table("lanes").filter(of_item)
            if countries is not None:
                rows = rows.filter(pl.col("importer").is_in(sorted(countries)))
            yield from keys(table, rows, "item", "exporter", "importer")
        elif table == "prices":
            rows = study.table("prices").filter(of_item)
            yield from keys(table, rows, "item", "market", "period", "kind")
        elif table == "observations":
            rows = study.table(table).filter(
                pl.col("series") == f"world_output_t/{item}"
            )
            yield from keys(table, rows, "series", "date")
        else:
            rows = study.table(table).filter(of_item & here)
            yield from keys(table, rows, "demand" if table == "demands" else "stock")


def _of_chain(study: Study, row: Mapping[str, Any]) -> Iterator[Pair]:
    """Rows behind what a country makes, uses or sends of a mineral at a stage."""
    items = study.table("items").filter(pl.col("mineral") == str(row["mineral"]))
    if row["stage"] != "use":
        at_stage = pl.col("stage") == row["stage"]
        items = items.filter(at_stage)
        if not items.height:  # inside the items of another mineral, as in a magnet
            items = study.table("items").filter(at_stage)
    country, to_country = str(row["country"]), row.get("to_country")
    here = frozenset(study.members(country) or (country,))
    for item in items["item"]:
        if to_country and to_country != country:
            sent = study.table("lanes").filter(
                pl.col("item") == item,
                pl.col("exporter").is_in(sorted(here)),
                pl.col("importer").is_in(
                    sorted(study.members(str(to_country)) or (str(to_country),))
                ),
            )
            yield from _keys_of_lanes(sent)
        elif row["stage"] == "use":
            yield from _of_item(study, item, here, ("demands",))
        else:
            yield from _of_item(study, item, here, ("plants",))


def _keys_of_lanes(lanes: pl.DataFrame) -> Iterator[Pair]:
    for cells in lanes.select("item", "exporter", "importer").iter_rows():
        yield "lanes", "/".join(cells)


def _cell_rows(file: Path, row: Mapping[str, Any]) -> str | None:
    """Rows of the cells beside a table of an assessment, for the same item."""
    beside = file.with_name("cells.csv")
    wanted = {
        "shares": ("hhi",),
        "points": ("n_minus_1_cover_home_origin",)
        if row.get("level") == "home_origin"
        else ("n_minus_1_cover_country",),
        "ranking": ("hhi_governance", "import_reliance_indirect"),
        "scores": ("hhi_governance", "import_reliance_indirect"),
        "origins": ("import_reliance_indirect",),
        "classes": ("hhi_governance", "import_reliance_indirect"),
        "sensitivity": ("hhi_governance", "import_reliance_indirect"),
    }.get(file.stem)  # fmt: skip
    if wanted is None or not beside.is_file():
        return None
    cells = pl.read_csv(beside, infer_schema_length=None).filter(
        pl.col("indicator").is_in(wanted)
    )
    same = "item" if row.get("item") else "mineral"
    cells = cells.filter(pl.col(same) == row.get(same))
    texts = [t for t in cells["rows"].drop_nulls().to_list() if t]
    pairs = dict.fromkeys(pair for t in texts for pair in split_rows(t))
    if file.stem == "shares" and row.get("country"):
        return _of_country(pairs, str(row["country"]))
    return "; ".join(f"{table}:{key}" for table, key in pairs) or None


def _of_country(pairs: Mapping[Pair, None], country: str) -> str:
    """Keep all: the share's world total is made of every plant."""
    first = sorted(pairs, key=lambda p: (country.lower() not in p[1].lower(), p))
    return "; ".join(f"{table}:{key}" for table, key in first)
