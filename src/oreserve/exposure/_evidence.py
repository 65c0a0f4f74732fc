# SPDX-License-Identifier: Apache-2.0
"""How the rows behind a cell are known, as counts and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from oreserve.exposure._lookup import Lookup, SourceRow
from oreserve.exposure._rows import split_rows
from oreserve.tables import spec

if TYPE_CHECKING:
    from oreserve.study import Study

__all__ = ["evidence_counts", "evidence_frame", "evidence_marks"]

MAIN_VALUES = {
    "plants": ("base_activity_t_per_year", "t a year"),
    "lanes": ("base_t_per_year", "t a year"),
    "demands": ("quantity_t_per_year", "t a year"),
    "recipes": ("coefficient", "t per t"),
    "countries": ("governance", "-2.5 to 2.5"),
    "prices": ("usd_per_t", "USD/t"),
    "measures": ("status", ""),
}


def evidence_frame(study: Study, cells: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the study that the cells of each item name, once each.

    Returns
    -------
    DataFrame
        mineral, item, table, key, value (text, as in the study), unit, evidence,
        source_id, note; sorted by mineral, item, table, key.
    """
    lookup = Lookup(study)
    found: dict[tuple[str, str, str, str], SourceRow | None] = {}
    for mineral, item, text in cells.select("mineral", "item", "rows").iter_rows():
        for table, key in split_rows(text or ""):
            place = (mineral, item, table, key)
            if place not in found and not key.startswith("+"):
                rows = lookup.find(table, key)
                found[place] = rows[0] if rows else None
    made = []
    for (mineral, item, table, key), row in sorted(found.items(), key=_by_place):
        name, unit = MAIN_VALUES[table]
        value = row.values.get(name) if row else None
        made.append(
            (
                mineral, item, table, key, None if value is None else str(value), unit,
                row.evidence if row else "assumed",
                row.source_id if row else None,
                row.note if row else "added so that figures add up",
            )
        )  # fmt: skip
    names = (
        "mineral", "item", "table", "key", "value", "unit", "evidence", "source_id",
        "note",
    )  # fmt: skip
    schema = dict.fromkeys(names, pl.String)
    return pl.DataFrame(made, schema=schema, orient="row")


def _by_place(
    pair: tuple[tuple[str, str, str, str], SourceRow | None],
) -> tuple[str, str, str, str]:
    return pair[0]


def evidence_marks(study: Study) -> dict[tuple[str, str], str]:
    """Return how each row that a cell may name is known: (table, key) -> mark."""
    known: dict[tuple[str, str], str] = {}
    for table in ("plants", "recipes", "lanes", "demands", "countries", "measures",
                  "prices", "observations", "industries", "uses"):  # fmt: skip
        frame = study.table(table)
        keys = spec(table).key
        joined = frame.select(
            key=pl.concat_str([pl.col(k).cast(pl.String) for k in keys], separator="/"),
            evidence=pl.col("evidence"),
        )
        known.update({(table, key): e for key, e in joined.iter_rows()})
    return known


def evidence_counts(study: Study, texts: list[str | None]) -> list[str | None]:
    """Return for each text of row keys how its rows are known: `assumed 3; read 12`."""
    known = evidence_marks(study)
    found: list[str | None] = []
    for text in texts:
        counts: dict[str, int] = {}
        for table, key in split_rows(text or ""):
            # A lane that is in no table was added so that figures add up.
            kind = "beyond 60" if key.startswith("+") else known.get(
                (table, key), "assumed"
            )  # fmt: skip
            size = int(key[1:]) if key.startswith("+") else 1
            counts[kind] = counts.get(kind, 0) + size
        parts = [f"{kind} {n}" for kind, n in sorted(counts.items())]
        found.append("; ".join(parts) or None)
    return found
