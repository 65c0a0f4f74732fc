# SPDX-License-Identifier: Apache-2.0
"""Which country or bloc of a study a person means by home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oreserve.errors import InputError
from oreserve.tables import (
    any_country_code,
    choices,
    country_names,
    nearest,
    nearest_country,
)

if TYPE_CHECKING:
    from oreserve.study._study import Study

REST = "ROW"
# What the blocs of the bundled studies are called in full.
_BLOC_NAMES = {
    "european union": "EU",
    "eu27": "EU",
    "eu-27": "EU",
    "north atlantic treaty organization": "NATO",
    "minerals security partnership": "MSP",
}
ACCEPTED = "a name, ISO code (JPN, JP) or number (392) of a country, or a bloc"


def find_home(study: Study, name: str) -> str:
    """Return the code of the country or bloc that `name` means in a study.

    Names and their variants, ISO codes of two and three letters, numbers of trade
    statistics and blocs, in any case. A name that is only alike is refused with
    the nearest; so is the rest of the world, which is no home.

    Raises
    ------
    InputError
        If the name is unknown, the place is not in the study, or a bloc has no
        members on the day of the study.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> [find_home(load_study("tiny"), text) for text in ("chn", "Australia", "pact")]
    ['CHN', 'AUS', 'PACT']
    """
    text = " ".join(name.split())
    countries: set[str] = set(study.tables["countries"]["country"])
    blocs: set[str] = set(study.table("memberships")["bloc"])
    folded = {code.casefold(): code for code in sorted(countries | blocs)}
    bloc = _BLOC_NAMES.get(text.casefold(), "")
    code = folded.get(text.casefold()) or folded.get(bloc.casefold())
    code = code or any_country_code(text)
    if code == REST:
        message = f"home {name!r} is the rest of the world; allowed: {ACCEPTED}"
        raise InputError(message)
    if code is not None and code in countries:
        return code
    if code is not None and code in blocs:
        if not study.members(code):
            message = f"bloc {code!r} has no members on {study.settings.as_of}"
            raise InputError(message)
        return code
    raise InputError(_refusal(study, name, code, countries - {REST}, blocs))


def _refusal(
    study: Study, name: str, code: str | None, countries: set[str], blocs: set[str]
) -> str:
    has = f"study {study.name} has the blocs {', '.join(sorted(blocs)) or '(none)'}"
    if code is not None:
        label = f"{country_names().get(code, code)} ({code})"
        return (
            f"home {name!r}: {label} is not in study {study.name}; countries "
            f"{choices(code, countries)}; {has}"
        )
    bloc = _BLOC_NAMES.get(" ".join(name.split()).casefold(), name.strip().upper())
    if bloc in _BLOC_NAMES.values():
        return (
            f"home {name!r}: {bloc} is a bloc that study {study.name} does not have; "
            f"{has}; countries {choices(bloc, countries)}"
        )
    close = nearest(name, blocs) or nearest_country(name)
    hint = ""
    if close is not None and close in countries | blocs:
        known = country_names().get(close)
        hint = f"; did you mean {close}{f' ({known})' if known else ''}?"
    few = f"; countries {choices(name, countries)}" if len(countries) <= 10 else ""
    return (
        f"home {name!r} is neither a country nor a bloc; allowed: {ACCEPTED}"
        f"{few}; {has}{hint}"
    )
