# SPDX-License-Identifier: Apache-2.0
"""What becomes of lanes that a study has and a file of trade does not list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.importers._editions import Editions
from oreserve.importers._model import KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.importers._gather import Gathered
    from oreserve.importers._sources import Source
    from oreserve.importers._trade import Flow
    from oreserve.study import Study

__all__ = ["superseded"]

WORLD = 50  # a file with so many exporters and importers is of the whole world
WEAK = {"assumed", "estimated", "computed"}


def superseded(
    rows: Sequence[dict[str, Any]],
    flows: Sequence[Flow],
    study: Study,
    gathered: Gathered,
    source: Source,
) -> list[dict[str, Any]]:
    """Return lanes of the same items that the file replaces by none, as 0 t a year.

    A lane goes when it is assumed, estimated or computed, or of the same publisher,
    and when the file could have listed it: both ends occur in it, or it is of the
    whole world. What stays beside the new lanes is listed with its tonnes.
    """
    editions = Editions(study, source)
    exporters, importers = {f.exporter for f in flows}, {f.importer for f in flows}
    world = min(len(exporters), len(importers)) >= WORLD
    items = {str(r["item"]) for r in rows}
    written = {(r["item"], r["exporter"], r["importer"]) for r in rows}
    gone: list[dict[str, Any]] = []
    for lane in study.table("lanes").iter_rows(named=True):
        item, start, end = lane["item"], lane["exporter"], lane["importer"]
        tonnes = lane["base_t_per_year"]
        if item not in items or (item, start, end) in written or not tonnes:
            continue
        reason = ""
        if not (world or (start in exporters and end in importers)):
            reason = "the file is not of the whole world and lists no such pair"
        elif lane["evidence"] not in WEAK and not editions.same_publisher(
            lane["source_id"]
        ):
            reason = f"it stands on {lane['source_id']}, as {lane['evidence']}"
        elif editions.newer(lane["source_id"]):
            reason = f"it stands on a newer edition, {lane['source_id']}"
        if reason:
            gathered.leave_out(
                KEPT, item, f"beside the new lanes: {reason}", tonnes=tonnes,
                file=gathered.source_id, column="exporter, importer",
                close=f"{start} to {end}",
            )  # fmt: skip
            continue
        gone.append({
            "item": item, "exporter": start, "importer": end, "base_t_per_year": 0.0,
            "kind": lane["kind"], "source_id": gathered.source_id, "evidence": "read",
            "note": f"not in the file; before {tonnes:,.7g} t ({lane['source_id']}); "
            f"vintage {gathered.vintage}",
        })  # fmt: skip
    return gone
