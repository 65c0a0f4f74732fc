# SPDX-License-Identifier: Apache-2.0
"""Keys of the study's rows behind a number: `plants:a|b; recipes:p/item`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oreserve.exposure._figures import Figures

__all__ = ["RowKeys", "join_rows", "split_rows"]

MOST = 60  # keys per table in one cell: enough for all but trade of large chains


def join_rows(keys: Mapping[str, Iterable[str]]) -> str:
    """Write keys by table; more than 60 of a table end in `+n`.

    Examples
    --------
    >>> join_rows({"plants": ["b", "a"], "lanes": []})
    'plants:a|b'
    """
    parts = []
    for table, names in sorted(keys.items()):
        ordered = sorted(set(names))
        shown = ordered[:MOST]
        if len(ordered) > MOST:
            shown.append(f"+{len(ordered) - MOST}")
        if shown:
            parts.append(f"{table}:{'|'.join(shown)}")
    return "; ".join(parts)


def split_rows(text: str) -> list[tuple[str, str]]:
    """Read `join_rows` back: (table, key) pairs; `+n` stays a key.

    Examples
    --------
    >>> split_rows("lanes:tin/A/B; plants:a|b")
    [('lanes', 'tin/A/B'), ('plants', 'a'), ('plants', 'b')]
    """
    found = []
    for part in filter(None, text.split("; ")):
        table, _, names = part.partition(":")
        found += [(table, name) for name in names.split("|")]
    return found


class RowKeys:
    """The rows of each item, by what they say."""

    def __init__(
        self, figures: Figures, demands: Mapping[str, list[tuple[str, str]]]
    ) -> None:
        self._figures = figures
        self._demands = demands
        self._makers: dict[str, list[str]] = {item: [] for item in figures.items}
        self._plants: dict[str, list[str]] = {item: [] for item in figures.items}
        for process, recipe in sorted(figures.base.recipes.items()):
            for item, coefficient in recipe.items():
                if coefficient > 0 and item in self._makers:
                    self._makers[item].append(f"{process}/{item}")
        for plant in figures.plants:
            if plant.capacity > 0 or plant.output > 0:
                self._plants[figures.items[plant.item]].append(plant.plant)

    def supply(self, item: str) -> dict[str, list[str]]:
        """Plants that make the item, and their recipes."""
        return {"plants": self._plants[item], "recipes": self._makers[item]}

    def own_supply(self, item: str, home: tuple[str, ...]) -> dict[str, list[str]]:
        """Plants of home that make the item, and their recipes."""
        own = [
            plant
            for plant in self._figures.plants
            if self._figures.countries[plant.country] in home
            and plant.plant in self._plants[item]
        ]
        return {
            "plants": [plant.plant for plant in own],
            "recipes": self._makers[item] if own else [],
        }

    def governance(self, item: str) -> dict[str, list[str]]:
        """Countries that make the item, besides its supply."""
        row = self._figures.items.index(item)
        made = [
            country
            for country, t in zip(
                self._figures.countries, self._figures.output[row], strict=True
            )
            if t > 0
        ]
        return {**self.supply(item), "countries": made}

    def trade(self, item: str, home: tuple[str, ...]) -> dict[str, list[str]]:
        """Lanes of the item into and out of home."""
        lanes = [
            f"{item}/{exporter}/{importer}"
            for exporter, importer in self._figures.base.imports.get(item, {})
            if (exporter in home) != (importer in home)
        ]
        return {"lanes": lanes}

    def use(
        self, item: str, home: tuple[str, ...] | None = None
    ) -> dict[str, list[str]]:
        """Demands of the item, in home's countries only if given."""
        rows = self._demands.get(item, [])
        names = [demand for demand, c in rows if home is None or c in home]
        return {"demands": names}
