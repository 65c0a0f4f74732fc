# SPDX-License-Identifier: Apache-2.0
"""Errors that reach a user, each with its exit code.

OreserveError
├── InputError          the input is wrong (exit 1); also a ValueError
└── InfeasibleError     the problem has no solution (exit 3)
"""

from __future__ import annotations

__all__ = ["InfeasibleError", "InputError", "OreserveError"]


class OreserveError(Exception):
    """Root of every error that Oreserve raises on purpose."""

    exit_code = 1


class InputError(OreserveError, ValueError):
    """Say what is wrong, where, what is allowed, and the nearest match."""

    exit_code = 1


class InfeasibleError(OreserveError):
    """Name the requirement that leaves the problem without a solution."""

    exit_code = 3
