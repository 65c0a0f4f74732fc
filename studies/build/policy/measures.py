# SPDX-License-Identifier: Apache-2.0
"""Export rules in force, suspended or ended, with their dates.

Dates and subjects are published (Mineral Commodity Summaries 2026, table 4, and the
facts' sources). How many tonnes a licence lets through is published nowhere: where a
rule held in the base year its effect is part of the base flows (cap 1.0); a later rule
carries a share that agrees with American imports of 2025 where they are published
(`licence_caps`), else an assumed one. The row says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.build.policy.choose import base_exports_t, items_of, listed, number
from studies.build.policy.licence_caps import OBSERVED
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["HEAVY_AND_MEDIUM", "LATER", "LIGHT", "MAGNETS", "add"]

HEAVY_AND_MEDIUM = (
    "samarium", "gadolinium", "terbium", "dysprosium", "lutetium", "yttrium",
    "scandium",
)  # fmt: skip
LATER = ("holmium", "erbium", "thulium", "europium", "ytterbium")
LIGHT = ("lanthanum", "cerium", "praseodymium", "neodymium")
RARE_EARTHS = ("rare earths", *LIGHT, *HEAVY_AND_MEDIUM, *LATER)
# Magnets with dysprosium, terbium or samarium; plain NdFeB is not controlled.
MAGNETS = ("ndfeb_magnet_heavy", "smco_magnet")
BASE_YEAR_END = "2025-01-01"
LICENCE_DAYS = 64.0  # 45 working days (CHN4), in calendar days
ORE = ("mine", "concentrate")


@dataclass(frozen=True)
class Licence:
    """One announcement of export licences or of an export ban."""

    name: str
    actor: str
    start: str
    minerals: tuple[str, ...]
    cap_share: float | None  # None: as `OBSERVED` has it
    source_id: str
    announced: str | None = None
    stages: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    until: str | None = None
    status: str = "in_force"
    days: float | None = None
    note: str = ""


CHINA = (
    Licence(
        "china_gallium_germanium_licences", "CHN", "2023-08-01",
        ("gallium", "germanium"), 1.0, "GAHOME", announced="2023-07-03",
    ),
    Licence(
        "china_graphite_licences", "CHN", "2023-12-01", ("graphite",), 1.0, "MCS26",
        announced="2023-10-20",
    ),
    Licence(
        "china_antimony_licences", "CHN", "2024-09-15", ("antimony",), None, "MCS26",
        announced="2024-08-15",
        note="in force for the last quarter of the base year only",
    ),
    Licence(
        "china_magnesium_licences", "CHN", "2024-12-01", ("magnesium",), 1.0, "MCS26",
        note="'magnesium materials' of table 4; day of the year assumed",
    ),
    Licence(
        "china_tungsten_licences", "CHN", "2025-02-04",
        ("tungsten",), None, "MCS26", announced="2025-02-04",
    ),
    Licence(
        "china_bismuth_licences", "CHN", "2025-02-04",
        ("bismuth",), None, "MCS26", announced="2025-02-04",
    ),
    Licence(
        "china_indium_tellurium_molybdenum_licences", "CHN", "2025-02-04",
        ("indium", "tellurium", "molybdenum"), None, "MCS26", announced="2025-02-04",
    ),
    Licence(
        "china_rare_earth_licences", "CHN", "2025-04-04",
        tuple(m for m in HEAVY_AND_MEDIUM if m != "yttrium"), None,
        "CHN1", announced="2025-04-04", stages=("refine", "metal", "alloy"),
        days=LICENCE_DAYS,
        note="samarium, gadolinium, terbium, dysprosium, lutetium, scandium",
    ),
    Licence(
        "china_yttrium_licences", "CHN", "2025-04-04", ("yttrium",), None, "CHN1",
        announced="2025-04-04", days=LICENCE_DAYS,
        note="the tightest of the seven: European quotes rose more than forty-fold",
    ),
    Licence(
        "china_magnet_licences", "CHN", "2025-04-04", (), 0.95, "CHN4",
        announced="2025-04-04", items=MAGNETS, days=LICENCE_DAYS,
        note="magnets that contain the seven controlled elements; exports recovered "
        "late in 2025 (memory)",
    ),
    Licence(
        "china_silver_licences", "CHN", "2026-01-01", ("silver",), 0.95, "MCS26",
        announced="2025-10-30",
    ),
)  # fmt: skip

# Suspended rules carry the day on which they come back: if nobody extends the
# suspension, a watch must ring before that day.
CHINA_SUSPENDED = (
    Licence(
        "china_holmium_erbium_licences", "CHN", "2026-11-10", LATER, 0.8, "CHN3",
        announced="2025-10-09", stages=("refine", "metal", "alloy"),
        status="suspended", days=LICENCE_DAYS,
        note="suspended for a year to about 2026-11-10; no later status in hand on "
        "2026-11-22, so taken as still suspended: look again",
    ),
    Licence(
        "china_anode_licences", "CHN", "2026-11-10", (), 0.9, "MCS26",
        announced="2025-10-09", items=("synthetic_graphite", "graphite_anode"),
        status="suspended",
        note="artificial graphite anode materials; suspended as above",
    ),
)  # fmt: skip

BAN_TO_USA = ("gallium", "germanium", "antimony")
CIVIL = "the civil use of the base year, in tonnes"

OTHERS = (
    Licence("indonesia_nickel_ore_ban", "IDN", "2020-01-01", ("nickel",), 0.0,
            "MCS26", stages=ORE),
    Licence("indonesia_bauxite_ban", "IDN", "2023-06-10", ("aluminum",), 0.0,
            "MCS26", stages=ORE),
    Licence("indonesia_copper_concentrate_ban", "IDN", "2023-06-10", ("copper",),
            0.0, "MCS26", stages=ORE),
    Licence("laos_raw_minerals_ban", "LAO", "2024-03-01",
            ("copper", "nickel", "potash", "silver", "zinc"), 0.0, "MCS26",
            stages=ORE),
    Licence("malaysia_raw_rare_earths_ban", "MYS", "2024-01-01", RARE_EARTHS, 0.0,
            "MCS26", stages=ORE,
            note="stays in force beside the promise to the United States of "
            "2025-10-26 not to ban exports"),
    Licence("namibia_ores_ban", "NAM", "2023-06-08",
            ("cobalt", "graphite", "lithium", "manganese", *RARE_EARTHS), 0.0,
            "MCS26", stages=ORE),
    Licence("tanzania_concentrates_ban", "TZA", "2017-03-03",
            ("copper", "nickel", "silver"), 0.0, "MCS26", stages=ORE),
    Licence("venezuela_minerals_ban", "VEN", "2024-01-01",
            ("aluminum", "copper", "niobium", "rhodium", "silver", "tantalum", "tin"),
            0.0, "MCS26", stages=ORE),
    Licence("vietnam_raw_minerals_ban", "VNM", "2012-01-09",
            ("chromium", "lead", "manganese", "phosphate", "zinc", *RARE_EARTHS), 0.0,
            "MCS26", stages=ORE),
    Licence("zimbabwe_lithium_ore_ban", "ZWE", "2022-12-20", ("lithium",), 0.0,
            "MCS26", stages=ORE,
            note="raw ore only: concentrate went on being exported"),
    Licence("morocco_copper_aluminium_licences", "MAR", "2025-01-01",
            ("aluminum", "copper"), 0.9, "MCS26", stages=("refine", "metal"),
            note="day of the year assumed"),
    Licence("south_africa_chromite_licences", "ZAF", "2025-06-26", ("chromium",),
            None, "MCS26", stages=ORE, announced="2025-06-26"),
)  # fmt: skip


def _row(tables: Tables, raw: Raw, rule: Licence, source: str) -> None:
    """Write one rule, if it touches an item of the study."""
    items = tuple(
        item
        for item in items_of(
            tables, rule.minerals, stages=rule.stages, names=rule.items
        )
        if _sells(tables, rule.actor, item)
    )
    if not items:
        return
    kind, note = "licence", rule.note
    seen = OBSERVED.get(rule.name)
    cap = seen.cap_share if seen else number(rule.cap_share)
    if cap == 0 and base_exports_t(tables, rule.actor, items) == 0:
        kind = "ban"
    elif cap == 0:
        cap = 1.0
        note = "; ".join(
            part
            for part in (note, "a ban, with exceptions that the base flows show")
            if part
        )
    if rule.source_id == "MCS26":
        note = "; ".join(p for p in (note, "year published, day from memory") if p)
    start = rule.start
    if start < BASE_YEAR_END and kind == "licence" and cap < 1:
        # The base year must come back with every rule of its own in force.
        note = "; ".join(p for p in (note, f"from {start}, here from 2025") if p)
        start = BASE_YEAR_END
    embodied = kind == "ban" or (cap == 1.0 and rule.start < BASE_YEAR_END)
    evidence, source_id = ("read", rule.source_id) if embodied else ("assumed", source)
    if seen is not None:
        evidence, source_id = "computed", "MCS26"
        note = "; ".join(p for p in (note, seen.note(raw)) if p)
    elif not embodied:
        note = "; ".join(
            p for p in (note, f"cap assumed ({rule.source_id}: date)") if p
        )
    tables.row(
        "measures",
        measure=rule.name,
        kind=kind,
        actor=rule.actor,
        target="*",
        item=listed(items),
        cap_share=None if kind == "ban" else cap,
        delay_days=rule.days if kind == "licence" else None,
        announced=rule.announced or rule.start,
        **{"from": start},
        until=rule.until,
        status=rule.status,
        source_id=source_id,
        evidence=evidence,
        note=note or None,
    )


def _sells(tables: Tables, country: str, item: str) -> bool:
    """Tell whether a country makes an item, will make it, or exports it."""
    makers = {
        str(row["process"])
        for row in tables.rows("recipes", item=item)
        if number(row["coefficient"]) > 0
    }
    return bool(tables.rows("lanes", item=item, exporter=country)) or any(
        row["process"] in makers
        for table in ("plants", "projects")
        for row in tables.rows(table, country=country)
    )


def _bans_to_usa(tables: Tables, source: str) -> None:
    """Write the ban of December 2024: its first months, and its return.

    The suspension runs out on 2026-11-27; set the status of the second row to
    in_force to see a return.
    """
    items = items_of(tables, BAN_TO_USA)
    if not items:
        return
    for name, start, until, status, note in (
        (
            "china_ban_to_usa_2024",
            "2024-12-03",
            "2025-11-09",
            "ended",
            "first part, up to the suspension",
        ),
        (
            "china_ban_to_usa",
            "2026-11-27",
            None,
            "suspended",
            (
                "suspended 2025-11-09 to 2026-11-27; comes back on that day unless "
                "extended; licences remain"
            ),
        ),
    ):
        tables.row(
            "measures",
            measure=name,
            kind="ban",
            actor="CHN",
            target="USA",
            item=listed(items),
            announced="2024-12-03",
            **{"from": start},
            until=until,
            status=status,
            source_id="CHN3",
            evidence="read",
            note=note,
        )
    _military(tables, source)


def _military(tables: Tables, source: str) -> None:
    """Write the ban on military users, which was not lifted, as a cap.

    The market has no lanes by class of use, so the cap is what other users can take.
    """
    for mineral in BAN_TO_USA:
        for item in items_of(tables, (mineral,)):
            most = _civil_use_t(tables, item)
            if most is None:
                continue
            tables.row(
                "measures",
                measure=f"china_military_users_{item}",
                kind="quota",
                actor="CHN",
                target="USA",
                item=item,
                cap_t_per_year=most,
                announced="2024-12-03",
                **{"from": BASE_YEAR_END},
                status="in_force",
                source_id=source,
                evidence="assumed",
                note="ban on military end users (CHN3: not lifted) as a cap of "
                f"{CIVIL}; from 2024-12-03, here from 2025",
            )


def _civil_use_t(tables: Tables, item: str) -> float | None:
    """Return American use that is not defence, t; None without defence use.

    A rule that shuts Chinese goods out of defence takes no tonne away while other
    users can take all that China sends: defence then gets what comes from elsewhere.
    A share of base imports, used before, made civil users short by a rule that does
    not name them.
    """
    rows = tables.rows("demands", item=item, country="USA")
    if not any(r["class"] == "defence" for r in rows):
        return None
    return sum(
        number(r["quantity_t_per_year"]) for r in rows if r["class"] != "defence"
    )


def _cobalt_quota(tables: Tables) -> None:
    """Write the Congolese export quota of October 2025."""
    items = items_of(tables, ("cobalt",))
    if not items:
        return
    source = assume(
        tables,
        "ASSUMED-DRC-QUOTA",
        "Congolese cobalt quota of 96,600 t a year in 2026 and 2027 and 18,125 t for "
        "the end of 2025: figures from memory; that a quota holds through 2027 is "
        "read (MCS 2026, table 4)",
    )
    for name, start, until, cap in (
        ("drc_cobalt_quota_2025", "2025-10-16", "2026-01-01", 87_000.0),
        ("drc_cobalt_quota", "2026-01-01", "2028-01-01", 96_600.0),
    ):
        tables.row(
            "measures",
            measure=name,
            kind="quota",
            actor="COD",
            target="*",
            item=listed(items),
            cap_t_per_year=cap,
            announced="2025-09-21",
            **{"from": start},
            until=until,
            status="ended" if until < "2026-11-22" else "in_force",
            source_id=source,
            evidence="assumed",
            note="per item; t of cobalt",
        )


def _defence_procurement(tables: Tables) -> None:
    """Note the United States rule against Chinese goods in defence, from 2027.

    It is the buyer's own rule on one class of use: no export of China is limited. The
    effect columns speak of an actor's exports and the market has no lanes by class,
    so the rule is observed and moves nothing.
    """
    source = assume(
        tables,
        "ASSUMED-DFARS",
        "From 2027-01-01 defence in the United States may not buy magnets, tungsten "
        "and tantalum mined or refined in China (facts: export_controls, from memory): "
        "the buyer's own rule, so no measure; the observation is the defence use that "
        "must come from elsewhere",
    )
    names = ("ndfeb_magnet", *MAGNETS)
    for item in items_of(tables, ("tungsten", "tantalum"), names=names):
        use = sum(
            number(row["quantity_t_per_year"])
            for row in tables.rows("demands", item=item, country="USA")
            if row["class"] == "defence"
        )
        if use <= 0:
            continue
        tables.row(
            "observations",
            series=f"defence_use_closed_to_china_t/{item}/USA",
            date="2024-05-30",
            value=use,
            source_id=source,
            evidence="assumed",
            note="rule of the United States on its own buyers (DFARS), announced "
            "2024-05-30, from 2027-01-01; t a year of the base year's defence use",
        )


def add(tables: Tables, raw: Raw) -> None:
    """Add every rule whose items exist in the study."""
    source = assume(
        tables,
        "ASSUMED-LICENCES",
        "Share of base-year exports that a licence lets through where no trade of "
        "2025 shows it: 0.8 to 0.95, by how far shipments were reported to fall and "
        "recover; no agency publishes licences granted",
    )
    for rule in (*CHINA, *CHINA_SUSPENDED, *OTHERS):
        _row(tables, raw, rule, source)
    _bans_to_usa(tables, source)
    _cobalt_quota(tables)
    _defence_procurement(tables)
