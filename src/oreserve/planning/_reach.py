# SPDX-License-Identifier: Apache-2.0
"""Supply that home can reach: traced to origins with no measure on home.

A refiner that lives on a controlled feed is not reachable supply, so controlled
shares are carried from each item's feed to its output, stage after stage.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl

from oreserve.study import measure_effects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oreserve.study import Study
    from oreserve.study.scenario import Effect

__all__ = ["Reach", "closes", "reachable_supply"]

TRACED_STAGES = 12
"""Passes over the chain; longer chains than this do not occur."""

REST = "ROW"
"""The rest of the world is no country that can sign."""

NEGLIGIBLE_SHARE = 1e-3
"""Share of world output below which reachable supply is rounding."""

Place = tuple[str, str]  # item, country


class Reach:
    """Base-year output by item and country, and the part under control.

    `output[item, country]` in t a year; `controlled[item, country]` is the share
    of what is produced there that home cannot count on, 0-1.
    """

    def __init__(
        self,
        output: dict[Place, float],
        controlled: dict[Place, float],
        rivals: frozenset[str] = frozenset(),
    ) -> None:
        self.output = output
        self.controlled = controlled
        self.rivals = rivals

    def tonnes(self, item: str) -> float:
        """Return the reachable supply of an item, t a year; 0 if negligible."""
        own = [(p, t) for p, t in sorted(self.output.items()) if p[0] == item]
        free = sum(t * (1.0 - self.controlled.get(place, 0.0)) for place, t in own)
        return free if free > NEGLIGIBLE_SHARE * sum(t for _, t in own) else 0.0

    def sellers(self, item: str) -> list[tuple[str, float]]:
        """Return countries and their reachable tonnes, largest first."""
        found = [
            (country, tonnes * (1.0 - self.controlled.get((name, country), 0.0)))
            for (name, country), tonnes in self.output.items()
            if name == item and country != REST and country not in self.rivals
        ]
        least = NEGLIGIBLE_SHARE * sum(
            t for p, t in self.output.items() if p[0] == item
        )
        kept = [pair for pair in found if pair[1] > least]
        return sorted(kept, key=lambda pair: (-pair[1], pair[0]))


def closes(
    effect: Effect,
    *,
    item: str,
    mineral: str,
    stage: str,
    kinds: Iterable[str] = ("ban", "licence", "quota"),
) -> bool:
    """Return whether an effect limits exports of an item."""
    if effect.kind not in kinds:
        return False
    named = not effect.items and not effect.minerals
    if not (named or item in effect.items or mineral in effect.minerals):
        return False
    return not effect.stage or effect.stage == stage


def reachable_supply(study: Study) -> Reach:
    """Trace the base year's supply to origins with no measure on home at as_of.

    Returns
    -------
    Reach
        Output and controlled shares by item and country. Home's own output
        counts as far as its feed is not controlled.
    """
    output, feeds = _outputs(study)
    controlled_origin = _controlled_origins(study)
    imports = _imports(study)
    shares: dict[Place, float] = {
        place: 1.0 if place in controlled_origin else 0.0 for place in output
    }
    for _ in range(TRACED_STAGES):
        new = dict(shares)
        for place in sorted(output):
            if place in controlled_origin:
                continue
            needed = feeds.get(place, ())
            new[place] = max(
                (_mix((feed, place[1]), output, imports, shares) for feed in needed),
                default=0.0,
            )
        if new == shares:
            break
        shares = new
    return Reach(output, shares, _rivals(study))


def _rivals(study: Study) -> frozenset[str]:
    """List countries with a rule aimed at home or at a bloc that home is in.

    Suspended measures and driver states count: who has once closed a trade to home
    in particular gives no guarantee. A rule for everybody (``*``) aims at nobody.
    """
    home = set(study.home_countries)
    found: set[str] = set()
    for table in ("measures", "driver_effects"):
        for row in study.table(table).iter_rows(named=True):
            if row["kind"] not in {"ban", "licence", "quota"} or not row["actor"]:
                continue
            target = row["target"] or "*"
            if target != "*" and set(study.members(target)) & home:
                found |= set(study.members(row["actor"]))
    return frozenset(found - home)


def _mix(
    place: Place,
    output: dict[Place, float],
    imports: dict[Place, list[tuple[str, float]]],
    shares: dict[Place, float],
) -> float:
    """Compute the controlled share of what is at hand in a place."""
    item = place[0]
    parts = [(shares.get(place, 0.0), output.get(place, 0.0))]
    parts += [
        (shares.get((item, origin), 0.0), tonnes)
        for origin, tonnes in imports.get(place, ())
    ]
    total = sum(tonnes for _, tonnes in parts)
    return sum(share * tonnes for share, tonnes in parts) / total if total else 0.0


def _outputs(study: Study) -> tuple[dict[Place, float], dict[Place, set[str]]]:
    """Sum base output by item and country, and list what it is made from."""
    recipes: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in study.table("recipes").iter_rows(named=True):
        recipes[row["process"]].append((row["item"], row["coefficient"]))
    output: dict[Place, float] = defaultdict(float)
    feeds: dict[Place, set[str]] = defaultdict(set)
    for row in study.table("plants").iter_rows(named=True):
        activity = row["base_activity_t_per_year"]
        activity = row["capacity_t_per_year"] if activity is None else activity
        if not activity:
            continue
        recipe = recipes.get(row["process"], [])
        inputs = {item for item, coefficient in recipe if coefficient < 0.0}
        for item, coefficient in recipe:
            if coefficient > 0.0:
                place = (item, row["country"])
                output[place] += activity * coefficient
                feeds[place] |= inputs
    return dict(output), dict(feeds)


def _controlled_origins(study: Study) -> set[Place]:
    """List item and country pairs whose exports to home are under a measure."""
    home = set(study.home_countries)
    day = study.settings.as_of_date
    found: set[Place] = set()
    items = study.table("items").select("item", "mineral", "stage").rows()
    for effect in measure_effects(study):
        if effect.kind not in {"ban", "licence", "quota"} or not effect.actor:
            continue
        if not effect.start <= day < effect.until:
            continue
        targets = set(study.members(effect.target or "*"))
        actors = set(study.members(effect.actor)) - home
        if not targets & home:
            continue
        for item, mineral, stage in items:
            if closes(effect, item=item, mineral=mineral or "", stage=stage or ""):
                found |= {(item, actor) for actor in actors}
    return found


def _imports(study: Study) -> dict[Place, list[tuple[str, float]]]:
    """List base imports by item and importer."""
    lanes = study.table("lanes").filter(pl.col("base_t_per_year") > 0.0)
    found: dict[Place, list[tuple[str, float]]] = defaultdict(list)
    for row in lanes.sort("item", "importer", "exporter").iter_rows(named=True):
        found[row["item"], row["importer"]].append(
            (row["exporter"], row["base_t_per_year"])
        )
    return dict(found)
