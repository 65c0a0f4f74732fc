# SPDX-License-Identifier: Apache-2.0
"""Wrong arguments are told in words, without patterns."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from oreserve.reserve._values import (
    Arguments,
    Country,
    Day,
    Grams,
    Quarter,
    Share,
    ThingId,
)
from oreserve.reserve._wording import problem_of


class Given(Arguments):
    """One of each kind."""

    day: Day = "2026-01-05"
    country: Country = "USA"
    quarter: Quarter = "2026-Q1"
    name: ThingId = "a"
    grams: Grams = 1
    share: Share = 0.5


@pytest.mark.parametrize(
    "given, told",
    [
        ({"day": "31.12.2027"}, "'31.12.2027' is no day; write 2027-12-31"),
        ({"day": "12/31/2027"}, "'12/31/2027' is no day; write 2027-12-31"),
        ({"day": "4/5/2027"}, "'4/5/2027' is no day; write 2026-12-31"),
        ({"day": "2027/12/31"}, "'2027/12/31' is no day; write 2027-12-31"),
        ({"day": "soon"}, "'soon' is no day; write 2026-12-31"),
        (
            {"country": "Amerika"},
            "'Amerika' is no country code: three letters of ISO 3166, nearest USA",
        ),
        ({"quarter": "3/2026"}, "'3/2026' is no quarter; write 2026-Q3"),
        ({"quarter": "2026 Q4"}, "'2026 Q4' is no quarter; write 2026-Q4"),
        (
            {"name": "a b"},
            (
                "'a b' is no name: letters, digits and . _ @ + -, starting with a "
                "letter or digit"
            ),
        ),
        ({"grams": 0}, "must be above 0"),
        ({"grams": "7"}, "must be a whole number"),
        ({"share": 2.0}, "must be 1.0 or less"),
        ({"other": 1}, "there is no such argument"),
    ],
)
def test_a_wrong_argument_is_told_in_words(given, told):
    with pytest.raises(ValidationError) as caught:
        Given.model_validate(given)
    (error,) = caught.value.errors(include_url=False)
    assert problem_of(error) == told


def test_a_value_that_is_not_given_is_not_repeated():
    with pytest.raises(ValidationError) as caught:
        Given.model_validate({"name": "pass word"})
    (error,) = caught.value.errors(include_url=False, include_input=False)
    assert "pass word" not in problem_of(error)
    assert problem_of(error).startswith("no name: letters")
