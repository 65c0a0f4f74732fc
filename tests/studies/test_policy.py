# SPDX-License-Identifier: Apache-2.0
"""The policy side of the bundled study: rules, threats, losses, projects, shocks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest

from oreserve.contracts import RUNGS, commitment_share
from oreserve.study import load_study
from oreserve.study.effects import driver_state_effects, measure_effects
from oreserve.study.shocks import load_shock, shocks

if TYPE_CHECKING:
    from oreserve.study import Study

SHOCKS = {
    "chinese_rare_earth_ban",
    "demand_surge",
    "drc_cobalt_quota",
    "earthquake_dominant_plant",
    "everything_at_once",
    "gallium_germanium_antimony_ban",
    "indonesian_nickel",
    "magnet_licences",
    "russian_palladium_titanium",
    "south_african_power_crisis",
    "strait_closure_graphite_magnesium",
    "taiwan_strait_conflict",
}


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("us-2026")


def one(study: Study, table: str, **equal: str) -> dict[str, object]:
    rows = study.table(table)
    for column, value in equal.items():
        rows = rows.filter(pl.col(column) == value)
    assert rows.height == 1, (table, equal, rows.height)
    return rows.row(0, named=True)


def test_a_dozen_shocks_are_bundled() -> None:
    assert set(shocks()["shock"]) == SHOCKS


@pytest.mark.parametrize("name", sorted(SHOCKS))
def test_every_effect_of_a_shock_touches_the_study(study: Study, name: str) -> None:
    shock = load_shock(name, study)
    assert shock.warnings == ()
    assert shock.effects
    assert shock.description
    first, end = date(2027, 1, 1), date(2037, 1, 1)
    for effect in shock.effects:
        assert effect.share_in(first, end) > 0
        assert first <= effect.start < effect.until <= end


def test_probabilities_of_every_state_sum_to_one(study: Study) -> None:
    sums = (
        study.table("drivers")
        .group_by("driver", "state")
        .agg(pl.col("probability_per_year").sum().alias("total"))
    )
    assert (sums["total"] - 1).abs().max() < 1e-12
    starts = (
        study.table("driver_states")
        .group_by("driver")
        .agg(pl.col("start_share").sum().alias("total"))
    )
    assert (starts["total"] - 1).abs().max() < 1e-12


def test_probabilities_keep_the_weights_of_the_geological_survey(study: Study) -> None:
    # The source's weight is a yearly probability of a scenario of one year: what
    # must hold it is the share of years in the shock, at the start and later.
    for driver, shock, weight in (
        ("south_africa", "power_crisis", 0.043),
        ("brazil", "supply_stop", 0.038),
    ):
        start = one(study, "driver_states", driver=driver, state=shock)
        assert start["start_share"] == weight
        begins, stays = (
            one(study, "drivers", driver=driver, state=state, next_state=shock)
            for state in ("normal", shock)
        )
        onset = begins["probability_per_year"]
        ends = 1.0 - stays["probability_per_year"]
        assert onset / (onset + ends) == pytest.approx(weight, abs=5e-6)
        assert begins["evidence"] == "computed"
        assert "(1 - stay) w / (1 - w)" in begins["note"]


def test_chinese_states_beyond_today_hold_near_the_implied_weight(
    study: Study,
) -> None:
    from oreserve.threats import driver_matrix

    matrix = driver_matrix(study, "china_trade")
    # Powers of the yearly matrix: the long run from any start.
    share = 1.0
    for row in range(len(matrix)):
        long_run = matrix
        for _ in range(8):
            long_run = long_run @ long_run
        share = 1.0 - float(long_run[row].max())
        assert share == pytest.approx(0.44, abs=0.02)


def test_every_state_but_the_calm_ones_does_something(study: Study) -> None:
    effects = driver_state_effects(study)
    calm = {"calm", "normal", "peace"}
    for row in study.table("driver_states").iter_rows(named=True):
        found = effects.get((row["driver"], row["state"]), ())
        assert bool(found) == (row["state"] not in calm), row


def test_a_war_lasts_one_year_and_three_more(study: Study) -> None:
    state, years = "war", []
    for _ in range(5):
        rows = study.table("drivers").filter(
            (pl.col("driver") == "wide_conflict") & (pl.col("state") == state)
        )
        if rows.height != 1:
            break
        assert rows["probability_per_year"][0] == 1
        years.append(state)
        state = rows["next_state"][0]
    assert years == ["war", "recovery_1", "recovery_2", "recovery_3"]
    assert state == "peace"


def test_suspended_ban_does_not_apply_but_names_its_return(study: Study) -> None:
    ban = one(study, "measures", measure="china_ban_to_usa")
    assert ban["status"] == "suspended"
    assert ban["from"] == date(2026, 11, 27)
    assert ban["announced"] == date(2024, 12, 3)
    labels = " ".join(effect.label for effect in measure_effects(study))
    assert "china_ban_to_usa" not in labels
    assert "china_rare_earth_licences" in labels


def test_base_year_comes_back_with_its_own_rules(study: Study) -> None:
    # A rule in force in 2024 is part of the base flows: nothing may bind then.
    lanes = study.table("lanes")
    first, end = date(2024, 1, 1), date(2025, 1, 1)
    for effect in measure_effects(study):
        if effect.share_in(first, end) == 0:
            continue
        if effect.kind == "licence":
            assert effect.cap_share == 1, effect
        else:
            flows = lanes.filter(
                (pl.col("exporter") == effect.actor)
                & pl.col("item").is_in(list(effect.items))
            )
            assert effect.kind == "ban"
            assert not flows["base_t_per_year"].sum(), effect


def test_figures_that_are_known_to_be_bad_are_no_projects(study: Study) -> None:
    projects = study.table("projects")
    names = projects["project"].to_list()
    assert not [name for name in names if "world" in name or "seadrift" in name]
    assert not projects.filter(pl.col("country") == "ROW").height
    white_mesa = one(study, "projects", project="white_mesa_heavy")
    assert white_mesa["capacity_t_per_year"] == 288
    assert len([name for name in names if "white_mesa" in name]) == 1
    ucore = one(study, "projects", project="ucore_louisiana")
    assert ucore["capacity_t_per_year"] < 1_000  # 9,600 t is feed
    eneabba = one(study, "projects", project="eneabba")
    assert eneabba["capacity_t_per_year"] == 3_300
    assert set(projects["basis"]) == {"output"}


def test_serra_verde_is_counted_by_mass_not_value(study: Study) -> None:
    serra_verde = one(study, "projects", project="serra_verde")
    shares = study.table("contents").filter(pl.col("item") == serra_verde["process"])
    assert shares.height == 0  # a process has no contents: guards the next line
    feed = study.table("contents").filter(
        (pl.col("item") == "ion_clay_carbonate") & pl.col("element").is_in(["Dy", "Tb"])
    )
    tonnes = serra_verde["capacity_t_per_year"] * feed["mass_share"].sum()
    # facts: about 203 t Dy+Tb, not 2 x 1,024 t; elements are 0.87 of the oxides
    assert 150 < tonnes < 320


def test_african_supply_promised_to_china_is_not_open(study: Study) -> None:
    ngualla = one(study, "projects", project="ngualla")
    assert (ngualla["committed_share"], ngualla["committed_to"]) == (1, "CHN")
    offtake = one(study, "agreements", agreement="ngualla_shenghe")
    assert offtake["buyer"] == "CHN"
    assert offtake["quantity_t_per_year"] == ngualla["capacity_t_per_year"]
    kangankunde = one(study, "projects", project="kangankunde")
    assert kangankunde["committed_share"] == pytest.approx(6_000 / 15_300, abs=1e-3)


def test_promises_without_a_guarantee_count_no_tonnes(study: Study) -> None:
    agreements = study.table("agreements")
    assert set(agreements["rung"]) <= set(RUNGS)
    counted = agreements.filter(
        pl.Series([commitment_share(rung) == 1 for rung in agreements["rung"]])
    )["agreement"].to_list()
    assert "lynas_jare" in counted
    for name in ("lynas_dow_letter", "wagerup_usa", "glencore_cobalt_ceiling"):
        assert name not in counted


def test_lynas_floor_and_cap_are_as_signed(study: Study) -> None:
    row = one(study, "agreements", agreement="lynas_jare")
    assert row["floor_usd_per_t"] == 110_000
    assert (row["upside_share"], row["upside_from_usd_per_t"]) == (0.3, 150_000)
    assert row["annual_cap_usd"] == 10e6


def test_options_help_for_their_money(study: Study) -> None:
    options = study.table("project_options")
    alone = options.filter(pl.col("option") == "none")
    assert sorted(alone["project"]) == sorted(study.table("projects")["project"])
    both = options.join(alone, on="project", suffix="_alone")
    offered = both.filter(pl.col("option") != "none")
    assert (offered["success"] > offered["success_alone"]).all()
    assert (offered["exposure_usd"] > 0).all()
    assert (alone["exposure_usd"] == 0).all()
    assert options["success"].is_between(0, 1).all()


def test_losses_are_the_surveys_over_what_home_uses(study: Study) -> None:
    demands = study.table("demands").filter(pl.col("item") == "gallium")
    home = demands.filter(pl.col("country") == "USA")
    use = home["quantity_t_per_year"].sum()
    essential = home.filter(pl.col("class") == "essential")["loss_usd_per_t"][0]
    # 1,418 million USD; nine tenths of what is used would be lost
    assert essential * use * 0.9 == pytest.approx(1_418e6, rel=1e-4)
    defence = home.filter(pl.col("class") == "defence")["loss_usd_per_t"][0]
    assert defence == pytest.approx(3 * essential, rel=1e-5)


def test_losses_reach_other_homes_and_never_fall_below_zero(study: Study) -> None:
    demands = study.table("demands")
    losses = demands["loss_usd_per_t"].drop_nulls()
    assert (losses >= 0).all()
    for country in ("JPN", "KOR", "DEU"):
        mine = demands.filter(pl.col("country") == country)
        assert mine["loss_usd_per_t"].drop_nulls().len() > 0, country


def test_samarium_carries_its_warning(study: Study) -> None:
    magnets = study.table("demands").filter(
        (pl.col("item") == "smco_magnet") & (pl.col("country") == "USA")
    )
    assert magnets["loss_usd_per_t"].is_not_null().all()
    assert set(magnets["loss_basis"]) == {"quantity_only"}
    assert all("read a large benefit with care" in note for note in magnets["note"])
    oxide = study.table("demands").filter(pl.col("item") == "samarium_oxide")
    assert oxide["loss_usd_per_t"].is_null().all()


def test_no_loss_rests_on_an_assumed_use_unsaid(study: Study) -> None:
    prices = study.table("prices").filter(
        (pl.col("market") == "world")
        & (pl.col("period").cast(pl.String) == "2024")
        & (pl.col("kind") != "inside")
    )
    rows = (
        study.table("demands")
        .filter(
            (pl.col("country") == "USA")
            & (pl.col("class") == "other")
            & (pl.col("evidence") == "assumed")
            & pl.col("loss_usd_per_t").is_not_null()
            & (pl.col("item") != "smco_magnet")
        )
        .join(prices.select("item", "usd_per_t"), on="item")
    )
    assert rows.height > 8
    for row in rows.iter_rows(named=True):
        assert "the use that divides it is assumed" in row["note"], row["item"]
        if "cut from" not in row["note"]:
            assert row["loss_usd_per_t"] <= 25 * row["usd_per_t"], row["item"]
    thulium = rows.row(by_predicate=pl.col("item") == "thulium_oxide", named=True)
    # 452 million USD over 3 t x 0.9, times 0.3: still over 25 prices.
    assert thulium["loss_usd_per_t"] == pytest.approx(0.3 * 452e6 / 2.7, rel=1e-3)
    assert "279 times the price" in thulium["note"]
    ytterbium = rows.row(by_predicate=pl.col("item") == "ytterbium_oxide", named=True)
    assert ytterbium["loss_usd_per_t"] == pytest.approx(25 * 14_000, rel=1e-6)


def test_readme_says_which_losses_rest_on_an_assumed_use(study: Study) -> None:
    assert study.folder is not None
    text = (study.folder / "README.md").read_text()
    assert "| lutetium_oxide | 73 | 12 | assumed | yes |" in text
    assert "| gallium | 192 | 19 | published | no |" in text


def test_requirements_follow_the_planning_case(study: Study) -> None:
    rows = study.table("requirements").join(
        study.table("demands"), on="demand", suffix="_demand"
    )
    growth = 1 + rows["growth_per_year"].fill_null(0)
    grown = rows["quantity_t_per_year"] * growth ** (rows["year"] - 2024)
    multiples = rows.with_columns((rows["quantity_t"] / grown).alias("multiple"))
    defence = multiples.filter(pl.col("class") == "defence")
    for year, expected in ((2027, 2.0), (2028, 1.5), (2029, 1.25), (2030, 1.1)):
        found = defence.filter(pl.col("year") == year)["multiple"]
        assert found.min() == pytest.approx(expected, rel=1e-4)
        assert found.max() == pytest.approx(expected, rel=1e-4)


def test_commercial_stocks_hold_between_floor_and_target(study: Study) -> None:
    stocks = study.table("stocks").filter(pl.col("kind") == "commercial")
    assert (stocks["floor_t"] < stocks["quantity_t"]).all()
    assert (stocks["threat_days"] >= stocks["target_days"]).all()


def test_partners_of_the_strategy_are_a_bloc(study: Study) -> None:
    members = study.table("memberships").filter(pl.col("bloc") == "PARTNERS")
    assert set(members["country"]) >= {
        "AGO", "AUS", "CAN", "JPN", "KHM", "MWI", "MYS", "THA", "TZA", "ZAF",
    }  # fmt: skip


def test_a_rule_for_defence_takes_nothing_that_others_can_use(study: Study) -> None:
    measures = study.table("measures").filter(
        pl.col("measure").str.contains("military_users")
    )
    assert measures.height == 3
    for row in measures.iter_rows(named=True):
        item = row["item"]
        use = study.table("demands").filter(
            (pl.col("item") == item) & (pl.col("country") == "USA")
        )
        civil = use.filter(pl.col("class") != "defence")["quantity_t_per_year"].sum()
        assert row["kind"] == "quota"
        assert row["cap_t_per_year"] == pytest.approx(civil, rel=1e-5)


def test_a_buyers_own_rule_is_no_measure_of_the_seller(study: Study) -> None:
    names = study.table("measures")["measure"].to_list()
    assert not [n for n in names if "procurement" in n]
    seen = study.table("observations").filter(
        pl.col("series").str.starts_with("defence_use_closed_to_china_t/")
    )
    assert seen.height == 5
    for row in seen.iter_rows(named=True):
        item = row["series"].split("/")[1]
        use = (
            study.table("demands")
            .filter(
                (pl.col("item") == item)
                & (pl.col("country") == "USA")
                & (pl.col("class") == "defence")
            )["quantity_t_per_year"]
            .sum()
        )
        assert row["value"] == pytest.approx(use, rel=1e-5)


def test_nobody_hoards_cobalt_at_any_price(study: Study) -> None:
    hoards = study.table("demands").filter(pl.col("sector") == "stock_build")
    assert hoards["country"].sort().to_list() == ["CHN", "COD"]
    assert set(hoards["price_elasticity"]) == {-5.0}


def test_stockpile_holds_what_orders_bought_at_the_price_they_paid(
    study: Study,
) -> None:
    antimony = one(study, "stocks", stock="strategic_antimony_USA")
    # 57.3 million USD at 25.0 USD a lb, the average of 2025
    assert antimony["quantity_t"] == pytest.approx(57.3e6 / (25.0 * 2204.62), rel=1e-3)
    cobalt = one(study, "stocks", stock="strategic_cobalt_USA")
    assert cobalt["quantity_t"] == pytest.approx(7_480 * 2 / 5)


def test_assumptions_that_no_row_points_to_are_listed(study: Study) -> None:
    listed = set(study.table("sources")["source_id"])
    assert {"ASSUMED-CLASSES", "ASSUMED-LOSSES"} <= listed


def test_no_other_country_loses_more_in_all_than_the_united_states(
    study: Study,
) -> None:
    demands = study.table("demands").filter(pl.col("class") == "essential")
    total = (
        study.table("demands")
        .group_by("item", "country")
        .agg(pl.col("quantity_t_per_year").sum().alias("use"))
    )
    worst = demands.join(total, on=["item", "country"]).with_columns(
        (pl.col("use") * pl.col("loss_usd_per_t")).alias("worst_usd")
    )
    home = worst.filter(pl.col("country") == "USA").select("item", "worst_usd")
    both = worst.join(home, on="item", suffix="_usa").drop_nulls("worst_usd")
    assert both.height > 200
    assert (both["worst_usd"] <= both["worst_usd_usa"] * 1.00001).all()


def test_a_loss_far_above_the_price_carries_its_warning(study: Study) -> None:
    rhodium = one(study, "demands", demand="use_rhodium_USA_other")
    assert "43 times the price" in str(rhodium["note"])
    copper = one(study, "demands", demand="use_copper_USA_other")
    assert "with care" not in str(copper["note"])


def test_serra_verde_adds_only_what_does_not_stand(study: Study) -> None:
    project = one(study, "projects", project="serra_verde")
    plant = one(study, "plants", plant="ion_clay_mining_BRA")
    both = project["capacity_t_per_year"] + plant["capacity_t_per_year"]
    assert both == pytest.approx(6_400)


def test_no_plant_is_almost_free(study: Study) -> None:
    projects = study.table("projects")
    # A heap and separators that stand need no money, and no plan is offered them.
    free = projects.filter(pl.col("capex_usd") == 0)
    assert free["project"].to_list() == [
        "eneabba_stockpile",
        "shenghe_monazite_separation",
    ]
    offered = study.table("project_options").filter(
        pl.col("project").is_in(free["project"].to_list())
    )
    assert offered["option"].to_list() == ["none", "none"]
    assert (projects.filter(pl.col("capex_usd") > 0)["capex_usd"] >= 5e6).all()


def test_what_most_of_the_trade_pays_stands_beside_the_thin_spot(study: Study) -> None:
    for item, spot, contract in (
        ("yttrium_oxide", 425_000, 10_500),
        ("dysprosium_oxide", 960_000, 233_000),
    ):
        prices = study.table("prices").filter(pl.col("item") == item)
        thin = prices.filter(pl.col("usd_per_t") == spot)
        assert (thin["volume_share"] <= 0.01).all()
        paid = prices.filter(pl.col("kind") == "contract")
        assert paid["usd_per_t"].to_list() == [contract]


def test_metal_projects_earn_their_cost_at_base_prices(study: Study) -> None:
    prices = {
        row["item"]: row["usd_per_t"]
        for row in study.table("prices")
        .filter((pl.col("market") == "world") & (pl.col("period") == "2024"))
        .iter_rows(named=True)
    }
    recipes = study.table("recipes")
    metal = study.table("projects").filter(pl.col("process").str.contains("metal"))
    assert metal.height == 5
    for row in metal.iter_rows(named=True):
        lines = recipes.filter(pl.col("process") == row["process"])
        margin = sum(
            line["coefficient"] * prices[line["item"]]
            for line in lines.iter_rows(named=True)
        )
        assert row["cost_usd_per_t"] < margin, row["project"]
