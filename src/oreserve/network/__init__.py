# SPDX-License-Identifier: Apache-2.0
"""How a study becomes sparse matrices: blocks and chains."""

from __future__ import annotations

from oreserve.network.block import (
    Block,
    BlockBuilder,
    BlockSolution,
    SolverError,
    new_highs,
    run_highs,
    solve,
)
from oreserve.network.chain import Chain, Demands, Lanes, Nodes, Plants

__all__ = [
    "Block",
    "BlockBuilder",
    "BlockSolution",
    "Chain",
    "Demands",
    "Lanes",
    "Nodes",
    "Plants",
    "SolverError",
    "new_highs",
    "run_highs",
    "solve",
]
