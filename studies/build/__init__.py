# SPDX-License-Identifier: Apache-2.0
"""Build the bundled study `us-2026` from published raw files.

Each module named in `MODULES` adds its rows through `add(tables, raw)`, in this
order. Earlier modules may be read by later ones (`Tables.rows`, `Tables.update`).
Run it with

    python -m studies.build --raw ../shared/data/raw --facts ../shared/facts \
        --out src/oreserve/studies/us-2026
"""

from __future__ import annotations

from studies.build.raw import Raw
from studies.build.tables import BuildError, Tables
from studies.build.uses import add_use, us_use_t

__all__ = ["MODULES", "BuildError", "Raw", "Tables", "add_use", "us_use_t"]

MODULES: tuple[str, ...] = (
    "settings",
    "sources",
    "countries",
    "lists",
    "aluminium",
    "copper",
    "antimony_tungsten",
    "cobalt_nickel",
    "lithium_graphite",
    "magnesium_titanium",
    "niobium_tantalum",
    "zinc_lead",
    "tin",
    "platinum_group",
    "one_stage",
    "rare_earths",
    "policy",
)
