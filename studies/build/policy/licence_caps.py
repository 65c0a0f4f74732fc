# SPDX-License-Identifier: Apache-2.0
"""How much a licence lets through, judged by what the United States imported in 2025.

No agency publishes tonnes licensed. What is published is American trade in 2025, the
first year of most licences. Where it fell, the cap is the one at which a calm year of
the market falls as much. Where it did not fall, the licence kept nobody at home short,
and the cap is the tightest at which a calm year leaves the United States short by
less than half a percent. The caps were found by simulating calm years over a grid of
0.05 (0.01 near the end) and are held by a test; only the figures are read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.build.mcs import salient

if TYPE_CHECKING:
    from studies.build.raw import Raw

__all__ = ["NOT_SHORT_SHARE", "OBSERVED", "Observed"]

NOT_SHORT_SHARE = 0.005
YEARS = (2024, 2025)
TRADE = "metal, alloys, and scrap: Total"


@dataclass(frozen=True)
class Observed:
    """American trade before and under a licence, and the cap that agrees with it.

    Parameters
    ----------
    cap_share
        Share of base-year exports that the licence lets through.
    chapter
        Chapter of MCS 2026.
    imports, exports
        Details of the salient statistics, summed; exports are taken off.
    falls
        Whether trade fell: then a calm year falls as much.
    remark
        What the figures do not say.
    """

    cap_share: float
    chapter: str
    imports: tuple[str, ...]
    exports: tuple[str, ...] = ()
    falls: bool = False
    remark: str = ""

    def trade_t(self, raw: Raw) -> tuple[float, float]:
        """Return imports less exports of 2024 and of 2025, t."""
        before, after = (
            sum(salient(raw, self.chapter, d, year=year).t for d in self.imports)
            - sum(salient(raw, self.chapter, d, year=year).t for d in self.exports)
            for year in YEARS
        )
        return before, after

    def note(self, raw: Raw) -> str:
        """Return the figures and the rule in words."""
        before, after = self.trade_t(raw)
        if self.falls != (after < before):
            message = f"{self.chapter}: {before:g} t to {after:g} t is no such move"
            raise ValueError(message)
        what = "net imports" if self.exports else "imports"
        said = (
            f"cap {self.cap_share:g} computed: American {what} {before:,.0f} t in "
            f"2024 and {after:,.0f} t in 2025 (MCS 2026, 2025 estimated), "
        )
        if self.falls:
            said += f"so a calm year is {1 - after / before:.0%} short"
        else:
            said += (
                "so the tightest cap that leaves a calm year short by less than "
                f"{NOT_SHORT_SHARE:.1%}"
            )
        return "; ".join(part for part in (said, self.remark) if part)


IMPORTS = "Imports for consumption"
OBSERVED: dict[str, Observed] = {
    "china_antimony_licences": Observed(
        0.9, "ANTIMONY", (f"{IMPORTS}: Oxide", f"{IMPORTS}: Unwrought, powder")
    ),
    "china_bismuth_licences": Observed(
        0.98,
        "BISMUTH",
        (f"{IMPORTS}, {TRADE}",),
        (f"Exports, {TRADE}",),
        remark="gross imports fell, exports fell more; the price rose from 5.4 to 20 "
        "USD a pound, which a cap that leaves nobody short cannot show",
    ),
    "china_indium_tellurium_molybdenum_licences": Observed(
        0.99,
        "INDIUM",
        (IMPORTS,),
        remark="indium's figures; tellurium's imports rose too",
    ),
    "china_rare_earth_licences": Observed(
        0.9,
        "RARE EARTHS (Heavy)",
        ("Imports, compounds and metals",),
        remark="the group without yttrium; nothing is published by element, and "
        "samarium is not in it",
    ),
    "china_tungsten_licences": Observed(
        0.95,
        "TUNGSTEN",
        (f"{IMPORTS}: Ores and concentrates", f"{IMPORTS}: Other forms"),
        remark="other sources may have replaced China's",
    ),
    "china_yttrium_licences": Observed(
        0.51,
        "YTTRIUM",
        (f"{IMPORTS}, yttrium, alloys, compounds, and metal",),
        falls=True,
        remark="the first quarter of 2025 had no licence, so a whole year may be "
        "tighter",
    ),
    "south_africa_chromite_licences": Observed(
        0.95, "CHROMIUM", (IMPORTS,), remark="in force for half of 2025"
    ),
}
