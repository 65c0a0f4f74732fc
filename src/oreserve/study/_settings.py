# SPDX-License-Identifier: Apache-2.0
"""Settings of a study, typed and checked against settings.csv."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from oreserve.errors import InputError
from oreserve.study._dates import parse_date
from oreserve.tables import SettingSpec, nearest, setting_specs

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST = 1e15
_NEAR = 1e-3  # 0.0833 is meant as 1/12


@dataclass(frozen=True)
class Settings:
    """Choices of a study; units and ranges are in tables/settings.csv.

    Examples
    --------
    >>> Settings().changed(discount_rate="0.05").discount_rate
    0.05
    """

    home: str = "USA"
    as_of: str = "2026-11-22"
    base_year: int = 2024
    price_year: int = 2024
    first_year: int = 2027
    horizon_years: int = 10
    period_years: float = 1.0
    discount_rate: float = 0.03
    alpha: float = 0.9
    risk_weight: float = 0.5
    default_elasticity: float = -0.3
    calibration_wedge: float = 0.002
    commercial_bid: float = 1.0
    commercial_ask: float = 1.25
    revolving: bool = False
    calibrate: bool = True
    reconcile: bool = True
    joint_product_elasticity: float = -2.0
    slice_ceiling: bool = True

    @property
    def as_of_date(self) -> date:
        """Day up to which facts are known."""
        return date.fromisoformat(self.as_of)

    def changed(self, **changes: Any) -> Settings:
        """Return new settings; values may be text.

        Raises
        ------
        InputError
            If a name is unknown or a value is not allowed; all are listed.
        """
        values, problems = parse_settings(changes)
        if problems:
            raise InputError("\n".join(problem.text for problem in problems))
        return replace(self, **values)

    def as_texts(self) -> dict[str, str]:
        """Return name and value as text, in the order of settings.csv."""
        return {f.name: _text(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class SettingProblem:
    """One setting that is wrong."""

    name: str
    value: str
    problem: str
    allowed: str
    nearest: str | None

    @property
    def text(self) -> str:
        """One sentence for a user."""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return (
            f"setting {self.name!r}, value {self.value!r}: {self.problem}"
            f"; allowed: {self.allowed}{hint}"
        )


def parse_settings(
    values: Mapping[str, Any],
) -> tuple[dict[str, Any], list[SettingProblem]]:
    """Return typed values by name, and what is wrong with the others."""
    specs = setting_specs()
    good: dict[str, Any] = {}
    problems: list[SettingProblem] = []
    for name, value in values.items():
        if name not in specs:
            problems.append(
                SettingProblem(
                    name,
                    _text(value),
                    "there is no such setting",
                    ", ".join(specs),
                    nearest(name, specs),
                )
            )
            continue
        try:
            good[name] = _parse(specs[name], value)
        except ValueError as error:
            spec = specs[name]
            hint = nearest(_text(value), spec.allowed) if spec.allowed else None
            problems.append(
                SettingProblem(name, _text(value), str(error), _allowed(spec), hint)
            )
    return good, problems


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _allowed(spec: SettingSpec) -> str:
    if spec.allowed:
        return ", ".join(spec.allowed)
    if spec.type == "boolean":
        return "true or false"
    if spec.type == "date":
        return "YYYY-MM-DD"
    if spec.minimum is not None or spec.maximum is not None:
        return f"{spec.type} from {spec.minimum:g} to {spec.maximum:g}"
    return spec.type


def _parse(spec: SettingSpec, value: Any) -> Any:
    text = _text(value).strip()
    if not text:
        message = "the value is missing"
        raise ValueError(message)
    if spec.type == "text":
        return text
    if spec.type == "boolean":
        return _boolean(text)
    if spec.type == "date":
        day = parse_date(text)
        if day is None:
            message = "not a date"
            raise ValueError(message)
        return day.isoformat()
    return _number(spec, text)


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    try:
        return known[text.lower()]
    except KeyError:
        message = "neither true nor false"
        raise ValueError(message) from None


def _number(spec: SettingSpec, text: str) -> float | int:
    number = _float(text)
    if not math.isfinite(number) or abs(number) > _LARGEST:
        message = "not a finite number below 1e15"
        raise ValueError(message)
    if spec.allowed:
        for one in map(float, spec.allowed):
            if abs(number - one) < _NEAR:
                return one
        message = "not one of the allowed values"
        raise ValueError(message)
    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    if not low <= number <= high:
        message = "out of range"
        raise ValueError(message)
    if spec.type == "integer":
        if number != int(number):
            message = "not a whole number"
            raise ValueError(message)
        return int(number)
    return number


def _float(text: str) -> float:
    head, slash, tail = text.partition("/")
    try:
        return float(head) / float(tail) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        message = "not a number"
        raise ValueError(message) from None
