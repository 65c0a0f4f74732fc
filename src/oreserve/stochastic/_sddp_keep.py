# SPDX-License-Identifier: Apache-2.0
"""Cuts of an unfinished policy on disk, so that a killed run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve import __version__
from oreserve.stochastic._saved import load_checkpoint, save_checkpoint
from oreserve.stochastic._sddp_nodes import Cuts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.stochastic._markov import MarkovProblem
    from oreserve.stochastic._sddp_nodes import Node

__all__ = ["SELECT_EVERY", "SddpCheckpoint"]

Floats = npt.NDArray[np.float64]

SELECT_EVERY = 10
"""Iterations after which cuts that are nowhere the highest leave the models. These
are built anew then and the run can be kept: one that goes on has new ones too."""


class SddpCheckpoint:
    """A file for the cuts of a run; without one nothing is kept.

    Parameters
    ----------
    path
        The file, or None.
    problem, options
        What the run depends on; a file of anything else is refused.
    """

    def __init__(
        self, path: str | Path | None, problem: MarkovProblem, **options: Any
    ) -> None:
        self._path = path
        if path is None:
            return
        from oreserve.stochastic._sddp_file import problem_fingerprint

        self._identity = {
            "problem": problem_fingerprint(problem),
            "version": __version__,
            **options,
        }

    def load(self, nodes: list[list[Node]]) -> tuple[list[float], int, Floats] | None:
        """Put kept cuts into the models; return history, last check and its gaps.

        Raises
        ------
        InputError
            If the file is of something else, or cannot be read.
        """
        if self._path is None:
            return None
        held = load_checkpoint(self._path, self._identity)
        if held is None:
            return None
        for t, row in enumerate(nodes):
            for m, node in enumerate(row):
                place = f"{t}.{m}"
                cuts = Cuts(
                    held[f"constant{place}"],
                    held[f"slope{place}"],
                    held[f"active{place}"],
                    held[f"points{place}"],
                )
                node.load(cuts, held[f"order{place}"])
        return held["history"].tolist(), int(held["last_check"]), held["gaps"]

    def save(
        self,
        nodes: list[list[Node]],
        history: Sequence[float],
        last_check: int,
        gaps: Floats,
    ) -> None:
        """Keep a run after an iteration at which models were built anew."""
        if self._path is None or len(history) % SELECT_EVERY:
            return
        arrays: dict[str, Any] = {
            "history": np.array(history),
            "last_check": np.array(last_check),
            "gaps": gaps,
        }
        for t, row in enumerate(nodes):
            for m, node in enumerate(row):
                place = f"{t}.{m}"
                arrays[f"constant{place}"] = node.cuts.constant
                arrays[f"slope{place}"] = node.cuts.slope
                arrays[f"active{place}"] = node.cuts.active
                arrays[f"points{place}"] = node.cuts.points
                arrays[f"order{place}"] = node.order
        save_checkpoint(self._path, self._identity, arrays)
