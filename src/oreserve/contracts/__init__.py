# SPDX-License-Identifier: Apache-2.0
"""Contracts: price rules, settlement, price paths and what support is worth.

A price rule says who pays whom at which index price; a project option says what
a programme offers to a plant that does not exist yet. Both are pure functions of
prices and quantities: no study, no files, no hidden state.

Examples
--------
>>> from oreserve.contracts import PriceRule, settlement_usd
>>> floor = PriceRule("floor", floor_usd_per_t=110_000, index="NdPr oxide, quarterly")
>>> settlement_usd(floor, index_usd_per_t=60_000, quantity_t=1_000)
50000000.0
"""

from __future__ import annotations

from oreserve.contracts._ladder import RUNGS, commitment_share
from oreserve.contracts._options import (
    OPTIONS,
    OptionValue,
    ProjectCash,
    ProjectOption,
    break_even_usd_per_t,
    project_option_value,
    standard_options,
)
from oreserve.contracts._paths import log_volatility, price_paths
from oreserve.contracts._rules import KINDS, PriceRule, settlement_usd
from oreserve.contracts._settlement import QuarterSettlement, settle_quarters
from oreserve.contracts._value import SupportValue, tail_mean, value_floor

__all__ = [
    "KINDS",
    "OPTIONS",
    "RUNGS",
    "OptionValue",
    "PriceRule",
    "ProjectCash",
    "ProjectOption",
    "QuarterSettlement",
    "SupportValue",
    "break_even_usd_per_t",
    "commitment_share",
    "log_volatility",
    "price_paths",
    "project_option_value",
    "settle_quarters",
    "settlement_usd",
    "standard_options",
    "tail_mean",
    "value_floor",
]
