# SPDX-License-Identifier: Apache-2.0
"""A form for every command, drawn from its argument model; and what was typed, read.

People type tonnes and USD; a command takes integer grams and cents. The change of
unit is exact or refused. What was typed stays in the form when a command is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from oreserve.web._words import cents_from, grams_from, heading, plain, unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Field", "Option", "Shape", "defaults", "draw", "read"]

LINES_SHOWN = 3  # empty lines of a list in a fresh form
MOST_LINES = 200
# Descriptions of types, not of arguments: they tell a person nothing.
_EMPTY_HINTS = {
    "Name of a thing: letters, digits and . _ @ + -",
    "Mass, g",
    "Amount, US cents",
    "Price, US cents per t",
    "Day, YYYY-MM-DD",
}
_LONG = {
    "note",
    "ground",
    "description",
    "statement",
    "address",
    "comment",
    "why",
    "because",
    "advice",
    "notice",
    "evidence",
}
_WORDS_OF_HINTS = (
    (re.compile(r", g\b"), ", t"),
    (re.compile(r"\bgrams\b"), "t"),
    (re.compile(r"\b(US )?cents per t(onne)?\b"), "USD per t"),
    (re.compile(r"\b(US )?cents\b"), "USD"),
)


@dataclass(frozen=True)
class Option:
    """One value of a choice and its words."""

    value: str
    text: str


@dataclass(frozen=True)
class Field:
    """One field of a form, ready to draw."""

    name: str
    id: str
    label: str
    kind: str
    value: str = ""
    hint: str = ""
    required: bool = False
    unit: str = ""
    options: tuple[Option, ...] = ()
    error: str = ""
    head: str = ""
    columns: tuple[Field, ...] = ()
    lines: tuple[tuple[Field, ...], ...] = ()


@dataclass(frozen=True)
class Shape:
    """One argument: its type in the words of a form.

    Parameters
    ----------
    kind
        `text`, `area`, `date`, `number` (a decimal), `integer`, `boolean`, `select`,
        `lines` (a list of objects), `words` (a list of texts) or `json`.
    parts
        The arguments of one line of `lines`.
    default
        What holds if nothing is said, as it is typed; empty for nothing.
    """

    name: str
    kind: str
    required: bool
    hint: str = ""
    allowed: tuple[str, ...] = ()
    parts: tuple[Shape, ...] = field(default=())
    default: str = ""

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> tuple[Shape, ...]:
        """Read the JSON Schema of a model, references and all."""
        return _shapes(schema, schema.get("$defs", {}))


def _shapes(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[Shape, ...]:
    required = set(schema.get("required", ()))
    properties: Mapping[str, Any] = schema.get("properties", {})
    found = []
    for name, raw in properties.items():
        # The same mass twice, once as decimal text: people type it in one field.
        if name == "tonnes" and "grams" in properties:
            continue
        must = name in required or (name == "grams" and "tonnes" in properties)
        found.append(_shape(name, raw, defs, required=must))
    # What must be filled in comes first.
    return tuple(sorted(found, key=lambda shape: not shape.required))


def _shape(
    name: str, raw: Mapping[str, Any], defs: Mapping[str, Any], *, required: bool
) -> Shape:
    hint = str(raw.get("description", ""))
    inner = _resolved(raw, defs)
    hint = hint or str(inner.get("description", "") if "enum" not in inner else "")
    kind = str(inner.get("type", "json"))
    default = raw.get("default")
    plainly = isinstance(default, str | int | float)
    made = Shape(
        name, kind, required, hint, default=plain(name, default) if plainly else ""
    )
    if "enum" in inner or "const" in inner:
        allowed = inner.get("enum", [inner.get("const")])
        return replace(made, kind="select", allowed=tuple(str(one) for one in allowed))
    if kind == "array":
        items = _resolved(inner.get("items", {}), defs)
        if items.get("type") == "object":
            return replace(made, kind="lines", parts=_shapes(items, defs))
        return replace(made, kind="words", allowed=tuple(items.get("enum", ())))
    if kind == "object":
        return replace(made, kind="json")
    if kind == "string":
        date = "YYYY-MM-DD" in hint or name.endswith("_on")
        area = name in _LONG
        return replace(made, kind="date" if date else "area" if area else "text")
    return made


def _resolved(raw: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references and leave null out of a choice of types."""
    for _ in range(8):
        if "$ref" in raw:
            raw = defs[str(raw["$ref"]).rpartition("/")[2]]
        elif "anyOf" in raw or "oneOf" in raw:
            ways = raw.get("anyOf") or raw["oneOf"]
            kept = [way for way in ways if way.get("type") != "null"]
            whole = [way for way in kept if way.get("type") == "integer"]
            raw = (whole or kept or [{}])[0]
        elif "allOf" in raw and len(raw["allOf"]) == 1:
            raw = raw["allOf"][0]
        else:
            break
    return raw


def draw(
    shapes: Sequence[Shape],
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    choices: Mapping[str, Sequence[Option]],
    *,
    fixed: frozenset[str] = frozenset(),
) -> tuple[Field, ...]:
    """Return the fields of a form with what was typed and what is wrong.

    Parameters
    ----------
    typed
        Texts by input name (`grams`, `schedule-0-due_on`).
    errors
        Words by argument (`grams`, `schedule.0.due_on`).
    choices
        Options for arguments that name a thing.
    fixed
        Arguments that the page has set: they travel hidden.
    """
    return tuple(
        _lines(shape, typed, errors, choices)
        if shape.kind == "lines"
        else _field(
            shape, shape.name, typed, errors, choices, hidden=shape.name in fixed
        )
        for shape in shapes
    )


def _field(
    shape: Shape,
    name: str,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    choices: Mapping[str, Sequence[Option]],
    *,
    hidden: bool = False,
) -> Field:
    unit = unit_of(shape.name) if shape.kind == "integer" else ""
    options = tuple(choices.get(shape.name, ()))
    kind = shape.kind
    if kind == "select":
        options = tuple(Option(one, one.replace("_", " ")) for one in shape.allowed)
    elif kind == "boolean":
        kind, options = "select", (Option("true", "yes"), Option("false", "no"))
    elif options and kind in {"text", "integer"}:
        kind = "select"
    elif kind == "integer":
        kind = "text" if unit else "number"
    elif kind in {"words", "json"}:
        kind = "area"
    error = errors.get(name.replace("-", "."), "")
    if hidden and not error:
        kind = "hidden"
    return Field(
        name=name,
        id=f"f-{name}",
        label="Day" if shape.name == "at" else heading(shape.name),
        kind=kind,
        value=typed.get(name, ""),
        hint=_hint(shape, unit),
        required=shape.required or (kind == "select" and shape.default != ""),
        unit=unit,
        options=options,
        error=error,
    )


def _hint(shape: Shape, unit: str) -> str:
    """Say a description in the unit that is typed."""
    text = "" if shape.hint in _EMPTY_HINTS else shape.hint
    if unit:
        for pattern, word in _WORDS_OF_HINTS:
            text = pattern.sub(word, text)
    if shape.kind == "words":
        text = f"{text} One per line.".strip()
    elif shape.kind == "json":
        text = f"{text} As JSON.".strip()
    return text


def _lines(
    shape: Shape,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    choices: Mapping[str, Sequence[Option]],
) -> Field:
    numbers = _line_numbers(shape.name, typed)
    more = typed.get("_more") == shape.name
    count = min(max([*numbers, -1]) + 1 + (LINES_SHOWN if more else 0), MOST_LINES)
    columns = tuple(
        Field(
            name=part.name,
            id=f"h-{shape.name}-{part.name}",
            label=heading(part.name),
            kind=part.kind,
            unit=unit_of(part.name) if part.kind == "integer" else "",
        )
        for part in shape.parts
    )
    lines = tuple(
        tuple(
            replace(
                _field(
                    part, f"{shape.name}-{line}-{part.name}", typed, errors, choices
                ),
                head=f"h-{shape.name}-{part.name}",
                hint="",
                unit="",
                required=False,
            )
            for part in shape.parts
        )
        for line in range(max(count, LINES_SHOWN))
    )
    return Field(
        name=shape.name,
        id=f"f-{shape.name}",
        label=heading(shape.name),
        kind="lines",
        hint=shape.hint,
        required=shape.required,
        error=errors.get(shape.name, ""),
        columns=columns,
        lines=lines,
    )


def _line_numbers(name: str, typed: Mapping[str, str]) -> list[int]:
    pattern = re.compile(rf"{re.escape(name)}-(\d{{1,3}})-\w+")
    found = {
        int(match[1])
        for key, text in typed.items()
        if (match := pattern.fullmatch(key)) and text.strip()
    }
    return sorted(number for number in found if number < MOST_LINES)


def read(
    shapes: Sequence[Shape], typed: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments that a form says, and what could not be read.

    Empty fields are left out: missing is not zero.
    """
    arguments: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for shape in shapes:
        if shape.kind == "lines":
            lines: list[dict[str, Any]] = []
            for number in _line_numbers(shape.name, typed):
                line: dict[str, Any] = {}
                for part in shape.parts:
                    text = typed.get(f"{shape.name}-{number}-{part.name}", "")
                    place = f"{shape.name}.{len(lines)}.{part.name}"
                    _put(line, errors, part, text, place)
                lines.append(line)
            if lines or shape.required:
                arguments[shape.name] = lines
        else:
            _put(arguments, errors, shape, typed.get(shape.name, ""), shape.name)
    return arguments, errors


def _put(
    into: dict[str, Any], errors: dict[str, str], shape: Shape, text: str, place: str
) -> None:
    text = text.strip()
    if not text:
        return
    try:
        into[shape.name] = _value(shape, text)
    except ValueError as error:
        errors[place] = str(error)


def _value(shape: Shape, text: str) -> Any:
    if shape.kind == "integer":
        unit = unit_of(shape.name)
        if unit == "t":
            return grams_from(text)
        if unit:
            return cents_from(text)
        return _whole(text)
    if shape.kind == "number":
        try:
            return float(text.replace("−", "-"))
        except ValueError:
            message = f"{text[:40]!r} is no number; write it as in 0.25"
            raise ValueError(message) from None
    if shape.kind == "boolean":
        if text not in {"true", "false"}:
            message = "choose yes or no"
            raise ValueError(message)
        return text == "true"
    if shape.kind == "words":
        return [word for line in text.splitlines() if (word := line.strip())]
    if shape.kind == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            message = "this is not JSON"
            raise ValueError(message) from None
    return text


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text):
        message = f"{text[:40]!r} is no whole number"
        raise ValueError(message)
    return int(text)


def defaults(shapes: Sequence[Shape]) -> dict[str, str]:
    """Return what a fresh form shows: what holds if nothing is said."""
    return {shape.name: shape.default for shape in shapes if shape.default}
