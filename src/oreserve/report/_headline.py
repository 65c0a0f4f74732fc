# SPDX-License-Identifier: Apache-2.0
"""The head of the first page: the lead, the money, the key figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.report import _format as fmt

if TYPE_CHECKING:
    from oreserve.report._folder import ResultFolder

__all__ = ["headline"]

SPENT = 0.99  # a plan that leaves more of the budget than this finds no use for it


def headline(
    result: ResultFolder,
    buys: list[dict[str, Any]],
    signed: list[dict[str, Any]],
    built: list[dict[str, Any]],
) -> dict[str, Any]:
    """Say what the plan does, what it costs and what it avoids.

    Returns
    -------
    dict
        lead, money and beyond (texts, maybe empty) and figures (label, value, note).
    """
    return {
        "lead": _lead(result, buys, signed, built),
        "money": _money(result),
        "beyond": _beyond(result),
        "figures": _key_figures(result),
    }


def _lead(
    result: ResultFolder,
    buys: list[dict[str, Any]],
    signed: list[dict[str, Any]],
    built: list[dict[str, Any]],
) -> str:
    bought = len({row["item"] for row in buys})
    parts = [
        f"{verb} {_count(count, noun)}"
        for verb, count, noun in (
            ("buy", bought, "item"),
            ("sign", len(signed), "agreement"),
            ("back", len(built), "project"),
        )
        if count
    ]
    if not parts:
        return "With this budget the best plan buys, signs and builds nothing."
    outlay = fmt.money(result.figure("outlays_usd"))
    joined = ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
    lead = f"{joined[0].upper()}{joined[1:]} for {outlay}"
    benefit = _benefit(result)
    if benefit is None:
        return f"{lead}."
    if benefit <= (result.figure("verified_benefit_halfwidth_usd") or 0):
        return f"{lead}: not shown to avoid losses."
    return f"{lead} to avoid {fmt.money(benefit)} of losses."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _benefit(result: ResultFolder) -> float | None:
    """Return the verified benefit, as given or as the difference of losses."""
    given = result.figure("verified_benefit_usd")
    if given is not None:
        return given
    without = result.figure("expected_loss_without_usd")
    with_plan = result.figure("verified_loss_with_usd")
    return None if without is None or with_plan is None else without - with_plan


def _money(result: ResultFolder) -> str:
    """Split the money: what is spent, what is only held, what may come due."""
    parts = [
        f"{label} {fmt.money(value)}"
        for label, name in (
            ("bought", "purchases_usd"),
            ("held for guarantees", "agreements_usd"),
            ("projects", "projects_usd"),
            ("face value of commitments", "gross_commitment_usd"),
            ("expected to be paid", "expected_cost_usd"),
        )
        if (value := result.figure(name)) is not None
    ]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _beyond(result: ResultFolder) -> str:
    """Say so where money is left because nothing more is worth its cost."""
    outlay, budget = result.figure("outlays_usd"), result.figure("budget_usd")
    if outlay is None or not budget or outlay >= SPENT * budget:
        return ""
    text = f"Beyond {fmt.money(outlay)} nothing in this model is worth its cost"
    drawn = result.table("frontier").height > 0
    return f"{text}; the frontier is flat there." if drawn else f"{text}."


def _moves(result: ResultFolder) -> str:
    """Say how far the assumptions move the benefit, beside its interval."""
    rows = result.rows("sensitivity", "benefit_low_usd", "benefit_high_usd")
    ends = [
        value
        for row in rows
        for value in (row["benefit_low_usd"], row["benefit_high_usd"])
        if value is not None
    ]
    if not ends:
        return "sampling only"
    return (
        f"sampling only; assumptions move it from {fmt.money(min(ends))} "
        f"to {fmt.money(max(ends))}"
    )


def _verified_note(ratio: float | None) -> str:
    """Say why the fresh scenarios gave less, or more, than the plan's own."""
    if ratio is None or ratio == 1:
        return ""
    if ratio < 1:
        return "what market rules leave of the planner's hope"
    return "the fresh scenarios were harsher than the plan's own"


def _key_figures(result: ResultFolder) -> list[dict[str, str]]:
    halfwidth = result.figure("verified_benefit_halfwidth_usd")
    runs = result.figures.get("verify")
    ratio = result.figure("verified_over_planned")
    cvar_without = result.figure("cvar_loss_without_usd")
    interval = f"± {fmt.money(halfwidth)} (95 %)" if halfwidth else ""
    notes = [interval + (f", {runs} fresh scenarios" if runs else "")]
    narrow = result.figure("verified_benefit_control_halfwidth_usd")
    if halfwidth and narrow and narrow < halfwidth:
        value = fmt.money(result.figure("verified_benefit_control_usd"))
        notes.append(f"{value} ± {fmt.money(narrow)} with the promise as control")
    if halfwidth:
        notes.append(_moves(result))
    key = [
        {
            "label": "Loss avoided, verified",
            "value": fmt.money(_benefit(result)),
            "note": "; ".join(note for note in notes if note),
        },
        {
            "label": "Expected loss without and with the plan",
            "value": (
                f"{fmt.money(result.figure('expected_loss_without_usd'))} → "
                f"{fmt.money(result.figure('verified_loss_with_usd'))}"
            ),
            "note": "mean over the horizon, discounted",
        },
        {
            "label": "Loss in the worst tenth, with the plan",
            "value": fmt.money(result.figure("cvar_loss_with_usd")),
            "note": (
                f"without: {fmt.money(cvar_without)}"
                if cvar_without is not None
                else "mean of the worst scenarios"
            ),
        },
        {
            "label": "Used of the budget",
            "value": fmt.money(result.figure("outlays_usd")),
            "note": f"of {fmt.money(result.figure('budget_usd'))}",
        },
        {
            "label": "Verified against planned benefit",
            "value": fmt.share(ratio),
            "note": _verified_note(ratio),
        },
    ]
    return [figure for figure in key if fmt.NO_DATA not in figure["value"]]
