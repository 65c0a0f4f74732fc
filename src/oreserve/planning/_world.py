# SPDX-License-Identifier: Apache-2.0
"""What the market would do without the plan, as arrays over scenarios."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._home import DEPTH_VALUES, DEPTH_WIDTHS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.planning._home import Home
    from oreserve.study.scenario import Scenario

__all__ = ["World", "loss_by_depth", "period_loss", "split_by_depth"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """Simulations without the plan: S scenarios, T periods.

    Parameters
    ----------
    scenarios
        (S,) what was simulated.
    wanted, short
        (S, T, D) tonnes of each home use: at base prices, and not served.
    fillable
        (S, T, I) whether an order is filled: home is not short and the price is
        at most 1.3 times the plan's.
    release_share
        (S, T, I) share of a stock that the rule lets go.
    agreement_share
        (S, T, A) tonnes delivered per tonne signed: availability, permission,
        less what home has of the seller already.
    project_share
        (S, T, P) tonnes of an item that home gets per tonne that a project could
        make, for each pair of project and item in `project_item`.
    room
        (S, T, F) spare activity of home plants, t.
    pass_through
        (I,) share of planned tonnes that reached home's users when an earlier
        pass was simulated; None: all.
    """

    scenarios: tuple[Scenario, ...]
    wanted: Floats
    short: Floats
    fillable: Bools
    release_share: Floats
    agreement_share: Floats
    project_share: Floats
    project: tuple[str, ...]
    project_item: tuple[tuple[str, str], ...]
    room: Floats
    room_plant: tuple[str, ...]
    pass_through: Floats | None = None

    def pick(self, chosen: Sequence[int]) -> World:
        """Return some scenarios only, in the order given."""
        names = (
            "wanted",
            "short",
            "fillable",
            "release_share",
            "agreement_share",
            "project_share",
            "room",
        )
        rows = list(chosen)
        return replace(
            self,
            scenarios=tuple(self.scenarios[s] for s in rows),
            **{name: getattr(self, name)[rows] for name in names},
        )

    @cached_property
    def draws(self) -> Floats:
        """(S, J) the uniform number of each project."""
        return np.array(
            [[s.draws[name] for name in self.project] for s in self.scenarios]
        ).reshape(len(self.scenarios), len(self.project))

    @cached_property
    def late(self) -> Floats:
        """(S, J) years late of each project."""
        return np.array(
            [
                [s.draws.get(f"delay {name}", 0.0) for name in self.project]
                for s in self.scenarios
            ]
        ).reshape(len(self.scenarios), len(self.project))


def split_by_depth(short: Floats, wanted: Floats) -> Floats:
    """Split a shortage by depth: first 10 % of the use, next 40 %, the rest.

    Returns
    -------
    ndarray
        Shape of `short` plus (3,), tonnes; sums to `short`.

    Examples
    --------
    >>> split_by_depth(np.array(60.0), np.array(100.0)).tolist()
    [10.0, 40.0, 10.0]
    """
    edges = np.concatenate([[0.0], np.cumsum(DEPTH_WIDTHS)])
    lower = edges[:-1] * np.asarray(wanted)[..., None]
    width = DEPTH_WIDTHS * np.asarray(wanted)[..., None]
    width[..., -1] = np.inf
    return np.clip(np.asarray(short)[..., None] - lower, 0.0, width)


def loss_by_depth(short: Floats, wanted: Floats) -> Floats:
    """Compute tonnes short weighted by depth; all of a use short weighs itself.

    Examples
    --------
    >>> round(float(loss_by_depth(np.array(100.0), np.array(100.0))), 9)
    100.0
    """
    weighted: Floats = split_by_depth(short, wanted) @ DEPTH_VALUES
    return weighted


def period_loss(home: Home, short: Floats, wanted: Floats) -> Floats:
    """Compute home's undiscounted loss by period and use, million USD.

    Parameters
    ----------
    short, wanted
        (..., D) tonnes.
    """
    return loss_by_depth(short, wanted) * home.loss
