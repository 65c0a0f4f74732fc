# SPDX-License-Identifier: Apache-2.0
"""The market: curves, clearing, prices, stocks, and simulation over time."""

from __future__ import annotations

from oreserve.market._after import (
    agreement_tonnes,
    allocate,
    claim_order,
    loss_usd,
    release_limit,
)
from oreserve.market._curves import BASE_BLOCK
from oreserve.market._prepare import Base, base_year_check, prepare
from oreserve.market._short import NOISE_SHARE, beyond_block
from oreserve.market._simulator import Simulator
from oreserve.market._standing import (
    Commitment,
    Order,
    ProjectSupport,
    ReleaseRule,
    Standing,
    kappa,
    project_support,
    study_commitments,
)
from oreserve.market._trajectory import Trajectory, TrajectoryIndex
from oreserve.market.outcome import Outcome
from oreserve.market.simulate import simulate

__all__ = [
    "BASE_BLOCK",
    "NOISE_SHARE",
    "Base",
    "Commitment",
    "Order",
    "Outcome",
    "ProjectSupport",
    "ReleaseRule",
    "Simulator",
    "Standing",
    "Trajectory",
    "TrajectoryIndex",
    "agreement_tonnes",
    "allocate",
    "base_year_check",
    "beyond_block",
    "claim_order",
    "kappa",
    "loss_usd",
    "prepare",
    "project_support",
    "release_limit",
    "simulate",
    "study_commitments",
]
