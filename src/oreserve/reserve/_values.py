# SPDX-License-Identifier: Apache-2.0
"""Kinds of values that commands take, with their limits and their units.

Masses are whole grams and money whole cents. For people, an argument ``grams`` may be
given as ``tonnes`` and ``amount_cents`` as ``amount_usd``: decimal texts that must be
exact to the gram or the cent, otherwise they are refused, never rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Amount",
    "Arguments",
    "Cents",
    "CentsPerTonne",
    "Country",
    "Day",
    "Days",
    "Grams",
    "GramsOrNone",
    "Note",
    "Quarter",
    "Share",
    "ThingId",
    "Title",
    "check_seen",
    "check_text",
]

MOST_GRAMS: Final = 10**15  # a thousand million tonnes
MOST_LETTERS: Final = 100  # of a decimal text
MOST_DIGITS: Final = 28  # of a decimal text; arithmetic is exact up to here
MOST_CENTS: Final = 10**17  # a million million USD, twice over

# Unseen: zero width, marks and overrides of direction, byte order. Joiners that
# scripts need (U+200C, U+200D) stay.
_HIDDEN: Final = frozenset(
    map(chr, (0x200B, 0x200E, 0x200F, 0x061C, 0x2060, 0xFEFF))
) | frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))

# A person's spelling -> the stored one, and by how much it grows.
_SPELLINGS: Final = (
    ("tonnes", "grams", 1_000_000),
    ("usd_per_t", "cents_per_t", 100),
    ("usd", "cents", 100),
)


def check_text(text: str) -> str:
    """Refuse text that a database cannot keep or a line cannot show.

    Raises
    ------
    ValueError
        If it holds a control character other than a line break or a tab, or half of
        a surrogate pair.
    """
    for letter in text:
        code = ord(letter)
        if (code < 32 and letter not in "\n\t") or code == 127:
            message = f"the text holds the control character U+{code:04X}"
            raise ValueError(message)
        if 0xD800 <= code <= 0xDFFF:
            message = "the text holds half of a surrogate pair"
            raise ValueError(message)
    return text


def check_seen(value: Any) -> None:
    """Refuse characters that nobody sees and that make others look unlike themselves.

    Marks and overrides of direction, zero width and byte order, in any text of nested
    arguments. Only what is new is asked: entries of before it was are replayed.

    Raises
    ------
    ValueError
        If there is one.
    """
    left = [value]  # no recursion: a few hundred brackets would be too deep for it
    while left:
        one = left.pop()
        if isinstance(one, str):
            for letter in one:
                if letter in _HIDDEN:
                    told = f"the text holds the invisible character U+{ord(letter):04X}"
                    raise ValueError(told)
        elif isinstance(one, Mapping):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            left += one


def _check_day(text: str) -> str:
    """Refuse what is no day of the calendar, written YYYY-MM-DD."""
    if date.fromisoformat(text).isoformat() != text:
        message = f"{text!r} is no day: write YYYY-MM-DD"
        raise ValueError(message)
    return text


ThingId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=120,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$",
        description="Name of a thing: letters, digits and . _ @ + -",
    ),
]
Title = Annotated[str, Field(min_length=1, max_length=300)]
Note = Annotated[str, Field(max_length=4000)]
Country = Annotated[
    str, Field(pattern=r"^[A-Z]{3}$", description="ISO 3166-1 alpha-3 code")
]
Day = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Day, YYYY-MM-DD"),
    AfterValidator(_check_day),
]
Quarter = Annotated[
    str, Field(pattern=r"^\d{4}-Q[1-4]$", description="Quarter, such as 2026-Q1")
]
Grams = Annotated[int, Field(gt=0, le=MOST_GRAMS, description="Mass, g")]
GramsOrNone = Annotated[
    int, Field(ge=0, le=MOST_GRAMS, description="Mass, g; 0 is allowed")
]
Cents = Annotated[int, Field(ge=0, le=MOST_CENTS, description="Amount, US cents")]
Amount = Annotated[
    int,
    Field(ge=-MOST_CENTS, le=MOST_CENTS, description="Amount, US cents, either sign"),
]
CentsPerTonne = Annotated[
    int, Field(ge=0, le=MOST_CENTS, description="Price, US cents per t")
]
Share = Annotated[float, Field(ge=0, le=1, description="Share, 0-1")]
Days = Annotated[int, Field(ge=0, le=36_600, description="Days")]


class Arguments(BaseModel):
    """Arguments of a command: frozen, complete, and nothing beyond them."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _read_spellings(cls, given: Any) -> Any:
        """Turn tonnes and USD into grams and cents, exactly."""
        if not isinstance(given, dict):
            return given
        _check_texts(given)
        read: dict[Any, Any] = {}
        for name, value in given.items():
            target, factor = _target(name, cls.model_fields)
            if target is None:
                read[name] = value
            elif target in given:
                message = f"{name} and {target} are both given: give one of them"
                raise ValueError(message)
            else:
                read[target] = _exact(name, value, factor)
        return read


def _target(name: Any, fields: Any) -> tuple[str | None, int]:
    """Return the field that a person's spelling stands for, and its factor."""
    if not isinstance(name, str) or name in fields:
        return None, 1
    for spelling, stored, factor in _SPELLINGS:
        if name == spelling or name.endswith("_" + spelling):
            target = name.removesuffix(spelling) + stored
            return (target, factor) if target in fields else (None, 1)
    return None, 1


def _exact(name: str, value: Any, factor: int) -> Any:
    """Return a decimal text times the factor as a whole number, or refuse."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        message = f"{name} {value!r}: give a whole number or a decimal text"
        raise ValueError(message)  # noqa: TRY004 - pydantic gathers ValueErrors
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        message = f"{name} is longer than {MOST_LETTERS} signs"
        raise ValueError(message)
    try:
        number = Decimal(value)
    except InvalidOperation:
        message = f"{name} {value!r} is no decimal number"
        raise ValueError(message) from None
    if not number.is_finite() or abs(number) > MOST_CENTS:
        message = f"{name} {value!r} is out of range"
        raise ValueError(message)
    if len(number.as_tuple().digits) > MOST_DIGITS:
        # More than decimal arithmetic keeps: it would round without a word.
        message = f"{name} has more than {MOST_DIGITS} digits: it would be rounded"
        raise ValueError(message)
    exact = number * factor
    if exact != exact.to_integral_value():
        message = f"{name} {value!r} is finer than 1/{factor}: it would be rounded"
        raise ValueError(message)
    return int(exact)


def _check_texts(value: Any) -> None:
    """Check every text of nested arguments."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_texts(name)
            _check_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_texts(inner)
