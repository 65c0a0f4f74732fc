# SPDX-License-Identifier: Apache-2.0
"""What an alert carries besides its own rows: links, customs codes, the plan."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

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
    for alert in found:
        kept = replace(
            alert.seen(seen),
            evidence=tuple(_with_source(e, sources) for e in alert.evidence),
            hs_codes=tuple((i, codes[i]) for i in alert.items if codes.get(i)),
        )
        if view is not None and alert.items:
            kept = replace(kept, plan=view.says(alert))
        yield kept


def _with_source(evidence: Evidence, sources: Mapping[str, Source]) -> Evidence:
    """Add title and link; of several sources in a cell the first one's."""
    first = re.split(r"[;|]", evidence.source_id)[0].strip()
    title, url = sources.get(first, (None, None))
    return replace(evidence, title=title, url=url)
