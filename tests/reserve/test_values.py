# SPDX-License-Identifier: Apache-2.0
"""What arguments are taken, what is refused, and how much a refusal says."""

from __future__ import annotations

import pytest

from oreserve.reserve import Refused
from oreserve.reserve._commands import lookup, parse
from oreserve.reserve._views import no_prices


def deny(command, **arguments):
    with pytest.raises(Refused) as caught:
        parse(lookup(command), arguments)
    assert caught.value.rule == "arguments"
    return caught.value


CLAIM = {"release_id": "REL-1", "claimant": "x", "claim_class": "other"}


def tonnes(text):
    given, _ = parse(lookup("file_claim"), {**CLAIM, "tonnes": text})
    return given.grams


@pytest.mark.parametrize("text", ["1.", "0." + "9" * 27, "123456.7890120"])
def test_decimal_text_that_is_exact_is_taken_or_refused_for_its_fineness(text):
    if len(text) > 20:
        assert "finer than" in deny("file_claim", **CLAIM, tonnes=text).message
    else:
        assert tonnes(text) == round(float(text) * 1_000_000)


@pytest.mark.parametrize(
    "text", ["1." + "0" * 33 + "1", "1." + "0" * 5000 + "1", "1." + "0" * 27 + "1"]
)
def test_decimal_text_of_more_digits_is_refused_not_rounded(text):
    refused = deny("file_claim", **CLAIM, tonnes=text)
    assert len(refused.message) < 500


@pytest.mark.parametrize("sign", ["\u202e", "\u200b", "\ufeff", "\u2066", "\u200e"])
def test_invisible_characters_are_refused(sign):
    refused = deny("change_producer", producer="P1", name=f"good{sign}name")
    assert "invisible" in refused.message
    before = {"producer": "P1", "name": f"good{sign}name"}
    assert parse(lookup("change_producer"), before, again=True)


def test_letters_of_all_scripts_are_taken():
    names = ["Ñandú & Söhne", "شركة", "नई", "می\u200cخواهم", "稀土"]
    for name in names:
        parse(lookup("change_producer"), {"producer": "P1", "name": name})


def test_refusal_of_many_arguments_stays_short():
    many = {f"unknown_{number}": 1 for number in range(60_000)}
    assert len(deny("change_producer", **many).message) < 500
    some = {f"unknown_{number}": 1 for number in range(90)}
    refused = deny("change_producer", **some)
    assert len(refused.allowed) == 20
    assert "and 71 more" in refused.message


def test_long_argument_names_are_cut():
    refused = deny("change_producer", **{"x" * 900_000: 1})
    assert len(str(refused.allowed)) + len(refused.message) < 3_000


def test_result_without_prices_keeps_the_rest_at_any_depth():
    result = {"lot": "L", "amount_cents": 5, "lines": [{"grams": 1, "cost_cents": 2}]}
    assert no_prices(result, {"inspector"}) == {"lot": "L", "lines": [{"grams": 1}]}
    assert no_prices(result, {"inspector", "treasurer"}) == result


@pytest.mark.parametrize("name", ["upside_share", "ceilings_per_appropriation_ratio"])
def test_ratios_of_money_are_prices(name):
    assert no_prices({name: 0.5, "grams": 1}, {"inspector"}) == {"grams": 1}
