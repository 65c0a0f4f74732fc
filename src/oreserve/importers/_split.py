# SPDX-License-Identifier: Apache-2.0
"""Trade of countries that leave the rest of the world when they are added.

A country that a study held within the rest of the world has no lanes. Without any, the
base year would invent one for it, perhaps to a country that buys nothing from it, and
the rest of the world would go on shipping what it no longer makes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.importers._model import MOVED
from oreserve.study import measure_effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oreserve.importers._gather import Gathered
    from oreserve.study import Study

__all__ = ["split_lanes"]

ROW = "ROW"
SHUT = frozenset({"ban"})
LEAST = 1e-6  # of a country's output: no lane for less


@dataclass(frozen=True)
class _Split:
    """What the rest of the world made, makes, and what left it; t a year."""

    item: str
    before: float
    left: float
    added: Mapping[str, float]


def split_lanes(
    plants: Iterable[Mapping[str, Any]], study: Study, gathered: Gathered
) -> list[dict[str, Any]]:
    """Return lanes of countries split out of the rest of the world, and its own.

    Of each lane of the rest of the world the part that its own output can fill is
    shared by output with the added countries; a country sends nothing to itself,
    where it has a lane already, against a ban between the two, or to home if home
    buys nothing from it in the study. What an added country makes beyond that goes
    into the rest of the world, where it was used before. So the balance of every
    country stays what it was. At last the rest of the world ships at most what it
    makes and buys. All of it is `assumed` and listed.

    Parameters
    ----------
    plants
        Rows of `plants` that are written.
    study
        The study as it stood.
    gathered
        Takes one line an item, what `lanes moved`.
    """
    lanes: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    for lane in study.table("lanes").iter_rows(named=True):
        lanes[lane["item"]][lane["exporter"], lane["importer"]] = lane
    partners = {
        lane["exporter"]
        for of_item in lanes.values()
        for lane in of_item.values()
        if lane["importer"] in study.home_countries and lane["base_t_per_year"]
    }
    bans = _bans(study)
    rows: list[dict[str, Any]] = []
    for split in _splits(plants, study):
        rows += _of_item(split, lanes[split.item], study, partners, bans, gathered)
    return rows


def _splits(plants: Iterable[Mapping[str, Any]], study: Study) -> list[_Split]:
    """Return the items of which the rest of the world makes less than before."""
    item_of = dict(study.table("processes").select("process", "main_item").iter_rows())
    stands: dict[str, dict[str, Any]] = {
        row["plant"]: row for row in study.table("plants").iter_rows(named=True)
    }
    here: dict[str, set[str]] = defaultdict(set)
    for one in stands.values():
        here[item_of[one["process"]]].add(one["country"])
    before: dict[str, float] = defaultdict(float)
    left: dict[str, float] = defaultdict(float)
    added: dict[str, dict[str, float]] = defaultdict(dict)
    for row in plants:
        item, country = item_of[row["process"]], row["country"]
        output = float(row["base_activity_t_per_year"] or 0.0)
        if country == ROW and row["plant"] in stands:
            old = stands[row["plant"]]["base_activity_t_per_year"]
            before[item] += float(old or 0.0)
            left[item] += output
        elif country not in here[item] and output > 0:
            added[item][country] = added[item].get(country, 0.0) + output
    return [
        _Split(item, before[item], left[item], dict(sorted(added[item].items())))
        for item in sorted(before)
        if left[item] < before[item]
    ]


def _bans(study: Study) -> frozenset[tuple[str, str, str]]:
    """Return (item or *, one country, the other) between which a ban is in force."""
    found = set()
    for effect in measure_effects(study):
        if effect.kind not in SHUT:
            continue
        to = ["*"] if effect.target == "*" else study.members(effect.target)
        for actor in study.members(effect.actor) or (effect.actor,):
            for target in to:
                for item in effect.items or ("*",):
                    found |= {(item, actor, target), (item, target, actor)}
    return frozenset(found)


def _of_item(
    split: _Split,
    lanes: Mapping[tuple[str, str], dict[str, Any]],
    study: Study,
    partners: set[str],
    bans: frozenset[tuple[str, str, str]],
    gathered: Gathered,
) -> list[dict[str, Any]]:
    tonnes = {pair: float(r["base_t_per_year"] or 0.0) for pair, r in lanes.items()}
    shipped = {to: t for (c, to), t in tonnes.items() if c == ROW and t > 0}
    total = sum(shipped.values())
    free = {c: _not_shipped(c, t, tonnes) for c, t in split.added.items()}

    def may(country: str, to: str) -> bool:
        shut = any((i, c, d) in bans for i in ("*", split.item)
                   for c, d in ((country, to), (country, "*")))  # fmt: skip
        strange = to in study.home_countries and country not in partners
        return not (country == to or (country, to) in lanes or shut or strange)

    own = min(1.0, split.before / total) if total else 0.0
    moved: dict[tuple[str, str], float] = {}
    for to, t in sorted(shipped.items()):
        sellers = {c: f for c, f in free.items() if f > 0 and may(c, to)}
        others = sum(free.values()) - sum(sellers.values())
        whole = max(split.before, split.left + sum(free.values())) - others
        for country, amount in sellers.items():
            if whole > 0:
                moved[country, to] = t * own * amount / whole
    for country, amount in free.items():
        sent = sum(t for (c, _), t in moved.items() if c == country)
        cut = min(1.0, amount / sent) if sent > 0 else 1.0
        for pair in [p for p in moved if p[0] == country]:
            moved[pair] *= cut
        rest = amount - sent * cut
        if rest > LEAST * amount and (country, ROW) not in lanes:
            moved[country, ROW] = rest
    kept = dict(shipped)
    for (_, to), t in moved.items():
        if to in kept:
            kept[to] = max(0.0, kept[to] - t)
    bought = sum(t for (_, to), t in [*tonnes.items(), *moved.items()] if to == ROW)
    scale = min(1.0, (split.left + bought) / max(sum(kept.values()), 1e-300))
    kept = {to: t * scale for to, t in kept.items()}
    if not moved and scale == 1.0:
        return []
    _say(split, total, kept, moved, gathered)
    return _rows(split, lanes, kept, shipped, moved, gathered)


def _not_shipped(
    country: str, output: float, tonnes: Mapping[tuple[str, str], float]
) -> float:
    """Return the output that no lane of the country carries yet."""
    out = sum(t for (c, _), t in tonnes.items() if c == country)
    into = sum(t for (_, c), t in tonnes.items() if c == country)
    return max(0.0, output - max(0.0, out - into))


def _rows(
    split: _Split,
    lanes: Mapping[tuple[str, str], dict[str, Any]],
    kept: Mapping[str, float],
    shipped: Mapping[str, float],
    moved: Mapping[tuple[str, str], float],
    gathered: Gathered,
) -> list[dict[str, Any]]:
    about = {"item": split.item, "source_id": gathered.source_id,
             "evidence": "assumed"}  # fmt: skip
    rows: list[dict[str, Any]] = []
    for (country, to), t in sorted(moved.items()):
        why = "was used within the rest of the world" if to == ROW else (
            "its part of what the rest of the world shipped, by output"
        )  # fmt: skip
        rows.append({
            **about, "exporter": country, "importer": to, "base_t_per_year": t,
            "kind": "observed", "note": f"{why}; vintage {gathered.vintage}",
        })  # fmt: skip
    for to, t in sorted(kept.items()):
        if abs(t - shipped[to]) > LEAST * shipped[to]:
            old = lanes[ROW, to]
            rows.append({
                **{k: v for k, v in old.items() if v is not None}, **about,
                "base_t_per_year": t,
                "note": f"less what countries split out ship; before "
                f"{shipped[to]:,.7g} t ({old['source_id']}); "
                f"vintage {gathered.vintage}",
            })  # fmt: skip
    return rows


def _say(
    split: _Split,
    total: float,
    kept: Mapping[str, float],
    moved: Mapping[tuple[str, str], float],
    gathered: Gathered,
) -> None:
    stays = sum(kept.values())
    away = sum(t for (_, to), t in moved.items() if to != ROW)
    cut = total - stays - away
    told = [
        f"{ROW} shipped {total:,.7g} t and makes {split.left:,.7g} t now (before "
        f"{split.before:,.7g} t): {away:,.7g} t moved to {', '.join(split.added)}"
        if split.added
        else f"{ROW} shipped {total:,.7g} t and makes {split.left:,.7g} t now (before "
        f"{split.before:,.7g} t)",
        f"{cut:,.7g} t scaled away" if cut > LEAST * max(total, 1.0) else "",
        f"{stays:,.7g} t stay, fed by what it buys" if stays > split.left else "",
    ]
    gathered.leave_out(
        MOVED, split.item, "; ".join(filter(None, told)) + " (assumed)",
        file=gathered.source_id, column="exporter, importer", tonnes=away + cut,
    )  # fmt: skip
