# SPDX-License-Identifier: Apache-2.0
"""Which announced plants become projects, and how a figure becomes a capacity.

`projects.csv` of the facts holds phases that supersede each other, world totals,
actual output beside nameplate, and inputs beside outputs. Each line below says which
row counts and how it turns into tonnes of the main item of a process; `LEFT_OUT` says
why the rest does not count.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEFT_OUT", "PROJECTS", "Project"]


@dataclass(frozen=True)
class Project:
    """One project: its row in the facts and its place in the chain.

    Parameters
    ----------
    name, process, country, owner
        As in table `projects`.
    row
        (project, material) of the facts row that gives capacity; None: `capacity`.
    convert
        How its tonnes become capacity: output (as it is); element:Dy+Tb (contained
        oxides of a feed, divided by their share in the feed); share:0.8 (times a
        share); input (feed of a separator, times its yield); feed_of:P (the feed that
        separation P needs for it); reo:0.55 (times oxide content).
    capacity
        Assumed tonnes, where no row gives them.
    start
        First year of output as announced; None: class lead time.
    kind
        magnet, metal, separation, heavy, mine, clay, gallium, germanium: settles
        assumed cost, investment and lead time.
    stage
        commissioning, construction, financing, study, proposal: settles the
        technical chance.
    capex_share
        Part of the row's investment that this project takes; None: peers; 0: none of
        its own.
    feed
        Item that it must be fed with.
    committed_share, committed_to
        Output already promised.
    ramp
        Share of capacity by year.
    grows_from
        Plant of the base year that the announced capacity includes: only the rest is
        new.
    funded
        Money is in place (state loan, equity or a parent's own): it stands or falls by
        its technical chance, and a programme has nothing to add.
    note
        What a reader must know.
    """

    name: str
    process: str
    country: str
    owner: str
    kind: str
    stage: str
    row: tuple[str, str] | None = None
    convert: str = "output"
    capacity: float | None = None
    start: int | None = None
    capex_share: float | None = None
    feed: str | None = None
    committed_share: float | None = None
    committed_to: str | None = None
    ramp: str = "0.4;0.8;1"
    grows_from: str | None = None
    funded: bool = False
    note: str = ""


MAGNET = "NdFeB magnet"
# Oxide that Eneabba makes in its steady state (facts: 15.1 kt a year, scenario C), over
# what cracking (0.92) and separation (0.97) leave of the feed, less what Kangankunde
# sends (6,000 t of concentrate at 55 %): the rest comes from the heap beside the plant.
ENEABBA_HEAP_T = 15_100 / (0.92 * 0.97) - 6_000 * 0.55
DYTB = "Dy+Tb contained"

PROJECTS: tuple[Project, ...] = (
    # Magnets and metal at home.
    Project("mp_independence", "ndfeb_magnet_making", "USA", "USA", "magnet",
            "commissioning", ("Independence (Fort Worth)", MAGNET), start=2026,
            feed="ndpr_metal",
            funded=True,
            note="running up in 2026; not yet in the base year"),
    Project("mp_10x", "ndfeb_heavy_magnet_thrifted_making", "USA", "USA", "magnet",
            "construction", ("10X Facility", MAGNET), start=2028, feed="ndpr_metal",
            committed_share=1.0, committed_to="USA",
            funded=True,
            note="whole output to the Department of War for ten years; cost plus"),
    Project("vulcan_magnets", "ndfeb_heavy_magnet_thrifted_making", "USA", "USA",
            "magnet", "financing", ("Vulcan Elements plant", MAGNET), start=2028,
            capex_share=1.0, feed="ndpr_metal",
            note="start year from memory in the facts"),
    Project("stillwater_magnets", "ndfeb_magnet_making", "USA", "USA", "magnet",
            "construction", ("Stillwater", MAGNET), start=2027, feed="ndpr_metal"),
    Project("narva_magnets", "ndfeb_magnet_making", "EST", "CAN", "magnet",
            "commissioning", ("Narva", MAGNET), start=2026, feed="ndpr_metal",
            funded=True),
    Project("js_link_kuantan", "ndfeb_magnet_making", "MYS", "KOR", "magnet",
            "proposal", ("JS Link Kuantan", MAGNET), feed="ndpr_metal",
            note="memorandum of 2025 only"),
    Project("usa_ndpr_metal", "ndpr_metal_making", "USA", "USA", "metal",
            "commissioning", capacity=2_400.0, start=2026, feed="ndpr_oxide",
            funded=True,
            note="metal hall of the Fort Worth plant, sized to Mountain Pass oxide "
            "(2,884 t a year of oxide): size assumed"),
    Project("usa_ndpr_metal_2", "ndpr_metal_making", "USA", "USA", "metal",
            "proposal", capacity=4_000.0, feed="ndpr_oxide",
            note="hypothetical: metal for the announced magnets; no company has "
            "published one of this size"),
    Project("usa_dysprosium_metal", "dysprosium_metal_making", "USA", "USA", "metal",
            "proposal", capacity=150.0, feed="dysprosium_oxide",
            note="hypothetical: the stage between announced oxide and magnets that "
            "nobody has announced"),
    Project("usa_terbium_metal", "terbium_metal_making", "USA", "USA", "metal",
            "proposal", capacity=40.0, feed="terbium_oxide", note="hypothetical"),
    Project("usa_samarium_metal", "samarium_metal_making", "USA", "USA", "metal",
            "financing", capacity=300.0, feed="samarium_oxide",
            funded=True,
            note="Department of War loan of 150 million USD for samarium at Mountain "
            "Pass (ST8K); size assumed"),
    # Separation.
    Project("mp_heavy", "seg_separation", "USA", "USA", "heavy", "commissioning",
            ("Mountain Pass heavy circuit", "Dy+Tb oxide"), convert="share:0.51",
            start=2027, feed="seg_concentrate",
            funded=True,
            note="nameplate 200 t Dy+Tb, own feed gives 120 t; dysprosium taken as "
            "0.85 of the 120 t"),
    Project("white_mesa_heavy", "xenotime_separation", "USA", "USA", "heavy",
            "financing", ("White Mesa heavy circuit ph.2", "Dy oxide"), start=2029,
            feed="xenotime_concentrate",
            note="288 t Dy from 2029 supersedes 120 t from 2027; never their sum"),
    Project("ucore_louisiana", "ion_clay_separation", "USA", "CAN", "heavy",
            "proposal", ("Ucore Louisiana SMC", "contained TREO"), convert="input",
            feed="ion_clay_carbonate",
            note="9,600 t is feed, not output: turned into Dy by the clay basket"),
    Project("aclara_dynamo", "ion_clay_separation", "USA", "CAN", "heavy", "study",
            ("Aclara Dynamo", "Dy oxide"), feed="ion_clay_carbonate",
            note="fed by Carina"),
    Project("lynas_heavy", "seg_separation", "MYS", "AUS", "heavy", "construction",
            ("Lynas Malaysia heavy", "Dy oxide"), start=2028, feed="seg_concentrate",
            funded=True,
            note="nameplate 250 t Dy subject to outside feed; 62 t Dy+Tb made in the "
            "year to June 2026"),
    Project("eneabba", "monazite_separation", "AUS", "AUS", "separation",
            "construction", ("Eneabba refinery", "NdPr oxide"), start=2027,
            capex_share=1.0, feed="monazite_concentrate",
            funded=True,
            note="scenario C, 3,300 t NdPr; 750 t Dy+Tb only with blended feed"),
    Project("shenghe_monazite_separation", "monazite_separation", "CHN", "CHN",
            "separation", "commissioning", ("Ngualla", "TREO in concentrate"),
            convert="input", start=2028, capex_share=0.0,
            feed="monazite_concentrate", funded=True,
            note="hypothetical: room at Chinese separators for the concentrate that "
            "Shenghe bought, sized to the contract; no company has published it"),
    Project("nolans_separation", "monazite_separation", "AUS", "AUS", "separation",
            "financing", ("Nolans", "NdPr oxide"), start=2029, capex_share=0.6,
            feed="monazite_concentrate",
            note="announced 2028 with the decision still open: a year later"),
    Project("caremag", "ion_clay_separation", "FRA", "FRA", "heavy", "construction",
            ("Caremag Lacq", "Dy oxide"), start=2027, capex_share=1.0,
            feed="ion_clay_carbonate",
            funded=True,
            note="500 t Dy from 5,000 t concentrates and 2,000 t magnets"),
    Project("phalaborwa_separation", "monazite_separation", "ZAF", "GBR",
            "separation", "study", ("Phalaborwa", "magnet REO (NdPr+Dy+Tb)"),
            convert="share:0.97", start=2029, capex_share=0.6,
            feed="monazite_concentrate",
            note="1,900 t magnet oxides, NdPr about 0.97; reprocesses "
            "phosphogypsum, here a mine beside it"),
    # Mines and other feed.
    Project("nolans_mine", "monazite_mining", "AUS", "AUS", "mine", "financing",
            ("Nolans", "NdPr oxide"), convert="feed_of:monazite_separation",
            start=2029, capex_share=0.4, note="feeds nolans_separation"),
    Project("phalaborwa_feed", "monazite_mining", "ZAF", "GBR", "mine", "study",
            ("Phalaborwa", "magnet REO (NdPr+Dy+Tb)"),
            convert="feed_of:monazite_separation", start=2029, capex_share=0.4,
            note="phosphogypsum; feeds phalaborwa_separation"),
    Project("longonjo", "monazite_mining", "AGO", "GBR", "mine", "construction",
            ("Longonjo full", "MREC"), convert="reo:0.368", start=2028,
            capex_share=1.0, ramp="0.5;0.5;1",
            note="full size (14,000 t TREO of 38,000 t carbonate, 2029) supersedes "
            "the first phase, which is its ramp; investment is the first phase's"),
    Project("ngualla", "monazite_mining", "TZA", "CHN", "mine", "construction",
            ("Ngualla", "TREO in concentrate"), start=2028, capex_share=1.0,
            committed_share=1.0, committed_to="CHN",
            funded=True,
            note="all concentrate sold to Shenghe for seven years: African supply "
            "that is not open to allies"),
    Project("eneabba_stockpile", "monazite_mining", "AUS", "AUS", "mine",
            "commissioning", capacity=ENEABBA_HEAP_T, start=2027, capex_share=0.0,
            ramp="1", funded=True,
            note="monazite stockpiled beside the refinery, sized to its steady state: "
            "15,100 t of oxides / (0.92 x 0.97 recovered) - 6,000 t of concentrate "
            "from Kangankunde x 0.55; the sources in hand state neither its tonnes "
            "nor its life, so it lasts throughout"),
    Project("kangankunde", "monazite_mining", "MWI", "AUS", "mine", "construction",
            ("Kangankunde stage 1", "monazite concentrate 55% TREO"),
            convert="reo:0.55", start=2027, capex_share=1.0, committed_share=0.392,
            committed_to="AUS",
            funded=True,
            note="6,000 of 15,300 t concentrate a year to Iluka for 15 years; stage "
            "2 has no year"),
    Project("serra_verde", "ion_clay_mining", "BRA", "USA", "clay", "construction",
            ("Serra Verde (Pela Ema)", "TREO in MREC"), start=2027,
            funded=True, grows_from="ion_clay_mining_BRA",
            note="Chinese contracts cut to the end of 2026; 32 % Dy+Tb is a share of "
            "value, the mass share is about 3.8 %"),
    Project("carina", "ion_clay_mining", "BRA", "CAN", "clay", "study",
            ("Carina", DYTB), convert="element:Dy+Tb", note="feeds aclara_dynamo"),
    Project("monte_alto", "ion_clay_mining", "BRA", "AUS", "clay", "study",
            ("Monte Alto", DYTB), convert="element:Dy+Tb", committed_share=1.0,
            committed_to="FRA", note="contracted maximum, ten years to Carester"),
    Project("caldeira", "ion_clay_mining", "BRA", "AUS", "clay", "study",
            ("Caldeira", DYTB), convert="element:Dy+Tb"),
    Project("colossus", "ion_clay_mining", "BRA", "AUS", "clay", "study",
            ("Colossus", DYTB), convert="element:Dy+Tb",
            note="124 t; headlines of 190 t and 380 t are wrong"),
    Project("penco", "ion_clay_mining", "CHL", "CAN", "clay", "study",
            ("Penco", DYTB), convert="element:Dy+Tb"),
    Project("browns_range", "xenotime_mining", "AUS", "AUS", "mine", "financing",
            ("Browns Range", DYTB), convert="element:Dy+Tb"),
    Project("donald", "xenotime_mining", "AUS", "AUS", "mine", "financing",
            ("Donald ph.1", DYTB), convert="element:Dy+Tb",
            note="mixed monazite and xenotime, here all xenotime; goes to White Mesa"),
    Project("lofdal", "xenotime_mining", "NAM", "CAN", "mine", "study",
            ("Lofdal", DYTB), convert="element:Dy+Tb", committed_share=1.0,
            committed_to="JPN", note="JOGMEC may refuse first on all output"),
    # Gallium and germanium beside alumina and zinc.
    Project("wagerup_gallium", "gallium_extraction", "AUS", "AUS", "gallium",
            "construction", ("Wagerup gallium", "gallium"), start=2027,
            ramp="0.5;1",
            funded=True,
            note="Australia, Japan and the United States hold offtake rights; first "
            "metal was meant for 2026"),
    Project("atalco_gallium", "gallium_extraction", "USA", "USA", "gallium",
            "construction", ("ATALCO Gramercy gallium", "gallium"), start=2027,
            ramp="0.5;1", funded=True,
            note="50 t a year is from memory in the facts"),
    Project("vaudreuil_gallium", "gallium_extraction", "CAN", "AUS", "gallium",
            "proposal", ("Rio Tinto Vaudreuil", "gallium"), ramp="0.5;1"),
    Project("metlen_gallium", "gallium_extraction", "GRC", "GRC", "gallium",
            "construction", ("Metlen", "gallium"), start=2028, ramp="0.5;1",
            note="310 million USD with the bauxite mine: peers' investment instead"),
    Project("onsan_gallium", "gallium_from_residue", "KOR", "KOR", "gallium",
            "construction", ("Korea Zinc Onsan", "gallium"), start=2028,
            ramp="0.5;1"),
    Project("usa_gallium_upgrade", "gallium_upgrade", "USA", "USA", "metal",
            "proposal", capacity=40.0, feed="gallium_crude", ramp="0.5;1",
            note="hypothetical: crude gallium of Gramercy needs refining at home"),
    Project("onsan_germanium", "germanium_extraction", "KOR", "KOR", "germanium",
            "construction", ("Korea Zinc Onsan", "germanium"), start=2028,
            ramp="0.5;1", note="memorandum with Lockheed Martin, August 2025"),
)  # fmt: skip

LEFT_OUT: dict[str, str] = {
    "Mountain Pass mine": "operating: a plant",
    "Mountain Pass NdPr": "operating: a plant",
    "Round Top": "no production figure of any kind",
    "White Mesa heavy circuit ph.1": "superseded by 288 t in 2029",
    "Mt Weld / Lynas NdPr": "operating: a plant",
    "Lynas TREO": "operating: a plant",
    "Lynas Malaysia heavy FY26 actual": "actual output, not a capacity",
    "Lynas Seadrift": "will no longer proceed",
    "Wimmera": "no year, no decision; one of Iluka's options",
    "Longonjo ph.1": "the ramp of the full project",
    "Kangankunde stage 2": "a goal without a year",
    "Songwe Hill": "no year and no route to a separator",
    "Steenkampskraal": "no capacity published",
    "Makuutu": "licence in dispute",
    "Silmet": "operating: a plant",
    "Pulawy": "sources conflict on whether Dy and Tb are separated",
    "Korea Zinc Tennessee": "capacity by metal not published",
    "World gallium": "a world total",
    "World TREO": "a world total",
}
