# SPDX-License-Identifier: Apache-2.0
"""Write the rows of one mineral's chain: items, prices, plants, uses, lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.build.countries import ensure
from studies.build.flows import (
    Flows,
    baci_flows,
    close_uses,
    fill_lanes,
    fold,
    fold_flows,
    join_small,
)
from studies.build.mcs import Figure
from studies.build.sources import assume
from studies.build.uses import add_use

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from studies.build.raw import Raw
    from studies.build.tables import Tables, Value

__all__ = ["BY_PRODUCT", "MINE", "REFINER", "ChainRows"]

# Supply elasticities, assumed: a mine opens faces slowly, a refiner runs harder
# more easily, a by-product follows its host.
MINE, REFINER, BY_PRODUCT = 0.3, 0.7, 0.1
FILL = 0.9  # output over capacity where no capacity is published
SMALL_PLANT = 0.002  # plants under this share of an item's world output go to ROW


@dataclass(frozen=True)
class ChainRows:
    """Adds rows for one mineral; countries outside `keep` become ROW."""

    tables: Tables
    raw: Raw
    mineral: str
    keep: frozenset[str]
    stock_days: float | None = None

    def source(self, source_id: str, statement: str) -> str:
        """Name an assumption and return its source id."""
        return assume(self.tables, source_id, statement)

    def item(
        self,
        item: str,
        stage: str,
        basis: str,
        *,
        form: str | None = None,
        hs_codes: str | None = None,
        storable: bool = True,
        shelf: float | None = None,
        mineral: str | None = None,
        note: str | None = None,
        source_id: str = "MCS26",
        evidence: str = "read",
    ) -> None:
        """Add an item."""
        self.tables.row(
            "items",
            item=item,
            mineral=mineral or self.mineral,
            stage=stage,
            form=form,
            basis=basis,
            hs_codes=hs_codes,
            storable=storable,
            shelf_life_years=shelf,
            note=note,
            source_id=source_id,
            evidence=evidence,
        )

    def price(
        self,
        item: str,
        usd_per_t: float,
        *,
        source_id: str,
        evidence: str,
        period: str = "2024",
        market: str = "world",
        kind: str = "outside",
        note: str | None = None,
    ) -> None:
        """Add one price; its basis is the item's."""
        basis = self.tables.rows("items", item=item)[0]["basis"]
        self.tables.row(
            "prices",
            item=item,
            market=market,
            period=period,
            kind=kind,
            usd_per_t=usd_per_t,
            basis=basis,
            source_id=source_id,
            evidence=evidence,
            note=note,
        )

    def content(
        self,
        item: str,
        element: str,
        share: float,
        *,
        source_id: str = "ATOMIC",
        evidence: str = "computed",
    ) -> None:
        """Add the mass share of an element in an item."""
        self.tables.row(
            "contents",
            item=item,
            element=element,
            mass_share=share,
            source_id=source_id,
            evidence=evidence,
        )

    def process(
        self,
        process: str,
        stage: str,
        recipe: Mapping[str, float],
        *,
        source_id: str = "ASSUMED",
        evidence: str = "assumed",
        main_item: str | None = None,
        note: str | None = None,
    ) -> None:
        """Add a process; the first output of the recipe is its main item."""
        main = main_item or next(i for i, c in recipe.items() if c > 0)
        self.tables.row(
            "processes",
            process=process,
            stage=stage,
            main_item=main,
            note=note,
            source_id=source_id,
            evidence=evidence,
        )
        for item, coefficient in recipe.items():
            # The main item is 1 by definition, whatever the source of the others.
            given = evidence if item != main else "computed"
            self.tables.row(
                "recipes",
                process=process,
                item=item,
                coefficient=float(coefficient),
                source_id=source_id,
                evidence=given,
            )

    def plants(
        self,
        process: str,
        output: Mapping[str, Figure],
        elasticity: float | None,
        *,
        capacity: Mapping[str, Figure] | None = None,
        before: Mapping[str, float] | None = None,
        small: float = SMALL_PLANT,
        **columns: Value,
    ) -> None:
        """Add one aggregate plant a country; under `small` of world output join ROW.

        Capacity is the published one, else the larger output of the base year and
        the year `before` over 0.9, and never under output.
        """
        world = sum(f.t for f in output.values())
        keep = frozenset(
            c for c in self.keep if c in output and output[c].t >= small * world
        )
        values = fold({c: f.t for c, f in output.items()}, keep)
        given = fold({c: f.t for c, f in (capacity or {}).items()}, keep)
        for country, tonnes in sorted(values.items()):
            if tonnes <= 0:
                continue
            figure = output.get(country) or next(
                f for c, f in sorted(output.items()) if c not in keep
            )
            published = given.get(country)
            peak = max(tonnes, (before or {}).get(country, 0.0))
            room = max(published or peak / FILL, tonnes)
            note = figure.note
            if published is None:
                rule = "output" if peak == tonnes else "output of 2023"
                rule = f"capacity is {rule} over 0.9"
                note = "; ".join(n for n in (note, rule) if n)
            ensure(self.tables, self.raw, country)
            self.tables.row(
                "plants",
                plant=f"{process}_{country}",
                process=process,
                country=country,
                aggregate=True,
                capacity_t_per_year=float(room),
                basis="output",
                base_activity_t_per_year=float(tonnes),
                supply_elasticity=elasticity,
                source_id=figure.source_id,
                evidence=figure.evidence,
                note=note,
                **columns,
            )

    def supply_and_need(self, item: str) -> tuple[dict[str, float], dict[str, float]]:
        """Return what plants make and what plants and uses take, by country."""
        recipe = {
            str(r["process"]): float(r["coefficient"] or 0)
            for r in self.tables.rows("recipes", item=item)
        }
        supply: dict[str, float] = {}
        need: dict[str, float] = {}
        for plant in self.tables.rows("plants"):
            coefficient = recipe.get(str(plant["process"]), 0.0)
            amount = coefficient * float(plant["base_activity_t_per_year"] or 0)
            side = supply if amount > 0 else need
            country = str(plant["country"])
            if amount:
                side[country] = side.get(country, 0.0) + abs(amount)
        for row in self.tables.rows("demands", item=item):
            country = str(row["country"])
            amount = float(row["quantity_t_per_year"] or 0)
            need[country] = need.get(country, 0.0) + amount
        return supply, need

    def use(self, item: str, country: str, figure: Figure) -> None:
        """Add the use of one country."""
        if figure.t <= 0:
            return
        ensure(self.tables, self.raw, country)
        add_use(
            self.tables,
            item,
            country,
            figure.t,
            mineral=self.mineral,
            source_id=figure.source_id,
            evidence=figure.evidence,
            stock_days=self.stock_days,
            note=figure.note,
        )

    def uses_by_share(
        self,
        item: str,
        shares: Mapping[str, float],
        source_id: str,
        known: Mapping[str, Figure] | None = None,
    ) -> None:
        """Share the world's unneeded supply over countries; the rest is ROW's.

        `known` uses come first; shares are of world use and are scaled so that the
        world closes.
        """
        supply, need = self.supply_and_need(item)
        left = sum(supply.values()) - sum(need.values())
        for country, figure in sorted((known or {}).items()):
            self.use(item, country, figure)
            left -= figure.t
        free = {
            c: s for c, s in fold(shares, self.keep).items() if c not in (known or {})
        }
        rest = 1 - sum(shares.values())
        free["ROW"] = free.get("ROW", 0.0) + max(0.0, rest)
        total = sum(free.values())
        for country, share in sorted(free.items()):
            self.use(item, country, Figure(left * share / total, source_id, "assumed"))

    def uses_by_trade(
        self,
        item: str,
        flows: Flows,
        known: Mapping[str, Figure],
        source_id: str,
        *,
        floor: float = 0.002,
    ) -> Flows:
        """Add use as output plus imports minus exports; return the lanes behind it."""
        supply, need = self.supply_and_need(item)
        world = sum(supply.values())
        kept = join_small(fold_flows(flows, self.keep), world)
        fixed = {c: f.t for c, f in known.items()}
        uses, lanes = close_uses(supply, need, kept, fixed)
        free = {c: v for c, v in uses.items() if c not in known and v > floor * world}
        left = world - sum(need.values()) - sum(fixed.values())
        scale = left / sum(free.values())
        for country, figure in sorted(known.items()):
            self.use(item, country, figure)
        for country, amount in sorted(free.items()):
            self.use(item, country, Figure(amount * scale, source_id, "computed"))
        return lanes

    def trade_closes(
        self,
        item: str,
        factors: Mapping[str, float],
        us_use: Figure,
        us_sources: Mapping[str, float],
        *,
        factor_source: str,
        lanes: str = "computed",
        transit: Mapping[str, str] | None = None,
        home_use: Mapping[str, float] | None = None,
        mended: Mapping[tuple[str, str], Figure] | None = None,
        floor: float = 0.002,
    ) -> None:
        """Close an item by BACI: uses abroad are balances, lanes are published trade.

        Parameters
        ----------
        factors
            t on the item's basis per t gross, by HS92 code.
        us_use
            The published use of the United States.
        us_sources
            Shares of named sources in American imports; the others keep the trade
            file's proportions.
        factor_source
            Source of the factors; computed uses and lanes point to it.
        lanes
            Evidence of the lanes: `computed`, or `assumed` where the factor is.
        transit
            Ports that only pass goods on, and where the goods go.
        home_use
            Producers whose trade file misses exports: the share of their own output
            that they use; their lanes are scaled to sell the rest.
        mended
            Trade between two named countries in place of what the trade file gives.
        floor
            Uses under this share of world output are left out.
        """
        through = transit or {}
        better = {p: f for p, f in (mended or {}).items() if f.t > 0}
        published = {
            (source, through.get(target, target)): 0.0
            for source, target in baci_flows(self.raw.baci, factors)
        }
        for (source, target), value in baci_flows(self.raw.baci, factors).items():
            published[(source, through.get(target, target))] += value
        published |= {pair: figure.t for pair, figure in better.items()}
        flows = fold_flows(published, self.keep)
        into = {p: v for p, v in flows.items() if p[1] == "USA"}
        named = {c: s for c, s in us_sources.items() if c in self.keep and c != "USA"}
        others = {p: v for p, v in into.items() if p[0] not in named}
        left = 1 - sum(named.values())
        whole = sum(into.values()) or us_use.t
        total = sum(others.values())
        flows = {p: v for p, v in flows.items() if p not in into}
        flows |= {(c, "USA"): s * whole for c, s in named.items()}
        flows |= {p: v / total * left * whole for p, v in others.items()}
        supply, _ = self.supply_and_need(item)
        known = {"USA": us_use} | {
            c: Figure(share * supply[c], factor_source, "assumed")
            for c, share in sorted((home_use or {}).items())
        }
        used = self.uses_by_trade(item, flows, known, factor_source, floor=floor)
        for (source, target), tonnes in sorted(used.items()):
            listed = target == "USA" and source in named
            figure = Figure(
                tonnes,
                "MCS26" if listed else factor_source,
                "computed" if listed else lanes,
            )
            figure = better.get((source, target), figure)
            self.lane(
                item,
                source,
                target,
                tonnes,
                source_id=figure.source_id,
                evidence=figure.evidence,
                note=figure.note,
            )

    def lane(
        self,
        item: str,
        source: str,
        target: str,
        tonnes: float,
        *,
        source_id: str,
        evidence: str,
        note: str | None = None,
    ) -> None:
        """Add one observed lane."""
        for country in (source, target):
            ensure(self.tables, self.raw, country)
        self.tables.row(
            "lanes",
            item=item,
            exporter=source,
            importer=target,
            base_t_per_year=float(tonnes),
            kind="observed",
            source_id=source_id,
            evidence=evidence,
            note=note,
        )

    def trade_lanes(
        self,
        item: str,
        flows: Flows,
        *,
        source_id: str,
        evidence: str,
        skip: Iterable[str] = (),
    ) -> None:
        """Add published trade as lanes; lanes into countries in `skip` are left out."""
        supply, _ = self.supply_and_need(item)
        avoided = set(skip)
        folded = {
            p: v for p, v in fold_flows(flows, self.keep).items() if p[1] not in avoided
        }
        for (source, target), tonnes in sorted(
            join_small(folded, sum(supply.values())).items()
        ):
            if tonnes > 0:
                self.lane(
                    item, source, target, tonnes, source_id=source_id, evidence=evidence
                )

    def import_lanes(
        self,
        item: str,
        shares: Mapping[str, float],
        *,
        importer: str = "USA",
        source_id: str = "MCS26",
        evidence: str = "computed",
        tonnes: float | None = None,
        own_output: bool = False,
    ) -> None:
        """Add the lanes of one importer: its net need by the shares of its sources.

        With `own_output` a source sells at most nine tenths of what it makes itself.
        """
        supply, need = self.supply_and_need(item)
        net = tonnes or need.get(importer, 0.0) - supply.get(importer, 0.0)
        if net <= 0:
            return
        named = {c: s for c, s in shares.items() if c in self.keep and c != importer}
        for source, share in sorted(named.items()):
            amount = share * net
            if own_output:
                amount = min(amount, 0.9 * supply.get(source, 0.0))
            self.lane(
                item,
                source,
                importer,
                amount,
                source_id=source_id,
                evidence=evidence,
                note="share of import sources x net imports",
            )

    def assumed_lanes(
        self,
        item: str,
        source_id: str | None = None,
        *,
        closed: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """Join what is left over to what is still needed, in proportion.

        Pairs in `closed` get nothing beyond the trade that is already there.
        """
        supply, need = self.supply_and_need(item)
        position = {c: supply.get(c, 0.0) - need.get(c, 0.0) for c in {*supply, *need}}
        taken = set()
        for row in self.tables.rows("lanes", item=item):
            source, target = str(row["exporter"]), str(row["importer"])
            amount = float(row["base_t_per_year"] or 0)
            position[source] = position.get(source, 0.0) - amount
            position[target] = position.get(target, 0.0) + amount
            taken.add((source, target))
        world = sum(supply.values())
        named = {c: v for c, v in position.items() if abs(v) > 5e-4 * world}
        chosen = source_id or self.source(
            "ASSUMED-LANES",
            "Lanes without published trade: net sellers supply net buyers in "
            "proportion, less where sanctions hold",
        )
        for (source, target), tonnes in sorted(
            fill_lanes(named, closed=closed).items()
        ):
            if (source, target) in taken:
                key = (item, source, target)
                row = self.tables.rows(
                    "lanes", item=item, exporter=source, importer=target
                )[0]
                amount = float(row["base_t_per_year"] or 0) + tonnes
                self.tables.update(
                    "lanes",
                    key,
                    base_t_per_year=amount,
                    evidence="assumed",
                    note="published trade plus what the balance needs",
                )
                continue
            self.lane(
                item, source, target, tonnes, source_id=chosen, evidence="assumed"
            )
