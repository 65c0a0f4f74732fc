# SPDX-License-Identifier: Apache-2.0
"""What an alert carries besides its own rows: links, customs codes, the plan."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from oreserve.study import Study
    from oreserve.watch._alert import Alert, Evidence
    from oreserve.watch._plan import PlanView

__all__ = ["told"]

Source = tuple[str | None, str | None]


def told(
    found: Iterable[Alert],
    study: Study,
    view: PlanView | None,
    seen: Mapping[str, date],
) -> Iterator[Alert]:
    """Yield alerts with their sources, customs codes, first day and plan."""
    sources: dict[str, Source] = {
        name: (title, url)
        for name, title, url in study.table("sources")
        .select("source_id", "title", "url")
        .iter_rows()
    }
    codes = {
        item: tuple(code.strip() for code in re.split(r"[;|]", text or "") if code)
        for item, text in study.table("items").select("item", "hs_codes").iter_rows()
    }
    owners = _owners(study)
    for alert in found:
        kept = replace(
            alert.seen(seen),
            evidence=tuple(_with_source(e, sources) for e in alert.evidence),
            users=tuple(sorted({o for i in alert.items for o in owners.get(i, ())})),
            hs_codes=tuple((i, codes[i]) for i in alert.items if codes.get(i)),
        )
        if view is not None and alert.items:
            kept = replace(kept, plan=view.says(alert))
        yield kept


def _with_source(evidence: Evidence, sources: Mapping[str, Source]) -> Evidence:
    """Add title and link; of several sources in a cell the first one's."""
    first = re.split(r"[;|]", evidence.source_id)[0].strip()
    title, url = sources.get(first, (None, None))
    safe = url if url and url.startswith(("https://", "http://")) else None
    return replace(evidence, title=title, url=safe)


def _owners(study: Study) -> dict[str, set[str]]:
    """Return by item who owns home's demands and stocks, where the study says so."""
    home = list(study.home_countries)
    found: dict[str, set[str]] = {}
    for table in ("demands", "stocks"):
        rows = study.table(table).filter(
            pl.col("country").is_in(home) & pl.col("owner").is_not_null()
        )
        for item, owner in rows.select("item", "owner").iter_rows():
            found.setdefault(item, set()).add(owner)
    return found
