# SPDX-License-Identifier: Apache-2.0
"""Forms: what people type, what a command gets, and what a refusal leaves."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from oreserve.reserve import actions, commands
from oreserve.web._forms import Shape, draw, read
from oreserve.web._registry import open_commands
from oreserve.web._words import cents_from, grams_from, plain, tonnes
from web.conftest import csrf_of_page, hidden


@pytest.mark.parametrize(
    "text,grams",
    [
        ("1", 1_000_000),
        ("0.000001", 1),
        ("1 234.5", 1_234_500_000),
        ("−2", -2_000_000),
        ("9007199254.740993", 9_007_199_254_740_993),
    ],
)
def test_tonnes_are_read_to_the_gram(text, grams):
    assert grams_from(text) == grams
    assert grams_from(plain("grams", grams)) == grams


@pytest.mark.parametrize("text", ["", "x", "1,5", "0.0000001", "inf", "nan", "1e99"])
def test_what_is_no_exact_mass_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        grams_from(text)


def test_money_is_read_to_the_cent():
    assert cents_from("12.34") == 1234
    with pytest.raises(ValueError, match="parts of a cent"):
        cents_from("0.001")


def test_a_mass_is_shown_to_the_last_gram():
    assert tonnes(1).replace("\u00a0", " ") == "0.000001 t"
    assert tonnes(-1_500_000).replace("\u00a0", " ") == "−1.5 t"


@pytest.mark.parametrize("name", sorted(open_commands()))
def test_every_command_has_a_form_that_asks_for_all_it_needs(name):
    model = open_commands()[name].arguments
    shapes = Shape.of(model.model_json_schema())
    assert {shape.name for shape in shapes} == set(model.model_fields)
    assert all(shape.kind != "json" for shape in shapes), "nobody types JSON"
    fields = draw(shapes, {}, {}, {})
    assert len({field.id for field in fields}) == len(fields)
    assert all(field.label for field in fields)


def test_pages_offer_commands_that_there_are():
    pages = resources.files("oreserve.web").iterdir()
    text = "".join(p.read_text("utf-8") for p in pages if p.name.startswith("_pages"))
    offered = set(re.findall(r'offer\(\s*"(\w+)"', text))
    asked = set(re.findall(r"""who_may\(["'](\w+)["']\)""", text))
    assert len(offered) > 20
    assert offered <= set(open_commands())
    assert asked <= set(actions())


def test_lines_are_read_and_empty_ones_left_out():
    shapes = Shape.of(commands()["draft_order"].arguments.model_json_schema())
    typed = {
        "contract": "C1",
        "grams": "10",
        "price_cents_per_t": "6.50",
        "schedule-0-due_on": "2026-09-01",
        "schedule-0-grams": "4",
        "schedule-2-due_on": "2026-10-01",
        "schedule-2-grams": "x",
    }
    arguments, errors = read(shapes, typed)
    assert arguments["grams"] == 10_000_000
    assert arguments["price_cents_per_t"] == 650
    assert arguments["schedule"][0] == {"due_on": "2026-09-01", "grams": 4_000_000}
    assert arguments["schedule"][1] == {"due_on": "2026-10-01"}
    assert list(errors) == ["schedule.1.grams"]


@pytest.fixture
def typed(house):
    client = house.browser("max")
    page = client.get("/do/add_depot?_next=/view/depots").text
    return client, {
        "_csrf": csrf_of_page(page),
        "_key": hidden(page, "_key"),
        "_next": hidden(page, "_next"),
        "depot": "D9",
        "name": "Nine <b>",
        "country": "USA",
        "_reason": "more room",
    }


def test_a_form_writes_once_and_leads_on(house, typed):
    client, form = typed
    first = client.post("/do/add_depot", data=form)
    assert first.status_code == 303
    done = house.store.head().sequence
    assert first.headers["location"] == f"/view/depots?done={done}"
    # Pressing twice does it once.
    assert (
        client.post("/do/add_depot", data=form).headers["location"].endswith(str(done))
    )
    assert house.store.head().sequence == done
    assert f"Recorded as entry {done}" in client.get(first.headers["location"]).text


def test_a_refusal_is_told_beside_what_was_typed(house, typed):
    client, form = typed
    client.post("/do/add_depot", data=form)
    again = client.post("/do/add_depot", data=form | {"_key": "another-key"})
    assert again.status_code == 409
    assert "Refused: nothing was written" in again.text
    assert "is there already" in again.text
    assert "Nine &lt;b&gt;" in again.text
    assert "<b>" not in again.text
    assert hidden(again.text, "_key") not in {form["_key"], "another-key"}


def test_every_wrong_field_is_marked_and_linked(house, typed):
    client, form = typed
    wrong = form | {"depot": "", "country": "usa", "capacity_g": "1,5", "_reason": ""}
    answer = client.post("/do/add_depot", data=wrong)
    assert answer.status_code == 422
    for name in ("depot", "country", "capacity_g", "_reason"):
        assert f'id="f-{name}-wrong"' in answer.text
        assert f'href="#f-{name}"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 4


def test_a_thing_that_changed_meanwhile_is_not_overwritten(house, typed):
    client, form = typed
    client.post("/do/add_depot", data=form)
    page = client.get("/view/depots/D9").text
    start = page.index("/do/change_depot?")
    address = page[start : page.index('"', start)].replace("&amp;", "&")
    shown = client.get(address).text
    house.give("ada", "change_depot", depot="D9", name="Nine A")
    form = {
        "_csrf": csrf_of_page(shown),
        "_key": hidden(shown, "_key"),
        "_version": hidden(shown, "_version"),
        "depot": "D9",
        "name": "Nine B",
        "_reason": "r",
    }
    answer = client.post("/do/change_depot", data=form)
    assert answer.status_code == 409
    assert "version 2" in answer.text
