# SPDX-License-Identifier: Apache-2.0
"""Effects of measures and drivers, shock files, and the prices that serve them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from oreserve.errors import InputError
from oreserve.study import (
    Study,
    base_price,
    driver_state_effects,
    load_shock,
    load_study,
    measure_effects,
    parse_delay,
    parse_ramp,
    purchase_price,
    shocks,
)

# Measures and drivers


def test_only_measures_in_force_apply(tiny: Study) -> None:
    effects = measure_effects(tiny)
    assert [e.label for e in effects] == [
        "aus_concentrate_quota",
        "chn_dysprosium_licence",
    ]
    licence = effects[1]
    assert (licence.cap_share, licence.delay_days) == (0.9, 45)
    assert licence.start == date(2025, 4, 4)
    assert licence.until == date(2029, 1, 1)
    assert effects[0].until == date.max


def test_effect_counts_the_part_of_a_period_in_force(tiny: Study) -> None:
    licence = measure_effects(tiny)[1]
    assert licence.share_in(date(2028, 1, 1), date(2029, 1, 1)) == 1
    assert licence.share_in(date(2029, 1, 1), date(2030, 1, 1)) == 0
    # 275 of 365 days of 2025 lie after 1 April; 272 after 4 April
    share = licence.share_in(date(2025, 1, 1), date(2026, 1, 1))
    assert share == pytest.approx(272 / 365)


def test_driver_effects_are_keyed_by_state_and_calm_has_none(tiny: Study) -> None:
    by_state = driver_state_effects(tiny)
    assert list(by_state) == sorted(by_state)
    assert by_state["china_trade", "calm"] == ()
    ban = by_state["china_trade", "ban"]
    assert [e.kind for e in ban] == ["ban", "ban", "demand"]
    assert ban[0].minerals == ("dysprosium", "gallium")
    assert ban[0].target == "PACT"
    assert ban[1].items == ("magnet",)
    assert (ban[2].klass, ban[2].factor) == ("defence", 1.2)


def test_bloc_in_country_becomes_one_effect_per_member(tiny: Study) -> None:
    effect = {"kind": "outage", "country": "PACT", "stage": "refine", "factor": 0.5}
    shock = load_shock({"effects": [effect]}, tiny)
    assert [e.country for e in shock.effects] == ["AUS", "JPN", "USA"]


# Shock files

DESIGN = """
name: two-year ban on heavy rare earths
effects:
  - {kind: ban, actor: CHN, target: "*", mineral: [dysprosium, terbium, yttrium],
     stage: refine, from: 2027-01, until: 2029-01}
  - {kind: outage, country: COD, mineral: cobalt, stage: mine, factor: 0.3,
     from: 2027-06, until: 2028-01}
  - {kind: demand, country: USA, class: defence, factor: 1.5, from: 2027-01,
     until: 2028-01}
"""


def _design_study(folder: Any) -> Study:
    """Return the tiny study with the names that the design's example uses."""
    for mineral in ("terbium", "yttrium", "cobalt"):
        folder.add("lists", mineral=mineral, list="US 2025")
    folder.add("countries", country="COD")
    return load_study(folder.path)


def test_shock_of_the_design_parses(folder: Any, tmp_path: Path) -> None:
    path = tmp_path / "heavy.yaml"
    path.write_text(DESIGN)
    shock = load_shock(path, _design_study(folder))
    assert shock.name == "two-year ban on heavy rare earths"
    ban, outage, demand = shock.effects
    assert (ban.actor, ban.target, ban.stage) == ("CHN", "*", "refine")
    assert ban.minerals == ("dysprosium", "terbium", "yttrium")
    assert (ban.start, ban.until) == (date(2027, 1, 1), date(2029, 1, 1))
    assert (outage.country, outage.factor) == ("COD", 0.3)
    assert outage.minerals == ("cobalt",)
    assert (demand.klass, demand.factor) == ("defence", 1.5)
    # nobody mines cobalt in this study: the shock says so
    assert shock.warnings == (f"{path}: effect 2 (outage): no plant matches it",)


def test_all_problems_of_a_shock_come_at_once(tiny: Study) -> None:
    effects = [
        {"kind": "bann", "actor": "CHN", "target": "*", "mineral": "galium"},
        {"kind": "outage", "country": "Austrlia", "factr": 0.5, "factor": "half"},
        {"kind": "ban", "actor": "CHN", "from": "2029-01", "until": "2027-01"},
        {"kind": "tariff", "actor": "CHN", "target": "USA", "factor": 0.1},
        {"kind": "demand", "class": "military", "factor": -1},
    ]
    with pytest.raises(InputError) as caught:
        load_shock({"name": "x", "effects": effects}, tiny)
    text = str(caught.value)
    for line in [
        "effect 1: kind: not an allowed value (value 'bann')",
        "did you mean 'ban'?",
        "effect 1: mineral: unknown name",
        "did you mean 'gallium'?",
        "effect 2: country: unknown name",
        "did you mean 'AUS'?",
        "effect 2: factr: there is no such key",
        "did you mean 'factor'?",
        "effect 2: factor: not a number (value 'half')",
        "effect 3: target: a ban needs target",
        "effect 3: until: until is not after from",
        "effect 4: tariff_share: a tariff needs tariff_share",
        "effect 4: factor: a tariff must leave factor empty",
        "effect 5: class: not an allowed value (value 'military')",
        "effect 5: factor: out of range",
    ]:
        assert line in text, line


@pytest.mark.parametrize(
    "content,says",
    [
        ("name: [", "not valid YAML"),
        ("- 1", "needs the keys name and effects"),
        ("name: x", "at least one effect"),
        ("effects: []", "at least one effect"),
        ("effects: [ban]", "must be a mapping"),
        ("effct: []", "did you mean 'effects'"),
        ("effects: [{kind: ban, actor: CHN, target: '*', from: 2027-13-01}]", "cannot"),
        ("effects: [{kind: ban, actor: [CHN], target: '*'}]", "not a single value"),
        ("effects: [{kind: outage, country: AUS, factor: .inf}]", "finite"),
        ("effects: [{kind: outage, country: AUS, factor: true}]", "not a single value"),
        ("effects: [{actor: CHN, target: '*'}]", "kind: the value is missing"),
    ],
)
def test_broken_shock_file_is_one_clear_error(
    tiny: Study, tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "shock.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"shock\.yaml") as caught:
        load_shock(path, tiny)
    assert says in str(caught.value)


def test_shock_outside_the_horizon_says_so(tiny: Study) -> None:
    effect = {"kind": "ban", "actor": "CHN", "target": "*", "from": "2040-01"}
    shock = load_shock({"effects": [effect]}, tiny)
    assert "outside the horizon 2027-01-01 to 2032-01-01" in shock.warnings[0]


@pytest.mark.parametrize(
    "effect,says",
    [
        ({"kind": "ban", "actor": "USA", "target": "JPN"}, "no lane"),
        (
            {"kind": "demand", "country": "JPN", "class": "defence", "factor": 2},
            "demand",
        ),
        ({"kind": "stock", "country": "AUS", "factor": 0}, "no stock"),
        (
            {"kind": "outage", "country": "JPN", "stage": "mine", "factor": 0},
            "no plant",
        ),
    ],
)
def test_shock_that_touches_nothing_says_so(
    tiny: Study, effect: dict[str, Any], says: str
) -> None:
    assert says in load_shock({"effects": [effect]}, tiny).warnings[0]


def test_unknown_shock_names_the_bundled_ones(tiny: Study) -> None:
    with pytest.raises(InputError, match="there is no shock 'nothing-such"):
        load_shock("nothing-such", tiny)
    assert shocks().columns == ["shock", "name", "path"]


# Prices


@pytest.mark.parametrize(
    "item,country,expected",
    [
        ("gallium", "USA", (306_000, "USA", "outside")),  # own market, not 2026
        ("gallium", "AUS", (305_000, "PACT", "contract")),  # its bloc
        ("nd_metal", "AUS", (91_500, "world", "contract")),  # the world
        ("nd_metal", "USA", (91_000, "USA", "import_unit_value")),  # own before world
        ("swarf", "AUS", None),
    ],
)
def test_base_price_takes_the_nearest_market_then_the_best_kind(
    tiny: Study, item: str, country: str, expected: tuple[float, str, str] | None
) -> None:
    price = base_price(tiny, item, country)
    found = price and (price.usd_per_t, price.market, price.kind)
    assert found == expected


def test_inside_price_is_never_the_base_price(folder: Any) -> None:
    folder.add(
        "prices",
        item="gallium",
        market="AUS",
        period="2024",
        kind="inside",
        usd_per_t=1,
        basis="contained",
    )
    price = base_price(load_study(folder.path), "gallium", "AUS")
    assert price is not None
    assert (price.market, price.kind) == ("PACT", "contract")


def test_purchase_price_is_the_newest_up_to_as_of(tiny: Study) -> None:
    newest = purchase_price(tiny, "gallium")
    assert newest is not None
    assert (newest.usd_per_t, newest.period) == (480_000, "2026")
    earlier = purchase_price(tiny.with_settings(as_of="2025-12-31"), "gallium")
    assert earlier is not None
    assert (earlier.usd_per_t, earlier.period) == (306_000, "2024")
    # magnet: the outside price of 2024 counts before the newer contract price
    magnet = purchase_price(tiny, "magnet")
    assert magnet is not None
    assert (magnet.usd_per_t, magnet.kind) == (66_000, "outside")


def test_purchase_price_of_a_bloc_starts_with_its_own_market(tiny: Study) -> None:
    price = purchase_price(tiny.with_settings(home="PACT"), "gallium")
    assert price is not None
    assert (price.usd_per_t, price.market) == (305_000, "PACT")


def test_price_that_is_missing_is_none(tiny: Study) -> None:
    assert purchase_price(tiny, "nothing") is None


@pytest.mark.parametrize("text", ["", "1.2", "0.5;0.2", "x", "nan"])
def test_bad_ramps_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ramp"):
        parse_ramp(text)


@pytest.mark.parametrize("text", ["", "0:0.5", "-1", "0:0.5;0:0.5", "0:2;1:-1"])
def test_bad_delays_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"delay|probability"):
        parse_delay(text)
