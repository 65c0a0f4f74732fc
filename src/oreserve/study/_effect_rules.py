# SPDX-License-Identifier: Apache-2.0
"""Which columns each kind of effect needs, may have, and must leave empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EFFECT_COLUMNS = (
    "kind", "actor", "target", "mineral", "item", "stage", "country", "class",
    "factor", "cap_share", "cap_t_per_year", "tariff_share", "delay_days",
    "from", "until",
)  # fmt: skip
TRADE_KINDS = ("ban", "quota", "licence", "tariff", "lane")

_CHECKED = (
    "actor", "target", "country", "class",
    "factor", "cap_share", "cap_t_per_year", "tariff_share", "delay_days",
)  # fmt: skip
_NEEDED: dict[str, tuple[str, ...]] = {
    "ban": ("actor", "target"),
    "quota": ("actor", "target", "cap_t_per_year"),
    "licence": ("actor", "target", "cap_share"),
    "tariff": ("actor", "target", "tariff_share"),
    "lane": ("factor",),
    "outage": ("country", "factor"),
    "demand": ("factor",),
    "stock": ("factor",),
}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "ban": ("class",),
    "quota": ("class",),
    "licence": ("class", "delay_days"),
    "tariff": (),
    "lane": ("actor", "target"),
    "outage": (),
    "demand": ("country", "class"),
    "stock": ("country",),
}


def effect_problems(row: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, str]]:
    """Yield (column, value, problem, allowed) for what does not fit the kind."""
    kind = row.get("kind")
    if kind not in _NEEDED:
        return
    needed, optional = _NEEDED[kind], _OPTIONAL[kind]
    allowed = f"{kind} needs {', '.join(needed)}"
    if optional:
        allowed += f" and may have {', '.join(optional)}"
    for column in needed:
        if row.get(column) is None:
            hint = (
                "; * means everybody"
                if column in {"actor", "target", "country"}
                else ""
            )
            yield column, None, f"a {kind} needs {column}", allowed + hint
    for column in _CHECKED:
        value = row.get(column)
        if value is not None and column not in needed and column not in optional:
            yield column, value, f"a {kind} must leave {column} empty", allowed
    if kind == "lane" and row.get("actor") is None and row.get("target") is None:
        yield "actor", None, "a lane effect needs actor, target or both", allowed
    start, until = row.get("from"), row.get("until")
    if start is not None and until is not None and until <= start:
        yield "until", until, "until is not after from", f"a day after {start}"
