# SPDX-License-Identifier: Apache-2.0
"""Uses that go short without a known loss: no data, and never a loss of 0."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.planning._distribution import Uses

__all__ = ["Unvalued", "unvalued_remark", "unvalued_uses"]

NAMED = 8
"""Items that a sentence names."""


@dataclass(frozen=True)
class Unvalued:
    """Uses of one item that go short and have no known loss.

    Parameters
    ----------
    item
        Name.
    uses
        How many of them go short in some scenario.
    mean_share_short
        Their mean share short, over scenarios and the whole time.
    """

    item: str
    uses: int
    mean_share_short: float

    def figures(self) -> dict[str, object]:
        """Return what `outcome.json` holds."""
        return asdict(self)


def unvalued_uses(
    uses: Uses, totals: Mapping[str, npt.NDArray[np.generic]]
) -> tuple[Unvalued, ...]:
    """Find the uses that go short without a known loss, the shortest item first."""
    wanted, short = (np.asarray(totals[k], dtype=float) for k in ("wanted", "short"))
    found: dict[str, list[int]] = {}
    for place in np.flatnonzero(~uses.loss_known & (short > 0.0).any(axis=0)):
        found.setdefault(uses.item[place], []).append(int(place))
    rows = []
    for item, places in found.items():
        use = wanted[:, places].sum(axis=1)
        less = short[:, places].sum(axis=1)
        share = np.divide(less, use, out=np.zeros_like(less), where=use > 0.0)
        rows.append(Unvalued(item, len(places), float(share.mean())))
    return tuple(sorted(rows, key=lambda one: (-one.mean_share_short, one.item)))


def unvalued_remark(found: Sequence[Unvalued]) -> list[str]:
    """Say which items go short without a known loss, and that it counts as none."""
    if not found:
        return []
    count = sum(one.uses for one in found)
    names = ", ".join(f"{o.item} {o.mean_share_short:.2%}" for o in found[:NAMED])
    text = (
        f"{count} home use{'s' if count > 1 else ''} of {len(found)} "
        f"item{'s' if len(found) > 1 else ''} went short without a known loss, counted "
        f"as no loss (mean share short): {names}"
        + (" ..." if len(found) > NAMED else "")
    )
    return [text]
