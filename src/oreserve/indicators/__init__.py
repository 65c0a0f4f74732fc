# SPDX-License-Identifier: Apache-2.0
"""Indicators of supply risk: pure functions of arrays, no study and no files.

All take numbers or arrays and keep their shape; what is summed over (countries,
suppliers, partners, uses) is the last axis. Shares and rates are in 0-1. Missing
in, no data out: NaN (or `None`) never becomes 0. `definitions` lists formula, unit
and source of each.

Examples
--------
>>> from oreserve.indicators import hhi, net_import_reliance
>>> hhi([[0.5, 0.5], [1.0, 0.0]]).tolist()
[0.5, 1.0]
>>> net_import_reliance(production=[0, 50], imports=[10, 60], exports=[0, 10]).tolist()
[1.0, 0.5]
"""

from __future__ import annotations

from oreserve.indicators._concentration import (
    hhi,
    hhi_bounds,
    hhi_normalised,
    top_share,
    top_share_bounds,
)
from oreserve.indicators._cover import (
    LEVELS,
    NMinusOne,
    SinglePoints,
    n_minus_1_cover,
    single_points_of_failure,
)
from oreserve.indicators._crma import (
    CRMA_2030,
    Benchmark,
    CrmaBenchmarks,
    crma_benchmarks,
)
from oreserve.indicators._definitions import Definition, definitions
from oreserve.indicators._estimate import (
    Estimate,
    between,
    less_than,
    propagate,
    rounded,
)
from oreserve.indicators._eu import (
    SUPPLY_RULES,
    eu_bottleneck,
    eu_economic_importance,
    eu_supply_risk,
)
from oreserve.indicators._geopolrisk import GeoPolRisk, geopolrisk
from oreserve.indicators._governance import (
    governance_eu,
    governance_unit,
    hhi_governance,
    hhi_governance_bounds,
    weighted_governance,
)
from oreserve.indicators._monte_carlo import (
    governance_draws,
    hhi_governance_monte_carlo,
)
from oreserve.indicators._reliance import (
    net_import_reliance,
    net_import_reliance_bounds,
)
from oreserve.indicators._result import Cell, cells, cells_frame
from oreserve.indicators._sensitivity import (
    EU_CRITICAL,
    Setting,
    Threshold,
    classify,
    sensitivity,
    sensitivity_summary,
    threshold_grid,
)
from oreserve.indicators._usgs import (
    rescale,
    usgs_disruption_potential,
    usgs_economic_vulnerability,
    usgs_supply_risk,
    usgs_trade_exposure,
    usgs_weighted_effect,
)

__all__ = [
    "CRMA_2030",
    "EU_CRITICAL",
    "LEVELS",
    "SUPPLY_RULES",
    "Benchmark",
    "Cell",
    "CrmaBenchmarks",
    "Definition",
    "Estimate",
    "GeoPolRisk",
    "NMinusOne",
    "Setting",
    "SinglePoints",
    "Threshold",
    "between",
    "cells",
    "cells_frame",
    "classify",
    "crma_benchmarks",
    "definitions",
    "eu_bottleneck",
    "eu_economic_importance",
    "eu_supply_risk",
    "geopolrisk",
    "governance_draws",
    "governance_eu",
    "governance_unit",
    "hhi",
    "hhi_bounds",
    "hhi_governance",
    "hhi_governance_bounds",
    "hhi_governance_monte_carlo",
    "hhi_normalised",
    "less_than",
    "n_minus_1_cover",
    "net_import_reliance",
    "net_import_reliance_bounds",
    "propagate",
    "rescale",
    "rounded",
    "sensitivity",
    "sensitivity_summary",
    "single_points_of_failure",
    "threshold_grid",
    "top_share",
    "top_share_bounds",
    "usgs_disruption_potential",
    "usgs_economic_vulnerability",
    "usgs_supply_risk",
    "usgs_trade_exposure",
    "usgs_weighted_effect",
    "weighted_governance",
]
