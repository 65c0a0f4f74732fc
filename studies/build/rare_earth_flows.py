# SPDX-License-Identifier: Apache-2.0
"""Tonnes of the rare-earth chain while it is being closed, and where they are read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = ["Balance", "Flow", "baci_t", "mcs_us"]

Flow = tuple[str, str, str]  # item, exporter, importer


@dataclass
class Balance:
    """Base-year tonnes: activity by process and country, use, and lanes."""

    activity: dict[tuple[str, str], float] = field(default_factory=dict)
    use: dict[tuple[str, str], float] = field(default_factory=dict)
    lanes: dict[Flow, float] = field(default_factory=lambda: defaultdict(float))
    evidence: dict[Flow, str] = field(default_factory=dict)

    def send(
        self, item: str, exporter: str, importer: str, tonnes: float, evidence: str
    ) -> None:
        """Add a flow; the weaker evidence of two stays."""
        flow = (item, exporter, importer)
        self.lanes[flow] += tonnes
        if self.evidence.get(flow) != "assumed":
            self.evidence[flow] = evidence

    def net_imports(self, item: str, country: str) -> float:
        """Return imports less exports of an item, t."""
        return sum(
            t * ((j == country) - (i == country))
            for (name, i, j), t in self.lanes.items()
            if name == item
        )


def mcs_us(raw: Raw, chapter: str, detail: str, year: str = "2024") -> float:
    """Return one figure of the United States salient statistics of MCS 2026."""
    frame = raw.mcs
    rows = frame.filter(
        (frame["chapter"] == chapter)
        & (frame["country"] == "United States")
        & (frame["detail"] == detail)
        & (frame["year"] == year)
    )
    (value,) = rows["value"].to_list()
    return float(value)


def baci_t(raw: Raw, exporter: str, importer: str, hs6: str) -> float:
    """Return one BACI flow of 2024, t gross."""
    frame = raw.baci
    rows = frame.filter(
        (frame["exporter"] == exporter)
        & (frame["importer"] == importer)
        & (frame["hs6"] == hs6)
    )
    return float(rows["t"].sum())
