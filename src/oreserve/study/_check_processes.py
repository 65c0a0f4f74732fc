# SPDX-License-Identifier: Apache-2.0
"""Checks of processes: recipes, main items, mass of each element."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.study._read import FILE, ROW
from oreserve.study._rules import Frames, report
from oreserve.tables import elements, nearest

if TYPE_CHECKING:
    from oreserve.study._problems import Problems

_TOLERANCE = 1e-9  # relative, of an element balance
_SHARES = 1e-6  # of mass shares that sum to 1


def check_processes(frames: Frames, problems: Problems) -> None:
    """Check recipes, main items, contents and element balances."""
    _check_contents(frames["contents"], problems)
    report(
        problems,
        frames["recipes"].filter(pl.col("coefficient") == 0),
        "recipes",
        "coefficient",
        "a coefficient of 0 says nothing",
        allowed="outputs above 0, inputs below 0",
    )
    recipes = _recipes(frames)
    for row in frames["processes"].iter_rows(named=True):
        recipe = recipes.get(row["process"])
        if recipe is None:
            problems.error(
                "processes",
                "the process has no recipe",
                row=row[ROW],
                column="process",
                value=row["process"],
                allowed="at least one row in recipes, the main item with 1",
                file=row[FILE],
            )
            continue
        _check_main_item(row, recipe, problems)
    shares = _shares(frames["contents"])
    for name in sorted(recipes):
        _check_mass(name, recipes[name], shares, problems)


def _check_contents(contents: pl.DataFrame, problems: Problems) -> None:
    unknown = contents.drop_nulls("element").filter(
        ~pl.col("element").is_in(sorted(elements()))
    )
    for row in unknown.iter_rows(named=True):
        problems.error(
            "contents",
            "not a chemical symbol",
            row=row[ROW],
            column="element",
            value=row["element"],
            allowed="symbols such as Nd, Dy, Fe",
            nearest=nearest(row["element"], elements()),
            file=row[FILE],
        )
    sums = contents.with_columns(
        pl.col("mass_share").sum().over("item").round(9).alias("sum")
    )
    over = sums.filter(pl.col("sum") > 1 + _SHARES)
    report(
        problems,
        over.sort("mass_share", descending=True, maintain_order=True).unique(
            "item", keep="first", maintain_order=True
        ),
        "contents",
        "mass_share",
        "the elements of {item} weigh {sum} t per t: are these shares of value?",
        allowed="mass shares of an item sum to at most 1",
    )


@dataclass
class _Recipe:
    coefficients: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    file: str = ""

    @property
    def inputs(self) -> dict[str, float]:
        return {i: -a for i, a in sorted(self.coefficients.items()) if a < 0}

    @property
    def outputs(self) -> dict[str, float]:
        return {i: a for i, a in sorted(self.coefficients.items()) if a > 0}


def _recipes(frames: Frames) -> dict[str, _Recipe]:
    found: dict[str, _Recipe] = {}
    rows = frames["recipes"].drop_nulls(["process", "item", "coefficient"])
    for row in rows.iter_rows(named=True):
        recipe = found.setdefault(row["process"], _Recipe(file=row[FILE]))
        recipe.coefficients[row["item"]] = row["coefficient"]
        recipe.rows[row["item"]] = row[ROW]
    return found


def _check_main_item(row: dict[str, Any], recipe: _Recipe, problems: Problems) -> None:
    main = row["main_item"]
    outputs = ", ".join(recipe.outputs) or "(no output)"
    if main is None:
        problems.error(
            "processes",
            "main_item is missing and no single output has coefficient 1",
            row=row[ROW],
            column="main_item",
            allowed=outputs,
            file=row[FILE],
        )
        return
    coefficient = recipe.coefficients.get(main)
    if coefficient is None:
        problems.error(
            "processes",
            f"main_item is not in the recipe of {row['process']}",
            row=row[ROW],
            column="main_item",
            value=main,
            allowed=outputs,
            nearest=nearest(main, recipe.outputs),
            file=row[FILE],
        )
    elif coefficient != 1:
        problems.error(
            "recipes",
            f"the main item of {row['process']} must have coefficient 1",
            row=recipe.rows[main],
            column="coefficient",
            value=coefficient,
            allowed="1: divide the recipe by this number",
            file=recipe.file,
        )


def _shares(contents: pl.DataFrame) -> dict[str, dict[str, float]]:
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    rows = contents.drop_nulls(["item", "element", "mass_share"])
    for item, element, share in rows.select(
        "item", "element", "mass_share"
    ).iter_rows():
        shares[item][element] = share
    return shares


def _check_mass(
    name: str,
    recipe: _Recipe,
    shares: dict[str, dict[str, float]],
    problems: Problems,
) -> None:
    """Report each element of which more comes out than can have gone in.

    An input without a row for the element may hold it in the part that its rows
    leave open, so what is reported is certain. Elements that no input names are
    not booked (iron of a magnet) and are not checked.
    """
    inputs, outputs = recipe.inputs, recipe.outputs
    if not inputs:
        return
    booked = sorted({e for item in inputs for e in shares.get(item, {})})
    for element in booked:
        most = sum(
            amount * _most(shares.get(item, {}), element)
            for item, amount in inputs.items()
        )
        out = sum(
            amount * shares.get(item, {}).get(element, 0.0)
            for item, amount in outputs.items()
        )
        if out > most * (1 + _TOLERANCE):
            worst = max(
                outputs,
                key=lambda i: outputs[i] * shares.get(i, {}).get(element, 0.0),
            )
            problems.error(
                "recipes",
                f"process {name} creates {element}: {out:.10g} t comes out of "
                f"{most:.10g} t per t of activity",
                row=recipe.rows[worst],
                column="coefficient",
                value=recipe.coefficients[worst],
                allowed=f"at most {most:.10g} t of {element} in all outputs",
                file=recipe.file,
            )
    total_in, total_out = sum(inputs.values()), sum(outputs.values())
    known = any(shares.get(item, {}).get(e) for item in outputs for e in booked)
    if not known and total_out > total_in * (1 + _TOLERANCE):
        first = next(iter(outputs))
        problems.warn(
            "recipes",
            f"process {name} makes {total_out:.6g} t out of {total_in:.6g} t, and no "
            "contents say whether that can be",
            row=recipe.rows[first],
            column="coefficient",
            value=recipe.coefficients[first],
            allowed="rows in contents for its inputs and outputs",
            file=recipe.file,
        )


def _most(shares: dict[str, float], element: str) -> float:
    """Return the largest share of the element that the rows of an item allow."""
    known = shares.get(element)
    if known is not None:
        return known
    return max(0.0, 1.0 - sum(shares.values()))
