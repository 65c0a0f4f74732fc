# SPDX-License-Identifier: Apache-2.0
"""Drivers: what may happen, how likely, and what each state does.

Two kinds of numbers are read: the weights implied by USGS OFR 2025-1047 (probability-
weighted loss over loss of the largest scenario): 0.043 for South Africa, 0.038 for
Brazil, 0.40 for Chinese controls not yet there. The rest is judgement, and each row
says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studies.build.policy.choose import items_of, known_minerals, listed
from studies.build.policy.measures import HEAVY_AND_MEDIUM, LATER, LIGHT, MAGNETS
from studies.build.sources import assume

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studies.build.raw import Raw
    from studies.build.tables import Tables, Value

__all__ = ["CONTROLLED", "NOT_YET", "add"]

# Under licence in 2026 (measures.py).
CONTROLLED = (
    "gallium", "germanium", "antimony", "graphite", "tungsten", "tellurium",
    "bismuth", "indium", "magnesium", *HEAVY_AND_MEDIUM,
)  # fmt: skip
# China leads supply and has announced or could announce controls.
NOT_YET = (*LIGHT, *LATER, "silver", "vanadium", "titanium", "silicon", "fluorspar",
           "barite", "arsenic", "lithium", "manganese", "phosphate")  # fmt: skip
MAGNET_ITEMS = ("ndfeb_magnet", *MAGNETS)
PGM = ("platinum", "palladium", "rhodium", "iridium", "ruthenium")


@dataclass(frozen=True)
class Effect:
    """One effect of a state, in words of the effect columns."""

    kind: str
    minerals: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    columns: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A state: meaning, chance at the start, moves and effects."""

    name: str
    description: str
    start: float
    moves: dict[str, float]
    effects: tuple[Effect, ...] = ()
    release: bool = True


@dataclass(frozen=True)
class Driver:
    """A driver and where its probabilities come from."""

    name: str
    states: tuple[State, ...]
    source_id: str
    evidence: str
    note: str


def _china(kind: str, minerals: Iterable[str], target: str, **columns: Value) -> Effect:
    """Return an export rule of China; magnets follow their minerals by item."""
    return Effect(
        kind, tuple(minerals), columns={"actor": "CHN", "target": target, **columns}
    )


def _magnets(kind: str, target: str, **columns: Value) -> Effect:
    columns = {"actor": "CHN", "target": target, **columns}
    return Effect(kind, items=MAGNET_ITEMS, columns=columns)


def _outage(
    country: str, minerals: Iterable[str], factor: float, stage: str | None = None
) -> Effect:
    return Effect(
        "outage",
        tuple(minerals),
        columns={"country": country, "stage": stage, "factor": factor},
    )


ALL_CHINESE = (*CONTROLLED, *NOT_YET)

CHINA_TRADE = Driver(
    "china_trade",
    (
        State(
            "calm",
            "Licences as they are today; measures apply by date",
            0.65,
            {
                "calm": 0.79,
                "licences": 0.15,
                "ban_usa": 0.03,
                "ban_allies": 0.02,
                "ban_all": 0.01,
            },
        ),
        State(
            "licences",
            "Licences are granted slowly and for less: 0.6 of base exports of what is "
            "controlled, 0.8 of what is not yet controlled",
            0.25,
            {
                "calm": 0.32,
                "licences": 0.52,
                "ban_usa": 0.07,
                "ban_allies": 0.05,
                "ban_all": 0.04,
            },
            (
                _china("licence", CONTROLLED, "*", cap_share=0.6, delay_days=64.0),
                _china("licence", NOT_YET, "*", cap_share=0.8, delay_days=64.0),
                _magnets("licence", "*", cap_share=0.6, delay_days=64.0),
            ),
            release=False,
        ),
        State(
            "ban_usa",
            "No exports of controlled minerals, rare earths and magnets to the United "
            "States; licences for the others",
            0.05,
            {
                "calm": 0.20,
                "licences": 0.40,
                "ban_usa": 0.32,
                "ban_allies": 0.04,
                "ban_all": 0.04,
            },
            (
                _china("ban", (*CONTROLLED, *LIGHT, *LATER), "USA"),
                _magnets("ban", "USA"),
                _china("licence", CONTROLLED, "*", cap_share=0.8, delay_days=64.0),
            ),
        ),
        State(
            "ban_allies",
            "The same against the United States and its allies",
            0.03,
            {
                "calm": 0.15,
                "licences": 0.40,
                "ban_usa": 0.08,
                "ban_allies": 0.33,
                "ban_all": 0.04,
            },
            (
                _china("ban", (*CONTROLLED, *LIGHT, *LATER), "ALLIES"),
                _magnets("ban", "ALLIES"),
                _china("licence", CONTROLLED, "*", cap_share=0.8, delay_days=64.0),
            ),
        ),
        State(
            "ban_all",
            "No exports of controlled minerals, rare earths and magnets to anyone; "
            "half of the rest",
            0.02,
            {
                "calm": 0.15,
                "licences": 0.40,
                "ban_usa": 0.08,
                "ban_allies": 0.08,
                "ban_all": 0.29,
            },
            (
                _china("ban", (*CONTROLLED, *LIGHT, *LATER), "*"),
                _magnets("ban", "*"),
                _china("licence", NOT_YET, "*", cap_share=0.5, delay_days=64.0),
            ),
        ),
    ),
    "ASSUMED-CHINA",
    "assumed",
    "in the long run 0.44 of years see more than today's licences, near the implied "
    "weight 0.40 of controls not yet there in OFR 2025-1047; the split is judgement",
)


def _defence(factor: float) -> Effect:
    columns: dict[str, Value] = {"country": "ALLIES", "class": "defence"}
    return Effect("demand", columns={**columns, "factor": factor})


def _recovery(year: int, cap: float, defence: float, following: str) -> State:
    return State(
        f"recovery_{year}",
        f"Year {year} after the war: {cap:g} of Chinese exports to allies, defence "
        f"use at {defence:g} of normal",
        0.0,
        {following: 1.0},
        (
            _china("licence", ALL_CHINESE, "ALLIES", cap_share=cap),
            _magnets("licence", "ALLIES", cap_share=cap),
            _defence(defence),
        ),
    )


WIDE_CONFLICT = Driver(
    "wide_conflict",
    (
        State("peace", "No wide conflict", 0.99, {"peace": 0.98, "war": 0.02}),
        State(
            "war",
            "War in East Asia for a year: nothing from China and Russia to allies, "
            "half of the trade of Japan, Korea and Taiwan, plants there at 0.8, "
            "defence use doubled",
            0.01,
            {"recovery_1": 1.0},
            (
                Effect("ban", columns={"actor": "CHN", "target": "ALLIES"}),
                Effect("ban", columns={"actor": "RUS", "target": "ALLIES"}),
                *(
                    Effect(
                        "lane",
                        columns={"actor": actor, "target": target, "factor": 0.5},
                    )
                    for country in ("JPN", "KOR", "TWN")
                    for actor, target in ((country, "*"), ("*", country))
                ),
                *(_outage(country, (), 0.8) for country in ("JPN", "KOR", "TWN")),
                _defence(2.0),
            ),
        ),
        _recovery(1, 0.3, 1.5, "recovery_2"),
        _recovery(2, 0.6, 1.25, "recovery_3"),
        _recovery(3, 0.8, 1.1, "peace"),
    ),
    "ASSUMED-CONFLICT",
    "assumed",
    "2 % a year; one year of war and three of recovery as in the planning case of the "
    "American stockpile",
)


def _simple(
    name: str, shock: str, chance: float, stay: float, effects: tuple[Effect, ...],
    description: str, *, source_id: str = "ASSUMED-THREATS", evidence: str = "assumed",
    note: str = "", onset: float | None = None,
) -> Driver:  # fmt: skip
    """Return a driver with one shock state beside the normal one.

    `chance` is the share of first years in the shock, `stay` the probability that a
    shock goes on for another year, `onset` that one begins in a calm year; None:
    `chance`.
    """
    begins = chance if onset is None else onset
    normal = State(
        "normal",
        "Nothing beyond today",
        1 - chance,
        {"normal": 1 - begins, shock: begins},
    )
    bad = State(shock, description, chance, {"normal": 1 - stay, shock: stay}, effects)
    if stay in {0, 1} or chance in {0, 1}:
        message = f"driver {name}: a chance of 0 or 1 leaves a state without exit"
        raise ValueError(message)
    return Driver(name, (normal, bad), source_id, evidence, note)


def onset_for(weight: float, stay: float) -> float:
    """Return the onset at which `weight` of all years are in the shock.

    Scenarios of OFR 2025-1047 last one year and weights are per year. A shock that
    may stay needs a smaller onset for the same share of years: with onset a the
    long-run share is a / (a + 1 - stay). Rounded, so that tables stay readable.

    Examples
    --------
    >>> onset_for(0.043, 0.3)
    0.03145
    """
    return round((1 - stay) * weight / (1 - weight), 5)


OUTAGE_NOTE = "3 % a year, half repaired within the year after: judgement"

SIMPLE = (
    _simple(
        "south_africa", "power_crisis", 0.043, 0.3,
        (_outage("ZAF", (*PGM, "chromium", "manganese", "vanadium"), 0.5),
         _outage("ZAF", ("titanium", "zirconium"), 0.7)),
        "Power and labour stop half of the mines and smelters for a year",
        source_id="USGS25", evidence="computed",
        note="0.043: implied yearly weight of South Africa in OFR 2025-1047, the "
        "long-run share of years; onset = (1 - stay) w / (1 - w), stay 0.3 assumed; "
        "depth assumed",
        onset=onset_for(0.043, 0.3),
    ),
    _simple(
        "brazil", "supply_stop", 0.038, 0.2,
        (_outage("BRA", ("niobium",), 0.2),),
        "The one large niobium mine and its smelter stop for most of a year",
        source_id="USGS25", evidence="computed",
        note="0.038: implied yearly weight of Brazil in OFR 2025-1047, the long-run "
        "share of years; onset = (1 - stay) w / (1 - w), stay 0.2 assumed; depth "
        "assumed",
        onset=onset_for(0.038, 0.2),
    ),
    _simple(
        "russia", "export_stop", 0.08, 0.6,
        (Effect("ban", (*PGM, "titanium", "nickel", "aluminum", "potash", "phosphate",
                        "vanadium", "copper", "magnesium", "antimony", "rhenium"),
                columns={"actor": "RUS", "target": "ALLIES"}),),
        "Russia or sanctions end exports of metals and fertilisers to allies",
    ),
)  # fmt: skip

DRC = Driver(
    "drc",
    (
        State(
            "normal",
            "Cobalt quota by date, as measured today",
            0.85,
            {"normal": 0.85, "tight_quota": 0.11, "war": 0.04},
        ),
        State(
            "tight_quota",
            "Congo lets out 0.4 of base-year cobalt",
            0.11,
            {"normal": 0.48, "tight_quota": 0.48, "war": 0.04},
            (
                Effect(
                    "licence",
                    ("cobalt",),
                    columns={"actor": "COD", "target": "*", "cap_share": 0.4},
                ),
            ),
            release=False,
        ),
        State(
            "war",
            "Fighting and closed roads: 0.4 of Congolese cobalt and tantalum, 0.8 of "
            "its copper",
            0.04,
            {"normal": 0.45, "tight_quota": 0.15, "war": 0.40},
            (
                _outage("COD", ("cobalt", "tantalum", "tin", "niobium"), 0.4),
                _outage("COD", ("copper",), 0.8),
            ),
        ),
    ),
    "ASSUMED-THREATS",
    "assumed",
    "judgement; the quota of 2026-27 is a measure, this is what comes on top",
)

INDONESIA = Driver(
    "indonesia",
    (
        State(
            "normal",
            "Ore bans as measured today",
            0.86,
            {"normal": 0.86, "ore_cut": 0.09, "export_cap": 0.05},
        ),
        State(
            "ore_cut",
            "Mining permits cut ore to 0.75",
            0.09,
            {"normal": 0.55, "ore_cut": 0.40, "export_cap": 0.05},
            (
                _outage("IDN", ("nickel", "cobalt"), 0.75, "mine"),
                _outage("IDN", ("tin",), 0.75),
            ),
        ),
        State(
            "export_cap",
            "Exports of nickel products and tin capped at 0.6 of the base year",
            0.05,
            {"normal": 0.45, "ore_cut": 0.05, "export_cap": 0.50},
            (
                Effect(
                    "licence",
                    ("nickel", "tin", "cobalt"),
                    columns={"actor": "IDN", "target": "*", "cap_share": 0.6},
                ),
            ),
            release=False,
        ),
    ),
    "ASSUMED-THREATS",
    "assumed",
    "judgement",
)

# Dominant plants and sites: (driver, country, minerals, stage, what remains, what).
PLANTS = (
    ("outage_magnesium_china", "CHN", ("magnesium",), None, 0.6,
     "Coal and power rules stop the Yulin furnaces, as in 2021"),
    ("outage_separation_malaysia", "MYS",
     ("rare earths", *LIGHT, *HEAVY_AND_MEDIUM, *LATER),
     None, 0.2, "Licence or accident stops the one large separator outside China"),
    ("outage_mountain_pass", "USA", ("rare earths",), "mine", 0.3,
     "The one American rare-earth mine stops"),
    ("outage_japan_earthquake", "JPN", ("titanium", "gallium", "indium", "neodymium",
     "dysprosium", "terbium", "silicon"), None, 0.4,
     "An earthquake stops sponge, gallium and magnet plants"),
    ("outage_beryllium_usa", "USA", ("beryllium",), None, 0.3,
     "The one large beryllium mine and mill stops"),
    ("outage_rhenium_chile", "CHL", ("rhenium",), None, 0.4,
     "The molybdenum roaster that makes half of the world's rhenium stops"),
    ("outage_potash_canada", "CAN", ("potash",), None, 0.7,
     "Rail and port strikes, a flooded mine"),
    ("outage_graphite_mozambique", "MOZ", ("graphite",), None, 0.2,
     "Unrest stops the largest flake mine outside China, as in 2024"),
    ("outage_tin_myanmar", "MMR", ("tin", "rare earths"), None,
     0.3, "Fighting closes the tin and clay mines at the Chinese border"),
)  # fmt: skip


def _drivers() -> tuple[Driver, ...]:
    outages = tuple(
        _simple(
            name,
            "stopped",
            0.03,
            0.25,
            (_outage(country, minerals, factor, stage),),
            what,
            note=OUTAGE_NOTE,
        )
        for name, country, minerals, stage, factor, what in PLANTS
    )
    return (CHINA_TRADE, WIDE_CONFLICT, DRC, INDONESIA, *SIMPLE, *outages)


def _effect_row(tables: Tables, effect: Effect) -> dict[str, Value] | None:
    """Return the columns of an effect, or None if nothing in the study is touched."""
    minerals = known_minerals(tables, effect.minerals)
    items = items_of(tables, names=effect.items)
    if (effect.minerals and not minerals) or (effect.items and not items):
        return None
    columns: dict[str, Value] = {
        **effect.columns,
        "kind": effect.kind,
        "mineral": listed(minerals),
        "item": listed(items),
    }
    if effect.kind == "outage" and not _has_plant(tables, columns, minerals):
        return None
    return columns


def _has_plant(
    tables: Tables, columns: dict[str, Value], minerals: tuple[str, ...]
) -> bool:
    """Tell whether the country runs a plant of the minerals and the stage."""
    items = {row["item"]: row for row in tables.rows("items")}
    processes = {row["process"]: row for row in tables.rows("processes")}
    for plant in tables.rows("plants", country=columns["country"]):
        process = processes[plant["process"]]
        stage_fits = columns.get("stage") in {None, process["stage"]}
        mineral = items[process["main_item"]]["mineral"]
        if stage_fits and (not minerals or mineral in minerals):
            return True
    return False


def add(tables: Tables, raw: Raw) -> None:  # noqa: ARG001  # one signature for all
    """Add drivers whose effects touch the study, with states and effects."""
    assume(
        tables,
        "ASSUMED-CHINA",
        "Transition probabilities of Chinese trade policy and how deep each state "
        "cuts; the long-run share of years beyond today's licences is held near the "
        "weight 0.40 that OFR 2025-1047 implies",
    )
    assume(
        tables,
        "ASSUMED-CONFLICT",
        "A wide conflict in East Asia starts with 2 % a year, lasts one year, and "
        "takes three to recover from",
    )
    assume(
        tables,
        "ASSUMED-THREATS",
        "Probabilities and depths of outages and of policy changes in Congo, "
        "Indonesia and Russia: judgement, no source",
    )
    for driver in _drivers():
        rows = {
            state.name: [
                found
                for effect in state.effects
                if (found := _effect_row(tables, effect)) is not None
            ]
            for state in driver.states
        }
        if any(rows.values()):
            _write(tables, driver, rows)


def _write(
    tables: Tables, driver: Driver, effects: dict[str, list[dict[str, Value]]]
) -> None:
    """Write the rows of one driver."""
    for state in driver.states:
        for following, chance in sorted(state.moves.items()):
            tables.row(
                "drivers",
                driver=driver.name,
                state=state.name,
                next_state=following,
                probability_per_year=chance,
                source_id=driver.source_id,
                evidence=driver.evidence,
                note=driver.note or None,
            )
        tables.row(
            "driver_states",
            driver=driver.name,
            state=state.name,
            description=state.description,
            start_share=state.start,
            release_allowed=state.release,
            source_id=driver.source_id,
            evidence="assumed",
        )
        for number, columns in enumerate(effects[state.name], start=1):
            tables.row(
                "driver_effects",
                driver=driver.name,
                state=state.name,
                row=str(number),
                source_id=driver.source_id,
                evidence="assumed",
                **columns,
            )
